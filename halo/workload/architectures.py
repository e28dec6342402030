# SPDX-License-Identifier: Apache-2.0
"""The known architectures: where they keep the linear layers of their blocks and the norms in front; their configs.

Tests: tests/workload/test_config.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from halo.errors import HaloError

CONFIG = "config.json"

Role = Literal["q", "k", "v", "qkv", "o", "gate", "up", "gate_up", "down"]
"""What a layer does in its block, whatever its family calls it; ``qkv`` and ``gate_up`` are fused projections."""

Norm = Literal["rms norm", "layer norm"]

_AGAIN = "Fetch the checkpoint again."


@dataclass(frozen=True)
class ConfigForm:
    """How a family's ``config.json`` is written, and what transformers takes for what it leaves out.

    Attributes:
        hidden, heads, intermediate, context, activation: keys.
        norm: kind.
        learned: rows of the position table beyond ``context``; None: rotary.
        tied: where ``tie_word_embeddings`` is left out.
        grouped: ``num_key_value_heads`` is ``unread``, ``optional`` (as many as heads) or ``required``.
        fixed: keys that change what is computed, with the only value that is read (also where the key is left out).
    """

    hidden: str = "hidden_size"
    heads: str = "num_attention_heads"
    intermediate: str = "intermediate_size"
    context: str = "max_position_embeddings"
    activation: str = "hidden_act"
    norm: Norm = "rms norm"
    learned: int | None = None
    tied: bool = False
    grouped: Literal["unread", "optional", "required"] = "optional"
    fixed: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Family:
    """An architecture.

    Attributes:
        blocks: module that holds the blocks. Base models are saved without its first part.
        count: name of the number of blocks in ``config.json``.
        linears: path inside a block to role, in the order of computation.
        norms: role to the norm whose output the layer reads directly.
        sources: role to the linear layer whose output channels are, one by one, the input channels of the role (of a
            fused projection: its last ones), with nothing in between but what passes a positive scale of a channel on.
        activation: module between the source of ``down`` and ``down`` itself; it passes a scale on only if it is ReLU.
        post_norm: norms follow the layers (OPT-350m), so that what a layer reads is the residual stream as well.
        transposed: weights stand as [in, out] (GPT-2's Conv1D).
        gguf: read from GGUF files, too.
        config: the form of its ``config.json``.
    """

    blocks: str
    count: str
    linears: Mapping[str, Role]
    norms: Mapping[Role, str]
    sources: Mapping[Role, str]
    activation: str | None = None
    post_norm: bool = False
    transposed: bool = False
    gguf: bool = False
    config: ConfigForm = ConfigForm()

    def of_config(self, config: Mapping[str, Any]) -> Family:
        """The family as a ``config.json`` has it."""
        return replace(
            self,
            post_norm=config.get("do_layer_norm_before", True) is False,
            activation=None if config.get(self.config.activation, "relu") == "relu" else self.activation,
        )

    def norm_of(self, role: Role) -> str | None:
        """The norm in front of a layer, into which the inverse of its input scale folds; None: there is none."""
        return None if self.post_norm else self.norms.get(role)

    def source_of(self, role: Role, columns: int, rows: Callable[[str], int]) -> str | None:
        """The linear layer or activation whose outputs may be scaled instead of a layer's inputs.

        Args:
            role: of the layer.
            columns: its input channels.
            rows: output channels of a linear layer by its path inside the block.

        Returns:
            Path inside the block; None: outputs and inputs are not one to one (grouped queries share a value).
        """
        path = self.sources.get(role)
        if path is None or rows(path) != _PARTS.get(self.linears[path], 1) * columns:
            return None
        return self.activation if role == "down" and self.activation is not None else path


_PARTS: Mapping[Role, int] = {"qkv": 3, "gate_up": 2}
"""Projections of equal size in a fused one; the last is the one that is read on."""


_GATED = Family(
    "model.layers",
    "num_hidden_layers",
    {
        "self_attn.q_proj": "q",
        "self_attn.k_proj": "k",
        "self_attn.v_proj": "v",
        "self_attn.o_proj": "o",
        "mlp.gate_proj": "gate",
        "mlp.up_proj": "up",
        "mlp.down_proj": "down",
    },
    {
        "q": "input_layernorm",
        "k": "input_layernorm",
        "v": "input_layernorm",
        "gate": "post_attention_layernorm",
        "up": "post_attention_layernorm",
    },
    {"o": "self_attn.v_proj", "down": "mlp.up_proj"},
)

FAMILIES: Mapping[str, Family] = {
    "llama": replace(_GATED, gguf=True),
    "mistral": replace(_GATED, config=ConfigForm(grouped="required")),
    "qwen2": replace(_GATED, gguf=True, config=ConfigForm(grouped="required")),
    "phi3": Family(
        "model.layers",
        "num_hidden_layers",
        {
            "self_attn.qkv_proj": "qkv",
            "self_attn.o_proj": "o",
            "mlp.gate_up_proj": "gate_up",
            "mlp.down_proj": "down",
        },
        {"qkv": "input_layernorm", "gate_up": "post_attention_layernorm"},
        {"o": "self_attn.qkv_proj", "down": "mlp.gate_up_proj"},
        gguf=True,
    ),
    "opt": Family(
        "model.decoder.layers",
        "num_hidden_layers",
        {
            "self_attn.q_proj": "q",
            "self_attn.k_proj": "k",
            "self_attn.v_proj": "v",
            "self_attn.out_proj": "o",
            "fc1": "up",
            "fc2": "down",
        },
        {
            "q": "self_attn_layer_norm",
            "k": "self_attn_layer_norm",
            "v": "self_attn_layer_norm",
            "up": "final_layer_norm",
        },
        {"o": "self_attn.v_proj", "down": "fc1"},
        activation="activation_fn",
        config=ConfigForm(
            intermediate="ffn_dim",
            activation="activation_function",
            norm="layer norm",
            learned=2,
            tied=True,
            grouped="unread",
            fixed={
                "do_layer_norm_before": True,
                "layer_norm_elementwise_affine": True,
                "_remove_final_layer_norm": False,
            },
        ),
    ),
    "gpt2": Family(
        "transformer.h",
        "n_layer",
        {"attn.c_attn": "qkv", "attn.c_proj": "o", "mlp.c_fc": "up", "mlp.c_proj": "down"},
        {"qkv": "ln_1", "up": "ln_2"},
        {"o": "attn.c_attn", "down": "mlp.c_fc"},
        activation="mlp.act",
        transposed=True,
        gguf=True,
        config=ConfigForm(
            hidden="n_embd",
            heads="n_head",
            intermediate="n_inner",
            context="n_positions",
            activation="activation_function",
            norm="layer norm",
            learned=0,
            tied=True,
            grouped="unread",
            fixed={"add_cross_attention": False},
        ),
    ),
}


def family_of(model_type: str, matrices: Mapping[str, Iterable[int]], path: object) -> Family:
    """The family of a ``model_type``.

    Args:
        model_type: as ``config.json`` gives it.
        matrices: name to shape of every matrix in the checkpoint, for the error.
        path: of the config, for the error.

    Raises:
        HaloError: unknown; the error lists the matrices, block numbers put together.
    """
    if model_type in FAMILIES:
        return FAMILIES[model_type]
    raise HaloError(
        f"architecture {model_type!r} is unknown; it has {summary(matrices)}",
        f"Give one of: {', '.join(FAMILIES)}. Any one matrix can be given by itself, as .npy, .npz or .safetensors.",
        str(path),
    )


def summary(matrices: Mapping[str, Iterable[int]]) -> str:
    """Names and shapes, with the numbers in the names as ranges: ``layers.{0-31}.q_proj.weight 4096 x 4096``."""
    numbers: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for name, shape in matrices.items():
        found = re.search(r"(?<=\.)\d+(?=\.)", name)
        pattern = name[: found.start()] + "{}" + name[found.end() :] if found else name
        numbers.setdefault((pattern, tuple(shape)), []).extend([int(found.group())] if found else [])
    texts = []
    for (pattern, shape), seen in numbers.items():
        span = f"{min(seen)}-{max(seen)}" if len(seen) > 1 else "".join(map(str, seen))
        texts.append(pattern.replace("{}", "{" + span + "}") + " " + " x ".join(map(str, shape)))
    return ", ".join(texts) or "no matrices"


def read_json(path: Path, fix: str) -> dict[str, Any]:
    """Read an object from a JSON file.

    Raises:
        HaloError: no such file (with this fix), or not an object in JSON.
    """
    if not path.is_file():
        raise HaloError("there is no such file", fix, path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise HaloError(f"the file is damaged: {error}", _AGAIN, path) from error
    if not isinstance(values, dict):
        raise HaloError("the file is damaged: it holds no JSON object", _AGAIN, path)
    return values
