# SPDX-License-Identifier: Apache-2.0
"""How the scales of a uniform grid are found: from the range of the weights, by a search, or as HALO fits its own.

``range``, symmetric: 2 max|w| / (2^b - 1), which spreads all 2^b codes over [-max, max], as GPTQ (``find_params`` with
``sym``), AutoGPTQ, GPTQModel and compressed-tensors do; the largest weight lies half a step beyond the largest code.
Asymmetric: the codes span [min, max] widened to include 0, as GPTQ does: without 0 in the span the zero point would
leave the codes, and a group of one sign would be lost.

``mse``: GPTQ's search (its ``--mse``): the range shrinks in steps of 1 % to a fifth, and the least sum of |error|^2.4
wins, for each output channel of a group by itself.

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

Fit = Literal["range", "mse", "signed"]
Zero = npt.NDArray[np.int16]
F64 = npt.NDArray[np.float64]

_STEPS, _SMALLEST, _NORM = 100, 0.2, 2.4  # of the published search: grid, 1 - maxshrink, norm
_CHUNK = 1 << 20  # weights that are searched at a time


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
    step = max(1, _CHUNK // weight.shape[1])
    lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    for first in range(0, len(weight), step):
        rows = slice(first, first + step)
        for group in range(low.shape[1]):
            part = weight[rows, group * block : (group + 1) * block]
            ends = low[rows, group, None], high[rows, group, None]
            least = np.full(len(part), np.inf)
            for shrunk in range(round(_STEPS * (1 - _SMALLEST))):
                share = np.float32(1 - shrunk / _STEPS)
                scale, zero = _of_range(ends[0] * share, ends[1] * share, bits, symmetric)
                offset = np.float32(0) if zero is None else zero.astype(np.float32)
                made = (np.clip(np.rint(part / scale) + offset, lowest, highest) - offset) * scale
                error: F64 = np.sum(np.abs(made - part) ** np.float32(_NORM), axis=1, dtype=np.float64)
                better = error < least
                least[better] = error[better]
                best[rows, group][better] = share
    return best


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
