# SPDX-License-Identifier: Apache-2.0
"""Fake quantization against integer arithmetic, weights written into a copy, and attention done by hand."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import FAMILIES, tiny_model

from halo.errors import HaloError
from halo.quant.fake import Activations, FakeQuantized, calibrate_activations
from halo.quant.kv_cache import CACHE_ARGUMENTS, KvCache, cache_argument
from halo.quant.rest import rest_layer
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.smoothquant import smoothquant
from halo.quant.torch_model import RunningModel
from halo.workload import architectures

torch = pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
pytest.importorskip("transformers", reason="running models needs halo-mac[torch]")

TOKENS = np.random.default_rng(1).integers(3, 64, size=(2, 20))


def running(family: str, folder: Path) -> RunningModel:
    return RunningModel(folder, architectures.FAMILIES[family], tiny_model(family, folder).requires_grad_(False), None)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> RunningModel:
    return running("llama", tmp_path_factory.mktemp("llama"))


def logits(module: Any) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(TOKENS)).logits)


def inputs_and_outputs(module: Any, model: RunningModel, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What enters a layer before any rounding, what enters it then, and what leaves it."""
    seen: dict[str, np.ndarray] = {}
    layer = model.linears[name]
    handles = [
        layer.register_forward_pre_hook(lambda _, args: seen.update(before=args[0].numpy().copy()), prepend=True),
        layer.register_forward_hook(lambda _, args, out: seen.update(after=args[0].numpy(), out=out.numpy())),
    ]
    logits(module)
    for handle in handles:
        handle.remove()
    return seen["before"], seen["after"], seen["out"]


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_the_model_with_other_weights_and_then_the_model_again(family: str, tmp_path: Path) -> None:
    model = running(family, tmp_path)
    layers = {name: rtn(model.weight(name), UniformFormat(4), name=name) for name in model.linears}
    other = copy.deepcopy(model.module)
    for name, layer in layers.items():
        weight = torch.from_numpy(layer.dequantize())
        target = other.get_submodule(name).weight
        target.data.copy_(weight.T if family == "gpt2" else weight)
    before, digest = logits(model.module), model.digest()
    with FakeQuantized(model, layers).applied() as module:
        np.testing.assert_array_equal(logits(module), logits(other))
    np.testing.assert_array_equal(logits(model.module), before)
    with pytest.raises(KeyError), FakeQuantized(model, layers, Activations(), KvCache()).applied():
        raise KeyError
    np.testing.assert_array_equal(logits(model.module), before)
    assert model.digest() == digest and not np.array_equal(logits(other), before)


@pytest.mark.parametrize("smooth", [False, True])
def test_int8_activations_are_what_integers_give(llama: RunningModel, smooth: bool) -> None:
    name = "model.layers.1.mlp.down_proj"
    weight = llama.weight(name)
    scale = np.linspace(0.5, 3, weight.shape[1]).astype(np.float32)
    layer = smoothquant(weight, scale, UniformFormat(8)) if smooth else rtn(weight, UniformFormat(8))
    with FakeQuantized(llama, {name: layer}, Activations()).applied() as module:
        before, _, out = inputs_and_outputs(module, llama, name)
    x = before / scale if smooth else before
    step = np.abs(x).max(axis=-1, keepdims=True) / np.float32(127)
    codes = np.clip(np.rint(x / step), -128, 127).astype(np.int64)
    integer = codes @ layer.codes.astype(np.int64).T
    np.testing.assert_allclose(out, integer * step * layer.scale[:, 0], rtol=1e-3, atol=1e-4)


def test_static_activations_saturate_at_the_calibrated_range(llama: RunningModel) -> None:
    ranges = calibrate_activations(llama, TOKENS)
    name = "model.layers.0.self_attn.q_proj"
    before, _, _ = inputs_and_outputs(llama.module, llama, name)
    assert set(ranges) == set(llama.linears) and ranges[name] == pytest.approx(np.abs(before).max())
    halved = {layer: largest / 2 for layer, largest in ranges.items()}
    with FakeQuantized(llama, {}, Activations(4, halved)).applied() as module:
        before, after, _ = inputs_and_outputs(module, llama, name)
    step = halved[name] / 7
    np.testing.assert_allclose(after, np.clip(np.rint(before / step), -8, 7) * step, rtol=1e-4, atol=1e-6)
    assert after.max() == pytest.approx(halved[name]) and after.max() < before.max()


def test_a_silent_token_stays_silent() -> None:
    assert not Activations().round(torch.zeros(2, 3), "any").any()


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("bits", [4, 8])
def test_cache_groups_are_rounded_between_least_and_greatest(axis: int, bits: int) -> None:
    x = np.random.default_rng(2).normal(size=(1, 2, 11, 13)).astype(np.float32)
    found = KvCache(bits, group=4).round(torch.from_numpy(x), axis).numpy()
    expected = np.empty_like(x)
    for place in np.ndindex(x.shape):
        start = place[axis] // 4 * 4
        group = [slice(p, p + 1) for p in place]
        group[axis] = slice(start, start + 4)
        low, high = np.float16(x[tuple(group)].min()).astype(np.float32), x[tuple(group)].max()
        step = np.float16((high - low) / np.float32(2**bits - 1)).astype(np.float32) if high > low else 1
        expected[place] = np.rint((x[place] - low) / step) * step + low
    np.testing.assert_allclose(found, expected, atol=2e-3 if bits == 8 else 1e-5)
    # Half a step, and what half precision shifts both ends of a group by.
    assert np.abs(found - x).max() <= (x.max() - x.min()) / (2**bits - 1) / 2 + 2**-11 * 2 * np.abs(x).max()


