# SPDX-License-Identifier: Apache-2.0
"""Wires of a circuit laid out for the timer's kernels, beside its arcs.

Tests: tests/timing/static/test_wires.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Library, Table
from halo.netlist.model import Circuit
from halo.parasitics.loads import WireLoads, Wires
from halo.timing.arcs import EDGE_NAMES
from halo.timing.static.graph import TimingGraph, build_graph, net_loads, slew_by_load
from halo.timing.static.wire_kernel import NO_SINK, Memo, SinkState, WireArrays

I32 = npt.NDArray[np.int32]
F64 = npt.NDArray[np.float64]

WAYS = 4
"""Results kept of each arc: with the bits of a weight, transitions of most nets take a few values."""
_NO_TABLE = Table((), (), np.zeros(()))


@dataclass(frozen=True, eq=False)
class LoadedGraph:
    """Arcs of a circuit with its loads and wires.

    Attributes:
        graph: the arcs; wires: what lies behind them; None: nothing but capacitance.
        load_f: float64[N, 2], load of each net in farads by edge (fall, rise), wires included; plain_f: float64[N], of
            the pins' ``capacitance``.
        sink: place of each (instance, pin), or (-1, port bit), that has a wire in the arrays of ``wires``.
    """

    graph: TimingGraph
    wires: WireArrays | None
    load_f: F64
    plain_f: F64
    sink: Mapping[tuple[int, str], int]


def loaded_graph(
    circuit: Circuit, library: Library, output_load_f: float, wires: Wires | None = None, *, least: bool = False
) -> LoadedGraph:
    """Lay out the arcs of a circuit with its loads.

    Args:
        circuit: compiled netlist; library: the corner.
        output_load_f: external load of each bit of an output port.
        wires: of the netlist; None: they are nothing.
        least: the lower ends of the pins' capacitance ranges, for first arrivals.

    Raises:
        HaloError: a delay table has an unknown axis, or a gate's cell is not in the library.
    """
    if wires is None:
        load_f, plain_f = net_loads(circuit, library, output_load_f, least=least)
        return LoadedGraph(build_graph(circuit, library, load_f), None, load_f, plain_f, {})
    found = wires.loads(circuit.netlist, library, output_load_f, least=least)
    load_f, plain_f = net_loads(circuit, library, output_load_f, found.cap_f, least=least)
    graph = build_graph(circuit, library, load_f)
    return LoadedGraph(graph, wire_arrays(circuit, library, graph, found), load_f, plain_f, found.sink)


def wire_arrays(circuit: Circuit, library: Library, graph: TimingGraph, wires: WireLoads) -> WireArrays | None:
    """Lay out the wires of a circuit, and the tables of the arcs that drive them.

    Args:
        circuit, library: compiled netlist and corner; graph: its arcs.
        wires: of the same netlist.

    Returns:
        None where wires are capacitance alone, which the loads hold.
    """
    if not wires.kind.any():
        return None
    arrays = graph.arrays
    arcs = len(arrays.arc_in)
    load_start, grid_start = np.zeros((arcs, 2), np.int64), np.zeros((arcs, 2), np.int64)
    load_size = np.zeros((arcs, 2), np.int32)
    loads: list[F64] = []
    grids: list[F64] = []
    load_count = grid_count = 0
    for kind in graph.types:
        for i, group in enumerate(kind.sets):
            first = arrays.arc_start[arrays.set_start[kind.gates] + i]
            for j, arc in enumerate(group.arcs):
                for column, table in enumerate((arc.delay, arc.slew or _NO_TABLE)):
                    _, axis, values = slew_by_load(table, kind.cell)
                    at = first + j
                    load_start[at, column], load_size[at, column] = load_count, len(axis)
                    grid_start[at, column] = grid_count
                    loads.append(axis)
                    grids.append(values.ravel())
                    load_count += len(axis)
                    grid_count += values.size
    threshold = [
        (
            library.output_threshold[edge],
            library.slew_lower[edge],
            library.slew_upper[edge],
            library.slew_derate,
            library.input_threshold[edge],
        )
        for edge in EDGE_NAMES
    ]
    return WireArrays(
        kind=wires.kind,
        pi=wires.pi,
        sink_start=wires.sink_start,
        elmore=wires.elmore_s,
        pin_sink=pin_sinks(circuit, wires),
        threshold=np.array(threshold, np.float64),
        load_start=load_start,
        load_size=load_size,
        load=np.concatenate([*loads, np.zeros(0)]),
        grid_start=grid_start,
        grid=np.concatenate([*grids, np.zeros(0)]),
    )


def pin_sinks(circuit: Circuit, wires: WireLoads) -> I32:
    """Sink of each gate pin, or NO_SINK: int32[P]."""
    found = np.full(len(circuit.pin_net), NO_SINK, np.int32)
    if wires.sink:
        for gate in range(circuit.gates):
            instance = int(circuit.instance[gate])
            for pin in range(circuit.pin_start[gate], circuit.pin_start[gate + 1]):
                found[pin] = wires.sink.get((instance, circuit.pin_name[pin]), NO_SINK)
    return found


def sink_state(wires: WireArrays | None, arc_net: I32, cases: int) -> SinkState:
    """Room for what one case gives, and for results that other cases ask for again.

    Args:
        wires: from ``wire_arrays``; None: no room is needed.
        arc_net: int32[A], the net that each arc drives.
        cases: how many cases will be timed.
    """
    if wires is None:
        nothing = np.zeros((0, 2))
        none = Memo(nothing, np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros(0))
        return SinkState(nothing, nothing, np.zeros((4, 1)), none)
    widest = int(wires.load_size.max(initial=1))
    ways = WAYS if cases > 1 else 0
    arcs = len(arc_net) if ways else 0
    start = np.zeros(arcs + 1, np.int64)
    if ways:
        np.cumsum(ways * (2 + 2 * np.diff(wires.sink_start)[arc_net]), out=start[1:])
    memo = Memo(np.full((arcs, ways), -1.0), np.zeros(arcs, np.uint8), start, np.zeros(start[-1]))
    sinks = len(wires.elmore)
    return SinkState(np.zeros((sinks, 2)), np.zeros((sinks, 2)), np.zeros((4, widest)), memo)
