# SPDX-License-Identifier: Apache-2.0
"""Elements that hold two weights at once, and weights that come in parts: clocks, sums and energies by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from halo.arch.systolic.array import SystolicArch, read_arch
from halo.arch.systolic.cost import layer_costs
from halo.arch.systolic.cycle_level import simulate_ws
from halo.arch.systolic.loads import ws_loads
from halo.arch.systolic.ws_cycles import WsArray
from halo.arch.weights import Element, LayerWeights, TileClass
from halo.dvfs.cost import LayerCost
from halo.dvfs.points import Dvfs, OperatingPoint, Transition
from halo.errors import HaloError
from halo.workload.gemm import Gemm

DVFS = Dvfs("test", (OperatingPoint("one", 1.0, 1.0, "test"),), Transition("ivr", 20, 10, 1.0, "test"), "assumed")
ELEMENT = Element((0.0,), (0.0,), "test")
ALL = TileClass("all", tuple(range(-8, 8)), (0,), (50.0,))
WEIGHTS = LayerWeights((ALL,), (1.0,), None, None, 4.0, 0.0, "int8")
PAIRS, PARTS = replace(WEIGHTS, lanes=2), replace(WEIGHTS, passes=2)


def small(**changes: object) -> SystolicArch:
    """A 4 x 3 array whose accumulators hold 32 rows."""
    sizes = {"rows": 4, "columns": 3, "accumulator_bytes": 2 * 32 * 3 * 4}
    return replace(read_arch("systolic-32"), **{**sizes, **changes})


def cost(k: int, weights: LayerWeights, n: int = 3, **changes: object) -> LayerCost:
    """Of 20 rows of activations."""
    product = Gemm("test", "linear", "q", 20, k, n, 1, 0, None)
    (found,) = layer_costs(small(**changes), product, weights, DVFS, ELEMENT, memory_time=False)
    return found


def cycles(found: LayerCost) -> int:
    return sum(segment.cycles for segment in found.segments)


def test_clocks_by_hand() -> None:
    # Load 4, a tile every 20 clocks, drain: rows + columns + 6 = 13. k = 16 is four tiles of 4 rows.
    assert cycles(cost(16, WEIGHTS)) == 4 + 4 * 20 + 13
    # Pairs: two loads of 8 rows of K; k = 18 fills a third in part. Parts: each of the four tiles twice.
    assert cycles(cost(16, PAIRS)) == 4 + 2 * 20 + 13 and cycles(cost(18, PAIRS)) == 4 + 3 * 20 + 13
    assert cycles(cost(16, PARTS)) == 4 + 8 * 20 + 13 and cycles(cost(18, PARTS)) == 4 + 10 * 20 + 13
    assert [sum(s.tiles for s in cost(16, own).segments) for own in (WEIGHTS, PAIRS, PARTS)] == [4, 2, 8]


@pytest.mark.parametrize("inside", [0, 2])
def test_the_cycle_level_model_takes_as_many_clocks(inside: int) -> None:
    """Pairs are a product with half of K; parts one with twice K, whose tiles have the same activations."""
    generator = np.random.default_rng(2)
    array = WsArray(4, 3, depth=32, pipeline=inside)
    for k, own in ((16, WEIGHTS), (8, PAIRS), (32, PARTS)):
        activation = generator.integers(-128, 128, (20, k)).astype(np.int8)
        weight = generator.integers(-8, 8, (k, 3)).astype(np.int8)
        played = simulate_ws(array, activation, weight, ws_loads(array, 20, k, 3))
        assert played.cycles == cycles(cost(16, own, pipeline=inside))


def test_parts_of_a_weight_add_up() -> None:
    """16 high + low + 8 on the array: products of the parts shifted, and 8 times the sum of the activations."""
    generator = np.random.default_rng(3)
    array = WsArray(4, 3, depth=32)
    activation = generator.integers(-128, 128, (20, 8)).astype(np.int8)
    weight = generator.integers(-128, 128, (8, 3)).astype(np.int8)
    weight[0] = -128, 127, 0
    high, low = weight >> 4, (weight & 15) - 8
    assert high.min() >= -8 and high.max() <= 7 and low.min() >= -8 and low.max() <= 7
    sums = [simulate_ws(array, activation, part, ws_loads(array, 20, 8, 3)).outputs for part in (high, low)]
    found = 16 * sums[0] + sums[1] + 8 * activation.sum(axis=1, dtype=np.int64)[:, None]
    np.testing.assert_array_equal(found, activation.astype(np.int64) @ weight.astype(np.int64))


def test_energies_and_buffers_by_hand() -> None:
    one, pairs, parts = (cost(16, own) for own in (WEIGHTS, PAIRS, PARTS))
    # Energy is that of a MAC, whatever the element: 20 x 16 x 3 of 50 fJ.
    assert one.core_pj == pairs.core_pj == parts.core_pj == 48
    assert one.macs == pairs.macs == parts.macs == 960
    assert one.utilisation == pytest.approx(960 / 12 / 97)
    assert pairs.utilisation == pytest.approx(960 / 24 / 57) and parts.utilisation == pytest.approx(960 * 2 / 12 / 177)
    arch = small()
    # Sums are read and written 2 x 20 x 3 times a tile of K: in 4, 2 and 8 tiles, 4 bytes each.
    a_tile = 2 * 20 * 3 * 4 * arch.accumulator_pj_byte
    again = 20 * 16 * arch.activation_pj_byte  # activations go into the array once more
    assert one.buffer_pj - pairs.buffer_pj == pytest.approx(2 * a_tile, abs=1)
    assert parts.buffer_pj - one.buffer_pj == pytest.approx(4 * a_tile + again, abs=1)
    assert one.dram_pj == pairs.dram_pj == parts.dram_pj


def test_output_stationary() -> None:
    assert cycles(cost(16, PAIRS, dataflow="os")) - cycles(cost(16, WEIGHTS, dataflow="os")) == -5 * 8
    with pytest.raises(HaloError, match="an output-stationary element cannot shift"):
        cost(16, PARTS, dataflow="os")
