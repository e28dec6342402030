# SPDX-License-Identifier: Apache-2.0
"""What a quantized folder does not hold: the output head, and layers of the blocks that were not chosen.

An int8 array multiplies them too. So they have 8 bits and a scale for each output channel, as round to nearest makes
them, both where accuracy is measured (``halo evaluate``) and where time and energy are (``halo score``).

Tests: tests/flow/test_one_model.py.
"""

from __future__ import annotations

from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.options import RtnOptions
from halo.quant.rtn import UniformFormat, rtn

REST_BITS = 8


def rest_layer(weight: Float32, name: str) -> QuantizedLayer:
    """A layer outside of the folder, as it is computed with.

    Raises:
        HaloError: a weight is not finite.
    """
    return rtn(weight, UniformFormat.of(RtnOptions(REST_BITS)), name=name)


def rest_bits(columns: int, scale_bits: int) -> float:
    """Stored bits a weight of such a layer, scales counted.

    Args:
        columns: its input channels.
        scale_bits: of a scale.
    """
    return REST_BITS + scale_bits / columns
