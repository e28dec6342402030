# SPDX-License-Identifier: Apache-2.0
"""The metadata of a GGUF file as the ``config.json`` of the model that it holds.

What the file says and this module does not know is refused: a scale of the logits or a stretched position would change
every prediction, and nothing would tell. Llama 3.1's stretched positions are known: llama.cpp keeps the divisors of
the rotary frequencies as a tensor, ``rope_freqs``, which the key ``FACTORS`` of the configuration repeats.

Tests: tests/quant/test_gguf_model.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.checkpoint.safetensor_file import Tensor

FACTORS = "rope_frequency_divisors"
"""Key of the configuration: divisors of the rotary frequencies, one for each pair of a head's channels."""

DIVISORS = "rope_freqs.weight"
"""The tensor that holds them."""

WAY_OUT = "Give the Hugging Face folder that the file was made from."

_IGNORED = (  # of training, of the runtime, or said by the tensors, too
    "vocab_size",
    "tensor_data_layout",
    "attention.causal",
    "attention.value_length",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "use_parallel_residual",
    "pooling_type",
)
_ABSENT: Mapping[str, tuple[object, ...]] = {  # values that change nothing
    "rope.scaling.type": ("none",),
    "expert_count": (0,),
    "expert_used_count": (0,),
    "rope.scaling.factor": (1.0,),
    "rope.scaling.attn_factor": (1.0,),
    "logit_scale": (1.0,),
    "residual_scale": (1.0,),
    "embedding_scale": (1.0,),
}


class _Metadata:
    """Values of one architecture, and which of them were asked for."""

    def __init__(self, values: Mapping[str, Any], architecture: str, path: Path) -> None:
        self._prefix, self.path = f"{architecture}.", path
        self._values = {k.removeprefix(self._prefix): v for k, v in values.items() if k.startswith(self._prefix)}
        self._read: set[str] = set()

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number above zero."""
        value = self._get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._wrong(key, value)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number above zero."""
        value = self._get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise self._wrong(key, value)
        return float(value)

    def has(self, key: str) -> bool:
        """It is there."""
        return key in self._values

    def refuse_others(self) -> None:
        """Refuse what was not read and is not known to change nothing."""
        for key, value in self._values.items():
            if key not in self._read and key not in _IGNORED and value not in _ABSENT.get(key, ()):
                shown = value if isinstance(value, int | float | str) else "a list"
                raise HaloError(f"{self._prefix}{key} = {shown} is not understood", WAY_OUT, self.path)

    def _get(self, key: str, default: object) -> object:
        self._read.add(key)
        return self._values.get(key, default)

    def _wrong(self, key: str, value: object) -> HaloError:
        name = f"{self._prefix}{key}"
        shown = value if isinstance(value, int | float | str) else "a list"
        what = f"the metadata lacks {name}" if value is None else f"{name} is {shown}, where one number above 0 is read"
        return HaloError(what, WAY_OUT, self.path)


def config_of(
    metadata: Mapping[str, Any],
    architecture: str,
    tensors: Mapping[str, Tensor],
    read: Callable[[str], npt.NDArray[Any]],
    path: Path,
) -> dict[str, Any]:
    """The configuration of a model, as transformers writes it.

    Args:
        metadata: of the file.
        architecture: llama, qwen2, phi3 or gpt2.
        tensors: of the file.
        read: gives the values of one.
        path: for errors.

    Raises:
        HaloError: something is missing, or changes what is computed in a way that is not known.
    """
    known = _Metadata(metadata, architecture, path)
    if "token_embd.weight" not in tensors:
        raise HaloError("the file lacks token_embd.weight: it holds no whole model", WAY_OUT, path)
    config = {
        "model_type": architecture,
        "vocab_size": tensors["token_embd.weight"].shape[0],
        "tie_word_embeddings": "output.weight" not in tensors,
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": metadata.get("tokenizer.ggml.padding_token_id"),
        **(_gpt2(known) if architecture == "gpt2" else _rotary(known, architecture, tensors)),
    }
    if DIVISORS in tensors:
        config[FACTORS] = [float(factor) for factor in read(DIVISORS)]
    known.refuse_others()
    return config


def _gpt2(known: _Metadata) -> dict[str, Any]:
    return {
        "n_embd": known.whole("embedding_length"),
        "n_layer": known.whole("block_count"),
        "n_head": known.whole("attention.head_count"),
        "n_positions": known.whole("context_length"),
        "n_inner": known.whole("feed_forward_length"),
        "layer_norm_epsilon": known.number("attention.layer_norm_epsilon"),
    }


def _rotary(known: _Metadata, architecture: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    heads, hidden = known.whole("attention.head_count"), known.whole("embedding_length")
    head = known.whole("attention.key_length", hidden // heads)
    rotated = known.whole("rope.dimension_count", head)
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": known.number("rope.freq_base", 10000.0)}
    config = {
        "hidden_size": hidden,
        "num_hidden_layers": known.whole("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": known.whole("attention.head_count_kv", heads),
        "intermediate_size": known.whole("feed_forward_length"),
        "max_position_embeddings": known.whole("context_length"),
        "rms_norm_eps": known.number("attention.layer_norm_rms_epsilon"),
        "rope_parameters": rope,
    }
    if architecture == "llama":
        config["head_dim"] = head
        config["attention_bias"] = "blk.0.attn_q.bias" in tensors
        config["mlp_bias"] = "blk.0.ffn_up.bias" in tensors
    if architecture == "phi3":
        rope["partial_rotary_factor"] = rotated / head
        config["original_max_position_embeddings"] = config["max_position_embeddings"]
        if known.has("attention.sliding_window"):
            config["sliding_window"] = known.whole("attention.sliding_window")
    elif rotated != head:
        raise HaloError(f"{rotated} of {head} channels of a head are rotated", WAY_OUT, known.path)
    return config
