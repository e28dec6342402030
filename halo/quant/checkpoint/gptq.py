# SPDX-License-Identifier: Apache-2.0
"""GPTQ checkpoints, as AutoGPTQ and GPTQModel write them.

Tests: tests/quant/test_checkpoint.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halo.quant.checkpoint.bits import unpack
from halo.quant.checkpoint.formats import Tensors, column_groups, grouped, stored, stored_scale, unread
from halo.quant.layer import QuantizedLayer


@dataclass(frozen=True)
class Gptq:
    """A ``StoredFormat``.

    ``qweight`` int32[in * bits / 32, out] is packed along the inputs, ``qzeros`` int32[groups, out * bits / 32] along
    the outputs; ``scales`` is [groups, out], ``g_idx`` int32[in] the group of every input channel.

    Attributes:
        bits: 2, 3, 4 or 8.
        group_size: input channels of a group; -1: all.
        zero_offset: added to a stored zero, modulo 2^bits: 1 in the usual format, 0 in ``gptq_v2``.
    """

    bits: int
    group_size: int
    zero_offset: int

    @classmethod
    def of(cls, config: Mapping[str, Any], path: Path) -> Gptq:
        """From ``quantization_config``.

        Raises:
            HaloError: a variant that is not read.
        """
        kind, bits = config.get("checkpoint_format", "gptq"), config.get("bits")
        if kind not in ("gptq", "gptq_v2") or bits not in (2, 3, 4, 8):
            raise unread(f"GPTQ with checkpoint_format {kind!r} and {bits} bits", path)
        if config.get("dynamic"):
            raise unread("GPTQ with other settings for some layers ('dynamic')", path)
        return cls(bits, int(config.get("group_size", -1)), 1 if kind == "gptq" else 0)

    def shape(self, name: str, tensors: Tensors) -> tuple[int, int] | None:
        """See ``StoredFormat``."""
        if "qweight" not in tensors:
            return None
        words, rows = tensors["qweight"].shape
        return rows, words * 32 // self.bits

    def layer(self, name: str, tensors: Tensors) -> QuantizedLayer:
        """See ``StoredFormat``."""
        words = stored(name, tensors, "qweight")
        rows, columns = words.shape[1], words.shape[0] * 32 // self.bits
        codes = unpack(words.T, self.bits, columns)
        mask = np.uint8((1 << self.bits) - 1)
        zeros = ((unpack(stored(name, tensors, "qzeros"), self.bits, rows) + np.uint8(self.zero_offset)) & mask).T
        scale = stored_scale(name, tensors, "scales").T
        size = self.group_size if self.group_size > 0 else columns
        group = column_groups(name, tensors, "g_idx", columns, scale.shape[1], size)
        if group is not None:
            zeros, scale, size = zeros[:, group], scale[:, group], 1
        return grouped(name, codes, zeros, scale, self.bits, size, "gptq")
