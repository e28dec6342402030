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


def lanes_correction(weights: I64, weight_bits: int, activation_bits: int, *, pair: bool) -> I64:
    """The same of ``partial_products`` with two lanes: the upper digits stand at column 0 again, with n + m/2 bits.

    Args:
        weights: int64, signed; of a pair {high, low}, its bits.
        weight_bits, activation_bits: m and n.
        pair: the lowest digit of the upper half has a zero below.
    """
    half = weight_bits // 2
    low = ((weights & ((1 << half) - 1)) ^ (1 << half - 1)) - (1 << half - 1)
    total = booth_correction(low, half, activation_bits)
    below = np.zeros(len(weights), np.int64) if pair else (weights >> (half - 1)) & 1
    for k in range((half + 1) // 2):
        upper = weights >> (half + 2 * k)
        before = below if k == 0 else (weights >> (half + 2 * k - 1)) & 1
        digit = before + (upper & 1) - 2 * ((upper >> 1) & 1)
        nonzero = (digit != 0).astype(np.int64) << (activation_bits + half)
        total += ((digit < 0).astype(np.int64) - nonzero) << (2 * k)
    return total


def row_correction(weights: I64, weight_bits: int, activation_bits: int) -> I64:
    """``2^(m-1) * (weight < 0) - 2^(n-1) * (weight modulo 2^m)``, of Baugh and Wooley's rows."""
    below = (weights < 0).astype(np.int64) << (weight_bits - 1)
    return below - ((weights & ((1 << weight_bits) - 1)) << (activation_bits - 1))
