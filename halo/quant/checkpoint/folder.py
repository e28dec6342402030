# SPDX-License-Identifier: Apache-2.0
"""Hugging Face folders: ``config.json`` with ``model.safetensors``, whole or in shards.

Tests: tests/quant/test_checkpoint.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halo.errors import HaloError
from halo.quant.checkpoint.awq import Awq
from halo.quant.checkpoint.compressed import CompressedTensors
from halo.quant.checkpoint.formats import StoredFormat, Tensors, unread
from halo.quant.checkpoint.gptq import Gptq
from halo.quant.checkpoint.model import Float32, LayerInfo, Model, require_finite
from halo.quant.checkpoint.safetensor_file import Tensor, read_tensors
from halo.quant.layer import QuantizedLayer
from halo.workload.architectures import CONFIG, FAMILIES, Family, family_of, read_json, summary

INDEX = "model.safetensors.index.json"
WHOLE = "model.safetensors"

_QUANTIZED = ("quantization_config", "compression_config")  # the second in early compressed-tensors files
_BESIDE = ("bias", "g_idx", "weight_g_idx", "weight_shape")  # no part of what a weight takes
_OF_RUNTIMES = ("_scale", "_zero_point", "g_idx")  # of activations and caches, in modules that are not quantized
_MASKS = ("BOOL", "U8")  # of attention, which old GPT-2 checkpoints hold

_AGAIN = "Fetch the checkpoint again."


@dataclass(frozen=True, eq=False)
class FolderModel(Model):
    """A ``Model`` in a Hugging Face folder.

    Attributes:
        tensors: every tensor of the checkpoint, by its name there.
        modules: the tensors of each module, by the module's name in the model and the last part of theirs.
        format: how layers are quantized; None: they are not.
    """

    tensors: Mapping[str, Tensor]
    modules: Mapping[str, Tensors]
    format: StoredFormat | None

    @property
    def architecture(self) -> Family:
        """Where the family keeps its layers and norms."""
        return FAMILIES[self.family].of_config(self.config)

    def quantized(self, name: str) -> QuantizedLayer | None:
        """See ``Model``."""
        tensors = self.modules[self.layer(name).name]
        if self.format is None or self.format.shape(name, tensors) is None:
            return None
        return self.format.layer(name, tensors)

    def stored_bits(self, name: str) -> float:
        """See ``Model``."""
        rows, columns = self.layer(name).shape
        tensors = self.modules[name]
        return 8 * sum(t.size for last, t in tensors.items() if last not in _BESIDE) / (rows * columns)

    def module_config(self) -> dict[str, Any]:
        """See ``Model``."""
        return {key: value for key, value in self.config.items() if key not in _QUANTIZED}

    def state(self) -> Iterator[tuple[str, Float32]]:
        """See ``Model``: names are those of the checkpoint, which may lack the model's root."""
        linears = {layer.name for layer in self.layers}
        for module, tensors in self.modules.items():
            coded = self.format is not None and self.format.shape(module, tensors) is not None
            if coded and self.format is not None:
                weight = self.format.layer(module, tensors).dequantize()
                require_finite(weight, module, self.path)
                own = next(iter(tensors.values())).name.rpartition(".")[0]
                turned = self.architecture.transposed and module in linears
                yield f"{own}.weight", np.ascontiguousarray(weight.T) if turned else weight
            for last, tensor in tensors.items():
                if tensor.dtype not in _MASKS and (last == "bias" or not (coded or last.endswith(_OF_RUNTIMES))):
                    yield tensor.name, tensor.float32()

    def _plain(self, layer: LayerInfo) -> Float32:
        weight = self.modules[layer.name]["weight"].float32()
        return np.ascontiguousarray(weight.T) if self.architecture.transposed else weight


def open_folder(folder: Path) -> FolderModel:
    """Open a folder; only headers are read.

    Raises:
        HaloError: no config, missing or damaged shards, an unknown architecture or quantization format, or layers that
            the architecture should have and the checkpoint lacks, or the other way round.
    """
    config = read_json(folder / CONFIG, "This is no model folder; it needs a config.json and safetensors files.")
    tensors = _read_shards(folder)
    matrices = {name: tensor.shape for name, tensor in tensors.items() if len(tensor.shape) == 2}
    model_type = str(config.get("model_type"))
    family = family_of(model_type, matrices, folder / CONFIG)
    quantization = next((config[key] for key in _QUANTIZED if config.get(key)), None)
    form = None if quantization is None else format_of(quantization, folder / CONFIG)
    modules = _modules(tensors, family)
    layers = _layers(config, family, modules, form, folder)
    _refuse_unknown(family, modules, {layer.name for layer in layers}, folder)
    return FolderModel(folder, model_type, config, layers, tensors, modules, form)


