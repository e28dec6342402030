# SPDX-License-Identifier: Apache-2.0
"""Turns what Yosys says about a design into a ``HaloError`` that names the thing, its place and the way out.

Tests: tests/synth/test_equivalence.py.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from halo.errors import HaloError
from halo.synth.yosys import YosysRun

_LATCH = re.compile(
    r"Latch inferred for signal `\\(?P<module>\S+?)\.\\(?P<signal>[^`]+?)' from process `(?P<process>\S+)'"
)
_LATCH_CELL = re.compile(r"Warning: Cell (?P<module>\S+?)\.\S+ is a latch of type")
_PLACE = re.compile(r"\$proc\$(?P<path>.*):(?P<line>\d+)\$\d+$")
_UNKNOWN_MODULE = re.compile(r"Module `\\?(?P<child>.+?)' referenced in module `\\?(?P<parent>.+?)' in cell")
_TOP_MISSING = re.compile(r"Module `\\?.+?' not found!|selection contains 0 modules .*: \S+")
_PARAMETER = re.compile(r"Can't find object for defparam `\\?(?P<name>.+?)`")
_PORT = re.compile(
    r"Module `\\?(?P<child>.+?)' referenced in module `\\?(?P<parent>.+?)' .*"
    r" does not have a port named '(?P<port>.+?)'"
)
_INCLUDE = re.compile(r"Can't open include file `(?P<file>.*)'")
_CONFLICT = re.compile(r"Warning: multiple conflicting drivers for (?P<signal>.+?):\n(?P<drivers>(?:    .*\n)*)")
_CELL_PLACE = re.compile(r"\$(?P<path>[^$]*):(?P<line>\d+)\$\d+")
UNDRIVEN = re.compile(r"Warning: Wire (?P<signal>.+?) is used but has no driver")
_LOOP = re.compile(r"Warning: found logic loop in module (?P<module>.+?):\n(?P<steps>(?:    .*\n)*)")
_SOURCE = re.compile(r"source: (?P<path>[^\s|]+?):(?P<line>\d+)")
_PARSING = re.compile(r"^Parsing (?:System)?Verilog input from `(.*)' to AST", re.MULTILINE)
_DEFINED = re.compile(r"Generating RTLIL representation for module `\\(?P<name>[^$\n].*?)'\.$", re.MULTILINE)
_UNMAPPED = re.compile(r"Warning: Cell (?P<cell>\S+) is an unmapped internal cell of type (?P<type>\S+?)\.")
# Internal cells that no library has, whatever it holds: what they stand for, and what to write.
_NO_CELLS = {
    "$pow": ("the operator ** has an exponent that is not constant", "Multiply, or shift where the base is 2."),
    "$_ALDFF": (
        "a register takes a value that is not constant with its asynchronous reset",
        "Reset it to a constant, or load it at a clock edge.",
    ),
}
_FLIP_FLOP = re.compile(r"FF (?P<cell>\S+) \(type (?P<type>\S+)\) cannot be legalized: (?P<reason>.*)")
_ABC_SAYS = re.compile(r"ABC: (?P<text>(?:Error|Library with|The current library).*)")
_SHOWN = 4
_STOP = re.compile(r"^parameter_(?P<text>.+)$")


class UnexplainedError(HaloError):
    """Yosys' own message about the text it reads, such as a syntax error: another reader may take it."""


def defined_modules(log: str) -> tuple[str, ...]:
    """Names of the modules that Yosys read from the sources, in order."""
    return tuple(dict.fromkeys(m.group("name") for m in _DEFINED.finditer(log)))


