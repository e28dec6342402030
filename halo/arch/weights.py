# SPDX-License-Identifier: Apache-2.0
"""A layer's weights as an array sees them: how fast each tile may run, what its MACs cost, and what is stored.

Tests: tests/arch/systolic/test_published.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

INT8_VALUES = 256
"""Places of an array over all values of an int8."""

INT8_ZERO = 128
"""Place of 0 in such an array: a value stands at ``INT8_ZERO + value``."""


@dataclass(frozen=True)
class TileClass:
    """Tiles that may hold the same weights.

    Attributes:
        name: such as ``INT3 << 5``.
        values: weights that a tile may hold, ascending.
        points: operating points (indices of a ``Dvfs``) at which every one of them is safe, ascending; not empty.
        energy_fj: mean energy of a MAC, all its passes, at each operating point of the ``Dvfs``; NaN where it must not
            run.
    """

    name: str
    values: tuple[int, ...]
    points: tuple[int, ...]
    energy_fj: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """What a method has made of a layer; K input channels, N output channels.

    Attributes:
        classes: at least one, from the slowest; the same for all layers of a method.
        share: of the weights in tiles of each class; adds up to 1.
        tile: side of the tiles of ``tile_class``; None: shares only, and a load of the array has one class.
        tile_class: uint8[ceil(K / tile), ceil(N / tile)], index into ``classes``, or None.
        stored_bits: DRAM bits a weight, with scales and sparse part counted.
        sparse_share: of weights kept in the sparse part, which runs on a unit of its own at the first operating point.
        operand: of the MAC; both operands are alike.
        lanes: weights that an element holds at once, of neighbouring rows, each with an activation of its own.
        passes: loads that a tile of weights takes, with the same activations each: a weight with more bits than an
            element holds comes in parts.
    """

    classes: tuple[TileClass, ...]
    share: tuple[float, ...]
    tile: int | None
    tile_class: npt.NDArray[np.uint8] | None
    stored_bits: float
    sparse_share: float
    operand: Literal["int8", "fp16"]
    lanes: int = 1
    passes: int = 1

    @property
    def operand_bytes(self) -> int:
        """Bytes of an activation, and of a weight in the on-chip buffers."""
        return 1 if self.operand == "int8" else 2


@dataclass(frozen=True)
class Element:
    """What an element of an array costs besides its MACs, at each operating point of a ``Dvfs``.

    Attributes:
        leakage_nw: of the whole element.
        overhead_fj: energy of its registers and their clock pins in every cycle, whatever it multiplies.
        source: where the numbers come from, in words.
    """

    leakage_nw: tuple[float, ...]
    overhead_fj: tuple[float, ...]
    source: str
