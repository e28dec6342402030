# SPDX-License-Identifier: Apache-2.0
"""Bit-exact model of every MAC: the sum of a partial sum and a product, wrapped around to the accumulator's width."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]


def mac(weight: I64, activation: I64, psum: I64, acc_width: int) -> I64:
    """``psum + weight * activation`` modulo 2^acc_width, as a signed number.

    Args:
        weight, activation: int64[N], within signed 16 bits.
        psum: int64[N].
        acc_width: 1 to 64 bits.
    """
    return wrap(psum + weight * activation, acc_width)


def wrap(values: I64, width: int) -> I64:
    """The low ``width`` bits (1 to 64), read as two's complement."""
    unused = 64 - width
    return np.asarray(values, np.int64) << unused >> unused
