# SPDX-License-Identifier: Apache-2.0
"""Frequency classes: which weights may share a clock, which clocks lose least, and what orders the weights.

Tests: tests/characterization/test_table.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FrequencyClass:
    """Weight values that are all safe at one clock.

    Attributes:
        fmax_ghz: the highest clock at which every one of them is safe; that of the slowest.
        weights: ascending, each once, at least one.

    Raises:
        HaloError: no weight, weights out of order, or a clock that is not positive.
    """

    fmax_ghz: float
    weights: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.weights or list(self.weights) != sorted(set(self.weights)):
            raise HaloError("a frequency class needs ascending, distinct weights", "Sort them and drop repeats.")
        if not self.fmax_ghz > 0:
            raise HaloError(f"a clock of {self.fmax_ghz} GHz is impossible", "Give a positive clock.")

    def __len__(self) -> int:
        return len(self.weights)

    def __contains__(self, weight: object) -> bool:
        return weight in self.weights


def best_periods(periods: FloatArray, n: int) -> list[float]:
    """The n clock periods for which the periods given lose least when each is rounded up to one of them.

    One-dimensional partition by dynamic programming over the distinct periods, O(n m^2) for m of them. The loss of a
    group of consecutive periods is count x its largest - their sum. Ties go to the slower split, so the answer
    depends on nothing but the input.

    Args:
        periods: any unit, not sorted, repeats count.
        n: at least 1.

    Returns:
        Descending; fewer than n where fewer periods differ.
    """
    distinct, counts = np.unique(periods, return_counts=True)
    m = len(distinct)
    count = np.concatenate(([0], np.cumsum(counts)))
    total = np.concatenate(([0.0], np.cumsum(distinct * counts)))
    best = np.concatenate(([0.0], distinct * count[1:] - total[1:]))
    splits: list[npt.NDArray[np.int64]] = []
    for _ in range(1, min(n, m)):
        split = np.zeros(m + 1, dtype=np.int64)
        refined = best.copy()
        for stop in range(1, m + 1):
            starts = np.arange(stop)
            loss = best[:stop] + distinct[stop - 1] * (count[stop] - count[starts]) - (total[stop] - total[starts])
            split[stop] = int(np.argmin(loss))
            refined[stop] = loss[split[stop]]
        splits.append(split)
        best = refined
    stop, chosen = m, [float(distinct[m - 1])]
    for split in reversed(splits):
        stop = int(split[stop])
        if stop == 0:
            break
        chosen.append(float(distinct[stop - 1]))
    return chosen


def trailing_zeros(weights: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Trailing zeros of each weight's magnitude, int64[W]; -1 for the weight zero, which has no last one.

    In an array multiplier with one row for each weight bit, as many of the first rows stay still.
    """
    values = np.abs(np.asarray(weights, dtype=np.int64))
    return np.where(values == 0, -1, np.log2(np.maximum(values & -values, 1))).astype(np.int64)
