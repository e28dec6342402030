# SPDX-License-Identifier: Apache-2.0
"""Clock-by-clock stimulus of weight-stationary elements and meshes, and the sums that they must give.

An element is a mesh of one row and one column whose partial sum comes from a port. A *slot* is one clock at the corner
element (0, 0): the slot's activation of row r enters r clocks later, and its sum leaves column c after R + c + 1
clocks, one more for each register in a multiplier. Row r of the next tile's weights enters column c with the r + c-th
clock of a load and is taken over by the load enable of row r; a swap makes it the weight in use.

Tests: tests/flow/gate_level/test_clocked_designs.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.characterization.encoding import Encoding

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

RESET = 3
"""Clocks of reset."""


@dataclass(frozen=True)
class Shape:
    """What is streamed into.

    Attributes:
        rows, columns: of the mesh; 1 and 1 for an element.
        weight_bits, activation_bits, sum_bits: widths; partial sums wrap around.
        pipeline: registers in the multiplier of an element, 0 to 2.
        carry_save: 1 where partial sums travel as {carry, sum}.
        element: a single element with a partial-sum port.
    """

    rows: int
    columns: int
    weight_bits: int
    activation_bits: int
    sum_bits: int
    pipeline: int
    carry_save: int
    element: bool

    @property
    def weight_encoding(self) -> Encoding:
        """Weights of the elements are signed."""
        return Encoding("twos_complement", self.weight_bits)

    @property
    def psum_bits(self) -> int:
        """Width of one partial sum on its way down."""
        return self.sum_bits * (1 + self.carry_save)

    @property
    def load_clocks(self) -> int:
        """Clocks from the start of a load to the first clock in which a swap slot may enter."""
        return self.rows

    @property
    def latency(self) -> int:
        """Clocks from a slot to its sum at the bottom of column 0."""
        return self.rows + 1 + self.pipeline

    @property
    def flush(self) -> int:
        """Clocks from a slot until all of it has left."""
        return self.rows + self.columns + 2 + self.pipeline


@dataclass(frozen=True, eq=False)
class Tile:
    """A tile of weights and the slots that use it.

    Attributes:
        weights: int64[R, C].
        activations: int64[N, R], N slots.
        sums: int64[N], partial sum (``psum_bits`` wide) of each slot of an element, or None for random ones.
        gap: clocks from the swap to the first activation; 0: both in one slot.
    """

    weights: I64
    activations: I64
    sums: I64 | None = None
    gap: int = 0


@dataclass(frozen=True, eq=False)
class Stream:
    """A stimulus and its truth.

    Attributes:
        ports: int64[T, lanes] by input port: one lane a row, a column, or a single one.
        sums: int64[T, C], the sum that column c must show in each clock; valid: bool[T, C], whether there is one.
        judged: bool[T], whether the registers that a clock ends with must be in time. In an element they must where
            all that they take will be in a valid sum; in a mesh always, but for the clocks in which a swap that has
            been given time (``Tile.gap``), or of a tile that computes nothing, passes through.
        start: first clock in which weights are in use and every register has been filled.
    """

    ports: dict[str, I64]
    sums: I64
    valid: npt.NDArray[np.bool_]
    judged: npt.NDArray[np.bool_]
    start: int


def stream(shape: Shape, tiles: Sequence[Tile], seed: int, noise: Sequence[int] | None = None) -> Stream:
    """Load, swap and compute tiles back to back: each tile loads while the one before it computes.

    Args:
        shape: of the array.
        tiles: at least one; a tile that computes for fewer slots than a load takes is followed by idle slots.
        seed: of the noise.
        noise: values that the weight port takes while nothing is loaded; None: any.
    """
    generator = np.random.default_rng(seed)
    rows, columns = shape.rows, shape.columns
    swaps: list[int] = []
    slots: list[int] = []
    at = RESET + shape.load_clocks
    for tile in tiles:
        swaps.append(at)
        slots.append(at + tile.gap)
        at += max(tile.gap + len(tile.activations), shape.load_clocks)
    length = at + shape.flush
    activation = generator.integers(0, 1 << shape.activation_bits, (length, rows))
    valid = np.zeros(length, np.int64)
    swap = np.zeros(length, np.int64)
    load = np.zeros((length, rows), np.int64)
    weight_valid = np.zeros(length, np.int64)
    low = 1 << shape.weight_bits
    weight = generator.choice(np.array(range(low) if noise is None else list(noise)), (length, columns))
    products = np.zeros((length, columns), np.int64)
    psum = generator.integers(0, 1 << shape.psum_bits, length)
    for tile, swapped, first in zip(tiles, swaps, slots, strict=True):
        used = slice(first, first + len(tile.activations))
        activation[used] = tile.activations
        valid[used] = 1
        swap[swapped] = 1
        products[used] = tile.activations @ tile.weights
        begin = swapped - shape.load_clocks
        for r in range(rows):
            load[begin + 2 * r, r] = 1
            weight_valid[begin + r] = 1
            for c in range(columns):
                weight[begin + r + c, c] = tile.weights[r, c]
        if shape.element:
            later = np.arange(used.start, used.stop) + 1 + shape.pipeline
            if tile.sums is not None:
                psum[later] = tile.sums
            products[used, 0] += psum[later]
            if shape.carry_save:
                products[used, 0] += psum[later] >> shape.sum_bits
    reset = np.ones(length, np.int64)
    reset[:RESET] = 0
    skewed = {name: _skew(values, rows) for name, values in (("valid_i", valid), ("swap_i", swap))}
    ports = {
        "srst_ni": reset[:, None],
        "activation_i": np.stack([_later(activation[:, r], r) for r in range(rows)], axis=1),
        "weight_i": weight,
        "weight_load_i": load,
        **skewed,
    }
    if shape.element:
        ports["psum_i"] = psum[:, None]
    else:
        ports["weight_valid_i"] = weight_valid[:, None]
    sums = np.stack([_later(products[:, c], shape.latency + c) for c in range(columns)], axis=1)
    known = np.stack([_later(valid, shape.latency + c) for c in range(columns)], axis=1).astype(np.bool_)
    judged = np.ones(length, np.bool_)
    if shape.element:
        judged[:-1] = known[1:, 0]
        for n in range(2, shape.pipeline + 2):  # registers in the multiplier take what is a sum n clocks later
            judged[:-n] &= known[n:, 0]
    else:
        for tile, swapped, first in zip(tiles, swaps, slots, strict=True):
            if tile.gap or not len(tile.activations):
                judged[swapped : first + shape.flush] = False
    return Stream(ports, sums & ((1 << shape.sum_bits) - 1), known, judged, slots[0] + shape.flush)


def _later(values: I64, clocks: int) -> I64:
    """The same some clocks later, 0 before."""
    moved = np.zeros_like(values)
    moved[clocks:] = values[: len(values) - clocks]
    return moved


def _skew(values: I64, rows: int) -> I64:
    return np.stack([_later(values, r) for r in range(rows)], axis=1)
