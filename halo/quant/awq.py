# SPDX-License-Identifier: Apache-2.0
"""AWQ (Lin et al., arXiv 2306.00978): scale the input channels with large activations up before rounding, then clip.

s = mean|x|^r for r in 0, 0.05, ... 0.95, divided by sqrt(max s min s); the r with the least output error wins. Then
each group's span shrinks in steps of 5 % to at most half where that lowers its output error. The authors' grid is
asymmetric without 0 in the span, 128 weights a group; they clip all layers but query and key.

Here only layers behind a norm are scaled and clipped; the others (``o_proj`` and ``down_proj`` of LLaMA) are rounded to
nearest, which a run states. The authors scale ``down_proj`` against ``up_proj`` and, where shapes agree, ``o_proj``
against ``v_proj``, and clip these too: their results are better than what this gives.

Output errors come from the Hessian, sum over rows of d H d^T for d = W - W', which is the mean squared error of the
layer's output on the calibration text. The authors measure the attention output for query, key and value instead, and
clip on a sample of 512 tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.options import AwqOptions
from halo.quant.rtn import UniformFormat, checked, rtn
from halo.quant.task import LayerGroup, LayerQuantizer

Hessian = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_RATIOS = 20
_CLIP_STEPS = 10
_CLIP_GRID = 20
_SMALLEST = np.float32(1e-4)  # of a channel's mean, as in the published code
_UNCLIPPED = ("q", "k", "qkv")  # roles


def awq_scale(
    weights: Sequence[Float32], mean_abs: Float32, hessian: Hessian, format: UniformFormat
) -> tuple[Float32, float]:
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
    weight: Float32, scale: Float32, hessian: Hessian, format: UniformFormat, *, clip: bool = True, name: str = "layer"
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


def _clipped(weight: Float32, hessian: Hessian, format: UniformFormat) -> Float32:
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


def _rounded(weight: Float32, format: UniformFormat) -> Float32:
    grid = format.grid(weight)
    return grid.layer("", grid.codes(weight), "").dequantize()


def _output_error(off: Float32, hessian: Hessian) -> float:
    """Sum over output channels of d H d^T."""
    return float(np.sum((off @ hessian.astype(np.float32)) * off, dtype=np.float64))


@dataclass(frozen=True)
class Awq(LayerQuantizer):
    """AWQ, as a method of ``halo quantize``; layers behind no norm are rounded to nearest, see the module."""

    options: AwqOptions

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """The layers share a scale, into which the norm before them takes its inverse."""
        format = UniformFormat(self.options.bits, not self.options.asymmetric, self.options.group, include_zero=False)
        inputs = group.known_inputs("awq")
        if inputs.norm is None:
            for task in group.chosen:
                yield rtn(task.weight, format, name=task.name)
            return
        weights = [task.weight for task in group.layers]
        scale, _ = awq_scale(weights, inputs.mean_abs, inputs.hessian, format)
        for task in group.chosen:
            clip = task.info.role not in _UNCLIPPED
            yield awq(task.weight, scale, inputs.hessian, format, clip=clip, name=task.name)
