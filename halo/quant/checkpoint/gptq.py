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
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.checkpoint.bits import unpack
from halo.quant.checkpoint.formats import Tensors, column_groups, grouped, stored, stored_scale, unread
from halo.quant.layer import QuantizedLayer


@dataclass(frozen=True)
class Gptq:
    """A ``StoredFormat``.

    ``qweight`` int32[in * bits / 32, out] is packed along the inputs, ``qzeros`` int32[groups, out * bits / 32] along
    the outputs; ``scales`` is [groups, out], ``g_idx`` int32[in] the group of every input channel.

    Zeros of symmetric codes are 2^(bits - 1), so what is stored tells its version, whatever the config says of it:
    GPTQModel 5 writes zeros of version 2 and marks them ``gptq``. Of asymmetric codes only the mark tells.

    Attributes:
        bits: 2, 3, 4 or 8.
        group_size: input channels of a group; -1: all.
        zero_offset: added to a stored zero, modulo 2^bits: 1 in the usual format, 0 in ``gptq_v2``.
        symmetric: the config says so.
    """

    bits: int
    group_size: int
    zero_offset: int
    symmetric: bool

    @classmethod
    def of(cls, config: Mapping[str, Any], path: Path) -> Gptq:
        """From ``quantization_config``.

        Raises:
            HaloError: a variant that is not read.
        """
        # "format" is what GPTQModel and transformers write where "checkpoint_format" is not.
        kind, bits = config.get("checkpoint_format") or config.get("format") or "gptq", config.get("bits")
        if kind not in ("gptq", "gptq_v2") or bits not in (2, 3, 4, 8):
            raise unread(f"GPTQ with checkpoint_format {kind!r} and {bits} bits", path)
        if config.get("dynamic"):
            raise unread("GPTQ with other settings for some layers ('dynamic')", path)
        return cls(bits, int(config.get("group_size", -1)), 1 if kind == "gptq" else 0, config.get("sym") is True)

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
        zeros = self._zeros(name, unpack(stored(name, tensors, "qzeros"), self.bits, rows)).T
        scale = stored_scale(name, tensors, "scales").T
        size = self.group_size if self.group_size > 0 else columns
        group = column_groups(name, tensors, "g_idx", columns, scale.shape[1], size)
        if group is not None:
            zeros, scale, size = zeros[:, group], scale[:, group], 1
        return grouped(name, codes, zeros, scale, self.bits, size, "gptq")

    def _zeros(self, name: str, kept: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Zeros of what is stored, uint8[groups, out].

        Raises:
            HaloError: symmetric codes whose zeros are those of neither version.
        """
        mask, middle = np.uint8((1 << self.bits) - 1), 1 << (self.bits - 1)
        for offset in (self.zero_offset, 1 - self.zero_offset):
            zeros = (kept + np.uint8(offset)) & mask
            if not self.symmetric or (zeros == middle).all():
                return zeros
        found = np.unique(kept)[:4].tolist()
        raise HaloError(
            f"layer {name!r} holds zeros such as {found}, where symmetric codes (sym in quantization_config) have "
            f"{middle} or, in the older version, {middle - 1}",
            "Set sym to false in the config if the codes have zero points.",
        )
