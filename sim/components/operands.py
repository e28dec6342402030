# SPDX-License-Identifier: Apache-2.0
"""Operands of a MAC: numbers, the sets a bench plays, and the steps that put them on the lanes of ``mac_lanes``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from components.packing import I64, pack
from models.mac import mac


@dataclass(frozen=True)
class Widths:
    """Bits of the operands, and copies of the MAC."""

    weight: int
    activation: int
    acc: int
    lanes: int


@dataclass(frozen=True)
class Step:
    """What all lanes take at once, packed, and the sums that must come of it."""

    weights: int
    activations: int
    psums: int
    sums: int


@dataclass(frozen=True, eq=False)
class Operands:
    """N calculations, signed: int64[N] each."""

    weight: I64
    activation: I64
    psum: I64

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def columns(self) -> tuple[I64, I64, I64]:
        """Weights, activations and partial sums."""
        return self.weight, self.activation, self.psum

    def __add__(self, other: Operands) -> Operands:
        """These, then the others."""
        return Operands(*(np.concatenate(pair) for pair in zip(self.columns, other.columns, strict=True)))

    def filled(self, lanes: int) -> Operands:
        """The same, and zeros up to a whole number of steps."""
        return Operands(*(np.pad(values, (0, -len(self) % lanes)) for values in self.columns))

    def steps(self, widths: Widths) -> Iterator[Step]:
        """As many at a time as there are lanes, of which there must be a whole number."""
        columns = (*self.columns, mac(*self.columns, widths.acc))
        bits = (widths.weight, widths.activation, widths.acc, widths.acc)
        packed = (pack(column.reshape(-1, widths.lanes), width) for column, width in zip(columns, bits, strict=True))
        return (Step(*row) for row in zip(*packed, strict=True))


def every_pair(widths: Widths, generator: np.random.Generator, hold: int = 1) -> Operands:
    """All 2^(weight + activation) pairs with random partial sums.

    Each lane takes a run of weights, one after the other, and counts through the activations; zeros fill the last one.

    Args:
        widths: of the operands, and lanes.
        generator: of the partial sums.
        hold: steps in which a lane keeps its partial sum.
    """
    weight, activation = np.meshgrid(_range(widths.weight), _range(widths.activation), indexing="ij")
    psum = np.repeat(_random(widths.acc, -(-weight.size // hold), generator), hold)[: weight.size]
    pairs = Operands(weight.ravel(), activation.ravel(), psum).filled(widths.lanes)
    return Operands(*(values.reshape(widths.lanes, -1).T.ravel() for values in pairs.columns))


def random_operands(widths: Widths, count: int, generator: np.random.Generator) -> Operands:
    """Uniform in all bits."""
    return Operands(*(_random(width, count, generator) for width in (widths.weight, widths.activation, widths.acc)))


def corner_operands(widths: Widths) -> Operands:
    """Smallest, largest, -1, 0 and 1 of each, in all combinations."""
    grid = np.meshgrid(*(_corners(width) for width in (widths.weight, widths.activation, widths.acc)))
    return Operands(*(values.ravel() for values in grid))


def _range(width: int) -> I64:
    return np.arange(-(2 ** (width - 1)), 2 ** (width - 1), dtype=np.int64)


def _random(width: int, count: int, generator: np.random.Generator) -> I64:
    return generator.integers(-(2 ** (width - 1)), 2 ** (width - 1), count, np.int64)


def _corners(width: int) -> I64:
    return np.unique(np.array([-(2 ** (width - 1)), -1, 0, 1, 2 ** (width - 1) - 1], np.int64))
