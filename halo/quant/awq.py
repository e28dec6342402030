# SPDX-License-Identifier: Apache-2.0
"""AWQ (Lin et al., arXiv 2306.00978): scale the input channels with large activations up before rounding, then clip.

s = mean|x|^r for r in 0, 0.05, ... 0.95, divided by sqrt(max s min s); the r with the least output error wins. Then
each group's span shrinks in steps of 5 % to at most half where that lowers its output error.

Which layers, as the authors' code has it (llm-awq ``auto_scale.py`` and ``auto_clip.py``, and AutoAWQ): scaled is every
layer whose 1/s folds into what stands before it: a norm; ``v_proj`` for ``o_proj`` where each value channel serves one
query head; ``up_proj`` for ``down_proj``; an activation. Under grouped queries ``o_proj`` is not scaled. Clipped is
every layer but query and key. A row that is scaled by 1/s has the same codes and a smaller scale, so folding changes no
rounding, and the scale can stay with the layer that it belongs to. A layer's method says what was done to it.

Output errors come from the Hessian, sum over rows of d H d^T for d = W - W', which is the mean squared error of the
layer's output on the calibration text. The authors measure the output of attention for query, key and value, and of the
MLP for gate and up, and clip on a sample of 512 tokens; they clip a fused query-key-value, which is left alone here.
Their grid takes no 0 into the span of a group; the one here does, which is the same but for groups of one sign. Those
the authors' zero point, clamped to the codes, cuts off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.options import AwqOptions
from halo.quant.rtn import UniformFormat, checked
from halo.quant.task import LayerGroup, LayerQuantizer

Hessian = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_RATIOS = 20
_CLIP_STEPS = 10
_CLIP_GRID = 20
_SMALLEST = np.float32(1e-4)  # of a channel's mean, as in the published code
_UNCLIPPED = ("q", "k", "qkv")  # roles

METHODS = {
    (True, True): "AWQ, scale and clip",
    (True, False): "AWQ, scale only",
    (False, True): "AWQ, clip only",
    (False, False): "RTN",
}
"""Name of the method by whether a layer is scaled and whether it is clipped."""


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
    weight: Float32,
    scale: Float32 | None,
    hessian: Hessian,
    format: UniformFormat,
    *,
    clip: bool = True,
    name: str = "layer",
) -> QuantizedLayer:
    """Round W s to nearest, spans clipped.

    Args:
        weight: float32[out, in].
        scale: float32[in] of ``awq_scale``; None: 1.
        hessian: [in, in], 2/N sum x x^T of the layer's inputs as the model has them.
        format: bits, symmetry, grouping.
        clip: search the span of each group; the authors do not for query and key.
        name: of the layer, for reports.

    Raises:
        HaloError: a weight is not finite.
    """
    kept = checked(weight, name)
    if scale is not None:
        kept, hessian = kept * scale, hessian / np.multiply.outer(scale, scale)
    if clip:
        kept = _clipped(kept, hessian, format)
    grid = format.grid(kept)
    return grid.layer(name, grid.codes(kept), METHODS[scale is not None, clip], input_scale=scale)


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
    """AWQ, as a method of ``halo quantize``."""

    options: AwqOptions

    @property
    def format(self) -> UniformFormat:
        """Bits, symmetry and grouping."""
        return UniformFormat(self.options.bits, not self.options.asymmetric, self.options.group)

    @property
    def codes(self) -> Sequence[int]:
        """See ``LayerQuantizer``."""
        return self.format.codes

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """The layers share a scale, whose inverse what stands before them takes."""
        format = self.format
        inputs = group.known_inputs("awq")
        scale = None
        if inputs.folds_into is not None:
            weights = [task.weight for task in group.layers]
            scale, _ = awq_scale(weights, inputs.mean_abs, inputs.hessian, format)
        for task in group.chosen:
            clip = task.info.role not in _UNCLIPPED
            yield awq(task.weight, scale, inputs.hessian, format, clip=clip, name=task.name)
