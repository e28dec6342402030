# SPDX-License-Identifier: Apache-2.0
"""The RTL beside its gates, each played by a simulator that reads Verilog by itself.

Synthesis proves the gates equal to what Yosys understood of the RTL; what Yosys misunderstood it cannot see. Here
Icarus Verilog reads the RTL, and Verilator what Icarus refuses, and both sides take the same inputs: corner values of
the operands, then random ones. Registers begin unknown. Resets are active for the first clock cycles and seldom
afterwards. An output bit is compared where both sides have a known value for it; a register that nothing resets or
loads has none. Verilator knows no unknown values: it plays the RTL from several random states, and a bit is known where
these agree.

Simulators misread Verilog, too. Where Icarus differs from the gates, Verilator plays the RTL as well: if it finds the
gates right, they are, and what Icarus made of it is kept beside the result.

Tests: tests/flow/simulators/test_rtl_function.py.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from pathlib import Path

import numpy as np

from halo.errors import HaloError
from halo.flow.runs.tools import FoundTool, find_tool
from halo.flow.simulators.runner import find_simulator
from halo.liberty.model import Library
from halo.netlist.controls import Control
from halo.netlist.model import U8, Netlist
from halo.netlist.sources import Sources
from halo.netlist.verilog import read_netlist
from halo.processes import TooLongError, run_child
from halo.synth.cellmodels import cell_models
from halo.synth.controls import rtl_controls
from halo.timing.timed_netlist import identifier

TOP = "halo_function"
ICARUS = "Icarus Verilog"
VERILATOR = "Verilator"
RESET_CYCLES = 8
"""Patterns at the start for which resets are active; one in RESET_RARITY after them."""
RESET_RARITY = 64
CORNER_PARTS = 4
"""One random operand in so many is a corner value."""
STATES = 4
"""Random states from which Verilator begins."""
SECONDS = 300
"""Time that a compiler or a simulation may take."""
UNKNOWN = 2


class NotSimulatedError(HaloError):
    """The RTL and the gates cannot be simulated side by side; neither is wrong for that."""


@dataclass(frozen=True)
class FunctionDifference:
    """A pattern at which the RTL and the gates differ.

    Attributes:
        pattern: its number, from 0; of a registered design the clock cycle.
        inputs: unsigned value of each input port but clocks.
        rtl, gates: the output ports that differ, in binary with the highest bit first.
    """

    pattern: int
    inputs: dict[str, int]
    rtl: dict[str, str]
    gates: dict[str, str]


@dataclass(frozen=True)
class FunctionCheck:
    """The RTL beside the gates.

    Attributes:
        simulator: what read the RTL, with its version.
        compared: patterns of the inputs for which at least one output bit was compared.
        unknown: output bits that never had a known value on both sides, such as ``sum[3]``.
        difference: the first, if there is one.
        outvoted: the first difference that Icarus Verilog finds and Verilator, the simulator then, does not.
    """

    simulator: str
    compared: int
    unknown: tuple[str, ...]
    difference: FunctionDifference | None
    outvoted: FunctionDifference | None = None

    @property
    def equal(self) -> bool:
        """Whether no difference was found."""
        return self.difference is None


def check_function(
    sources: Sources,
    top: str,
    parameters: Mapping[str, int | str],
    netlist: Path,
    library: Library,
    *,
    clock: str | None,
    patterns: int,
    generator: np.random.Generator,
) -> FunctionCheck:
    """Simulate a design's RTL and its gates with the same inputs.

    Args:
        sources, top, parameters: the RTL.
        netlist: flat gates of the module ``top``, with the same ports.
        library: their cells.
        clock: input known as the clock; others are found by what they drive.
        patterns: number of random patterns, after those of corner values.
        generator: for these.

    Raises:
        NotSimulatedError: neither simulator reads the RTL, the gates hold a cell without a functional model, the ports
            cannot be joined to a bench, or no output ever has a known value.
        HaloError: Icarus Verilog is not installed.
    """
    read = read_netlist(netlist, top, library.cells)
    parts = [name for name in (*read.inputs, *read.outputs) if "." in name]
    if parts:
        raise NotSimulatedError(f"port {parts[0]} is part of an interface", "Give the top module plain ports.")
    controls = rtl_controls(sources, top, parameters)
    clocks = {name for name in read.inputs if name == clock or controls.get(name) == Control("clock")}
    with tempfile.TemporaryDirectory(prefix="halo-function-") as scratch:
        work = Path(scratch)
        given = draw_patterns(read, clocks, controls, patterns, generator)
        text = "".join(f"{row[::-1].tobytes().decode()}\n" for row in given + np.uint8(ord("0")))
        (work / "patterns.txt").write_text(text, encoding="ascii")
        gates = _gates(read, netlist, library, clocks, work)
        _write_bench(read, clocks, parameters, work)
        words = _reading(sources, work)
        rtl, simulator = _rtl(sources, words, work)
        found = _compared(read, clocks, given, rtl, gates, simulator)
        if found.equal or simulator.startswith(VERILATOR):
            return found
        try:
            again, arbiter = _verilator(words, work)
            second = _compared(read, clocks, given, again, gates, arbiter)
        except HaloError:
            return found
    return replace(second, outvoted=found.difference) if second.equal else found


def draw_patterns(
    netlist: Netlist,
    clocks: Collection[str],
    controls: Mapping[str, Control],
    count: int,
    generator: np.random.Generator,
) -> U8:
    """Values of all input bits but clocks: uint8[T, I], ports in the order of the netlist, lowest bits first.

    Every pair of corner values of the two widest inputs comes first, the others random.
    """
    widths = _data_widths(netlist, clocks)
    widest = sorted(widths, key=lambda name: -widths[name])[:2]
    pairs = list(product(*(_corners(widths[name]) for name in widest)))
    rows = RESET_CYCLES + len(pairs) + count
    columns = []
    for name, width in widths.items():
        bits = generator.integers(0, 2, (rows, width), dtype=np.uint8)
        control = controls.get(name)
        if control is not None and control.kind == "reset" and control.level is not None:
            active = generator.integers(0, RESET_RARITY, rows) == 0
            active[:RESET_CYCLES] = True
            bits[:, 0] = np.where(active, 1 - control.level, control.level)
        else:
            corners = np.array([_bits(value, width) for value in _corners(width)], np.uint8)
            chosen = generator.integers(0, CORNER_PARTS, rows) == 0
            bits[chosen] = corners[generator.integers(0, len(corners), int(chosen.sum()))]
            if name in widest:
                place = widest.index(name)
                bits[RESET_CYCLES : RESET_CYCLES + len(pairs)] = [_bits(pair[place], width) for pair in pairs]
        columns.append(bits)
    return np.concatenate(columns, axis=1)


def _corners(width: int) -> list[int]:
    """The ends of the unsigned and the signed range and their neighbours, and alternating bits."""
    full, half = (1 << width) - 1, 1 << width - 1
    values = (0, 1, full, full - 1, half, half - 1, full // 3, full - full // 3)
    return list(dict.fromkeys(value & full for value in values))


def _bits(value: int, width: int) -> list[int]:
    return [value >> bit & 1 for bit in range(width)]


def _data_widths(netlist: Netlist, clocks: Collection[str]) -> dict[str, int]:
    widths = {name: len(nets) for name, nets in netlist.inputs.items() if name not in clocks}
    if not widths:
        raise NotSimulatedError("the design has no input but clocks", "Give a module with operands.")
    return widths


def bench(
    netlist: Netlist, clocks: Collection[str], parameters: Mapping[str, int | str], results: Path
) -> Iterator[str]:
    """Lines of a bench around a module of the netlist's name and ports; a clock cycle a pattern, sampled before it."""
    widths = _data_widths(netlist, clocks)
    outputs = {name: len(nets) for name, nets in netlist.outputs.items()}
    joined = [f".{identifier(name)}(clock)" for name in netlist.inputs if name in clocks]
    for vector, group in (("given", widths), ("seen", outputs)):
        at = 0
        for name, width in group.items():
            joined.append(f".{identifier(name)}({vector}[{at + width - 1}:{at}])")
            at += width
    values = ", ".join(
        f".{name}({value})" if isinstance(value, int) else f'.{name}("{value}")' for name, value in parameters.items()
    )
    yield "`timescale 1ns/1ps"
    yield f"module {TOP};"
    yield f"  reg [{sum(widths.values()) - 1}:0] given;"
    yield f"  wire [{sum(outputs.values()) - 1}:0] seen;"
    yield "  reg clock;"
    yield "  integer patterns, results, found;"
    yield f"  {identifier(netlist.name)} {f'#({values}) ' if values else ''}dut({', '.join(joined)});"
    yield "  initial begin"
    yield "    clock = 0;"
    yield f'    patterns = $fopen("{results.parent / "patterns.txt"}", "r");'
    yield f'    results = $fopen("{results}");'
    yield '    found = $fscanf(patterns, "%b\\n", given);'
    yield "    while (found == 1) begin"
    yield '      #1000 $fdisplay(results, "%b", seen);'
    yield "      #1000 clock = 1;"
    yield "      #1000 clock = 0;"
    yield '      #1000 found = $fscanf(patterns, "%b\\n", given);'
    yield "    end"
    yield "    $fclose(results);"
    yield "    $finish;"
    yield "  end"
    yield "endmodule"


