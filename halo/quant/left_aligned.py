# SPDX-License-Identifier: Apache-2.0
"""INT4 << 4 and INT3 << 5: a uniform grid of few bits in the high bits of the 8-bit operand.

The same weights as round to nearest with so many bits, and other codes: the low bits are zero, so that a carry-save
array is as fast as for HALO's codebooks. The baseline that tells what a non-uniform codebook adds.

Tests: tests/quant/test_rtn.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from halo.errors import HaloError
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.options import LeftAlignedOptions
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.task import LayerGroup, LayerQuantizer


def left_aligned(weight: Float32, bits: int, *, group: int | None = None, name: str = "layer") -> QuantizedLayer:
    """Round to nearest, symmetric, then shift the codes to the top of int8 and the scales down as far.

    Args:
        weight: float32[out, in].
        bits: 2 to 8.
        group: input channels that share a scale; None: all of an output channel.
        name: of the layer, for reports.

    Raises:
        HaloError: a weight is not finite, or bits out of range.
    """
    return align_left(rtn(weight, UniformFormat(bits, group=group), name=name))


def align_left(layer: QuantizedLayer) -> QuantizedLayer:
    """The same weights with their codes shifted to the top of int8.

    Raises:
        HaloError: codes with a zero point, or restricted to codebooks.
    """
    if layer.zero is not None or layer.codebooks:
        what = f"codes of layer {layer.name!r} have zero points or codebooks"
        raise HaloError(what, "Shift symmetric codes of a uniform grid.")
    shift = 8 - layer.bits
    return replace(
        layer,
        codes=np.left_shift(layer.codes, shift),
        scale=np.ldexp(layer.scale, -shift).astype(np.float32),
        method=f"left-aligned {layer.method}",
        details={**layer.details, "shift": shift},
    )


@dataclass(frozen=True)
class LeftAligned(LayerQuantizer):
    """Left-aligned round to nearest, as a method of ``halo quantize``."""

    options: LeftAlignedOptions

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """Each layer by itself."""
        for task in group.chosen:
            yield left_aligned(task.weight, self.options.bits, group=self.options.group, name=task.name)
