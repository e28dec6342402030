# SPDX-License-Identifier: Apache-2.0
"""``halo evaluate`` and ``halo score`` describe one model: head, layers outside of the folder, cache, all scales."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from synthetic_run import corner

from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.flow.evaluate import EvaluateConfig, EvaluateResult, evaluate_folder
from halo.flow.quantization.texts import TextOptions
from halo.flow.quantize import QuantizeConfig, quantize_model
from halo.flow.score import ScoreConfig, score_model
from halo.progress import silent
from halo.quant.fake import Activations, FakeQuantized
from halo.quant.kv_cache import KvCache
from halo.quant.options import RtnOptions
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.store import list_layers, load_layer
from halo.report.evaluate import evaluate_report
from halo.report.text import render

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stories(shared: Path) -> Path:
    pytest.importorskip("torch", reason="PyTorch is not installed: the extra halo-mac[torch]")
    pytest.importorskip("transformers", reason="transformers is not installed: the extra halo-mac[torch]")
    return shared / "models" / "stories260K"


@pytest.fixture(scope="module")
def run(stories: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only the MLPs, in three bits."""
    folder = tmp_path_factory.mktemp("part") / "q"
    return quantize_model(QuantizeConfig(stories, folder, RtnOptions(3, 16), layers=("*mlp*",)), silent).run_folder


@pytest.fixture
def text(shared: Path, tmp_path: Path) -> Path:
    part = tmp_path / "text.txt"
    part.write_bytes((shared / "text" / "tinystories_sample.txt").read_bytes()[:600])
    return part


def evaluated(run: Path, text: Path, **more: Any) -> EvaluateResult:
    return evaluate_folder(EvaluateConfig(run, text, TextOptions("documents", 64, 2), **more), silent)


def scored(run: Path, stories: Path, folder: Path, **more: Any) -> tuple[dict[str, Any], list[str]]:
    """Figures of the folder in the record of a score, and its assumptions."""
    (folder / "mac").mkdir(exist_ok=True)
    WeightTable(corner()[0]).write(folder / "mac")
    given = {"quantized": (run,), "arch": "systolic-32", "context": 64, **more}
    result = score_model(ScoreConfig(str(stories), folder / "mac", folder / "score", force=True, **given), silent)
    from halo.flow.runs.provenance import read_record

    return read_record(folder / "score").results["methods"][run.name], list(result.assumptions)


@pytest.mark.parametrize("scale_bits", [16, 32])
def test_bits_of_a_weight_are_the_same(run: Path, stories: Path, text: Path, tmp_path: Path, scale_bits: int) -> None:
    accuracy = evaluated(run, text, scale_bits=scale_bits)
    price, said = scored(run, stories, tmp_path, scale_bits=scale_bits)
    assert accuracy.bits_per_weight == pytest.approx(price["weight_bits"])
    alone = evaluated(run, text, scale_bits=scale_bits, rest="float")
    assert accuracy.bits_per_weight > alone.bits_per_weight == pytest.approx(3 + scale_bits / 16, rel=0.05)
    assert any(f"scales of weights have {scale_bits} bits; w8a8 has one for each output channel" in s for s in said)


@pytest.mark.parametrize(("kv_bits", "stored"), [(4, 5.0), (8, 9.0), (16, 16.0)])
def test_the_cache_is_priced_with_the_scales_it_is_rounded_with(
    run: Path, stories: Path, tmp_path: Path, kv_bits: int, stored: float
) -> None:
    price, said = scored(run, stories, tmp_path, kv_bits=kv_bits, phase="decode")
    assert price["kv_cache_bytes"] == 5 * 2 * 64 * 4 * 8 * stored / 8  # blocks, K and V, tokens, heads, channels
    assert any(sentence.startswith(f"A value of the KV cache takes {stored:g} bits") for sentence in said) is (
        kv_bits < 16
    )
    if kv_bits < 16:
        assert KvCache(kv_bits).stored_bits == stored


def test_the_accuracy_is_that_of_the_model_priced(run: Path, stories: Path, text: Path, tmp_path: Path) -> None:
    """The command that the score names, against a model put together here from what the score assumes."""
    from halo.quant.accuracy import measure
    from halo.quant.torch_model import load_model

    _, said = scored(run, stories, tmp_path, kv_bits=4, scale_bits=16)
    (command,) = (found for s in said if (found := re.search(r"halo evaluate (\S+) --text FILE (.*) measures", s)))
    assert command[1] == str(run) and command[2] == "--activations int8 --kv int4 --scale-bits 16"
    found = evaluated(run, text, activations="int8", kv="int4", scale_bits=16)

    model = load_model(stories)
    eight = UniformFormat(8, fit="signed")
    layers = {name: rtn(model.weight(name), eight, name=name) for name in (*model.linears, "lm_head")}
    layers |= {name: load_layer(run, name) for name in list_layers(run)}
    halves = {name: layer.with_half_scales() for name, layer in layers.items()}
    fake = FakeQuantized(model, halves, Activations(8), KvCache(4))
    windows = TextOptions("documents", 64, 2).read(text, model)
    assert found.accuracy == measure(fake, windows)
    assert "head and 20 other layers: int8, a scale for each output channel" in render(evaluate_report(found))


def test_the_rest_in_floating_point_is_said(run: Path, text: Path) -> None:
    with_rest, without = evaluated(run, text), evaluated(run, text, rest="float")
    assert with_rest.accuracy is not None and without.accuracy is not None
    assert with_rest.accuracy.perplexity != without.accuracy.perplexity
    assert "head and 20 other layers: in floating point, which no int8 array" in render(evaluate_report(without))
    with pytest.raises(HaloError, match="scales of 8 bits"):
        evaluated(run, text, scale_bits=8)
