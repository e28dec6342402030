# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as users of other tools met them: each runs with the right weights, or is refused in two lines.

The address beside each case is where it was reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from quantized_folders import KINDS, pack_rows, quantized_folder
from tiny_models import tiny_model
from tiny_tokenizer import TEXT, tiny_tokenizer

from halo.cli.main import main
from halo.errors import HaloError
from halo.quant.checkpoint import open_model
from halo.quant.checkpoint.safetensor_file import Planned, read_tensors, write_tensors
from halo.quant.torch_model import RunningModel, load_model

torch = pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
pytest.importorskip("transformers", reason="running models needs halo-mac[torch]")

Array = npt.NDArray[Any]
Tensors = dict[str, Array]
TOKENS = torch.from_numpy(np.random.default_rng(3).integers(3, 64, (2, 40)))
Q = "model.layers.0.self_attn.q_proj"
DOWN = "model.layers.1.mlp.down_proj"


@dataclass(frozen=True)
class Folder:
    """A checkpoint to spoil.

    Attributes:
        path: of it.
        meant: what its quantized layers stand for, by name.
    """

    path: Path
    meant: dict[str, Array]

    def tensors(self, change: Callable[[Tensors], None]) -> None:
        """Change what ``model.safetensors`` holds."""
        file = self.path / "model.safetensors"
        held = {name: np.array(tensor.array()) for name, tensor in read_tensors(file).items()}
        change(held)
        write_tensors(file, [Planned.of(name, values) for name, values in held.items()])

    def config(self, **changed: Any) -> None:
        """Change ``config.json``; None takes a key away."""
        file = self.path / "config.json"
        values = json.loads(file.read_text(encoding="utf-8")) | changed
        kept = {key: value for key, value in values.items() if value is not None}
        file.write_text(json.dumps(kept), encoding="utf-8")

    def quantization(self, **changed: Any) -> None:
        """Change ``quantization_config``."""
        held = json.loads((self.path / "config.json").read_text(encoding="utf-8"))["quantization_config"]
        self.config(quantization_config=held | changed)


def made(path: Path, kind: str | None, family: str = "llama", *, head: bool = False, **changed: Any) -> Folder:
    tiny_model(family, path / "float", changed={"tie_word_embeddings": False, **changed})
    tiny_tokenizer(path / "float")
    if kind is None:
        return Folder(path / "float", {})
    return Folder(path / "m", dict(quantized_folder(path / "float", path / "m", kind, head=head)))


def logits(module: Any) -> Any:
    with torch.no_grad():
        return module(TOKENS).logits


def of_meant(folder: Path, meant: dict[str, Array]) -> Any:
    """Logits of the float model of a folder with other weights in its layers, loaded by transformers alone."""
    from transformers import AutoModelForCausalLM

    module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for name, weight in meant.items():
        module.get_submodule(name).weight.data = torch.from_numpy(weight)
    return logits(module)


def runs(folder: Folder) -> RunningModel:
    """The folder runs as the float model with the weights meant."""
    model = load_model(folder.path)
    assert torch.equal(logits(model.module), of_meant(folder.path.parent / "float", folder.meant))
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["llama", "qwen2", "opt"])
def test_a_quantized_folder_runs_with_the_weights_it_stands_for(kind: str, family: str, tmp_path: Path) -> None:
    runs(made(tmp_path, kind, family))


@pytest.mark.parametrize("kind", ["gptq", "w4a16"])
def test_a_quantized_head(kind: str, tmp_path: Path) -> None:
    """github.com/AutoGPTQ/AutoGPTQ/pull/648, github.com/sgl-project/sglang/pull/35228: loaded as gibberish."""
    folder = made(tmp_path, kind, head=True)
    if kind == "w4a16":
        folder.quantization(ignore=[])
    model = runs(folder)
    np.testing.assert_array_equal(model.weight("lm_head"), folder.meant["lm_head"])


def test_fused_projections(tmp_path: Path) -> None:
    """github.com/casper-hansen/AutoAWQ: Phi-3's qkv_proj and gate_up_proj are one matrix each."""
    folder = made(tmp_path, "gptq", "phi3")
    assert any(name.endswith("qkv_proj") for name in folder.meant)
    runs(folder)


