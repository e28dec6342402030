# SPDX-License-Identifier: Apache-2.0
"""The fit of one block written to be read: same starts, same corrections, same ties as ``fit_kernel``.

Tests: tests/quant/test_fit.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from halo.quant.fit import ROUNDS, STARTS
from halo.quant.layer import Codebook, Float32

Piece = tuple[Float32, Float32, Codebook]
"""Weights, importances and codebook of the part of a block that lies in one tile."""


def nearest(weight: Float32, scale: np.float32, codebook: Codebook) -> Float32:
    """The code nearest to weight / scale, to a half step; of two at the same distance the greater one."""
    half_steps = np.floor(weight * (np.float32(2) / scale) + np.float32(256))
    middle = (np.clip(half_steps, 0, 511) + 0.5) / 2 - 128  # of the half step: never halfway between two codes
    codes = codebook.values.astype(np.float64)
    chosen: Float32 = codes[np.abs(middle[:, None] - codes).argmin(axis=1)].astype(np.float32)
    return chosen


def sums_at(pieces: Sequence[Piece], scale: np.float32) -> tuple[float, float]:
    """Sums of F w c and F c c for the codes nearest at a scale: it should be their quotient."""
    cross = square = 0.0
    for weight, importance, codebook in pieces:
        code = nearest(weight, scale, codebook)
        cross += float(np.sum(importance * weight * code, dtype=np.float64))
        square += float(np.sum(importance * code * code, dtype=np.float64))
    return cross, square


def magnitudes(codebooks: Sequence[Codebook]) -> list[int]:
    """What the search lays the largest weight on: the magnitudes of all codebooks in use, falling, without 0."""
    return sorted({abs(int(c)) for book in codebooks for c in book.values} - {0}, reverse=True)


def fit_block(pieces: Sequence[Piece], signed: bool, magnitudes: Sequence[int]) -> np.float32:
    """The scale of a block."""
    largest = max(float(np.abs(weight).max()) for weight, _, _ in pieces)
    if largest <= 1e-30 or not magnitudes:
        return np.float32(1)
    if not any((importance * np.abs(weight)).any() for weight, importance, _ in pieces):
        pieces = [(weight, np.ones_like(weight), codebook) for weight, _, codebook in pieces]
    signs = (np.float32(1), np.float32(-1)) if signed else (np.float32(1),)
    for magnitude in magnitudes:
        scale = np.float32(largest / magnitude)
        for near in (scale, np.nextafter(scale, np.float32(0)), np.nextafter(scale, np.float32(np.inf))):
            for sign in signs:
                if all((w == near * sign * nearest(w, near * sign, book)).all() for w, _, book in pieces):
                    return np.float32(near * sign)
    reach = largest / magnitudes[0]
    best, scale64 = -1.0, reach  # best: by how much sum F w^2 falls, cross^2 / square
    for sign in signs:
        for start in STARTS:
            cross, square = sums_at(pieces, np.float32(reach * (sign * start)))
            if cross * cross > best * square:
                best, scale64 = cross * cross / square, cross / square
    for _ in range(ROUNDS):
        cross, square = sums_at(pieces, np.float32(scale64))
        if cross * cross <= best * square * (1 + 1e-9):
            break
        best, scale64 = cross * cross / square, cross / square
    return np.float32(scale64)
