# SPDX-License-Identifier: Apache-2.0
"""Yosys commands that read a design, and the ports it has.

Tests: tests/rtl/test_lint.py.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from halo.errors import HaloError
from halo.synth.explain import explain
from halo.synth.yosys import quoted, run_yosys


class Port(NamedTuple):
    """A port as Yosys sees it after elaboration; ``direction`` is ``input``, ``output`` or ``inout``."""

    name: str
    direction: str
    width: int
    signed: bool


def ports_by_yosys(
    sources: Sequence[str | Path],
    top: str,
    parameters: Mapping[str, int | str] | None = None,
    *,
    workdir: Path | None = None,
) -> list[Port]:
    """The ports of a module, in the order it declares them; reads SystemVerilog too.

    Args:
        sources: Verilog or SystemVerilog files.
        top: the module.
        parameters: values for its parameters.
        workdir: folder in which script and log stay; without one they are thrown away.

    Raises:
        HaloError: the sources cannot be read, or hold no such module.
    """
    if workdir is None:
        with tempfile.TemporaryDirectory(prefix="halo-") as folder:
            return ports_by_yosys(sources, top, parameters, workdir=Path(folder))
    values = dict(parameters or {})
    workdir.mkdir(parents=True, exist_ok=True)
    path = workdir.resolve() / "ports.json"
    commands = [*read_commands(sources, top, values), "proc", f"rename -top {top}", f"write_json {quoted(path)}"]
    run = run_yosys(commands, workdir.resolve(), "ports")
    if run.error is not None:
        raise explain(run, top, values)
    ports = json.loads(path.read_text(encoding="utf-8"))["modules"][top]["ports"]
    return [Port(name, p["direction"], len(p["bits"]), bool(p.get("signed", 0))) for name, p in ports.items()]


def read_commands(sources: Sequence[str | Path], top: str, parameters: Mapping[str, int | str]) -> list[str]:
    """Yosys commands that read the sources and elaborate the top with its parameters.

    Raises:
        HaloError: no source, a missing one, or a name that is no Verilog identifier.
    """
    if not sources:
        raise HaloError("no Verilog file given", "Name at least one.")
    for name in (top, *parameters):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name):
            raise HaloError(f"{name!r} is not a Verilog name", "Give a plain identifier.")
    commands = []
    for source in map(Path, sources):
        if not source.is_file():
            raise HaloError("there is no such Verilog file", "Check the path.", source)
        dialect = " -sv" if source.suffix == ".sv" else ""
        commands.append(f"read_verilog{dialect} -I {quoted(source.resolve().parent)} {quoted(source.resolve())}")
    if parameters:
        words = " ".join(f"-set {name} {_constant(name, value)}" for name, value in parameters.items())
        # Without this line a top that is not there would leave `chparam` with nothing to do.
        commands += [f"select -assert-mod-count 1 {top}", f"chparam {words} {top}"]
    commands.append(f"hierarchy -check -top {top}")
    return commands


def _constant(name: str, value: int | str) -> str:
    if isinstance(value, str):
        if not re.fullmatch(r"[\w.+\-]*", value):
            raise HaloError(f"the value {value!r} of parameter {name} is not a plain word", "Use letters and digits.")
        return f'"{value}"'
    if not -(2**31) <= value < 2**31:
        raise HaloError(f"the value {value} of parameter {name} does not fit 32 bits", "Give a smaller one.")
    return str(value) if value >= 0 else f"32'sb{value & 0xFFFFFFFF:032b}"
