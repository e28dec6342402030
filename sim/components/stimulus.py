"""Operands for arrays: half of them random, half the values at which multipliers go wrong."""

from __future__ import annotations

import numpy as np
from components.packing import I64


def mixed_operands(shape: tuple[int, ...], width: int, generator: np.random.Generator) -> I64:
    """int64[shape] of signed ``width``-bit values: uniform ones among the smallest, the largest, 0, 1, -1 and powers of
    two of both signs."""
    half = 1 << (width - 1)
    corners = [-half, half - 1, 0, 1, -1, *(sign << n for n in range(1, width - 1) for sign in (1, -1))]
    values = generator.integers(-half, half, shape, np.int64)
    return np.where(generator.random(shape) < 0.5, values, generator.choice(corners, shape))
