# SPDX-License-Identifier: Apache-2.0
"""One pass over a band of rows each: the weights that codes stand for, their errors, and codes outside codebooks.

Tests: tests/quant/test_layer.py.
"""

from __future__ import annotations

import numpy as np

from halo.jit import kernel

LANES = 16


@kernel
def scale_codes(codes, zero, shifted, scale, first, high, wide, weight):  # type: ignore[no-untyped-def]
    """Weights of the dense part of a band, each step a float32 operation: (code - zero) * scale.

    Args:
        codes: int8[rows, in], the rows of a layer from ``first`` on.
        zero: int16[block rows, block columns] of the layer, used if ``shifted``.
        scale: float32 of the same shape (of the layer).
        high, wide: rows and columns of a block.
        weight: float32[rows, in], filled.
    """
    rows, columns = codes.shape
    for r in range(rows):
        block = (first + r) // high
        for c0 in range(0, columns, wide):
            c1 = min(c0 + wide, columns)
            s = scale[block, c0 // wide]
            z = np.float32(zero[block, c0 // wide]) if shifted else np.float32(0)
            for c in range(c0, c1):
                weight[r, c] = (np.float32(codes[r, c]) - z) * s


@kernel
def sum_errors(weight, made, price, signal, noise, loss):  # type: ignore[no-untyped-def]
    """Sums over every row of w^2, (w - w')^2 and F (w - w')^2, in lanes that a vector unit adds side by side.

    Args:
        weight, made, price: float32[rows, in], that is w, w' and F.
        signal, noise, loss: float64[rows], filled.
    """
    rows, columns = weight.shape
    sums = np.empty((3, LANES))
    for r in range(rows):
        sums[:] = 0.0
        for c0 in range(0, columns, LANES):
            w = weight[r, c0 : c0 + LANES]
            m = made[r, c0 : c0 + LANES]
            p = price[r, c0 : c0 + LANES]
            for i in range(w.shape[0]):
                size = np.float64(w[i])
                off = size - np.float64(m[i])
                sums[0, i] += size * size
                sums[1, i] += off * off
                sums[2, i] += off * off * np.float64(p[i])
        signal[r] = sums[0].sum()
        noise[r] = sums[1].sum()
        loss[r] = sums[2].sum()


@kernel
def first_outside(codes, tile, classes, allowed):  # type: ignore[no-untyped-def]
    """Flat index of the first code of a band that its tile's codebook lacks; -1: there is none.

    Args:
        codes: uint8[rows, in], the bytes of int8 codes.
        tile: side of the tiles; the band begins with one.
        classes: uint8[tile rows, tile columns].
        allowed: bool[codebooks, 256], by byte.
    """
    rows, columns = codes.shape
    for r in range(rows):
        for c0 in range(0, columns, tile):
            book = allowed[classes[r // tile, c0 // tile]]
            fine = True
            for c in range(c0, min(c0 + tile, columns)):
                fine &= book[codes[r, c]]
            if not fine:
                for c in range(c0, min(c0 + tile, columns)):
                    if not book[codes[r, c]]:
                        return r * columns + c
    return -1
