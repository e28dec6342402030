# SPDX-License-Identifier: Apache-2.0
"""Operands for arrays: half of them random, half the values at which multipliers go wrong."""

from __future__ import annotations

import numpy as np
from components.packing import I64


def mixed_operands(shape: tuple[int, ...], width: int, generator: np.random.Generator) -> I64:
    """int64[shape] of signed ``width``-bit values: uniform ones, and the smallest, the largest, 0, 1, -1 and powers of
    two of both signs, each as likely as the others."""
    half = 1 << (width - 1)
    powers = [sign << n for n in range(1, width - 1) for sign in (1, -1)] or [-half]
    kind = generator.integers(0, 6, shape)
    corners = np.array([-half, half - 1, 0, 1, -1, 0], np.int64)[kind]
    corners = np.where(kind == 5, generator.choice(powers, shape), corners)
    values = generator.integers(-half, half, shape, np.int64)
    return np.where(generator.random(shape) < 0.5, values, corners)
