# SPDX-License-Identifier: Apache-2.0
"""AWQ: its search against the errors of outputs computed one by one, and its grid against the published code's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import tiny_model

from halo.errors import HaloError
from halo.quant.awq import Awq, awq, awq_scale
from halo.quant.checkpoint import open_model
from halo.quant.options import AwqOptions
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.task import LayerGroup, LayerTask
from halo.quant.text import Windows
from halo.quant.torch_model import RunningModel
from halo.workload.architectures import FAMILIES

W3 = UniformFormat(3, symmetric=False, group=16)


def case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, inputs of which a few channels are large, Hessian."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(256, 48)) * np.where(rng.random(48) < 0.1, 20, 1) * rng.lognormal(sigma=0.5, size=48)
    return rng.normal(size=(24, 48)).astype(np.float32), inputs, 2 / 256 * inputs.T @ inputs


def pseudo_quantize(weight: np.ndarray, bits: int, group: int) -> np.ndarray:
    """The published pseudo_quantize_tensor with zero_point, written out; in float32, where clipped spans tie."""
    assert weight.dtype == np.float32
    w = weight.reshape(-1, group)
    high, low = w.max(axis=1, keepdims=True), w.min(axis=1, keepdims=True)
    scale = np.maximum(high - low, np.float32(1e-5)) / np.float32(2**bits - 1)
    zero = np.clip(-np.rint(low / scale), 0, 2**bits - 1)
    return ((np.clip(np.rint(w / scale) + zero, 0, 2**bits - 1) - zero) * scale).reshape(weight.shape)


def output_error(inputs: np.ndarray, off: np.ndarray) -> float:
    return float(np.square(inputs @ off.T).sum())


def test_the_grid_is_the_published_one_where_a_group_has_both_signs() -> None:
    weight, _, _ = case(0)
    assert (weight.reshape(-1, 16).min(axis=1) < 0).all() and (weight.reshape(-1, 16).max(axis=1) > 0).all()
    np.testing.assert_allclose(rtn(weight, W3).dequantize(), pseudo_quantize(weight, 3, 16), atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_exponent_is_the_best_of_a_search_over_outputs(seed: int) -> None:
    weight, inputs, hessian = case(seed)
    mean = np.abs(inputs).mean(axis=0).astype(np.float32)
    scale, ratio = awq_scale([weight[:10], weight[10:]], mean, hessian, W3)
    errors = []
    for step in range(20):
        s = mean ** (step / 20)
        s = s / np.sqrt(s.max() * s.min())
        errors.append(output_error(inputs, pseudo_quantize(weight * s, 3, 16) / s - weight))
    assert ratio == np.argmin(errors) / 20
    s = mean**ratio
    np.testing.assert_allclose(scale, s / np.sqrt(s.max() * s.min()), rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_scaling_and_clipping_lower_the_output_error(seed: int) -> None:
    weight, inputs, hessian = case(seed)
    scale, _ = awq_scale([weight], np.abs(inputs).mean(axis=0).astype(np.float32), hessian, W3)
    made = [rtn(weight, W3), awq(weight, scale, hessian, W3, clip=False), awq(weight, scale, hessian, W3)]
    for layer in made:
        layer.check()
    errors = [output_error(inputs, layer.dequantize() - weight) for layer in made]
    assert errors[1] < errors[0]
    # Clipping judges each group by itself; together it may lose a little.
    assert errors[2] < 1.05 * errors[1]


def test_clipping_takes_the_best_of_its_steps_in_every_group() -> None:
    weight, inputs, hessian = case(9)
    made = awq(weight, np.ones(48, dtype=np.float32), hessian, W3).dequantize()
    for row in range(3):
        for start in (0, 16, 32):
            group = slice(start, start + 16)
            part = weight[row : row + 1, group]
            reach = np.abs(part).max()
            errors = [
                output_error(inputs[:, group], pseudo_quantize(np.clip(part, -reach * f, reach * f), 3, 16) - part)
                for f in (1 - np.arange(10) / 20).astype(np.float32)
            ]
            assert output_error(inputs[:, group], made[row : row + 1, group] - part) == pytest.approx(
                min(errors), rel=1e-3
            )


def test_groups_of_one_sign_are_kept() -> None:
    """The published zero point, clamped to the codes, would leave a third of the weight, and nothing of a constant."""
    rng = np.random.default_rng(3)
    weight = np.stack([0.02 + 0.03 * rng.random(33), np.full(33, -0.05)]).astype(np.float32)
    w4 = UniformFormat(4, symmetric=False, group=32)  # the last group is one column
    made = awq(weight, np.ones(33, np.float32), np.eye(33), w4, clip=False).dequantize()
    assert np.linalg.norm(made - weight) < 0.03 * np.linalg.norm(weight)
    np.testing.assert_allclose(made[:, 32], weight[:, 32], rtol=1e-6)
    wrong = pseudo_quantize(weight[:, :32], 4, 32)
    assert np.linalg.norm(wrong - weight[:, :32]) > 0.3 * np.linalg.norm(weight), "as published"


def test_without_a_scale_only_the_span_is_searched() -> None:
    weight, inputs, hessian = case(2)
    made, plain = awq(weight, None, hessian, W3), rtn(weight, W3)
    assert made.input_scale is None and (made.method, plain.method) == ("AWQ, clip only", "RTN")
    ones = awq(weight, np.ones(48, np.float32), hessian, W3)
    np.testing.assert_array_equal(made.codes, ones.codes)
    assert output_error(inputs, made.dequantize() - weight) < output_error(inputs, plain.dequantize() - weight)
    np.testing.assert_array_equal(awq(weight, None, hessian, W3, clip=False).codes, plain.codes)


def test_statistics_of_another_layer_are_refused() -> None:
    weight, _, hessian = case(0)
    with pytest.raises(HaloError, match="do not fit"):
        awq_scale([weight], np.ones(47, dtype=np.float32), hessian, W3)


BOTH, SCALED, CLIPPED = "AWQ, scale and clip", "AWQ, scale only", "AWQ, clip only"
GATED = {"q": SCALED, "k": SCALED, "v": BOTH, "o": CLIPPED, "gate": BOTH, "up": BOTH, "down": BOTH}
OPT = {"q": SCALED, "k": SCALED, "v": BOTH, "o": BOTH, "up": BOTH, "down": BOTH}
POST_NORM = {"q": "RTN", "k": "RTN", "v": CLIPPED, "o": BOTH, "up": CLIPPED, "down": BOTH}
MHA = {"num_key_value_heads": 4}


@pytest.mark.parametrize(
    ("family", "changed", "expected", "source"),
    [
        ("llama", {}, GATED, {"down": "mlp.up_proj"}),
        ("llama", MHA, GATED | {"o": BOTH}, {"o": "self_attn.v_proj", "down": "mlp.up_proj"}),
        ("qwen2", {}, GATED, {"down": "mlp.up_proj"}),
        ("mistral", {}, GATED, {"down": "mlp.up_proj"}),
        ("phi3", {}, {"qkv": SCALED, "o": CLIPPED, "gate_up": BOTH, "down": BOTH}, {"down": "mlp.gate_up_proj"}),
        (
            "phi3",
            MHA,
            {"qkv": SCALED, "o": BOTH, "gate_up": BOTH, "down": BOTH},
            {"o": "self_attn.qkv_proj", "down": "mlp.gate_up_proj"},
        ),
        ("opt", {}, OPT, {"o": "self_attn.v_proj", "down": "fc1"}),
        ("opt", {"activation_function": "gelu"}, OPT, {"o": "self_attn.v_proj", "down": "activation_fn"}),
        ("opt", {"do_layer_norm_before": False}, POST_NORM, {"o": "self_attn.v_proj", "down": "fc1"}),
        (
            "gpt2",
            {},
            {"qkv": SCALED, "o": BOTH, "up": BOTH, "down": BOTH},
            {"o": "attn.c_attn", "down": "mlp.act"},
        ),
    ],
)
def test_each_layer_is_treated_as_the_authors_code_does(
    family: str, changed: dict[str, Any], expected: dict[str, str], source: dict[str, str], tmp_path: Path
) -> None:
    """Scaled where the inverse folds into what stands before, clipped but for query and key: every layer, by role."""
    pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
    pytest.importorskip("transformers", reason="running models needs halo-mac[torch]")
    from halo.quant.calibration import layer_inputs

    module = tiny_model(family, tmp_path / "m", changed=changed).requires_grad_(False)
    stored = open_model(tmp_path / "m")
    model = RunningModel(tmp_path / "m", FAMILIES[family].of_config(stored.config), module, None)
    windows = Windows(np.random.default_rng(0).integers(3, 64, size=(2, 24)), "random tokens")
    roles = {info.name: info.role for info in stored.layers}
    found: dict[str, set[str]] = {}
    sources: dict[str, set[str | None]] = {}
    for inputs in layer_inputs(model, windows):
        tasks = tuple(LayerTask(stored.layer(name), stored.weight(name), None) for name in inputs.layers)
        for layer in Awq(AwqOptions(4, 16, asymmetric=True)).quantize(LayerGroup(tasks, inputs.layers, inputs)):
            layer.check()
            role = str(roles[layer.name])
            found.setdefault(role, set()).add(layer.method)
            assert (layer.input_scale is not None) is (layer.method in (BOTH, SCALED))
            if inputs.source is not None and inputs.norm is None:
                sources.setdefault(role, set()).add(inputs.source.split(".", model.family.blocks.count(".") + 2)[-1])
    assert found == {role: {method} for role, method in expected.items()}
    assert sources == {role: {path} for role, path in source.items()}
