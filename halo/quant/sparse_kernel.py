# SPDX-License-Identifier: Apache-2.0
"""One pass over rows each: sums for mean and deviation, a histogram of Fisher values, marks of what is kept apart.

Tests: tests/quant/test_sparse.py.
"""

from __future__ import annotations

import numpy as np

from halo.jit import kernel

BUCKETS = 1 << 16
LANES = 16


@kernel
def row_moments(weight, total, square):  # type: ignore[no-untyped-def]
    """Sum and sum of squares of every row, in lanes that a vector unit adds side by side; a NaN or infinity leaves a
    sum that is not finite.

    Args:
        weight: float32[rows, in].
        total, square: float64[rows], filled.
    """
    rows, columns = weight.shape
    sums = np.empty((2, LANES))
    for r in range(rows):
        sums[:] = 0.0
        for c0 in range(0, columns, LANES):
            w = weight[r, c0 : c0 + LANES]
            for i in range(w.shape[0]):
                x = np.float64(w[i])
                sums[0, i] += x
                sums[1, i] += x * x
        total[r] = sums[0].sum()
        square[r] = sums[1].sum()


@kernel
def mark_outside(weight, low, high, apart):  # type: ignore[no-untyped-def]
    """Mark weights outside of their row's range.

    Args:
        weight: float32[rows, in]; low, high: float64[rows], inclusive.
        apart: uint8[rows, in], set to 1 where outside; the rest is left.
    """
    for r in range(weight.shape[0]):
        for c in range(weight.shape[1]):
            if weight[r, c] < low[r] or weight[r, c] > high[r]:
                apart[r, c] = 1


@kernel
def count_upper(bits, mask, apart, counts):  # type: ignore[no-untyped-def]
    """Histogram of the upper half of each float's bits, which order as the floats do where none is negative.

    Args:
        bits: uint32[rows, in], float32 as integers.
        mask: uint32, of the bits that count; without the sign bit numbers are ranked by magnitude.
        apart: uint8[rows, in]; what is marked is left out.
        counts: int64[BUCKETS], added to. Bucket 0x7f80 and above hold infinity, NaN and negative numbers.
    """
    for r in range(bits.shape[0]):
        for c in range(bits.shape[1]):
            if apart[r, c] == 0:
                counts[(bits[r, c] & mask) >> np.uint32(16)] += 1


@kernel
def collect_bucket(bits, mask, apart, bucket, found):  # type: ignore[no-untyped-def]
    """Copy the values of one bucket, in order; ``found``: uint32[count of the bucket in these rows], filled."""
    n = 0
    for r in range(bits.shape[0]):
        for c in range(bits.shape[1]):
            value = bits[r, c] & mask
            if value >> np.uint32(16) == bucket and apart[r, c] == 0:
                found[n] = value
                n += 1


@kernel
def mark_above(bits, mask, threshold, ties, apart):  # type: ignore[no-untyped-def]
    """Mark floats above a threshold, and the first ``ties`` that equal it, row by row.

    Args:
        bits: uint32[rows, in]; mask: as ``count_upper``; threshold: uint32.
        apart: uint8[rows, in], set to 1; what is marked already is not one of the ties.
    """
    left = ties
    for r in range(bits.shape[0]):
        for c in range(bits.shape[1]):
            value = bits[r, c] & mask
            if value > threshold:
                apart[r, c] = 1
            elif value == threshold and left > 0 and apart[r, c] == 0:
                apart[r, c] = 1
                left -= 1