def format_of(config: Mapping[str, Any], path: Path) -> StoredFormat:
    """The format that a ``quantization_config`` names.

    Raises:
        HaloError: one that is not read, by name.
    """
    match config.get("quant_method"):
        case "compressed-tensors":
            return CompressedTensors.of(config, path)
        case "gptq":
            return Gptq.of(config, path)
        case "awq":
            return Awq.of(config, path)
        case method:
            raise unread(repr(method), path)


def _read_shards(folder: Path) -> dict[str, Tensor]:
    index = folder / INDEX
    if not index.is_file():
        if not (folder / WHOLE).is_file():
            raise HaloError(
                f"the folder holds neither {WHOLE} nor {INDEX}",
                "Give a checkpoint in safetensors; save others again with save_pretrained(safe_serialization=True).",
                folder,
            )
        return read_tensors(folder / WHOLE)
    if (folder / WHOLE).is_file():
        what = f"the folder holds both {WHOLE} and {INDEX}: which of them is the model is not said"
        raise HaloError(what, "Remove the one that is left over.", folder)
    places = read_json(index, _AGAIN).get("weight_map")
    if not isinstance(places, dict):
        raise HaloError("the index has no weight_map", _AGAIN, index)
    files = sorted(set(places.values()))
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise HaloError(f"{len(missing)} of {len(files)} shards are missing: {', '.join(missing)}", _AGAIN, folder)
    found = {file: read_tensors(folder / file) for file in files}
    for name, file in places.items():
        if name not in found[file]:
            raise HaloError(f"{name} is missing, which the index places here", _AGAIN, folder / file)
    return {name: found[file][name] for name, file in places.items()}


def _modules(tensors: Mapping[str, Tensor], family: Family) -> dict[str, dict[str, Tensor]]:
    root, _, rest = family.blocks.partition(".")
    modules: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        module, _, last = name.rpartition(".")
        full = f"{root}.{module}" if module.startswith(rest + ".") else module  # a base model, saved without its root
        modules.setdefault(full, {})[last] = tensor
    return modules


def _layers(
    config: Mapping[str, Any], family: Family, modules: Mapping[str, Tensors], form: StoredFormat | None, folder: Path
) -> tuple[LayerInfo, ...]:
    count = config.get(family.count)
    if not isinstance(count, int) or count < 1:
        raise HaloError(f"{family.count} is {count!r}, no number of blocks", _AGAIN, folder / CONFIG)
    layers = []
    for block in range(count):
        for path, role in family.linears.items():
            name = f"{family.blocks}.{block}.{path}"
            tensors = modules.get(name, {})
            shape = _shape(name, tensors, family, form)
            if shape is None and "weight" not in tensors and tensors.keys() - {"bias"}:
                what = f"{name} is stored as {', '.join(sorted(tensors))}, which quantization_config does not explain"
                raise HaloError(what, "Put the quantizer's settings into config.json as quantization_config.", folder)
            if shape is None:
                what = f"the checkpoint lacks {name}, of {count} blocks that the config promises"
                raise HaloError(what, _AGAIN, folder)
            if 0 in shape:
                raise HaloError(f"layer {name!r} has no weights: {shape[0]} x {shape[1]}", _AGAIN, folder)
            layers.append(LayerInfo(name, shape, block, role))
    return tuple(layers)


def _shape(name: str, tensors: Tensors, family: Family, form: StoredFormat | None) -> tuple[int, int] | None:
    coded = form.shape(name, tensors) if form is not None else None
    if coded is not None or "weight" not in tensors:
        return coded
    first, second = tensors["weight"].shape
    return (second, first) if family.transposed else (first, second)


def _refuse_unknown(family: Family, modules: Mapping[str, Tensors], known: set[str], folder: Path) -> None:
    """A matrix in a block that the architecture does not have must not be left out in silence."""
    unknown = {
        tensor.name: tensor.shape
        for name, tensors in modules.items()
        if name.startswith(family.blocks + ".") and name not in known
        for last, tensor in tensors.items()
        if len(tensor.shape) == 2 and last in ("weight", "qweight", "weight_packed")
    }
    if unknown:
        raise HaloError(
            f"the blocks hold layers that the architecture does not have: {summary(unknown)}",
            "Check model_type and the number of blocks in config.json; adapters must be merged first.",
            folder,
        )
