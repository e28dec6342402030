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
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from halo.jit import inline, kernel

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

COMB = 0
"""``halo.netlist.model.COMB``; kernels import numpy and numba's policy only."""
UNREACHED = -1.0
"""Arrival of an edge that no path reaches. True arrivals are zero or later."""


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


@inline
def time_gate(
    g: int,
    kind: U8,
    out: I32,
    pin_start: I32,
    pin_net: I32,
    table_start: I64,
    table: U8,
    set_start: I64,
    set_pin: I32,
    set_condition: I64,
    condition: U8,
    arc_start: I64,
    arc_in: U8,
    arc_out: U8,
    axis_start: I64,
    axis_size: I32,
    axis: F64,
    value_start: I64,
    value: F64,
    input_slew: float,
    dead_slew: bool,
    net_value: I8,
    arrival: F64,
    slew: F64,
    from_arc: I64,
    positive: U8,
    negative: U8,
) -> None:
    """Set constant, arrival and slew of one gate's output from those of its inputs."""
    net = out[g]
    if net_value[net] >= 0:
        return
    first = pin_start[g]
    n = pin_start[g + 1] - first
    mask = 0
    known = 0
    for p in range(n):
        v = net_value[pin_net[first + p]]
        if v >= 0:
            mask |= 1 << p
            known |= v << p
    comb = kind[g] == COMB
    if mask and comb:
        fixed = inspect_gate(n, table, table_start[g], mask, known, positive, negative)
        if fixed >= 0:
            net_value[net] = fixed
            return
    rise = UNREACHED
    fall = UNREACHED
    rise_slew = 0.0
    fall_slew = 0.0
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
            start = 0.0
            in_slew = input_slew
            if p >= 0:
                source = pin_net[first + p]
                start = arrival[source, edge]
                in_slew = slew[source, edge]
            s = curve_at(in_slew, axis, axis_start[a, 1], axis_size[a, 1], value, value_start[a, 1])
            end = UNREACHED
            if start != UNREACHED and (follow if edge == arc_out[a] else oppose):
                d = curve_at(in_slew, axis, axis_start[a, 0], axis_size[a, 0], value, value_start[a, 0])
                end = max(start + d, 0.0)
            if arc_out[a]:
                rise_slew = max(rise_slew, s)
                if end > rise:
                    rise = end
                    rise_arc = a
            else:
                fall_slew = max(fall_slew, s)
                if end > fall:
                    fall = end
                    fall_arc = a
    arrival[net, 0] = fall
    arrival[net, 1] = rise
    slew[net, 0] = fall_slew
    slew[net, 1] = rise_slew
    from_arc[net, 0] = fall_arc
    from_arc[net, 1] = rise_arc


@kernel
def time_cases(
    kind: U8,
    out: I32,
    pin_start: I32,
    pin_net: I32,
    table_start: I64,
    table: U8,
    constant: I8,
    input_net: I32,
    start_net: I32,
    set_start: I64,
    set_pin: I32,
    set_condition: I64,
    condition: U8,
    arc_start: I64,
    arc_in: U8,
    arc_out: U8,
    axis_start: I64,
    axis_size: I32,
    axis: F64,
    value_start: I64,
    value: F64,
    input_slew: float,
    input_arrival: float,
    dead_slew: bool,
    case_net: I32,
    case_value: I8,
    end_net: I32,
    end_arrival: F64,
    end_slew: F64,
    net_value: I8,
    arrival: F64,
    slew: F64,
    from_arc: I64,
) -> None:
    """Time every case; the work arrays keep the state of the last one.

    Args:
        kind, out, pin_start, pin_net, table_start, table, constant: arrays of the circuit.
        input_net: nets of input ports; start_net: those of them where paths start (not clocks).
        set_start ... value: arrays of the timing graph.
        input_slew: seconds, of the input nets and at the flip-flops' clock pins.
        input_arrival: seconds, when paths start.
        dead_slew: slew is merged from arcs that are off.
        case_net: int32[K], held nets; case_value: int8[W, K], 0, 1, or -1 where a case leaves the net free.
        end_net: int32[E]; end_arrival, end_slew: float64[W, E, 2], written, by edge (fall, rise).
        net_value, arrival[N, 2], slew[N, 2], from_arc[N, 2]: work arrays, written.
    """
    positive = np.zeros(32, dtype=np.uint8)
    negative = np.zeros(32, dtype=np.uint8)
    for w in range(case_value.shape[0]):
        for net in range(len(constant)):
            net_value[net] = constant[net]
            for edge in range(2):
                arrival[net, edge] = UNREACHED
                slew[net, edge] = 0.0
                from_arc[net, edge] = -1
        for i in range(len(case_net)):
            if case_value[w, i] >= 0:
                net_value[case_net[i]] = case_value[w, i]
        for net in input_net:
            for edge in range(2):
                slew[net, edge] = input_slew
        for net in start_net:
            for edge in range(2):
                if net_value[net] < 0:
                    arrival[net, edge] = input_arrival
        for g in range(len(out)):
            time_gate(
                g,
                kind,
                out,
                pin_start,
                pin_net,
                table_start,
                table,
                set_start,
                set_pin,
                set_condition,
                condition,
                arc_start,
                arc_in,
                arc_out,
                axis_start,
                axis_size,
                axis,
                value_start,
                value,
                input_slew,
                dead_slew,
                net_value,
                arrival,
                slew,
                from_arc,
                positive,
                negative,
            )
        for e in range(len(end_net)):
            for edge in range(2):
                end_arrival[w, e, edge] = arrival[end_net[e], edge]
                end_slew[w, e, edge] = slew[end_net[e], edge]


@kernel
def arc_delays(
    pin_start: I32,
    pin_net: I32,
    set_start: I64,
    set_pin: I32,
    arc_start: I64,
    arc_in: U8,
    axis_start: I64,
    axis_size: I32,
    axis: F64,
    value_start: I64,
    value: F64,
    input_slew: float,
    slew: F64,
    delay: F64,
) -> None:
    """Delay of every arc at the slew of its source net; clock arcs at ``input_slew``. Writes delay: float64[A]."""
    for g in range(len(pin_start) - 1):
        for k in range(set_start[g], set_start[g + 1]):
            for a in range(arc_start[k], arc_start[k + 1]):
                in_slew = input_slew
                if set_pin[k] >= 0:
                    in_slew = slew[pin_net[pin_start[g] + set_pin[k]], arc_in[a]]
                delay[a] = curve_at(in_slew, axis, axis_start[a, 0], axis_size[a, 0], value, value_start[a, 0])
