# SPDX-License-Identifier: Apache-2.0
"""Is there a better codebook for a MAC than the uniform grid? Searched for in every design of a run of halo explore.

    python scripts/study_codebooks.py RUN[,RUN...] [WEIGHTS]

RUN holds periods.csv; WEIGHTS is what ``halo explore --weights`` takes (a CSV, or a run of ``halo quantize``). Without
it, weights are Gaussian. For INT4 << 4 (16 values) and INT3 << 5 (8 values), and each design on the front, each own
candidate and each that is the fastest with the grid, a line says:

- the period of all weights and of the grid;
- the least period at which the best so many safe values round the weights as well as the grid does, and the gain;
- the error of the grid, and at the grid's clock those of the best so many safe values and of all of them;
- the error of the best so many values at a clock that is a twentieth faster.

The best values of those that are safe, and their scale, are found exactly for each of many scales: dynamic programming
over the sorted values, where the cost of two neighbours is that of the weights between them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from halo.flow.exploring.codebook import GRIDS, Histogram, read_weights

F64 = npt.NDArray[np.float64]
SCALES = np.geomspace(0.25, 8.0, 176)
"""Largest weight over scale is 128 over these: 2 % from one to the next, for all codebooks the same."""
FASTER = 1.05
CODES = np.arange(-128, 128)


def gaussian(count: int = 4096) -> Histogram:
    """So many weights at even quantiles of a normal distribution."""
    return Histogram(stats.norm.ppf((np.arange(count) + 0.5) / count), np.ones(count))


class Rounding:
    """Squared error of some weights, by scale, between each pair of neighbouring codes and beyond each code."""

    def __init__(self, weights: Histogram, codes: npt.NDArray[np.int64] = CODES, scales: F64 | None = None) -> None:
        order = np.argsort(weights.values)
        values, counts = weights.values[order], weights.counts[order]
        self.codes = codes
        self.power = float((counts * values**2).sum())
        self._values = values
        self._sums = [np.concatenate([[0.0], np.cumsum(counts * values**p)]) for p in range(3)]
        self.scales = np.abs(values).max() / 128 * SCALES if scales is None else scales
        self._known: list[tuple[F64, F64, F64]] = [self._costs(scale) for scale in self.scales]

    def _to(self, first: npt.NDArray[np.intp], stop: npt.NDArray[np.intp], target: F64) -> F64:
        """Squared distance of the weights of ranks ``first`` to ``stop`` from a target."""
        zero, one, two = (total[stop] - total[first] for total in self._sums)
        found: F64 = two - 2 * target * one + target**2 * zero
        return found

    def _costs(self, scale: float) -> tuple[F64, F64, F64]:
        at = self.codes * scale
        place = np.searchsorted(self._values, at)
        middle = np.searchsorted(self._values, (at[:, None] + at[None, :]) / 2)
        between = self._to(place[:, None], middle, at[:, None]) + self._to(middle, place[None, :], at[None, :])
        none, every = np.zeros_like(place), np.full_like(place, len(self._values))
        return self._to(none, place, at), between, self._to(place, every, at)

    def of(self, codes: npt.NDArray[np.int64]) -> float:
        """Least relative error (RMS) of rounding to all of some codes, at the best scale."""
        chosen = np.searchsorted(self.codes, codes)
        best = min(
            below[chosen[0]] + between[chosen[:-1], chosen[1:]].sum() + above[chosen[-1]]
            for below, between, above in self._known
        )
        return float(np.sqrt(max(best, 0.0) / self.power))

    def best(self, codes: npt.NDArray[np.int64], count: int) -> float:
        """The same of the best so many of them."""
        if len(codes) <= count:
            return self.of(codes)
        chosen = np.searchsorted(self.codes, codes)
        best = np.inf
        for below, between, above in self._known:
            pairs = between[np.ix_(chosen, chosen)].T.copy()
            pairs[np.triu_indices(len(chosen))] = np.inf  # the left one is the smaller
            ends = below[chosen]
            for _ in range(count - 1):
                ends = (pairs + ends).min(axis=1)
            best = min(best, float((ends + above[chosen]).min()))
        return float(np.sqrt(max(best, 0.0) / self.power))


@dataclass(frozen=True)
class Found:
    """What a search found for a design and a grid; periods in ps, errors relative.

    Attributes:
        all_ps, grid_ps: of all weights and of the grid's.
        least_ps: at which the best so many values are as good as the grid.
        safe: values that keep the grid's period.
        grid, chosen, every: errors at the grid's period: of the grid, the best so many safe values, all of them.
        faster: error of the best so many values that keep 1 / ``FASTER`` of the grid's period; 1 where none does.
    """

    all_ps: float
    grid_ps: float
    least_ps: float
    safe: int
    grid: float
    chosen: float
    every: float
    faster: float


def searched(periods: F64, step: int, rounding: Rounding) -> Found:
    """Search a codebook with as many values as a grid.

    Args:
        periods: float64[256], of each weight, ascending.
        step: of the grid.
        rounding: the weights.
    """
    grid = CODES[CODES % step == 0]
    grid_ps, goal = float(periods[CODES % step == 0].max()), rounding.of(grid)
    steps = np.unique(periods[periods <= grid_ps])
    low, high = 0, len(steps) - 1  # the last one does: the grid itself is safe
    while low < high:
        middle = (low + high) // 2
        if rounding.best(CODES[periods <= steps[middle]], len(grid)) <= goal * (1 + 1e-9):
            high = middle
        else:
            low = middle + 1
    safe, fast = CODES[periods <= grid_ps], CODES[periods <= grid_ps / FASTER]
    return Found(
        float(periods.max()),
        grid_ps,
        float(steps[high]),
        len(safe),
        goal,
        rounding.best(safe, len(grid)),
        rounding.of(safe),
        rounding.best(fast, len(grid)) if len(fast) else 1.0,
    )


def designs(run: Path) -> Iterator[tuple[str, F64]]:
    """Names and periods of the designs of eight-bit weights that are looked at."""
    table, periods = pd.read_csv(run / "candidates.csv"), pd.read_csv(run / "periods.csv")
    table = table[table["reason"].isna() & (table["weight_width"] == 8)]
    fastest = table["period_class_ps"] == table["period_class_ps"].min()
    for name in table[table["pareto"] | fastest | table["file"].notna() | (table["multiplier"] == "csa_array")][
        "candidate"
    ]:
        yield name, periods[periods["candidate"] == name]["period_ps"].to_numpy()


def main(arguments: Sequence[str]) -> None:
    """The command."""
    if not 1 <= len(arguments) <= 2:
        sys.exit(__doc__)
    rounding = Rounding(read_weights(Path(arguments[1])) if len(arguments) > 1 else gaussian())
    gains: dict[str, list[float]] = {name: [] for name in GRIDS}
    for run in map(Path, arguments[0].split(",")):
        for name, periods in designs(run):
            for grid, step in GRIDS.items():
                f = searched(periods, step, rounding)
                gains[grid].append(f.grid_ps / f.least_ps - 1)
                print(
                    f"{run.name} {name} {grid}: all {f.all_ps:,.0f} ps, grid {f.grid_ps:,.0f}, as good at "
                    f"{f.least_ps:,.0f} ({gains[grid][-1]:+.1%}); error {f.grid:.4f}, best of {f.safe} safe values "
                    f"{f.chosen:.4f}, all of them {f.every:.4f}; at {FASTER - 1:.0%} more clock {f.faster:.4f}",
                    flush=True,
                )
    for grid, found in gains.items():
        print(f"{grid}: a clock faster by {min(found):.1%} to {max(found):.1%}, median {np.median(found):.1%}")


if __name__ == "__main__":
    main(sys.argv[1:])
