# SPDX-License-Identifier: Apache-2.0
"""GPTQ (Frantar et al., arXiv 2210.17323): round column by column and let the later columns absorb the error.

H = 2/N sum x x^T over calibration inputs. With U upper triangular and inv(H) = U^T U, rounding column i with error
e = (w - q) / U[i, i] changes each later column j by -e U[i, j]. Columns are taken in blocks: inside a block at once,
later ones when the block is done (one matrix product).

As the published code does: columns whose input is always zero get weight 0; H gains 0.01 of its mean diagonal (0.1
where that is not positive definite); scales of a group come from the weights as updated when its first column is
reached, or from the original weights with ``static_groups``; ``act_order`` takes columns by descending diag(H).
Different: symmetric scales are max|w| / (2^(b-1) - 1) as everywhere here, and groups under ``act_order`` are always
static, since groups of permuted columns would need an index for every column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.layer import Float32, Int8, QuantizedLayer
from halo.quant.left_aligned import align_left
from halo.quant.options import GptqOptions
from halo.quant.rtn import Grid, UniformFormat, checked
from halo.quant.task import LayerGroup, LayerQuantizer

Float = npt.NDArray[np.float32] | npt.NDArray[np.float64]

#: Rounds column c (of the layer), float32[out], to codes int8[out] and the weights they stand for, float32[out].
RoundColumn = Callable[[int, Float32], tuple[Int8, Float32]]

BLOCK = 128
"""Columns between two matrix products, the authors' number; results depend on it by rounding only."""


def gptq(
    weight: Float32,
    hessian: Float,
    format: UniformFormat,
    *,
    act_order: bool = False,
    static_groups: bool = False,
    damping: float = 0.01,
    block: int = BLOCK,
    name: str = "layer",
) -> QuantizedLayer:
    """Quantize a layer with error feedback.

    Args:
        weight: float32[out, in].
        hessian: [in, in], 2/N sum x x^T of the layer's inputs.
        format: bits, symmetry, grouping.
        act_order: columns by descending diag(H) instead of from the left; groups are static then.
        static_groups: group scales from the original weights.
        damping: share of the mean diagonal added to H.
        block: columns between two matrix products; no influence on the result but for rounding.
        name: of the layer, for reports.

    Raises:
        HaloError: weights or Hessian not finite, shapes that do not fit, or H not positive definite when damped.
    """
    dead = dead_inputs(hessian, weight.shape, name)
    weight = np.where(dead, np.float32(0), checked(weight, name))
    order = np.argsort(np.negative(np.diag(hessian)), kind="stable") if act_order else np.arange(weight.shape[1])
    updated = np.array(weight[:, order])
    grid = format.grid(weight)
    width = format.block(weight.shape[1])
    moving = format.group is not None and not (static_groups or act_order)

    def round_column(column: int, values: Float32) -> tuple[Int8, Float32]:
        group = column // width
        if moving and column % width == 0:
            _take_scales(grid, group, updated[:, column : column + width])
        code = grid.round(values[:, None], group)
        return code[:, 0], grid.weights(code, group)[:, 0]

    factor, used = inverse_factor(hessian, order, damping, name)
    # Group scales look at the updated columns of their group, so a group begins with a block.
    codes = feed_back(updated, factor, order, round_column, width if moving else block)
    made = grid.layer(name, codes, "GPTQ")
    details = {"act_order": act_order, "static_groups": static_groups or act_order, "damping": used}
    return replace(made, details={**made.details, **details})


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


def _take_scales(grid: Grid, group: int, weight: Float32) -> None:
    """Scales of one group from weights as they stand now, float32[out, columns of the group]."""
    now = replace(grid.format, group=None).grid(weight)
    grid.scale[:, group] = now.scale[:, 0]
    if grid.zero is not None and now.zero is not None:
        grid.zero[:, group] = now.zero[:, 0]


def dead_inputs(hessian: Float, shape: tuple[int, ...], name: str) -> npt.NDArray[np.bool_]:
    """Input channels that are always zero, bool[in]; and that the Hessian fits the layer."""
    if hessian.shape != (shape[-1], shape[-1]):
        found = " x ".join(map(str, hessian.shape))
        what = f"layer {name!r} has {shape[-1]} inputs and a Hessian of {found}"
        raise HaloError(what, "Calibrate this layer of this model.")
    if not np.isfinite(hessian).all():
        raise HaloError(f"the Hessian of layer {name!r} is not finite", "Look for overflowing activations.")
    return np.asarray(np.diag(hessian) == 0)


@dataclass(frozen=True)
class Gptq(LayerQuantizer):
    """GPTQ, as a method of ``halo quantize``."""

    options: GptqOptions

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """Each layer by itself, with the Hessian of their common inputs."""
        options = self.options
        format = UniformFormat(options.bits, not options.asymmetric, options.group)
        hessian = group.known_inputs("gptq").hessian
        for task in group.chosen:
            made = gptq(
                task.weight,
                hessian,
                format,
                act_order=options.act_order,
                static_groups=options.static_groups,
                damping=options.damping,
                name=task.name,
            )
            yield align_left(made) if options.align_left else made
