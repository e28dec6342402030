"""INT4 << 4 and INT3 << 5: a uniform grid of few bits in the high bits of the 8-bit operand.

The same weights as round to nearest with so many bits, and other codes: the low bits are zero, so that a carry-save
array is as fast as for HALO's codebooks. The baseline that tells what a non-uniform codebook adds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.rtn import Format, rtn


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
    rounded = rtn(weight, Format(bits, group=group), name=name)
    shift = 8 - bits
    return replace(
        rounded,
        codes=np.left_shift(rounded.codes, shift),
        scale=np.ldexp(rounded.scale, -shift).astype(np.float32),
        method="left-aligned RTN",
        details={**rounded.details, "shift": shift},
    )
