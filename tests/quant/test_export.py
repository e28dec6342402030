# SPDX-License-Identifier: Apache-2.0
"""Exports run in transformers with the logits of the fake-quantized model: same weights, same quantized activations."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import tiny_model

from halo.errors import HaloError
from halo.quant.checkpoint import open_model
from halo.quant.checkpoint.folder import WHOLE
from halo.quant.checkpoint.safetensor_file import read_tensors
from halo.quant.codebooks import left_aligned_codebook
from halo.quant.export import ExportedLayer, export_w8a8, merge_sparse, require_exportable, require_foldable
from halo.quant.halo_method import quantize_halo
from halo.quant.layer import QuantizedLayer, Sparse
from halo.quant.options import HaloOptions
from halo.quant.store import save_layer

NEEDS = "the extra halo-mac[torch] runs the exports"
Float32 = npt.NDArray[np.float32]
Method = Callable[[str, Float32], QuantizedLayer]


def spread(values: npt.NDArray[Any], block: tuple[int, int], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.repeat(np.repeat(values, block[0], axis=0), block[1], axis=1)[: shape[0], : shape[1]]


def rounded(
    name: str,
    weight: Float32,
    block: tuple[int, int] | None = None,
    *,
    step: int = 1,
    asymmetric: bool = False,
    sigmas: float | None = None,
    inputs: Float32 | None = None,
) -> QuantizedLayer:
    """Round to multiples of ``step``, a scale a block (None: a row); weights beyond ``sigmas`` become sparse."""
    high, wide = block or (1, weight.shape[1])
    scaled = weight if inputs is None else weight * inputs
    apart = np.abs(scaled) > sigmas * scaled.std() if sigmas else np.zeros(weight.shape, dtype=bool)
    dense = np.where(apart, 0, scaled)
    blocks = (-(-weight.shape[0] // high), -(-weight.shape[1] // wide))
    scale, zero = np.empty(blocks, dtype=np.float32), np.zeros(blocks, dtype=np.int16)
    for i, j in np.ndindex(blocks):
        part = dense[i * high : (i + 1) * high, j * wide : (j + 1) * wide]
        scale[i, j] = np.abs(part).max() / 112 or 1
        zero[i, j] = (i + j) % 7 - 3 if asymmetric else 0
    wide_scale, wide_zero = (spread(values, (high, wide), weight.shape) for values in (scale, zero))
    codes = np.clip(
        np.clip(np.rint(dense / wide_scale / step), -128 // step, 127 // step) * step + wide_zero, -128, 127
    ).astype(np.int8)
    sparse = None
    if sigmas:
        rows, columns = np.nonzero(apart)
        steps = np.abs(np.where(apart, scaled, 0)).max(axis=1).astype(np.float32) / np.float32(127)
        values = np.rint(scaled[rows, columns] / steps[rows]).astype(np.int8)
        indptr = np.concatenate([[0], np.cumsum(apart.sum(axis=1))]).astype(np.int64)
        sparse = Sparse(indptr, columns.astype(np.int32), values, steps)
    layer = QuantizedLayer(
        name, codes, scale, (high, wide), 8, "test", zero if asymmetric else None, sparse=sparse, input_scale=inputs
    )
    layer.check()
    return layer


def quantize(model: Path, folder: Path, method: Method) -> dict[str, QuantizedLayer]:
    source = open_model(model)
    layers = {layer.name: method(layer.name, source.weight(layer.name)) for layer in source.layers}
    for layer in layers.values():
        save_layer(folder, layer)
    return layers


def fake_quantized(model: Path, layers: Mapping[str, QuantizedLayer], plain: tuple[str, ...] = ()) -> Any:
    """The floating-point model with the layers' weights, and activations rounded per token in front of them.

    This is the definition the runtime must meet: the scale is 2/255 of a token's largest value, the codes are -128 to
    127. What compressed-tensors computes in torch takes an input without a batch (OPT's fc1) as one token. ``plain``
    layers see their inputs unrounded.
    """
    import torch
    from transformers import AutoModelForCausalLM

    made = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    for name, layer in layers.items():
        module = made.get_submodule(name)
        inputs = torch.from_numpy(layer.input_scale) if layer.input_scale is not None else torch.tensor(1.0)
        weight = dataclasses.replace(layer, input_scale=None).dequantize()
        module.weight.data = torch.from_numpy(weight)

        def before(_: Any, given: tuple[Any], inputs: Any = inputs, exact: bool = name in plain) -> Any:
            x = given[0] / inputs
            step = (x.abs().amax(-1, keepdim=True) if x.ndim == 3 else x.abs().amax()) / 127.5
            return (x if exact else torch.clamp(torch.round(x / step), -128, 127) * step,)

        module.register_forward_pre_hook(before)
    return made


def same_logits(export: Path, reference: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(export, dtype=torch.float32)
    tokens = torch.randint(3, reference.config.vocab_size, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, made = reference(tokens).logits, loaded(tokens).logits
    assert expected.std() > 0.1
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


@pytest.fixture
def stories(shared: Path) -> Path:
    pytest.importorskip("transformers", reason=NEEDS)
    pytest.importorskip("compressed_tensors", reason=NEEDS)
    return shared / "models" / "stories260K"


@pytest.mark.parametrize(
    ("block", "asymmetric", "strategies"),
    [
        (None, False, {"channel"}),
        (None, True, {"channel"}),
        ((32, 500), False, {"channel"}),
        ((1, 4), False, {"group"}),
        ((1, 16), True, {"group", "block"}),  # 172 columns are no whole number of groups
        ((16, 16), False, {"block"}),
        ((32, 32), True, {"block"}),
    ],
)
def test_the_export_has_the_logits_of_the_fake_quantized_model(
    block: tuple[int, int] | None, asymmetric: bool, strategies: set[str], stories: Path, tmp_path: Path
) -> None:
    method: Method = lambda name, weight: rounded(name, weight, block, asymmetric=asymmetric)  # noqa: E731
    layers = quantize(stories, tmp_path / "q", method)
    exported = export_w8a8(stories, tmp_path / "q", tmp_path / "e")
    assert {layer.strategy for layer in exported} == strategies
    assert [layer.name for layer in exported] == list(layers) and len(exported) == 35
    assert {(layer.kept_as, layer.error) for layer in exported} == {("codes", 0.0)}
    same_logits(tmp_path / "e", fake_quantized(stories, layers))
    read = open_model(tmp_path / "e")  # and this package reads what it writes
    for name, layer in layers.items():
        again = read.quantized(name)
        assert again is not None
        np.testing.assert_array_equal(again.codes, layer.codes)
        np.testing.assert_array_equal(again.dequantize(), layer.dequantize())


def test_other_tensors_and_files_are_copied_unchanged(stories: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        quantize(stories, tmp_path / "q" / folder, lambda name, weight: rounded(name, weight, (16, 16)))
        calls: list[tuple[str, int, int]] = []
        export_w8a8(
            stories, tmp_path / "q" / folder, tmp_path / folder, progress=lambda *call, to=calls: to.append(call)
        )
        assert calls[-1] == ("writing layers", 35, 35) and ("checking layers", 35, 35) in calls
    files = {path.name for path in (tmp_path / "a").iterdir()}
    assert files == {path.name for path in stories.iterdir()}
    for name in files:
        data = (tmp_path / "a" / name).read_bytes()
        assert data == (tmp_path / "b" / name).read_bytes()
        assert (data == (stories / name).read_bytes()) is (name not in ("config.json", WHOLE))
    config = json.loads((tmp_path / "a" / "config.json").read_text(encoding="utf-8"))
    assert config.pop("quantization_config")["format"] == "int-quantized"
    assert config == json.loads((stories / "config.json").read_text(encoding="utf-8"))
    before, after = read_tensors(stories / WHOLE), read_tensors(tmp_path / "a" / WHOLE)
    layers = {f"{layer.name}.weight" for layer in open_model(stories).layers}
    assert after.keys() == before.keys() | {f"{name}_scale" for name in layers}
    for name in before.keys() - layers:
        assert before[name].dtype == after[name].dtype
        np.testing.assert_array_equal(before[name].raw(), after[name].raw())


def test_a_sparse_part_needs_a_choice(stories: Path, tmp_path: Path) -> None:
    quantize(stories, tmp_path / "q", lambda name, weight: rounded(name, weight, (16, 16), sigmas=2.5))
    with pytest.raises(HaloError, match=r"q_proj' has a sparse part.*\n.*'round'.*'float'"):
        export_w8a8(stories, tmp_path / "q", tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_sparse_layers_kept_in_float_are_exact(stories: Path, tmp_path: Path) -> None:
    def method(name: str, weight: Float32) -> QuantizedLayer:
        return rounded(name, weight, (16, 16), sigmas=2.5 if "mlp" in name else None)

    layers = quantize(stories, tmp_path / "q", method)
    exported = export_w8a8(stories, tmp_path / "q", tmp_path / "e", sparse="float")
    plain = tuple(layer.name for layer in exported if layer.kept_as == "float")
    assert len(plain) == 15 and all("mlp" in name for name in plain)
    config = json.loads((tmp_path / "e" / "config.json").read_text(encoding="utf-8"))["quantization_config"]
    assert config["ignore"] == [*plain, "lm_head"]
    assert sorted(name for group in config["config_groups"].values() for name in group["targets"]) == sorted(
        name for name in layers if name not in plain
    )
    same_logits(tmp_path / "e", fake_quantized(stories, layers, plain))


@pytest.mark.parametrize(("block", "step"), [((16, 16), 1), ((16, 16), 16), (None, 32)])
def test_sparse_layers_rounded_into_the_codes(
    block: tuple[int, int] | None, step: int, stories: Path, tmp_path: Path
) -> None:
    layers = quantize(stories, tmp_path / "q", lambda n, w: rounded(n, w, block, step=step, sigmas=2.5))
    exported = export_w8a8(stories, tmp_path / "q", tmp_path / "e", sparse="round")
    read = open_model(tmp_path / "e")
    merged = {}
    for report in exported:
        layer, codes = layers[report.name], read.quantized(report.name)
        assert layer.sparse is not None and codes is not None and report.kept_as == "rounded"
        merged[report.name] = codes
        wanted, made = layer.dequantize(), codes.dequantize()
        error = np.linalg.norm(wanted.astype(np.float64) - made) / np.linalg.norm(wanted.astype(np.float64))
        assert report.error == pytest.approx(error, rel=1e-6)
        assert error < 0.02
        if step >= 16:  # multiples of 16 stay exact when the scale is doubled up to four times
            dense = np.ones(layer.shape, dtype=bool)
            dense[layer.sparse.rows, layer.sparse.columns] = False
            np.testing.assert_array_equal(wanted[dense], made[dense])
    same_logits(tmp_path / "e", fake_quantized(stories, merged))


@pytest.mark.parametrize("scale", ["row", "channel"])
@pytest.mark.parametrize("apart", [True, False])
def test_layers_of_halo(scale: Any, apart: bool, stories: Path, tmp_path: Path) -> None:
    """Real codebooks, negative scales, ragged tiles; merging the sparse part costs far less than quantizing did."""
    options = HaloOptions(tile=16, variant="perf", scale=scale)
    if not apart:
        options = dataclasses.replace(options, outlier_sigmas=None, salient_share=0.0)
    books = (left_aligned_codebook(4),)
    layers = quantize(
        stories, tmp_path / "q", lambda name, weight: quantize_halo(weight, None, books, options, name=name)
    )
    assert min(float(layer.scale.min()) for layer in layers.values()) < 0
    exported = export_w8a8(stories, tmp_path / "q", tmp_path / "e", sparse="round" if apart else None)
    assert {layer.kept_as for layer in exported} == {"rounded" if apart else "codes"}
    assert max(layer.error for layer in exported) < 0.005
    codes = open_model(tmp_path / "e")
    kept = {name: codes.quantized(name) for name in layers} if apart else layers
    same_logits(tmp_path / "e", fake_quantized(stories, {name: x for name, x in kept.items() if x is not None}))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_merging_never_clips_and_is_off_by_half_a_step_at_most(
    rows: int, columns: int, high: int, wide: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    blocks = (-(-rows // high), -(-columns // wide))
    apart = rng.random((rows, columns)) < 0.3
    scale = rng.choice([0.0, 0.01, 0.3], blocks).astype(np.float32)
    codes = np.where(apart, 0, rng.integers(-128, 128, (rows, columns)) * rng.integers(0, 2)).astype(np.int8)
    values = rng.integers(-128, 128, int(apart.sum())).astype(np.int8)
    indptr = np.concatenate([[0], np.cumsum(apart.sum(axis=1))]).astype(np.int64)
    steps = rng.choice([0.0, 0.02, 5.0], rows).astype(np.float32)
    sparse = Sparse(indptr, np.nonzero(apart)[1].astype(np.int32), values, steps)
    layer = QuantizedLayer("x", codes, scale, (high, wide), 8, "test", sparse=sparse)
    layer.check()
    merged = merge_sparse(layer)
    merged.check()
    assert merged.sparse is None
    allowed = spread(merged.scale, (high, wide), codes.shape).astype(np.float64)
    wanted = layer.dequantize()
    wrong = np.abs(merged.dequantize().astype(np.float64) - wanted)
    assert (wrong <= 0.5 * allowed + 1e-6 * np.abs(wanted)).all()  # and float32


@pytest.mark.parametrize("family", ["llama", "qwen2", "phi3", "opt"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_input_scales_go_into_the_norms(family: str, dtype: str, tmp_path: Path) -> None:
    """Powers of two divide exactly, so that the logits must agree as closely as without input scales."""
    pytest.importorskip("compressed_tensors", reason=NEEDS)
    tiny_model(family, tmp_path / "m", dtype=dtype)
    roles = {layer.name: layer.role for layer in open_model(tmp_path / "m").layers}
    rng = np.random.default_rng(8)
    scales = {kind: rng.choice([0.25, 0.5, 2, 4], 32).astype(np.float32) for kind in ("attention", "mlp")}

    def method(name: str, weight: Float32) -> QuantizedLayer:
        behind = {"q": "attention", "k": "attention", "v": "attention", "qkv": "attention"}
        behind |= {"gate": "mlp", "up": "mlp", "gate_up": "mlp"}
        kind = behind.get(str(roles[name]))
        sigmas = 2.5 if roles[name] in ("up", "gate_up") else None  # these stay in floating point
        return rounded(name, weight, (16, 16), sigmas=sigmas, inputs=None if kind is None else scales[kind])

    layers = quantize(tmp_path / "m", tmp_path / "q", method)
    assert sum(layer.input_scale is not None for layer in layers.values()) >= 4
    exported = export_w8a8(tmp_path / "m", tmp_path / "q", tmp_path / "e", sparse="float")
    plain = tuple(layer.name for layer in exported if layer.kept_as == "float")
    assert len(plain) == 2
    same_logits(tmp_path / "e", fake_quantized(tmp_path / "m", layers, plain))


@pytest.mark.parametrize("family", ["llama", "phi3", "opt"])
@pytest.mark.parametrize("kept", ["codes", "float", "not quantized"])
def test_input_scales_go_into_the_layers_before(family: str, kept: str, tmp_path: Path) -> None:
    """Values for outputs and gates for the way down take them in their rows, as codes, as floats, or as they are."""
    pytest.importorskip("compressed_tensors", reason=NEEDS)
    changed = {} if family == "opt" else {"num_key_value_heads": 4}
    tiny_model(family, tmp_path / "m", changed=changed)
    source = open_model(tmp_path / "m")
    rng = np.random.default_rng(8)
    scales = {"o": rng.choice([0.25, 0.5, 2, 4], 32), "down": rng.choice([0.25, 0.5, 2, 4], 48)}
    layers = {}
    for info in source.layers:
        if kept == "not quantized" and info.role not in scales:
            continue
        inputs = scales[str(info.role)].astype(np.float32) if info.role in scales else None
        sigmas = 2.0 if kept == "float" and info.role in ("v", "up", "qkv", "gate_up") else None
        layers[info.name] = rounded(info.name, source.weight(info.name), sigmas=sigmas, inputs=inputs)
        save_layer(tmp_path / "q", layers[info.name])
    exported = export_w8a8(tmp_path / "m", tmp_path / "q", tmp_path / "e", sparse="float")
    plain = tuple(layer.name for layer in exported if layer.kept_as == "float")
    assert len(plain) == (4 if kept == "float" else 0)
    same_logits(tmp_path / "e", fake_quantized(tmp_path / "m", layers, plain))


def test_what_input_scales_do_not_fold_into_is_seen_before_the_work(tmp_path: Path) -> None:
    tiny_model("llama", tmp_path / "m")
    model = require_exportable(open_model(tmp_path / "m"))
    require_foldable(model, model.layers, "any")
    for where in ("norms", "any"):
        with pytest.raises(HaloError, match=r"q_proj' and '.*k_proj' read the same norm, and only the first") as error:
            require_foldable(model, model.layers[:1], where)  # type: ignore[arg-type]
        assert "leave out export" in error.value.fix
    tiny_model("opt", tmp_path / "gelu", changed={"activation_function": "gelu"})
    gelu = require_exportable(open_model(tmp_path / "gelu"))
    require_foldable(gelu, gelu.layers, "norms")
    with pytest.raises(HaloError, match=r"fc2' would go into activation_fn, which is no linear layer"):
        require_foldable(gelu, gelu.layers, "any")


def test_input_scales_without_a_norm_are_refused(stories: Path, tmp_path: Path) -> None:
    ones, twos = np.ones(64, dtype=np.float32), np.full(64, 2, dtype=np.float32)

    def export(folder: str, scales: dict[str, Float32]) -> tuple[ExportedLayer, ...]:
        def method(name: str, weight: Float32) -> QuantizedLayer:
            return rounded(name, weight, inputs=scales.get(name.rpartition(".")[2]))

        quantize(stories, tmp_path / folder, method)
        return export_w8a8(stories, tmp_path / folder, tmp_path / f"{folder}-export")

    with pytest.raises(HaloError, match=r"o_proj' has an input scale, and nothing in front of it"):
        export("o", {"o_proj": ones})
    with pytest.raises(HaloError, match=r"q_proj' and '.*v_proj' read the same norm with different input scales"):
        export("v", {"q_proj": ones, "k_proj": ones, "v_proj": twos})
    with pytest.raises(HaloError, match=r"gate_proj' and '.*up_proj' read the same norm"):
        export("up", {"gate_proj": ones})


def test_opt_with_norms_behind_the_layers_takes_no_input_scales(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason=NEEDS)
    tiny_model("opt", tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text(encoding="utf-8")) | {"do_layer_norm_before": False}
    (tmp_path / "m" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    ones = np.ones(32, dtype=np.float32)
    quantize(tmp_path / "m", tmp_path / "q", lambda n, w: rounded(n, w, inputs=None if n.endswith("fc2") else ones))
    with pytest.raises(HaloError, match="nothing in front of it"):
        export_w8a8(tmp_path / "m", tmp_path / "q", tmp_path / "e")


def test_what_cannot_be_exported(stories: Path, tmp_path: Path) -> None:
    quantize(stories, tmp_path / "q", rounded)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(HaloError, match="not empty"):
        export_w8a8(stories, tmp_path / "q", tmp_path / "full")
    with pytest.raises(HaloError, match="no quantized layers"):
        export_w8a8(stories, tmp_path / "none", tmp_path / "e")
    tiny_model("gpt2", tmp_path / "gpt2")
    with pytest.raises(HaloError, match="Conv1D"):
        export_w8a8(tmp_path / "gpt2", tmp_path / "q", tmp_path / "e")
    tiny_model("llama", tmp_path / "llama")
    with pytest.raises(HaloError, match="another shape"):
        export_w8a8(tmp_path / "llama", tmp_path / "q", tmp_path / "e")
    export_w8a8(stories, tmp_path / "q", tmp_path / "e")
    with pytest.raises(HaloError, match="quantized already"):
        export_w8a8(tmp_path / "e", tmp_path / "q", tmp_path / "e2")
    layer = rounded("model.layers.0.self_attn.q_proj", np.ones((64, 64), dtype=np.float32))
    save_layer(tmp_path / "z", dataclasses.replace(layer, zero=np.full((64, 1), 200, dtype=np.int16)))
    with pytest.raises(HaloError, match="zeros beyond int8"):
        export_w8a8(stories, tmp_path / "z", tmp_path / "e3")
    save_layer(tmp_path / "n", dataclasses.replace(layer, name="model.layers.9.self_attn.q_proj"))
    with pytest.raises(HaloError, match=r"no linear layer 'model\.layers\.9"):
        export_w8a8(stories, tmp_path / "n", tmp_path / "e4")