def near(name: str, known: Iterable[str]) -> str:
    """A sentence part that offers the names most like ``name``; empty when none is like it."""
    close = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def explain(run: YosysRun, top: str, parameters: Mapping[str, int | str], barred: Sequence[str] = ()) -> HaloError:
    """Make the error for a failed run.

    Args:
        run: with ``error`` set.
        top: the module asked for.
        parameters: those asked for.
        barred: flip-flops of the library that the user forbids.
    """
    error = run.error or ""
    if barred and _FLIP_FLOP.search(error):
        some = ", ".join(barred[:_SHOWN])
        return HaloError(
            f"no flip-flop that may be used is left for a register of the design: --dont-use bars {some}",
            f"Allow one, such as {barred[0]}: leave out the --dont-use that matches it.",
        )
    for explanation in (_about_names(run, error, top, parameters), _about_structure(run, error)):
        if explanation is not None:
            return explanation
    if run.error_path is not None:
        return UnexplainedError(f"Yosys: {error}", "Correct the Verilog there.", run.error_path, run.error_line)
    path, line = _being_read(run)
    fix = f"See its log, {run.kept_log()}; if the Verilog is legal, report it to Yosys, whose message this is."
    return UnexplainedError(f"Yosys: {error}", fix, path, line)


def _being_read(run: YosysRun) -> tuple[str | None, int | None]:
    """File and line of the module whose text Yosys read last, where the failed command reads."""
    if not run.last_command.startswith(("read_verilog", "hierarchy", "chparam")):
        return None, None
    names = _DEFINED.findall(run.log) or [""]
    name = names[-1].removeprefix("$paramod")
    files = _PARSING.findall(run.log)
    for file in files:
        text = Path(file).read_text(encoding="utf-8", errors="replace") if Path(file).is_file() else ""
        for number, line in enumerate(text.splitlines(), 1):
            found = re.match(r"\s*module\s+(\w+)", line)
            if found is not None and found.group(1) in re.split(r"[\\$]", name):
                return file, number
    return (files[-1], None) if files else (None, None)


def _about_names(run: YosysRun, error: str, top: str, parameters: Mapping[str, int | str]) -> HaloError | None:
    if _TOP_MISSING.search(error):
        known = defined_modules(run.log)
        return HaloError(
            f"no module {top} in the sources{near(top, known)}",
            f"Give one of the modules the files define: {', '.join(known)}."
            if 0 < len(known) <= 8
            else "Give the name of a module that the files define as the top.",
        )
    if match := _PORT.search(error):
        return HaloError(
            f"module {_plain(match.group('child'))}, used in {_plain(match.group('parent'))}, "
            f"has no port {match.group('port')}",
            "Connect a port that the module declares.",
        )
    if match := _UNKNOWN_MODULE.search(error):
        child, parent = match.group("child"), _plain(match.group("parent"))
        if stop := _STOP.match(child):
            return HaloError(f"parameter {_sentence(stop.group('text'))}", f"Change that parameter of {parent}.")
        return HaloError(
            f"module {child}, used in {parent}, is not defined{near(child, defined_modules(run.log))}",
            "Add the file that defines it to the sources.",
        )
    if match := _PARAMETER.search(error):
        return HaloError(
            f"module {top} has no parameter {match.group('name')}",
            "Inspect the module for the names of its parameters.",
            run.error_path,
            run.error_line,
        )
    if match := _INCLUDE.search(error):
        return HaloError(
            f"the included file {match.group('file')} is not there",
            "Put it beside the file that includes it, or give the folder it is in with --include DIR.",
            run.error_path,
            run.error_line,
        )
    if "Can't decode value" in error and parameters:
        return HaloError(f"a parameter value cannot be read: {error}", "Give an integer or a plain word.")
    return None


