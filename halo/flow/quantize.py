# SPDX-License-Identifier: Apache-2.0
"""``halo quantize``: a model's linear layers, one after the other, in a folder that an interruption does not cost."""

from __future__ import annotations

import fnmatch
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from halo.characterization.table import WeightTable, load_table
from halo.errors import HaloError
from halo.flow.quantization.layer_rows import LAYERS, LayerRows, finished_rows, name_patterns
from halo.flow.quantization.texts import TextOptions
from halo.flow.runs.provenance import Recorder, RunRecord, read_record
from halo.flow.runs.resumable import resumable_run, same_run
from halo.keywords import checked
from halo.progress import Progress
from halo.quant.calibration import LayerInputs, calibrate
from halo.quant.checkpoint import LayerInfo, Model, open_model
from halo.quant.export import export_w8a8, require_exportable, require_foldable
from halo.quant.fake import Layers
from halo.quant.layer import QuantizedLayer
from halo.quant.options import HaloOptions, QuantizerOptions
from halo.quant.quantizers import QUANTIZERS, Quantizer, names_where, quantizer_of
from halo.quant.sensitivity import FisherFile, Magnitude, Sensitivity, fisher_file, open_fisher
from halo.quant.store import load_layer
from halo.quant.task import LayerGroup, LayerQuantizer, LayerTask, ModelTask
from halo.quant.text import Windows, read_text
from halo.quant.torch_model import Dtype, RunningModel, load_model, require_torch

FISHER_FILE = "fisher.safetensors"
EXPORT = "w8a8"
_WORDS = (".json", ".model")
_READ = (".safetensors", *_WORDS)


