# SPDX-License-Identifier: Apache-2.0
"""Play a registered netlist with delays in Icarus Verilog at a clock period, cycle after cycle, without waiting.

The top level around the timed netlist is written here and reads its stimulus from a file: at every clock edge it
compares the output ports, starts the next cycle, and changes the input ports when a register before them would
(``halo.timing.registered``). What is counted, over the cycles that are compared:

* *wrong*: cycles in which any compared output bit differs from the expected one; x counts as different.
* *late*: cycles in which a register's data pin changed within its setup time before the edge that ends the cycle, or
  after that edge and before anything launched by it can arrive. Icarus checks no setup: what changes inside the setup
  window is sampled right here and may go either way in silicon. A cycle is safe only if it is not late.
* *needed*: the shortest period at which a cycle would not have been late: last change of a data pin after the launching
  edge, plus that pin's setup.

Each cycle has one of a few clock periods, so that the clock can change within a run. The clock is ideal: every
flip-flop sees its edge at the same instant.

Tests: tests/flow/gate_level/test_clocked_designs.py.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.flow.runs.tools import find_tool
from halo.flow.simulators.pipeline import clock_ports
from halo.liberty.model import Library
from halo.netlist.model import U8
from halo.processes import end_children, run_child
from halo.timing.clock_edges import require_one_edge
from halo.timing.registered import Registered
from halo.timing.timed_netlist import identifier, moved, wire_name, write_timed_netlist

I64 = npt.NDArray[np.int64]
Periods = int | Sequence[int]
"""Clock period in fs, or that of each of up to ``CLOCKS`` clocks."""

TOP = "halo_clocked"
_PROGRAM = "clocked.vvp"
CLOCKS = 4
"""Most clock periods of one run."""
_CLOCK_BITS = 2


@dataclass(frozen=True, eq=False)
class Cycles:
    """What is played, one row a clock cycle.

    Attributes:
        ports: uint8[T, P] as ``Registered.drive`` gives them.
        expected: uint8[T, O] bits of the output ports during each cycle.
        compared: uint8[T, O], 1 where a bit is compared. A cycle without any is played but not counted.
        judged: bool[T], whether the registers that the cycle ends with must be in time; they need not be where what
            they take does not count. Such a cycle is never *late* because of those that a player waives.
        clock: uint8[T], which of the clock periods each cycle has; None: there is one.
    """

    ports: U8
    expected: U8
    compared: U8
    judged: npt.NDArray[np.bool_]
    clock: U8 | None = None

    def __len__(self) -> int:
        return len(self.ports)

    def first(self, count: int) -> Cycles:
        """The first cycles only."""
        clock = None if self.clock is None else self.clock[:count]
        return Cycles(self.ports[:count], self.expected[:count], self.compared[:count], self.judged[:count], clock)


@dataclass(frozen=True, eq=False)
class Played:
    """What was counted in one run.

    Attributes:
        periods_fs: the clocks.
        cycles: cycles compared; wrong, late: those among them, as the module describes.
        needed_by_clock_fs: largest *needed* period of the cycles of each clock that are compared, where judged.
        first_wrong: index of the first wrong cycle, -1 if there is none.
        needed_each_fs: int64[T], *needed* of every cycle, or None unless asked for.
        toggles: int64[G] changes of each gate of the clocked circuit over the compared cycles, or None.
    """

    periods_fs: tuple[int, ...]
    cycles: int
    wrong: int
    late: int
    needed_by_clock_fs: tuple[int, ...]
    first_wrong: int
    needed_each_fs: I64 | None = None
    toggles: I64 | None = None

    @property
    def period_fs(self) -> int:
        """The shortest clock."""
        return min(self.periods_fs)

    @property
    def needed_fs(self) -> int:
        """What the cycles of the shortest clock need."""
        return self.needed_by_clock_fs[self.periods_fs.index(self.period_fs)]

    @property
    def error_rate(self) -> float:
        """Share of the compared cycles that are wrong."""
        return self.wrong / self.cycles if self.cycles else 0.0


class ClockedPlayer:
    """A design compiled once for Icarus, to be played with any stimulus at any clock.

    Args:
        design: what is played; its delays are.
        library: the circuit's cells.
        workdir: folder for the simulator's files; made when absent.
        each_cycle: write *needed* of every cycle.
        toggles: count the changes of every gate.
        waived: nets that end paths and need not be in time in a cycle that is not judged; None: all.

    Raises:
        HaloError: no Icarus, a clock that is no plain port, or a netlist that does not compile.
    """

    def __init__(
        self,
        design: Registered,
        library: Library,
        workdir: Path,
        *,
        each_cycle: bool = False,
        toggles: bool = False,
        waived: Collection[int] | None = None,
    ) -> None:
        self.design = design
        self.workdir = workdir
        self.each_cycle = each_cycle
        self.toggles = toggles
        workdir.mkdir(parents=True, exist_ok=True)
        write_timed_netlist(design.clocked, design.delays, workdir / "timed_netlist.v", library=library)
        lines = _top_level(design, each_cycle, toggles, waived)
        (workdir / "top.v").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        sources = ["timed_netlist.v", "top.v"]
        self._run(workdir, "iverilog", "-g2005", "-gspecify", "-s", TOP, "-o", _PROGRAM, *sources)

    def play(self, cycles: Cycles, period_fs: Periods) -> Played:
        """Play all cycles once.

        Args:
            cycles: what is played.
            period_fs: of the clock, or of each of several.

        Raises:
            HaloError: a period is too short for the launch of the inputs, or the simulation fails.
        """
        return self.play_each([(cycles, period_fs)])[0]

    def sweep(self, cycles: Cycles, periods_fs: Sequence[Periods]) -> list[Played]:
        """Play the same cycles several times, at other clock periods, on all cores."""
        return self.play_each([(cycles, periods) for periods in periods_fs])

    def play_each(self, played: Sequence[tuple[Cycles, Periods]]) -> list[Played]:
        """Play cycles at clock periods, each with its own, on all cores; each run has its own folder.

        Raises:
            HaloError: as ``play``.
        """
        runs = [(periods,) if isinstance(periods, int) else tuple(periods) for _, periods in played]
        least, shortest = 2 * int(self.design.timed.launch_fs.max(initial=0)), min(min(run) for run in runs)
        if shortest <= least:
            raise HaloError(
                f"a clock period of {shortest / 1000:g} ps is shorter than twice the launch of the inputs",
                f"Give a period above {least / 1000:g} ps.",
            )
        stimuli = {id(cycles): cycles for cycles, _ in played}
        rows = {key: i for i, key in enumerate(stimuli)}
        for key, i in rows.items():
            _write_rows(stimuli[key], self.workdir / f"cycles{i}.txt")
        folders = [self.workdir / f"run{i}" for i in range(len(runs))]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                files = [rows[id(cycles)] for cycles, _ in played]
                return list(pool.map(self._play, [cycles for cycles, _ in played], files, runs, folders))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                end_children()  # the pool waits for its threads, and they for their simulators
                raise

    def _play(self, cycles: Cycles, rows: int, periods_fs: tuple[int, ...], folder: Path) -> Played:
        folder.mkdir(exist_ok=True)
        counted = np.flatnonzero(cycles.compared.any(axis=1))
        settings = {"rows": rows, "cycles": len(cycles), "first": int(counted[0]) if len(counted) else 0}
        settings |= {f"period{i}": period for i, period in enumerate(periods_fs)}
        self._run(folder, "vvp", "-n", f"../{_PROGRAM}", *(f"+{name}={value}" for name, value in settings.items()))
        result = (folder / "result.txt").read_text().split()
        if len(result) != 5 + CLOCKS or int(result[0]) != len(cycles):
            raise HaloError(
                f"Icarus did not finish {len(cycles)} clock cycles", "Run halo doctor to check the installation."
            )
        each = np.loadtxt(folder / "needed.txt", np.int64, ndmin=1) if self.each_cycle else None
        toggles = np.loadtxt(folder / "toggles.txt", np.int64, ndmin=1) if self.toggles else None
        count, wrong, late, first_wrong, *needed = (int(value) for value in result[1:])
        return Played(periods_fs, count, wrong, late, tuple(needed[: len(periods_fs)]), first_wrong, each, toggles)

    def _run(self, folder: Path, tool: str, *arguments: str) -> None:
        found = find_tool(tool)
        logs = [folder / f"{tool}.{name}" for name in ("log", "errors")]
        with logs[0].open("wb") as out, logs[1].open("wb") as errors:
            code = run_child([found.path, *arguments], cwd=folder, env=found.environment, stdout=out, stderr=errors)
        printed, complaints = (log.read_text(encoding="utf-8", errors="replace") for log in logs)
        if code or complaints:
            said = (complaints or printed).strip().splitlines()
            raise HaloError(f"{tool} failed: {said[0] if said else code}", "Run halo doctor.")


def _top_level(design: Registered, each_cycle: bool, toggles: bool, waived: Collection[int] | None) -> Iterator[str]:
    """Lines of the Verilog around the timed netlist."""
    timed, netlist = design.timed, design.clocked.netlist
    clocks = clock_ports(design.clocked)
    active = require_one_edge(design.clocked)
    width, outputs = len(design.port_sources), len(design.output_nets)
    first_launch, launch = design.first_launch_fs, int(timed.launch_fs.max(initial=0))
    yield "`timescale 1fs/1fs"
    yield f"module {TOP};"
    yield f"  reg [{outputs - 1}:0] expected, compared = 0;"
    # Of the registers that are waived where a cycle is not judged, and of the others: needed[0] and needed[1].
    yield "  reg [1:0] spilled = 0;"
    yield f"  reg clock = {1 - active}, counting = 0, counted = 0, judged = 0, is_judged, is_wrong;"
    yield "  reg [63:0] start = 0, period, last, ended, due, needed [0:1];"
    yield f"  reg [63:0] periods [0:{CLOCKS - 1}], most [0:{CLOCKS - 1}];"
    yield f"  reg [{_CLOCK_BITS - 1}:0] which = 0, before;"
    yield f"  reg [{width + 2 * outputs + _CLOCK_BITS}:0] row;"
    yield f"  reg [{8 * len('../cycles0000.txt') - 1}:0] file;"
    yield "  integer t, i, cycles, first, rows, found, result, count = 0, wrong = 0, late = 0, first_wrong = -1;"
    yield f"  wire [{outputs - 1}:0] seen = {{{', '.join(f'dut.{wire_name(n)}' for n in design.output_nets[::-1])}}};"
    ties = []
    for port, nets in netlist.inputs.items():
        bits = ", ".join(_driver(design, clocks, net) for net in reversed(nets))
        ties.append(f".{identifier(port)}({{{bits}}})")
    yield f"  {identifier(netlist.name)} dut({', '.join(ties)});"
    for net, setup in zip(timed.end_net.tolist(), timed.end_extra_fs.tolist(), strict=True):
        of = int(waived is not None and net not in waived)
        yield f"  always @(dut.{wire_name(net)}) begin"
        yield f"    if ($time + {setup} > start + needed[{of}]) needed[{of}] = $time + {setup} - start;"
        yield f"    if ($time - start < {first_launch}) spilled[{of}] = 1;"
        yield "  end"
    if toggles:
        yield f"  integer g, toggles [0:{design.clocked.gates - 1}];"
        yield f"  initial for (g = 0; g < {design.clocked.gates}; g = g + 1) toggles[g] = 0;"
        for g, net in enumerate(design.clocked.out.tolist()):
            yield f"  always @(dut.{wire_name(net)}) if (counting) toggles[{g}] = toggles[{g}] + 1;"
    yield "  initial begin"
    for name in ("cycles", "first", "rows"):
        yield f'    found = $value$plusargs("{name}=%d", {name});'
    for i in range(CLOCKS):
        yield f'    most[{i}] = 0; period = 0; found = $value$plusargs("period{i}=%d", period); periods[{i}] = period;'
    yield "    needed[0] = 0; needed[1] = 0; period = periods[0];"
    yield '    $sformat(file, "../cycles%0d.txt", rows);'
    yield '    rows = $fopen(file, "r");'
    if each_cycle:
        yield '    result = $fopen("needed.txt");'
    yield "    #period;"
    yield "    for (t = 0; t <= cycles; t = t + 1) begin"
    # The edge that ends cycle t - 1 and launches cycle t; the outputs are sampled before anything moves.
    yield "      ended = needed[0] > needed[1] ? needed[0] : needed[1];"
    yield "      due = judged ? ended : needed[1];"
    yield "      counted = |compared; is_judged = judged; before = which; last = period;"
    yield "      is_wrong = ((seen ^ expected) & compared) !== 0;"
    yield f"      clock = {active}; start = $time; needed[0] = 0; needed[1] = 0; spilled = 0;"
    yield "      counting = t >= first && t < cycles;"
    yield "      if (t < cycles) begin"
    yield '        found = $fscanf(rows, "%b\\n", row);'
    yield "        if (found != 1) $finish;"
    yield "      end else row = 0;"
    yield f"      #{first_launch};"
    yield "      if (|spilled && ended <= last) ended = last + 1;"
    yield "      if ((is_judged ? |spilled : spilled[1]) && due <= last) due = last + 1;"
    yield "      if (counted) begin"
    yield "        count = count + 1;"
    yield "        if (is_wrong) begin wrong = wrong + 1; if (first_wrong < 0) first_wrong = t - 1; end"
    yield "        if (due > last) late = late + 1;"
    yield "        if (due > most[before]) most[before] = due;"
    yield "      end"
    if each_cycle:
        yield '      if (t > 0) $fwrite(result, "%0d\\n", ended);'
    yield f"      #{launch - first_launch} if (t < cycles) begin"
    for i, net in enumerate(design.port_sources.tolist()):
        yield f"        {moved(net, f'row[{2 * outputs + i}]')}"
    yield "      end"
    yield f"      expected = row >> {outputs}; compared = row; judged = row[{width + 2 * outputs}];"
    yield f"      which = row >> {width + 2 * outputs + 1}; period = periods[which];"
    yield f"      #(period / 2 - {launch}) clock = {1 - active};"
    yield "      #(period - period / 2);"
    yield "    end"
    if each_cycle:
        yield "    $fclose(result);"
    if toggles:
        yield '    result = $fopen("toggles.txt");'
        yield f'    for (g = 0; g < {design.clocked.gates}; g = g + 1) $fwrite(result, "%0d\\n", toggles[g]);'
        yield "    $fclose(result);"
    yield '    result = $fopen("result.txt");'
    yield '    $fwrite(result, "%0d %0d %0d %0d %0d", t - 1, count, wrong, late, first_wrong);'
    yield f'    for (i = 0; i < {CLOCKS}; i = i + 1) $fwrite(result, " %0d", most[i]);'
    yield "    $fclose(result);"
    yield "    $finish;"
    yield "  end"
    yield "endmodule"


def _driver(design: Registered, clocks: tuple[int, ...], net: int) -> str:
    """What drives a bit of an input port; those of the stimulus are moved behind it, and unknown until then."""
    if net in design.port_sources:
        return "1'bx"
    return "clock" if net in clocks else f"1'b{max(0, int(design.clocked.constant[net]))}"


def _write_rows(cycles: Cycles, path: Path) -> None:
    """A line of text a cycle: clock, judged, ports, expected and compared outputs, each with its last bit first."""
    which = np.zeros(len(cycles), np.uint8) if cycles.clock is None else cycles.clock
    clock = which[:, None] >> np.arange(_CLOCK_BITS, dtype=np.uint8) & 1
    parts = [clock, cycles.judged[:, None], cycles.ports, cycles.expected, cycles.compared]
    bits = [part[:, ::-1].astype(np.uint8) for part in parts]
    text = np.concatenate([*bits, np.zeros((len(cycles), 1), np.uint8)], axis=1) + np.uint8(ord("0"))
    text[:, -1] = ord("\n")
    path.write_bytes(text.tobytes())
