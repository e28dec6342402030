# SPDX-License-Identifier: Apache-2.0
"""Fake quantization of the key-value cache: what attention reads has been through int8 or int4.

Groups and grids as KIVI (Liu et al., arXiv 2402.02750): asymmetric, from least to greatest value of a group; keys by
channel over groups of consecutive tokens (their outliers stay in few channels), values by token over groups of
channels. KIVI leaves the most recent tokens in floating point; here every one is quantized, the newest too, which is
the pessimistic end. Keys are quantized as the cache stores them, after the rotary embedding. Least value and step of a
group are kept in half precision, and count: what ``halo score`` moves is what is rounded to here.

Tests: tests/quant/test_fake.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from halo.errors import HaloError

CACHE_ARGUMENTS = ("cache", "past_key_values")
"""What ``forward`` of a decoder calls its cache: transformers 5.24 renamed the second to the first."""


_GROUP_BITS = 16
"""Of the least value of a group, and of its step."""


def cache_argument(module: Any) -> str:
    """The name under which a transformers model takes its cache.

    Raises:
        HaloError: it takes none.
    """
    parameters = inspect.signature(module.forward).parameters
    for name in CACHE_ARGUMENTS:
        if name in parameters:
            return name
    raise HaloError(
        f"{type(module).__name__} of the installed transformers takes no key-value cache",
        "Evaluate without --kv, or install a transformers release that halo-mac[torch] admits.",
    )


@dataclass(frozen=True)
class KvCache:
    """Format of the cache.

    Attributes:
        bits: 8 or 4 (2 to 8 work).
        keys: "channel": a group is ``group`` tokens of one channel; "token": ``group`` channels of one token.
        group: values that share a scale; the last group may be shorter.

    Raises:
        HaloError: out of range.
    """

    bits: int = 8
    keys: Literal["channel", "token"] = "channel"
    group: int = 32

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8 or self.group < 2:
            raise HaloError(
                f"a cache of {self.bits} bits in groups of {self.group} is impossible",
                "Use 8 or 4 bits, in groups of 32.",
            )

    @property
    def stored_bits(self) -> float:
        """Bits a value, with the least value and the step of its group counted."""
        return self.bits + 2 * _GROUP_BITS / self.group

    @property
    def label(self) -> str:
        """Bits, and which values share a scale."""
        return f"KV cache int{self.bits}, keys per {self.keys}, values per token, groups of {self.group}"

    def attach(self, module: Any) -> Any:
        """Make a transformers model read all keys and values through this format, until the handle is removed.

        Raises:
            HaloError: the model takes no cache.
        """
        from transformers import DynamicCache

        argument = cache_argument(module)

        def inject(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            if any(kwargs.get(name) is not None for name in CACHE_ARGUMENTS):
                what = "a quantized KV cache is measured on whole windows, not while text is generated"
                raise HaloError(what, "Take tasks that score given text.")
            cache = DynamicCache(config=module.config)
            cache.update = self._quantizing(cache.update)
            return args, {**kwargs, argument: cache, "use_cache": True}

        return module.register_forward_pre_hook(inject, with_kwargs=True)

    def _quantizing(self, update: Callable[..., Any]) -> Callable[..., Any]:
        """``Cache.update`` for tensors [batch, heads, tokens, channels], rounded before they are stored."""
        along = -2 if self.keys == "channel" else -1

        def quantized(keys: Any, values: Any, *rest: Any, **named: Any) -> Any:
            return update(self.round(keys, along), self.round(values, -1), *rest, **named)

        return quantized

    def round(self, tensor: Any, axis: int) -> Any:
        """The tensor rounded to 2^bits levels between least and greatest of each group along the axis.

        Both ends are those that half precision makes of them.
        """
        import torch

        kind, tensor = tensor.dtype, tensor.float()
        top = (1 << self.bits) - 1
        made = []
        for part in torch.split(tensor, self.group, dim=axis):
            low = _half(part.amin(dim=axis, keepdim=True))
            scale = _half((part.amax(dim=axis, keepdim=True) - low) / top)
            scale = torch.where(scale > 0, scale, torch.ones_like(scale))
            made.append(torch.clamp(torch.round((part - low) / scale), 0, top) * scale + low)
        return torch.cat(made, dim=axis).to(kind)


def _half(tensor: Any) -> Any:
    """The values that half precision keeps, as float32."""
    return tensor.half().float()