def test_biases_of_zeros_that_the_model_does_not_have(tmp_path: Path) -> None:
    """github.com/AutoGPTQ/AutoGPTQ/issues/555: Llama checkpoints of AutoGPTQ hold them."""
    folder = made(tmp_path, "gptq")
    folder.tensors(lambda held: held.update({f"{Q}.bias": np.zeros(32, np.float16)}))
    runs(folder)
    folder.tensors(lambda held: held.update({f"{Q}.bias": np.full(32, 0.5, np.float16)}))
    with pytest.raises(HaloError, match=r"self_attn\.q_proj\.bias is not known to transformers' model"):
        load_model(folder.path)


def test_act_order(tmp_path: Path) -> None:
    """github.com/vllm-project/vllm/pull/8135: groups of channels that are no neighbours."""
    folder = made(tmp_path, "gptq")
    order = np.random.default_rng(1).permutation(32)

    def shuffle(held: Tensors) -> None:
        unpacked = (folder.meant[Q].T / np.repeat(held[f"{Q}.scales"].astype(np.float32), 16, axis=0)).round() + 8
        held[f"{Q}.qweight"] = np.ascontiguousarray(pack_rows(unpacked[order].T.astype(int), 4).T)
        held[f"{Q}.g_idx"] = held[f"{Q}.g_idx"][order]

    folder.tensors(shuffle)
    folder.quantization(desc_act=True)
    folder.meant[Q] = np.ascontiguousarray(folder.meant[Q][:, order])
    runs(folder)


def test_an_empty_g_idx(tmp_path: Path) -> None:
    """github.com/vllm-project/vllm/pull/8135: runtimes leave one of no values where there is no act-order."""
    folder = made(tmp_path, "gptq")
    folder.tensors(lambda held: held.update({f"{Q}.g_idx": np.empty(0, np.int32)}))
    runs(folder)


def test_one_group_for_all_inputs(tmp_path: Path) -> None:
    """github.com/casper-hansen/AutoAWQ/issues/578: a group size of -1."""
    folder = made(tmp_path, "awq")

    def wide(held: Tensors) -> None:
        for name in folder.meant:
            scales, zeros = (held[f"{name}.{last}"] for last in ("scales", "qzeros"))
            codes = (folder.meant[name].T / np.repeat(scales.astype(np.float32), 16, axis=0)).round()
            held[f"{name}.scales"], held[f"{name}.qzeros"] = scales[:1], zeros[:1]
            folder.meant[name] = np.ascontiguousarray((codes * scales[:1].astype(np.float32)).T)

    folder.tensors(wide)
    folder.quantization(group_size=-1)
    runs(folder)


def test_layers_that_patterns_leave_out(tmp_path: Path) -> None:
    """github.com/vllm-project/vllm/issues/48508: ignored layers, named by regular expressions, were dequantized."""
    folder = made(tmp_path, "w4a16")
    plain = read_tensors(tmp_path / "float" / "model.safetensors")

    def restore(held: Tensors) -> None:
        for name in [name for name in held if ".self_attn." in name and not name.endswith(".weight")]:
            del held[name]
            weight = name.rpartition(".")[0] + ".weight"
            held[weight] = np.array(plain[weight].float32())

    folder.tensors(restore)
    folder.quantization(ignore=["re:.*self_attn.*", "re:.*lm_head"])
    for name in [name for name in folder.meant if ".self_attn." in name]:
        del folder.meant[name]
    runs(folder)
    assert open_model(folder.path).quantized(Q) is None


def test_scales_of_a_cache_and_of_inputs(tmp_path: Path) -> None:
    """github.com/vllm-project/llm-compressor: kv_cache_scheme writes k_scale and v_scale beside the layers."""
    folder = made(tmp_path, "w8a8")
    scales = [f"model.layers.0.self_attn.{which}_scale" for which in ("k", "v")] + [f"{Q}.input_scale"]
    folder.tensors(lambda held: held.update({name: np.ones(1, np.float32) for name in scales}))
    runs(folder)


def test_scales_in_bfloat16(tmp_path: Path) -> None:
    """github.com/ModelCloud/GPTQModel: scales have the type of the model."""
    folder = made(tmp_path, "w4a16")
    file = folder.path / "model.safetensors"
    planned = []
    for name, tensor in read_tensors(file).items():
        values = np.array(tensor.array())
        if not name.endswith("weight_scale"):
            planned.append(Planned.of(name, values))
            continue
        bits = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        planned.append(Planned(name, "BF16", values.shape, 2 * values.size, lambda kept=bits: kept))
        layer = name.removesuffix(".weight_scale")
        cut = (bits.astype(np.uint32) << 16).view(np.float32)
        codes = (folder.meant[layer] / np.repeat(values.astype(np.float32), 16, axis=1)).round()
        folder.meant[layer] = codes * np.repeat(cut, 16, axis=1)
    write_tensors(file, planned)
    runs(folder)


