# SPDX-License-Identifier: Apache-2.0
"""How the scales of a uniform grid are found: from the range of the weights, by a search, or as HALO fits its own.

``range``, symmetric: 2 max|w| / (2^b - 1), which spreads all 2^b codes over [-max, max], as GPTQ (``find_params`` with
``sym``), AutoGPTQ, GPTQModel and compressed-tensors do; the largest weight lies half a step beyond the largest code.
Asymmetric: the codes span [min, max] widened to include 0, as GPTQ does: without 0 in the span the zero point would
leave the codes, and a group of one sign would be lost.

``mse``: GPTQ's search (``mse`` of its ``configure``): the range shrinks in steps of 1 % to a fifth, and the least sum
of |error|^2.4 wins, for each output channel of a group by itself.

``signed``, symmetric only: HALO's fit (``halo.quant.fit``). Least squares from several starts, and the scale may be
negative, which puts the one code that has no opposite, -2^(b-1), on the side of the largest weight.

Tests: tests/quant/test_rtn.py.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from halo.quant.fit import Dense, fit_scales
from halo.quant.layer import Codebook, Float32
from halo.quant.rows import over_rows

Fit = Literal["range", "mse", "signed"]
Zero = npt.NDArray[np.int16]

_STEPS, _SMALLEST, _NORM = 100, 0.2, np.float32(2.4)  # of the published search: grid, 1 - maxshrink, norm
_CHUNK = 1 << 16  # weights that a thread searches at a time: they stay in its cache


def grid_scales(weight: Float32, bits: int, block: int, symmetric: bool, fit: Fit) -> tuple[Float32, Zero | None]:
    """Scales, and zero points of asymmetric codes.

    Args:
        weight: float32[out, in].
        bits: of a code, 2 to 8; codes are -2^(bits-1) to 2^(bits-1) - 1.
        block: input channels that share a scale; the last block may be smaller.
        symmetric: no zero points.
        fit: see the module; ``signed`` is symmetric.

    Returns:
        float32[out, groups], and int16[out, groups] or None.
    """
    if fit == "signed":
        return _signed(weight, bits, block), None
    starts = np.arange(0, weight.shape[1], block)
    low, high = (np.asarray(reach.reduceat(weight, starts, axis=1)) for reach in (np.minimum, np.maximum))
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    else:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    if fit == "mse":
        share = _best_share(weight, low, high, bits, block, symmetric)
        low, high = low * share, high * share
    return _of_range(low, high, bits, symmetric)


def _of_range(low: Float32, high: Float32, bits: int, symmetric: bool) -> tuple[Float32, Zero | None]:
    """Scale and zero point that spread the codes over [low, high]."""
    lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    scale = _usable((high - low) / np.float32(highest - lowest))
    if symmetric:
        return scale, None
    zero = np.rint(-low / scale).astype(np.float64) + lowest
    return scale, np.clip(zero, lowest, highest).astype(np.int16)


def _best_share(weight: Float32, low: Float32, high: Float32, bits: int, block: int, symmetric: bool) -> Float32:
    """The share of the range with the least error, float32[out, groups]."""
    best = np.ones_like(low)
    whole = weight.shape[1] // block  # groups before one that is smaller

    def band(first: int, stop: int) -> None:
        rows = slice(first, stop)
        for groups in (slice(0, whole), slice(whole, low.shape[1])):
            ends = low[rows, groups].reshape(-1, 1), high[rows, groups].reshape(-1, 1)
            if not len(ends[0]):
                continue
            part = weight[rows, groups.start * block : groups.stop * block].reshape(len(ends[0]), -1)
            chosen, least = np.ones(len(part), np.float32), np.full(len(part), np.inf, np.float32)
            for shrunk in range(round(_STEPS * (1 - _SMALLEST))):
                share = np.float32(1 - shrunk / _STEPS)
                error = _errors(part, *_of_range(ends[0] * share, ends[1] * share, bits, symmetric), bits)
                better = error < least
                least[better] = error[better]
                chosen[better] = share
            best[rows, groups] = chosen.reshape(stop - first, -1)

    over_rows(band, len(weight), max(1, _CHUNK // weight.shape[1]), None)
    return best


def _errors(weight: Float32, scale: Float32, zero: Zero | None, bits: int) -> Float32:
    """Sum of |error|^2.4 of rounding, by row; in place, since this is done eighty times."""
    offset = np.zeros_like(scale) if zero is None else zero.astype(np.float32)
    made = weight / scale
    np.rint(made, out=made)
    made += offset
    np.clip(made, -(1 << (bits - 1)), (1 << (bits - 1)) - 1, out=made)
    made -= offset
    made *= scale
    made -= weight
    np.abs(made, out=made)
    np.power(made, _NORM, out=made)
    total: Float32 = made.sum(axis=1)
    return total


def _signed(weight: Float32, bits: int, block: int) -> Float32:
    """HALO's fitted scales of the whole grid as a codebook."""
    values = np.arange(-(1 << (bits - 1)), 1 << (bits - 1)).astype(np.int8)
    book = Codebook(f"INT{bits}", values, None, None, "uniform")
    dense = Dense(np.ascontiguousarray(weight), None, np.zeros(weight.shape, np.uint8), block, (1, block))
    classes = np.zeros(tuple(-(-n // block) for n in weight.shape), np.uint8)
    scale, _ = fit_scales(dense, [book], classes, None)
    return _usable(scale)


def _usable(scale: Float32) -> Float32:
    """Scales of blocks of zeros, or too small for float32 to divide by, become 1: their codes are zero either way."""
    return np.where(np.abs(scale) > np.finfo(np.float32).tiny, scale, np.float32(1)).astype(np.float32)
