# SPDX-License-Identifier: Apache-2.0
"""What one way to run a layer costs, in whole picoseconds and picojoules so that sums are exact.

Tests: tests/dvfs/test_schedule_and_check.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Segment:
    """Tiles that run one after another at one operating point.

    Attributes:
        point: index of the operating point.
        tile_class: index of the slowest class among the tiles; -1 for operands that are no weights (attention).
        cycles: of the array's clock, from the start of the segment to its end, stalls for memory not counted.
        tiles: loads of the array.
    """

    point: int
    tile_class: int
    cycles: int
    tiles: int


@dataclass(frozen=True)
class LayerCost:
    """One way to run a GEMM: one of its equal products, or all of them where they run side by side (on a GPU).

    Transitions between its own segments and from the layer before are not in here: who strings layers together adds
    them from ``segments``.

    Attributes:
        segments: in order of time; together they make up the GEMM.
        compute_ps: cycles of all segments at their clocks.
        stall_ps: time that the array waits for memory (or other units) on top.
        core_pj: MACs and the elements' registers and clock.
        buffer_pj, dram_pj: on-chip buffers, DRAM.
        static_mw: leakage and constant power, to be multiplied by time; milliwatts times picoseconds are 1e-3 pJ.
        macs: M N K of what it counts.
        weight_bytes, activation_bytes, result_bytes: to and from DRAM.
        utilisation: MACs over the MACs that the array could do in compute and stall time at the clocks used, with
            weights of this kind: of all elements, several each where they hold several weights.
        bound: what most of the time goes to.
    """

    segments: tuple[Segment, ...]
    compute_ps: int
    stall_ps: int
    core_pj: int
    buffer_pj: int
    dram_pj: int
    static_mw: float
    macs: int
    weight_bytes: int
    activation_bytes: int
    result_bytes: int
    utilisation: float
    bound: Literal["compute", "memory"]

    @property
    def order(self) -> tuple[int, ...]:
        """Operating points in the order of time, neighbours different."""
        points = [segment.point for segment in self.segments]
        return tuple(p for i, p in enumerate(points) if i == 0 or p != points[i - 1])
