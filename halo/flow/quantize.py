"""``halo quantize``: a model's linear layers, one after the other, in a folder that an interruption does not cost."""

from __future__ import annotations

import csv
import fnmatch
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from halo.characterization.table import WeightTable, load_table
from halo.errors import HaloError
from halo.flow.quantization.methods import (
    CALIBRATED,
    CHAINED,
    FISHER,
    BooksOf,
    Given,
    MethodOptions,
    books_of,
    price_of_model,
    quantize_group,
)
from halo.flow.runs.provenance import Recorder
from halo.flow.runs.resumable import resumable_run, same_run
from halo.progress import Progress
from halo.quant.calibration import LayerInputs, calibrate
from halo.quant.checkpoint import LayerInfo, Model, open_model
from halo.quant.checkpoint.folder import FolderModel
from halo.quant.export import export_w8a8, require_exportable
from halo.quant.fake import Layers
from halo.quant.layer import QuantizedLayer
from halo.quant.sensitivity import Magnitude, Sensitivity, fisher_file, open_fisher
from halo.quant.store import list_layers, load_layer, save_layer
from halo.quant.text import Convention, Windows, read_text, windows_of
from halo.quant.torch_model import RunningModel, load_model, require_torch

LAYERS = "layers.csv"
FISHER_FILE = "fisher.safetensors"
EXPORT = "w8a8"
_READ = (".safetensors", ".json", ".model")


@dataclass(frozen=True)
class TextOptions:
    """How a text becomes windows of tokens.

    Attributes:
        convention: ``papers`` (lines joined by two newlines) or ``documents`` (BOS in front of every window).
        length: tokens a window; None: 2048, or the model's context where that is shorter.
        windows: the first so many; None: all.
    """

    convention: Literal["papers", "documents"] = "papers"
    length: int | None = None
    windows: int | None = None

    def read(self, path: Path, model: RunningModel) -> Windows:
        """The windows of a text file.

        Raises:
            HaloError: no such text, or shorter than one window.
        """
        documents = self.convention == "documents"
        how = Convention(self.length, join_lines=not documents, bos_each=documents)
        return windows_of(read_text(path), model.tokenizer, model.context, how, self.windows)


