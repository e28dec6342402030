# SPDX-License-Identifier: Apache-2.0
"""What the formats of quantized Hugging Face folders share.

Which integer the MAC sees. Symmetric codes come without a zero: the MAC sees q - z, which for unsigned q is
q - 2^(bits - 1). Asymmetric codes keep their zero, and both are moved to the signed range (q - 2^(bits - 1), as
compressed-tensors stores them): the MAC sees q, and z is handled apart.

Tests: tests/quant/test_checkpoint.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.checkpoint.safetensor_file import Array, Tensor
from halo.quant.layer import QuantizedLayer

Tensors = Mapping[str, Tensor]
"""The tensors of one module, by the last part of their names."""

_AGAIN = "Fetch the checkpoint again."


class StoredFormat(Protocol):
    """A way to store quantized layers."""

    def shape(self, name: str, tensors: Tensors) -> tuple[int, int] | None:
        """(out, in) of a layer, or None where it is stored in floating point."""

    def layer(self, name: str, tensors: Tensors) -> QuantizedLayer:
        """The layer; only asked for where ``shape`` is not None."""


def unread(what: str, path: Path | None = None) -> HaloError:
    """The error for a format that is not read."""
    return HaloError(
        f"the checkpoint is quantized as {what}, which is not read",
        "Read are compressed-tensors (int-quantized, pack-quantized), GPTQ, AWQ (gemm) and the GGUF types that the "
        "gguf package dequantizes.",
        path,
    )


def stored(name: str, tensors: Tensors, wanted: str) -> Array:
    """Values of one tensor of a layer.

    Raises:
        HaloError: the layer has none of that name.
    """
    return _tensor(name, tensors, wanted).array()


def stored_scale(name: str, tensors: Tensors, wanted: str) -> npt.NDArray[np.float32]:
    """The same for scales, exactly as float32 whatever floating type they are stored in."""
    return _tensor(name, tensors, wanted).float32()


def grouped(
    name: str,
    unsigned: npt.NDArray[np.uint8],
    zeros: npt.NDArray[np.uint8],
    scale: npt.NDArray[np.float32],
    bits: int,
    size: int,
    method: str,
) -> QuantizedLayer:
    """A layer from unsigned codes, with a scale and a zero for each row and each group of neighbouring columns.

    Args:
        name: of the layer.
        unsigned: uint8[out, in].
        zeros: uint8[out, groups].
        scale: float32[out, groups].
        bits: of a code.
        size: columns of a group; the last one may be smaller.
        method: for the layer.

    Raises:
        HaloError: the shapes do not fit.
    """
    middle = 1 << (bits - 1)
    rows, columns = unsigned.shape
    require(name, scale.shape == zeros.shape == (rows, -(-columns // size)), f"scales do not fit {rows} x {columns}")
    codes = np.ascontiguousarray(unsigned - np.uint8(middle)).view(np.int8)  # wraps to two's complement
    zero = None if (zeros == middle).all() else np.ascontiguousarray(zeros, dtype=np.int16) - np.int16(middle)
    return QuantizedLayer(name, codes, np.ascontiguousarray(scale), (1, size), bits, method, zero)


def column_groups(
    name: str, tensors: Tensors, wanted: str, columns: int, groups: int, size: int
) -> npt.NDArray[np.int64] | None:
    """Group of every input channel where groups are not runs of neighbours (act-order), else None.

    A ``QuantizedLayer`` has its blocks side by side, so the caller repeats the scales for every column then (and
    ``true_bits`` counts them so).

    Raises:
        HaloError: a group that does not exist, or a wrong length.
    """
    if wanted not in tensors:
        return None
    index = stored(name, tensors, wanted).astype(np.int64)
    if (index == -1).all():  # compressed-tensors' mark of "not used"
        return None
    fits = index.shape == (columns,) and index.min() >= 0 and index.max() < groups
    require(name, bool(fits), f"{wanted} names groups that do not exist")
    return None if np.array_equal(index, np.arange(columns) // size) else index


def require(name: str, holds: bool, what: str) -> None:
    """Raise for a damaged layer unless it holds."""
    if not holds:
        raise HaloError(f"layer {name!r}: {what}", _AGAIN)


def _tensor(name: str, tensors: Tensors, wanted: str) -> Tensor:
    if wanted not in tensors:
        raise HaloError(f"layer {name!r} lacks {wanted}; it has {', '.join(sorted(tensors))}", _AGAIN)
    return tensors[wanted]
