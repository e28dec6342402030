"""AWQ (Lin et al., arXiv 2306.00978): scale the input channels with large activations up before rounding, then clip.

s = mean|x|^r for r in 0, 0.05, ... 0.95, divided by sqrt(max s min s); the r with the least output error wins. Then
each group's span shrinks in steps of 5 % to at most half where that lowers its output error. The authors' grid is
asymmetric without 0 in the span, 128 weights a group; they clip all layers but query and key.

Output errors come from the Hessian, sum over rows of d H d^T for d = W - W', which is the mean squared error of the
layer's output on the calibration text. The authors measure the attention output for query, key and value instead, and
clip on a sample of 512 tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.rtn import Format, checked

Hessian = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_RATIOS = 20
_CLIP_STEPS = 10
_CLIP_GRID = 20
_SMALLEST = np.float32(1e-4)  # of a channel's mean, as in the published code


def awq_scale(weights: Sequence[Float32], mean_abs: Float32, hessian: Hessian, format: Format) -> tuple[Float32, float]:
    """The scale of the input channels of layers that read the same tensor.

    Args:
        weights: float32[out_i, in] of those layers.
        mean_abs: float32[in], mean|x| over calibration text.
        hessian: [in, in], 2/N sum x x^T.
        format: the grid they will be rounded to.

    Returns:
        s, float32[in], and its exponent r.

    Raises:
        HaloError: shapes that do not fit.
    """
    if any(w.shape[1:] != mean_abs.shape for w in weights) or not weights or hessian.shape != 2 * mean_abs.shape:
        raise HaloError("activation statistics do not fit the layers' inputs", "Calibrate these layers of this model.")
    best, chosen, exponent = np.inf, np.ones_like(mean_abs), 0.0
    for step in range(_RATIOS):
        ratio = step / _RATIOS
        scale = np.maximum(mean_abs, _SMALLEST).astype(np.float32) ** np.float32(ratio)
        scale /= np.sqrt(scale.max() * scale.min())
        error = sum(_output_error(w - _rounded(w * scale, format) / scale, hessian) for w in weights)
        if error < best:
            best, chosen, exponent = error, scale, ratio
    return chosen, exponent


def awq(
    weight: Float32, scale: Float32, hessian: Hessian, format: Format, *, clip: bool = True, name: str = "layer"
) -> QuantizedLayer:
    """Round W s to nearest, spans clipped.

    Args:
        weight: float32[out, in].
        scale: float32[in] of ``awq_scale``.
        hessian: [in, in], 2/N sum x x^T of the layer's inputs as the model has them.
        format: bits, symmetry, grouping.
        clip: search the span of each group; the authors do not for query and key.
        name: of the layer, for reports.

    Raises:
        HaloError: a weight is not finite.
    """
    scaled = checked(weight, name) * scale
    kept = _clipped(scaled, hessian / np.multiply.outer(scale, scale), format) if clip else scaled
    grid = format.grid(kept)
    made = grid.layer(name, grid.codes(kept), "AWQ", input_scale=scale)
    return replace(made, details={**made.details, "clip": clip})


def _clipped(weight: Float32, hessian: Hessian, format: Format) -> Float32:
    """Weights clamped group by group and row by row to the reach with the least output error."""
    block = format.block(weight.shape[1])
    whole = replace(format, group=None)
    made = np.empty_like(weight)
    for start in range(0, weight.shape[1], block):
        columns = slice(start, start + block)
        part, inner = weight[:, columns], hessian[columns, columns].astype(np.float32)
        reach = np.abs(part).max(axis=1, keepdims=True)
        best = np.full(len(part), np.inf)
        for step in range(_CLIP_STEPS):
            limit = reach * np.float32(1 - step / _CLIP_GRID)
            kept = np.clip(part, -limit, limit)
            off = part - _rounded(kept, whole)
            error = np.einsum("ij,ij->i", off @ inner, off)
            better = error < best
            best[better] = error[better]
            made[better, columns] = kept[better]
    return made


def _rounded(weight: Float32, format: Format) -> Float32:
    grid = format.grid(weight)
    return grid.layer("", grid.codes(weight), "").dequantize()


def _output_error(off: Float32, hessian: Hessian) -> float:
    """Sum over output channels of d H d^T."""
    return float(np.sum((off @ hessian.astype(np.float32)) * off, dtype=np.float64))
