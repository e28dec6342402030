# SPDX-License-Identifier: Apache-2.0
"""``halo evaluate`` and calibrated methods on quantized models and GGUF files, and what is kept of float models."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf_files import write_gguf
from quantized_folders import KINDS, quantized_folder
from synthetic_run import corner
from tiny_models import tiny_model
from tiny_tokenizer import TEXT, tiny_tokenizer

from halo.characterization.table import WeightTable, corner_rows
from halo.cli.main import main
from halo.errors import HaloError, Interrupted
from halo.flow.evaluate import AS_STORED, EvaluateConfig, EvaluateResult, evaluate_folder
from halo.flow.quantization.texts import TextOptions
from halo.flow.quantize import QuantizeConfig, quantize_model
from halo.progress import silent
from halo.quant.checkpoint import open_model
from halo.quant.fake import FakeQuantized
from halo.quant.options import AwqOptions, GptqOptions, HaloOptions, QuantizerOptions, RtnOptions, SmoothQuantOptions
from halo.quant.sensitivity import open_fisher
from halo.quant.store import load_layer
from halo.quant.torch_model import load_model
from halo.report.evaluate import evaluate_report
from halo.report.text import render

pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
pytest.importorskip("transformers", reason="running models needs halo-mac[torch]")

WINDOWS = TextOptions("documents", 16, 4)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "mac").mkdir()
    WeightTable(corner()[0]).write(tmp_path / "mac")
    return tmp_path / "mac"


def whole(folder: Path, **changed: Any) -> Path:
    tiny_model("llama", folder, changed=changed)
    tiny_tokenizer(folder)
    return folder


def quantized(model: Path, options: QuantizerOptions, **more: Any) -> Path:
    name = f"q_{type(options).__name__}_{len(list(model.parent.iterdir()))}"
    return quantize_model(QuantizeConfig(model, model.parent / name, options, **more), silent).run_folder


def scored(run: Path, text: Path, **more: Any) -> EvaluateResult:
    return evaluate_folder(EvaluateConfig(run, text, WINDOWS, **more), silent)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_made_of_a_quantized_checkpoint_is_measured_against_its_own_weights(
    kind: str, tmp_path: Path, text: Path
) -> None:
    source = whole(tmp_path / "float")
    meant = quantized_folder(source, tmp_path / "m", kind)
    run = quantized(tmp_path / "m", RtnOptions(5))  # 8 bits would give the very codes of w8a8
    found = scored(run, text, rest="float").accuracy
    plain = load_model(source)
    with FakeQuantized(plain, meant).applied():  # the float model with the weights that the packed codes stand for
        expected = scored_alike(plain, text)
    assert found is not None and found.reference_perplexity == pytest.approx(expected, rel=1e-6)
    assert found.kl_divergence is not None and 0 < found.kl_divergence < 0.1
    assert found.perplexity != found.reference_perplexity


def scored_alike(model: Any, text: Path) -> float:
    from halo.quant.accuracy import perplexity

    return perplexity(model, WINDOWS.read(text, model))


METHODS = (GptqOptions(4), AwqOptions(4, 16), SmoothQuantOptions(8), HaloOptions(tile=16))


@pytest.mark.parametrize("options", METHODS, ids=lambda options: type(options).__name__)
@pytest.mark.parametrize("kind", ["w4a16", "gguf"])
def test_calibrated_methods_take_quantized_models(
    kind: str, options: QuantizerOptions, tmp_path: Path, text: Path, table: Path
) -> None:
    """The layers are those of the float folder with the same weights."""
    source = whole(tmp_path / "float")
    if kind == "gguf":
        model = tmp_path / "m.gguf"
        write_gguf(source, model, "Q4_0")
        tensors = {name: open_model(model).weight(name) for name in (i.name for i in open_model(model).layers)}
    else:
        model = tmp_path / "m"
        tensors = dict(quantized_folder(source, model, kind))
    from safetensors.numpy import load_file, save_file

    same = tmp_path / "same"
    whole(same)
    held = load_file(same / "model.safetensors") | {f"{name}.weight": w for name, w in tensors.items()}
    save_file(held, same / "model.safetensors", {"format": "pt"})
    how = {"calibration": text, "text_options": WINDOWS, "table": table}
    ours, theirs = (quantized(path, options, **how) for path in (model, same))
    for info in open_model(same).layers:
        a, b = load_layer(ours, info.name), load_layer(theirs, info.name)
        np.testing.assert_array_equal(a.codes, b.codes)
        np.testing.assert_array_equal(a.scale, b.scale)
    if isinstance(options, HaloOptions):
        for info in open_model(same).layers:
            weight = open_model(same).weight(info.name)
            fishers = [open_fisher(run / "fisher.safetensors").layer(info.name, weight) for run in (ours, theirs)]
            np.testing.assert_array_equal(*fishers)
    record = json.loads((ours / "run.json").read_text(encoding="utf-8"))
    assert any("its weights were dequantized" in sentence for sentence in record["assumptions"])


def test_a_model_is_measured_as_it_is(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = whole(tmp_path / "float")
    write_gguf(source, tmp_path / "m.gguf")
    write_gguf(source, tmp_path / "q.gguf", "Q8_0")
    float_, file, small = (scored(path, text) for path in (source, tmp_path / "m.gguf", tmp_path / "q.gguf"))
    assert float_.accuracy is not None and small.accuracy is not None
    assert float_.accuracy.perplexity == scored_alike(load_model(source), text)
    assert file.to_dict() == float_.to_dict() and file.bits_per_weight == 32
    assert float_.accuracy.reference_perplexity is None and float_.method == AS_STORED
    # rows of 32 are Q8_0 (8.5 bits), those of the down projections (48) float: 2 of 14 layers, 1536 of 7680 a block
    assert small.bits_per_weight == pytest.approx((8.5 * (2 * 1024 + 2 * 512 + 2 * 1536) + 32 * 1536) / 7680)
    assert small.accuracy.perplexity != float_.accuracy.perplexity
    shown = render(evaluate_report(small))
    assert "as stored, 13.200 bits a weight" in shown and "head and layers: as the model has them" in shown
    eight = scored(tmp_path / "m.gguf", text, rest="int8", activations="int8")
    run = quantized(source, RtnOptions(8))
    of_run = scored(run, text, activations="int8")
    assert eight.accuracy is not None and of_run.accuracy is not None
    assert eight.accuracy.reference_perplexity == float_.accuracy.perplexity and eight.method == "int8"
    assert main(["evaluate", str(run), "--text", str(text), "--model", str(tmp_path / "m.gguf")]) == 2
    assert "not the model that was quantized" in capsys.readouterr().err
    assert main(["evaluate", str(source), "--text", str(text), "--model", str(source)]) == 2
    assert "a model, which is measured as it is" in capsys.readouterr().err


def test_layers_of_a_file_are_those_of_its_folder(tmp_path: Path, text: Path, table: Path) -> None:
    """Tiles span rows, so that they are the same only in the same order of rows."""
    source = whole(tmp_path / "float")
    write_gguf(source, tmp_path / "m.gguf")
    how = {"calibration": text, "text_options": WINDOWS, "table": table}
    a, b = (quantized(path, HaloOptions(tile=16), **how) for path in (source, tmp_path / "m.gguf"))
    for info in open_model(source).layers:
        np.testing.assert_array_equal(load_layer(a, info.name).codes, load_layer(b, info.name).codes)
    assert scored(a, text).accuracy == scored(b, text).accuracy


def test_the_tokenizer_of_the_run_is_used_again(tmp_path: Path, text: Path) -> None:
    source = whole(tmp_path / "float")
    write_gguf(source, tmp_path / "m.gguf", tokens=False)
    how = {"calibration": text, "text_options": WINDOWS}
    run = quantized(tmp_path / "m.gguf", GptqOptions(4), tokenizer=source, **how)
    assert scored(run, text).accuracy == scored(run, text, tokenizer=source).accuracy
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert str(source / "tokenizer.json") in {file["path"] for file in record["inputs"]}
    with pytest.raises(HaloError, match="only a calibration text is read by a tokenizer"):
        quantized(tmp_path / "m.gguf", RtnOptions(4), tokenizer=source)
    with pytest.raises(HaloError, match="the file holds no tokenizer"):
        quantized(tmp_path / "m.gguf", GptqOptions(4), **how)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path, text: Path) -> None:
    source = whole(tmp_path / "float", vocab_size=40)
    with pytest.raises(HaloError, match=r"the tokenizer gives token \d+, and the model knows 40 tokens"):
        scored(source, text)


def test_bfloat16_is_near_and_said(tmp_path: Path, text: Path) -> None:
    source = whole(tmp_path / "float")
    fine, coarse = (quantized(source, GptqOptions(8), calibration=text, text_options=WINDOWS, dtype=dtype)
                    for dtype in ("float32", "bfloat16"))  # fmt: skip
    record = json.loads((coarse / "run.json").read_text(encoding="utf-8"))
    assert any("bfloat16 while it is calibrated" in sentence for sentence in record["assumptions"])
    assert any((load_layer(fine, i.name).codes != load_layer(coarse, i.name).codes).any()
               for i in open_model(source).layers)  # fmt: skip
    exact = scored(fine, text, activations="int8", kv="int8")
    rounded = scored(fine, text, activations="int8", kv="int8", dtype="bfloat16", run_folder=tmp_path / "e")
    assert exact.accuracy is not None and rounded.accuracy is not None
    assert rounded.accuracy.perplexity == pytest.approx(exact.accuracy.perplexity, rel=0.05)
    assert rounded.accuracy.perplexity != exact.accuracy.perplexity
    shown = render(evaluate_report(rounded))
    assert "computed in bfloat16" in shown and "\n  bfloat16 " in shown and "float32" not in shown
    record = json.loads((tmp_path / "e" / "run.json").read_text(encoding="utf-8"))
    assert "The models compute in bfloat16." in record["assumptions"]
    assert json.loads((tmp_path / "e" / "results.json").read_text(encoding="utf-8"))["dtype"] == "bfloat16"


def test_figures_of_the_float_model_are_computed_once(tmp_path: Path, text: Path, cache: Path) -> None:
    source = whole(tmp_path / "float")
    run, other = quantized(source, RtnOptions(4)), quantized(source, RtnOptions(8))
    first = scored(run, text, compare=False)
    assert first.accuracy is not None and first.reused == () and first.accuracy.kl_divergence is None
    assert first.accuracy.reference_perplexity == scored_alike(load_model(source), text)
    (kept,) = cache.rglob("*.json")
    kept.write_text("3.25", encoding="utf-8")  # a number that no model gives
    again = scored(other, text, compare=False)
    assert again.accuracy is not None and again.accuracy.reference_perplexity == 3.25 and again.reused == ("text",)
    assert "text: figures of the float model are those of an earlier evaluation" in render(evaluate_report(again))
    compared = scored(other, text)
    assert compared.accuracy is not None and compared.reused == ()
    assert compared.accuracy.reference_perplexity == first.accuracy.reference_perplexity
    assert float(kept.read_text(encoding="utf-8")) == compared.accuracy.reference_perplexity
    kept.write_text("damaged", encoding="utf-8")
    assert scored(run, text, compare=False).to_dict() == first.to_dict()
    more = pytest.importorskip("torch").get_num_threads() + 1
    for change in ({"dtype": "bfloat16"}, {"threads": more}):
        assert scored(run, text, compare=False, **change).reused == ()
    shorter = EvaluateConfig(run, text, TextOptions("documents", 12, 4), compare=False)
    assert evaluate_folder(shorter, silent).reused == ()
    moved = source / "generation_config.json"
    moved.write_text(moved.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert scored(run, text, compare=False).reused == ()
    assert len(list(cache.rglob("*.json"))) == 5


def test_tasks_of_the_float_model_are_run_once(tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("lm_eval", reason="tasks need halo-mac[torch]")
    source = whole(tmp_path / "float")
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    rows = [{"page": "the hen sang to the heather"}, {"page": "rain over the stones"}, {"page": "an hour in the inn"}]
    (tasks / "pages.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    (tasks / "pages.yaml").write_text(
        "task: pages\ndataset_path: json\ndataset_kwargs:\n  data_files: {test: pages.jsonl}\n"
        "output_type: loglikelihood_rolling\ntest_split: test\ndoc_to_text: ''\ndoc_to_target: '{{page}}'\n"
        "metric_list:\n  - metric: byte_perplexity\n",
        encoding="utf-8",
    )
    run = quantized(source, RtnOptions(4))

    def found(limit: int | None = None) -> EvaluateResult:
        return evaluate_folder(EvaluateConfig(run, tasks=tasks, limit=limit), silent)

    first = found()
    assert first.reused == () and first.tasks
    again = found()
    assert again.reused == ("tasks",) and again.tasks == first.tasks
    assert "tasks: figures of the float model" in render(evaluate_report(again))
    assert found(2).reused == ()
    (tasks / "pages.jsonl").write_text(json.dumps(rows[0]), encoding="utf-8")
    assert found().reused == ()
    alone = evaluate_folder(EvaluateConfig(source, tasks=tasks), silent)
    ((plain, own),) = alone.tasks
    assert plain is None and own.value == pytest.approx(found().tasks[0][0].value)  # type: ignore[union-attr]
    assert alone.to_pandas()["float"].isna().all()
    assert "pages" in render(evaluate_report(alone))


def test_an_interrupted_export_is_made_again(tmp_path: Path) -> None:
    source = whole(tmp_path / "float")
    config = QuantizeConfig(source, tmp_path / "q", RtnOptions(8), export="w8a8")

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "writing layers" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="go on with resume=True"):
        quantize_model(config, stop)
    assert (tmp_path / "q.partial" / "w8a8" / "model.safetensors").is_file()
    run = quantize_model(dataclasses.replace(config, resume=True), silent).run_folder
    model = load_model(run / "w8a8")
    for info in open_model(source).layers:
        np.testing.assert_array_equal(model.weight(info.name), load_layer(run, info.name).dequantize())


def _few_weights(folder: Path) -> Path:
    weights = np.arange(-127, 128)
    period = 1000.0 + np.abs(weights)
    import pandas as pd

    rows = corner_rows("tt", 1.8, 25.0, weights, {"period_ps": period, "fmax_ghz": 1e3 / period})
    (folder / "few").mkdir()
    WeightTable(pd.DataFrame(rows)).write(folder / "few")
    return folder / "few"


def test_a_table_without_some_code_is_refused_at_once(tmp_path: Path) -> None:
    """A table of -127 to 127: eight bits need -128, four bits in the lower end do not."""
    source, few = whole(tmp_path / "float"), _few_weights(tmp_path)
    for options in (RtnOptions(8), GptqOptions(4, align_left=True), AwqOptions(8), SmoothQuantOptions(8)):
        calibration = None if isinstance(options, RtnOptions) else tmp_path / "none.txt"
        with pytest.raises(HaloError, match="no weight -128, which a layer may hold; it has -127 to 127"):
            quantized(source, options, table=few, calibration=calibration)
    assert quantized(source, RtnOptions(4), table=few).is_dir()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model.layers.1.mlp.up_proj": None}, r"no layer 'model\.layers\.1\.mlp\.up_proj'"),
        ({"model.layers.0.mlp.up_proj": np.ones((2, 2), np.float32)}, r"up_proj' is 2 x 2, the layer is 48 x 32"),
    ],
)
def test_fisher_information_of_another_model_is_refused_at_once(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    from safetensors.numpy import save_file

    source = whole(tmp_path / "float")
    held = {info.name: np.ones(info.shape, np.float32) for info in open_model(source).layers} | change
    kept = {name: values for name, values in held.items() if values is not None}
    save_file(kept, tmp_path / "f.safetensors", {"fisher": json.dumps({"label": "made up", "key": "0"})})
    with pytest.raises(HaloError, match=words):
        quantized(source, RtnOptions(4), fisher=tmp_path / "f.safetensors")
    assert not list(tmp_path.glob("q_*"))


def test_matrices_without_a_model_do_not_run(tmp_path: Path, text: Path) -> None:
    np.savez(tmp_path / "m.npz", a=np.ones((16, 16), np.float32))
    with pytest.raises(HaloError, match="matrices without a model do not run"):
        quantized(tmp_path / "m.npz", GptqOptions(4), calibration=text)
    assert not list(tmp_path.glob("q_*"))
