# SPDX-License-Identifier: Apache-2.0
"""Play transitions of a timed netlist in Icarus Verilog, driven by the cocotb bench in ``sim/crosscheck``.

The top level around the netlist is written here: it times the steps of a transition in whole femtoseconds, counts the
changes of gate outputs and notes the last change of an endpoint. The bench only hands over vectors and reads back.

Tests: tests/flow/test_crosscheck.py.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.flow.simulators.pipeline import Stages, plan_stages
from halo.flow.simulators.runner import Model, build_model, find_simulator, run_bench
from halo.netlist.model import I32, U8, Circuit
from halo.timing.event.reduction import TimedCircuit
from halo.timing.timed_netlist import identifier, moved, wire_name

TOP = "halo_crosscheck"
UNRESOLVED = 2
"""Entry of ``IcarusResult.outputs`` for a bit that settled at x or z."""


@dataclass(frozen=True, eq=False)
class IcarusResult:
    """What Icarus saw in T transitions.

    Attributes:
        last_change_fs: int64[T], last change of an endpoint after its launching clock edge, 0 if none changed.
        toggles: int64[T], changes of all gate outputs (``counted_gates``).
        outputs: uint8[T, O], settled bits of the output ports in their order, least significant first: 0, 1 or
            UNRESOLVED.
        gate_toggles, gate_last_fs: int64[T, K], changes of the output of each of ``counted_gates`` and the time of the
            last; None unless asked for.
    """

    last_change_fs: npt.NDArray[np.int64]
    toggles: npt.NDArray[np.int64]
    outputs: U8
    gate_toggles: npt.NDArray[np.int64] | None
    gate_last_fs: npt.NDArray[np.int64] | None


def counted_gates(circuit: Circuit) -> I32:
    """Gates whose output changes are counted: all but those that make a constant, drive a clock or start paths."""
    skipped = set(circuit.clock_nets) | {int(circuit.out[g]) for g in circuit.state_gates}
    gates = [
        g for g in range(circuit.gates) if int(circuit.out[g]) not in skipped and circuit.constant[circuit.out[g]] < 0
    ]
    return np.array(gates, np.int32)


def play_in_icarus(
    timed: TimedCircuit,
    timed_netlist: Path,
    before: U8,
    after: U8,
    *,
    settle_fs: int,
    workdir: Path,
    each_gate: bool = False,
) -> IcarusResult:
    """Play transitions one after the other.

    Args:
        timed: circuit, launch times and endpoints as the native engine takes them. Its delays are not read.
        timed_netlist: written by ``write_timed_netlist`` for that circuit; its delays are what is played.
        before, after: uint8[T, S] over ``timed.circuit.source``, held sources included (equal in both).
        settle_fs: longer than anything can take to settle.
        workdir: empty folder for the simulator's files.
        each_gate: observe each gate apart.

    Raises:
        HaloError: no Icarus, a circuit that cannot be clocked stage by stage, or the simulation fails.
    """
    circuit = timed.circuit
    moved = frozenset(int(net) for net in circuit.source[np.any(before != after, axis=0)])
    stages = plan_stages(circuit, moved)
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / "top.v").write_text("".join(f"{line}\n" for line in top_level(timed, stages, settle_fs, each_gate)))
    np.savetxt(workdir / "transitions.txt", _text_rows(before, after), fmt="%s")
    _simulate(workdir, timed_netlist)
    return _observations(workdir / "observations.txt", len(before))


def top_level(timed: TimedCircuit, stages: Stages, settle_fs: int, each_gate: bool) -> Iterator[str]:
    """Lines of the Verilog around the timed netlist."""
    circuit = timed.circuit
    place = {int(net): i for i, net in enumerate(circuit.source)}
    outputs = [f"dut.{wire_name(net)}" for bits in circuit.netlist.outputs.values() for net in bits]
    gates = counted_gates(circuit)
    yield "`timescale 1fs/1fs"
    yield f"module {TOP};"
    yield f"  parameter EACH_GATE = {int(each_gate)};"
    yield f"  reg [{len(place) - 1}:0] before_values, after_values;"
    yield "  reg go, done = 0, clock = " + ("0;" if stages.rising else "1;")
    yield "  reg [63:0] start, last_fs;"
    yield "  reg [31:0] toggles;"
    yield f"  reg [31:0] gate_toggles [0:{max(len(gates) - 1, 0)}];"
    yield f"  reg [63:0] gate_last_fs [0:{max(len(gates) - 1, 0)}];"
    yield "  integer i;"
    yield f"  wire [{len(outputs) - 1}:0] output_values = {{{', '.join(reversed(outputs))}}};"
    ties = []
    for port, nets in circuit.netlist.inputs.items():
        bits = ", ".join(_driver(circuit, stages, place, net) for net in reversed(nets))
        ties.append(f".{identifier(port)}({{{bits}}})")
    yield f"  {identifier(circuit.netlist.name)} dut({', '.join(ties)});"
    for net, inverted in stages.inverted.items():
        yield f"  always @(clock) force dut.{wire_name(net)} = {'~' if inverted else ''}clock;"
    for i, gate in enumerate(gates):
        counting = "toggles = toggles + 1;"
        if each_gate:
            counting += f" gate_toggles[{i}] = gate_toggles[{i}] + 1; gate_last_fs[{i}] = $time - start;"
        yield f"  always @(dut.{wire_name(int(circuit.out[gate]))}) begin {counting} end"
    for net in dict.fromkeys(timed.end_net.tolist()):
        yield f"  always @(dut.{wire_name(net)}) if ($time - start > last_fs) last_fs = $time - start;"
    yield "  always @(go) begin"
    yield from (f"    {moved(net, f'before_values[{i}]')}" for net, i in place.items())
    yield f"    #{settle_fs};"
    for edge in range(stages.fill):
        yield from _clocked(stages, settle_fs, edge, [])
    yield "    toggles = 0; last_fs = 0;"
    if each_gate:
        yield f"    for (i = 0; i < {len(gates)}; i = i + 1) begin gate_toggles[i] = 0; gate_last_fs[i] = 0; end"
    for edge in range(stages.count):
        yield from _clocked(stages, settle_fs, edge, _launches(timed, stages, edge))
    if stages.count % 2:
        yield f"    clock = {int(not stages.rising)}; #{settle_fs};"
    yield "    done = ~done;"
    yield "  end"
    yield "endmodule"


def _driver(circuit: Circuit, stages: Stages, sources: Container[int], net: int) -> str:
    """What drives a bit of an input port; a source is moved behind it, and unknown until then."""
    if net in sources:
        return "1'bx"
    return "clock" if net in stages.clock_nets else f"1'b{max(0, circuit.constant[net])}"


def _clocked(stages: Stages, settle_fs: int, edge: int, launches: list[str]) -> Iterator[str]:
    """A clock edge, the sources that change with it, and the time until all is quiet."""
    yield "    start = $time;"
    yield f"    clock = {int(stages.rising) ^ (edge & 1)};"
    if launches:
        yield "    #0;"  # the flip-flops have sampled before the sources of this edge change
    yield from launches
    yield f"    #{settle_fs};"


def _launches(timed: TimedCircuit, stages: Stages, edge: int) -> list[str]:
    """Statements that set the sources of a clock edge to their new values, each at its launch time."""
    source = timed.circuit.source
    now = 0
    lines = []
    for launch in np.unique(timed.launch_fs[source[stages.source_edge == edge]]).tolist():
        mine = np.flatnonzero((stages.source_edge == edge) & (timed.launch_fs[source] == launch))
        if launch > now:
            lines.append(f"    #{launch - now};")
        lines.extend(f"    {moved(int(source[i]), f'after_values[{i}]')}" for i in mine)
        now = launch
    return lines


def _text_rows(before: U8, after: U8) -> npt.NDArray[np.str_]:
    """A line of text for each transition: both vectors in binary, the last source first."""
    characters = np.full((len(before), 2 * before.shape[1] + 1), ord(" "), np.uint8)
    characters[:, : before.shape[1]] = before[:, ::-1] + ord("0")
    characters[:, before.shape[1] + 1 :] = after[:, ::-1] + ord("0")
    return np.array([row.tobytes().decode() for row in characters])


def _observations(path: Path, count: int) -> IcarusResult:
    rows = [line.split() for line in path.read_text().splitlines()]
    if len(rows) != count:
        raise HaloError(
            f"Icarus played {len(rows)} of {count} transitions", "Run halo doctor to check the installation."
        )
    numbers = np.array([[int(row[0]), int(row[1]), *map(int, row[3:])] for row in rows], np.int64).reshape(count, -1)
    bits = np.frombuffer("".join(row[2] for row in rows).encode(), np.uint8).reshape(count, -1)[:, ::-1]
    outputs = np.where(bits == ord("1"), 1, np.where(bits == ord("0"), 0, UNRESOLVED)).astype(np.uint8)
    if numbers.shape[1] == 2:
        return IcarusResult(numbers[:, 0], numbers[:, 1], outputs, None, None)
    toggles, last = np.hsplit(numbers[:, 2:], 2)
    return IcarusResult(numbers[:, 0], numbers[:, 1], outputs, toggles, last)


def _simulate(workdir: Path, timed_netlist: Path) -> None:
    simulator = find_simulator("icarus")
    model = Model(
        sources=(timed_netlist, workdir / "top.v"),
        toplevel=TOP,
        parameters={},
        defines={},
        arguments=("-gspecify",),
        timescale=("1ns", "1fs"),
    )
    build_model(simulator, model, workdir)
    run_bench(simulator, model, workdir, "crosscheck.bench", workdir)
