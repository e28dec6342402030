# SPDX-License-Identifier: Apache-2.0
"""Single layers from ``.npy``, ``.npz`` or ``.safetensors``: every matrix in the file is a layer [out, in].

Tests: tests/quant/test_checkpoint_quantized.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halo.errors import HaloError
from halo.quant.checkpoint.model import Float32, LayerInfo, Model
from halo.quant.checkpoint.safetensor_file import Array, read_tensors
from halo.quant.layer import QuantizedLayer

_FIX = "Give a matrix of float32 or float16 weights, output channels first."


@dataclass(frozen=True, eq=False)
class Matrices(Model):
    """A ``Model`` of matrices without a model around them.

    Attributes:
        read: layer name to a function that reads it as a new float32[out, in].
    """

    read: dict[str, Callable[[], Float32]]

    def quantized(self, name: str) -> QuantizedLayer | None:
        """None: matrices are taken as weights."""
        self.layer(name)
        return None

    def stored_bits(self, name: str) -> float:
        """See ``Model``: as the matrix is computed with."""
        self.layer(name)
        return 32

    def module_config(self) -> dict[str, Any]:
        """See ``Model``.

        Raises:
            HaloError: always.
        """
        raise HaloError("matrices without a model do not run", "Give a Hugging Face folder or a .gguf file.", self.path)

    def state(self) -> Iterator[tuple[str, Float32]]:
        """See ``Model``; as ``module_config``."""
        self.module_config()
        yield from ()

    def _plain(self, layer: LayerInfo) -> Float32:
        return self.read[layer.name]()


def open_matrices(path: Path) -> Matrices:
    """Open a file of matrices.

    Raises:
        HaloError: a damaged file, no matrix in it, or a type that float32 does not hold exactly.
    """
    shapes, read = _from_safetensors(path) if path.suffix == ".safetensors" else _from_numpy(path)
    if not shapes:
        raise HaloError("the file holds no matrix", _FIX, path)
    layers = tuple(LayerInfo(name, shape, None, None) for name, shape in shapes.items())
    return Matrices(path, "matrices", {}, layers, read)


def _from_safetensors(path: Path) -> tuple[dict[str, tuple[int, int]], dict[str, Callable[[], Float32]]]:
    tensors = {name: t for name, t in read_tensors(path).items() if len(t.shape) == 2}
    shapes = {name: (tensor.shape[0], tensor.shape[1]) for name, tensor in tensors.items()}
    return shapes, {name: tensor.float32 for name, tensor in tensors.items()}


def _from_numpy(path: Path) -> tuple[dict[str, tuple[int, int]], dict[str, Callable[[], Float32]]]:
    try:
        if path.suffix == ".npy":
            arrays: dict[str, Array] = {path.stem: np.load(path, mmap_mode="r", allow_pickle=False)}
        else:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError) as error:
        raise HaloError(f"numpy cannot read it: {error}", _FIX, path) from error
    matrices = {name: array for name, array in arrays.items() if array.ndim == 2}
    for name, array in matrices.items():
        if array.dtype not in (np.float32, np.float16):
            raise HaloError(f"{name} holds {array.dtype}", _FIX, path)
    shapes = {name: (array.shape[0], array.shape[1]) for name, array in matrices.items()}
    return shapes, {name: _reader(array) for name, array in matrices.items()}


def _reader(array: Array) -> Callable[[], Float32]:
    return lambda: np.array(array, dtype=np.float32, order="C")
