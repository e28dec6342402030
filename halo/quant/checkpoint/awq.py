# SPDX-License-Identifier: Apache-2.0
"""AWQ checkpoints, as AutoAWQ writes them (version gemm).

Tests: tests/quant/test_checkpoint.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.quant.checkpoint.bits import unpack
from halo.quant.checkpoint.formats import Tensors, grouped, stored, stored_scale, unread
from halo.quant.checkpoint.safetensor_file import Array
from halo.quant.layer import QuantizedLayer

ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
"""Nibble i of a word, from the least significant, holds column ``ORDER[i]`` of its eight."""


@dataclass(frozen=True)
class Awq:
    """A ``StoredFormat``.

    ``qweight`` int32[in, out / 8] is packed along the outputs in ``ORDER``, ``qzeros`` int32[groups, out / 8] the same;
    ``scales`` is [groups, out]. Zeros are stored as they are. AWQ's activation scales are folded into the module
    before, so that none are left to undo.

    Attributes:
        group_size: input channels of a group; -1: all.
    """

    group_size: int

    @classmethod
    def of(cls, config: Mapping[str, Any], path: Path) -> Awq:
        """From ``quantization_config``.

        Raises:
            HaloError: a variant that is not read.
        """
        version, bits = str(config.get("version", "gemm")).lower(), config.get("bits", config.get("w_bit", 4))
        if version != "gemm" or bits != 4:
            raise unread(f"AWQ in version {version!r} with {bits} bits", path)
        return cls(int(config.get("group_size", config.get("q_group_size", -1))))

    def shape(self, name: str, tensors: Tensors) -> tuple[int, int] | None:
        """See ``StoredFormat``."""
        if "qweight" not in tensors:
            return None
        columns, words = tensors["qweight"].shape
        return words * 8, columns

    def layer(self, name: str, tensors: Tensors) -> QuantizedLayer:
        """See ``StoredFormat``."""
        codes = _columns(stored(name, tensors, "qweight")).T
        zeros = _columns(stored(name, tensors, "qzeros")).T
        size = self.group_size if self.group_size > 0 else codes.shape[1]
        return grouped(name, codes, zeros, stored_scale(name, tensors, "scales").T, 4, size, "awq")


def _columns(words: Array) -> npt.NDArray[np.uint8]:
    nibbles = unpack(words, 4, words.shape[1] * 8).reshape(*words.shape, 8)
    return nibbles[..., np.argsort(ORDER)].reshape(len(words), -1)
