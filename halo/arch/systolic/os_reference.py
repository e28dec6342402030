# SPDX-License-Identifier: Apache-2.0
"""The output-stationary array written to be read: every register of ``systolic_os.v`` in every clock.

Tests: tests/arch/systolic/test_cycle_level.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from halo.arch.systolic.loads import I64, Int8, OsLoad, StreamStalls
from halo.arch.systolic.os_cycles import OsArray, OsTile
from halo.arch.systolic.reference import ClockGenerator, Recorded, Skew, Source, filled, from_above, from_left, wrapped
from halo.arch.weights import INT8_VALUES, INT8_ZERO

Lane = tuple[bool, bool, bool, int, bool]
"""At the left of a row: slot, first and last of its tile, activation, and whether that is one of the product."""


class _Mesh:
    """``os_mesh.v``: elements with the registers of ``pe_os.v``. Flags say whether an operand is one of the product."""

    def __init__(self, rows: int, columns: int, pipeline: int) -> None:
        def zeros() -> I64:
            return np.zeros((rows, columns), np.int64)

        self.valid, self.first, self.last = zeros(), zeros(), zeros()
        self.activation, self.activation_real = zeros(), zeros()
        self.weight, self.weight_real = zeros(), zeros()
        self.slots = deque([(zeros(), zeros(), zeros(), zeros())] * pipeline)  # adding, first, last, product
        self.sum, self.drain, self.drain_valid = zeros(), zeros(), zeros()

    def step(self, lanes: Sequence[Lane], weights: I64, weights_real: I64) -> None:
        """One clock: every register takes what its inputs were."""
        valid, first, last, activation, real = (np.array(values, np.int64) for values in zip(*lanes, strict=True))
        self.slots.append((self.valid, self.first, self.last, self.weight * self.activation))
        adding, restart, hand_on, product = self.slots.popleft()
        self.sum = np.where(adding, np.where(restart, 0, self.sum) + product, self.sum)
        below = np.vstack([self.drain[1:], np.zeros_like(self.drain[:1])])
        below_valid = np.vstack([self.drain_valid[1:], np.zeros_like(self.drain_valid[:1])])
        ends = adding & hand_on
        self.drain = np.where(ends, self.sum, np.where(below_valid, below, self.drain))
        self.drain_valid = ends | below_valid
        valid = from_left(valid, self.valid)
        self.first = np.where(valid, from_left(first, self.first), self.first)
        self.last = np.where(valid, from_left(last, self.last), self.last)
        self.activation = np.where(valid, from_left(activation, self.activation), self.activation)
        self.activation_real = np.where(valid, from_left(real, self.activation_real), self.activation_real)
        self.weight = np.where(valid, from_above(weights, self.weight), self.weight)
        self.weight_real = np.where(valid, from_above(weights_real, self.weight_real), self.weight_real)
        self.valid = valid


def run_os(
    array: OsArray,
    activation: Int8,
    weight: Int8,
    loads: Sequence[OsLoad],
    stalls: StreamStalls,
    waits: Sequence[tuple[int, int]],
    acc_bits: int = 32,
) -> Recorded:
    """Run loads that have been checked; ``waits``: of each change of the clock.

    ``weight_activity`` goes on until all is still.

    Args:
        array: its sizes.
        activation: int8[M, K].
        weight: int8[K, N].
        loads: in order, checked.
        stalls: of the streams.
        waits: clocks to the acknowledge of each change of the clock, and to its fall.
        acc_bits: of the accumulators.
    """
    rows, columns = array.rows, array.columns
    command = Source([load.tile for load in loads], stalls.command)
    weights = Source([row for load in loads for row in _weight_beats(array, weight, load)], stalls.weight)
    activations = Source(
        [row for load in loads for row in _activation_beats(array, activation, load)], stalls.activation
    )
    where = deque((load.row + i, load.column) for load in loads for i in range(load.tile.rows))
    outputs = np.zeros((len(activation), weight.shape[1]), np.int64)
    weight_activity = np.zeros((max(load.tile.frequency_class for load in loads) + 1, INT8_VALUES), np.int64)
    slots: list[int] = []
    results: list[int] = []
    busy: list[int] = []
    clock_class: list[int] = []

    mesh, clock = _Mesh(rows, columns, array.pipeline), ClockGenerator(waits)
    skew: Skew[Lane] = Skew(rows, (False, False, False, 0, False))
    weight_skew: Skew[tuple[int, bool]] = Skew(columns, (0, False))
    deskew: Skew[int] = Skew(columns, 0, reverse=True)
    store: deque[tuple[int, I64]] = deque()  # clock from which on a row is offered, and the row
    running: OsTile | None = None
    first = True
    steps = spacing = flush = 0
    room = array.store
    t = 0
    while where or flush or mesh.valid.any():
        for source in (command, weights, activations):
            source.offer(t)
        clock.answer()
        ready = t >= len(stalls.result) or not stalls.result[t]
        # os_control.v: wires
        granted = clock.at_rest and running is not None and running.frequency_class == clock.asked
        last = steps == 1
        may_end = spacing == 0 and running is not None and running.rows <= room
        step = granted and (not last or may_end) and activations.valid and weights.valid
        finish = step and last
        clear = flush == array.flush - 1 and not granted
        leave = bool(store) and store[0][0] <= t and ready
        # what enters the mesh
        beat = activations.beat if step else [(0, False)] * rows
        within = running.rows if step and running is not None else 0
        lanes = skew([(step or clear, step and first, step and last and r < within, *beat[r]) for r in range(rows)])
        entering = weight_skew(weights.beat if step else [(0, False)] * columns)
        # what the elements do in this clock
        weight_activity[clock.current] += np.bincount(INT8_ZERO + mesh.weight[mesh.valid > 0], minlength=INT8_VALUES)
        if where:
            busy.append(int((mesh.valid * mesh.activation_real * mesh.weight_real).sum()))
            clock_class.append(clock.current)
        # the end of the clock
        if leave:
            row, column = where.popleft()
            sums = wrapped(store.popleft()[1], acc_bits)
            outputs[row, column : column + columns] = sums[: outputs.shape[1] - column]
            results.append(t)
        aligned = np.array(deskew([int(s) for s in mesh.drain[0]]), np.int64)
        if mesh.drain_valid[0, -1]:
            store.append((t + 3, aligned))
        mesh.step(lanes, *(np.array(values, np.int64) for values in zip(*entering, strict=True)))
        clock.step(None if running is None else running.frequency_class, flush == 0)
        room += leave - (within if finish else 0)
        spacing = 2 * (within - 1) if finish else max(spacing - 1, 0)
        flush = array.flush - 1 if finish else max(flush - 1, 0)
        if step:
            activations.take()
            weights.take()
            slots.append(t)
            steps, first = steps - 1, False
        if running is None or finish:
            running = command.take() if command.valid else None
            steps, first = running.steps if running else 0, True
        t += 1
    return Recorded(outputs, np.array(slots), np.array(results), np.array(busy), np.array(clock_class), weight_activity)


def _weight_beats(array: OsArray, weight: Int8, load: OsLoad) -> list[list[tuple[int, bool]]]:
    part = weight[load.k : load.k + load.tile.steps, load.column : load.column + array.columns]
    return filled(part, load.tile.steps, array.columns)


def _activation_beats(array: OsArray, activation: Int8, load: OsLoad) -> list[list[tuple[int, bool]]]:
    part = activation[load.row : load.row + load.tile.rows, load.k : load.k + load.tile.steps].T
    return filled(part, load.tile.steps, array.rows)
