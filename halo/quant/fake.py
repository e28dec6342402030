# SPDX-License-Identifier: Apache-2.0
"""Fake quantization: a running model computes with the weights, activations and cache that integers stand for.

The arithmetic is the model's; in float32 its operands are those an integer MAC would see, times their scales, and
differences to integer accumulation are rounding of float32 sums. In bfloat16 these operands are rounded once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from halo.errors import HaloError
from halo.quant.kv_cache import KvCache
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.torch_model import RunningModel

Layers = Mapping[str, QuantizedLayer | Float32]


@dataclass(frozen=True)
class Activations:
    """Inputs of the linear layers as symmetric integers.

    Attributes:
        bits: 2 to 8; scale = max|x| / (2^(bits-1) - 1).
        largest: None: dynamic, a scale for every token from that token. Else static, one scale per layer: max|x| by
            layer name (of ``calibrate_activations``); larger inputs saturate.

    Raises:
        HaloError: bits out of range.
    """

    bits: int = 8
    largest: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise HaloError(f"{self.bits} bits an activation are not supported", "Give 2 to 8 bits.")

    @property
    def label(self) -> str:
        """Bits and kind of scale, such as ``A8 dynamic per token``."""
        return f"A{self.bits} " + ("dynamic per token" if self.largest is None else "static per tensor")

    def round(self, x: Any, layer: str) -> Any:
        """The tensor [..., in] rounded, as the MAC sees it times its scale; scales are float32."""
        import torch

        kind, x = x.dtype, x.float()
        top = (1 << (self.bits - 1)) - 1
        if self.largest is None:
            scale = x.abs().amax(dim=-1, keepdim=True) / top
        else:
            scale = torch.tensor(self.largest[layer] / top, dtype=x.dtype)
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        return (torch.clamp(torch.round(x / scale), -top - 1, top) * scale).to(kind)


class FakeQuantized:
    """A model with quantized parts, beside the model as it is: weights are swapped by pointer, not copied.

    Args:
        model: stays as it is outside of ``applied``.
        layers: by layer name: quantized, or any float32[out, in] to compute with. Layers not named keep their weights.
            The head may be among them; where it is tied, the embeddings are the same numbers.
        activations: rounds the inputs of all linear layers of the blocks, also of those not in ``layers``, and of the
            head if it is in ``layers``; None: float.
        kv_cache: None: float.

    Raises:
        HaloError: a layer the model does not have, or of another shape; a layer without static range.
    """

    def __init__(
        self,
        model: RunningModel,
        layers: Layers,
        activations: Activations | None = None,
        kv_cache: KvCache | None = None,
    ) -> None:
        import torch

        self.model = model
        self.activations = activations
        self.kv_cache = kv_cache
        self._weights: dict[str, Any] = {}
        self._input_scales: dict[str, Any] = {}
        self._modules = linears = _computed(model, layers)
        for name, layer in layers.items():
            if name not in linears:
                what = f"the model has no linear layer {name!r}"
                raise HaloError(what, f"The first of its layers is {next(iter(linears))}.", model.path)
            made = layer.dequantize() if isinstance(layer, QuantizedLayer) else np.asarray(layer, dtype=np.float32)
            turned = np.ascontiguousarray(made.T if model.family.transposed and name in model.linears else made)
            if turned.shape != tuple(linears[name].weight.shape):
                what = f"layer {name!r} is {made.shape[0]} x {made.shape[1]} and the model's is not"
                raise HaloError(what, "Quantize this model.", model.path)
            self._weights[name] = torch.from_numpy(turned).to(linears[name].weight.dtype)
            if isinstance(layer, QuantizedLayer) and layer.input_scale is not None:
                self._input_scales[name] = torch.from_numpy(layer.input_scale)
        if activations is not None and activations.largest is not None:
            missing = [name for name in linears if name not in activations.largest]
            if missing:
                raise HaloError(f"layer {missing[0]!r} has no static activation range", "Calibrate the whole model.")

    @property
    def label(self) -> str:
        """What is quantized besides weights, in words."""
        parts = [part.label for part in (self.activations, self.kv_cache) if part is not None]
        return ", ".join(parts) or "float activations and KV cache"

    @contextmanager
    def applied(self) -> Iterator[Any]:
        """The transformers model, quantized until the block ends."""
        linears = self._modules
        handles: list[Any] = []
        kept = {name: linears[name].weight.data for name in self._weights}
        try:
            for name, weight in self._weights.items():
                linears[name].weight.data = weight
            if self.activations is not None:
                for name, linear in linears.items():
                    handles.append(linear.register_forward_pre_hook(self._rounding(name, self.activations)))
            if self.kv_cache is not None:
                handles.append(self.kv_cache.attach(self.model.module))
            yield self.model.module
        finally:
            for handle in handles:
                handle.remove()
            for name, weight in kept.items():
                linears[name].weight.data = weight

    def _rounding(self, name: str, activations: Activations) -> Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]:
        """Hook that rounds what the MAC of a layer sees: x, or x / s where the layer has an input scale s."""
        scale = self._input_scales.get(name)

        def hook(_: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
            (x,) = args
            if scale is None:
                return (activations.round(x, name),)
            return ((activations.round(x.float() / scale, name) * scale).to(x.dtype),)

        return hook


def calibrate_activations(model: RunningModel, tokens: Any, layers: Layers | None = None) -> dict[str, float]:
    """Largest |x| each linear layer's MAC sees, for static scales.

    Args:
        model: run as it is, in float.
        tokens: int64[windows, length].
        layers: as for ``FakeQuantized``: their input scales divide x.

    Returns:
        By layer name, for every linear layer of the blocks, and for the head if it is in ``layers``.
    """
    import torch

    largest: dict[str, float] = {}

    def watching(name: str) -> Callable[[Any, tuple[Any, ...]], None]:
        layer = (layers or {}).get(name)
        scale = layer.input_scale if isinstance(layer, QuantizedLayer) else None

        def hook(_: Any, args: tuple[Any, ...]) -> None:
            x = args[0] if scale is None else args[0] / torch.from_numpy(scale)
            largest[name] = max(largest.get(name, 0.0), float(x.abs().max()))

        return hook

    watched = _computed(model, layers or {})
    handles = [module.register_forward_pre_hook(watching(name)) for name, module in watched.items()]
    try:
        with torch.no_grad():
            for window in torch.as_tensor(tokens):
                model.module(window[None], use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return largest


def _computed(model: RunningModel, layers: Layers) -> dict[str, Any]:
    """The linear layers of the blocks, and the head if it is among the layers."""
    head, module = model.head
    return {**model.linears, **({head: module} if head in layers else {})}
