# SPDX-License-Identifier: Apache-2.0
"""Blocks that ``--element`` names, looked for in the sources, before minutes are spent on synthesis.

Tests: tests/flow/test_timing.py.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from halo.errors import HaloError
from halo.netlist.sources import Sources
from halo.synth.sources import run_on_sources
from halo.synth.yosys import quoted

_SHOWN = 4


def require_blocks(
    patterns: Sequence[str], sources: Sources, top: str, parameters: Mapping[str, int | str], folder: Path
) -> None:
    """Check that every pattern can match a block of the design.

    Args:
        patterns: as a shell's, of paths of instances and generate blocks.
        sources, top, parameters: of the design.
        folder: for what lies in between.

    Raises:
        HaloError: one cannot; the message names some blocks.
    """
    if not patterns:
        return
    with tempfile.TemporaryDirectory(prefix="halo-blocks-", dir=folder) as scratch:
        path = Path(scratch).resolve() / "design.json"
        run_on_sources(sources, top, parameters, ["proc", f"write_json {quoted(path)}"], path.parent, "blocks")
        modules = json.loads(path.read_text(encoding="utf-8"))["modules"]
    known = sorted({top, *_scopes(modules, top)}, key=lambda block: (block.count("."), block))
    for pattern in patterns:
        require_match(pattern, known)


def require_match(pattern: str, blocks: Sequence[str] | Mapping[str, object]) -> set[str]:
    """The blocks that a pattern matches.

    Raises:
        HaloError: none.
    """
    found = {block for block in blocks if fnmatchcase(block, pattern)}
    if not found:
        names = list(blocks)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        fix = f"Name some of the blocks with --element: {', '.join(names[:_SHOWN])}{more}."
        raise HaloError(f"no block of the design matches {pattern!r}", fix)
    return found


def _scopes(modules: Mapping[str, Any], module: str, path: str = "") -> Iterator[str]:
    """Paths of the instances below a module, and of generate blocks around what lies in it."""
    for name, cell in modules[module]["cells"].items():
        inside = f"{path}{name}"
        if cell["type"] in modules:
            yield inside
            yield from _scopes(modules, cell["type"], f"{inside}.")
    for name, net in modules[module]["netnames"].items():
        if "." in name and not net["hide_name"]:
            yield f"{path}{name.rpartition('.')[0]}"
