"""``halo evaluate``: what the layers of a quantized folder do to the model's predictions on a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from halo.errors import HaloError
from halo.flow.quantization.texts import TextOptions
from halo.flow.quantize import model_files
from halo.flow.runs.provenance import RunRecord, input_file, read_record
from halo.progress import Progress
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
        tasks: of the harness, each figure of the float model with that of the quantized one.
    """

    method: str
    bits_per_weight: float
    layers: tuple[int, int]
    accuracy: Accuracy | None
    tasks: tuple[tuple[TaskFigure, TaskFigure], ...] = ()


def evaluate_folder(config: EvaluateConfig, report: Progress) -> Evaluation:
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
    tasks: tuple[tuple[TaskFigure, TaskFigure], ...] = ()
    if config.tasks is not None:
        both = []
        for number, one in enumerate((FakeQuantized(model, {}), fake)):
            report("tasks, float and quantized", number, 2)
            both.append(run_tasks(one, config.tasks))
        report("tasks, float and quantized", 2, 2)
        tasks = tuple(zip(*both, strict=True))
    results = record.results
    counts = (results["layers"], results["model_layers"])
    return Evaluation(record.config["options"]["method"], results["mean"]["bits_per_weight"], counts, accuracy, tasks)


def _same_model(folder: Path, record: RunRecord) -> None:
    """Hold that the weights are those the run read."""
    before = {Path(file.path).name: file.sha256 for file in record.inputs}
    for path in model_files(open_model(folder)):
        if path.suffix == ".safetensors" and input_file(path).sha256 != before.get(path.name):
            raise HaloError("this is not the model that was quantized", "Give that one: --model FOLDER.", path)
