# SPDX-License-Identifier: Apache-2.0
"""GPTQ (Frantar et al., arXiv 2210.17323): round column by column and let the later columns absorb the error.

``halo.quant.feedback`` has the update.

As the published code does: columns whose input is always zero get weight 0; H gains 0.01 of its mean diagonal (0.1
where that is not positive definite); scales of a group come from the weights as updated when its first column is
reached, or from the original weights with ``static_groups``; ``act_order`` takes columns by descending diag(H).
Different: groups under ``act_order`` are always static, since groups of permuted columns would need an index for every
column; and scales are fitted as ``halo.quant.scales`` says, of which ``range`` is the published code's default and
``mse`` its option.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from halo.quant.feedback import BLOCK, Float, dead_inputs, feed_back, inverse_factor
from halo.quant.layer import Float32, Int8, QuantizedLayer
from halo.quant.left_aligned import align_left
from halo.quant.options import GptqOptions
from halo.quant.rtn import Grid, UniformFormat, checked
from halo.quant.task import LayerGroup, LayerQuantizer


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


def _take_scales(grid: Grid, group: int, weight: Float32) -> None:
    """Scales of one group from weights as they stand now, float32[out, columns of the group]."""
    now = replace(grid.format, group=None).grid(weight)
    grid.scale[:, group] = now.scale[:, 0]
    if grid.zero is not None and now.zero is not None:
        grid.zero[:, group] = now.zero[:, 0]


@dataclass(frozen=True)
class Gptq(LayerQuantizer):
    """GPTQ, as a method of ``halo quantize``."""

    options: GptqOptions

    @property
    def codes(self) -> Sequence[int]:
        """See ``LayerQuantizer``."""
        format = UniformFormat.of(self.options)
        return format.aligned_codes if self.options.align_left else format.codes

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """Each layer by itself, with the Hessian of their common inputs."""
        options = self.options
        format = UniformFormat.of(options)
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
