# SPDX-License-Identifier: Apache-2.0
"""Predictions in slices are the model's own, in every family, and no tensor as large as all of them is ever made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from halo.quant import predictions
from halo.quant.accuracy import Accuracy, measure
from halo.quant.fake import Activations, FakeQuantized
from halo.quant.kv_cache import KvCache
from halo.quant.predictions import hidden_states, log_probabilities, token_slices
from halo.quant.rest import rest_layer
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.text import Windows
from halo.quant.torch_model import RunningModel
from halo.workload.architectures import FAMILIES

torch = pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
transformers = pytest.importorskip("transformers", reason="running models needs halo-mac[torch]")

SIZES = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32}
OTHER = {
    "gpt2": {"n_layer": 2, "n_head": 2, "n_embd": 16, "n_positions": 64},
    "opt": {**SIZES, "ffn_dim": 32, "word_embed_proj_dim": 8},
    "mistral": {**SIZES, "num_key_value_heads": 2},
    "qwen2": {**SIZES, "num_key_value_heads": 2},
    "phi3": {**SIZES, "pad_token_id": 0},
}


def model_of(family: str, vocabulary: int, context: int = 64) -> RunningModel:
    """A model of random weights."""
    options = {"max_position_embeddings": context, **OTHER.get(family, SIZES), "vocab_size": vocabulary}
    config = transformers.AutoConfig.for_model(family, **options, bos_token_id=0, eos_token_id=1)
    torch.manual_seed(3)
    module = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return RunningModel(Path("none"), FAMILIES[family], module.requires_grad_(False), None)


def windows(vocabulary: int, length: int, count: int = 2) -> Windows:
    tokens = np.random.default_rng(5).integers(0, vocabulary, (count, length), dtype=np.int64)
    return Windows(tokens, "random tokens")


@contextmanager
def largest_tensor() -> Iterator[list[int]]:
    """Elements of the largest tensor that any operation gives while the block lasts."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    found = [0]

    class Watch(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, function: Any, _: Any, arguments: Any = (), keywords: Any = None) -> Any:
            made = function(*arguments, **(keywords or {}))
            found[0] = max([found[0], *(x.numel() for x in tree_leaves(made) if isinstance(x, torch.Tensor))])
            return made

    with Watch():
        yield found


@pytest.mark.parametrize("family", FAMILIES)
def test_the_logits_of_every_family_are_what_its_head_gives(family: str) -> None:
    model = model_of(family, 97)
    (tokens,) = torch.from_numpy(windows(97, 40, 1).tokens)
    _, head = model.head
    with torch.no_grad():
        own = torch.log_softmax(model.module(tokens[None]).logits[0], -1)
    hidden = hidden_states(model.module, head, tokens)
    assert torch.equal(log_probabilities(head, hidden), own)
    for part in (slice(0, 1), slice(3, 20), slice(39, 40)):
        torch.testing.assert_close(log_probabilities(head, hidden[part]), own[part], rtol=1e-5, atol=1e-5)


def test_slices_hold_as_many_tokens_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "SLICE_VALUES", 1000)
    assert list(token_slices(7, 300)) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert list(token_slices(2, 1001)) == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_figures_in_slices_are_those_of_the_whole(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(family, 97)
    head, _ = model.head
    layers = {name: rtn(model.weight(name), UniformFormat(4), name=name) for name in model.linears}
    layers[head] = rest_layer(model.weight(head), head)
    fake = FakeQuantized(model, layers, Activations(), KvCache(4))

    def found() -> Accuracy:
        return measure(fake, windows(97, 40))

    whole = found()
    assert whole.reference_perplexity != whole.perplexity and whole.kl_divergence
    monkeypatch.setattr(predictions, "SLICE_VALUES", 5 * 97)
    sliced = found()
    assert sliced.perplexity == pytest.approx(whole.perplexity, rel=1e-5)
    assert sliced.reference_perplexity == pytest.approx(whole.reference_perplexity, rel=1e-5)
    assert sliced.kl_divergence == pytest.approx(whole.kl_divergence, rel=1e-4)
    assert sliced.same_top == pytest.approx(whole.same_top)


def test_no_tensor_grows_with_tokens_times_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary, length = 5000, 256
    monkeypatch.setattr(predictions, "SLICE_VALUES", 10 * vocabulary)
    model = model_of("llama", vocabulary, length)
    with largest_tensor() as largest:
        measure(FakeQuantized(model, {}), windows(vocabulary, length, 1))
    assert largest[0] == max(10 * vocabulary, len(model.head[1].weight) * 16)
    with largest_tensor() as largest, torch.no_grad():  # the watch sees what it is to see
        model.module(torch.zeros(1, length, dtype=torch.int64))
    assert largest[0] == length * vocabulary
