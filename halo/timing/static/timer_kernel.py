# SPDX-License-Identifier: Apache-2.0
"""Arrival and slew of every net under held nets: one pass over the gates in order, for many cases.

Rules of OpenSTA 3.1 (``search/Sim.cc``, ``search/SearchPred.cc``, ``dcalc/GraphDelayCalc.cc``):

- A constant is carried through every cell whose function it fixes. No path starts from, ends in or passes a constant
  pin, and slew is not merged from arcs whose source is constant.
- Where an input of a gate is constant, an arc set is off if the function no longer depends on its pin or its
  condition cannot hold; an unconditioned set is off if a conditioned one between the same pins certainly holds. An
  arrival passes only sets that are on, and of these only arcs of the sense that is left.
- The slew of an output is the largest over all arcs from pins that are not constant, on or off. OpenSTA 2 left out
  the sets that are off (``dead_slew`` false), which is the only difference between the two.
- A gate without constant inputs uses all its arcs, conditioned or not.
- Slew is at least zero. A net that no arc drives to an edge has slew 0 there and no arrival.

That is the late pass, for setup. The early pass, for hold, is the same with the smallest slew and the first arrival.

Tests: tests/timing/static/test_timer.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.jit import inline, kernel
from halo.netlist.model import COMB, CircuitArrays
from halo.timing.static.wire_kernel import SinkState, WireArrays, drive_net, drive_ports, end_sinks, start_sinks

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

UNREACHED = -1.0
"""Arrival of an edge that no path reaches. True arrivals are zero or later."""
NO_SLEW = np.inf
"""Slew of an edge that no arc has driven yet, in the early pass."""


@inline
def curve_at(slew: float, axis: F64, axis_start: int, size: int, value: F64, value_start: int) -> float:
    """Linear interpolation along a curve, continued along its first and last segments."""
    if size == 1:
        return value[value_start]  # type: ignore[no-any-return]
    i = 0
    while i < size - 2 and slew >= axis[axis_start + i + 1]:
        i += 1
    low = axis[axis_start + i]
    share = (slew - low) / (axis[axis_start + i + 1] - low)
    return value[value_start + i] * (1.0 - share) + value[value_start + i + 1] * share  # type: ignore[no-any-return]


@inline
def inspect_gate(n: int, table: U8, table_start: int, mask: int, known: int, positive: U8, negative: U8) -> int:
    """Value of a gate whose pins ``mask`` hold ``known``: 0, 1, or -1; and the senses left to each other pin."""
    zeros = 0
    ones = 0
    for p in range(n):
        positive[p] = 0
        negative[p] = 0
    for s in range(1 << n):
        if s & mask != known:
            continue
        v = table[table_start + s]
        if v:
            ones += 1
        else:
            zeros += 1
        for p in range(n):
            if (mask >> p) & 1 == 0 and (s >> p) & 1 == 1:
                before = table[table_start + (s ^ (1 << p))]
                if v > before:
                    positive[p] = 1
                elif v < before:
                    negative[p] = 1
    if zeros == 0:
        return 1
    if ones == 0:
        return 0
    return -1


@inline
def condition_state(n: int, condition: U8, start: int, mask: int, known: int) -> int:
    """0: the condition cannot hold; 1: it may; 3: it certainly holds."""
    may = 0
    must = 2
    for s in range(1 << n):
        if s & mask == known:
            may |= condition[start + s] & 1
            must &= condition[start + s]
    return may | must if may else 0


class GraphArrays(NamedTuple):
    """Delay arcs of a circuit as curves over input slew. Edge 0 is fall, 1 is rise.

    Attributes:
        set_start: int64[G + 1], arc sets of each gate.
        set_pin: int32[sets], number of the gate's pin, or -1 for a flip-flop's clock.
        set_condition: int64[sets], start of the set's row in ``condition``, or -1.
        condition: uint8, bit 0 where the condition may hold, bit 1 where it must; one entry a state.
        arc_start: int64[sets + 1], arcs of each set.
        arc_in, arc_out: uint8[A], edges.
        axis_start: int64[A, 2], int32 ``axis_size[A, 2]``: slew axis of each arc's delay (0) and slew (1) curve.
        axis: float64, seconds.
        value_start: int64[A, 2]; value: float64, seconds.
    """

    set_start: I64
    set_pin: I32
    set_condition: I64
    condition: U8
    arc_start: I64
    arc_in: U8
    arc_out: U8
    axis_start: I64
    axis_size: I32
    axis: F64
    value_start: I64
    value: F64


class StartArrays(NamedTuple):
    """Where paths start.

    Attributes:
        input_net: int32, nets of input ports; start_net: int32, those of them where paths start (not clocks).
        launches: uint8[G], 1 for flip-flops whose outputs start paths; the others only add their slew.
        input_slew_s: float64, of each input net; clock_slew_s: at the flip-flops' clock pins.
        arrival_s: when paths start.
    """

    input_net: I32
    start_net: I32
    launches: U8
    input_slew_s: F64
    clock_slew_s: float
    arrival_s: float


class NetState(NamedTuple):
    """What one case gives for every net.

    Attributes:
        value: int8[N], 0, 1 or -1 where the net may change.
        arrival, slew: float64[N, 2], seconds, by edge.
            With wires they hold at the driver.
        from_arc: int64[N, 2], the arc of the arrival, or -1.
        sinks: what wires add.
    """

    value: I8
    arrival: F64
    slew: F64
    from_arc: I64
    sinks: SinkState


@inline
def time_gate(
    g: int,
    circuit: CircuitArrays,
    graph: GraphArrays,
    wires: WireArrays | None,
    launches: U8,
    clock_slew: float,
    dead_slew: bool,
    late: bool,
    nets: NetState,
    positive: U8,
    negative: U8,
) -> None:
    """Set constant, arrival and slew of one gate's output from those of its inputs."""
    pin_net = circuit.pin_net
    table = circuit.table
    set_start = graph.set_start
    set_pin = graph.set_pin
    set_condition = graph.set_condition
    condition = graph.condition
    arc_start = graph.arc_start
    arc_in = graph.arc_in
    arc_out = graph.arc_out
    axis_start = graph.axis_start
    axis_size = graph.axis_size
    axis = graph.axis
    value_start = graph.value_start
    value = graph.value
    net_value = nets.value
    arrival = nets.arrival
    slew = nets.slew
    from_arc = nets.from_arc
    net = circuit.out[g]
    if net_value[net] >= 0:
        return
    first = circuit.pin_start[g]
    n = circuit.pin_start[g + 1] - first
    mask = 0
    known = 0
    for p in range(n):
        v = net_value[pin_net[first + p]]
        if v >= 0:
            mask |= 1 << p
            known |= v << p
    comb = circuit.kind[g] == COMB
    if mask and comb:
        fixed = inspect_gate(n, table, circuit.table_start[g], mask, known, positive, negative)
        if fixed >= 0:
            net_value[net] = fixed
            return
    wired = False
    if wires is not None:  # the kernel is compiled without all of this for a circuit that has none
        wired = wires.kind[net] > 0
        if wired and not late:
            start_sinks(net, wires, nets.sinks)
    rise = UNREACHED
    fall = UNREACHED
    rise_slew = 0.0 if late else NO_SLEW
    fall_slew = 0.0 if late else NO_SLEW
    rise_arc = -1
    fall_arc = -1
    for k in range(set_start[g], set_start[g + 1]):
        p = set_pin[k]
        follow = True
        oppose = True
        if comb and mask:
            if (mask >> p) & 1:
                continue
            follow = positive[p] == 1
            oppose = negative[p] == 1
            off = not (follow or oppose)
            if set_condition[k] >= 0:
                off |= condition_state(n, condition, set_condition[k], mask, known) == 0
            else:
                for other in range(set_start[g], set_start[g + 1]):
                    if set_pin[other] == p and set_condition[other] >= 0:
                        off |= condition_state(n, condition, set_condition[other], mask, known) == 3
            if off:
                if not dead_slew:
                    continue
                follow = False
                oppose = False
        for a in range(arc_start[k], arc_start[k + 1]):
            edge = arc_in[a]
            start = 0.0 if launches[g] else UNREACHED
            in_slew = clock_slew
            if p >= 0:
                source = pin_net[first + p]
                start = arrival[source, edge]
                in_slew = slew[source, edge]
                if wires is not None:
                    sink = wires.pin_sink[first + p]
                    if sink >= 0:
                        in_slew = nets.sinks.slew[sink, edge]
                        if start != UNREACHED:
                            start += nets.sinks.delay[sink, edge]
            d = 0.0
            s = 0.0
            if wires is not None and wired:
                d, s = drive_net(
                    a, in_slew, net, arc_out[a], axis, axis_start, axis_size, wires, nets.sinks, late, True
                )
            if not wired:
                s = curve_at(in_slew, axis, axis_start[a, 1], axis_size[a, 1], value, value_start[a, 1])
            end = UNREACHED
            if start != UNREACHED and (follow if edge == arc_out[a] else oppose):
                if not wired:
                    d = curve_at(in_slew, axis, axis_start[a, 0], axis_size[a, 0], value, value_start[a, 0])
                end = max(start + d, 0.0)
            if arc_out[a]:
                rise_slew = max(rise_slew, s) if late else min(rise_slew, max(s, 0.0))
                if end > rise if late else end != UNREACHED and (rise == UNREACHED or end < rise):
                    rise = end
                    rise_arc = a
            else:
                fall_slew = max(fall_slew, s) if late else min(fall_slew, max(s, 0.0))
                if end > fall if late else end != UNREACHED and (fall == UNREACHED or end < fall):
                    fall = end
                    fall_arc = a
    if wires is not None and wired and not late:
        end_sinks(net, wires, nets.sinks)
    arrival[net, 0] = fall
    arrival[net, 1] = rise
    slew[net, 0] = fall_slew if fall_slew != NO_SLEW else 0.0
    slew[net, 1] = rise_slew if rise_slew != NO_SLEW else 0.0
    from_arc[net, 0] = fall_arc
    from_arc[net, 1] = rise_arc