def _about_structure(run: YosysRun, error: str) -> HaloError | None:
    if match := _FLIP_FLOP.search(error):
        return HaloError(
            f"the library has no flip-flop for a register of the design ({match.group('reason')})",
            "Add the Liberty file that holds the flip-flops, or change the register's clock edge, set or reset.",
        )
    if "ABC" in error:
        said = "; ".join(dict.fromkeys(m.group("text").strip() for m in _ABC_SAYS.finditer(run.log)))
        return HaloError(
            f"the gates of the library do not suffice for mapping: {said or error}",
            "Give a library with an inverter and a two-input NAND or NOR gate at least.",
        )
    if "selection is not empty" in error:
        return HaloError(
            "the design has three-state drivers (the value z)",
            "Use a multiplexer: only gates with one driver a net can be timed.",
        )
    if "check -assert" not in error:
        return None
    if match := _LATCH.search(run.log):
        place = _PLACE.search(match.group("process"))
        return HaloError(
            f"signal {match.group('signal').replace(' ', '')} of module {_plain(match.group('module'))} is a latch",
            "Assign it in every branch, or make it a flip-flop; the latch of a clock gate may stay if its enable is "
            "held with --tie NAME=VALUE.",
            place.group("path") if place else None,
            int(place.group("line")) if place else None,
        )
    if match := _LATCH_CELL.search(run.log):
        return HaloError(
            f"module {_plain(match.group('module'))} has latches",
            "Make them flip-flops (always_ff): latches cannot be timed per weight.",
        )
    if match := _CONFLICT.search(run.log):
        drivers = [line.strip() for line in match.group("drivers").splitlines()]
        found = [_CELL_PLACE.search(line) for line in drivers]
        places = [(s.group("path"), int(s.group("line"))) for s in found if s is not None]
        others = [f"{path}:{line}" for path, line in places[1:]] if places else drivers
        return HaloError(
            f"signal {_signal(match.group('signal'))} has several drivers ({', '.join(others)})",
            "Leave it one driver.",
            *(places[0] if places else (None, None)),
        )
    if match := _LOOP.search(run.log):
        source = _SOURCE.search(match.group("steps"))
        wires = ", ".join(re.findall(r"wire \\(\S+)", match.group("steps"))[:6]) or "its cells"
        return HaloError(
            f"combinational loop in module {_plain(match.group('module'))} through {wires}",
            "Break the loop with a register; assign what an always_comb block assigns in every branch of it.",
            source.group("path") if source else None,
            int(source.group("line")) if source else None,
        )
    if match := _UNMAPPED.search(run.log):
        if hint := next((hint for kind, hint in _NO_CELLS.items() if match.group("type").startswith(kind)), None):
            place = _CELL_PLACE.search(match.group("cell"))
            where = (place.group("path"), int(place.group("line"))) if place else (None, None)
            return HaloError(*hint, *where)
        return HaloError(
            f"the library has no cell for {match.group('type')}, which the design needs",
            "Add the Liberty file that holds such cells: inverters, NAND or NOR gates, and flip-flops for registers.",
        )
    if match := UNDRIVEN.search(run.log):
        signal = _signal(match.group("signal"))
        inside = "." in signal.partition(".")[2]
        fix = "Drive it; what lies inside another instance must come through its ports." if inside else "Drive it."
        return HaloError(f"signal {signal} is used but never driven", fix)
    return None


def undriven_outputs(run: YosysRun, top: str, ports: Sequence[str]) -> tuple[str, ...]:
    """Bits without a driver, if that is all that a check found and they belong to some output ports of the top.

    Args:
        run: with ``error`` set.
        top: the checked module, which holds all logic.
        ports: output ports that may be open.

    Returns:
        Names as Yosys takes them (``carry[3]``); empty where anything else is wrong.
    """
    found = [match.group("signal") for match in UNDRIVEN.finditer(run.log)]
    if "check -assert" not in (run.error or "") or any(
        other.search(run.log) for other in (_LATCH, _CONFLICT, _LOOP, _UNMAPPED)
    ):
        return ()
    bits = []
    for signal in found:
        module, _, name = signal.partition(".\\")
        port, _, index = name.partition(" ")
        if module != top or port not in ports:
            return ()
        first, _, last = index.strip("[]").partition(":")
        low, high = sorted((int(first or 0), int(last or first or 0)))
        bits += [f"{port}[{bit}]" if index else port for bit in range(low, high + 1)]
    return tuple(dict.fromkeys(bits))


def _sentence(text: str) -> str:
    """``ACC_WIDTH_must_hold_the_product`` as ``ACC_WIDTH must hold the product``."""
    name, must, rest = text.partition("_must_")
    return f"{name} must {rest.replace('_', ' ')}" if must else text.replace("_", " ")


def _plain(module: str) -> str:
    """The name a user wrote, from Yosys' name of a module with parameters applied."""
    if module.startswith("$paramod"):
        parts = module.split("\\")
        return parts[1] if len(parts) > 1 and not module.startswith("$paramod$") else parts[-1]
    return module.lstrip("\\")


def _signal(text: str) -> str:
    module, _, name = text.partition(".\\")
    return f"{_plain(module)}.{name}" if name else text
