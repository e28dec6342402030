# SPDX-License-Identifier: Apache-2.0
"""Operands for arrays: half of them random, half the values at which multipliers go wrong."""

from __future__ import annotations

import numpy as np
from components.packing import I64


def mixed_operands(shape: tuple[int, ...], width: int, generator: np.random.Generator) -> I64:
    """int64[shape] of signed ``width``-bit values: uniform ones, and the smallest, the largest, 0, 1, -1 and powers of
    two of both signs, each as likely as the others."""
    half = 1 << (width - 1)
    powers = _powers(width)
    kind = generator.integers(0, 6, shape)
    corners = np.array([-half, half - 1, 0, 1, -1, 0], np.int64)[kind]
    corners = np.where(kind == 5, generator.choice(powers, shape), corners)
    values = generator.integers(-half, half, shape, np.int64)
    return np.where(generator.random(shape) < 0.5, values, corners)


def covering_operands(shape: tuple[int, ...], width: int, generator: np.random.Generator) -> I64:
    """``mixed_operands`` in which, given at least six values, every one of these kinds occurs, wherever it is."""
    values = mixed_operands(shape, width, generator).ravel()
    half = 1 << (width - 1)
    kinds = (-half, half - 1, 0, 1, -1, int(generator.choice(_powers(width))))
    if values.size >= len(kinds):
        values[generator.choice(values.size, len(kinds), replace=False)] = kinds
    return values.reshape(shape)


def _powers(width: int) -> list[int]:
    """Powers of two of both signs, but for 1, -1 and, where there are others, the smallest value."""
    return [sign << n for n in range(1, width - 1) for sign in (1, -1)] or [-(1 << (width - 1))]
