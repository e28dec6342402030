# SPDX-License-Identifier: Apache-2.0
"""SmoothQuant (Xiao et al., arXiv 2211.10438): move the spread of the activations into the weights.

s = max|X|^a / max|W|^(1-a) for every input channel; the MAC sees x / s and the rounded W s. Layers that read the same
tensor (query, key and value; gate and up) share s, so W runs over all of them. The authors use a = 0.5 for OPT, 0.85
for Llama-2, 0.8 for Mistral, and only layers behind a norm, into which 1 / s folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from halo.errors import HaloError
from halo.quant.checkpoint.folder import FolderModel
from halo.quant.checkpoint.model import LayerInfo, Model
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.options import SmoothQuantOptions
from halo.quant.rtn import UniformFormat, checked, rtn
from halo.quant.task import LayerGroup, LayerQuantizer

_SMALLEST = np.float32(1e-5)  # of a channel's maximum, as in the published code


def smoothing_scale(weights: Sequence[Float32], activation_max: Float32, alpha: float) -> Float32:
    """The scale s of the input channels, float32[in].

    Args:
        weights: float32[out_i, in] of every layer that reads the tensor.
        activation_max: float32[in], max|X| over calibration text.
        alpha: share of the spread that moves into the weights, 0 to 1.

    Raises:
        HaloError: alpha out of range, or shapes that do not fit.
    """
    if not 0 <= alpha <= 1:
        raise HaloError(f"a smoothing strength of {alpha} is impossible", "Give 0 to 1; 0.5 is usual.")
    if any(w.shape[1:] != activation_max.shape for w in weights) or not weights:
        raise HaloError("activation maxima do not fit the layers' inputs", "Calibrate these layers of this model.")
    weight_max = np.max([np.abs(w).max(axis=0) for w in weights], axis=0)
    activation = np.maximum(activation_max, _SMALLEST).astype(np.float32)
    scale = activation**alpha / np.maximum(weight_max, _SMALLEST).astype(np.float32) ** (1 - alpha)
    return np.asarray(np.maximum(scale, _SMALLEST), dtype=np.float32)


def smoothquant(weight: Float32, scale: Float32, format: UniformFormat, *, name: str = "layer") -> QuantizedLayer:
    """Round W s to nearest.

    Args:
        weight: float32[out, in].
        scale: float32[in] of ``smoothing_scale``.
        format: bits, symmetry, grouping; the authors use W8 symmetric.
        name: of the layer, for reports.

    Raises:
        HaloError: a weight is not finite.
    """
    smooth = checked(weight, name) * scale
    grid = format.grid(smooth)
    return grid.layer(name, grid.codes(smooth), "SmoothQuant", input_scale=scale)


@dataclass(frozen=True)
class SmoothQuant(LayerQuantizer):
    """SmoothQuant, as a method of ``halo quantize``; layers behind no norm are rounded to nearest, unsmoothed."""

    options: SmoothQuantOptions

    @property
    def codes(self) -> Sequence[int]:
        """See ``LayerQuantizer``."""
        return UniformFormat.of(self.options).codes

    def check(self, layers: Sequence[LayerInfo], model: Model) -> None:
        """Some layer is smoothed at all: models whose norms follow the layers (OPT-350m) have none."""
        if not isinstance(model, FolderModel):
            return
        if not any(info.role and model.architecture.norm_of(info.role) for info in layers):
            what = "smoothquant smooths none of these layers: no norm stands in front of one"
            raise HaloError(what, "Take --method rtn, without --calibration: it rounds them alike.", model.path)

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """The layers share a scale, into which the norm before them takes its inverse."""
        format = UniformFormat.of(self.options)
        inputs = group.known_inputs("smoothquant")
        if inputs.norm is None:
            for task in group.chosen:
                yield rtn(task.weight, format, name=task.name)
            return
        scale = smoothing_scale([task.weight for task in group.layers], inputs.max_abs, self.options.alpha)
        for task in group.chosen:
            yield smoothquant(task.weight, scale, format, name=task.name)
