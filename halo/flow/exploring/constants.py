# SPDX-License-Identifier: Apache-2.0
"""What an element with CORRECTION leaves out: a number for each weight, as the header of ``partial_products.v`` says.

Tests: tests/flow/exploring/test_proof.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]


def booth_correction(weights: I64, weight_bits: int, activation_bits: int) -> I64:
    """``sum over the digits k of 4^k * (negative(k) - 2^n * nonzero(k))``: psum_o + it = psum_i + weight * activation.

    Args:
        weights: int64, signed; weight_bits, activation_bits: m and n.
    """
    total = np.zeros(len(weights), np.int64)
    for k in range((weight_bits + 1) // 2):
        low = (weights >> (2 * k - 1)) & 1 if k else np.zeros(len(weights), np.int64)
        first, second = (weights >> (2 * k)) & 1, (weights >> (2 * k + 1)) & 1
        digit = low + first - 2 * second
        total += ((digit < 0).astype(np.int64) - ((digit != 0).astype(np.int64) << activation_bits)) << (2 * k)
    return total


def row_correction(weights: I64, weight_bits: int, activation_bits: int) -> I64:
    """``2^(m-1) * (weight < 0) - 2^(n-1) * (weight modulo 2^m)``, of Baugh and Wooley's rows."""
    below = (weights < 0).astype(np.int64) << (weight_bits - 1)
    return below - ((weights & ((1 << weight_bits) - 1)) << (activation_bits - 1))
