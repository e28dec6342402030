# SPDX-License-Identifier: Apache-2.0
"""Export of a quantized folder as a compressed-tensors checkpoint, int8 weights and activations (W8A8, int-quantized).

Codes are int8 already, so they go out as they are, with their scales: one a row as strategy ``channel``, one a run of
columns as ``group``, tiles as ``block``. Activations are quantized by the runtime, per token and symmetric; the scale
is 2/255 of a token's largest value in compressed-tensors, and 1/127 of it in ``halo.quant.fake``. Loaded in float32,
transformers computes with exactly the weights of the quantized layers; loaded in half precision it rounds the scales.
Runtimes with int8 kernels, such as vLLM, take ``channel`` only: quantize with a scale a channel for them.

The sparse part has no place in int8 codes of its tile. The choice is the caller's: ``float`` keeps such layers as
dense float32 weights, exactly those of the quantized layer, without quantized activations. ``round`` puts sparse
weights among the codes of their block, whose scale is doubled until they are in range: codes that are multiples of
that power of two, as those of fast codebooks are, stay exact, others are rounded. What it cost is returned.

An ``input_scale`` is folded into what stands before the layer: the norm, which must be the input of no other layer, or
the linear layer whose output channels are the layer's inputs; its rows' scales (or weights, if it is not quantized)
and its bias are divided.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.checkpoint.folder import INDEX, WHOLE, FolderModel, open_folder
from halo.quant.checkpoint.model import LayerInfo, Model
from halo.quant.checkpoint.safetensor_file import Array, Planned, Tensor, write_tensors
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.store import list_layers, load_layer
from halo.workload.architectures import CONFIG

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``."""

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx")
_TOKEN = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}


@dataclass(frozen=True)
class ExportedLayer:
    """What became of a layer.

    Attributes:
        name: of the layer.
        kept_as: ``codes`` unchanged, codes ``rounded`` to hold the sparse part, or ``float``.
        strategy: of its scales: channel, group or block; None for ``float``.
        error: root of sum (w - w')^2 / sum w^2, w of the quantized layer, w' as exported; 0 unless rounded.
    """

    name: str
    kept_as: Literal["codes", "rounded", "float"]
    strategy: str | None
    error: float