@checked
@dataclass(frozen=True)
class QuantizeConfig:
    """Options of ``halo quantize``.

    Attributes:
        model: Hugging Face folder, ``.gguf``, or matrices.
        run_folder: folder to write.
        options: of the method; their class says which.
        table: run folder or table of ``halo characterize``; needed by HALO, gives every method its clocks.
        corner: of the table, where there are several.
        fisher: file of diagonal Fisher information, such as ``fisher.safetensors`` of another run.
        calibration: text that gives the inputs of the layers, and the Fisher information where the method uses it and
            no file is given.
        text_options: how it becomes windows.
        threads: of PyTorch and BLAS in calibration; the last bits of their sums depend on it.
        dtype: that the model computes in while it is calibrated.
        tokenizer: folder of the tokenizer for the calibration text; None: that of the model.
        layers: patterns of names; empty: all.
        export: ``w8a8`` also writes a compressed-tensors checkpoint.
        force: replace a finished run, and drop an unfinished one.
        resume: go on with an unfinished run.
    """

    model: Path
    run_folder: Path
    options: QuantizerOptions = field(default_factory=HaloOptions)
    table: Path | None = None
    corner: str | None = None
    fisher: Path | None = None
    calibration: Path | None = None
    text_options: TextOptions = field(default_factory=lambda: TextOptions(windows=128))
    threads: int = 1
    dtype: Dtype = "float32"
    tokenizer: Path | None = None
    layers: tuple[str, ...] = ()
    export: Literal["w8a8"] | None = None
    force: bool = False
    resume: bool = False

    @property
    def method(self) -> Quantizer:
        """The method that the options belong to."""
        return quantizer_of(self.options)

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values."""
        values = asdict(self)
        for name in ("model", "run_folder", "table", "fisher", "calibration", "tokenizer"):
            values[name] = None if values[name] is None else str(values[name])
        values["options"] = {"method": self.method.name, **values["options"]}
        return {**values, "layers": list(self.layers)}

    @property
    def key(self) -> dict[str, Any]:
        """What the layers depend on."""
        left_out = ("run_folder", "export", "force", "resume")
        return {name: value for name, value in self.to_dict().items() if name not in left_out}


@dataclass(frozen=True, eq=False)
class QuantizeResult:
    """A finished run of ``halo quantize``.

    Attributes:
        run_folder: where it is.
        record: its ``run.json``.
        layers: its ``layers.csv``, a row for each layer, in the model's order.
    """

    run_folder: Path
    record: RunRecord
    layers: pd.DataFrame

    @property
    def method(self) -> str:
        """Name of the method on the command line."""
        return str(self.record.config["options"]["method"])

    @property
    def bits_per_weight(self) -> float:
        """Mean over all weights, scales and sparse part counted."""
        return float(self.record.results["mean"]["bits_per_weight"])

    @property
    def period_ns(self) -> float | None:
        """Mean clock period over all weights; None: without a table of weights."""
        found: float | None = self.record.results["mean"].get("period_ns")
        return found

    def layer(self, name: str) -> QuantizedLayer:
        """A layer of the folder.

        Raises:
            HaloError: no such layer, or its file is missing or damaged.
        """
        return load_layer(self.run_folder, name)

    def to_pandas(self) -> pd.DataFrame:
        """The rows of ``layers.csv``."""
        return self.layers.copy()

    def _repr_html_(self) -> str:
        return str(self.layers.to_html(index=False))


def read_quantized(run_folder: Path) -> QuantizeResult:
    """Read a folder of ``halo quantize``.

    Raises:
        HaloError: no such run, or one of another command.
    """
    record = read_record(run_folder)
    if record.command != "quantize":
        raise HaloError(f"this is a run of halo {record.command}", "Give one of halo quantize.", run_folder)
    return QuantizeResult(run_folder, record, pd.read_csv(run_folder / LAYERS))


def quantize_model(config: QuantizeConfig, report: Progress) -> QuantizeResult:
    """Quantize layer by layer and write the folder; it appears when everything in it is done.

    Without calibration, memory holds one layer at a time. With it PyTorch holds the float model as well.

    Args:
        config: options.
        report: told of progress.

    Raises:
        HaloError: bad input, PyTorch missing where it is needed, or a folder that cannot be written.
        Interrupted: by Ctrl-C, with layers finished.
    """
    model = open_model(config.model)
    chosen = _chosen(model, config)
    _check(config, model, chosen)
    table = None if config.table is None else load_table(config.table)
    if table is not None:
        table.rows(config.corner)  # a corner there is, named where there are several
    quantizer = config.method.make(config.options, table, config.corner)
    quantizer.check(chosen, model)
    if table is not None:
        _require_clocks(table, config.corner, quantizer)
    fisher = None if config.fisher is None else open_fisher(config.fisher)
    if fisher is not None:
        fisher.require({info.name: info.shape for info in chosen})
    if config.calibration is not None:
        read_text(config.calibration)
        require_torch()
        model.module_config()  # refuses what cannot run
    inputs = [
        *model_files(model),
        *tokenizer_files(config.tokenizer),
        *(path for path in (config.calibration, config.fisher) if path is not None),
    ]
    if config.table is not None:
        inputs.append(config.table / "weights.csv" if config.table.is_dir() else config.table)
    with (
        resumable_run(config.run_folder, config.force, config.resume, lambda f: len(finished_rows(f))) as folder,
        Recorder(folder, "quantize", config.to_dict(), inputs, report) as record,
    ):
        same_run(folder, config.key, record.files)
        rows = LayerRows(folder, [info.name for info in chosen], table, config.corner)
        record.results["kept"] = rows.kept
        text = _calibration_text(config, record) if config.calibration is not None and not rows.complete else None
        layers = _Layers(model, chosen, _sensitivity(config, fisher, text, folder, record), rows, record)
        if not rows.complete:
            quantizer = quantizer.for_model(
                ModelTask(not layers.sensitivity.proxy, layers.each, record.assume, record.results)
            )
        layers.report()
        if text is not None and config.method.inputs != "ignores" and quantizer.wants_inputs:
            _quantize_blocks(quantizer, layers, text, config)
        else:
            for info in chosen:
                layers.take(quantizer, [info], None)
        _finish(config, layers, record)
    return read_quantized(config.run_folder)


def model_files(model: Model) -> list[Path]:
    """The files of a model: weights, configuration and tokenizer."""
    if model.path.is_file():
        return [model.path]
    return sorted(p for p in model.path.iterdir() if p.is_file() and p.suffix in _READ)


def tokenizer_files(folder: Path | None) -> list[Path]:
    """The files of a folder of a tokenizer.

    Raises:
        HaloError: no such folder.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise HaloError("there is no such folder of a tokenizer", "Give one with tokenizer.json.", folder)
    return sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in _WORDS)


@dataclass(frozen=True, eq=False)
class _Text:
    """The running model and the windows of the calibration text."""

    model: RunningModel
    windows: Windows


