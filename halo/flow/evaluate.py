# SPDX-License-Identifier: Apache-2.0
"""``halo evaluate``: what the layers of a quantized folder do to the model's predictions on a text.

Tests: tests/flow/test_quantize.py.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from halo.errors import HaloError
from halo.flow.quantization.float_figures import FloatFigures
from halo.flow.quantization.texts import TextOptions
from halo.flow.quantize import model_files, tokenizer_files
from halo.flow.runs.provenance import Recorder, RunRecord, input_file, read_record
from halo.flow.runs.runfolder import RECORD, new_run
from halo.keywords import checked
from halo.progress import Progress
from halo.quant.accuracy import Accuracy, measure
from halo.quant.checkpoint import open_model
from halo.quant.fake import Activations, FakeQuantized, calibrate_activations
from halo.quant.harness import TaskFigure, run_tasks
from halo.quant.kv_cache import KvCache
from halo.quant.layer import HALF, QuantizedLayer, require_scale_bits
from halo.quant.rest import rest_layer
from halo.quant.store import INDEX, list_layers, load_layer
from halo.quant.text import read_text
from halo.quant.torch_model import Dtype, RunningModel, load_model, pinned_threads
from halo.schema import stamped
from halo.workload.architectures import CONFIG

RESULTS = "results.json"
TABLE = "results.csv"
SCHEMA = 1
"""Of ``results.json``."""

AS_STORED = "as stored"
"""The method of a model that is measured as it is."""


@checked
@dataclass(frozen=True)
class EvaluateConfig:
    """Options of ``halo evaluate``.

    Attributes:
        run: folder of ``halo quantize``; or a model, a Hugging Face folder or GGUF file, to be measured as it is.
        text: file to score; None: none.
        text_options: how it becomes windows.
        activations: ``int8``: one scale per token; ``int8-static``: one per layer, from the calibration; None: float.
        calibration: text for static scales.
        kv: bits of the cache; None: float.
        rest: the head and layers that are not in the folder: ``int8``, as ``halo score`` takes them, or ``float``, as
            papers do. None: ``int8``; of a model as it is ``float``.
        scale_bits: of a stored scale: 32, or 16, to which scales are rounded then.
        model: the model; None: where it was when it was quantized.
        tokenizer: folder of the tokenizer; None: that of the model, or the one that it was quantized with.
        compare: each prediction with that of the float model. Without it the float model runs only where its
            perplexity stands in no earlier evaluation.
        dtype: that the model computes in.
        threads: of PyTorch and BLAS; None: all cores.
        tasks: folder of lm-evaluation-harness tasks, if any.
        limit: first so many samples of each task; None: all.
        run_folder: folder to write, if any.
        force: replace a finished run.

    Raises:
        HaloError: a limit or threads below one, or a limit without tasks; scales of other widths.
    """

    run: Path
    text: Path | None = None
    text_options: TextOptions = field(default_factory=TextOptions)
    activations: Literal["int8", "int8-static"] | None = None
    calibration: Path | None = None
    kv: Literal["int8", "int4"] | None = None
    rest: Literal["int8", "float"] | None = None
    scale_bits: int = 32
    model: Path | None = None
    tokenizer: Path | None = None
    compare: bool = True
    dtype: Dtype = "float32"
    threads: int | None = None
    tasks: Path | None = None
    limit: int | None = None
    run_folder: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        require_scale_bits(self.scale_bits)
        if self.threads is not None and self.threads < 1:
            raise HaloError(f"{self.threads} threads are none", "Give 1 or more.")
        if self.limit is None:
            return
        if self.limit < 1:
            raise HaloError(f"a limit of {self.limit} samples leaves none", "Give 1 or more, or no limit.")
        if self.tasks is None:
            raise HaloError("only tasks have a limit of samples", "Give --tasks FOLDER, or --windows N for a text.")

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values."""
        values = dataclasses.asdict(self)
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