@dataclass(frozen=True)
class QuantizeConfig:
    """Options of ``halo quantize``.

    Attributes:
        model: Hugging Face folder, ``.gguf``, or matrices.
        run_folder: folder to write.
        options: method and its options.
        table: run folder or table of ``halo characterize``; needed by HALO, gives every method its clocks.
        corner: of the table, where there are several.
        fisher: file of diagonal Fisher information, such as ``fisher.safetensors`` of another run.
        calibration: text that gives the inputs of the layers, and the Fisher information where the method uses it and
            no file is given.
        text: how it becomes windows.
        threads: of PyTorch in calibration; the last bits of its sums depend on it.
        layers: patterns of names; empty: all.
        export: ``w8a8`` also writes a compressed-tensors checkpoint.
        force: replace a finished run, and drop an unfinished one.
        resume: go on with an unfinished run.
    """

    model: Path
    run_folder: Path
    options: MethodOptions
    table: Path | None = None
    corner: str | None = None
    fisher: Path | None = None
    calibration: Path | None = None
    text: TextOptions = field(default_factory=lambda: TextOptions(windows=128))
    threads: int = 1
    layers: tuple[str, ...] = ()
    export: Literal["w8a8"] | None = None
    force: bool = False
    resume: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values."""
        values = asdict(self)
        for name in ("model", "run_folder", "table", "fisher", "calibration"):
            values[name] = None if values[name] is None else str(values[name])
        return {**values, "layers": list(self.layers)}

    @property
    def key(self) -> dict[str, Any]:
        """What the layers depend on."""
        left_out = ("run_folder", "export", "force", "resume")
        return {name: value for name, value in self.to_dict().items() if name not in left_out}


def quantize_model(config: QuantizeConfig, report: Progress) -> Path:
    """Quantize layer by layer and write the folder; it appears when everything in it is done.

    Without calibration, memory holds one layer at a time. With it PyTorch holds the float model as well.

    Returns:
        The run folder.

    Raises:
        HaloError: bad input, PyTorch missing where it is needed, or a folder that cannot be written.
        Interrupted: by Ctrl-C, with layers finished.
    """
    model = open_model(config.model)
    chosen = _chosen(model, config)
    _check(config, model, chosen)
    table = None if config.table is None else load_table(config.table)
    books = None if table is None or config.options.method != "halo" else books_of(config.options, table, config.corner)
    fisher = None if config.fisher is None else open_fisher(config.fisher)
    if config.calibration is not None:
        read_text(config.calibration)
        require_torch()
    inputs = [*model_files(model), *(path for path in (config.calibration, config.fisher) if path is not None)]
    if config.table is not None:
        inputs.append(config.table / "weights.csv" if config.table.is_dir() else config.table)
    with (
        resumable_run(config.run_folder, config.force, config.resume, lambda f: len(_finished(f))) as folder,
        Recorder(folder, "quantize", config.to_dict(), inputs, report) as record,
    ):
        same_run(folder, config.key, record.files)
        run = _Run(config, model, chosen, table, books, fisher or Magnitude(), folder, record)
        run.start()
        if config.calibration is None:
            run.begin()
            for info in chosen:
                run.take([info], None)
        else:
            _calibrated(run, config.calibration)
        run.finish()
    return config.run_folder


def model_files(model: Model) -> list[Path]:
    """The files of a model: weights, configuration and tokenizer."""
    if model.path.is_file():
        return [model.path]
    return sorted(p for p in model.path.iterdir() if p.is_file() and p.suffix in _READ)


class _Run:
    """Layers on their way into the folder."""

    def __init__(
        self,
        config: QuantizeConfig,
        model: Model,
        chosen: Sequence[LayerInfo],
        table: WeightTable | None,
        books: BooksOf | None,
        sensitivity: Sensitivity,
        folder: Path,
        record: Recorder,
    ) -> None:
        self.config, self.model, self.table, self.books = config, model, table, books
        self.chosen = {info.name: info for info in chosen}
        self.sensitivity = sensitivity
        self.folder, self.record = folder, record
        self.rows: dict[str, dict[str, Any]] = {}
        self.price: float | None = None

    def start(self) -> None:
        """Take over what an interrupted run has finished."""
        self.rows = _finished(self.folder)
        kept = len(self.rows)
        self.record.results["kept"] = kept
        self.stage = f"layers ({kept} kept of an interrupted run)" if kept else "layers"

    def begin(self) -> None:
        """Find what the layers share, once the sensitivity is known."""
        if self.books is not None and self.config.options.halo.over_model and len(self.rows) < len(self.chosen):
            if self.sensitivity.proxy:
                self.record.assume("Without Fisher information layers do not compare: each has its own knee or share")
            else:
                self.price = price_of_model(self._each("balance of the layers"), self.config.options.halo, self.books)
                self.record.results["error_per_ns"] = self.price
        self.record.report(self.stage, len(self.rows), len(self.chosen))

    def _each(self, stage: str) -> Iterator[Given]:
        for number, info in enumerate(self.chosen.values()):
            self.record.report(stage, number, len(self.chosen))
            yield self._given(info)
        self.record.report(stage, len(self.chosen), len(self.chosen))

    def take(self, infos: Iterable[LayerInfo], inputs: LayerInputs | None) -> dict[str, QuantizedLayer]:
        """Quantize the layers of a tensor that are chosen and not finished; give all that are chosen."""
        infos = [info for info in infos if inputs is not None or info.name in self.chosen]
        wanted = [info.name for info in infos if info.name in self.chosen]
        missing = [name for name in wanted if name not in self.rows]
        made: dict[str, QuantizedLayer] = {}
        if missing:
            given = {info.name: self._given(info) for info in infos}
            began = time.perf_counter()
            for layer in quantize_group(
                [*given.values()], missing, inputs, self.config.options, self.books, self.price
            ):
                self._keep(layer, given[layer.name], time.perf_counter() - began)
                made[layer.name] = layer
                began = time.perf_counter()
        return {name: made.get(name) or load_layer(self.folder, name) for name in wanted}

    def finish(self) -> None:
        """Write what the whole says, and the export."""
        config, record = self.config, self.record
        rows = [self.rows[name] for name in self.chosen]
        weights = np.array([int(row["rows"]) * int(row["columns"]) for row in rows], dtype=np.float64)
        means = {
            name: float(np.average([float(row[name]) for row in rows], weights=weights))
            for name in ("bits_per_weight", "bits_per_weight_fp16_scales", "period_ns")
            if name in rows[0]
        }
        record.results |= {"layers": len(rows), "weights": int(weights.sum()), "mean": means}
        record.results["model_layers"] = len(self.model.layers)
        record.assume(f"Sensitivity: {self.sensitivity.label}")
        if len(rows) < len(self.model.layers):
            record.assume(f"{len(self.model.layers) - len(rows)} linear layers were not chosen and stay as they are")
        if (isinstance(self.model, FolderModel) and self.model.format is not None) or config.model.suffix == ".gguf":
            record.assume("The checkpoint is quantized: its weights were dequantized and quantized again")
        if "period_ns" in means:
            record.assume("A tile runs at the clock of its codebook, or of the slowest of the codes in the layer")
            if any(float(row["sparse_share"]) for row in rows):
                record.assume("Sparse weights are multiplied elsewhere and set no clock")
        if config.export is not None:
            exported = export_w8a8(
                config.model, self.folder, self.folder / EXPORT, sparse="round", progress=record.report
            )
            record.results["export"] = [asdict(layer) for layer in exported]
            if any(layer.kept_as == "rounded" for layer in exported):
                record.assume("The export holds sparse weights among the codes, which then leave their codebook")

    def _given(self, info: LayerInfo) -> Given:
        weight = self.model.weight(info.name)
        fisher = None if self.sensitivity.proxy else self.sensitivity.layer(info.name, weight)
        return Given(info, weight, fisher)

    def _keep(self, layer: QuantizedLayer, source: Given, seconds: float) -> None:
        layer.check()
        save_layer(self.folder, layer)
        row = layer_row(layer, source, self.table, self.config.corner, seconds)
        self.rows[layer.name] = row
        done = [self.rows[name] for name in self.chosen if name in self.rows]
        partial = self.folder / f"{LAYERS}.partial"
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(done[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(done)
        partial.replace(self.folder / LAYERS)
        self.record.log(f"{layer.name}: {row['sqnr_db']} dB, {row['bits_per_weight']} bits, {row['seconds']} s")
        self.record.report(self.stage, len(self.rows), len(self.chosen))


def _finished(folder: Path) -> dict[str, dict[str, Any]]:
    """Rows of the layers that have both their file and their row."""
    path = folder / LAYERS
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        stored = {row["layer"]: row for row in csv.DictReader(file)}
    return {name: stored[name] for name in list_layers(folder) if name in stored}


def layer_row(
    layer: QuantizedLayer, source: Given, table: WeightTable | None, corner: str | None, seconds: float
) -> dict[str, Any]:
    """A row of ``layers.csv``.

    Args:
        layer: as quantized.
        source: its weights and Fisher information; without it errors count with the squared weights, a proxy.
        table, corner: give its clock; None: not known.
        seconds: it took.
    """
    weight = source.weight
    errors = layer.errors(weight, source.fisher)
    rows, columns = layer.shape
    numbers: dict[str, float] = {
        "bits_per_weight": layer.true_bits(),
        "bits_per_weight_fp16_scales": layer.true_bits(16),
        "sparse_share": 0.0 if layer.sparse is None else len(layer.sparse.codes) / weight.size,
        **{f"class_{k}_share": share for k, share in enumerate(layer.class_share())},
        **({} if table is None else {"period_ns": period_ns(layer, table, corner)}),
        "mse": errors.mse,
        "sqnr_db": errors.sqnr_db,
        "fisher_error": errors.loss,
    }
    return {
        "layer": layer.name,
        "rows": rows,
        "columns": columns,
        "method": layer.method,
        **{name: f"{value:.6g}" for name, value in numbers.items()},
        "sensitivity": "squared weights, a proxy" if source.fisher is None else "Fisher diagonal",
        "seconds": f"{seconds:.3f}",
    }


def period_ns(layer: QuantizedLayer, table: WeightTable, corner: str | None = None) -> float:
    """Mean clock period of a layer's weights: that of their tile's codebook, else of the slowest code in the layer.

    Raises:
        HaloError: the table lacks a code.
    """
    if layer.tile_class is None:
        clock = table.fmax(np.unique(layer.codes).tolist())
        return 1.0 / float(clock[corner] if corner is not None else clock.iloc[0])
    clocks = [book.frequency_ghz for book in layer.codebooks]
    return sum(share / clock for share, clock in zip(layer.class_share(), clocks, strict=True) if clock)


def _calibrated(run: _Run, text: Path) -> None:
    """Take the layers with what the calibration text tells about them."""
    config, options, record = run.config, run.config.options, run.record
    if len(run.rows) == len(run.chosen):
        return
    running = load_model(config.model)
    windows = config.text.read(text, running)
    record.assume(f"Calibration: {windows.label}")
    if options.method in FISHER and config.fisher is None:
        run.sensitivity = fisher_file(running, windows, run.folder / FISHER_FILE, record.report, threads=config.threads)
    run.begin()
    if options.method == "squeezellm" or (options.method == "halo" and not options.feedback):
        for info in run.chosen.values():
            run.take([info], None)
        return

    def visit(block: list[LayerInputs]) -> Layers:
        made: dict[str, QuantizedLayer] = {}
        for inputs in block:
            made |= run.take([run.model.layer(name) for name in inputs.layers], inputs)
        return made if options.method in CHAINED else {}

    calibrate(running, windows, visit, threads=config.threads)


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
    options = config.options
    if options.method == "halo" and config.table is None:
        raise HaloError("HALO needs the table of a MAC's weights", "Give --table RUN, a run of halo characterize.")
    if options.method in CALIBRATED and config.calibration is None:
        raise HaloError(f"{options.method} needs the inputs of the layers", "Give a text: --calibration FILE.")
    if options.method not in (*CALIBRATED, *FISHER) and config.calibration is not None:
        raise HaloError(f"{options.method} learns nothing from a text", "Leave out --calibration.")
    tile = options.halo.tile
    if options.method == "halo" and not options.halo.pad:
        for info in chosen:
            if min(info.shape) < tile:
                what = f"layer {info.name!r} is {info.shape[0]} x {info.shape[1]}: a tile of {tile} is larger"
                least = min(min(info.shape) for info in chosen)
                raise HaloError(what, f"Give --tile {least} or less, or allow it with --pad.", model.path)
    if config.export is not None:
        require_exportable(model)