def _calibration_text(config: QuantizeConfig, record: Recorder) -> _Text | None:
    if config.calibration is None:
        return None
    running = load_model(config.model, dtype=config.dtype, tokenizer=config.tokenizer)
    windows = config.text_options.read(config.calibration, running)
    record.assume(f"Calibration: {windows.label}")
    if config.dtype != "float32":
        record.assume(f"The model computes in {config.dtype} while it is calibrated")
    return _Text(running, windows)


def _sensitivity(
    config: QuantizeConfig, given: FisherFile | None, text: _Text | None, folder: Path, record: Recorder
) -> Sensitivity:
    """Fisher information from the file given, from the text, or from an interrupted run; else a stand-in."""
    if given is not None or not config.method.fisher:
        return given or Magnitude()
    path = folder / FISHER_FILE
    if text is not None:
        return fisher_file(text.model, text.windows, path, record.report, threads=config.threads)
    return open_fisher(path) if config.calibration is not None and path.is_file() else Magnitude()


class _Layers:
    """The layers of a run on their way into its folder.

    Args:
        model: that they are read from.
        chosen: those to quantize, in the model's order.
        sensitivity: of their weights.
        rows: those that are finished.
        record: told of each.
    """

    def __init__(
        self,
        model: Model,
        chosen: Sequence[LayerInfo],
        sensitivity: Sensitivity,
        rows: LayerRows,
        record: Recorder,
    ) -> None:
        self.model, self.chosen, self.sensitivity, self.rows = model, chosen, sensitivity, rows
        self._record = record
        self._stage = f"layers ({rows.kept} kept of an interrupted run)" if rows.kept else "layers"

    def report(self) -> None:
        """Tell how many are finished."""
        self._record.report(self._stage, len(self.rows), len(self.chosen))

    def each(self) -> Iterator[LayerTask]:
        """All layers chosen, for what they share."""
        stage = "balance of the layers"
        for number, info in enumerate(self.chosen):
            self._record.report(stage, number, len(self.chosen))
            yield self._task(info)
        self._record.report(stage, len(self.chosen), len(self.chosen))

    def take(
        self, quantizer: LayerQuantizer, infos: Iterable[LayerInfo], inputs: LayerInputs | None
    ) -> dict[str, QuantizedLayer]:
        """Quantize the layers of a tensor that are chosen and not finished; give all that are chosen."""
        infos = tuple(infos)
        missing = self.rows.missing(info.name for info in infos)
        made: dict[str, QuantizedLayer] = {}
        if missing:
            tasks = {info.name: self._task(info) for info in infos}
            began = time.perf_counter()
            for layer in quantizer.quantize(LayerGroup(tuple(tasks.values()), missing, inputs)):
                self._add(layer, tasks[layer.name], time.perf_counter() - began)
                made[layer.name] = layer
                began = time.perf_counter()
        wanted = [info.name for info in infos if info.name in self.rows.names]
        return {name: made.get(name) or self.rows.load(name) for name in wanted}

    def _task(self, info: LayerInfo) -> LayerTask:
        weight = self.model.weight(info.name)
        fisher = None if self.sensitivity.proxy else self.sensitivity.layer(info.name, weight)
        return LayerTask(info, weight, fisher)

    def _add(self, layer: QuantizedLayer, task: LayerTask, seconds: float) -> None:
        row = self.rows.add(layer, task, seconds)
        self._record.log(f"{layer.name}: {row['sqnr_db']} dB, {row['bits_per_weight']} bits, {row['seconds']} s")
        self.report()


def _quantize_blocks(quantizer: LayerQuantizer, layers: _Layers, text: _Text, config: QuantizeConfig) -> None:
    """Block after block, each group of layers with what the calibration text tells of its inputs."""

    def visit(block: list[LayerInputs]) -> Layers:
        made: dict[str, QuantizedLayer] = {}
        for inputs in block:
            made |= layers.take(quantizer, [layers.model.layer(name) for name in inputs.layers], inputs)
        return made if config.method.chained else {}

    calibrate(text.model, text.windows, visit, threads=config.threads)