def _write_bench(netlist: Netlist, clocks: Collection[str], parameters: Mapping[str, int | str], work: Path) -> None:
    lines = bench(netlist, clocks, parameters, work / "results.txt")
    (work / "bench.v").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _gates(netlist: Netlist, path: Path, library: Library, clocks: Collection[str], work: Path) -> U8:
    """Settled outputs of the gates in Icarus: uint8[T, O] of 0, 1 and UNKNOWN."""
    try:
        models = cell_models(library, {instance.cell for instance in netlist.instances})
    except HaloError as error:
        raise NotSimulatedError(error.what, error.fix, error.path, error.line) from error
    (work / "models.v").write_text(models, encoding="utf-8")
    _write_bench(netlist, clocks, {}, work)
    compiled = [str(work / "bench.v"), str(path.resolve()), str(work / "models.v")]
    return _icarus(["-g2005", *compiled], work)


def _reading(sources: Sources, work: Path) -> list[str]:
    """Arguments by which both simulators read the RTL behind the bench."""
    words = ["-DSYNTHESIS", *(f"-D{name}={text}" for name, text in sources.defines)]  # what Yosys has read
    folders = [*(path.resolve().parent for path in sources.files), *map(Path.resolve, sources.include_dirs)]
    words += [f"-I{folder}" for folder in dict.fromkeys(folders)]
    return [*words, str(work / "bench.v"), *(str(path.resolve()) for path in sources.files)]


