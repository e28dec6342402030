"""The knee of error over clock, or a share of the loss, over a whole model instead of layer by layer.

At the best choice of fast tiles a nanosecond costs the same loss in every layer; with a knee of its own for every layer
some pay dearly and others stay slow that need not. The price has to be known before the first layer is quantized. It is
a ratio of sums over the whole model, which a sample of tile rows of every layer tells well: nothing is quantized twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.quant.halo_method import HaloOptions, dense_part, fits_of
from halo.quant.layer import Codebook, Float32
from halo.quant.tiles import front

F64 = npt.NDArray[np.float64]

TILE_ROWS = 8
"""Of a layer that are looked at, evenly spaced. A layer of LLaMA-2-7B has 32 or 86 of 128 x 128. On such layers, made
up with a Fisher that differs from row to row as a log-normal of sigma 1, the price of one layer is off by 1 to 6 %."""


@dataclass(frozen=True, eq=False)
class Offers:
    """What the tiles of a layer could save.

    Attributes:
        loss: float64[n], error that a move of a tile to a faster codebook adds.
        saved: float64[n], nanoseconds it saves, times weights.
    """

    loss: F64
    saved: F64


def offers_of(
    weight: Float32,
    fisher: Float32,
    codebooks: Sequence[Codebook],
    options: HaloOptions,
    *,
    name: str = "layer",
    threads: int | None = None,
) -> Offers:
    """Every move of the sampled tiles, scaled up to the layer.

    Args:
        weight, fisher: float32[out, in]; with a stand-in for the Fisher layers would not compare.
        codebooks, options: as ``quantize_halo``.
        name: of the layer.
        threads: None: one a core. Results do not depend on it.

    Raises:
        HaloError: a weight or a Fisher value is no finite number.
    """
    rows = _sampled(len(weight), options.tile)
    if not fisher[rows].any():
        clocks = [book.frequency_ghz or np.inf for book in (codebooks[0], codebooks[-1])]
        return Offers(np.zeros(1), np.array([(1 / clocks[0] - 1 / clocks[1]) * weight.size]))
    dense = dense_part(weight[rows], fisher[rows], options, name, threads)
    _, error, period = fits_of(dense, codebooks, threads)
    moves = front(error, period)
    whole = weight.size / dense.weight.size
    return Offers(np.diff(moves.error) * whole, -np.diff(moves.period) * weight.size)


def price_of(offers: Sequence[Offers], options: HaloOptions) -> float:
    """Error that a nanosecond of one weight is worth, for ``quantize_halo``.

    Args:
        offers: of all layers.
        options: ``bal``: at the knee, the mean price of all moves; ``acc``: that of the last move within the share.
    """
    loss, saved = (np.concatenate([getattr(o, part) for o in offers]) for part in ("loss", "saved"))
    if options.variant == "bal":
        return float(max(loss.sum(), 0.0) / saved.sum())
    each = loss / saved
    order = np.argsort(each, kind="stable")
    within = np.cumsum(loss[order]) <= (1 - options.share) * loss.sum()
    return float(each[order][within][-1]) if within.any() else 0.0


def _sampled(rows: int, tile: int) -> npt.NDArray[np.int64]:
    """Rows of the tile rows that are looked at: all, where they are few."""
    starts = np.arange(0, rows, tile)
    chosen = starts[:: -(-len(starts) // TILE_ROWS)]
    return np.concatenate([np.arange(start, min(start + tile, rows)) for start in chosen])
