# SPDX-License-Identifier: Apache-2.0
"""Error feedback: columns are rounded one after another, and those still to come absorb each error.

H = 2/N sum x x^T over calibration inputs. With U upper triangular and inv(H) = U^T U, rounding column i with error
e = (w - q) / U[i, i] changes each later column j by -e U[i, j]. Columns are taken in blocks: inside a block at once,
later ones when the block is done (one matrix product).

Tests: tests/quant/test_gptq.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.layer import Float32, Int8

Float = npt.NDArray[np.float32] | npt.NDArray[np.float64]

#: Rounds column c (of the layer), float32[out], to codes int8[out] and the weights they stand for, float32[out].
RoundColumn = Callable[[int, Float32], tuple[Int8, Float32]]

BLOCK = 128
"""Columns between two matrix products, the authors' number; results depend on it by rounding only."""


def feed_back(
    updated: Float32, factor: Float, order: npt.NDArray[np.intp], round_column: RoundColumn, block: int = BLOCK
) -> Int8:
    """Round columns one after another and spread each error over those still to come.

    Args:
        updated: float32[out, in], columns in the order they are taken; overwritten with the weights as they were when
            rounded.
        factor: upper triangular U of ``inverse_factor`` in the same order.
        order: order[i] is the layer's column that stands at place i.
        round_column: rounds one column.
        block: columns between two matrix products.

    Returns:
        int8[out, in], columns as in the layer.
    """
    rows, columns = updated.shape
    codes = np.empty((rows, columns), dtype=np.int8)
    for start in range(0, columns, block):
        stop = min(start + block, columns)
        part = np.ascontiguousarray(updated[:, start:stop].T)
        inner = factor[start:stop, start:stop].astype(np.float32)
        errors = np.empty_like(part)
        for i, column in enumerate(order[start:stop]):
            codes[:, column], made = round_column(int(column), part[i])
            errors[i] = (part[i] - made) / inner[i, i]
            part[i + 1 :] -= np.multiply.outer(inner[i, i + 1 :], errors[i])
        updated[:, start:stop] = part.T
        updated[:, stop:] -= errors.T @ factor[start:stop, stop:].astype(np.float32)
    return codes


def inverse_factor(
    hessian: Float, order: npt.NDArray[np.intp], damping: float = 0.01, name: str = "layer"
) -> tuple[npt.NDArray[np.float64], float]:
    """Upper triangular U with inv(H + damping mean diag(H)) = U^T U, columns in the given order.

    With J the exchange matrix and J H J = L L^T, U = J inv(L) J: one factorization and one triangular inverse.

    Returns:
        U, float64[in, in], and the damping that worked: the one given or ten times that.

    Raises:
        HaloError: not positive definite even so.
    """
    diagonal = np.diag(hessian).astype(np.float64)
    diagonal[diagonal == 0] = 1
    reverse = order[::-1]
    for share in (damping, 10 * damping):
        matrix = hessian[np.ix_(reverse, reverse)].astype(np.float64)
        np.fill_diagonal(matrix, diagonal[reverse] + share * diagonal.mean())
        try:
            lower = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            continue
        return np.triu(np.linalg.inv(lower)[::-1, ::-1]), share
    what = f"layer {name!r}: the Hessian is not positive definite, not even with {10 * damping:g} of its mean diagonal"
    raise HaloError(what, "Give more calibration text, or more damping.")


def dead_inputs(hessian: Float, shape: tuple[int, ...], name: str) -> npt.NDArray[np.bool_]:
    """Input channels that are always zero, bool[in]; and that the Hessian fits the layer."""
    if hessian.shape != (shape[-1], shape[-1]):
        found = " x ".join(map(str, hessian.shape))
        what = f"layer {name!r} has {shape[-1]} inputs and a Hessian of {found}"
        raise HaloError(what, "Calibrate this layer of this model.")
    if not np.isfinite(hessian).all():
        raise HaloError(f"the Hessian of layer {name!r} is not finite", "Look for overflowing activations.")
    return np.asarray(np.diag(hessian) == 0)
