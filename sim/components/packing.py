# SPDX-License-Identifier: Apache-2.0
"""Numbers in beats: whole batches of signed values packed into one Python integer a beat, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]


def pack(values: I64, width: int) -> list[int]:
    """One integer for each row of int64[N, V]: the low ``width`` bits of each value, the first value lowest."""
    bits = (values[:, :, None] >> np.arange(width) & 1).astype(np.uint8).reshape(len(values), values.shape[1] * width)
    return [int.from_bytes(row.tobytes(), "little") for row in np.packbits(bits, axis=1, bitorder="little")]


def unpack(beats: Sequence[int], width: int, values: int) -> I64:
    """int64[N, values], signed: the reverse of ``pack``."""
    size = -(-width * values // 8)
    data = np.frombuffer(b"".join(beat.to_bytes(size, "little") for beat in beats), np.uint8)
    bits = np.unpackbits(data.reshape(len(beats), size), axis=1, count=width * values, bitorder="little")
    place = np.int64(1) << np.arange(width, dtype=np.int64)
    place[-1] = -(2 ** (width - 1))
    return bits.reshape(len(beats), values, width).astype(np.int64) @ place
