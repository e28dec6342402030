"""``halo evaluate``: what the layers of a quantized folder do to the model's predictions on a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from halo.errors import HaloError
from halo.flow.provenance import Report, RunRecord, input_file, read_record
from halo.flow.quantize import TextOptions, model_files
from halo.quant.accuracy import Accuracy, evaluate
from halo.quant.checkpoint import open_model
from halo.quant.fake import Activations, FakeQuantized, calibrate_activations
from halo.quant.harness import TaskFigure, run_tasks
from halo.quant.kv_cache import KvCache
from halo.quant.store import list_layers, load_layer
from halo.quant.text import read_text
from halo.quant.torch_model import load_model


@dataclass(frozen=True)
class EvaluateConfig:
    """Options of ``halo evaluate``.

    Attributes:
        run_folder: of ``halo quantize``.
        text: file to score; None: none.
        options: how it becomes windows.
        activations: ``int8``, a scale a token; ``int8-static``, one a layer, from the calibration text; None: float.
        calibration: text for static scales.
        kv: bits of the cache; None: float.
        model: folder of the model; None: where it was when it was quantized.
        tasks: folder of lm-evaluation-harness tasks, if any.
    """

    run_folder: Path
    text: Path | None = None
    options: TextOptions = field(default_factory=TextOptions)
    activations: Literal["int8", "int8-static"] | None = None
    calibration: Path | None = None
    kv: Literal["int8", "int4"] | None = None
    model: Path | None = None
    tasks: Path | None = None


@dataclass(frozen=True)
class Evaluation:
    """Figures of a quantized folder.

    Attributes:
        method: that quantized it.
        bits_per_weight: with scales and sparse part counted.
        layers: number quantized, and of the model.
        accuracy: on the text, if one was given.
        tasks: of the harness.
    """

    method: str
    bits_per_weight: float
    layers: tuple[int, int]
    accuracy: Accuracy | None
    tasks: tuple[TaskFigure, ...] = ()


def evaluate_folder(config: EvaluateConfig, report: Report) -> Evaluation:
    """Score a quantized folder.

    Raises:
        HaloError: neither text nor tasks, no such folder or text, another model than the one quantized, PyTorch
            missing, or static scales without a calibration text.
    """
    if config.text is None and config.tasks is None:
        raise HaloError("there is nothing to score", "Give --text FILE, or --tasks FOLDER.")
    if (config.activations == "int8-static") != (config.calibration is not None):
        what = "static scales of activations and a calibration text go together"
        raise HaloError(what, "Give --activations int8-static with --calibration FILE, or neither.")
    record = read_record(config.run_folder)
    if record.command != "quantize":
        raise HaloError(f"this is a run of halo {record.command}", "Give one of halo quantize.", config.run_folder)
    for path in (config.text, config.calibration):
        if path is not None:
            read_text(path)
    folder = config.model or Path(record.config["model"])
    _same_model(folder, record)
    model = load_model(folder)
    layers = {name: load_layer(config.run_folder, name) for name in list_layers(config.run_folder)}
    largest = None
    if config.calibration is not None:
        largest = calibrate_activations(model, config.options.read(config.calibration, model).tokens, layers)
    activations = None if config.activations is None else Activations(8, largest)
    cache = None if config.kv is None else KvCache(int(config.kv.removeprefix("int")))
    fake = FakeQuantized(model, layers, activations, cache)
    accuracy = None
    if config.text is not None:
        accuracy = evaluate(fake, config.options.read(config.text, model), report=report)
    tasks = () if config.tasks is None else tuple(run_tasks(fake, config.tasks))
    results = record.results
    counts = (results["layers"], results["model_layers"])
    return Evaluation(record.config["options"]["method"], results["mean"]["bits_per_weight"], counts, accuracy, tasks)


def _same_model(folder: Path, record: RunRecord) -> None:
    """Hold that the weights are those the run read."""
    before = {Path(file.path).name: file.sha256 for file in record.inputs}
    for path in model_files(open_model(folder)):
        if path.suffix == ".safetensors" and input_file(path).sha256 != before.get(path.name):
            raise HaloError("this is not the model that was quantized", "Give that one: --model FOLDER.", path)


def describe_evaluation(found: Evaluation) -> str:
    """The figures as a table, with the convention they follow."""
    quantized, of = found.layers
    which = f"{found.method}, {found.bits_per_weight:.3f} bits a weight" + (
        "" if quantized == of else f", {quantized} of {of} layers"
    )
    lines: list[str] = []
    if found.accuracy is not None:
        a = found.accuracy
        rows = [("", "perplexity", "KL divergence (nats)", "same top token")]
        rows.append(("float32", _number(a.reference_perplexity, ".4f"), "", ""))
        rows.append((which, _number(a.perplexity, ".4f"), _number(a.kl_divergence, ".5f"), _number(a.same_top, ".2%")))
        widths = [max(len(row[n]) for row in rows) for n in range(4)]
        for row in rows:
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
            lines.append("  ".join(cells).rstrip())
        lines += ["", f"{a.tokens:,} predictions; {a.quantized}", f"convention: {a.convention}"]
    for figure in found.tasks:
        lines.append(
            f"{figure.task}: {figure.metric} {figure.value:.4f} ({figure.samples:,} samples, {figure.shots} shots)"
        )
    return "\n".join(lines)


def _number(value: float | None, style: str) -> str:
    return "" if value is None else format(value, style)
