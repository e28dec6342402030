# SPDX-License-Identifier: Apache-2.0
"""Fits the scales of a layer to codebooks, and rounds its weights to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.quant.feedback import dead_inputs, feed_back, inverse_factor
from halo.quant.fit_kernel import CELLS, fit_rows, round_rows
from halo.quant.layer import Codebook, Float32, Int8, Sparse
from halo.quant.rows import over_rows

U8 = npt.NDArray[np.uint8]
F64 = npt.NDArray[np.float64]

STARTS = np.arange(40, 120, 12) / 100
"""Starts of the scale search, as shares of the scale that puts the largest weight on the largest code. More of
them lower the error little, and take time in proportion."""

ROUNDS = 2  # more corrections leave the error where it is


@dataclass(frozen=True, eq=False)
class Dense:
    """The dense part of a layer, to be fitted.

    Attributes:
        weight: float32[out, in].
        importance: float32[out, in], what a squared error costs; None: 1.
        apart: uint8[out, in], 1 where a weight is not in the dense part.
        tile: side of a tile.
        block: rows and columns that share a scale: (1, tile), (tile, tile) or (1, in).
        signed: scales may be negative.
    """

    weight: Float32
    importance: Float32 | None
    apart: U8
    tile: int
    block: tuple[int, int]
    signed: bool = True


def nearest_table(codebook: Codebook) -> Float32:
    """Nearest code of every half step: entry k is for x in [k / 2 - 128, k / 2 - 127.5); ties to the greater code."""
    values = codebook.values.astype(np.float64)
    start = np.arange(CELLS) / 2 - CELLS // 4
    table: Float32 = values[np.searchsorted((values[:-1] + values[1:]) / 2, start, side="right")].astype(np.float32)
    return table


def fit_scales(dense: Dense, codebooks: Sequence[Codebook], classes: U8, threads: int | None) -> tuple[Float32, F64]:
    """Fit every block's scale: nearest assignment alternated with least squares from the best start.

    Args:
        dense: the weights.
        codebooks, classes: codebook of each tile, uint8[tile rows, tile columns].
        threads: None: one a core.

    Returns:
        Scales float32[block rows, block columns], and the error of each tile, sum of importance x squared error,
        float64[tile rows, tile columns].
    """
    columns = dense.weight.shape[1]
    tile, (high, wide) = dense.tile, dense.block
    tables = np.stack([nearest_table(book) for book in codebooks])
    used = [codebooks[k].values for k in np.unique(classes)]
    values = np.unique(np.abs(np.concatenate(used).astype(np.float32)))[:0:-1].copy()
    scale = np.empty((-(-len(dense.weight) // high), -(-columns // wide)), np.float32)
    error = np.zeros(classes.shape)
    weighted = dense.importance is not None
    importance = dense.importance if dense.importance is not None else dense.weight

    signs = 2 if dense.signed else 1
    starts = np.concatenate([STARTS, -STARTS][:signs])

    def band(a: int, b: int) -> None:
        tiles = slice(a // tile, -(-b // tile))
        fit_rows(
            dense.weight[a:b], importance[a:b], weighted, dense.apart[a:b], tile, high, wide, classes[tiles], tables,
            values, signs, starts, ROUNDS, scale[a // high : -(-b // high)], error[tiles],
        )  # fmt: skip

    over_rows(band, len(dense.weight), tile, threads)
    return scale, error


def round_nearest(
    dense: Dense, codebooks: Sequence[Codebook], classes: U8, scale: Float32, threads: int | None
) -> Int8:
    """Codes nearest to weight / scale in each tile's codebook, int8[out, in]; 0 where a weight is apart."""
    tile, (high, wide) = dense.tile, dense.block
    tables = np.stack([nearest_table(book) for book in codebooks])
    codes = np.empty(dense.weight.shape, np.int8)

    def band(a: int, b: int) -> None:
        round_rows(
            dense.weight[a:b], dense.apart[a:b], tile, high, wide, classes[a // tile : -(-b // tile)], tables,
            scale[a // high : -(-b // high)], codes[a:b],
        )  # fmt: skip

    over_rows(band, len(codes), tile, threads)
    return codes


def round_with_feedback(
    dense: Dense,
    codebooks: Sequence[Codebook],
    classes: U8,
    scale: Float32,
    sparse: Sparse,
    hessian: npt.NDArray[np.float32] | npt.NDArray[np.float64],
    damping: float,
    name: str,
) -> tuple[Int8, float]:
    """Codes by GPTQ's feedback: columns from the left, each error spread over the columns to come.

    A sparse weight keeps its int8 value and passes its error on like any other.

    Args:
        dense, codebooks, classes, scale: as ``round_nearest``.
        sparse: the weights apart.
        hessian, damping, name: as ``halo.quant.gptq.gptq``.

    Returns:
        int8[out, in], and the damping that worked.

    Raises:
        HaloError: as ``halo.quant.gptq.gptq``.
    """
    rows, columns = dense.weight.shape
    tables = np.stack([nearest_table(book) for book in codebooks])
    kept_apart = np.zeros(dense.weight.shape, np.float32)
    kept_apart[sparse.rows, sparse.columns] = sparse.values

    def round_column(column: int, values: Float32) -> tuple[Int8, Float32]:
        mine = np.repeat(scale[:, column // dense.block[1]], dense.block[0])[:rows]
        book = np.repeat(classes[:, column // dense.tile], dense.tile)[:rows]
        cell = np.clip(values * (np.float32(2) / mine) + np.float32(CELLS // 2), 0, CELLS - 1).astype(np.intp)
        apart = dense.apart[:, column] != 0
        code = np.where(apart, np.float32(0), tables[book, cell])
        return code.astype(np.int8), np.where(apart, kept_apart[:, column], mine * code)

    dead = dead_inputs(hessian, dense.weight.shape, name)
    order = np.arange(columns)
    factor, used = inverse_factor(hessian, order, damping, name)
    return feed_back(np.where(dead, np.float32(0), dense.weight), factor, order, round_column), used