@kernel
def time_cases(
    circuit: CircuitArrays,
    graph: GraphArrays,
    wires: WireArrays | None,
    start: StartArrays,
    dead_slew: bool,
    late: bool,
    case_net: I32,
    case_value: I8,
    end_net: I32,
    end_sink: I32,
    end_arrival: F64,
    end_slew: F64,
    nets: NetState,
) -> None:
    """Time every case; the state of the nets is that of the last one.

    Args:
        circuit, graph, wires, start: what is timed; None: no wires.
        dead_slew: slew is merged from arcs that are off.
        late: the last arrival and largest slew of each net; False: the first arrival and smallest slew.
        case_net: int32[K], held nets; case_value: int8[W, K], 0, 1, or -1 where a case leaves the net free.
        end_net: int32[E]; end_sink: int32[E], the sink of the wire there, or NO_SINK.
        end_arrival, end_slew: float64[W, E, 2], written, by edge (fall, rise).
        nets: work arrays, written.
    """
    constant = circuit.constant
    pin_start = circuit.pin_start
    arrival = nets.arrival
    slew = nets.slew
    widest = 1
    for g in range(len(circuit.out)):
        widest = max(widest, pin_start[g + 1] - pin_start[g])
    positive = np.zeros(widest, dtype=np.uint8)
    negative = np.zeros(widest, dtype=np.uint8)
    for w in range(case_value.shape[0]):
        for net in range(len(constant)):
            nets.value[net] = constant[net]
            for edge in range(2):
                arrival[net, edge] = UNREACHED
                slew[net, edge] = 0.0
                nets.from_arc[net, edge] = -1
        for i in range(len(case_net)):
            if case_value[w, i] >= 0:
                nets.value[case_net[i]] = case_value[w, i]
        for i in range(len(start.input_net)):
            for edge in range(2):
                slew[start.input_net[i], edge] = start.input_slew_s[i]
        for net in start.start_net:
            for edge in range(2):
                if nets.value[net] < 0:
                    arrival[net, edge] = start.arrival_s
        if wires is not None:
            nets.sinks.delay[:] = 0.0
            nets.sinks.slew[:] = 0.0
            drive_ports(start.input_net, start.input_slew_s, wires, nets.sinks)
        for g in range(len(circuit.out)):
            time_gate(
                g, circuit, graph, wires, start.launches, start.clock_slew_s, dead_slew, late, nets, positive, negative
            )
        for e in range(len(end_net)):
            for edge in range(2):
                end_arrival[w, e, edge] = arrival[end_net[e], edge]
                end_slew[w, e, edge] = slew[end_net[e], edge]
                if end_sink[e] >= 0:
                    end_slew[w, e, edge] = nets.sinks.slew[end_sink[e], edge]
                    if end_arrival[w, e, edge] != UNREACHED:
                        end_arrival[w, e, edge] += nets.sinks.delay[end_sink[e], edge]


