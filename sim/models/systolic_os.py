# SPDX-License-Identifier: Apache-2.0
"""Bit-exact model of ``systolic_os``: tiles of a matrix product, the beats that carry them, and the sums they give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from components.packing import I64, pack
from models.mac import wrap


@dataclass(frozen=True)
class Shape:
    """Parameters of the array that set the form of its beats."""

    rows: int
    columns: int
    weight: int
    activation: int
    acc: int
    steps: int  # bits of the number of k-steps


@dataclass(frozen=True, eq=False)
class Tile:
    """A matrix product that fits the array, of any inner length K.

    Attributes:
        activation: int64[ROWS, K]; what the rows below ``rows`` hold must not matter.
        weight: int64[K, COLUMNS].
        rows: rows that take part.
    """

    activation: I64
    weight: I64
    rows: int
    frequency_class: int = 0

    @property
    def steps(self) -> int:
        """Beats of activations, and of weights."""
        return len(self.weight)

    def command(self, shape: Shape) -> int:
        """{class, rows, steps}."""
        return (self.frequency_class << shape.rows.bit_length() | self.rows) << shape.steps | self.steps

    def activation_beats(self, shape: Shape) -> list[int]:
        """A column of activations each."""
        return pack(self.activation.T, shape.activation)

    def weight_beats(self, shape: Shape) -> list[int]:
        """A row of weights each."""
        return pack(self.weight, shape.weight)

    def result_beats(self, shape: Shape) -> list[int]:
        """A row of sums each, wrapped around to the accumulator's width."""
        return pack(wrap(self.activation[: self.rows] @ self.weight, shape.acc), shape.acc)


def tiles(activation: I64, weight: I64, shape: Shape) -> Iterator[Tile]:
    """Cut the product of int64[M, K] and int64[K, N] into tiles; missing rows are filled up with ones, columns with
    zeros.

    The order is that of ``halo.arch.systolic.os_cycles.os_tiles``: columns of weights, then rows of activations.
    """
    m, n = len(activation), weight.shape[1]
    activation = np.pad(activation, ((0, -m % shape.rows), (0, 0)), constant_values=1)
    weight = np.pad(weight, ((0, 0), (0, -n % shape.columns)))
    for column in range(0, n, shape.columns):
        for row in range(0, m, shape.rows):
            rows = min(shape.rows, m - row)
            yield Tile(activation[row : row + shape.rows], weight[:, column : column + shape.columns], rows)
