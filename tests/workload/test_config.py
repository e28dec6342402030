# SPDX-License-Identifier: Apache-2.0
"""Model shapes: built-in ones against published parameter counts, others against models that transformers makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import tiny_model

from halo.errors import HaloError
from halo.quant.checkpoint import open_model
from halo.workload.architectures import FAMILIES
from halo.workload.config import built_in_names, read_config
from halo.workload.passes import prefill

# Parameters of the published checkpoints, as transformers counts them.
PUBLISHED = {
    "llama2-7b": 6_738_415_616,
    "llama2-13b": 13_015_864_320,
    "opt-1.3b": 1_315_758_080,
    "opt-6.7b": 6_658_473_984,
    "opt-30b": 29_974_540_288,
    "phi3-mini": 3_821_079_552,
}

LLAMA = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_act": "silu",
    "max_position_embeddings": 64,
    "vocab_size": 100,
}
QWEN2 = LLAMA | {"model_type": "qwen2", "num_key_value_heads": 2, "sliding_window": 8, "max_window_layers": 1}
OPT = {
    "model_type": "opt",
    "hidden_size": 32,
    "ffn_dim": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "activation_function": "relu",
    "max_position_embeddings": 64,
    "vocab_size": 100,
}


def folder(path: Path, values: dict[str, Any]) -> Path:
    (path / "config.json").write_text(json.dumps(values), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_built_in_model_has_its_published_parameters(name: str) -> None:
    config = read_config(name)
    assert config.parameters == PUBLISHED[name] and config.name == name
    assert "Hugging Face" in config.source


def test_these_are_the_built_in_models() -> None:
    assert set(built_in_names()) == PUBLISHED.keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_transformers_has_as_many_parameters_and_the_same_layers(family: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    module = tiny_model(family, tmp_path)
    config = read_config(tmp_path)
    assert config.parameters == sum(parameter.numel() for parameter in module.parameters())
    layers = [(layer.name, layer.shape, layer.block, layer.role) for layer in open_model(tmp_path).layers]
    gemms = prefill(config, 1, 4).gemms
    assert layers == [(g.layer, (g.n, g.k), g.block, g.role) for g in gemms if g.kind == "linear"]


def test_the_real_checkpoint_has_the_same_layers(shared: Path) -> None:
    folder = shared / "models" / "stories260K"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    config = read_config(folder)
    assert config.parameters == 260_032 and config.tied and (config.heads, config.kv_heads) == (8, 4)
    layers = [(layer.name, layer.shape, layer.block, layer.role) for layer in open_model(folder).layers]
    gemms = prefill(config, 1, 4).gemms
    assert layers == [(g.layer, (g.n, g.k), g.block, g.role) for g in gemms if g.kind == "linear"]


@pytest.mark.parametrize(
    ("values", "windows"),
    [
        (LLAMA | {"sliding_window": 8}, (None, None)),  # a key that llama does not read
        (LLAMA | {"model_type": "phi3", "sliding_window": 8}, (8, 8)),
        (LLAMA | {"model_type": "phi3", "sliding_window": None}, (None, None)),
        (LLAMA | {"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 8}, (8, 8)),
        (QWEN2, (None, None)),
        (QWEN2 | {"use_sliding_window": True}, (None, 8)),
        (
            QWEN2 | {"use_sliding_window": True, "layer_types": ["sliding_attention", "full_attention"]},
            (8, None),
        ),
    ],
)
def test_sliding_windows_are_read_where_they_are_active(
    values: dict[str, Any], windows: tuple[int | None, ...], tmp_path: Path
) -> None:
    config = read_config(folder(tmp_path, values))
    assert config.windows == windows
    assert [config.positions(block, 20) for block in range(2)] == [20 if w is None else w for w in windows]
    assert [config.positions(block, 3) for block in range(2)] == [3, 3]


def test_a_head_may_be_wider_than_its_share_and_partly_rotated(tmp_path: Path) -> None:
    values = LLAMA | {"model_type": "phi3", "head_dim": 16, "num_key_value_heads": 2, "partial_rotary_factor": 0.75}
    config = read_config(folder(tmp_path, values))
    assert config.linears == {"qkv": (32, 64 + 2 * 32), "o": (64, 32), "gate_up": (32, 96), "down": (48, 32)}
    assert config.rotary == 12 and config.gated


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (LLAMA | {"model_type": "mamba"}, "model_type 'mamba' is unknown"),
        ({}, "model_type None is unknown"),
        ({key: value for key, value in LLAMA.items() if key != "intermediate_size"}, "intermediate_size is missing"),
        ({key: value for key, value in OPT.items() if key != "ffn_dim"}, "ffn_dim is missing"),
        ({key: value for key, value in LLAMA.items() if key != "hidden_act"}, "hidden_act is missing"),
        (LLAMA | {"model_type": "mistral"}, "num_key_value_heads is missing"),
        (LLAMA | {"num_hidden_layers": -1}, "num_hidden_layers = -1"),
        (LLAMA | {"vocab_size": 1.5}, "vocab_size = 1.5"),
        (LLAMA | {"num_attention_heads": True}, "num_attention_heads = True"),
        (LLAMA | {"num_attention_heads": 5}, "hidden_size 32 does not divide into 5 heads"),
        (LLAMA | {"num_key_value_heads": 3}, "4 heads do not share 3 heads"),
        (LLAMA | {"hidden_act": "swish7"}, "hidden_act = 'swish7' is unknown"),
        (LLAMA | {"tie_word_embeddings": "no"}, "tie_word_embeddings = 'no'"),
        (LLAMA | {"partial_rotary_factor": 2}, "partial_rotary_factor = 2"),
        (OPT | {"word_embed_proj_dim": 16}, "word_embed_proj_dim 16 differs from hidden_size 32"),
        (OPT | {"do_layer_norm_before": False}, "do_layer_norm_before = False is not read"),
        (QWEN2 | {"use_sliding_window": True, "layer_types": ["sliding_attention"]}, "layer_types is no list of 2"),
    ],
)
def test_a_config_that_cannot_be_is_refused(values: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(HaloError, match=r".") as caught:
        read_config(folder(tmp_path, values))
    assert words in caught.value.what
    assert caught.value.path == str(tmp_path / "config.json")


def test_a_name_that_is_unknown_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="Did you mean llama2-7b"):
        read_config("llama2-7")
    with pytest.raises(HaloError, match=r"Give one of: .*phi3-mini"):
        read_config("something else")
    with pytest.raises(HaloError, match=r"config\.json: there is no such file"):
        read_config(tmp_path)
