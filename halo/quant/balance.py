# SPDX-License-Identifier: Apache-2.0
"""The knee of error over clock, or a share of the loss, over a whole model instead of layer by layer.

At the best choice of fast tiles a nanosecond costs the same loss in every layer; with a knee of its own for every layer
some pay dearly and others stay slow that need not. That loss, the Lagrange multiplier of time, has to be known before
the first layer is quantized. It is a ratio of sums over the whole model, which a sample of tile rows of every layer
tells well: nothing is quantized twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.quant.halo_method import dense_part, fits_of
from halo.quant.layer import Codebook, Float32
from halo.quant.options import HaloOptions
from halo.quant.tiles import pareto_front

F64 = npt.NDArray[np.float64]

TILE_ROWS = 8
"""Rows of tiles of a layer that are looked at, evenly spaced; a layer of LLaMA-2-7B has 32 or 86 of 128 x 128. Sampling
shifts the multiplier of one layer by a few per cent."""


@dataclass(frozen=True, eq=False)
class MarginalCosts:
    """What it costs to move tiles of a layer to faster codebooks, move by move.

    Attributes:
        loss: float64[n], error that a move of a tile to a faster codebook adds.
        saved: float64[n], nanoseconds it saves, times weights.
    """

    loss: F64
    saved: F64


def marginal_costs(
    weight: Float32,
    fisher: Float32,
    codebooks: Sequence[Codebook],
    options: HaloOptions,
    *,
    name: str = "layer",
    tile_rows: int = TILE_ROWS,
    threads: int | None = None,
) -> MarginalCosts:
    """Every move of the sampled tiles, scaled up to the layer.

    Args:
        weight, fisher: float32[out, in]; with a stand-in for the Fisher layers would not compare.
        codebooks, options: as ``quantize_halo``.
        name: of the layer.
        tile_rows: rows of tiles that are looked at, evenly spaced.
        threads: None: one a core. Results do not depend on it.

    Raises:
        HaloError: a weight or a Fisher value is no finite number.
    """
    rows = _sampled(len(weight), options.tile, tile_rows)
    if not fisher[rows].any():
        clocks = [book.frequency_ghz or np.inf for book in (codebooks[0], codebooks[-1])]
        return MarginalCosts(np.zeros(1), np.array([(1 / clocks[0] - 1 / clocks[1]) * weight.size]))
    dense = dense_part(weight[rows], fisher[rows], options, name, threads)
    _, error, period = fits_of(dense, codebooks, threads)
    moves = pareto_front(error, period)
    whole = weight.size / dense.weight.size
    return MarginalCosts(np.diff(moves.error) * whole, -np.diff(moves.period) * weight.size)


def multiplier_of(costs: Sequence[MarginalCosts], options: HaloOptions) -> float:
    """Error that a nanosecond of one weight is worth, for ``quantize_halo``.

    Args:
        costs: of all layers.
        options: ``bal``: at the knee, the mean cost of all moves; ``acc``: that of the last move within the share.
    """
    loss, saved = (np.concatenate([getattr(o, part) for o in costs]) for part in ("loss", "saved"))
    if options.variant == "bal":
        return float(max(loss.sum(), 0.0) / saved.sum())
    each = loss / saved
    order = np.argsort(each, kind="stable")
    within = np.cumsum(loss[order]) <= (1 - options.share) * loss.sum()
    return float(each[order][within][-1]) if within.any() else 0.0


def _sampled(rows: int, tile: int, count: int) -> npt.NDArray[np.int64]:
    """Rows of the tile rows that are looked at: all, where they are few."""
    starts = np.arange(0, rows, tile)
    chosen = starts[:: -(-len(starts) // count)]
    return np.concatenate([np.arange(start, min(start + tile, rows)) for start in chosen])
