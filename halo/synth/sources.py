# SPDX-License-Identifier: Apache-2.0
"""Reads a design into Yosys, by Yosys' own Verilog reader or by slang, and tells the ports it has.

SystemVerilog (``.sv``) goes to slang, plain Verilog to Yosys' reader, and what one refuses to the other; a note says so
then. Where both refuse, slang's message is shown, which names line and column.

Tests: tests/synth/test_systemverilog.py.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from halo.errors import HaloError
from halo.netlist.sources import SYSTEMVERILOG, Sources
from halo.synth.explain import UNDRIVEN, UnexplainedError, explain
from halo.synth.slang import (
    WITHOUT_INITIAL,
    SlangFailedError,
    SlangRefusedError,
    elaborate,
    module_places,
    slang_command,
    slang_error,
    undriven,
)
from halo.synth.yosys import YosysRun, quoted, run_yosys

NO_PRINTS = "delete */t:$print"
"""Yosys command that leaves out, after ``proc``, what a simulation would print ($display): it is no hardware."""
_NO_SLANG = "No such command: read_slang"


class Port(NamedTuple):
    """A port as Yosys sees it after elaboration; ``direction`` is ``input``, ``output`` or ``inout``."""

    name: str
    direction: str
    width: int
    signed: bool


def run_on_sources(
    sources: Sources | Sequence[str | Path],
    top: str,
    parameters: Mapping[str, int | str],
    then: Sequence[str],
    workdir: Path,
    name: str,
    *,
    check: bool = True,
) -> tuple[YosysRun, str | None]:
    """Read and elaborate a design, and run further commands on it.

    Args:
        sources: Verilog and SystemVerilog files.
        top: module to elaborate.
        parameters: values for its parameters.
        then: Yosys commands that follow.
        workdir: existing folder; script and log stay there as ``name.ys`` and ``name.log``.
        name: of script and log.
        check: raise where one of the further commands fails; without, the run that is returned has the error.

    Returns:
        The run, and a sentence about the reader where it is not the one that the files' suffixes ask for.

    Raises:
        HaloError: neither reader takes the sources, or one of the commands fails.
    """
    given = Sources.of(sources)

    def by_yosys() -> tuple[YosysRun, HaloError | None]:
        reading = read_commands(given, top, parameters)
        run = run_yosys([*reading, *then], workdir, name)
        refused = run.error is not None and run.last_command in reading
        return run, explain(run, top, parameters) if refused else None

    def by_slang() -> tuple[YosysRun, HaloError | None]:
        run, refused = _read_by_slang(given, top, parameters, then, workdir, name)
        if run.error is None and parameters:
            elaborate(given, top, parameters, workdir)  # read_slang does not mind a parameter that is not there
        return run, refused

    slang_first = given.systemverilog
    first, second = (by_slang, by_yosys) if slang_first else (by_yosys, by_slang)
    note = None
    run, refused = first()
    if refused is not None:
        if not isinstance(refused, SlangRefusedError | UnexplainedError):
            raise refused  # something is missing, and named
        run, again = second()
        if again is not None:
            told_more = isinstance(again, SlangRefusedError) and not isinstance(again, SlangFailedError)
            raise refused if slang_first or not told_more else again
        note = _note(given, refused, slang_first)
    if run.error is not None and check:
        raise explain(run, top, parameters)
    return run, note


def _read_by_slang(
    sources: Sources, top: str, parameters: Mapping[str, int | str], then: Sequence[str], workdir: Path, name: str
) -> tuple[YosysRun, HaloError | None]:
    """Run commands on what slang reads; an error beside the run where it refuses the sources.

    Initial blocks that slang cannot evaluate are left out, if everything that is used has a driver without them.
    """
    design = workdir / "slang_design.json"
    whole: HaloError | None = None
    for options in ((), (WITHOUT_INITIAL,)):
        read = slang_command(sources, top, parameters, workdir, *options)
        reading = [read, f"write_json {quoted(design)}", f"hierarchy -check -top {top}"]
        run = run_yosys([*reading, *then], workdir, name)
        if run.error is not None and run.last_command in reading:
            refused = _slang_refusal(run, sources, top, workdir)
            if not isinstance(refused, SlangRefusedError) or (whole is None and not _has_initial(sources)):
                return run, refused
            whole, last = whole or refused, refused
            continue
        lost = undriven(design)
        if not lost:
            return run, None
        opened = [reading[0], *lost, *reading[1:]]
        if whole is None:
            return run_yosys([*opened, *then], workdir, name), None
        needed = UNDRIVEN.search(run_yosys([*opened, "check"], workdir, name).log)
        return (run, whole) if needed else (run, None)
    return run, last


def _has_initial(sources: Sources) -> bool:
    return any("initial" in path.read_text(encoding="utf-8", errors="replace") for path in sources.files)


def _slang_refusal(run: YosysRun, sources: Sources, top: str, workdir: Path) -> HaloError:
    if _NO_SLANG in (run.error or ""):
        return SlangFailedError("this pyosys has no slang front end", "Run: pip install --upgrade pyosys.")
    return slang_error(run, sources, top, workdir)


def _note(sources: Sources, refused: HaloError, by_slang: bool) -> str:
    said = f"({refused.place}{refused.what})"
    if by_slang:
        return f"Yosys' own reader took the sources, because slang refuses them {said}"
    plain = ", ".join(str(path) for path in sources.files if path.suffix.lower() not in SYSTEMVERILOG)
    return f"slang read {plain} as SystemVerilog, because Yosys' Verilog reader refuses it {said}; .sv says so at once"


def ports_by_yosys(
    sources: Sources | Sequence[str | Path],
    top: str,
    parameters: Mapping[str, int | str] | None = None,
    *,
    workdir: Path | None = None,
) -> list[Port]:
    """The ports of a module by Yosys' own reader, in the order it declares them.

    Args:
        sources: Verilog files, or the SystemVerilog that this reader knows.
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