@kernel
def arc_delays(
    circuit: CircuitArrays, graph: GraphArrays, wires: WireArrays | None, clock_slew: float, nets: NetState, delay: F64
) -> None:
    """Delay of every arc at the slew of its source; clock arcs at ``clock_slew``. Writes delay: float64[A]."""
    axis = graph.axis
    axis_start = graph.axis_start
    axis_size = graph.axis_size
    value = graph.value
    value_start = graph.value_start
    for g in range(len(circuit.out)):
        net = circuit.out[g]
        for k in range(graph.set_start[g], graph.set_start[g + 1]):
            for a in range(graph.arc_start[k], graph.arc_start[k + 1]):
                in_slew = clock_slew
                if graph.set_pin[k] >= 0:
                    pin = circuit.pin_start[g] + graph.set_pin[k]
                    in_slew = nets.slew[circuit.pin_net[pin], graph.arc_in[a]]
                    if wires is not None and wires.pin_sink[pin] >= 0:
                        in_slew = nets.sinks.slew[wires.pin_sink[pin], graph.arc_in[a]]
                wired = False
                if wires is not None:
                    wired = wires.kind[net] > 0
                    if wired:
                        delay[a], _ = drive_net(
                            a,
                            in_slew,
                            net,
                            graph.arc_out[a],
                            axis,
                            axis_start,
                            axis_size,
                            wires,
                            nets.sinks,
                            True,
                            False,
                        )
                if not wired:
                    delay[a] = curve_at(in_slew, axis, axis_start[a, 0], axis_size[a, 0], value, value_start[a, 0])


@kernel
def path_starts(circuit: CircuitArrays, graph: GraphArrays, nets: NetState, start: I32) -> None:
    """Where the path to each net's arrival starts.

    Args:
        circuit, graph: what was timed.
        nets: after ``time_cases``.
        start: int32[N, 2], written, by edge: the gate of the flip-flop that launches; -2 - net for a port; -1 where
            nothing arrives.
    """
    for net in range(len(nets.value)):
        for edge in range(2):
            start[net, edge] = -2 - net if nets.arrival[net, edge] != UNREACHED else -1
    for g in range(len(circuit.out)):
        net = circuit.out[g]
        for k in range(graph.set_start[g], graph.set_start[g + 1]):
            for a in range(graph.arc_start[k], graph.arc_start[k + 1]):
                edge = graph.arc_out[a]
                if nets.from_arc[net, edge] == a:
                    if graph.set_pin[k] < 0:
                        start[net, edge] = g
                    else:
                        source = circuit.pin_net[circuit.pin_start[g] + graph.set_pin[k]]
                        start[net, edge] = start[source, graph.arc_in[a]]