def test_the_config_under_its_early_name(tmp_path: Path) -> None:
    """github.com/vllm-project/llm-compressor/issues/870: compression_config."""
    folder = made(tmp_path, "w8a8")
    held = json.loads((folder.path / "config.json").read_text(encoding="utf-8"))["quantization_config"]
    folder.config(quantization_config=None, compression_config=held)
    runs(folder)


def test_a_config_without_architectures(tmp_path: Path) -> None:
    """github.com/ggml-org/llama.cpp: converters ask for architectures; model_type says it."""
    folder = made(tmp_path, "awq")
    folder.config(architectures=None, dtype=None, transformers_version=None)
    runs(folder)


def test_shards_that_still_hold_what_the_index_has_elsewhere(tmp_path: Path) -> None:
    """github.com/vllm-project/vllm/pull/54230: stale copies of tensors overwrote those that the index names."""
    folder = made(tmp_path, None)
    held = {name: np.array(t.array()) for name, t in read_tensors(folder.path / "model.safetensors").items()}
    expected = of_meant(folder.path, {})
    (folder.path / "model.safetensors").unlink()
    stale = {name: values + 1 for name, values in held.items()}
    write_tensors(folder.path / "a.safetensors", [Planned.of(name, values) for name, values in held.items()])
    write_tensors(folder.path / "b.safetensors", [Planned.of(name, values) for name, values in stale.items()])
    index = {"weight_map": {name: "a.safetensors" for name in held}}
    index["weight_map"]["model.norm.weight"] = "b.safetensors"
    (folder.path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    found = load_model(folder.path)
    assert torch.equal(found.module.model.norm.weight, torch.from_numpy(stale["model.norm.weight"]))
    found.module.model.norm.weight.data = torch.from_numpy(held["model.norm.weight"])
    assert torch.equal(logits(found.module), expected)


@pytest.mark.parametrize("kind", [None, "gptq"])
def test_a_tied_head_that_is_stored_again(kind: str | None, tmp_path: Path) -> None:
    """github.com/vllm-project/vllm/pull/3344; and under the head's name alone, microsoft/onnxruntime-genai/1089."""
    embeddings = "model.embed_tokens.weight"
    folder = made(tmp_path, kind, tie_word_embeddings=True)
    expected = of_meant(tmp_path / "float", folder.meant)
    folder.tensors(lambda held: held.update({"lm_head.weight": held[embeddings].copy()}))
    assert torch.equal(logits(load_model(folder.path).module), expected)
    folder.tensors(lambda held: held.update({"lm_head.weight": held[embeddings] * 2}))
    with pytest.raises(HaloError, match=r"are one matrix in the config \(tie_word_embeddings\) and two in the checkp"):
        load_model(folder.path)
    folder.config(tie_word_embeddings=False)  # what the fix says
    assert torch.equal(logits(load_model(folder.path).module), 2 * expected)
    folder.config(tie_word_embeddings=True)
    folder.tensors(lambda held: held.update({"lm_head.weight": held.pop(embeddings)}))
    assert torch.equal(logits(load_model(folder.path).module), 2 * expected) is False


def _both(folder: Folder) -> None:
    index = {"weight_map": {"model.norm.weight": "model.safetensors"}}
    (folder.path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def _missing_shard(folder: Folder) -> None:
    (folder.path / "model.safetensors").rename(folder.path / "model-00001-of-00002.safetensors")
    places = dict.fromkeys(("model.norm.weight", "lm_head.weight"), "model-00001-of-00002.safetensors")
    places[f"{Q}.weight"] = "model-00002-of-00002.safetensors"
    text = json.dumps({"weight_map": places})
    (folder.path / "model.safetensors.index.json").write_text(text, encoding="utf-8")


def _experts(folder: Folder) -> None:
    router = "model.layers.0.block_sparse_moe.gate.weight"
    folder.tensors(lambda held: held.update({router: np.ones((4, 32), np.float32)}))


def _fp8(folder: Folder) -> None:
    folder.config(quantization_config={"quant_method": "fp8", "weight_block_size": [128, 128]})


def _fp8_unsaid(folder: Folder) -> None:
    file = folder.path / "model.safetensors"
    held = read_tensors(file)
    planned = [Planned.copy(tensor) for name, tensor in held.items() if name != f"{Q}.weight"]
    eight = np.zeros((32, 32), np.uint8)
    planned.append(Planned(f"{Q}.weight", "F8_E4M3", (32, 32), eight.size, lambda: eight))
    write_tensors(folder.path / "new", planned)
    (folder.path / "new").replace(file)


@pytest.mark.parametrize(
    ("kind", "spoil", "words"),
    [
        # github.com/Blaizzy/mlx-vlm/pull/1464: a 4-bit model.safetensors beside bfloat16 shards
        pytest.param(None, _both, ["holds both model.safetensors and model.safetensors.index.json"], id="both"),
        # github.com/sgl-project/sglang/pull/32279: weights of a missing shard stayed random
        pytest.param(None, _missing_shard, ["1 of 2 shards are missing: model-00002-of-00002"], id="missing shard"),
        # github.com/QwenLM/Qwen3-VL-Embedding/issues/89: not tied, and no head
        pytest.param(
            "gptq",
            lambda folder: folder.tensors(lambda held: held.pop("lm_head.weight")),
            ["1 tensor is missing, the first is lm_head.weight"],
            id="no head",
        ),
        # github.com/ModelCloud/GPTQModel/pull/3077: a missing qweight loaded as zeros
        pytest.param(
            "gptq",
            lambda folder: folder.tensors(lambda held: held.pop(f"{Q}.qweight")),
            [f"{Q} is stored as g_idx, qzeros, scales, which quantization_config does not explain"],
            id="no qweight",
        ),
        # github.com/NVIDIA/TensorRT-Model-Connect/pull/1115: FP8 was read without its block scales
        pytest.param(None, _fp8, ["quantized as 'fp8', which is not read"], id="fp8"),
        pytest.param(None, _fp8_unsaid, [f"{Q}.weight holds F8_E4M3, not weights"], id="fp8 unsaid"),
        # Mixtral in AutoGPTQ and AutoAWQ: experts
        pytest.param(None, _experts, ["does not have: ", "block_sparse_moe.gate.weight 4 x 32"], id="experts"),
        pytest.param(
            None,
            lambda folder: folder.config(model_type="mixtral"),
            ["architecture 'mixtral' is unknown"],
            id="mixtral",
        ),
        # github.com/vllm-project/llm-compressor/issues/1820 and others: a layer that no group of the config names
        pytest.param(
            "w4a16",
            lambda folder: folder.quantization(ignore=["re:.*q_proj"]),
            [f"layer '{Q}' is stored quantized, but quantization_config does not say how"],
            id="ignored and quantized",
        ),
        # github.com/vllm-project/vllm/pull/38966: zeros of two versions
        pytest.param(
            "gptq",
            lambda folder: folder.tensors(lambda held: held.update({f"{DOWN}.qzeros": held[f"{DOWN}.qzeros"] * 0})),
            [f"layer '{DOWN}' holds zeros such as [0]"],
            id="zeros",
        ),
        # a tensor of no values where weights should be
        pytest.param(
            None,
            lambda folder: folder.tensors(lambda held: held.update({f"{Q}.weight": np.empty((0, 32), np.float32)})),
            [f"layer '{Q}' has no weights: 0 x 32"],
            id="empty",
        ),
        # vocabulary of the config and of the embeddings differ
        pytest.param(
            "awq",
            lambda folder: folder.config(vocab_size=80),
            ["is of another shape than transformers' model"],
            id="vocabulary",
        ),
    ],
)
def test_what_cannot_be_right_ends_in_two_lines(
    kind: str | None,
    spoil: Callable[[Folder], None],
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = made(tmp_path, kind)
    spoil(folder)
    text = tmp_path / "t.txt"
    text.write_text(TEXT, encoding="utf-8")
    capsys.readouterr()
    assert main(["evaluate", str(folder.path), "--text", str(text), "--length", "16"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and said[0].startswith("error: ") and said[1].startswith("  fix: "), said
    for word in words:
        assert word in said[0]