def test_a_value_of_the_cache_carries_its_share_of_the_groups_numbers() -> None:
    assert KvCache(8).stored_bits == 9 and KvCache(4).stored_bits == 5  # 32 values share two of 16 bits
    assert KvCache(4, group=64).stored_bits == 4.5


@pytest.mark.parametrize("family", FAMILIES)
def test_the_head_is_quantized_with_the_embeddings_that_it_shares(family: str, tmp_path: Path) -> None:
    model = running(family, tmp_path)
    name, head = model.head
    layer = rest_layer(model.weight(name), name)
    tied = head.weight is model.module.get_input_embeddings().weight
    exact, before = logits(model.module), head.weight.data.clone()
    with FakeQuantized(model, {name: layer}, Activations()).applied() as module:
        assert (module.get_input_embeddings().weight == torch.from_numpy(layer.dequantize())).all() == tied
        seen = []
        handle = head.register_forward_hook(lambda _, args, out: seen.append((args[0], out)))
        rough = logits(module)
        handle.remove()
    (x, out), step = seen[0], seen[0][0].abs().amax(-1, keepdim=True) / 127
    torch.testing.assert_close(x / step, (x / step).round(), rtol=0, atol=1e-3)  # eight bits of a token
    torch.testing.assert_close(out, x @ torch.from_numpy(layer.dequantize()).T, rtol=1e-4, atol=1e-4)
    assert 0 < np.abs(rough - exact).max() < 0.2 * np.abs(exact).max()
    assert torch.equal(head.weight.data, before)


@pytest.mark.parametrize("keys", ["channel", "token"])
def test_attention_reads_rounded_keys_and_values(llama: RunningModel, keys: Any) -> None:
    """The first block's attention by hand: 4 heads of 8 channels on 2 heads of keys and values."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    cache = KvCache(4, keys, group=8)
    attention = "model.layers.0.self_attn."
    with FakeQuantized(llama, {}, kv_cache=cache).applied() as module:
        _, found, _ = inputs_and_outputs(module, llama, attention + "o_proj")
    parts = [inputs_and_outputs(llama.module, llama, attention + p)[2] for p in ("q_proj", "k_proj", "v_proj")]
    q, k, v = (torch.from_numpy(part).unflatten(-1, (-1, 8)).transpose(1, 2) for part in parts)
    cosine, sine = llama.module.model.rotary_emb(v, torch.arange(20)[None])
    q, k = apply_rotary_pos_emb(q, k, cosine, sine)
    k, v = (cache.round(k, -2 if keys == "channel" else -1), cache.round(v, -1))
    k, v = (part.repeat_interleave(2, dim=1) for part in (k, v))
    scores = q @ k.transpose(-1, -2) / np.sqrt(8) + torch.full((20, 20), -torch.inf).triu(1)
    expected = (scores.softmax(-1) @ v).transpose(1, 2).flatten(-2)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)
    _, exact, _ = inputs_and_outputs(llama.module, llama, attention + "o_proj")
    assert np.abs(exact - found).max() > 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_reads_its_cache(family: str, tmp_path: Path) -> None:
    model = running(family, tmp_path)
    exact = logits(model.module)
    offs = []
    for bits in (8, 4):
        with FakeQuantized(model, {}, kv_cache=KvCache(bits)).applied() as module:
            offs.append(np.abs(logits(module) - exact).max())
    assert 0 < offs[0] < offs[1] / 4


def test_the_cache_goes_in_by_the_name_that_the_model_has(llama: RunningModel) -> None:
    """Either name of transformers' history, the newer one where both are taken."""

    class Old:
        def forward(self, input_ids: Any, past_key_values: Any = None) -> None: ...

    class Both:
        def forward(self, input_ids: Any, past_key_values: Any = None, cache: Any = None) -> None: ...

    class Stateless:
        def forward(self, input_ids: Any) -> None: ...

    assert (cache_argument(Old()), cache_argument(Both())) == ("past_key_values", "cache")
    with pytest.raises(HaloError, match="Stateless of the installed transformers takes no key-value cache"):
        cache_argument(Stateless())
    assert cache_argument(llama.module) in CACHE_ARGUMENTS


def test_generation_with_a_rounded_cache_is_refused(llama: RunningModel) -> None:
    with (
        FakeQuantized(llama, {}, kv_cache=KvCache()).applied() as module,
        pytest.raises(HaloError, match="whole windows"),
    ):
        module.generate(torch.from_numpy(TOKENS), max_new_tokens=2)


def test_bad_formats_are_named() -> None:
    with pytest.raises(HaloError, match="cache of 1 bits"):
        KvCache(1)
    with pytest.raises(HaloError, match="9 bits an activation"):
        Activations(9)
