# SPDX-License-Identifier: Apache-2.0
"""Wires in the static timer: what a gate's arc does at the sinks of its net.

Each arc of a gate drives the net by itself; a sink's delay is the largest that any arc of the edge gives it, and so is
its transition (the smallest in the early pass), as in OpenSTA (dcalc/GraphDelayCalc1.cc).

Tests: tests/timing/static/test_wires.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.jit import inline, kernel
from halo.parasitics.reduce_kernel import BARE, GIVEN
from halo.timing.static.driver_kernel import Curve, Thresholds, at_sink, behind_port, drive

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

NO_SINK = -1


class WireArrays(NamedTuple):
    """Wires of a circuit. A *sink* is an input pin, or an output port bit, that a wire reaches. Edge 0 is fall, 1 rise.

    Attributes:
        kind: uint8[N], BARE, NETWORK or GIVEN.
        pi: float64[N, 2, 3], by edge: farads at the driver, ohm, farads behind them; pins included.
        sink_start: int64[N + 1], sinks of each net.
        elmore: float64[S, 2], seconds, by edge; negative where the wire does not reach the sink.
        pin_sink: int32[P], sink of each gate pin, or NO_SINK.
        threshold: float64[2, 5], by edge: delay threshold of outputs, lower and upper slew threshold, slew derating,
            delay threshold of inputs.
        load_start: int64[A, 2], load_size: int32[A, 2], loads of each arc's delay (0) and transition (1) table in
            ``load``, farads.
        grid_start: int64[A, 2], values of these tables in ``grid``, seconds: rows of input transitions.
    """

    kind: U8
    pi: F64
    sink_start: I64
    elmore: F64
    pin_sink: I32
    threshold: F64
    load_start: I64
    load_size: I32
    load: F64
    grid_start: I64
    grid: F64


class Memo(NamedTuple):
    """Results of each arc at its last input transitions, M of them; M is 0 where nothing is kept.

    Attributes:
        slew: float64[A, M], the transitions, -1 where there is none yet; turn: uint8[A], which is replaced next.
        start: int64[A + 1], room of each arc in ``value``: for M times 2 + 2 sinks.
        value: float64: delay and transition at the driver, then of each sink.
    """

    slew: F64
    turn: U8
    start: I64
    value: F64


class SinkState(NamedTuple):
    """What one case gives for every sink.

    Attributes:
        delay, slew: float64[S, 2], seconds, by edge: from the driver's output, and the transition there.
        work: float64[4, L], for the curves of one arc.
        memo: what arcs gave before, which many cases ask for again.
    """

    delay: F64
    slew: F64
    work: F64
    memo: Memo


@inline
def thresholds_of(edge, wires):  # type: ignore[no-untyped-def]
    """Thresholds of an edge."""
    at = wires.threshold
    return Thresholds(at[edge, 0], at[edge, 1], at[edge, 2], at[edge, 3])


@inline
def fill_curve(arc, column, slew, axis, axis_start, axis_size, wires, work):  # type: ignore[no-untyped-def]
    """A table at one input transition as values over the load, in rows ``2 * column`` of ``work``."""
    loads = wires.load_size[arc, column]
    at = wires.load_start[arc, column]
    grid = wires.grid
    row = wires.grid_start[arc, column]
    first = axis_start[arc, column]
    size = axis_size[arc, column]
    share = 0.0
    i = 0
    if size > 1:
        while i < size - 2 and slew >= axis[first + i + 1]:
            i += 1
        share = (slew - axis[first + i]) / (axis[first + i + 1] - axis[first + i])
    row += i * loads
    for j in range(loads):
        work[2 * column, j] = wires.load[at + j]
        value = grid[row + j]
        if size > 1:
            value = value * (1.0 - share) + grid[row + loads + j] * share
        work[2 * column + 1, j] = value
    return loads


@kernel
def drive_net(arc, slew, net, edge, axis, axis_start, axis_size, wires, sinks, late, merge):  # type: ignore[no-untyped-def]
    """Delay and transition of an arc whose net has a wire.

    Args:
        arc: index; slew: of its input; net, edge: of its output.
        axis, axis_start, axis_size: as in ``GraphArrays``.
        wires: ``WireArrays``; sinks: ``SinkState``, what the arc gives is merged into it if ``merge``.
        late: largest values are kept; False: smallest.

    Returns:
        (delay, transition) at the driver.
    """
    memo = sinks.memo
    first = wires.sink_start[net]
    count = wires.sink_start[net + 1] - first
    ways = memo.slew.shape[1]
    at_memo = np.int64(-1)
    for way in range(ways):
        if memo.slew[arc, way] == slew:
            at_memo = memo.start[arc] + way * (2 + 2 * count)
    value = memo.value
    if at_memo < 0:
        delays = fill_curve(arc, 0, slew, axis, axis_start, axis_size, wires, sinks.work)
        slews = fill_curve(arc, 1, slew, axis, axis_start, axis_size, wires, sinks.work)
        at = thresholds_of(edge, wires)
        pi = wires.pi
        delay, made, _, response = drive(
            pi[net, edge, 0], pi[net, edge, 1], pi[net, edge, 2], at, Curve(delays, slews, sinks.work)
        )
        if not merge:
            return delay, made
        if ways:
            way = memo.turn[arc]
            memo.turn[arc] = (way + 1) % ways
            memo.slew[arc, way] = slew
            at_memo = memo.start[arc] + way * (2 + 2 * count)
        else:
            value = np.empty(2 + 2 * count)
            at_memo = np.int64(0)
        value[at_memo] = delay
        value[at_memo + 1] = made
        for i in range(count):
            elmore = wires.elmore[first + i, edge]
            wire, there = 0.0, made
            if elmore >= 0.0:
                wire, there = at_sink(elmore, at, response)
            value[at_memo + 2 + 2 * i] = wire
            value[at_memo + 3 + 2 * i] = there
    if merge:
        for i in range(count):
            wire = value[at_memo + 2 + 2 * i]
            there = value[at_memo + 3 + 2 * i]
            if late:
                sinks.delay[first + i, edge] = max(sinks.delay[first + i, edge], wire)
                sinks.slew[first + i, edge] = max(sinks.slew[first + i, edge], there)
            else:
                sinks.delay[first + i, edge] = min(sinks.delay[first + i, edge], wire)
                sinks.slew[first + i, edge] = min(sinks.slew[first + i, edge], there)
    return value[at_memo], value[at_memo + 1]


@inline
def start_sinks(net, wires, sinks):  # type: ignore[no-untyped-def]
    """Begin the search for the smallest values at the sinks of a net."""
    for sink in range(wires.sink_start[net], wires.sink_start[net + 1]):
        for edge in range(2):
            sinks.delay[sink, edge] = np.inf
            sinks.slew[sink, edge] = np.inf


@inline
def end_sinks(net, wires, sinks):  # type: ignore[no-untyped-def]
    """Where no arc has driven an edge, there is neither delay nor transition."""
    for sink in range(wires.sink_start[net], wires.sink_start[net + 1]):
        for edge in range(2):
            if sinks.slew[sink, edge] == np.inf:
                sinks.delay[sink, edge] = 0.0
                sinks.slew[sink, edge] = 0.0


@kernel
def drive_ports(input_net, input_slew, wires, sinks):  # type: ignore[no-untyped-def]
    """Set the sinks of input ports.

    Args:
        input_net: int32, nets of input ports; input_slew: float64, their transitions, seconds.
        wires: ``WireArrays``; sinks: ``SinkState``.
    """
    for i in range(len(input_net)):
        net = input_net[i]
        if wires.kind[net] == BARE:
            continue
        for sink in range(wires.sink_start[net], wires.sink_start[net + 1]):
            for edge in range(2):
                sinks.delay[sink, edge] = 0.0
                sinks.slew[sink, edge] = input_slew[i]
                if wires.elmore[sink, edge] >= 0.0:
                    sinks.delay[sink, edge], sinks.slew[sink, edge] = behind_port(
                        wires.elmore[sink, edge],
                        input_slew[i],
                        thresholds_of(edge, wires),
                        wires.threshold[edge, 4],
                        wires.kind[net] == GIVEN,
                    )
