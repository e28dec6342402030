# SPDX-License-Identifier: Apache-2.0
"""Compressed-tensors checkpoints (vLLM, llm-compressor): int-quantized and pack-quantized.

Tests: tests/quant/test_checkpoint.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.checkpoint.bits import unpack
from halo.quant.checkpoint.formats import Tensors, column_groups, require, stored, stored_scale, unread
from halo.quant.layer import QuantizedLayer

_FORMATS = ("int-quantized", "naive-quantized", "pack-quantized")


@dataclass(frozen=True)
class Scheme:
    """How one group of layers is quantized.

    Attributes:
        targets: module names, ``re:`` patterns or ``Linear``.
        bits: 1 to 8.
        symmetric: without zeros.
        strategy: tensor, channel, group or block.
        block: columns of a group as (1, columns), (rows, columns) of a block, else (0, 0).
    """

    targets: tuple[str, ...]
    bits: int
    symmetric: bool
    strategy: str
    block: tuple[int, int]


@dataclass(frozen=True)
class CompressedTensors:
    """A ``StoredFormat``.

    int-quantized: ``weight`` int8[out, in], ``weight_scale``, ``weight_zero_point`` int8. pack-quantized:
    ``weight_packed`` int32, values + 2^(bits - 1) packed along the inputs, ``weight_shape``, zeros of channels and
    groups packed along the outputs, ``weight_g_idx`` the group of every input channel.

    Attributes:
        path: of ``config.json``.
        schemes: in the order of the config.
        ignore: modules left in floating point, as targets are written.
    """

    path: Path
    schemes: tuple[Scheme, ...]
    ignore: tuple[str, ...]

    @classmethod
    def of(cls, config: Mapping[str, Any], path: Path) -> CompressedTensors:
        """From ``quantization_config``.

        Raises:
            HaloError: a variant that is not read.
        """
        sparsity = (config.get("sparsity_config") or {}).get("format", "dense")
        if sparsity != "dense":
            raise unread(f"compressed-tensors with sparsity {sparsity!r}", path)
        if (config.get("transform_config") or {}).get("config_groups"):
            raise unread("compressed-tensors with transforms (rotated weights)", path)
        default = config.get("format")
        groups = (config.get("config_groups") or {}).values()
        schemes = tuple(_scheme(group, default, path) for group in groups if group.get("weights"))
        return cls(path, schemes, tuple(config.get("ignore") or ()))

    def shape(self, name: str, tensors: Tensors) -> tuple[int, int] | None:
        """See ``StoredFormat``."""
        if "weight_packed" in tensors:
            rows, columns = (int(n) for n in stored(name, tensors, "weight_shape"))
            return rows, columns
        if "weight_scale" not in tensors:
            return None
        require(name, len(tensors["weight"].shape) == 2 if "weight" in tensors else False, "it has no weight matrix")
        rows, columns = tensors["weight"].shape
        return rows, columns

    def layer(self, name: str, tensors: Tensors) -> QuantizedLayer:
        """See ``StoredFormat``."""
        scheme = self._scheme_of(name)
        shape = self.shape(name, tensors)
        assert shape is not None
        rows, columns = shape
        if "weight_packed" in tensors:
            codes = _signed(unpack(stored(name, tensors, "weight_packed"), scheme.bits, columns), scheme.bits)
        else:
            codes = np.array(stored(name, tensors, "weight"))
        require(name, codes.dtype == np.int8 and codes.shape == shape, f"codes are no int8 {rows} x {columns}")
        scale = stored_scale(name, tensors, "weight_scale")
        block = _block(scheme, shape)
        blocks = (-(-rows // block[0]), -(-columns // block[1]))
        require(name, scale.size == blocks[0] * blocks[1], f"scales are not {blocks[0]} x {blocks[1]}")
        scale = scale.reshape(blocks)
        zero = None if scheme.symmetric else self._zero(name, tensors, scheme, blocks)
        group = column_groups(name, tensors, "weight_g_idx", columns, blocks[1], block[1])
        if group is not None:
            block, scale = (block[0], 1), np.ascontiguousarray(scale[:, group])
            zero = None if zero is None else np.ascontiguousarray(zero[:, group])
        return QuantizedLayer(name, codes, scale, block, scheme.bits, "compressed-tensors", zero)

    @staticmethod
    def _zero(name: str, tensors: Tensors, scheme: Scheme, blocks: tuple[int, int]) -> npt.NDArray[np.int16]:
        values = stored(name, tensors, "weight_zero_point")
        if values.dtype == np.int32 and scheme.strategy in ("channel", "group"):
            values = _signed(unpack(values.T, scheme.bits, blocks[0]).T, scheme.bits)
        require(name, values.size == blocks[0] * blocks[1], f"zeros are not {blocks[0]} x {blocks[1]}")
        return np.ascontiguousarray(values.reshape(blocks), dtype=np.int16)

    def _scheme_of(self, name: str) -> Scheme:
        """Exact names go before patterns, patterns before classes, as in the compressed-tensors package."""
        found: dict[int, Scheme] = {}
        for scheme in self.schemes:
            for target in scheme.targets:
                rank = _match(name, target)
                if rank is not None:
                    found.setdefault(rank, scheme)
        if not found or any(_match(name, target) is not None for target in self.ignore):
            raise HaloError(
                f"layer {name!r} is stored quantized, but quantization_config does not say how",
                "Repair config_groups and ignore in the config.",
                self.path,
            )
        return found[min(found)]


def _scheme(group: Mapping[str, Any], default: str | None, path: Path) -> Scheme:
    weights, form = group["weights"], group.get("format") or default
    if form not in _FORMATS or weights.get("type", "int") != "int" or not 1 <= weights.get("num_bits", 8) <= 8:
        what = f"compressed-tensors {form!r} with {weights.get('num_bits', 8)}-bit {weights.get('type', 'int')} weights"
        raise unread(what, path)
    size = weights.get("group_size")
    strategy = weights.get("strategy") or ("tensor" if size is None else "channel" if size == -1 else "group")
    if strategy not in ("tensor", "channel", "group", "block"):
        raise unread(f"compressed-tensors with weight strategy {strategy!r}", path)
    block: Sequence[int] = (1, size) if strategy == "group" else weights.get("block_structure") or (0, 0)
    symmetric = bool(weights.get("symmetric", True))
    return Scheme(tuple(group["targets"]), weights.get("num_bits", 8), symmetric, strategy, (block[0], block[1]))


def _block(scheme: Scheme, shape: tuple[int, int]) -> tuple[int, int]:
    match scheme.strategy:
        case "tensor":
            return shape
        case "channel":
            return 1, shape[1]
        case _:
            return scheme.block


def _match(name: str, target: str) -> int | None:
    """How specifically a target names a linear layer, 0 first; None: not at all."""
    if target == name:
        return 0
    if target.startswith("re:"):
        return 1 if re.match(target[3:], name) else None
    return 2 if target == "Linear" else None


def _signed(unsigned: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.int8]:
    return np.ascontiguousarray(unsigned - np.uint8(1 << (bits - 1))).view(np.int8)