@dataclass(frozen=True, eq=False)
class EvaluateResult:
    """Figures of a quantized folder, or of a model as it is.

    Attributes:
        method: that quantized it; of a model as it is ``as stored``, or ``int8`` where its layers are rounded to that.
        bits_per_weight: of the layers of the blocks that are quantized, scales and sparse part counted.
        layers: number in the folder, and of the model.
        rest: what the head and the other layers are, in words.
        accuracy: on the text, if one was given.
        tasks: of the harness, each figure of the float model (None: there is no other) with that of the quantized one.
        dtype: that the models computed in.
        reused: figures of the float model that are those of an earlier evaluation: ``text``, ``tasks``.
        run_folder: what was written, if anything.
    """

    method: str
    bits_per_weight: float
    layers: tuple[int, int]
    rest: str
    accuracy: Accuracy | None
    tasks: tuple[tuple[TaskFigure | None, TaskFigure], ...] = ()
    dtype: Dtype = "float32"
    reused: tuple[str, ...] = ()
    run_folder: Path | None = None

    def to_pandas(self) -> pd.DataFrame:
        """A row for each figure, as in ``results.csv``; ``task`` is ``text`` for those of the text."""
        return pd.DataFrame(self._rows(), columns=["task", "metric", "float", "quantized", "samples", "shots"])

    def to_dict(self) -> dict[str, Any]:
        """All figures as JSON values."""
        values = dataclasses.asdict(self)
        del values["run_folder"], values["reused"]  # the same figures, wherever they come from
        values["layers"] = {"quantized": self.layers[0], "model": self.layers[1]}
        values["tasks"] = [{"float": plain, "quantized": own} for plain, own in values["tasks"]]
        return values

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(index=False))

    def _rows(self) -> Iterator[tuple[str, str, float | None, float | None, int, int | None]]:
        if self.accuracy is not None:
            a = self.accuracy
            yield "text", "perplexity", a.reference_perplexity, a.perplexity, a.tokens, None
            yield "text", "KL divergence (nats)", None, a.kl_divergence, a.tokens, None
            yield "text", "same top token", None, a.same_top, a.tokens, None
        for plain, own in self.tasks:
            yield own.task, own.metric, None if plain is None else plain.value, own.value, own.samples, own.shots


def evaluate_folder(config: EvaluateConfig, report: Progress) -> EvaluateResult:
    """Score a quantized folder, and write the figures down where a folder is given.

    That folder holds ``results.json``, ``results.csv``, ``run.json`` and ``log.txt``.

    Args:
        config: options.
        report: told of progress.

    Raises:
        HaloError: neither text nor tasks, no such folder or text, another model than the one quantized, PyTorch
            missing, static scales without a calibration text, or a folder that cannot be written.
    """
    if config.text is None and config.tasks is None:
        raise HaloError("there is nothing to score", "Give --text FILE, or --tasks FOLDER.")
    if (config.activations == "int8-static") != (config.calibration is not None):
        what = "static scales of activations and a calibration text go together"
        raise HaloError(what, "Give --activations int8-static with --calibration FILE, or neither.")
    record = _record(config)
    for path in (config.text, config.calibration):
        if path is not None:
            read_text(path)
    subject = _subject(config, record)
    if config.run_folder is None:
        return _evaluate(config, subject, report)
    texts = [path for path in (config.text, config.calibration) if path is not None]
    tasks: list[Path] = []
    if config.tasks is not None and config.tasks.is_dir():
        tasks = sorted(path for path in config.tasks.iterdir() if path.is_file())
    quantized = [] if subject.record is None else [config.run / RECORD, config.run / INDEX]
    inputs = [*quantized, *subject.files, *tokenizer_files(subject.tokenizer), *texts, *tasks]
    with (
        new_run(config.run_folder, config.force) as written,
        Recorder(written, "evaluate", config.to_dict(), inputs, report) as kept,
    ):
        found = _evaluate(config, subject, kept.report)
        values = found.to_dict()
        text = json.dumps(stamped(SCHEMA, values), indent=1, ensure_ascii=False)
        (written / RESULTS).write_text(text + "\n", encoding="utf-8")
        found.to_pandas().to_csv(written / TABLE, index=False, lineterminator="\n")
        kept.results.update(values)
        if found.accuracy is not None:
            kept.assume(f"Text: {found.accuracy.convention}")
        if found.dtype != "float32":
            kept.assume(f"The models compute in {found.dtype}")
        for what in found.reused:
            kept.assume(f"The figures of the float model on the {what} are those of an earlier evaluation")
    return dataclasses.replace(found, run_folder=config.run_folder)


@dataclass(frozen=True)
class _Subject:
    """What is measured.

    Attributes:
        model: where it is.
        files: of the model, with their hashes.
        record: of the run that quantized it; None: it is measured as it is.
        tokenizer: folder, if not the model's.
    """

    model: Path
    files: Mapping[Path, str]
    record: RunRecord | None
    tokenizer: Path | None


def _record(config: EvaluateConfig) -> RunRecord | None:
    """The run to measure; None: it is a model.

    Raises:
        HaloError: neither.
    """
    if config.run.suffix == ".gguf" or (config.run / CONFIG).is_file():
        if config.model is not None:
            what = "this is a model, which is measured as it is"
            raise HaloError(what, "Leave out --model, or give a run of halo quantize.", config.run)
        return None
    record = read_record(config.run)
    if record.command != "quantize":
        raise HaloError(f"this is a run of halo {record.command}", "Give one of halo quantize.", config.run)
    return record


