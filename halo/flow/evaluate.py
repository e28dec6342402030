# SPDX-License-Identifier: Apache-2.0
"""``halo evaluate``: what the layers of a quantized folder do to the model's predictions on a text.

Tests: tests/flow/test_quantize.py.
"""

from __future__ import annotations

import dataclasses
import json
import math
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
from halo.quant.harness import BOOTSTRAP, TaskFigure, TaskOptions, run_tasks, sample_rows
from halo.quant.kv_cache import KvCache
from halo.quant.layer import HALF, QuantizedLayer, require_scale_bits
from halo.quant.memory import evaluation_memory, free_memory, require_memory
from halo.quant.rest import rest_layer
from halo.quant.store import INDEX, list_layers, load_layer
from halo.quant.text import read_text
from halo.quant.torch_model import Dtype, RunningModel, load_model, pinned_threads
from halo.schema import stamped
from halo.workload.architectures import CONFIG
from halo.workload.config import read_config

RESULTS = "results.json"
TABLE = "results.csv"
SAMPLES = "samples.jsonl"
SCHEMA = 2
"""Of ``results.json``."""
COLUMNS = (
    *("task", "metric", "filter", "float", "float_stderr", "quantized", "quantized_stderr"),
    *("samples", "shots", "version"),
)
"""Of ``results.csv``."""

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
        task: names of the tasks and groups of that folder to run; none: all.
        few_shot: examples shown before each question, in tasks that do not say 0; None: as the tasks say.
        limit: first so many samples of each task; None: all.
        log_samples: write down what each task asked, and what both models answered.
        run_folder: folder to write, if any.
        force: replace a finished run.

    Raises:
        HaloError: a number out of range, options of tasks without tasks, samples without a folder to write them
            to; scales of other widths.
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
    task: tuple[str, ...] = ()
    few_shot: int | None = None
    limit: int | None = None
    log_samples: bool = False
    run_folder: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        require_scale_bits(self.scale_bits)
        if self.log_samples and self.run_folder is None:
            raise HaloError("--log-samples writes a file, and no folder is given", "Give one: -o DIR.")
        if self.tasks is not None:
            return
        if self.limit is not None:
            raise HaloError("only tasks have a limit of samples", "Give --tasks FOLDER, or --windows N for a text.")
        given = {"--task": self.task, "--few-shot": self.few_shot is not None, "--log-samples": self.log_samples}
        for option in (name for name, value in given.items() if value):
            raise HaloError(f"{option} is given, and no tasks", "Give their folder: --tasks FOLDER.")

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
        samples: rows of ``samples.jsonl``, if they were asked for.
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
    samples: tuple[Mapping[str, Any], ...] = ()
    run_folder: Path | None = None

    def to_pandas(self) -> pd.DataFrame:
        """A row for each figure, as in ``results.csv``; ``task`` is ``text`` for those of the text."""
        return pd.DataFrame(self._rows(), columns=list(COLUMNS)).astype({"shots": "Int64"})

    def to_dict(self) -> dict[str, Any]:
        """All figures as JSON values."""
        values = dataclasses.asdict(dataclasses.replace(self, samples=()))  # which have a file of their own
        del values["run_folder"], values["samples"], values["reused"]  # the same figures, wherever they come from
        values["layers"] = {"quantized": self.layers[0], "model": self.layers[1]}
        values["tasks"] = [{"float": plain, "quantized": own} for plain, own in values["tasks"]]
        return values

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(index=False))

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        if self.accuracy is not None:
            a = self.accuracy
            for metric, plain, own in (
                ("perplexity", a.reference_perplexity, a.perplexity),
                ("KL divergence (nats)", None, a.kl_divergence),
                ("same top token", None, a.same_top),
            ):
                yield "text", metric, None, plain, None, own, None, a.tokens, None, None
        for before, after in self.tasks:
            float_ = (None, None) if before is None else (before.value, before.stderr)
            yield (
                *(after.task, after.metric, after.filter, *float_, after.value, after.stderr),
                *(after.samples, after.shots, after.version),
            )


def evaluate_folder(config: EvaluateConfig, report: Progress) -> EvaluateResult:
    """Score a quantized folder, and write the figures down where a folder is given.

    That folder holds ``results.json``, ``results.csv``, ``run.json`` and ``log.txt``, and ``samples.jsonl`` if asked.

    Args:
        config: options.
        report: told of progress.

    Raises:
        HaloError: neither text nor tasks, no such folder or text, another model than the one quantized, less memory
            than it takes, PyTorch missing, static scales without a calibration text, or a folder that cannot be
            written.
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
    _require_memory(config, subject)
    if config.run_folder is None:
        return _evaluate(config, subject, report)
    texts = [path for path in (config.text, config.calibration) if path is not None]
    tasks: list[Path] = []
    if config.tasks is not None and config.tasks.is_dir():
        tasks = sorted(path for path in config.tasks.rglob("*") if path.is_file())
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
        if config.log_samples:
            rows = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in found.samples)
            (written / SAMPLES).write_text("".join(rows), encoding="utf-8")
        kept.results.update(values)
        if any(figure.stderr is not None for _, figure in found.tasks):
            kept.assume(
                "Standard errors are those of lm-evaluation-harness over the samples of a task: of a mean in closed "
                f"form, of other metrics from {BOOTSTRAP:,} bootstrap samples"
            )
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
    samples: tuple[Mapping[str, Any], ...] = ()
    if config.tasks is not None:
        options = TaskOptions(config.task, config.few_shot, config.limit, config.log_samples)
        # The quantized model first: what it refuses is not waited for.
        own = run_tasks(fake, config.tasks, options, stage="tasks, quantized", report=report)
        plain = None if same else known.tasks(config.tasks, options, report)
        tasks = tuple(zip([None] * len(own.figures) if plain is None else plain.figures, own.figures, strict=True))
        if config.log_samples:
            samples = tuple(sample_rows({"quantized": own} if plain is None else {"float": plain, "quantized": own}))
    method, bits, counts = _summary(config, subject, {name: x for name, x in layers.items() if name != head})
    others = f"head and {len(outside)} other layers" if outside else "head"
    if record is None and not layers:
        others, rest = "head and layers", "as the model has them"
    return EvaluateResult(
        *(method, bits, counts, f"{others}: {rest}", accuracy, tasks), config.dtype, known.reused, samples
    )


def _require_memory(config: EvaluateConfig, subject: _Subject) -> None:
    """Refuse a model and a window that do not fit into what is free; shapes that are not read are not estimated."""
    try:
        shapes = read_config(subject.model)
    except HaloError:  # of a GGUF file, or of a config that transformers reads and the score does not
        return
    whole = (config.rest or ("float" if subject.record is None else "int8")) == "int8"
    kept = set() if subject.record is None else set(list_layers(config.run))
    layers = open_model(subject.model).layers
    need = evaluation_memory(
        shapes,
        0 if config.text is None else min(config.text_options.length or 2048, shapes.context),
        quantized=sum(math.prod(layer.shape) for layer in layers if whole or layer.name in kept),
        head=whole,
        compare=config.compare,
        dtype=config.dtype,
    )
    require_memory(need, free_memory())


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
