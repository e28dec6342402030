# SPDX-License-Identifier: Apache-2.0
"""The weight-stationary array written to be read: every register of ``systolic_ws.v`` in every clock.

Tests: tests/arch/systolic/test_cycle_level.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from halo.arch.systolic.loads import I64, Int8, StreamStalls, WsLoad
from halo.arch.systolic.reference import ClockGenerator, Recorded, Skew, Source, filled, from_above, from_left, wrapped
from halo.arch.systolic.ws_cycles import LEAST_SLOTS, WsArray, WsTile
from halo.arch.weights import INT8_VALUES, INT8_ZERO

Lane = tuple[bool, bool, bool, int, bool]
"""At the left of a row: slot, swap, load of the weight, activation, and whether that is one of the product."""
Mark = tuple[bool, bool, bool]
"""First k-tile, last k-tile, last row of the tile."""


class _Mesh:
    """``ws_mesh.v``: elements with the registers of ``pe_ws.v``. Flags say whether an operand is one of the product."""

    def __init__(self, rows: int, columns: int, pipeline: int) -> None:
        def zeros() -> I64:
            return np.zeros((rows, columns), np.int64)

        self.transport, self.next, self.weight = zeros(), zeros(), zeros()
        self.transport_real, self.next_real, self.weight_real = zeros(), zeros(), zeros()
        self.activation, self.activation_real = zeros(), zeros()
        self.valid, self.swap, self.load = zeros(), zeros(), zeros()
        self.products = deque([zeros()] * pipeline)
        self.psum = zeros()
        self.arrived = deque([False] * (pipeline + 1))  # of the last element: its sum is one of a slot

    def step(self, lanes: Sequence[Lane], weights: I64, weights_real: I64) -> None:
        """One clock: every register takes what its inputs were."""
        slot, swap, load, activation, real = (np.array(values, np.int64) for values in zip(*lanes, strict=True))
        self.arrived.append(bool(self.valid[-1, -1]))
        self.arrived.popleft()
        self.products.append(self.weight * self.activation)
        self.psum = from_above(np.zeros_like(weights), self.psum) + self.products.popleft()
        activation, real = from_left(activation, self.activation), from_left(real, self.activation_real)
        self.valid = from_left(slot, self.valid)
        self.activation = np.where(self.valid, activation, self.activation)
        self.activation_real = np.where(self.valid, real, self.activation_real)
        self.swap = from_left(swap, self.swap)
        self.weight = np.where(self.swap, self.next, self.weight)
        self.weight_real = np.where(self.swap, self.next_real, self.weight_real)
        self.load = from_left(load, self.load)
        self.transport, self.transport_real = (
            from_above(weights, self.transport),
            from_above(weights_real, self.transport_real),
        )
        self.next = np.where(self.load, self.transport, self.next)
        self.next_real = np.where(self.load, self.transport_real, self.next_real)


class _Buffer:
    """``accumulator_buffer.v``: sums of the output tile in progress, and finished rows with the clock they are offered.

    Attributes:
        finished: (clock from which on it is offered, sums) of each.
    """

    def __init__(self) -> None:
        self.finished: deque[tuple[int, I64]] = deque()
        self._memory: dict[int, I64] = {}
        self._index = 0
        self._under_way: deque[tuple[int, I64, Mark] | None] = deque([None] * 2)

    def step(self, clock: int, row: I64 | None, mark: Mark) -> None:
        """The end of a clock; a row of one k-tile may come."""
        if row is None:
            self._under_way.append(None)
        else:
            first, _, end = mark
            # It was read a clock ago: the slots of a tile keep a write of the same row away from that clock.
            held = np.zeros_like(row) if first else self._memory[self._index]
            self._under_way.append((self._index, held + row, mark))
            self._index = 0 if end else self._index + 1
        ready = self._under_way.popleft()
        if ready is not None:
            index, sums, (_, last, _) = ready
            if last:
                self.finished.append((clock + 3, sums))
            else:
                self._memory[index] = sums


def run_ws(
    array: WsArray,
    activation: Int8,
    weight: Int8,
    loads: Sequence[WsLoad],
    stalls: StreamStalls,
    waits: Sequence[tuple[int, int]],
    acc_bits: int = 32,
) -> Recorded:
    """Run loads that have been checked; ``waits``: of each change of the clock.

    Args:
        array: its sizes.
        activation: int8[M, K].
        weight: int8[K, N].
        loads: in order, checked.
        stalls: of the streams.
        waits: clocks to the acknowledge of each change of the clock, and to its fall.
        acc_bits: of the accumulators.
    """
    rows, columns, mesh_latency = array.rows, array.columns, array.latency - 5
    command = Source([load.tile for load in loads], stalls.command)
    weights = Source([row for load in loads for row in _weight_beats(array, weight, load)], stalls.weight)
    activations = Source(
        [row for load in loads for row in _activation_beats(array, activation, load)], stalls.activation
    )
    where = deque((load.row + i, load.column) for load in loads if load.tile.last for i in range(load.tile.rows))
    outputs = np.zeros((len(activation), weight.shape[1]), np.int64)
    weight_activity = np.zeros((max(load.tile.frequency_class for load in loads) + 1, INT8_VALUES), np.int64)
    slots: list[int] = []
    results: list[int] = []
    busy: list[int] = []
    clock_class: list[int] = []

    mesh, buffer, clock = _Mesh(rows, columns, array.pipeline), _Buffer(), ClockGenerator(waits)
    empty_lane: Lane = (False, False, False, 0, False)
    front = deque([[empty_lane] * rows])
    weight_front = deque([[(0, False)] * columns])
    skew: Skew[Lane] = Skew(rows, empty_lane)
    weight_skew: Skew[tuple[int, bool]] = Skew(columns, (0, False))
    deskew: Skew[int] = Skew(columns, 0, reverse=True)
    marks = deque([(False, False, False)] * mesh_latency)
    following: WsTile | None = None  # next_* of ws_control.v
    fits = False
    running = WsTile(0)
    waiting = open_now = started = changed = False
    to_come = gap = spare = flush = loaded = 0
    flushed = True
    room = 2 * array.depth
    t = 0
    while where:
        for source in (command, weights, activations):
            source.offer(t)
        clock.answer()
        ready = t >= len(stalls.result) or not stalls.result[t]
        # ws_control.v and weight_loader.v: wires
        slot = open_now and activations.valid
        take = weights.valid and loaded < rows
        free = (slot and to_come == 1 and spare == 0) if open_now else (not waiting and spare <= 1)
        start = fits and loaded + take == rows and free
        granted = following is not None and clock.at_rest and following.frequency_class == clock.asked
        leave = bool(buffer.finished) and buffer.finished[0][0] <= t and ready
        # what enters the mesh: registers behind the streams
        beat = activations.beat if slot else [(0, False)] * rows
        front.append([(slot, started, take and r == loaded, *beat[r]) for r in range(rows)])
        lanes = skew(front.popleft())
        weight_front.append(weights.beat if take else [(0, False)] * columns)
        entering = weight_skew(weight_front.popleft())
        marks.append((running.first, running.last, to_come == 1))
        # what the elements do in this clock
        weight_activity[clock.current] += np.bincount(INT8_ZERO + mesh.weight[mesh.valid > 0], minlength=INT8_VALUES)
        busy.append(int((mesh.valid * mesh.activation_real * mesh.weight_real).sum()))
        clock_class.append(clock.current)
        # the end of the clock
        if leave:
            row, column = where.popleft()
            sums = wrapped(buffer.finished.popleft()[1], acc_bits)
            outputs[row, column : column + columns] = sums[: outputs.shape[1] - column]
            results.append(t)
        aligned = np.array(deskew([int(s) for s in mesh.psum[-1]]), np.int64)
        buffer.step(t, aligned if mesh.arrived[0] else None, marks.popleft())
        mesh.step(lanes, *(np.array(values, np.int64) for values in zip(*entering, strict=True)))
        idle_slots = max(array.lead(changed=changed) - 1, 0)
        changed = clock.request or (changed and not start)
        clock.step(None if following is None else following.frequency_class, flushed)
        fits = granted and not start and following is not None and (not following.first or following.rows <= room)
        room += leave - (running.rows if started and running.first else 0)
        flushed = flush == 0 and not open_now and not waiting
        flush = array.latency - 2 if start or slot else max(flush - 1, 0)
        if slot:
            activations.take()
            slots.append(t)
            to_come -= 1
        if start and following is not None:
            running, to_come, gap = following, following.rows, idle_slots
            waiting, open_now, spare = gap > 0, gap == 0, max(LEAST_SLOTS - to_come, 0)
        elif waiting:
            waiting, open_now, gap = gap > 0, gap == 0, gap - 1
        elif open_now:
            open_now = to_come > 0
        else:
            spare = max(spare - 1, 0)
        started = start
        if take:
            weights.take()
        loaded = 0 if start else loaded + take
        if start:
            following = None
        elif following is None and command.valid:
            following = command.take()
        t += 1
    return Recorded(outputs, np.array(slots), np.array(results), np.array(busy), np.array(clock_class), weight_activity)


def _weight_beats(array: WsArray, weight: Int8, load: WsLoad) -> list[list[tuple[int, bool]]]:
    """Rows of weights of a load, filled up with zeros that are marked."""
    part = weight[load.k : load.k + array.rows, load.column : load.column + array.columns]
    return filled(part, array.rows, array.columns)


def _activation_beats(array: WsArray, activation: Int8, load: WsLoad) -> list[list[tuple[int, bool]]]:
    part = activation[load.row : load.row + load.tile.rows, load.k : load.k + array.rows]
    return filled(part, load.tile.rows, array.rows)
