# SPDX-License-Identifier: Apache-2.0
"""``halo evaluate``: what the layers of a quantized folder do to the model's predictions on a text.

Tests: tests/flow/test_quantize.py.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from halo.errors import HaloError
from halo.flow.quantization.texts import TextOptions
from halo.flow.quantize import model_files
from halo.flow.runs.provenance import Recorder, RunRecord, input_file, read_record
from halo.flow.runs.runfolder import RECORD, new_run
from halo.keywords import checked
from halo.progress import Progress
from halo.quant.accuracy import Accuracy, measure
from halo.quant.checkpoint import open_model
from halo.quant.fake import Activations, FakeQuantized, calibrate_activations
from halo.quant.harness import TaskFigure, run_tasks
from halo.quant.kv_cache import KvCache
from halo.quant.layer import HALF, require_scale_bits
from halo.quant.rest import rest_layer
from halo.quant.store import INDEX, list_layers, load_layer
from halo.quant.text import read_text
from halo.quant.torch_model import load_model
from halo.schema import stamped

RESULTS = "results.json"
TABLE = "results.csv"
SCHEMA = 1
"""Of ``results.json``."""


@checked
@dataclass(frozen=True)
class EvaluateConfig:
    """Options of ``halo evaluate``.

    Attributes:
        run: folder of ``halo quantize``.
        text: file to score; None: none.
        text_options: how it becomes windows.
        activations: ``int8``: one scale per token; ``int8-static``: one per layer, from the calibration; None: float.
        calibration: text for static scales.
        kv: bits of the cache; None: float.
        rest: the head and layers that are not in the folder: ``int8``, as ``halo score`` takes them, or ``float``, as
            papers do.
        scale_bits: of a stored scale: 32, or 16, to which scales are rounded then.
        model: folder of the model; None: where it was when it was quantized.
        tasks: folder of lm-evaluation-harness tasks, if any.
        limit: first so many samples of each task; None: all.
        run_folder: folder to write, if any.
        force: replace a finished run.

    Raises:
        HaloError: a limit below one, or one without tasks; scales of other widths.
    """

    run: Path
    text: Path | None = None
    text_options: TextOptions = field(default_factory=TextOptions)
    activations: Literal["int8", "int8-static"] | None = None
    calibration: Path | None = None
    kv: Literal["int8", "int4"] | None = None
    rest: Literal["int8", "float"] = "int8"
    scale_bits: int = 32
    model: Path | None = None
    tasks: Path | None = None
    limit: int | None = None
    run_folder: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        require_scale_bits(self.scale_bits)
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
    """Figures of a quantized folder.

    Attributes:
        method: that quantized it.
        bits_per_weight: of the layers of the blocks that are quantized, scales and sparse part counted.
        layers: number in the folder, and of the model.
        rest: what the head and the other layers are, in words.
        accuracy: on the text, if one was given.
        tasks: of the harness, each figure of the float model with that of the quantized one.
        run_folder: what was written, if anything.
    """

    method: str
    bits_per_weight: float
    layers: tuple[int, int]
    rest: str
    accuracy: Accuracy | None
    tasks: tuple[tuple[TaskFigure, TaskFigure], ...] = ()
    run_folder: Path | None = None

    def to_pandas(self) -> pd.DataFrame:
        """A row for each figure, as in ``results.csv``; ``task`` is ``text`` for those of the text."""
        return pd.DataFrame(self._rows(), columns=["task", "metric", "float32", "quantized", "samples", "shots"])

    def to_dict(self) -> dict[str, Any]:
        """All figures as JSON values."""
        values = dataclasses.asdict(self)
        del values["run_folder"]
        values["layers"] = {"quantized": self.layers[0], "model": self.layers[1]}
        values["tasks"] = [{"float32": plain, "quantized": own} for plain, own in values["tasks"]]
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
            yield own.task, own.metric, plain.value, own.value, own.samples, own.shots


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
    record = read_record(config.run)
    if record.command != "quantize":
        raise HaloError(f"this is a run of halo {record.command}", "Give one of halo quantize.", config.run)
    for path in (config.text, config.calibration):
        if path is not None:
            read_text(path)
    folder = config.model or Path(record.config["model"])
    _same_model(folder, record)
    if config.run_folder is None:
        return _evaluate(config, folder, record, report)
    texts = [path for path in (config.text, config.calibration) if path is not None]
    tasks: list[Path] = []
    if config.tasks is not None and config.tasks.is_dir():
        tasks = sorted(path for path in config.tasks.iterdir() if path.is_file())
    inputs = [config.run / RECORD, config.run / INDEX, *model_files(open_model(folder)), *texts, *tasks]
    with (
        new_run(config.run_folder, config.force) as written,
        Recorder(written, "evaluate", config.to_dict(), inputs, report) as kept,
    ):
        found = _evaluate(config, folder, record, kept.report)
        values = found.to_dict()
        text = json.dumps(stamped(SCHEMA, values), indent=1, ensure_ascii=False)
        (written / RESULTS).write_text(text + "\n", encoding="utf-8")
        found.to_pandas().to_csv(written / TABLE, index=False, lineterminator="\n")
        kept.results.update(values)
        if found.accuracy is not None:
            kept.assume(f"Text: {found.accuracy.convention}")
    return dataclasses.replace(found, run_folder=config.run_folder)


def _evaluate(config: EvaluateConfig, folder: Path, record: RunRecord, report: Progress) -> EvaluateResult:
    """The figures of the model in a folder."""
    model = load_model(folder)
    layers = {name: load_layer(config.run, name) for name in list_layers(config.run)}
    head, _ = model.head
    outside = [name for name in model.linears if name not in layers]
    rest = "in floating point, which no int8 array computes"
    if config.rest == "int8":
        rest = "int8, a scale for each output channel"
        layers |= {name: rest_layer(model.weight(name), name) for name in (*outside, head)}
    if config.scale_bits == HALF:
        layers = {name: layer.with_half_scales() for name, layer in layers.items()}
    largest = None
    if config.calibration is not None:
        largest = calibrate_activations(model, config.text_options.read(config.calibration, model).tokens, layers)
    activations = None if config.activations is None else Activations(8, largest)
    cache = None if config.kv is None else KvCache(int(config.kv.removeprefix("int")))
    fake = FakeQuantized(model, layers, activations, cache)
    accuracy = None
    if config.text is not None:
        accuracy = measure(fake, config.text_options.read(config.text, model), report=report)
    tasks: tuple[tuple[TaskFigure, TaskFigure], ...] = ()
    if config.tasks is not None:
        both = []
        for number, one in enumerate((FakeQuantized(model, {}), fake)):
            report("tasks, float and quantized", number, 2)
            both.append(run_tasks(one, config.tasks, limit=config.limit))
        report("tasks, float and quantized", 2, 2)
        tasks = tuple(zip(*both, strict=True))
    found = {name: layer for name, layer in layers.items() if name != head}
    weights = sum(layer.codes.size for layer in found.values())
    bits = sum(layer.true_bits(config.scale_bits) * layer.codes.size for layer in found.values()) / weights
    counts = (record.results["layers"], record.results["model_layers"])
    method = record.config["options"]["method"]
    others = f"head and {len(outside)} other layers" if outside else "head"
    return EvaluateResult(method, bits, counts, f"{others}: {rest}", accuracy, tasks)


def _same_model(folder: Path, record: RunRecord) -> None:
    """Check that the weights are those the run read."""
    before = {Path(file.path).name: file.sha256 for file in record.inputs}
    for path in model_files(open_model(folder)):
        if path.suffix == ".safetensors" and input_file(path).sha256 != before.get(path.name):
            raise HaloError("this is not the model that was quantized", "Give that one: --model FOLDER.", path)