def _rtl(sources: Sources, words: Sequence[str], work: Path) -> tuple[U8, str]:
    """Settled outputs of the RTL, and which simulator with what version they are of."""
    icarus = find_tool("iverilog")
    refused = []
    for dialect in ("-g2012",) if sources.systemverilog else ("-g2005", "-g2012"):
        try:
            return _icarus([dialect, *words], work), f"{ICARUS} {icarus.version}"
        except NotSimulatedError as error:
            refused.append(error.what)
    try:
        return _verilator(words, work)
    except HaloError as error:
        raise NotSimulatedError(
            f"neither simulator plays the RTL: {refused[-1]}; {error.what}", "Simulate it in a testbench of your own."
        ) from error


def _icarus(words: Sequence[str], work: Path) -> U8:
    program = work / "program.vvp"
    _run(ICARUS, find_tool("iverilog"), ["-s", TOP, "-o", str(program), *words], work)
    _run(ICARUS, find_tool("vvp"), ["-n", str(program)], work)
    return _results(work)


def _verilator(words: Sequence[str], work: Path) -> tuple[U8, str]:
    """Bits that have the same value from all of several random states are known."""
    simulator = find_simulator("verilator")
    build = ["--binary", "--timing", "-Wno-fatal", "-Wno-lint", "-Wno-style", "--top-module", TOP]
    build += ["--x-initial", "unique", "--x-assign", "unique", "-Mdir", str(work / "verilated"), "-o", "program"]
    for variable in simulator.make:
        build += ["-MAKEFLAGS", variable]
    _run(VERILATOR, simulator.tools[0], [*build, *words], work)
    program = FoundTool("program", work / "verilated" / "program", "", simulator.tools[0].environment)
    seen = []
    for state in range(1, STATES + 1):
        _run(VERILATOR, program, ["+verilator+rand+reset+2", f"+verilator+seed+{state}"], work)
        seen.append(_results(work))
    if len({len(rows) for rows in seen}) > 1:
        raise NotSimulatedError("the simulation ends by chance", "Leave out of the RTL what ends a simulation.")
    known = reduce(lambda a, b: np.where(a == b, a, np.uint8(UNKNOWN)), seen)
    return known, f"{VERILATOR} {simulator.version}"


