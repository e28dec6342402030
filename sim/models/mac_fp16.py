# SPDX-License-Identifier: Apache-2.0
"""Bit-exact model of the floating-point MAC: numpy's own binary32 arithmetic on bit patterns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]

QUIET_NAN = 0x7FC00000


def mac_fp16(weight: U16, activation: U16, psum: U32) -> U32:
    """``psum + weight * activation``, rounded once to nearest even: the product is exact in binary32.

    Args:
        weight, activation: uint16[N], binary16.
        psum: uint32[N], binary32.

    Returns:
        uint32[N], binary32; every NaN is ``QUIET_NAN``.
    """
    with np.errstate(invalid="ignore"):
        product = weight.view(np.float16).astype(np.float32) * activation.view(np.float16).astype(np.float32)
    return add_fp32(psum, product.view(np.uint32))


def add_fp32(a: U32, b: U32) -> U32:
    """``a + b``, rounded to nearest even: uint32[N], binary32; every NaN is ``QUIET_NAN``."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = a.view(np.float32) + b.view(np.float32)
    return np.where(np.isnan(total), np.uint32(QUIET_NAN), total.view(np.uint32))
