# SPDX-License-Identifier: Apache-2.0
"""Bit-exact model of ``systolic_ws``: tiles of matrix products, the beats that carry them, and the sums they give."""

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
    depth: int


@dataclass(frozen=True, eq=False)
class OutputTile:
    """A part of a matrix product that the array accumulates over one or more k-tiles.

    Attributes:
        activation: int64[rows, T * ROWS] of T k-tiles.
        weight: int64[T * ROWS, COLUMNS].
        classes: frequency class of each k-tile.
    """

    activation: I64
    weight: I64
    classes: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Beats of activations of each k-tile, and of results."""
        return len(self.activation)

    def commands(self, shape: Shape) -> list[int]:
        """{class, last, first, rows} of each k-tile."""
        bits = shape.depth.bit_length()
        flags = [(number == len(self.classes) - 1, number == 0) for number in range(len(self.classes))]
        return [
            ((kind << 2 | last << 1 | first) << bits) | self.rows
            for kind, (last, first) in zip(self.classes, flags, strict=True)
        ]

    def weight_beats(self, shape: Shape) -> list[int]:
        """The rows of weights of all k-tiles."""
        return pack(self.weight, shape.weight)

    def activation_beats(self, shape: Shape) -> list[int]:
        """The rows of activations of one k-tile after the other."""
        tiles = np.split(self.activation, len(self.classes), axis=1)
        return pack(np.concatenate(tiles), shape.activation)

    def result_beats(self, shape: Shape) -> list[int]:
        """The rows of sums."""
        return pack(self.sums(shape), shape.acc)

    def sums(self, shape: Shape) -> I64:
        """int64[rows, COLUMNS], wrapped around to the accumulator's width."""
        return wrap(self.activation @ self.weight, shape.acc)


def output_tiles(activation: I64, weight: I64, shape: Shape, frequency_class: int = 0) -> Iterator[OutputTile]:
    """Cut the product of int64[M, K] and int64[K, N] into output tiles, filled up with zeros in K and N.

    The order is that of ``halo.arch.systolic.ws_cycles.ws_tiles``: columns of weights, then rows of activations.
    """
    (_, k), (_, n) = activation.shape, weight.shape
    activation = np.pad(activation, ((0, 0), (0, -k % shape.rows)))
    weight = np.pad(weight, ((0, -k % shape.rows), (0, -n % shape.columns)))
    classes = (frequency_class,) * (len(weight) // shape.rows)
    for column in range(0, weight.shape[1], shape.columns):
        for row in range(0, len(activation), shape.depth):
            yield OutputTile(activation[row : row + shape.depth], weight[:, column : column + shape.columns], classes)