def _subject(config: EvaluateConfig, record: RunRecord | None) -> _Subject:
    """What is measured.

    Raises:
        HaloError: no such model, or another than the run's.
    """
    folder, tokenizer = config.run, config.tokenizer
    if record is not None:
        folder, then = config.model or Path(record.config["model"]), record.config.get("tokenizer")
        tokenizer = config.tokenizer or (None if then is None else Path(then))
    files = {path: input_file(path).sha256 for path in model_files(open_model(folder))}
    before = {} if record is None else {Path(file.path).name: file.sha256 for file in record.inputs}
    for path, sha256 in files.items():
        if record is not None and path.suffix in (".safetensors", ".gguf") and sha256 != before.get(path.name):
            raise HaloError("this is not the model that was quantized", "Give that one: --model FOLDER.", path)
    return _Subject(folder, files, record, tokenizer)


def _evaluate(config: EvaluateConfig, subject: _Subject, report: Progress) -> EvaluateResult:
    """The figures of a model."""
    model = load_model(subject.model, dtype=config.dtype, tokenizer=subject.tokenizer)
    with pinned_threads(config.threads):
        return _measured(config, subject, model, report)


def _measured(config: EvaluateConfig, subject: _Subject, model: RunningModel, report: Progress) -> EvaluateResult:
    record = subject.record
    layers = {} if record is None else {name: load_layer(config.run, name) for name in list_layers(config.run)}
    head, _ = model.head
    outside = [name for name in model.linears if name not in layers]
    rest = "in floating point, which no int8 array computes"
    if (config.rest or ("float" if record is None else "int8")) == "int8":
        rest = "int8, a scale for each output channel"
        layers |= {name: rest_layer(model.weight(name), name) for name in (*outside, head)}
    if config.scale_bits == HALF:
        layers = {name: layer.with_half_scales() for name, layer in layers.items()}
    windows, calibration = (  # both before anything is computed with them
        None if path is None else config.text_options.read(path, model) for path in (config.text, config.calibration)
    )
    largest = None if calibration is None else calibrate_activations(model, calibration.tokens, layers)
    activations = None if config.activations is None else Activations(8, largest)
    cache = None if config.kv is None else KvCache(int(config.kv.removeprefix("int")))
    fake = FakeQuantized(model, layers, activations, cache)
    same = not layers and activations is None and cache is None  # the float model itself
    known = FloatFigures(subject.files, subject.tokenizer, model)
    accuracy = None
    if windows is not None:
        accuracy = measure(fake, windows, compare=config.compare and not same, report=report)
        if not same:
            reference = known.perplexity(windows, accuracy.reference_perplexity, report)
            accuracy = dataclasses.replace(accuracy, reference_perplexity=reference)
    tasks: tuple[tuple[TaskFigure | None, TaskFigure], ...] = ()
    if config.tasks is not None:
        stage = "tasks, float and quantized"
        report(stage, 0, 2)
        own = run_tasks(fake, config.tasks, limit=config.limit)  # first: what it refuses is not waited for
        report(stage, 1, 2)
        plain: list[TaskFigure | None] = [] if same else [*known.tasks(config.tasks, config.limit)]
        report(stage, 2, 2)
        tasks = tuple(zip(plain or [None] * len(own), own, strict=True))
    method, bits, counts = _summary(config, subject, {name: x for name, x in layers.items() if name != head})
    others = f"head and {len(outside)} other layers" if outside else "head"
    if record is None and not layers:
        others, rest = "head and layers", "as the model has them"
    return EvaluateResult(method, bits, counts, f"{others}: {rest}", accuracy, tasks, config.dtype, known.reused)


def _summary(
    config: EvaluateConfig, subject: _Subject, layers: Mapping[str, QuantizedLayer]
) -> tuple[str, float, tuple[int, int]]:
    """Method, bits a weight, and number of the layers that are measured and that the model has."""
    if not layers:
        stored = open_model(subject.model)
        sizes = [info.shape[0] * info.shape[1] for info in stored.layers]
        bits = sum(stored.stored_bits(i.name) * n for i, n in zip(stored.layers, sizes, strict=True)) / sum(sizes)
        return AS_STORED, bits, (len(sizes), len(sizes))
    weights = sum(layer.codes.size for layer in layers.values())
    bits = sum(layer.true_bits(config.scale_bits) * layer.codes.size for layer in layers.values()) / weights
    if subject.record is None:
        return "int8", bits, (len(layers), len(layers))
    results = subject.record.results
    return subject.record.config["options"]["method"], bits, (results["layers"], results["model_layers"])