def _run(name: str, tool: FoundTool, words: Sequence[str], work: Path) -> None:
    """Start a program; what it prints is read only where it fails."""
    log = work / "log.txt"
    (work / "results.txt").unlink(missing_ok=True)
    with log.open("wb") as said:
        try:
            code = run_child(
                [tool.path, *words],
                cwd=work,
                env=tool.environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                limit_s=SECONDS,
            )
        except TooLongError as error:
            raise NotSimulatedError(f"{name} takes more than {SECONDS} s", "Simulate a smaller design.") from error
    if code:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        complaints = [line for line in lines if "error" in line.lower() or "sorry" in line] or lines[:1]
        what = complaints[0].strip().replace(f"{work}/", "") if complaints else f"ended with code {code}"
        raise NotSimulatedError(f"{name}: {what}", "See what it says of the source.")


def _results(work: Path) -> U8:
    """uint8[T, O], lowest bits first; no rows where nothing was written."""
    path = work / "results.txt"
    lines = path.read_bytes().split() if path.is_file() else []
    if not lines:
        return np.zeros((0, 0), np.uint8)
    bits = np.frombuffer(b"".join(lines), np.uint8).reshape(len(lines), -1)[:, ::-1]
    return np.where(bits == ord("1"), 1, np.where(bits == ord("0"), 0, UNKNOWN)).astype(np.uint8)


def _compared(
    netlist: Netlist, clocks: Collection[str], given: U8, rtl: U8, gates: U8, simulator: str
) -> FunctionCheck:
    if len(rtl) != len(given) or len(gates) != len(given):
        raise NotSimulatedError(
            f"the simulation ends after {min(len(rtl), len(gates))} of {len(given)} patterns",
            "Leave out of the RTL what ends a simulation.",
        )
    known = (rtl != UNKNOWN) & (gates != UNKNOWN)
    names = [f"{name}[{bit}]" for name, nets in netlist.outputs.items() for bit in range(len(nets))]
    if not known.any():
        raise NotSimulatedError(
            "no output has a known value in the RTL and in the gates: nothing resets or loads its registers",
            "Simulate it in a testbench that brings the registers to a known state.",
        )
    unknown = tuple(name for name, ever in zip(names, known.any(axis=0).tolist(), strict=True) if not ever)
    wrong = known & (rtl != gates)
    difference = None
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=1)))
        inputs = {name: _number(bits) for name, bits in _by_port(_data_widths(netlist, clocks), given[row]).items()}
        outputs = {name: len(nets) for name, nets in netlist.outputs.items()}
        sides = [{name: _binary(bits) for name, bits in _by_port(outputs, side[row]).items()} for side in (rtl, gates)]
        differ = [name for name, bits in _by_port(outputs, wrong[row]).items() if bits.any()]
        difference = FunctionDifference(row, inputs, *({name: side[name] for name in differ} for side in sides))
    return FunctionCheck(simulator, int(known.any(axis=1).sum()), unknown, difference)


def _by_port(widths: Mapping[str, int], bits: U8) -> dict[str, U8]:
    parts = np.split(bits, np.cumsum(list(widths.values()))[:-1])
    return dict(zip(widths, parts, strict=True))


def _number(bits: U8) -> int:
    return sum(int(bit) << place for place, bit in enumerate(bits))


def _binary(bits: U8) -> str:
    return "".join("01x"[int(bit)] for bit in bits[::-1])
