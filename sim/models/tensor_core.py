# SPDX-License-Identifier: Apache-2.0
"""Bit-exact model of ``dp4a_unit`` and ``mma_unit``."""

from __future__ import annotations

from components.packing import I64
from models.mac import wrap


def mma(a: I64, b: I64, c: I64, acc_width: int) -> I64:
    """``a @ b + c`` modulo 2^acc_width, as signed numbers; leading axes are a batch.

    Args:
        a: int64[..., M, K].
        b: int64[..., K, N].
        c: int64[..., M, N].
        acc_width: 1 to 64 bits.
    """
    return wrap(a @ b + c, acc_width)