def _finish(config: QuantizeConfig, layers: _Layers, record: Recorder) -> None:
    """Write what the whole says, and the export."""
    model, rows = layers.model, list(layers.rows)
    weights = np.array([int(row["rows"]) * int(row["columns"]) for row in rows], dtype=np.float64)
    means = {
        name: float(np.average([float(row[name]) for row in rows], weights=weights))
        for name in ("bits_per_weight", "bits_per_weight_fp16_scales", "period_ns")
        if name in rows[0]
    }
    record.results |= {"layers": len(rows), "weights": int(weights.sum()), "mean": means}
    record.results["model_layers"] = len(model.layers)
    record.assume(f"Sensitivity: {layers.sensitivity.label}")
    _tell_fallback(config.method, {str(row["layer"]): str(row["method"]) for row in rows}, record)
    if len(rows) < len(model.layers):
        record.assume(f"{len(model.layers) - len(rows)} linear layers were not chosen and stay as they are")
    if any(model.stored_bits(info.name) < 16 for info in model.layers):
        record.assume("The checkpoint is quantized: its weights were dequantized and quantized again")
    if "period_ns" in means:
        record.assume("A tile runs at the clock of its codebook, or of the slowest of the codes in the layer")
        if any(float(row["sparse_share"]) for row in rows):
            record.assume("Sparse weights are multiplied elsewhere and set no clock")
    if config.export is not None:
        folder = layers.rows.folder
        if (folder / EXPORT).is_dir():  # what an interruption left of it
            shutil.rmtree(folder / EXPORT)
        exported = export_w8a8(config.model, folder, folder / EXPORT, sparse="round", progress=record.report)
        record.results["export"] = [asdict(layer) for layer in exported]
        if any(layer.kept_as == "rounded" for layer in exported):
            record.assume("The export holds sparse weights among the codes, which then leave their codebook")


def _tell_fallback(method: Quantizer, methods: dict[str, str], record: Recorder) -> None:
    """State which layers the method could not treat; ``methods`` by layer name."""
    fallback = method.fallback
    if fallback is None:
        return
    left = [name for name, used in methods.items() if used == fallback.method]
    if left:
        record.assume(
            f"{method.title} leaves out {len(left)} of {len(methods)} layers, because {fallback.reason}; they are "
            f"{fallback.treatment}, and {LAYERS} says {fallback.method}: {', '.join(name_patterns(left))}"
        )


def _chosen(model: Model, config: QuantizeConfig) -> list[LayerInfo]:
    """The layers that match a pattern, in the model's order."""
    for pattern in config.layers:
        if not fnmatch.filter([info.name for info in model.layers], pattern):
            fix = f"The first of its {len(model.layers)} layers is {model.layers[0].name}; * stands for any text."
            raise HaloError(f"no layer matches {pattern!r}", fix, model.path)
    patterns = config.layers or ("*",)
    return [info for info in model.layers if any(fnmatch.fnmatchcase(info.name, p) for p in patterns)]


def _check(config: QuantizeConfig, model: Model, chosen: Sequence[LayerInfo]) -> None:
    """Refuse at once what would fail after hours."""
    method = config.method
    if method.inputs == "needs" and config.calibration is None:
        raise HaloError(f"{method.name} needs the inputs of the layers", "Give a text: --calibration FILE.")
    if not method.calibrates and config.calibration is not None:
        calibrated = names_where(row for row in QUANTIZERS.values() if row.calibrates)
        what = f"{method.name} learns nothing from a text"
        raise HaloError(what, f"Leave out --calibration. It is for {calibrated}.")
    if config.calibration is None and (config.dtype != "float32" or config.tokenizer is not None):
        what = "only a calibration text is read by a tokenizer, and computed on in some type"
        raise HaloError(what, "Give --calibration FILE, or leave out --tokenizer and --dtype.")
    if config.export is not None:
        folder = require_exportable(model)
        if method.input_scales is not None:
            require_foldable(folder, chosen, method.input_scales)


def _require_clocks(table: WeightTable, corner: str | None, quantizer: LayerQuantizer) -> None:
    """The table has a clock for every code that a layer may hold."""
    known = set(table.rows(corner)["weight"].tolist())
    missing = [code for code in quantizer.codes if code not in known]
    if missing:
        what = f"the table has no weight {missing[0]}, which a layer may hold; it has {min(known)} to {max(known)}"
        raise HaloError(what, "Characterize a MAC for signed 8-bit weights, or give fewer --bits.")