def export_w8a8(
    model: Path,
    quantized: Path,
    target: Path,
    *,
    sparse: Literal["float", "round"] | None = None,
    progress: Progress | None = None,
) -> tuple[ExportedLayer, ...]:
    """Write a checkpoint that transformers and other readers of compressed-tensors load.

    Layers that the quantized folder lacks, embeddings, norms and the output head are copied byte for byte, and so are
    the tokenizer and the other files. ``config.json`` is written last: without it the folder is no model.

    Args:
        model: the Hugging Face folder that was quantized, in floating point.
        quantized: folder of ``halo.quant.store``.
        target: a folder that is empty or not there yet.
        sparse: what to do with layers that have a sparse part; None: refuse them.
        progress: told of every layer, twice: when it is checked and when it is written.

    Returns:
        What became of each quantized layer.

    Raises:
        HaloError: the target is not empty; the folder's layers are not the model's; a sparse part without a choice;
            input scales with nothing to fold into; zeros beyond int8; GPT-2, whose layers are no ``Linear``.
    """
    if target.exists() and any(target.iterdir()):
        raise HaloError("the folder for the export is not empty", "Choose another.", target)
    source = require_exportable(open_folder(model))
    names = list_layers(quantized)
    if not names:
        raise HaloError(
            "the folder holds no quantized layers", "Give the folder of a finished quantization.", quantized
        )
    plan = _Plan(source, quantized, sparse)
    for done, name in enumerate(names, 1):
        plan.add(name)
        if progress is not None:
            progress("checking layers", done, len(names))
    planned = plan.tensors(progress)
    target.mkdir(parents=True, exist_ok=True)
    write_tensors(target / WHOLE, planned)
    for file in sorted(model.iterdir()):
        if file.is_file() and file.name not in (CONFIG, INDEX) and file.suffix not in _WEIGHTS:
            shutil.copyfile(file, target / file.name)
    config = dict(source.config)
    if plan.groups:
        config["quantization_config"] = plan.quantization_config()
    (target / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return tuple(plan.exported)


def require_exportable(model: Model) -> FolderModel:
    """Check that a model's quantized layers can be exported, before they are made.

    Raises:
        HaloError: no Hugging Face folder in floating point, or a family whose layers are no ``Linear``.
    """
    if not isinstance(model, FolderModel):
        raise HaloError("only a model in a Hugging Face folder can be exported", "Leave the export out.", model.path)
    if model.format is not None:
        what = "the model is quantized already"
        raise HaloError(what, "Give the floating-point model that was quantized.", model.path)
    if model.architecture.transposed:
        what = f"the family {model.family} computes with Conv1D modules, which compressed-tensors does not quantize"
        raise HaloError(what, "Export a model of another family.", model.path)
    return model


def require_foldable(model: FolderModel, chosen: Iterable[LayerInfo], where: Literal["norms", "any"]) -> None:
    """Check that input scales of layers can be exported, before the layers are made.

    Args:
        model: they are of.
        chosen: layers that get input scales.
        where: those behind ``norms``, or with ``any`` module before them that takes the inverse.

    Raises:
        HaloError: a norm is read by layers that are left out as well, or a scale would go into an activation.
    """
    family = model.architecture
    chosen = tuple(chosen)
    names = {info.name for info in chosen}
    for info in chosen:
        assert info.role is not None
        norm = family.norm_of(info.role)
        if where == "any" and norm is None and _source(model, info) == family.activation is not None:
            what = f"the input scale of layer {info.name!r} would go into {family.activation}, which is no linear layer"
            raise HaloError(what, "Leave out --export.", model.path)
        beside = (o for o in model.layers if o.block == info.block and o.role and family.norm_of(o.role) == norm)
        missing = next((o.name for o in beside if norm is not None and o.name not in names), None)
        if missing is not None:
            what = f"layers {info.name!r} and {missing!r} read the same norm, and only the first is quantized"
            raise HaloError(what, "Choose all layers behind a norm, or leave out --export.", model.path)


def source_layer(model: FolderModel, info: LayerInfo) -> str | None:
    """The linear layer whose rows can take the inverse of a layer's input scale, by name; None: there is none."""
    path = _source(model, info)
    return None if path is None or path not in model.architecture.linears else _beside(model, info, path)


def _source(model: FolderModel, info: LayerInfo) -> str | None:
    """The same inside the block; it may be an activation."""
    assert info.role is not None
    family = model.architecture
    return family.source_of(info.role, info.shape[1], lambda path: model.layer(_beside(model, info, path)).shape[0])


def _beside(model: FolderModel, info: LayerInfo, path: str) -> str:
    return f"{model.architecture.blocks}.{info.block}.{path}"


class _Plan:
    """Decides layer by layer, keeping nothing large; the layers are read again when they are written."""

    def __init__(self, model: FolderModel, quantized: Path, sparse: Literal["float", "round"] | None) -> None:
        self.model = model
        self.quantized = quantized
        self.sparse = sparse
        self.exported: list[ExportedLayer] = []
        self.groups: dict[str, list[str]] = {}  # weight arguments as JSON -> layers
        self._parts: dict[str, list[tuple[str, Array]]] = {}  # layer -> suffix and an empty stand-in of every tensor
        self._input_scales: dict[str, Float32] = {}
        self._row_scales: dict[str, Float32] = {}  # source -> what its rows are divided by
        self._made = lru_cache(maxsize=1)(self._make)  # the tensors of a layer are written one after the other

    def add(self, name: str) -> None:
        """Decide on a layer."""
        layer = self._load(name)
        if layer.shape != self.model.layer(name).shape:
            raise HaloError(f"layer {name!r} has another shape in the model", "Give the model that was quantized.")
        if layer.input_scale is not None:
            self._input_scales[name] = layer.input_scale
        if layer.sparse is not None and self.sparse is None:
            raise HaloError(
                f"layer {name!r} has a sparse part, which int8 codes with its tiles' scales cannot hold",
                "Choose sparse='round' (into the codes, a little off) or sparse='float' (exact, the layer not int8).",
            )
        made = self._settle(layer)
        self._parts[name] = [(s, np.broadcast_to(part.dtype.type(0), part.shape)) for s, part in _tensors(made)]
        if not isinstance(made, QuantizedLayer):
            self.exported.append(ExportedLayer(name, "float", None, 0.0))
            return
        arguments, _, _ = _arguments(made)
        self.groups.setdefault(json.dumps(arguments), []).append(name)
        kept: Literal["codes", "rounded"] = "codes" if made is layer else "rounded"
        error = 0.0 if made is layer else _relative_error(layer.dequantize(), made.dequantize())
        self.exported.append(ExportedLayer(name, kept, arguments["strategy"], error))

    def tensors(self, progress: Progress | None) -> list[Planned]:
        """Every tensor of the export."""
        done = 0

        def write(name: str, part: int) -> Array:
            nonlocal done
            if part == 0 and progress is not None:
                done += 1
                progress("writing layers", done, len(self._parts))
            return self._made(name)[part][1]

        folded = dict(self._folded())
        planned = {
            weight.name + suffix: Planned.like(weight.name + suffix, like.dtype, like.shape, partial(write, name, i))
            for name, parts in self._parts.items()
            for weight in (self.model.modules[name]["weight"],)
            for i, (suffix, like) in enumerate(parts)
        }
        planned |= {name: Planned.of(name, values) for name, values in folded.items()}
        copied = [Planned.copy(tensor) for name, tensor in self.model.tensors.items() if name not in planned]
        return copied + list(planned.values())

    def quantization_config(self) -> dict[str, Any]:
        """For ``config.json``; every linear layer stands in a group or in ``ignore``, as vLLM wants it."""
        quantized = {name for names in self.groups.values() for name in names}
        return {
            "quant_method": "compressed-tensors",
            "format": "int-quantized",
            "quantization_status": "compressed",
            "ignore": [layer.name for layer in self.model.layers if layer.name not in quantized] + ["lm_head"],
            "config_groups": {
                f"group_{i}": {"targets": names, "weights": json.loads(arguments), "input_activations": _TOKEN}
                for i, (arguments, names) in enumerate(self.groups.items())
            },
        }

    def _settle(self, layer: QuantizedLayer) -> QuantizedLayer | Float32:
        """The layer without a sparse part, or its weights in floating point."""
        if layer.sparse is not None and self.sparse == "float":  # a folded norm leaves the input scale in the weights
            return replace(layer, input_scale=None).dequantize()
        return merge_sparse(layer)

    def _make(self, name: str) -> list[tuple[str, Array]]:
        made = self._settle(self._load(name))
        divisor = self._row_scales.get(name)
        if divisor is None:
            return _tensors(made)
        if not isinstance(made, QuantizedLayer):
            return _tensors(made / divisor[:, None])
        return _tensors(replace(made, scale=made.scale / divisor[:, None]))

    def _load(self, name: str) -> QuantizedLayer:
        layer = load_layer(self.quantized, name)
        return layer if layer.sparse is None or len(layer.sparse.codes) else replace(layer, sparse=None)

    def _folded(self) -> Iterator[tuple[str, Float32]]:
        """What stands before layers with input scales, divided by them, by name: norms, biases, plain weights.

        Quantized layers among them are noted in ``_row_scales``.
        """
        for name, scale in self._input_scales.items():
            info = self.model.layer(name)
            assert info.role is not None
            norm = self.model.architecture.norm_of(info.role)
            if norm is not None:
                self._require_alike(info, norm, scale)
                module = f"{self.model.architecture.blocks}.{info.block}.{norm}"
                yield from ((tensor.name, tensor.float32() / scale) for tensor in self._tensors_of(module).values())
                continue
            source = source_layer(self.model, info)
            if source is None:
                what = f"layer {name!r} has an input scale, and nothing in front of it to fold it into"
                raise HaloError(what, "Quantize this layer without input scales.")
            rows = self.model.layer(source).shape[0]
            divisor = np.concatenate([np.ones(rows - len(scale), np.float32), scale])
            tensors = self._tensors_of(source)
            if source in self._parts:
                self._row_scales[source] = self._checked_rows(source, divisor)
            else:
                yield tensors["weight"].name, tensors["weight"].float32() / divisor[:, None]
            if "bias" in tensors:
                yield tensors["bias"].name, tensors["bias"].float32() / divisor

    def _require_alike(self, info: LayerInfo, norm: str, scale: Float32) -> None:
        """All layers that read a norm have one scale."""
        family = self.model.architecture
        for reader in self.model.layers:
            if reader.block != info.block or reader.role is None or family.norm_of(reader.role) != norm:
                continue
            other = self._input_scales.get(reader.name)
            if other is None or not np.array_equal(other, scale):
                what = f"layers {info.name!r} and {reader.name!r} read the same norm with different input scales"
                raise HaloError(what, "Quantize all layers behind a norm with one input scale.")

    def _checked_rows(self, source: str, divisor: Float32) -> Float32:
        """The divisor of a quantized layer's rows, whose scales must be its own."""
        layer = self._load(source)
        if layer.scale_block[0] != 1 and self._kept_as(source) != "float":
            what = f"layer {source!r} has scales over several output channels, into which no input scale folds"
            raise HaloError(what, "Quantize it with scales of its own for every output channel.")
        return divisor

    def _kept_as(self, name: str) -> str:
        return next(layer.kept_as for layer in self.exported if layer.name == name)

    def _tensors_of(self, module: str) -> Mapping[str, Tensor]:
        tensors: Mapping[str, Tensor] = self.model.modules.get(module, {})
        if "weight" not in tensors:
            raise HaloError(f"the checkpoint lacks {module}", "Fetch the checkpoint again.", self.model.path)
        return tensors


def merge_sparse(layer: QuantizedLayer) -> QuantizedLayer:
    """The layer with its sparse weights among the dense codes, as close as int8 comes.

    The scale of a block is doubled until its largest sparse weight is at most 127 steps; codes are halved as often and
    round to even where they are odd. A block without dense weights takes the scale that its sparse ones need.

    Raises:
        HaloError: the layer has zeros.
    """
    if layer.sparse is None:
        return layer
    if layer.zero is not None:
        what = f"layer {layer.name!r} has zeros and a sparse part, which do not go into int8 codes together"
        raise HaloError(what, "Choose sparse='float'.")
    rows, columns, values = layer.sparse.rows, layer.sparse.columns, layer.sparse.values
    high, wide = layer.scale_block
    place = (rows // high, columns // wide)
    largest = np.zeros(layer.scale.shape, dtype=np.float32)
    np.maximum.at(largest, place, np.abs(values))
    empty = ~np.logical_or.reduceat(
        np.logical_or.reduceat(layer.codes != 0, np.arange(0, layer.shape[0], high), axis=0),
        np.arange(0, layer.shape[1], wide),
        axis=1,
    )
    needed = largest / np.float32(127)
    start = np.where((empty & (needed > 0)) | (layer.scale == 0), needed, layer.scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(needed > np.abs(start), np.ceil(np.log2(needed / np.abs(start))), 0).astype(np.int64)
    scale = np.ldexp(start, steps).astype(np.float32)
    codes = np.empty_like(layer.codes)
    for block, step in enumerate(steps):
        band = slice(block * high, (block + 1) * high)
        halved = np.where(layer.scale[block] == 0, 0, np.ldexp(np.float32(1), -step))
        factor = np.repeat(halved, wide)[: layer.shape[1]]
        codes[band] = np.rint(layer.codes[band] * factor)
    divisor = scale[place]
    ratio = np.divide(values, divisor, out=np.zeros_like(values), where=divisor != 0)
    codes[rows, columns] = np.clip(np.rint(ratio), -128, 127)
    return replace(layer, codes=codes, scale=scale, sparse=None, tile=None, tile_class=None, codebooks=(), bits=8)


def _tensors(made: QuantizedLayer | Float32) -> list[tuple[str, Array]]:
    """The tensors of a layer: what follows the weight's name, and values."""
    if not isinstance(made, QuantizedLayer):
        return [("", made)]
    _, scale, zero = _arguments(made)
    tensors: list[tuple[str, Array]] = [("", made.codes), ("_scale", scale)]
    return tensors if zero is None else [*tensors, ("_zero_point", zero)]


def _arguments(layer: QuantizedLayer) -> tuple[dict[str, Any], Float32, npt.NDArray[np.int8] | None]:
    """How compressed-tensors calls the layer's scales, and scales and zeros in the shape that it gives them."""
    rows, columns = layer.shape
    high, wide = layer.scale_block
    scale, zero = layer.scale, layer.zero
    arguments: dict[str, Any] = {"num_bits": 8, "type": "int", "symmetric": zero is None}
    if zero is not None and (zero.min() < -128 or zero.max() > 127):
        raise HaloError(f"layer {layer.name!r} has zeros beyond int8", "Quantize it symmetrically.")
    if wide >= columns:
        arguments |= {"strategy": "channel"}
        scale = np.repeat(scale, high, axis=0)[:rows]
        zero = None if zero is None else np.repeat(zero, high, axis=0)[:rows]
    elif high == 1 and columns % wide == 0:
        arguments |= {"strategy": "group", "group_size": wide}
    else:
        arguments |= {"strategy": "block", "block_structure": [high, wide]}
    return arguments, scale, None if zero is None else zero.astype(np.int8)


def _relative_error(weight: Float32, made: Float32) -> float:
    total = sum(float(np.square(row, dtype=np.float64).sum()) for row in weight)
    wrong = sum(float(np.square(a - b, dtype=np.float64).sum()) for a, b in zip(weight, made, strict=True))
    return 0.0 if total == 0 else float(np.sqrt(wrong / total))