def read_commands(sources: Sources | Sequence[str | Path], top: str, parameters: Mapping[str, int | str]) -> list[str]:
    """Commands by which Yosys' own reader reads the sources, and elaborates the top with its parameters.

    Raises:
        HaloError: no source, a missing one, or a name that is no Verilog identifier.
    """
    given = Sources.of(sources)
    given.require()
    for name in (top, *parameters):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name):
            raise HaloError(f"{name!r} is not a Verilog name", "Give a plain identifier.")
    # A definition goes before all files: those of one `read_verilog` end with it, those of `verilog_defines` stay.
    commands = [f"verilog_defines -D{name}={text}" for name, text in given.defines]
    folders = "".join(f" -I {quoted(folder.resolve())}" for folder in given.include_dirs)
    for source in given.files:
        dialect = " -sv" if source.suffix.lower() in SYSTEMVERILOG else ""
        own = quoted(source.resolve().parent)
        commands.append(f"read_verilog{dialect} -I {own}{folders} {quoted(source.resolve())}")
    known = module_places(given) if given.black_boxes else {}
    stubs = {name: f"read_verilog -lib -overwrite {quoted(path.resolve())}" for name, path in given.black_boxes}
    commands += [command for name, command in stubs.items() if name not in known]
    if parameters:
        words = " ".join(f"-set {name} {_constant(name, value)}" for name, value in parameters.items())
        # Without this line a top that is not there would leave `chparam` with nothing to do.
        commands += [f"select -assert-mod-count 1 {top}", f"chparam {words} {top}"]
    commands.append(f"hierarchy -check -top {top}")
    for name, command in stubs.items():
        if name in known:  # its instances have modules of their own by now, one for each set of parameters
            own = f"$paramod\\{name}\\* $paramod$*\\{name}"
            commands += [
                f"chtype -set {name} {' '.join(f't:{each}' for each in own.split())}",
                f"delete {own}",
                command,
            ]
    return commands


def _constant(name: str, value: int | str) -> str:
    if isinstance(value, str):
        if not re.fullmatch(r"[\w.+\-]*", value):
            raise HaloError(f"the value {value!r} of parameter {name} is not a plain word", "Use letters and digits.")
        return f'"{value}"'
    if not -(2**31) <= value < 2**31:
        raise HaloError(f"the value {value} of parameter {name} does not fit 32 bits", "Give a smaller one.")
    return str(value) if value >= 0 else f"32'sb{value & 0xFFFFFFFF:032b}"
