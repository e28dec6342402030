# SPDX-License-Identifier: Apache-2.0
"""A model as this package sees it: the linear layers of its transformer blocks, one at a time.

Tests: tests/quant/test_checkpoint_quantized.py.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.layer import QuantizedLayer
from halo.quant.rows import over_rows
from halo.workload.architectures import Role

Float32 = npt.NDArray[np.float32]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class LayerInfo:
    """A linear layer.

    Attributes:
        name: path of its module in the model, as transformers has it.
        shape: (output channels, input channels), whatever the order in the file.
        block: number of its transformer block; None for a matrix outside of a model.
        role: its part in the block; None for a matrix outside of a model.
    """

    name: str
    shape: tuple[int, int]
    block: int | None
    role: Role | None


@dataclass(frozen=True, eq=False)
class Model(ABC):
    """Layers in the order of computation; weights are read from the disk when asked for, and not kept.

    Attributes:
        path: folder or file it was opened from.
        family: llama, mistral, qwen2, phi3, opt, gpt2, or ``matrices`` for weights without a model.
        config: what ``config.json`` (in a GGUF file: the metadata) says.
        layers: linear layers of the transformer blocks, without embeddings and output head.
    """

    path: Path
    family: str
    config: Mapping[str, Any]
    layers: tuple[LayerInfo, ...]

    def layer(self, name: str) -> LayerInfo:
        """The layer of that name.

        Raises:
            HaloError: there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        near = difflib.get_close_matches(name, [layer.name for layer in self.layers], n=1)
        hint = f"Did you mean {near[0]}?" if near else f"The first of its layers is {self.layers[0].name}."
        raise HaloError(f"the model has no linear layer {name!r}", hint, self.path)

    def weight(self, name: str) -> Float32:
        """Weights of a layer as a new float32[out, in]; dequantized where the checkpoint is quantized.

        Raises:
            HaloError: no such layer, a damaged file, or weights that are NaN or infinite.
        """
        codes = self.quantized(name)
        weight = codes.dequantize() if codes is not None else self._plain(self.layer(name))
        require_finite(weight, name, self.path)
        return weight

    @abstractmethod
    def quantized(self, name: str) -> QuantizedLayer | None:
        """The layer as the checkpoint has it quantized, or None where it is stored in floating point.

        Raises:
            HaloError: no such layer, a damaged file, or a format that is not read.
        """

    @abstractmethod
    def stored_bits(self, name: str) -> float:
        """Bits a weight of a layer as the file holds it, scales and zeros counted.

        Raises:
            HaloError: no such layer.
        """

    @abstractmethod
    def module_config(self) -> dict[str, Any]:
        """``config.json`` of the model in floating point.

        Raises:
            HaloError: it is no whole model, or its file does not tell enough.
        """

    @abstractmethod
    def state(self) -> Iterator[tuple[str, Float32]]:
        """Every tensor of the model in floating point, one at a time, by its name and in its shape in transformers.

        Raises:
            HaloError: it is no whole model, or a file is damaged.
        """

    @abstractmethod
    def _plain(self, layer: LayerInfo) -> Float32:
        """Weights of a layer that is stored in floating point, float32[out, in]."""


def require_finite(weight: Float32, name: str, path: Path) -> None:
    """Check that every weight is a number.

    Raises:
        HaloError: one is NaN or infinite; it says where.
    """

    def band(first: int, stop: int) -> None:
        fine = np.isfinite(weight[first:stop])
        if not fine.all():
            row, column = (int(x) for x in np.argwhere(~fine)[0])
            value = weight[first + row, column]
            raise HaloError(
                f"layer {name!r} holds {value} at row {first + row}, column {column}",
                "Repair the checkpoint: every weight must be a finite number.",
                path,
            )

    over_rows(band, len(weight), max(1, _CHUNK // max(1, weight.shape[1])), None)
