# SPDX-License-Identifier: Apache-2.0
"""Block-by-block statistics against hooks on whole forward passes, in every family."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import FAMILIES, tiny_model

from halo.errors import HaloError
from halo.quant import checkpoint
from halo.quant.calibration import LayerInputs, calibrate, layer_inputs
from halo.quant.fake import FakeQuantized
from halo.quant.layer import QuantizedLayer
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.text import Windows
from halo.quant.torch_model import RunningModel
from halo.workload import architectures

torch = pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
pytest.importorskip("transformers", reason="running models needs halo-mac[torch]")

WINDOWS = Windows(np.random.default_rng(0).integers(3, 64, size=(5, 24)), "random tokens")


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunningModel:
    folder = tmp_path_factory.mktemp(request.param)
    module = tiny_model(request.param, folder).requires_grad_(False)
    return RunningModel(folder, architectures.FAMILIES[request.param], module, None)


def inputs_of_a_whole_pass(model: RunningModel, layers: Mapping[str, QuantizedLayer]) -> dict[str, np.ndarray]:
    """Input vectors of every layer, float64[tokens, in], in a model with some layers quantized."""
    seen: dict[str, list[np.ndarray]] = {}

    def watching(name: str) -> Any:
        return lambda _, args: seen.setdefault(name, []).append(args[0].reshape(-1, args[0].shape[-1]).numpy())

    handles = [module.register_forward_pre_hook(watching(name)) for name, module in model.linears.items()]
    with torch.no_grad(), FakeQuantized(model, layers).applied() as module:
        for window in torch.from_numpy(WINDOWS.tokens):
            module(window[None], use_cache=False)
    for handle in handles:
        handle.remove()
    return {name: np.concatenate(parts).astype(np.float64) for name, parts in seen.items()}


def compare(group: LayerInputs, x: np.ndarray) -> None:
    assert group.tokens == len(x) == WINDOWS.tokens.size
    np.testing.assert_allclose(group.hessian, 2 / len(x) * x.T @ x, rtol=1e-3, atol=1e-4 * np.square(x).mean())
    np.testing.assert_allclose(group.mean_abs, np.abs(x).mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(group.max_abs, np.abs(x).max(axis=0), rtol=1e-4)


def test_the_layers_are_those_of_the_checkpoint(model: RunningModel) -> None:
    read = checkpoint.open_model(model.path)
    assert [layer.name for layer in read.layers] == list(model.linears)
    for name in model.linears:
        np.testing.assert_array_equal(model.weight(name), read.weight(name))


def test_statistics_are_those_of_a_whole_pass(model: RunningModel) -> None:
    expected = inputs_of_a_whole_pass(model, {})
    found = layer_inputs(model, WINDOWS)
    assert [name for group in found for name in group.layers] == list(model.linears)
    for group in found:
        for name in group.layers:
            compare(group, expected[name])


def test_layers_of_a_group_read_what_their_norm_gives(model: RunningModel) -> None:
    for group in layer_inputs(model, WINDOWS):
        if group.norm is None:
            assert len(group.layers) == 1
            continue
        made: list[Any] = []
        read: list[Any] = []
        norm = model.module.get_submodule(group.norm)
        handles = [norm.register_forward_hook(lambda _, args, out: made.append(out))]  # noqa: B023
        handles += [
            model.linears[name].register_forward_pre_hook(lambda _, args: read.append(args[0]))  # noqa: B023
            for name in group.layers
        ]
        with torch.no_grad():
            model.module(torch.from_numpy(WINDOWS.tokens[:1]), use_cache=False)
        for handle in handles:
            handle.remove()
        assert len(made) == 1 and len(read) == len(group.layers)
        assert all(torch.equal(x.reshape(-1), made[0].reshape(-1)) for x in read)


MHA = {"num_key_value_heads": 4}


@pytest.mark.parametrize(
    ("kind", "changed", "found"),
    [
        ("llama", {}, 2),  # down_proj of two blocks: a value serves two queries
        ("llama", MHA, 4),  # o_proj as well
        ("phi3", {}, 2),
        ("phi3", MHA, 4),
        ("opt", {}, 4),
        ("opt", {"activation_function": "gelu"}, 4),
        ("opt", {"do_layer_norm_before": False}, 4),
        ("gpt2", {}, 4),
    ],
)
def test_scaling_what_a_layer_names_as_its_source_changes_nothing(
    kind: str, changed: dict[str, Any], found: int, tmp_path: Path
) -> None:
    """Rows of the source (or outputs of the activation) over s and columns of the layer times s: the same logits."""
    module = tiny_model(kind, tmp_path / "m", changed=changed).requires_grad_(False)
    config = checkpoint.open_model(tmp_path / "m").config
    other = RunningModel(tmp_path / "m", architectures.FAMILIES[kind].of_config(config), module, None)
    tokens = torch.from_numpy(WINDOWS.tokens[:1])
    groups = [group for group in layer_inputs(other, WINDOWS) if group.norm is None and group.source is not None]
    assert len(groups) == found
    with torch.no_grad():
        before = module(tokens, use_cache=False).logits
        for number, group in enumerate(groups):
            assert group.source is not None
            linear, source = other.linears[group.layers[0]], module.get_submodule(group.source)
            scale = torch.from_numpy(np.random.default_rng(number).choice([0.25, 0.5, 2, 4], len(group.max_abs)))
            scale = scale.float()
            linear.weight.mul_(scale[:, None] if other.family.transposed else scale)
            if not hasattr(source, "weight"):
                source.register_forward_hook(lambda _, args, out, s=scale: out / s)
                continue
            if other.family.transposed:
                source.weight[:, -len(scale) :].div_(scale)
            else:
                source.weight[-len(scale) :].div_(scale[:, None])
            if source.bias is not None:
                source.bias[-len(scale) :].div_(scale)
        after = module(tokens, use_cache=False).logits
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


def test_the_next_block_sees_the_quantized_one(model: RunningModel) -> None:
    before = model.digest()
    layers: dict[str, QuantizedLayer] = {}
    blocks = 0

    def visit(inputs: list[LayerInputs]) -> dict[str, QuantizedLayer]:
        nonlocal blocks
        expected = inputs_of_a_whole_pass(model, layers)
        for group in inputs:
            compare(group, expected[group.layers[0]])
        made = {name: rtn(model.weight(name), UniformFormat(3), name=name) for group in inputs for name in group.layers}
        layers.update(made)
        blocks += 1
        return made

    calibrate(model, WINDOWS, visit)
    assert blocks == 2 and set(layers) == set(model.linears)
    assert model.digest() == before


def test_the_model_is_left_as_it_was_when_a_visit_fails(model: RunningModel) -> None:
    def visit(_: list[LayerInputs]) -> dict[str, QuantizedLayer]:
        raise KeyError

    before = model.digest()
    with pytest.raises(KeyError):
        calibrate(model, WINDOWS, visit)
    assert model.digest() == before
    hooks = ("_forward_pre_hooks", "_forward_hooks")
    assert not any(getattr(module, kind) for module in model.module.modules() for kind in hooks)


def test_an_overflow_is_named(model: RunningModel) -> None:
    name = next(name for name in model.linears if ".1." in name)
    last = [n for n in model.linears if ".0." in n][-1]
    broken = {last: np.full(model.weight(last).shape, np.inf, dtype=np.float32)}
    with pytest.raises(HaloError, match="is not finite") as error, FakeQuantized(model, broken).applied():
        layer_inputs(model, WINDOWS)
    assert name in error.value.what
