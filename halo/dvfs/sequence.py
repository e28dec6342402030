# SPDX-License-Identifier: Apache-2.0
"""Layers one after the other: what the changes of the operating point between and within them add to each.

A pass through a model follows another, token after token, so the first change of a pass is the one from where the last
layer ended. All sums are exact: a layer's times and energies are whole, and those of a pass are their sums.

Tests: tests/dvfs/test_optimise.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from halo.dvfs.cost import LayerCost
from halo.dvfs.points import Dvfs


@dataclass(frozen=True)
class LayerRun:
    """A layer in its place, all its equal products counted.

    Attributes:
        compute_ps, stall_ps: as in its cost.
        transition_ps: changes of the operating point into and within the layer, during which it waits.
        core_pj, buffer_pj, dram_pj: as in its cost.
        static_pj: static power over all of its time, changes included.
        transition_pj: charging of the rail by these changes.
    """

    compute_ps: int
    stall_ps: int
    transition_ps: int
    core_pj: int
    buffer_pj: int
    dram_pj: int
    static_pj: int
    transition_pj: int

    @property
    def time_ps(self) -> int:
        """Compute, stall and transition."""
        return self.compute_ps + self.stall_ps + self.transition_ps

    @property
    def energy_pj(self) -> int:
        """Core, buffer, DRAM, static and transition."""
        return self.core_pj + self.buffer_pj + self.dram_pj + self.static_pj + self.transition_pj


def run_layer(cost: LayerCost, before: int, dvfs: Dvfs, count: int = 1) -> LayerRun:
    """A layer that comes at an operating point.

    Args:
        cost: of one product.
        before: index of the operating point at which the layer before ended.
        dvfs: the operating points.
        count: equal products, one after the other.
    """
    points = [segment.point for segment in cost.segments]
    steps = [(before, points[0], 1), (points[-1], points[0], count - 1)]
    steps += [(a, b, count) for a, b in itertools.pairwise(points)]
    change = dvfs.transition
    ways = [(dvfs.points[a], dvfs.points[b], times) for a, b, times in steps if a != b]
    transition_ps = sum(change.time_ps(a, b) * times for a, b, times in ways)
    compute_ps, stall_ps = cost.compute_ps * count, cost.stall_ps * count
    return LayerRun(
        compute_ps=compute_ps,
        stall_ps=stall_ps,
        transition_ps=transition_ps,
        core_pj=cost.core_pj * count,
        buffer_pj=cost.buffer_pj * count,
        dram_pj=cost.dram_pj * count,
        static_pj=round(1e-3 * cost.static_mw * (compute_ps + stall_ps + transition_ps)),
        transition_pj=sum(change.energy_pj(a, b) * times for a, b, times in ways),
    )


def run_layers(costs: Sequence[LayerCost], dvfs: Dvfs, counts: Sequence[int] | None = None) -> tuple[LayerRun, ...]:
    """A pass: the layers in their order, the first after the last one of the pass before.

    Args:
        costs: of each layer, as it is to run.
        dvfs: the operating points.
        counts: equal products of each layer; None: one.
    """
    ends = [cost.segments[-1].point for cost in costs]
    times = [1] * len(costs) if counts is None else counts
    return tuple(
        run_layer(cost, ends[i - 1], dvfs, count) for i, (cost, count) in enumerate(zip(costs, times, strict=True))
    )
