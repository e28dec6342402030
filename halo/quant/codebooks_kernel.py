# SPDX-License-Identifier: Apache-2.0
"""How weights are spread within their scale blocks: a histogram in one pass.

Tests: tests/quant/test_codebooks.py.
"""

from __future__ import annotations

import numpy as np

from halo.jit import kernel

PER_UNIT = 128
"""Bins for a root mean square: 256 times finer than a 3-bit step."""


@kernel
def add_distribution(weight, importance, weighted, block, counts):  # type: ignore[no-untyped-def]
    """Add every weight, divided by the root mean square of its block, to a histogram.

    A weight counts with the mean square of its block, times its importance.

    Args:
        weight: float32[rows, in].
        importance: float32 of the same shape, used if ``weighted`` (else any array).
        block: weights of a row in a block; the last may be smaller.
        counts: float64[bins], added to. Bin i is for ratios from (i - bins / 2) / PER_UNIT on; the first and the last
            take what lies beyond.
    """
    rows, columns = weight.shape
    bins = counts.shape[0]
    for r in range(rows):
        for c0 in range(0, columns, block):
            c1 = min(c0 + block, columns)
            power = 0.0
            for c in range(c0, c1):
                power += np.float64(weight[r, c]) * np.float64(weight[r, c])
            power /= c1 - c0
            if power <= 0:
                continue
            finer = PER_UNIT / np.sqrt(power)
            for c in range(c0, c1):
                place = np.floor(np.float64(weight[r, c]) * finer) + bins // 2
                mass = power * np.float64(importance[r, c]) if weighted else power
                counts[np.int64(min(max(place, 0.0), bins - 1.0))] += mass
