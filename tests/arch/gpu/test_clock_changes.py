# SPDX-License-Identifier: Apache-2.0
"""Whether a change of the clock within a layer pays depends on who makes it."""

from __future__ import annotations

import pytest

from halo.arch.gpu.cost import layer_costs
from halo.arch.gpu.device import read_device
from halo.arch.weights import Element, LayerWeights, TileClass
from halo.dvfs.optimise import choose
from halo.dvfs.points import Dvfs, OperatingPoint, Transition
from halo.workload.gemm import Gemm

POINTS = tuple(OperatingPoint(str(f), 0.9, f, "test") for f in (1.0, 2.0))
SLOW = TileClass("any", (1,), (0,), (500.0, float("nan")))
FAST = TileClass("INT3 << 5", (32,), (0, 1), (400.0, 400.0))


@pytest.mark.parametrize(("fixed_ns", "segments"), [(10, 2), (10_000_000, 1)], ids=["regulator", "driver"])
def test_a_layer_changes_its_clock_only_where_it_is_quick(fixed_ns: float, segments: int) -> None:
    dvfs = Dvfs("two", POINTS, Transition("test", 20, fixed_ns, 0, "test"), "assumed")
    weights = LayerWeights((SLOW, FAST), (0.3, 0.7), None, None, 4.0, 0.0, "int8")
    layer = Gemm("g", "linear", "gate", 2048, 4096, 11008, 1, 0, None)
    ways = layer_costs(read_device("a100-80"), layer, weights, dvfs, Element((0.0, 0.0), (0.0, 0.0), "test"))
    for chosen in choose([ways] * 4, dvfs, "time"):
        assert len(ways[chosen].segments) == segments
