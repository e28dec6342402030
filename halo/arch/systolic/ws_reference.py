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
from halo.arch.systolic.ws_cycles import WsArray, WsTile
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
    """``accumulator_buffer.v`` without its ring: rows of the output tile in progress, and finished rows in order."""

    def __init__(self) -> None:
        self.finished: deque[I64] = deque()
        self._rows: dict[int, I64] = {}
        self._index = 0
        self._adding: tuple[int, I64, Mark] | None = None

    def step(self, row: I64 | None, mark: Mark) -> None:
        """The end of a clock; a row of one k-tile may come."""
        if self._adding is not None:
            index, sums, (first, last, _) = self._adding
            self._rows[index] = sums if first else self._rows[index] + sums
            if last:
                self.finished.append(self._rows[index])
        self._adding = None if row is None else (self._index, row, mark)
        if row is not None:
            self._index = 0 if mark[2] else self._index + 1


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
    rows, columns, mesh_latency = array.rows, array.columns, array.latency - 2
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
    skew: Skew[Lane] = Skew(rows, (False, False, False, 0, False))
    weight_skew: Skew[tuple[int, bool]] = Skew(columns, (0, False))
    deskew: Skew[int] = Skew(columns, 0, reverse=True)
    marks = deque([(False, False, False)] * mesh_latency)
    following: WsTile | None = None  # next_* of ws_control.v
    running = WsTile(0)
    to_come = gap = flush = loaded = 0
    changed = False
    room = 2 * array.depth
    t = 0
    while where:
        for source in (command, weights, activations):
            source.offer(t)
        clock.answer()
        ready = t >= len(stalls.result) or not stalls.result[t]
        # ws_control.v: wires
        idle_slots = max(array.lead(changed=changed) - 1, 0)
        done = to_come == 0 and gap == 0
        start = False
        if following is not None:
            granted = clock.at_rest and following.frequency_class == clock.asked
            start = granted and done and loaded == rows and (not following.first or following.rows <= room)
            if start:
                running, to_come = following, following.rows
        open_now = to_come > 0 and gap == 0 and not (start and idle_slots)
        slot = open_now and activations.valid
        take = weights.valid and (loaded < rows or start)
        marks.append((running.first, running.last, to_come == 1))
        leave = bool(buffer.finished) and ready
        # what enters the mesh
        beat = activations.beat if slot else [(0, False)] * rows
        place = loaded % rows
        lanes = skew([(slot, start, take and r == place, *beat[r]) for r in range(rows)])
        entering = weight_skew(weights.beat if take else [(0, False)] * columns)
        # what the elements do in this clock
        weight_activity[clock.current] += np.bincount(INT8_ZERO + mesh.weight[mesh.valid > 0], minlength=INT8_VALUES)
        busy.append(int((mesh.valid * mesh.activation_real * mesh.weight_real).sum()))
        clock_class.append(clock.current)
        # the end of the clock
        if leave:
            row, column = where.popleft()
            sums = wrapped(buffer.finished.popleft(), acc_bits)
            outputs[row, column : column + columns] = sums[: outputs.shape[1] - column]
            results.append(t)
        aligned = np.array(deskew([int(s) for s in mesh.psum[-1]]), np.int64)
        buffer.step(aligned if mesh.arrived[0] else None, marks.popleft())
        mesh.step(lanes, *(np.array(values, np.int64) for values in zip(*entering, strict=True)))
        changed = clock.request or (changed and not start)
        clock.step(None if following is None else following.frequency_class, done and flush == 0)
        room += leave - (running.rows if start and running.first else 0)
        gap = idle_slots if start else max(gap - 1, 0)
        flush = array.latency - 1 if slot else max(flush - 1, 0)
        if slot:
            activations.take()
            slots.append(t)
            to_come -= 1
        loaded = 0 if start else loaded
        if take:
            weights.take()
            loaded += 1
        if following is None or start:
            following = command.take() if command.valid else None
        t += 1
    return Recorded(outputs, np.array(slots), np.array(results), np.array(busy), np.array(clock_class), weight_activity)


def _weight_beats(array: WsArray, weight: Int8, load: WsLoad) -> list[list[tuple[int, bool]]]:
    """Rows of weights of a load, filled up with zeros that are marked."""
    part = weight[load.k : load.k + array.rows, load.column : load.column + array.columns]
    return filled(part, array.rows, array.columns)


def _activation_beats(array: WsArray, activation: Int8, load: WsLoad) -> list[list[tuple[int, bool]]]:
    part = activation[load.row : load.row + load.tile.rows, load.k : load.k + array.rows]
    return filled(part, load.tile.rows, array.rows)
