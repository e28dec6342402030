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
    # What the registers behind the sources hold: tiles of which the first runs, and a beat of each operand.
    tiles: deque[OsTile] = deque()
    held_weights: list[tuple[int, bool]] | None = None
    held_activations: list[tuple[int, bool]] | None = None
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
    no_lane: Lane = (False, False, False, 0, False)
    no_weight = (0, False)
    lanes, entering = [no_lane] * rows, [no_weight] * columns  # the registers of the slot
    opened = ended = fits = leave = False
    steps_done = spacing = flush = 0  # steps of the tile that runs
    room = array.store
    t = 0
    while where or flush or mesh.valid.any():
        for source in (command, weights, activations):
            source.offer(t)
        clock.answer()
        ready = t >= len(stalls.result) or not stalls.result[t]
        # os_control.v: wires
        tile = tiles[0] if tiles else None
        granted = clock.at_rest and tile is not None and tile.frequency_class == clock.asked
        lane_values, weight_values = [no_weight] * rows, [no_weight] * columns
        step = last = False
        if opened and tile is not None and held_activations is not None and held_weights is not None:
            last = steps_done == tile.steps - 1
            step = not last or (spacing == 0 and fits)
            lane_values, weight_values = held_activations, held_weights
        first, finish, clear = steps_done == 0, step and last, ended and not opened
        take = command.valid and (len(tiles) < 2 or finish)
        left, leave = leave, bool(store) and store[0][0] <= t and ready
        # what enters the mesh, and the slot that follows
        skewed, skewed_weights = skew(lanes), weight_skew(entering)
        within = tile.rows if finish and tile is not None else 0
        lanes, entering = [no_lane] * rows, [no_weight] * columns
        if step:
            lanes = [(True, first, r < within, *lane_values[r]) for r in range(rows)]
            entering = weight_values
        elif clear:
            lanes = [(True, False, False, 0, False)] * rows
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
        mesh.step(skewed, *(np.array(values, np.int64) for values in zip(*skewed_weights, strict=True)))
        clock.step(None if tile is None else tile.frequency_class, flush == 0)
        spacing = 2 * (within - 1) if finish else max(spacing - 1, 0)
        flush = array.flush - 1 if finish else max(flush - 1, 0)
        opened, ended = granted, finish
        if step:
            held_activations = held_weights = None
            slots.append(t)
            steps_done += 1
        if finish:
            tiles.popleft()
            steps_done = 0
            opened = bool(tiles) and tiles[0].frequency_class == clock.asked
        fits = bool(tiles) and tiles[0].rows <= room - within
        room += left - within
        if take:
            tiles.append(command.take())
        if held_activations is None and activations.valid:
            held_activations = activations.take()
        if held_weights is None and weights.valid:
            held_weights = weights.take()
        t += 1
    return Recorded(outputs, np.array(slots), np.array(results), np.array(busy), np.array(clock_class), weight_activity)


def _weight_beats(array: OsArray, weight: Int8, load: OsLoad) -> list[list[tuple[int, bool]]]:
    part = weight[load.k : load.k + load.tile.steps, load.column : load.column + array.columns]
    return filled(part, load.tile.steps, array.columns)


def _activation_beats(array: OsArray, activation: Int8, load: OsLoad) -> list[list[tuple[int, bool]]]:
    part = activation[load.row : load.row + load.tile.rows, load.k : load.k + load.tile.steps].T
    return filled(part, load.tile.steps, array.rows)
