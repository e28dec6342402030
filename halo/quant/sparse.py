# SPDX-License-Identifier: Apache-2.0
"""The weights that HALO keeps apart: outliers by their size, salient ones by their Fisher information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.layer import Float32, Sparse
from halo.quant.rows import over_rows
from halo.quant.sparse_kernel import BUCKETS, collect_bucket, count_upper, mark_above, mark_outside, row_moments

U8 = npt.NDArray[np.uint8]
F64 = npt.NDArray[np.float64]

STEP = 64  # rows a thread takes at a time


@dataclass(frozen=True, eq=False)
class Moments:
    """Of every row of a layer: ``total`` and ``square`` are sums, float64[out], ``columns`` the weights in a row."""

    total: F64
    square: F64
    columns: int

    def deviation(self, scope: Literal["layer", "channel"]) -> tuple[F64, F64]:
        """Mean and standard deviation (of the population) of every row's scope, float64[out] each."""
        rows = len(self.total)
        mean, square = self.total / self.columns, self.square / self.columns
        if scope == "layer":
            mean, square = np.full(rows, mean.mean()), np.full(rows, square.mean())
        return mean, np.sqrt(np.maximum(square - mean * mean, 0.0))


def moments(weight: Float32, name: str, threads: int | None) -> Moments:
    """Sums of every row.

    Raises:
        HaloError: a weight is NaN or infinite; says which.
    """
    total, square = np.empty((2, len(weight)))
    over_rows(lambda a, b: row_moments(weight[a:b], total[a:b], square[a:b]), len(weight), STEP, threads)
    if not np.isfinite(total).all():
        row = int(np.flatnonzero(~np.isfinite(total))[0])
        column = int(np.flatnonzero(~np.isfinite(weight[row]))[0])
        what = f"layer {name!r}: the weight at row {row}, column {column} is {weight[row, column]}"
        raise HaloError(what, "Weights must be finite; repair the checkpoint.")
    return Moments(total, square, weight.shape[1])


def mark_outliers(
    weight: Float32, of: Moments, sigmas: float, scope: Literal["layer", "channel"], apart: U8, threads: int | None
) -> None:
    """Mark every weight further than ``sigmas`` deviations from the mean of the layer or of its output channel.

    Args:
        weight: float32[out, in]; of: its moments.
        apart: uint8[out, in], set to 1 there.
    """
    mean, deviation = of.deviation(scope)
    low, high = mean - sigmas * deviation, mean + sigmas * deviation
    over_rows(lambda a, b: mark_outside(weight[a:b], low[a:b], high[a:b], apart[a:b]), len(weight), STEP, threads)


def mark_salient(
    fisher: Float32, count: int, apart: U8, *, name: str, threads: int | None, magnitude: bool = False
) -> None:
    """Mark ``count`` more weights, those of largest Fisher value; of equal ones the first, zeros never.

    Selection, not sorting: a histogram of the upper 16 bits names the bucket of the smallest value taken, and only
    that bucket's values are partitioned.

    Args:
        fisher: float32[out, in].
        apart: uint8[out, in], set to 1 there; what is marked before is not counted.
        magnitude: rank by it: ``fisher`` holds finite numbers of either sign, such as the weights themselves.

    Raises:
        HaloError: a Fisher value is negative, NaN or infinite, or all are zero.
    """
    bits = fisher.view(np.uint32)
    mask = np.uint32(0x7FFFFFFF if magnitude else 0xFFFFFFFF)
    rows = len(fisher)

    def histogram(first: int, stop: int) -> npt.NDArray[np.int64]:
        counts = np.zeros(BUCKETS, np.int64)
        count_upper(bits[first:stop], mask, apart[first:stop], counts)
        return counts

    step = max(STEP, -(-rows // 32))
    ranges = over_rows(histogram, rows, step, threads)
    counts = np.sum(ranges, axis=0)
    if counts[0x7F80:].any():
        bad = np.flatnonzero(~(np.isfinite(fisher) & ~np.signbit(fisher)).ravel())
        row, column = divmod(int(bad[0]), fisher.shape[1]) if len(bad) else (0, 0)
        what = f"layer {name!r}: the Fisher value at row {row}, column {column} is {fisher[row, column]}"
        raise HaloError(what, "Fisher values are means of squared gradients: finite and not negative.")
    above = np.cumsum(counts[::-1])[::-1]
    if not (magnitude or above[0] - counts[0] or fisher.any()):
        raise HaloError(f"layer {name!r}: all Fisher values are zero", "Calibrate again, or give no Fisher.")
    count = min(count, int(above[0]))
    if count == 0:
        return
    bucket = int(np.flatnonzero(above >= count)[-1])
    kept = [np.empty(int(c[bucket]), np.uint32) for c in ranges]
    over_rows(lambda a, b: collect_bucket(bits[a:b], mask, apart[a:b], bucket, kept[a // step]), rows, step, threads)
    inside = np.concatenate(kept)
    wanted = count - int(above[bucket] - counts[bucket])
    threshold = np.partition(inside, len(inside) - wanted)[len(inside) - wanted]
    ties = wanted - int((inside > threshold).sum()) if threshold else 0
    equal = np.array([(values == threshold).sum() for values in kept])
    quota = np.clip(ties - np.cumsum(equal) + equal, 0, equal)  # of each range of rows
    over_rows(lambda a, b: mark_above(bits[a:b], mask, threshold, quota[a // step], apart[a:b]), rows, step, threads)


def gather(weight: Float32, apart: U8) -> Sparse:
    """The marked weights, rounded to int8 with the scale of their output channel, largest magnitude / 127."""
    place = np.flatnonzero(apart)
    rows, columns = np.divmod(place, weight.shape[1])
    indptr = np.zeros(len(weight) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(weight)), out=indptr[1:])
    values = weight[rows, columns]
    largest = np.zeros(len(weight), np.float32)
    np.maximum.at(largest, rows, np.abs(values))
    scale = np.where(largest > 0, largest / np.float32(127), np.float32(1)).astype(np.float32)
    codes = np.rint(values / scale[rows]).astype(np.int8)
    return Sparse(indptr, columns.astype(np.int32), codes, scale)
