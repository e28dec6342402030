# SPDX-License-Identifier: Apache-2.0
"""The event engine against Icarus itself: random circuits of real cells, transition by transition.

In some of them, random arcs are disabled where their pin does not move the output, as conditions do.
Equal delays of a few femtoseconds make many events meet in one instant; wide ranges and the library's own delays make
glitches. Every circuit is a module of one simulation.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import FLOP, Circuit
from halo.netlist.verilog import read_netlist
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays
from halo.timing.event.engine import Bins, play_transitions
from halo.timing.event.reduction import TimedCircuit, reduce_circuit
from halo.timing.timed_netlist import wire_name, write_timed_netlist

pytestmark = pytest.mark.tools

BITS = 5
TRANSITIONS = 120
SETTLE = 50
"""ns; far more than any path."""


@dataclass(frozen=True)
class Design:
    """A circuit with its delays; ``stages`` is one more than its ranks of flip-flops."""

    circuit: Circuit
    delays: Delays
    stages: int


def random_text(library: Library, name: str, seed: int, stages: int) -> str:
    """A netlist of random cells; behind every stage but the last some nets are registered, and the next reads these."""
    rng = random.Random(seed)
    usable = [
        cell
        for cell in library.cells.values()
        if cell.sequential is None
        and cell.inputs
        and cell.outputs
        and all(pin.function is not None and pin.function.inputs and not pin.three_state for pin in cell.outputs)
    ]
    wires, read, lines = [], set(), []
    reach = [f"a[{i}]" for i in range(BITS)]
    for stage in range(stages):
        for _ in range(12):
            cell = rng.choice(usable)
            ties = [(pin.name, rng.choice(reach[-8:])) for pin in cell.inputs]
            read.update(net for _, net in ties)
            outs = [(pin.name, f"n{len(wires) + i}") for i, pin in enumerate(cell.outputs)]
            wires += [net for _, net in outs]
            reach += [net for _, net in outs]
            lines.append(f"{cell.name} u{len(lines)} ({', '.join(f'.{pin}({net})' for pin, net in ties + outs)});")
        if stage < stages - 1:
            registered = rng.sample(reach, 4)
            read.update(registered)
            reach = []
            for net in registered:
                wires.append(f"n{len(wires)}")
                reach.append(wires[-1])
                lines.append(f"DFFPOSX1 u{len(lines)} (.D({net}), .CLK(clk), .Q({wires[-1]}));")
    loose = [net for net in wires if net not in read]
    return "\n".join(
        [
            f"module {name} (clk, a, y);" if stages > 1 else f"module {name} (a, y);",
            "input clk;" if stages > 1 else "",
            f"input [{BITS - 1}:0] a; output [{len(loose) - 1}:0] y; wire {', '.join(wires)};",
            f"assign y = {{{', '.join(reversed(loose))}}};",
            *lines,
            "endmodule",
        ]
    )


def idle_arcs(circuit: Circuit) -> np.ndarray:
    """bool[arcs], whether the pin does not move the output in the arc's state."""
    idle = np.zeros(int(circuit.arc_start[-1]), np.bool_)
    for gate in np.flatnonzero(circuit.kind != FLOP):
        table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
        states, pins = np.arange(len(table)), np.arange(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
        same = table[:, None] == table[states[:, None] ^ (1 << pins)]
        idle[circuit.arc_start[gate] : circuit.arc_start[gate + 1]] = same.reshape(-1)
    return idle


def design(
    library: Library, folder: Path, name: str, seed: int, stages: int, most_fs: int | None, disabled: float
) -> Design:
    """A random circuit with the library's delays, or with random ones by state and pin up to ``most_fs``.

    Args:
        disabled: share of the arcs that may be disabled that are.
    """
    (folder / f"{name}.v").write_text(random_text(library, name, seed, stages))
    circuit = compile_circuit(read_netlist(folder / f"{name}.v"), library)
    delays = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    if most_fs is not None:
        arc_fs = np.random.default_rng(seed).integers(1, most_fs + 1, len(delays.arc_fs)).astype(np.int32)
        for gate in np.flatnonzero(circuit.kind == FLOP):
            # one delay an edge
            first, last = circuit.arc_start[gate : gate + 2]
            table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
            arc_fs[first:last] = arc_fs[first : first + 2][np.repeat(table, (last - first) // len(table))]
        delays = replace(delays, arc_fs=arc_fs)
    draw = np.random.default_rng(seed + 1).random(len(delays.arc_fs))
    delays = replace(delays, enabled=~(idle_arcs(circuit) & (draw < disabled)))
    return Design(circuit, delays, stages)


def bench(designs: dict[str, Design], before: np.ndarray, after: np.ndarray) -> str:
    """A bench that plays the transitions to all circuits at once and prints toggles and last change of each phase.

    A phase is the change of the inputs, or an edge of the clock: each stage sees the transition in its own phase.
    """
    stages = max(design.stages for design in designs.values())
    lines = ["`timescale 1ns/1fs", "module bench;", f"reg [{BITS - 1}:0] a; reg clk, on; real start;"]
    show = []
    for name, one in designs.items():
        netlist = one.circuit.netlist
        width = len(netlist.outputs["y"])
        clock = ".clk(clk), " if one.stages > 1 else ""
        lines.append(f"wire [{width - 1}:0] {name}_y; {name} {name}_dut({clock}.a(a), .y({name}_y));")
        lines.append(f"integer {name}_toggles; real {name}_last;")
        lines.append(f"always @({name}_y) {name}_last = ($realtime - start) * 1000000;")
        for net in one.circuit.out:
            lines.append(f"always @({name}_dut.{wire_name(net)}) if (on) {name}_toggles = {name}_toggles + 1;")
        show.append(f'$display("{name} %0d %0.0f", {name}_toggles, {name}_last);')
    reset = " ".join(f"{name}_toggles = 0; {name}_last = 0;" for name in designs)
    lines += [
        f"task phase; begin #{SETTLE} {' '.join(show)} {reset} end endtask",
        f"task edges; repeat ({stages}) begin clk = 1; #{SETTLE} clk = 0; #{SETTLE}; end endtask",
        "initial begin clk = 0; on = 0;",
    ]
    for first, last in zip(before, after, strict=True):
        lines.append(f"a = {first}; #{SETTLE} edges; {reset} on = 1; start = $realtime; a = {last}; phase;")
        lines += ["start = $realtime; clk = 1; phase; on = 0; clk = 0; #1 on = 1;"] * (stages - 1)
        lines.append("on = 0;")
    return "\n".join([*lines, "$finish; end", "endmodule"])


def test_random_circuits_transition_by_transition(osu018: Path, tmp_path: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed: apt-get install iverilog")
    library = read_corner([osu018])
    kinds = [(1, None, 0.0), (1, 3, 0.0), (1, 40, 0.0), (1, 5000, 0.0), (2, None, 0.0), (2, 20, 0.0), (3, 500, 0.0)]
    kinds += [(1, 10, 0.0), (1, 3, 1.0), (1, 40, 1.0), (1, 10, 0.5), (2, 20, 0.5)]
    designs = {f"c{i}": design(library, tmp_path, f"c{i}", 700 + i, *kind) for i, kind in enumerate(kinds)}
    for name, one in designs.items():
        write_timed_netlist(one.circuit, one.delays, tmp_path / f"{name}_timed.v", library=library)
    rng = np.random.default_rng(1)
    before, after = rng.integers(0, 1 << BITS, (2, TRANSITIONS))
    (tmp_path / "bench.v").write_text(bench(designs, before, after))
    sources = ["bench.v", *(f"{name}_timed.v" for name in designs)]
    built = subprocess.run(
        ["iverilog", "-gspecify", "-g2005", "-Wall", "-o", "bench.vvp", *sources],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0 and not built.stderr, built.stderr
    run = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=tmp_path, capture_output=True, text=True, check=True)
    rows = [line.split() for line in run.stdout.splitlines() if line.startswith("c")]

    phases = max(one.stages for one in designs.values())
    for name, one in designs.items():
        printed = np.array([[int(toggles), int(last)] for who, toggles, last in rows if who == name])
        icarus = printed.reshape(TRANSITIONS, phases, 2)
        circuit = one.circuit
        ends = np.array(circuit.netlist.outputs["y"], np.int32)
        launch = np.zeros(circuit.nets, np.int32)
        extra = np.zeros(len(ends), np.int32)
        reduced = reduce_circuit(TimedCircuit(circuit, one.delays.arc_fs, one.delays.enabled, launch, ends, extra), {})
        place = {net: bit for bit, net in enumerate(circuit.netlist.inputs["a"])}
        bits = np.array([place[net] for net in reduced.sources.tolist()])
        first, last = (((values[:, None] >> bits) & 1).astype(np.uint8) for values in (before, after))
        events = play_transitions(reduced, first, last, bins=Bins(10**6, 4))
        assert events.arrivals_fs is not None and events.toggles_each is not None
        assert icarus[:, :, 0].sum(axis=1).tolist() == events.toggles_each.tolist(), name
        assert icarus[:, :, 1].max(axis=1).tolist() == events.arrivals_fs.tolist(), name
        # the circuits do glitch, and endpoints do move
        assert events.toggles.sum() > events.functional.sum() > 0 and events.delay_fs > 0
