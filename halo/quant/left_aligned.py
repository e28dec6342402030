# SPDX-License-Identifier: Apache-2.0
"""INT4 << 4 and INT3 << 5: a uniform grid of few bits in the high bits of the 8-bit operand.

The same weights as round to nearest with so many bits, and other codes: the low bits are zero, so that a carry-save
array is as fast as for HALO's codebooks. The baseline that tells what a non-uniform codebook adds.

Tests: tests/quant/test_rtn.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from halo.errors import HaloError
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.options import LeftAlignedOptions
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.task import LayerGroup, LayerQuantizer


def left_aligned(weight: Float32, format: UniformFormat, *, name: str = "layer") -> QuantizedLayer:
    """Round to nearest, then shift the codes to the top of int8 and the scales down as far.

    Args:
        weight: float32[out, in].
        format: bits, symmetry, grouping, scales.
        name: of the layer, for reports.

    Raises:
        HaloError: a weight is not finite.
    """
    return align_left(rtn(weight, format, name=name))


def align_left(layer: QuantizedLayer) -> QuantizedLayer:
    """The same weights with their codes, and zero points if there are any, shifted to the top of int8.

    With zero points the MAC sees q, as before: what is fast is the code.

    Raises:
        HaloError: codes restricted to codebooks.
    """
    if layer.codebooks:
        raise HaloError(f"codes of layer {layer.name!r} have codebooks", "Shift codes of a uniform grid.")
    shift = 8 - layer.bits
    return replace(
        layer,
        codes=np.left_shift(layer.codes, shift),
        scale=np.ldexp(layer.scale, -shift).astype(np.float32),
        zero=None if layer.zero is None else np.left_shift(layer.zero, shift),
        method=f"left-aligned {layer.method}",
        details={**layer.details, "shift": shift},
    )


@dataclass(frozen=True)
class LeftAligned(LayerQuantizer):
    """Left-aligned round to nearest, as a method of ``halo quantize``."""

    options: LeftAlignedOptions

    @property
    def codes(self) -> Sequence[int]:
        """See ``LayerQuantizer``."""
        return UniformFormat.of(self.options).aligned_codes

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """Each layer by itself."""
        format = UniformFormat.of(self.options)
        for task in group.chosen:
            yield left_aligned(task.weight, format, name=task.name)
