"""Where the known architectures keep the linear layers of their blocks, and the norms in front of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from halo.errors import HaloError
from halo.quant.checkpoint.model import Role


@dataclass(frozen=True)
class Family:
    """An architecture.

    Attributes:
        blocks: module that holds the blocks. Base models are saved without its first part.
        count: name of the number of blocks in ``config.json``.
        linears: path inside a block to role, in the order of computation.
        norms: role to the norm whose output the layer reads directly.
        transposed: weights stand as [in, out] (GPT-2's Conv1D).
    """

    blocks: str
    count: str
    linears: Mapping[str, Role]
    norms: Mapping[Role, str]
    transposed: bool = False


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
)

FAMILIES: Mapping[str, Family] = {
    "llama": _GATED,
    "mistral": _GATED,
    "qwen2": _GATED,
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
    ),
    "gpt2": Family(
        "transformer.h",
        "n_layer",
        {"attn.c_attn": "qkv", "attn.c_proj": "o", "mlp.c_fc": "up", "mlp.c_proj": "down"},
        {"qkv": "ln_1", "up": "ln_2"},
        transposed=True,
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
        f"Known: {', '.join(FAMILIES)}. Any one matrix can be given by itself, as .npy, .npz or .safetensors.",
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
