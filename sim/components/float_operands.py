# SPDX-License-Identifier: Apache-2.0
"""Operands of the floating-point MAC: bit patterns, aimed at what is hard about floating point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from components.coverage import Coverage
from models.mac_fp16 import U16, U32, mac_fp16

CORNERS = (0x0000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0x7BFF, 0x7C00, 0x7C01, 0x7E00)
"""Zero, smallest and largest subnormal, smallest normal, one, largest, infinity, signalling and quiet NaN."""
WIDE_CORNERS = (0x00000000, 0x00000001, 0x007FFFFF, 0x00800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001)


@dataclass(frozen=True, eq=False)
class FloatOperands:
    """N calculations: uint16[N], uint16[N], uint32[N]."""

    weight: U16
    activation: U16
    psum: U32

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def product(self) -> np.ndarray:
        """float64[N], exact."""
        with np.errstate(invalid="ignore"):
            return self.weight.view(np.float16).astype(np.float64) * self.activation.view(np.float16).astype(np.float64)

    @property
    def sums(self) -> U32:
        """What must come out."""
        return mac_fp16(self.weight, self.activation, self.psum)

    def filled(self, lanes: int) -> FloatOperands:
        """The same, and zeros up to a whole number of steps."""
        missing = (0, -len(self) % lanes)
        return FloatOperands(np.pad(self.weight, missing), np.pad(self.activation, missing), np.pad(self.psum, missing))

    def cover_kinds(self, coverage: Coverage) -> None:
        """Count zeros, subnormal and normal numbers, infinities and NaN, operands and sums."""
        narrow = {"weight": self.weight.view(np.float16), "activation": self.activation.view(np.float16)}
        for name, values in {**narrow, "psum": self.psum.view(np.float32), "sum": self.sums.view(np.float32)}.items():
            smallest = np.finfo(values.dtype).smallest_normal
            counts = {
                "zero": values == 0,
                "subnormal": (values != 0) & (np.abs(values) < smallest),
                "normal": np.isfinite(values) & (np.abs(values) >= smallest),
                "infinite": np.isinf(values),
                "nan": np.isnan(values),
            }
            for kind, members in counts.items():
                coverage.hit(f"{name}.{kind}", int(np.count_nonzero(members)))

    def cover_rounding(self, coverage: Coverage) -> None:
        """Count ties, sums that are exact, rounded up or down in magnitude, and complete cancellations."""
        with np.errstate(all="ignore"):
            psum, sums = (bits.view(np.float32).astype(np.float64) for bits in (self.psum, self.sums))
            total = self.product + psum
            error = (self.product - (total - psum)) + (psum - (total - (total - psum)))  # Knuth's two-sum
            half = np.spacing(np.abs(sums.astype(np.float32))).astype(np.float64) / 2
            off = (sums - total) - error
        tie = (error == 0) & (np.abs(off) == half)
        counts = {
            "exact": off == 0,
            "away from zero": off * sums > 0,
            "towards zero": off * sums < 0,
            "tie down": tie & (off * sums < 0),
            "tie up": tie & (off * sums > 0),
            "cancelled": (total == 0) & (psum != 0),
        }
        for kind, members in counts.items():
            coverage.hit(f"rounding.{kind}", int(np.count_nonzero(members)))


def corner_operands() -> FloatOperands:
    """All combinations of the corners, both signs."""
    narrow = np.array([sign | bits for sign in (0, 0x8000) for bits in CORNERS], np.uint16)
    wide = np.array([sign | bits for sign in (0, 1 << 31) for bits in WIDE_CORNERS], np.uint32)
    weight, activation, psum = np.meshgrid(narrow, narrow, wide, indexing="ij")
    return FloatOperands(weight.ravel(), activation.ravel(), psum.ravel())


def random_patterns(count: int, generator: np.random.Generator) -> FloatOperands:
    """Uniform in all bits."""
    weight, activation = generator.integers(0, 1 << 16, (2, count), dtype=np.uint16)
    return FloatOperands(weight, activation, generator.integers(0, 1 << 32, count, dtype=np.uint32))


def any_distance(count: int, generator: np.random.Generator) -> FloatOperands:
    """Exponents of product and partial sum up to 40 apart; of six weights one is zero and two are subnormal."""
    weight, activation = _finite(count, generator), _finite(count, generator)
    weight[::3] &= 0x83FF
    weight[1::6] &= 0x8000
    exponent = _exponent(weight, activation) + generator.integers(-40, 41, count)
    return FloatOperands(weight, activation, _wide(exponent, generator.integers(0, 1 << 23, count), generator))


def cancellation(count: int, generator: np.random.Generator) -> FloatOperands:
    """The partial sum is the product with the other sign, or next to it; every third activation is subnormal."""
    weight, activation = _finite(count, generator), _finite(count, generator)
    activation[::3] &= 0x83FF
    product = mac_fp16(weight, activation, np.zeros(count, np.uint32)).astype(np.int64)
    near = np.maximum((product & 0x7FFFFFFF) + generator.integers(-3, 4, count), 0)
    return FloatOperands(weight, activation, (near | (~product & 1 << 31)).astype(np.uint32))


def ties(count: int, generator: np.random.Generator) -> FloatOperands:
    """The product is half a last place of the partial sum, a little more or less, or a neighbouring power of two."""
    weight, activation = _finite(count, generator) & 0xFC00, _finite(count, generator) & 0xFC00
    weight |= generator.choice(np.array([0, 0, 1, 0x3FF], np.uint16), count)
    fraction = generator.integers(0, 1 << 23, count) & generator.choice([0, 1, 0x7FFFFF], count)
    fraction |= generator.choice([0, 0x7FFFFE], count)
    exponent = _exponent(weight, activation) + 24 + generator.integers(-1, 3, count)
    return FloatOperands(weight, activation, _wide(exponent, fraction, generator))


HARD: tuple[Callable[[int, np.random.Generator], FloatOperands], ...] = (any_distance, cancellation, ties)


def _finite(count: int, generator: np.random.Generator) -> U16:
    """Random bits that are a normal number."""
    sign, exponent = generator.integers(0, 2, count), generator.integers(1, 31, count)
    bits = sign << 15 | exponent << 10 | generator.integers(0, 1 << 10, count)
    return bits.astype(np.uint16)


def _exponent(weight: U16, activation: U16) -> np.ndarray:
    """Exponent of each product in binary32, biased; int64[N]."""
    product = mac_fp16(weight, activation, np.zeros(len(weight), np.uint32))
    return (product >> 23 & 0xFF).astype(np.int64)


def _wide(exponent: np.ndarray, fraction: np.ndarray, generator: np.random.Generator) -> U32:
    """binary32 numbers of either sign."""
    sign = generator.integers(0, 2, len(exponent))
    return (sign << 31 | np.clip(exponent, 0, 254) << 23 | fraction).astype(np.uint32)
