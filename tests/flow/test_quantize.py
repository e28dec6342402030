# SPDX-License-Identifier: Apache-2.0
"""``halo quantize``: what the folder holds, an interruption that costs nothing, and errors before hours of work."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from synthetic_run import corner
from tiny_models import tiny_model

import halo.flow.quantization.layer_rows as layer_rows
from halo.characterization.table import WeightTable, corner_rows
from halo.errors import HaloError, Interrupted
from halo.flow.evaluate import EvaluateConfig, EvaluateResult, evaluate_folder
from halo.flow.quantization.texts import TextOptions
from halo.flow.quantize import QuantizeConfig, quantize_model, read_quantized
from halo.flow.runs.provenance import read_record
from halo.progress import Progress, silent
from halo.quant.accuracy import Accuracy
from halo.quant.harness import TaskFigure
from halo.quant.layer import Float32
from halo.quant.options import (
    AwqOptions,
    GptqOptions,
    HaloOptions,
    LeftAlignedOptions,
    QuantizerOptions,
    RtnOptions,
    SmoothQuantOptions,
)
from halo.quant.quantizers import options_of
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.store import list_layers, load_layer
from halo.report.evaluate import evaluate_report
from halo.report.quantize import quantize_report
from halo.report.text import render

SHAPES = {"a": (48, 64), "b": (64, 40), "c": (32, 32), "d": (33, 47)}
HALO = HaloOptions(tile=16)


def weights() -> dict[str, Float32]:
    random = np.random.default_rng(3)
    return {name: random.standard_t(4, shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.npz"
    np.savez(path, **weights())
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "mac"
    folder.mkdir()
    WeightTable(corner()[0]).write(folder)
    return folder


def config(model: Path, options: QuantizerOptions, **more: Any) -> QuantizeConfig:
    return QuantizeConfig(model, model.parent / "q", options, **more)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "layers.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    files = [*sorted((folder / "layers").iterdir()), folder / "layers.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def stopping_after(count: int, error: BaseException) -> Progress:
    """Progress that ends a run when so many layers are finished."""

    def report(stage: str, done: int, total: int) -> None:
        if stage.startswith("layers") and done == count:
            raise error

    return report


def stop() -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("method", ["rtn", "left-aligned", "squeezellm", "halo"])
def test_the_folder_tells_what_the_layers_are(model: Path, table: Path, method: str) -> None:
    options = HALO if method == "halo" else options_of(method, {})
    run = quantize_model(config(model, options, table=table), silent).run_folder
    assert list_layers(run) == tuple(SHAPES)
    rows = rows_of(run)
    periods = WeightTable(corner()[0]).rows().set_index("weight")["period_ps"] / 1e3
    for row, (name, weight) in zip(rows, weights().items(), strict=True):
        layer = load_layer(run, name)
        layer.check()
        assert (row["layer"], int(row["rows"]), int(row["columns"])) == (name, *weight.shape)
        made = layer.dequantize().astype(np.float64)
        noise = ((made - weight) ** 2).sum() / (weight.astype(np.float64) ** 2).sum()
        assert float(row["sqnr_db"]) == pytest.approx(-10 * np.log10(noise), abs=1e-3)
        assert float(row["bits_per_weight"]) == pytest.approx(layer.true_bits(), rel=1e-5)
        assert row["sensitivity"] == "squared weights, a proxy"
        if method == "halo":
            assert layer.tile_class is not None
            # independent of what the method says: the slowest code of every tile, weighted by the tile's size
            tiles = [layer.codes[i : i + 16, j : j + 16] for i, j in np.ndindex(*np.array(weight.shape))
                     if i % 16 == 0 and j % 16 == 0]  # fmt: skip
            least = sum(periods[np.unique(t)].max() * t.size for t in tiles) / weight.size
            assert float(row["period_ns"]) >= least * (1 - 1e-5)
            shares = [float(row["class_0_share"]), float(row["class_1_share"])]
            assert sum(shares) == pytest.approx(1, abs=1e-5) and float(row["sparse_share"]) > 0
            assert float(row["period_ns"]) < periods.max()
        else:
            assert float(row["period_ns"]) == pytest.approx(periods[np.unique(layer.codes)].max(), rel=1e-5)
    record = read_record(run)
    assert record.results["layers"] == 4 and record.results["weights"] == sum(a * b for a, b in SHAPES.values())
    assert {Path(file.path).name for file in record.inputs} == {"model.npz", "weights.csv"}
    assert any("stand-in for the Fisher information" in sentence for sentence in record.assumptions)
    assert any("each has its own knee" in sentence for sentence in record.assumptions) is (method == "halo")
    total = sum(float(r["bits_per_weight"]) * int(r["rows"]) * int(r["columns"]) for r in rows)
    assert record.results["mean"]["bits_per_weight"] == pytest.approx(total / record.results["weights"])
    assert f"{record.results['mean']['bits_per_weight']:.3f} bits a weight" in render(
        quantize_report(read_quantized(run))
    )


@pytest.mark.parametrize("options", [LeftAlignedOptions(3, 16, asymmetric=True), LeftAlignedOptions(3, 16)])
def test_left_aligned_codes_keep_their_clock_with_zero_points(
    model: Path, table: Path, options: LeftAlignedOptions
) -> None:
    run = quantize_model(config(model, options, table=table), silent).run_folder
    periods = WeightTable(corner()[0]).rows().set_index("weight")["period_ps"] / 1e3
    for row, (name, weight) in zip(rows_of(run), weights().items(), strict=True):
        layer = load_layer(run, name)
        assert not (layer.codes % 32).any() and (layer.zero is not None) is options.asymmetric
        assert float(row["period_ns"]) <= periods[np.arange(-128, 128, 32)].max() * (1 + 1e-5)
        plain = rtn(weight, UniformFormat.of(options))
        np.testing.assert_array_equal(layer.dequantize(), plain.dequantize())
        assert float(row["bits_per_weight"]) == pytest.approx(plain.true_bits(), rel=1e-5)


def test_left_aligned_codes_are_faster_than_the_same_weights_at_the_low_end(model: Path, table: Path) -> None:
    folders = {}
    for method in ("rtn", "left-aligned"):
        given = replace(config(model, options_of(method, {}), table=table), run_folder=model.parent / method)
        folders[method] = quantize_model(given, silent).run_folder
    for low, high in zip(rows_of(folders["rtn"]), rows_of(folders["left-aligned"]), strict=True):
        assert float(high["period_ns"]) < float(low["period_ns"]) and high["sqnr_db"] == low["sqnr_db"]


def test_only_the_layers_asked_for(model: Path) -> None:
    run = quantize_model(config(model, RtnOptions(), layers=("[bc]",)), silent).run_folder
    assert list_layers(run) == ("b", "c")
    assert "2 of 4 layers" in render(quantize_report(read_quantized(run)))


def test_an_interrupted_run_goes_on_to_the_same_bytes(model: Path, table: Path) -> None:
    whole = quantize_model(
        replace(config(model, HALO, table=table), run_folder=model.parent / "whole"), silent
    ).run_folder
    given = config(model, HALO, table=table)
    with pytest.raises(Interrupted, match=r"2 layers finished: go on with resume=True"):
        quantize_model(given, stopping_after(2, KeyboardInterrupt()))
    partial = model.parent / "q.partial"
    assert not given.run_folder.exists() and list_layers(partial) == ("a", "b")

    with pytest.raises(HaloError, match="an interrupted run stands here, 2 layers"):
        quantize_model(given, silent)
    other = replace(given, resume=True, options=replace(HALO, variant="perf"))
    with pytest.raises(HaloError, match='had options variant "bal", not "perf"'):
        quantize_model(other, silent)
    assert list_layers(partial) == ("a", "b")

    seen = []
    run = quantize_model(replace(given, resume=True), lambda *stage: seen.append(stage)).run_folder
    assert seen[0] == ("layers (2 kept of an interrupted run)", 2, 4)
    assert contents(run) == contents(whole)
    keys = [{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(run)]
    assert keys == [{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(whole)]
    assert "2 layers are those of the interrupted run" in render(quantize_report(read_quantized(run)))
    assert not partial.exists() and sorted(p.name for p in run.iterdir()) == sorted(p.name for p in whole.iterdir())


def test_a_layer_without_its_row_is_made_again(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = config(model, RtnOptions())
    with monkeypatch.context() as patch:
        made = layer_rows.layer_row
        patch.setattr(layer_rows, "layer_row", lambda layer, *rest: made(layer, *rest) if layer.name == "a" else stop())
        with pytest.raises(Interrupted, match="1 layer finished"):
            quantize_model(given, silent)
    assert list_layers(model.parent / "q.partial") == ("a", "b")
    run = quantize_model(replace(given, resume=True), silent).run_folder
    assert read_record(run).results["kept"] == 1 and list_layers(run) == tuple(SHAPES)


def test_resuming_other_weights_is_refused_and_force_starts_anew(model: Path) -> None:
    given = config(model, RtnOptions())
    with pytest.raises(HaloError, match="No space left") as full:
        quantize_model(given, stopping_after(3, OSError(28, "No space left on device", "x")))
    assert "3 layers finished: go on with resume=True" in full.value.fix
    changed = {name: weight + 1 for name, weight in weights().items()}
    np.savez(model, **changed)
    with pytest.raises(HaloError, match="not what the interrupted run read"):
        quantize_model(replace(given, resume=True), silent)
    run = quantize_model(replace(given, force=True), silent).run_folder
    assert read_record(run).results["kept"] == 0
    assert load_layer(run, "a").mse(changed["a"]) < 0.1
    assert not (model.parent / "q.partial").exists()


def test_nothing_finished_leaves_nothing(model: Path) -> None:
    before = sorted(model.parent.iterdir())
    with pytest.raises(KeyboardInterrupt):
        quantize_model(config(model, RtnOptions()), stopping_after(0, KeyboardInterrupt()))
    assert sorted(model.parent.iterdir()) == before


def test_a_fisher_file_is_used_and_named(model: Path, table: Path) -> None:
    fisher = model.parent / "f.safetensors"
    values = {name: np.square(weight.T @ weight).mean() * np.ones_like(weight) for name, weight in weights().items()}
    values["a"][:, :4] *= 1000
    about = {"fisher": json.dumps({"label": "made up", "key": "0"})}
    save_file({name: v.astype(np.float32) for name, v in values.items()}, fisher, about)
    run = quantize_model(config(model, HALO, table=table, fisher=fisher), silent).run_folder
    row, weight = rows_of(run)[0], weights()["a"]
    off = (load_layer(run, "a").dequantize() - weight).astype(np.float64)
    assert float(row["fisher_error"]) == pytest.approx(float((off**2 * values["a"]).sum()), rel=1e-4)
    assert row["sensitivity"] == "Fisher diagonal"
    assert (off[:, :4] ** 2).mean() < (off[:, 4:] ** 2).mean()
    record = read_record(run)
    assert "Sensitivity: made up." in record.assumptions
    prices = {load_layer(run, name).details["error_per_ns"] for name in SHAPES}  # one knee for the whole model
    assert prices == {record.results["error_per_ns"]} and min(prices) > 0


def _nan(folder: Path) -> list[str]:
    np.savez(folder / "bad.npz", a=np.full((16, 16), np.nan, np.float32))
    return ["bad.npz", "--method", "rtn"]


def _narrow(folder: Path) -> list[str]:
    narrow = np.arange(-8, 8)
    period = 1000.0 + np.abs(narrow)
    rows = corner_rows("tt", 1.8, 25.0, narrow, {"period_ps": period, "fmax_ghz": 1e3 / period})
    (folder / "narrow").mkdir()
    WeightTable(pd.DataFrame(rows)).write(folder / "narrow")
    return ["model.npz", "--table", "narrow", "--tile", "16"]


def _two_corners(folder: Path) -> list[str]:
    rows, _ = corner()
    both = pd.concat([rows, rows.assign(corner="other", voltage_v=1.2)], ignore_index=True)
    (folder / "both").mkdir()
    WeightTable(both).write(folder / "both")
    return ["model.npz", "--method", "rtn", "--table", "both"]


def _empty_fisher(folder: Path) -> list[str]:
    about = {"fisher": json.dumps({"label": "empty", "key": "0"})}
    save_file({name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}, folder / "f.safetensors", about)
    return ["model.npz", "--table", "mac", "--tile", "16", "--fisher", "f.safetensors"]


def _architecture(folder: Path) -> list[str]:
    (folder / "m").mkdir()
    (folder / "m" / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    save_file({"enc.0.q.weight": np.ones((4, 4), np.float32)}, folder / "m" / "model.safetensors")
    return ["m", "--method", "rtn"]


def _shards(folder: Path) -> list[str]:
    (folder / "m").mkdir()
    (folder / "m" / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    index = {"weight_map": {"w": "model-00002-of-00002.safetensors"}}
    (folder / "m" / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return ["m", "--method", "rtn"]


def _post_norm(folder: Path) -> list[str]:
    tiny_model("opt", folder / "m", changed={"do_layer_norm_before": False})
    (folder / "t.txt").write_text("words\n", encoding="utf-8")
    return ["m", "--method", "smoothquant", "--calibration", "t.txt", "--export", "w8a8"]


def _half_a_norm(folder: Path) -> list[str]:
    tiny_model("llama", folder / "m")
    (folder / "t.txt").write_text("words\n", encoding="utf-8")
    layers = ["--layers", "*q_proj"]
    return ["m", "--method", "smoothquant", "--calibration", "t.txt", "--export", "w8a8", *layers]


def _given(*arguments: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["model.npz", *arguments]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_nan, ["nan at row 0, column 0", "every weight must be a finite number"]),
        (_narrow, ["weights run from -8 to 7", "signed 8-bit"]),
        (_empty_fisher, ["zero everywhere"]),
        (_two_corners, ["the table has several corners", "Name one of: "]),
        (_given("--method", "rtn", "--table", "mac", "--corner", "ff"), ["the table has no corner 'ff'"]),
        (_given("--method", "rtn", "--fisher", "gone.safetensors"), ["gone.safetensors: there is no such file"]),
        (_architecture, ["'bert' is unknown", "enc.{0}.q.weight 4 x 4"]),
        (_shards, ["1 of 1 shards are missing: model-00002-of-00002"]),
        (_given("--tile", "16"), ["needs the table", "halo characterize"]),
        (_given("--table", "mac"), ["'a' is 48 x 64: a tile of 128 is larger", "--tile 32"]),
        (_given("--method", "rtn", "--layers", "q*"), ["no layer matches 'q*'", "The first of its 4 layers is a"]),
        (_given("--method", "gptq"), ["needs the inputs of the layers", "--calibration"]),
        (_given("--method", "rtn", "--calibration", "t.txt"), ["learns nothing from a text"]),
        (_given("--method", "rtn", "--export", "w8a8"), ["only a model in a Hugging Face folder"]),
        (_given("--method", "rtn", "--fisher", "model.npz"), ["no file of Fisher information"]),
        (_given("--method", "gptq", "--calibration", "t.txt"), ["t.txt: the text cannot be read"]),
        (_given("--table", "mac", "--tile", "16", "--clock", "99", "--codebooks", "class"), ["no weight reaches"]),
        (_given("--method", "rtn", "--align-left"), ["align left is an option of gptq, not of rtn"]),
        (_given("--method", "gptq", "--asymmetric", "--fit", "signed"), ["belong to symmetric codes", "--fit mse"]),
        (_given("--method", "awq", "--fit", "mse"), ["fit is an option of", "not of awq"]),
        (_given("--method", "rtn", "--tile", "16"), ["tile is an option of halo, not of rtn"]),
        (_given("--method", "gptq", "--no-feedback"), ["feedback is an option of halo"]),
        (_given("--table", "mac", "--outlier-sigmas", "-1"), ["standard deviations of -1 is out of range"]),
        (_given("--table", "mac", "--share", "0.9"), ["the variant bal has no share of the loss"]),
        (_given("--method", "rtn", "--clock", "1"), ["clock ghz is an option of halo, not of rtn"]),
        (
            _given("--method", "halo", "--group", "16"),
            ["group is an option of rtn, left-aligned", "and awq, not of halo"],
        ),
        (_given("--method", "squeezellm", "--asymmetric"), ["asymmetric is an option of", "not of squeezellm"]),
        (_post_norm, ["smooths none of these layers: no norm stands in front of one", "Take --method rtn"]),
        (_half_a_norm, ["q_proj' and 'model.layers.0.self_attn.k_proj' read the same norm", "leave out --export"]),
    ],
)
def test_bad_input_ends_in_two_lines_and_leaves_nothing(
    model: Path,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], list[str]],
    words: list[str],
) -> None:
    from halo.cli.main import main

    arguments = make(model.parent)
    capsys.readouterr()  # of the libraries that save a model
    before = sorted(model.parent.rglob("*"))
    monkeypatch.chdir(model.parent)
    assert main(["quantize", *arguments, "-o", "q"]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith(("layers", "balance"))]
    assert len(said) == 2 and said[0].startswith("error: ") and said[1].startswith("  fix: "), said
    for word in words:
        assert word in "\n".join(said)
    assert sorted(model.parent.rglob("*")) == before


def test_figures_become_rows() -> None:
    accuracy = Accuracy("how", "what", 1533, 5.1, 4.3, 0.02, 0.9)
    plain, own = (TaskFigure("pages", "acc", "none", value, 0.1, 12, None, "3", (), "what") for value in (0.5, 0.25))
    found = EvaluateResult("rtn", 4.5, (7, 35), "head: int8", accuracy, ((plain, own),))
    rows = found.to_pandas()
    assert rows["metric"].tolist() == ["perplexity", "KL divergence (nats)", "same top token", "acc"]
    assert rows["quantized"].tolist() == [5.1, 0.02, 0.9, 0.25] and rows["float"].iloc[[0, 3]].tolist() == [4.3, 0.5]
    assert rows["shots"].isna().all() and rows["quantized_stderr"].iloc[3] == 0.1 and rows["version"].iloc[3] == "3"
    assert found.to_dict()["accuracy"]["perplexity"] == 5.1 and "<table" in found._repr_html_()
    with pytest.raises(HaloError, match="the limit of samples of 0 is out of range"):
        EvaluateConfig(Path("q"), tasks=Path("t"), limit=0)
    with pytest.raises(HaloError, match="only tasks have a limit"):
        EvaluateConfig(Path("q"), text=Path("t"), limit=5)
    for options, what in (
        ({"task": ("x",)}, "task"),
        ({"few_shot": 0}, "few_shot"),
        ({"log_samples": True}, "log_samples"),
    ):
        with pytest.raises(HaloError, match=f"{what}.* is given, and no tasks"):
            EvaluateConfig(Path("q"), text=Path("t"), run_folder=Path("r"), **options)
    with pytest.raises(HaloError, match="no folder is given"):
        EvaluateConfig(Path("q"), tasks=Path("t"), log_samples=True)


def test_without_pytorch_a_text_is_refused(model: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = model.parent / "t.txt"
    text.write_text("a", encoding="utf-8")
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "torch" else found(name, *a))
    with pytest.raises(HaloError, match="torch is not installed"):
        quantize_model(config(model, HALO, table=table, calibration=text), silent)
    run = quantize_model(config(model, HALO, table=table), silent).run_folder
    with pytest.raises(HaloError, match="torch is not installed"):
        evaluate_folder(EvaluateConfig(run, text), silent)


@pytest.mark.slow
class TestOnARealModel:
    """stories260K, with the convention of its README."""

    TEXT = TextOptions("documents")

    @pytest.fixture
    def stories(self, shared: Path) -> Path:
        pytest.importorskip("torch", reason="PyTorch is not installed: the extra halo-mac[torch]")
        pytest.importorskip("transformers", reason="transformers is not installed: the extra halo-mac[torch]")
        return shared / "models" / "stories260K"

    def quantized(self, stories: Path, folder: Path, options: QuantizerOptions, **more: Any) -> Path:
        return quantize_model(QuantizeConfig(stories, folder, options, **more), silent).run_folder

    def scored(self, run: Path, shared: Path, **more: Any) -> EvaluateResult:
        text = shared / "text" / "tinystories_sample.txt"
        return evaluate_folder(EvaluateConfig(run, text, self.TEXT, **more), silent)

    def test_perplexities_are_those_measured_before(self, stories: Path, shared: Path, tmp_path: Path) -> None:
        run = self.quantized(stories, tmp_path / "w4", RtnOptions(4))
        found = self.scored(run, shared, rest="float")
        assert found.accuracy is not None and found.accuracy.reference_perplexity is not None
        assert found.accuracy.reference_perplexity == pytest.approx(4.340, abs=0.005)
        assert found.accuracy.perplexity == pytest.approx(4.830, abs=0.02)
        assert found.accuracy.tokens == 1533 and found.layers == (35, 35)
        shown = render(evaluate_report(found))
        assert "3 windows of BOS + 511 tokens" in shown and f"{found.accuracy.perplexity:.4f}" in shown
        run = self.quantized(stories, tmp_path / "w8", RtnOptions(8))
        fine = self.scored(run, shared)
        coarse = self.scored(run, shared, activations="int8", kv="int4")
        assert fine.accuracy is not None and coarse.accuracy is not None
        assert fine.accuracy.perplexity == pytest.approx(4.345, abs=0.005)
        assert coarse.accuracy.kl_divergence is not None and fine.accuracy.kl_divergence is not None
        assert coarse.accuracy.kl_divergence > 10 * fine.accuracy.kl_divergence
        assert "A8 dynamic per token, KV cache int4" in render(evaluate_report(coarse))

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (
                AwqOptions(4, 32, asymmetric=True),
                {
                    "AWQ, scale and clip": ("v_proj", "gate_proj", "up_proj", "down_proj"),
                    "AWQ, scale only": ("q_proj", "k_proj"),
                    "AWQ, clip only": ("o_proj",),  # a value serves two queries
                },
            ),
            (
                SmoothQuantOptions(8),
                {
                    "SmoothQuant": ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"),
                    "RTN": ("o_proj", "down_proj"),
                },
            ),
            (GptqOptions(3, 16, asymmetric=True, align_left=True), {"left-aligned GPTQ": ("_proj",)}),
        ],
        ids=["awq", "smoothquant", "gptq"],
    )
    def test_the_method_of_each_layer_stands_in_the_table_and_the_summary(
        self, stories: Path, shared: Path, tmp_path: Path, options: QuantizerOptions, expected: dict[str, tuple[str]]
    ) -> None:
        text = shared / "text" / "tinystories_sample.txt"
        how = {"calibration": text, "text_options": TextOptions("documents", 64, 4)}
        run = self.quantized(stories, tmp_path / "q", options, **how)
        rows = rows_of(run)
        assert len(rows) == 35
        for row in rows:
            (method,) = (m for m, names in expected.items() if row["layer"].endswith(names))
            assert row["method"] == method == load_layer(run, row["layer"]).method
        shown = render(quantize_report(read_quantized(run)))
        for method, names in expected.items():
            count = sum(row["layer"].endswith(names) for row in rows)
            (line,) = (line for line in shown.splitlines() if line.lstrip().startswith(f"{method} "))
            assert f" {count} " in line and all(f"{name}" in line for name in names)

    @pytest.mark.parametrize("method", ["gptq", "halo"])
    def test_calibrated_methods_go_on_after_an_interruption(
        self, stories: Path, shared: Path, table: Path, tmp_path: Path, method: str
    ) -> None:
        options = HALO if method == "halo" else GptqOptions(4)
        text = tmp_path / "calibration.txt"
        text.write_bytes((shared / "text" / "wiki.test.raw").read_bytes()[:20000])
        how = {"calibration": text, "text_options": TextOptions("documents", 64, 8), "table": table}
        whole = self.quantized(stories, tmp_path / "whole", options, **how)
        given = QuantizeConfig(stories, tmp_path / "q", options, **how)
        with pytest.raises(Interrupted):
            quantize_model(given, stopping_after(9, KeyboardInterrupt()))  # inside the second block
        run = self.quantized(stories, tmp_path / "q", options, resume=True, **how)
        assert contents(run) == contents(whole) and read_record(run).results["kept"] == 9
        assert (run / "fisher.safetensors").is_file() is (method == "halo")

    def test_another_model_is_refused(self, stories: Path, shared: Path, tmp_path: Path) -> None:
        run = self.quantized(stories, tmp_path / "q", RtnOptions(), layers=("*layers.0*",))
        other = tmp_path / "other"
        shutil.copytree(stories, other)
        (other / "model.safetensors").chmod(0o644)
        values = bytearray((other / "model.safetensors").read_bytes())
        values[-1] ^= 1
        (other / "model.safetensors").write_bytes(values)
        with pytest.raises(HaloError, match="not the model that was quantized"):
            self.scored(run, shared, model=other)
