# SPDX-License-Identifier: Apache-2.0
"""Integers packed densely into 32-bit words, least significant bits first, as checkpoints store them.

Tests: tests/quant/test_checkpoint_quantized.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def unpack(words: npt.NDArray[Any], bits: int, count: int) -> npt.NDArray[np.uint8]:
    """Unpack along the last axis: value i stands in bits ``i * bits`` and up, across word borders where it falls so.

    Args:
        words: int32[..., ceil(count * bits / 32)].
        bits: 1 to 8.
        count: values along the last axis.

    Returns:
        uint8[..., count].
    """
    short = -words.shape[-1] % bits  # 32 values fill `bits` words; the last ones may be missing
    padded = np.pad(words, [(0, 0)] * (words.ndim - 1) + [(0, short)]) if short else words
    lines = np.ascontiguousarray(padded).view(np.uint32)
    values = np.empty((*words.shape[:-1], lines.shape[-1] // bits * 32), dtype=np.uint8)
    mask = np.uint32((1 << bits) - 1)
    for place in range(32):
        word, offset = divmod(place * bits, 32)
        part = lines[..., word::bits] >> np.uint32(offset)
        if offset + bits > 32:
            part |= lines[..., word + 1 :: bits] << np.uint32(32 - offset)
        values[..., place::32] = part & mask
    return values[..., :count]
