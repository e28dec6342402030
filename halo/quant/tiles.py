# SPDX-License-Identifier: Apache-2.0
"""Which codebook each tile gets: by its sensitivity (HALO), or by the loss it costs for each nanosecond it saves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.quant.layer import Float32
from halo.quant.rows import over_rows

U8 = npt.NDArray[np.uint8]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ParetoFront:
    """Tiles moved one after another from the slowest codebook to faster ones.

    Attributes:
        tiles, to: int64[m], the tile moved and its new codebook; a later move of a tile replaces an earlier one.
        period, error: float64[m + 1], mean clock period of the tiles in ns (0 where clocks are unknown) and summed
            error, before the first move and after each.
    """

    tiles: I64
    to: I64
    period: F64
    error: F64

    def classes(self, moves: int, shape: tuple[int, ...]) -> U8:
        """Codebook of each tile after so many moves, uint8 of the shape given."""
        chosen = np.zeros(int(np.prod(shape)), np.uint8)
        np.maximum.at(chosen, self.tiles[:moves], self.to[:moves].astype(np.uint8))
        return chosen.reshape(shape)

    def at(self, multiplier: float) -> int:
        """Moves to the point of least error + multiplier x period; ``multiplier``: error that a nanosecond is worth."""
        return int(np.argmin(self.error + multiplier * self.period))

    def knee(self) -> int:
        """Moves to the point furthest below the line that joins the two ends, both axes scaled to 1; 0 if flat."""
        saved, lost = self.period[0] - self.period[-1], self.error[-1] - self.error[0]
        if saved <= 0:
            return 0
        return self.at(lost / saved) if lost > 0 else len(self.tiles)


def tile_means(values: Float32, apart: U8, tile: int, threads: int | None) -> F64:
    """Mean over each tile of what is not marked ``apart``, which counts as zero (HALO's eq. 2).

    Args:
        values: float32[out, in], such as the Fisher.
        tile: side; a ragged tile is divided by its own number of weights.

    Returns:
        float64[tile rows, tile columns].
    """
    columns = values.shape[1]
    starts = np.arange(0, columns, tile)
    width = np.diff(np.append(starts, columns))

    def band(first: int, stop: int) -> F64:
        kept = np.where(apart[first:stop], np.float32(0), values[first:stop])
        sums: F64 = np.add.reduceat(kept.sum(axis=0, dtype=np.float64), starts)
        means: F64 = sums / (width * (stop - first))
        return means

    return np.stack(over_rows(band, len(values), tile, threads))


def share_count(sensitivity: F64, share: float) -> int:
    """The fewest tiles, most sensitive first, that carry the share of the sum."""
    falling = np.sort(sensitivity, axis=None)[::-1]
    carried = np.cumsum(falling)
    return int(np.searchsorted(carried, share * carried[-1] * (1 - 1e-12))) + 1 if carried[-1] > 0 else 0


def pareto_front(error: F64, period: F64, order: F64 | None = None) -> ParetoFront:
    """Moves of tiles to faster codebooks, the cheapest first.

    Args:
        error: float64[classes, tiles]; period: float64[classes], descending.
        order: float64[tiles], tiles move in ascending order of it (two classes only); None: by the error increase for
            each nanosecond saved, along the lower convex hull of each tile's (period, error) points, so that
            every prefix is the least error at its period (where no faster codebook has less error).
    """
    classes, tiles = error.shape
    index = np.arange(tiles)
    now = np.zeros(tiles, np.int64)
    cost: list[F64] = []
    moved: list[tuple[I64, I64, I64]] = []
    while (now < classes - 1).any():
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = (error - error[now, index]) / (period[now] - period[:, None])
        slope[np.arange(classes)[:, None] <= now] = np.inf
        # of equal slopes the furthest: fewer moves
        step = classes - 1 - np.argmin(slope[::-1], axis=0)
        live = np.flatnonzero(now < classes - 1)
        cost.append(order[live] if order is not None else slope[step, index][live])
        moved.append((live, now[live], step[live]))
        now[live] = step[live]
    if not moved:
        return ParetoFront(np.zeros(0, np.int64), np.zeros(0, np.int64), period[:1], error.sum(axis=1))
    tile, before, after = (np.concatenate(part) for part in zip(*moved, strict=True))
    by = np.argsort(np.concatenate(cost), kind="stable")
    tile, before, after = tile[by], before[by], after[by]
    gained = np.cumsum(error[after, tile] - error[before, tile])
    saved = np.cumsum(period[before] - period[after]) / tiles
    start = error[0].sum()
    return ParetoFront(tile, after, np.append(period[0], period[0] - saved), np.append(start, start + gained))
