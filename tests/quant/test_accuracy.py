# SPDX-License-Identifier: Apache-2.0
"""Figures of a real trained model, as others measured them; windows counted; perplexity and divergence by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from halo.errors import HaloError
from halo.quant.accuracy import measure, perplexity
from halo.quant.awq import Awq
from halo.quant.calibration import LayerInputs, calibrate
from halo.quant.checkpoint import open_model
from halo.quant.fake import Activations, FakeQuantized, calibrate_activations
from halo.quant.gptq import gptq
from halo.quant.kv_cache import KvCache
from halo.quant.layer import QuantizedLayer
from halo.quant.left_aligned import left_aligned
from halo.quant.options import AwqOptions, RtnOptions
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.scales import Fit
from halo.quant.smoothquant import smoothing_scale, smoothquant
from halo.quant.task import LayerGroup, LayerTask
from halo.quant.text import PAPERS, Convention, Windows, read_text, windows_of
from halo.quant.torch_model import RunningModel, load_model

pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
pytest.importorskip("transformers", reason="running models needs halo-mac[torch]")

DOCUMENTS = Convention(join_lines=False, bos_each=True)


@pytest.fixture(scope="module")
def stories(shared: Path) -> RunningModel:
    return load_model(shared / "models" / "stories260K")


@pytest.fixture(scope="module")
def sample(shared: Path, stories: RunningModel) -> Windows:
    return windows_of(
        read_text(shared / "text" / "tinystories_sample.txt"), stories.tokenizer, stories.context, DOCUMENTS
    )


@pytest.fixture(scope="module")
def other_text(shared: Path, stories: RunningModel) -> Windows:
    """Calibration text, not the one that is scored."""
    text = read_text(shared / "text" / "wiki.test.raw")
    return windows_of(text, stories.tokenizer, stories.context, DOCUMENTS, limit=8)


def rounded(model: RunningModel, format: UniformFormat) -> dict[str, QuantizedLayer]:
    return {name: rtn(model.weight(name), format, name=name) for name in model.linears}


def test_the_sample_is_three_windows(sample: Windows) -> None:
    assert sample.tokens.shape == (3, 512) and sample.scored == 1533
    assert (sample.tokens[:, 0] == 1).all()
    assert sample.label == ("text as it is, tokenized once, 3 windows of BOS + 511 tokens, no overlap, tail dropped")


def test_float_perplexity(stories: RunningModel, sample: Windows) -> None:
    assert perplexity(stories, sample) == pytest.approx(4.340, abs=0.005)


@pytest.mark.parametrize(("bits", "expected", "tolerance"), [(8, 4.344, 0.001), (4, 5.101, 0.02), (3, 26.1, 0.1)])
def test_perplexity_of_the_models_own_figures(
    stories: RunningModel, sample: Windows, bits: int, expected: float, tolerance: float
) -> None:
    """The README of the model rounds with a scale of max / (2^(b-1) - 1), which leaves a code unused."""

    def plain(weight: np.ndarray) -> np.ndarray:
        scale = np.abs(weight).max(axis=1, keepdims=True) / np.float32(2 ** (bits - 1) - 1)
        return np.rint(weight / scale) * scale

    layers = {name: plain(stories.weight(name)) for name in stories.linears}
    found = measure(FakeQuantized(stories, layers), sample, compare=False)
    assert found.perplexity == pytest.approx(expected, abs=tolerance)
    assert found.tokens == 1533 and found.convention == sample.label and found.reference_perplexity is None


@pytest.mark.slow
def test_the_scales_that_lose_least_are_the_default(stories: RunningModel, sample: Windows) -> None:
    def lost(bits: int, asymmetric: bool, fit: Fit) -> float:
        layers = rounded(stories, UniformFormat(bits, not asymmetric, fit=fit))
        return measure(FakeQuantized(stories, layers), sample, compare=False).perplexity

    assert lost(3, True, "range") == pytest.approx(11.9, abs=0.1)  # of the model's README as well
    for bits in (3, 4):
        for asymmetric, fits in ((False, ("signed", "mse", "range")), (True, ("mse", "range"))):
            figures = [lost(bits, asymmetric, fit) for fit in fits]
            assert figures == sorted(figures) and RtnOptions(bits, asymmetric=asymmetric).chosen_fit == fits[0]


def test_left_aligned_codes_predict_the_same(stories: RunningModel, sample: Windows) -> None:
    shifted = {name: left_aligned(stories.weight(name), UniformFormat(4)) for name in stories.linears}
    plain = rounded(stories, UniformFormat(4))
    figures = [measure(FakeQuantized(stories, layers), sample, compare=False) for layers in (shifted, plain)]
    assert figures[0] == figures[1]


def test_a_model_does_not_diverge_from_itself(stories: RunningModel, sample: Windows) -> None:
    found = measure(FakeQuantized(stories, {}), sample)
    assert (found.kl_divergence, found.same_top) == (0, 1)
    assert found.perplexity == found.reference_perplexity


def test_figures_by_hand(stories: RunningModel, sample: Windows) -> None:
    import torch

    one = Windows(sample.tokens[:1], "one")
    fake = FakeQuantized(stories, rounded(stories, UniformFormat(4)))
    found = measure(fake, one)

    def probabilities() -> Any:
        with torch.no_grad():
            logits = stories.module(torch.from_numpy(one.tokens)).logits[0, :-1].double().numpy()
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    exact = probabilities()
    with fake.applied():
        rough = probabilities()
    right = rough[np.arange(511), one.tokens[0, 1:]]
    assert found.perplexity == pytest.approx(np.exp(-np.log(right).mean()), rel=1e-5)
    assert found.kl_divergence == pytest.approx((exact * np.log(exact / rough)).sum(axis=1).mean(), rel=1e-4)
    assert found.same_top == pytest.approx((exact.argmax(axis=1) == rough.argmax(axis=1)).mean(), abs=0.002)


def test_gptq_beats_round_to_nearest(stories: RunningModel, sample: Windows, other_text: Windows) -> None:
    layers: dict[str, QuantizedLayer] = {}

    def visit(inputs: list[LayerInputs]) -> dict[str, QuantizedLayer]:
        made = {
            n: gptq(stories.weight(n), group.hessian, UniformFormat(4), name=n)
            for group in inputs
            for n in group.layers
        }
        layers.update(made)
        return made

    calibrate(stories, other_text, visit)
    assert set(layers) == set(stories.linears)
    found = measure(FakeQuantized(stories, layers), sample, compare=False).perplexity
    plain = measure(FakeQuantized(stories, rounded(stories, UniformFormat(4))), sample, compare=False).perplexity
    assert 4.34 < found < plain - 0.1


@pytest.mark.slow
def test_awq_beats_round_to_nearest_on_its_grid(stories: RunningModel, sample: Windows, other_text: Windows) -> None:
    """Also than the same with layers behind no norm rounded to nearest."""
    format = UniformFormat(3, symmetric=False, group=32)
    quantizer, stored = Awq(AwqOptions(3, 32, asymmetric=True)), open_model(stories.path)
    layers: dict[str, QuantizedLayer] = {}

    def visit(inputs: list[LayerInputs]) -> dict[str, QuantizedLayer]:
        for group in inputs:
            tasks = tuple(LayerTask(stored.layer(n), stories.weight(n), None) for n in group.layers)
            made = quantizer.quantize(LayerGroup(tasks, group.layers, group))
            layers.update({layer.name: layer for layer in made})
        return {}

    calibrate(stories, other_text, visit)
    plain = rounded(stories, format)
    left_alone = {name: plain[name] if name.endswith(("o_proj", "down_proj")) else layers[name] for name in layers}
    found = [measure(FakeQuantized(stories, own), sample).kl_divergence or 0 for own in (layers, left_alone, plain)]
    assert 0 < found[0] < 0.98 * found[1] and found[0] < 0.85 * found[2]


@pytest.mark.slow
def test_smoothquant_helps_static_activations(stories: RunningModel, sample: Windows, other_text: Windows) -> None:
    smooth: dict[str, QuantizedLayer] = {}

    def visit(inputs: list[LayerInputs]) -> dict[str, QuantizedLayer]:
        for group in inputs:
            weights = [stories.weight(n) for n in group.layers]
            scale = smoothing_scale(weights, group.max_abs, 0.5)
            smooth.update(
                {n: smoothquant(w, scale, UniformFormat(8)) for n, w in zip(group.layers, weights, strict=True)}
            )
        return {}

    calibrate(stories, other_text, visit)
    found = []
    for layers in (smooth, rounded(stories, UniformFormat(8))):
        ranges = calibrate_activations(stories, other_text.tokens, layers)
        accuracy = measure(FakeQuantized(stories, layers, Activations(8, ranges)), sample)
        assert accuracy.quantized == "A8 static per tensor" and accuracy.kl_divergence is not None
        found.append(accuracy.kl_divergence)
    assert 0 < found[0] < 0.7 * found[1]


@pytest.mark.slow
def test_activations_and_cache_cost_what_their_bits_suggest(stories: RunningModel, sample: Windows) -> None:
    layers = rounded(stories, UniformFormat(8))
    found = [
        measure(FakeQuantized(stories, layers, *parts), sample)
        for parts in ((None, None), (Activations(), None), (None, KvCache(8)), (None, KvCache(4)))
    ]
    perplexities = [accuracy.perplexity for accuracy in found]
    np.testing.assert_allclose(perplexities[1:3], perplexities[0], rtol=0.005)
    assert 1.01 < perplexities[3] / perplexities[0] < 1.1
    divergences = [accuracy.kl_divergence or 0.0 for accuracy in found]
    assert divergences[0] < min(divergences[1:3]) and max(divergences[1:3]) < divergences[3]


def test_wikitext_lines_are_joined_as_the_papers_do(shared: Path, stories: RunningModel) -> None:
    rows = [" \n", " = Title = \n", " \n", " Text . \n"]
    seen: list[str] = []

    class Tokenizer:
        bos_token_id = 1

        def __call__(self, text: str, **options: Any) -> dict[str, list[int]]:
            seen.append(text)
            assert options["add_special_tokens"]
            return {"input_ids": list(range(10))}

    windows = windows_of("".join(rows), Tokenizer(), 4, PAPERS)
    assert seen == ["\n\n = Title = \n\n\n\n\n Text . \n"]
    assert windows.tokens.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]] and windows.scored == 6
    assert windows.label.startswith('lines joined by "\\n\\n", tokenized once, 2 windows of 4 tokens')
    text = read_text(shared / "text" / "wiki.test.raw")
    limited = windows_of(text, stories.tokenizer, stories.context, PAPERS, limit=2)
    assert limited.tokens.shape == (2, 512) and limited.tokens[0, 0] == 1 and limited.tokens[1, 0] != 1
    assert "(the first of " in limited.label


def test_a_missing_tensor_is_not_made_up(shared: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    for file in (shared / "models" / "stories260K").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(HaloError, match=r"1 tensor is missing, the first is model\.norm\.weight"):
        load_model(tmp_path)


def test_bad_input_is_named(stories: RunningModel, tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="the text has 2 tokens and a window 511"):
        windows_of("Once upon", stories.tokenizer, 512, DOCUMENTS)
    with pytest.raises(HaloError, match="a window of 600 tokens does not fit"):
        windows_of("Once", stories.tokenizer, 512, Convention(length=600))
    with pytest.raises(HaloError, match="cannot be read"):
        read_text(tmp_path / "missing.txt")
    (tmp_path / "latin.txt").write_bytes(b"one\ntwo \xe9\n")
    with pytest.raises(HaloError, match=r"latin\.txt:2: the text is not UTF-8"):
        read_text(tmp_path / "latin.txt")
    with pytest.raises(HaloError, match=r"config\.json: there is no such file"):
        load_model(tmp_path)
    with pytest.raises(HaloError, match=r"no linear layer 'embed'"):
        FakeQuantized(stories, {"embed": np.ones((2, 2), dtype=np.float32)})
    with pytest.raises(HaloError, match="is 2 x 2 and the model's is not"):
        FakeQuantized(stories, {next(iter(stories.linears)): np.ones((2, 2), dtype=np.float32)})
    with pytest.raises(HaloError, match="no static activation range"):
        FakeQuantized(stories, {}, Activations(8, {}))
