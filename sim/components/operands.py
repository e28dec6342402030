"""Operands of a MAC: numbers, the sets a bench plays, and their bits on the ports of ``mac_lanes``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Widths:
    """Bits of the operands, and copies of the MAC."""

    weight: int
    activation: int
    acc: int
    lanes: int


@dataclass(frozen=True, eq=False)
class Operands:
    """N calculations, signed: int64[N] each."""

    weight: I64
    activation: I64
    psum: I64

    def __len__(self) -> int:
        return len(self.weight)

    def steps(self, lanes: int) -> Iterator[Operands]:
        """As many at a time as there are lanes; the last step is filled up with zeros."""
        for start in range(0, len(self), lanes):
            rows = (getattr(self, field.name)[start : start + lanes] for field in fields(self))
            yield Operands(*(np.pad(row, (0, lanes - len(row))) for row in rows))


def every_pair(widths: Widths, generator: np.random.Generator, hold: int = 1) -> Operands:
    """All 2^(weight + activation) pairs with random partial sums.

    Each lane takes a run of weights, one after the other, and counts through the activations.

    Args:
        widths: the lanes must divide the number of pairs.
        generator: of the partial sums.
        hold: steps in which a lane keeps its partial sum.
    """
    weight, activation = np.meshgrid(_range(widths.weight), _range(widths.activation), indexing="ij")
    psum = np.repeat(_random(widths.acc, -(-weight.size // hold), generator), hold)[: weight.size]
    return Operands(*(values.reshape(widths.lanes, -1).T.ravel() for values in (weight, activation, psum)))


def random_operands(widths: Widths, count: int, generator: np.random.Generator) -> Operands:
    """Uniform in all bits."""
    return Operands(*(_random(width, count, generator) for width in (widths.weight, widths.activation, widths.acc)))


def corner_operands(widths: Widths) -> Operands:
    """Smallest, largest, -1, 0 and 1 of each, in all combinations."""
    grid = np.meshgrid(*(_corners(width) for width in (widths.weight, widths.activation, widths.acc)))
    return Operands(*(values.ravel() for values in grid))


def packed(values: I64, width: int) -> int:
    """The low ``width`` bits of each value as one number, the first value lowest."""
    bits = values[:, None] >> np.arange(width) & 1
    return int.from_bytes(np.packbits(bits.astype(np.uint8).ravel(), bitorder="little").tobytes(), "little")


def unpacked(text: str, width: int) -> I64:
    """Signed values of a vector given as a binary string, the first value lowest.

    Raises:
        ValueError: a bit is neither 0 nor 1.
    """
    bits = np.frombuffer(text.encode(), np.uint8)[::-1].astype(np.int64) - ord("0")
    if ((bits < 0) | (bits > 1)).any():
        raise ValueError(f"bits without a value: {text}")
    place = np.int64(1) << np.arange(width, dtype=np.int64)
    place[-1] = -(2 ** (width - 1))
    return bits.reshape(-1, width) @ place


def _range(width: int) -> I64:
    return np.arange(-(2 ** (width - 1)), 2 ** (width - 1), dtype=np.int64)


def _random(width: int, count: int, generator: np.random.Generator) -> I64:
    return generator.integers(-(2 ** (width - 1)), 2 ** (width - 1), count, np.int64)


def _corners(width: int) -> I64:
    return np.unique(np.array([-(2 ** (width - 1)), -1, 0, 1, 2 ** (width - 1) - 1], np.int64))
