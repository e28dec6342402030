# SPDX-License-Identifier: Apache-2.0
"""Names of what comes with the package as data files, for help texts; found without loading any engine.

Tests: tests/cli/test_score.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from halo.version import PACKAGE

_TABLE = re.compile(r"^\[([^\[\].]+)\]", re.MULTILINE)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


def models() -> tuple[str, ...]:
    """Built-in language models."""
    return _stems(PACKAGE / "workload" / "data", "json")


def arrays() -> tuple[str, ...]:
    """Systolic arrays."""
    return _stems(PACKAGE / "arch" / "systolic" / "data", "toml")


def devices() -> tuple[str, ...]:
    """GPUs."""
    return _stems(PACKAGE / "arch" / "gpu" / "data", "toml")


def operating_points() -> tuple[str, ...]:
    """Sets of operating points."""
    return tuple(name for name in _stems(PACKAGE / "dvfs" / "data", "toml") if name != "transitions")


def transitions() -> tuple[str, ...]:
    """Presets of what a change of the operating point takes."""
    return _tables(PACKAGE / "dvfs" / "data" / "transitions.toml")


def methods() -> tuple[str, ...]:
    """Quantization methods with stated statistics, in the order of results."""
    return _tables(PACKAGE / "flow" / "scoring" / "data" / "methods.toml")


def _stems(folder: Path, ending: str) -> tuple[str, ...]:
    """Names of the files without their ending; numbers in them sort as numbers."""
    return tuple(sorted((path.stem for path in folder.glob(f"*.{ending}")), key=_by_number))


def _tables(path: Path) -> tuple[str, ...]:
    """Names of a TOML file's tables, in its order."""
    return tuple(_TABLE.findall(path.read_text(encoding="utf-8")))


def _by_number(name: str) -> tuple[tuple[float, str], ...]:
    parts = _NUMBER.split(name)
    return tuple((float(part), "") if i % 2 else (0.0, part) for i, part in enumerate(parts))
