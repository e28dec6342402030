# SPDX-License-Identifier: Apache-2.0
"""A GGUF file runs as the folder that it was made from; what cannot run so is refused in two sentences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf_files import own_name, write_gguf
from tiny_models import tiny_model
from tiny_tokenizer import TEXT, tiny_tokenizer

from halo.errors import HaloError
from halo.quant.accuracy import perplexity
from halo.quant.checkpoint import open_model
from halo.quant.text import PAPERS, Convention, windows_of
from halo.quant.torch_model import load_model

torch = pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
pytest.importorskip("transformers", reason="running models needs halo-mac[torch]")
gguf = pytest.importorskip("gguf")

# Refused below: a part of a file (github.com/ggml-org/llama.cpp/issues/9023), and what transformers leaves out
# in silence when it loads a GGUF file: scales of logits, other positions, unknown ways to cut text.
TOKENS = torch.from_numpy(np.random.default_rng(3).integers(3, 64, (2, 40)))
DOCUMENTS = Convention(join_lines=False, bos_each=True)


def folder(path: Path, family: str = "llama", **changed: Any) -> Path:
    tiny_model(family, path, changed=changed)
    tiny_tokenizer(path)
    return path


def logits(path: Path) -> Any:
    with torch.no_grad():
        return load_model(path).module(TOKENS).logits


@pytest.mark.parametrize(
    ("family", "changed"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}, "rms_norm_eps": 1e-5}),
        ("mistral", {"sliding_window": None}),
        ("qwen2", {}),
        ("phi3", {}),
        ("gpt2", {}),
    ],
)
def test_a_file_computes_what_its_folder_does(family: str, changed: dict[str, Any], tmp_path: Path) -> None:
    source = folder(tmp_path / "m", family, **changed)
    write_gguf(source, tmp_path / "m.gguf", more={"tokenizer.ggml.padding_token_id": 0})
    assert torch.equal(logits(tmp_path / "m.gguf"), logits(source))
    whole, file = open_model(source), open_model(tmp_path / "m.gguf")
    assert [(x.name, x.shape, x.role, x.block) for x in file.layers] == [
        (x.name, x.shape, x.role, x.block) for x in whole.layers
    ]
    for layer in whole.layers:
        np.testing.assert_array_equal(file.weight(layer.name), whole.weight(layer.name))
        assert file.stored_bits(layer.name) == 32


@pytest.mark.parametrize(("kind", "bits"), [("Q4_0", 4.5), ("Q8_0", 8.5), ("Q4_1", 5.0), ("BF16", 16)])
def test_what_runs_are_the_dequantized_weights(kind: str, bits: float, tmp_path: Path) -> None:
    source = folder(tmp_path / "m", hidden_size=64, intermediate_size=96)
    write_gguf(source, tmp_path / "m.gguf", kind)
    model, file, whole = load_model(tmp_path / "m.gguf"), open_model(tmp_path / "m.gguf"), open_model(source)
    type_ = gguf.GGMLQuantizationType[kind]
    for layer in file.layers:
        weight = whole.weight(layer.name)  # groups lie inside a row, so the order of rows changes nothing
        expected = gguf.dequantize(gguf.quantize(weight, type_), type_)
        np.testing.assert_array_equal(model.weight(layer.name), expected)
        np.testing.assert_array_equal(file.weight(layer.name), expected)
        coded = file.quantized(layer.name)
        assert (coded is not None) is (kind in ("Q4_0", "Q8_0")) and file.stored_bits(layer.name) == bits
        if coded is not None:
            np.testing.assert_array_equal(coded.dequantize(), expected)


def test_stretched_positions_of_llama_3(tmp_path: Path) -> None:
    """``rope_freqs`` of a file does what the configuration of the folder does (llama.cpp: generate_extra_tensors)."""
    rope = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0}
    rope |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 16}
    source = folder(tmp_path / "m", rope_parameters=rope)
    inverse = 10000.0 ** -(np.arange(0, 8, 2) / 8)
    wavelength = 2 * np.pi / inverse
    smooth = (16 / wavelength - 1.0) / (4.0 - 1.0)
    divisors = np.where(wavelength < 4, 1.0, np.where(wavelength > 16, 8.0, 1 / ((1 - smooth) / 8.0 + smooth)))
    write_gguf(source, tmp_path / "m.gguf", tensors={"rope_freqs.weight": divisors})
    torch.testing.assert_close(logits(tmp_path / "m.gguf"), logits(source), rtol=1e-4, atol=1e-4)
    write_gguf(source, tmp_path / "other.gguf")
    assert (logits(tmp_path / "other.gguf") - logits(source)).abs().max() > 1e-2
    assert load_model(tmp_path / "m.gguf").digest() != load_model(tmp_path / "other.gguf").digest()
    write_gguf(source, tmp_path / "few.gguf", tensors={"rope_freqs.weight": divisors[:3]})
    with pytest.raises(HaloError, match="3 divisors of rotary frequencies do not fit 4"):
        load_model(tmp_path / "few.gguf")


@pytest.mark.parametrize("text", [TEXT, "  " + TEXT, "\n \n" + TEXT, "0 A\n the hen"])
@pytest.mark.parametrize("prefix", [True, False])
def test_the_tokens_are_those_of_the_folder(text: str, prefix: bool, tmp_path: Path) -> None:
    source = folder(tmp_path / "m")
    more = {} if prefix else {"tokenizer.ggml.add_space_prefix": 0}
    write_gguf(source, tmp_path / "m.gguf", more=more)
    ours, theirs = (load_model(path).tokenizer(text)["input_ids"] for path in (tmp_path / "m.gguf", source))
    if prefix:
        assert ours == theirs
    else:
        assert ours[0] == theirs[0] == 1 and ours != theirs


@pytest.mark.parametrize(
    ("pre", "said", "begins"),
    [(None, None, True), (None, 0, False), ("llama-bpe", None, True), ("tekken", None, True), ("qwen2", None, False),
     ("qwen2", 1, True), ("llama-bpe", 0, False)],
)  # fmt: skip
def test_texts_begin_as_in_llama_cpp(pre: str | None, said: int | None, begins: bool, tmp_path: Path) -> None:
    source = folder(tmp_path / "m")
    more = {} if said is None else {"tokenizer.ggml.add_bos_token": said}
    write_gguf(source, tmp_path / "m.gguf", more=more, pre=pre)
    tokens = load_model(tmp_path / "m.gguf").tokenizer("the hen")["input_ids"]
    assert (tokens[0] == 1) is begins and 1 not in tokens[1:]


def test_the_tokenizer_of_a_folder_is_taken_instead(tmp_path: Path) -> None:
    source = folder(tmp_path / "m")
    write_gguf(source, tmp_path / "m.gguf", tokens=False)
    with pytest.raises(HaloError, match="the file holds no tokenizer") as error:
        load_model(tmp_path / "m.gguf")
    assert "tokenizer='FOLDER'" in error.value.fix
    model = load_model(tmp_path / "m.gguf", tokenizer=source)
    assert model.tokenizer("the hen")["input_ids"] == load_model(source).tokenizer("the hen")["input_ids"]
    with pytest.raises(HaloError, match="no such folder of a tokenizer"):
        load_model(source, tokenizer=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(HaloError, match="cannot load the tokenizer"):
        load_model(source, tokenizer=tmp_path / "empty")


@pytest.mark.parametrize(
    ("more", "tensors", "dropped", "words"),
    [
        ({"llama.logit_scale": 0.5}, {}, None, r"llama\.logit_scale = 0\.5 is not understood"),
        ({"llama.rope.scaling.type": "yarn"}, {}, None, r"llama\.rope\.scaling\.type = yarn is not understood"),
        ({"split.count": 2, "split.no": 1}, {}, None, "this is part 2 of 2 of a model, and parts are not read"),
        ({"llama.attention.key_length": 0}, {}, None, r"key_length is 0, where one number above 0 is read"),
        ({"llama.expert_count": 8}, {}, None, r"llama\.expert_count = 8 is not understood"),
        ({"llama.attention.key_length": 4}, {}, None, "8 of 4 channels of a head are rotated"),
        ({}, {"blk.0.attn_q_norm.weight": np.ones(8)}, None, r"blk\.0\.attn_q_norm\.weight is no tensor of"),
        ({}, {"cls.weight": np.ones((2, 32))}, None, r"cls\.weight is no tensor of the architecture 'llama'"),
        ({}, {}, "token_embd.weight", r"lacks token_embd\.weight: it holds no whole model"),
        ({}, {}, "output_norm.weight", r"1 tensor is missing, the first is model\.norm\.weight"),
        ({"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "chameleon"}, {}, None, "words as 'chameleon' does"),
        ({"tokenizer.ggml.model": "bert"}, {}, None, "cannot load the tokenizer"),
    ],
)
def test_what_would_compute_something_else_is_refused(
    more: Mapping[str, Any], tensors: Mapping[str, Any], dropped: str | None, words: str, tmp_path: Path
) -> None:
    source = folder(tmp_path / "m")
    path = tmp_path / "m.gguf"
    write_gguf(
        source, path, change=lambda name, values: None if name == dropped else values, more=more, tensors=tensors,
        tokens=not any(key.startswith("tokenizer") for key in more),
    )  # fmt: skip
    if any(key.startswith("tokenizer") for key in more):
        write_gguf(source, path, more=more, tokens=False, listed=True)
    with pytest.raises(HaloError, match=words):
        load_model(path)


def test_heads_that_do_not_fit_the_rows_are_refused(tmp_path: Path) -> None:
    source = folder(tmp_path / "m")
    write_gguf(source, tmp_path / "m.gguf", more={}, heads=3)
    with pytest.raises(HaloError, match=r"blk\.0\.attn_q\.weight has 32 rows, which are not .*head_count = 3 heads"):
        open_model(tmp_path / "m.gguf").weight("model.layers.0.self_attn.q_proj")


def test_a_weight_that_is_no_number_is_named_by_the_file(tmp_path: Path) -> None:
    source = folder(tmp_path / "m")
    name = own_name("model.layers.1.mlp.down_proj.weight")

    def broken(own: str, values: Any) -> Any:
        return np.where(np.arange(values.size).reshape(values.shape) == 50, np.nan, values) if own == name else values

    write_gguf(source, tmp_path / "m.gguf", change=broken)
    with pytest.raises(HaloError, match=r"'blk\.1\.ffn_down\.weight' holds nan at row 1, column 2"):
        load_model(tmp_path / "m.gguf")


def test_a_real_model_has_the_same_perplexity(shared: Path, tmp_path: Path) -> None:
    source = shared / "models" / "stories260K"
    text = (shared / "text" / "tinystories_sample.txt").read_text(encoding="utf-8")
    write_gguf(source, tmp_path / "m.gguf")
    write_gguf(source, tmp_path / "q.gguf", "Q8_0")  # of the rows of 172 numbers none
    found = []
    for path in (source, tmp_path / "m.gguf", tmp_path / "q.gguf"):
        model = load_model(path)
        windows = windows_of(text, model.tokenizer, model.context, DOCUMENTS)
        papers = windows_of(text, model.tokenizer, model.context, PAPERS)
        found.append((perplexity(model, windows), windows.digest, papers.digest))
    assert found[0] == found[1]
    assert found[0][0] == pytest.approx(4.340, abs=0.005)
    assert found[2][1:] == found[0][1:] and found[2][0] != found[0][0]
    assert found[2][0] == pytest.approx(found[0][0], rel=3e-3)
