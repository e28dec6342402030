# SPDX-License-Identifier: Apache-2.0
"""Costs of layers on systolic arrays: conservation, the schedules' clocks, and figures by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.arch.systolic.array import SystolicArch, read_arch
from halo.arch.systolic.cost import layer_costs, vector_cost
from halo.arch.systolic.gemm_cycles import os_gemm_cycles, ws_gemm_cycles
from halo.arch.systolic.os_cycles import OsTile, os_cycles
from halo.arch.systolic.ws_cycles import WsTile, ws_cycles
from halo.arch.weights import Element, LayerWeights, TileClass
from halo.dvfs.cost import LayerCost
from halo.dvfs.points import Dvfs, OperatingPoint, Transition, change_ps, period_ps
from halo.errors import HaloError
from halo.workload.gemm import Gemm, VectorOperation

POINTS = tuple(
    OperatingPoint(name, volt, ghz, "test")
    for name, volt, ghz in (("slow", 1.0, 1.0), ("mid", 1.1, 2.0), ("fast", 1.2, 4.0))
)
DVFS = Dvfs("test", POINTS, Transition("ivr", 20, 10, 1.0, "test"), "assumed")
ELEMENT = Element((100.0, 110.0, 120.0), (10.0, 11.0, 12.0), "test")
NAN = math.nan
SLOW = TileClass("all", tuple(range(-128, 128)), (0,), (50.0, NAN, NAN))
MIDDLE = TileClass("INT4 << 4", (0, 16), (0, 1), (40.0, 45.0, NAN))
FAST = TileClass("INT3 << 5", (0, 32), (0, 1, 2), (30.0, 35.0, 40.0))
CLASSES = (SLOW, MIDDLE, FAST)


def gemm(m: int, k: int, n: int, kind: str = "linear") -> Gemm:
    return Gemm("test", "attention" if kind == "attention" else "linear", "q", m, k, n, 1, 0, None)


def shares(*share: float, sparse: float = 0.0) -> LayerWeights:
    return LayerWeights(CLASSES, share, None, None, 4.0, sparse, "int8")


def small(**changes: object) -> SystolicArch:
    """A 4 x 3 array with room for everything."""
    sizes = {"rows": 4, "columns": 3, "accumulator_bytes": 2 * 32 * 3 * 4}
    return replace(read_arch("systolic-32"), **{**sizes, **changes})


def cycles(cost: LayerCost) -> int:
    return sum(segment.cycles for segment in cost.segments)


def check_sums(cost: LayerCost, product: Gemm, arch: SystolicArch, stored_bits: float) -> None:
    m, k, n = product.m, product.k, product.n
    assert cost.macs == m * k * n
    assert cost.compute_ps == sum(period_ps(s.cycles, POINTS[s.point]) for s in cost.segments)
    assert cost.weight_bytes >= k * n * stored_bits / 8
    assert cost.activation_bytes >= m * k and cost.result_bytes == m * n
    assert 0 < cost.utilisation <= 1
    bits = 8 * (cost.weight_bytes + cost.activation_bytes + cost.result_bytes)
    assert cost.dram_pj == pytest.approx(bits * arch.dram_pj_bit, abs=8 * arch.dram_pj_bit + 1)
    total_ps = cost.compute_ps + cost.stall_ps
    whole_bytes = bits / 8 - 3  # each of the three is rounded up
    assert total_ps >= whole_bytes * 1e3 / arch.dram_gb_s
    peak_ps = m * k * n / arch.elements * 1e3 / POINTS[max(s.point for s in cost.segments)].frequency_ghz
    assert total_ps >= peak_ps * (1 - 1e-9)


@settings(max_examples=40, deadline=None)
@given(
    *(st.integers(1, 70), st.integers(1, 20), st.integers(1, 20), st.integers(1, 9), st.integers(0, 2**32 - 1)),
    *(st.sampled_from(["ws", "os"]), st.sampled_from([0.01, 1.0, 100.0]), st.sampled_from([16, 10_000])),
)
def test_conservation_and_the_clocks_of_the_schedule(
    m: int, k: int, n: int, tile: int, seed: int, dataflow: str, bandwidth: float, kib: int
) -> None:
    """Every way of random layers: whole sums; its segments, played as tiles, take the clocks of the RTL's schedule."""
    kinds = np.random.default_rng(seed).integers(0, 3, (-(-k // tile), -(-n // tile))).astype(np.uint8)
    weights = LayerWeights(CLASSES, (0.3, 0.3, 0.4), tile, kinds, 4.0, 0.0, "int8")
    arch = small(dataflow=dataflow, dram_gb_s=bandwidth, weight_bytes=kib, activation_bytes=kib)
    product = gemm(m, k, n)
    costs = layer_costs(arch, product, weights, DVFS, ELEMENT)
    assert len(set(costs)) == len(costs) >= 1
    limits = [set(each.points) for each in CLASSES]
    for cost in costs:
        check_sums(cost, product, arch, 4.0)
        assert all(segment.point in limits[segment.tile_class] for segment in cost.segments)
        assert all(a.point != b.point for a, b in pairwise(cost.segments))
        names = [(segment.point - cost.segments[0].point) % 3 for segment in cost.segments]
        points = [name for name, segment in zip(names, cost.segments, strict=True) for _ in range(segment.tiles)]
        if dataflow == "os" and (m <= 4 or m % 4 == 0):
            assert cycles(cost) == os_cycles(arch.os(), [OsTile(min(m, 4), k, point) for point in points], (0, 0))
        if dataflow == "ws" and m <= 32:
            loads = -(-k // 4) * -(-n // 3)
            chunks = len(points) // loads
            assert len(points) == chunks * loads
            if m % chunks == 0:
                tiles = [WsTile(m // chunks, frequency_class=point) for point in points]
                assert cycles(cost) == ws_cycles(arch.ws(), tiles, (0, 0))
    single = costs[0]
    assert len(single.segments) == 1 and single.segments[0].point == max(limits[int(kinds.min())])
    calm = layer_costs(arch, product, weights, DVFS, ELEMENT, memory_time=False)
    assert all(cost.stall_ps == 0 and cost.bound == "compute" for cost in calm)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 150), st.integers(1, 30), st.integers(1, 30))
def test_one_clock_takes_the_cycles_of_the_whole_product(m: int, k: int, n: int) -> None:
    ws, os = small(), small(dataflow="os")
    even = -(-m // -(-m // ws.depth)) if m > ws.depth else ws.depth  # chunks of rows are of even length
    fastest = [
        layer_costs(arch, gemm(m, k, n), shares(0, 0, 1), DVFS, ELEMENT, memory_time=False)[0] for arch in (ws, os)
    ]
    assert all([segment.point for segment in cost.segments] == [2] for cost in fastest)
    assert cycles(fastest[0]) == ws_gemm_cycles(replace(ws.ws(), depth=even), m, k, n)
    assert cycles(fastest[1]) == os_gemm_cycles(os.os(), m, k, n)


def test_a_layer_by_hand() -> None:
    """8 x 8 by 8 x 6 on 4 x 3: four loads, two columns, the k-tiles of the second one all fast."""
    kinds = np.array([[0, 2], [2, 2]], np.uint8)
    weights = LayerWeights(CLASSES, (0.3, 0.0, 0.7), 4, kinds, 4.0, 0.0, "int8")
    # Tiles of 4 columns, loads of 3: the second load of the first row covers a slow column of weights and two fast.
    arch = small(dram_gb_s=0.5)  # 2,000 ps a byte
    costs = layer_costs(arch, gemm(8, 8, 6), weights, DVFS, ELEMENT)
    one, grouped = costs[0], next(cost for cost in costs if cost.order == (0, 2))
    assert [(s.point, s.tile_class, s.tiles) for s in one.segments] == [(0, 0, 4)]
    way = 4 + 3 + 6
    assert cycles(one) == 4 + 4 * 8 + way
    # All transfers last longer: 12 x 4 bits of weights (6 bytes) and 64 / 4 of activations a load, 48 of results.
    per_load, clock = 22 * 2000, 1000
    waits = per_load + (per_load - (4 + 8) * clock) + 2 * (per_load - 8 * clock) + 48 * 2000
    assert one.stall_ps == waits and one.bound == "memory"
    assert one.utilisation == pytest.approx(8 * 8 * 6 / 12 / (cycles(one) + waits / clock))
    # 16 slow weights and 32 fast ones, all at the slow point, 8 rows; overhead of 12 elements in every clock
    assert one.core_pj == round((8 * (16 * 50 + 32 * 30) + 12 * cycles(one) * 10) / 1e3)
    assert one.static_mw == pytest.approx(12 * 100e-6)
    assert (one.weight_bytes, one.activation_bytes, one.result_bytes) == (24, 64, 48)
    assert one.dram_pj == (24 + 64 + 48) * 8 * 8
    # Grouped: both loads of the first row at 1 GHz, those of the second at 4 GHz after a change.
    assert [(s.point, s.tile_class, s.cycles, s.tiles) for s in grouped.segments] == [
        (0, 0, 4 + 8 + 8 + way, 2),
        (2, 2, 3 + 2 + 8 + 8 + way, 2),
    ]
    assert grouped.compute_ps == 33_000 + 34 * 250
    # In the slow loads 16 slow and 8 fast weights, in the fast ones 24 fast.
    slow_fj = 8 * (16 * 50 + 8 * 30) + 12 * 33 * 10
    assert grouped.core_pj == round((slow_fj + 8 * 24 * 40 + 12 * 34 * 12) / 1e3)
    first = per_load + (per_load - (4 + 8) * 1000) + (per_load - (8 + way) * 1000)
    assert grouped.stall_ps == first + (per_load - (3 + 2 + 8) * 250) + 48 * 2000


def test_classes_of_one_column_follow_each_other_and_the_next_begins_with_the_last() -> None:
    arch = small(accumulator_bytes=2 * 16 * 3 * 4)  # 16 rows: one column of tiles a pass
    kinds = np.array([[0, 2, 0], [2, 0, 2], [0, 2, 2]], np.uint8)
    weights = LayerWeights(CLASSES, (0.4, 0.0, 0.6), 4, kinds, 4.0, 0.0, "int8")
    wide = replace(arch, columns=4, accumulator_bytes=2 * 16 * 4 * 4)
    costs = layer_costs(wide, gemm(16, 12, 12), weights, DVFS, ELEMENT)
    found = {tuple((s.point, s.tiles) for s in cost.segments) for cost in costs}
    assert ((0, 2), (2, 3), (0, 2), (2, 2)) in found  # slow first
    assert ((2, 1), (0, 3), (2, 4), (0, 1)) in found  # fast first


def test_rows_that_pass_at_once_take_all_columns() -> None:
    """Decode: one row, one change a layer, however many columns it has."""
    costs = layer_costs(read_arch("systolic-128"), gemm(1, 4096, 4096), shares(0, 0.25, 0.75), DVFS, ELEMENT)
    orders = {cost.order for cost in costs}
    assert orders == {(0,), (1,), (1, 2), (2, 1)}
    grouped = next(cost for cost in costs if cost.order == (1, 2))
    assert [segment.tiles for segment in grouped.segments] == [256, 768]


def test_ways_that_are_left_out_buy_hardly_any_time() -> None:
    costs = layer_costs(read_arch("systolic-128"), gemm(2048, 4096, 4096), shares(0, 0.1, 0.9), DVFS, ELEMENT)
    ends: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for cost in costs:
        time = cost.compute_ps + cost.stall_ps + change_ps(POINTS, cost.order, DVFS.transition)
        energy = cost.core_pj + cost.buffer_pj + cost.dram_pj + cost.static_mw * time * 1e-3
        ends.setdefault((cost.order[0], cost.order[-1]), []).append((time, energy))
    for ways in ends.values():
        ways.sort()
        for (quick, dear), (slow, cheap) in pairwise(ways):
            assert quick < 0.995 * slow and dear > cheap


def test_the_sparse_part_runs_beside_the_array() -> None:
    arch = small(sparse_lanes=1, sparse_pj=2.0, dram_gb_s=1e6)
    dense = layer_costs(arch, gemm(16, 16, 12), shares(0, 0, 1), DVFS, ELEMENT)[0]
    some = layer_costs(arch, gemm(16, 16, 12), shares(0, 0, 1, sparse=0.01), DVFS, ELEMENT)[0]
    much = layer_costs(arch, gemm(16, 16, 12), shares(0, 0, 1, sparse=0.5), DVFS, ELEMENT)[0]
    macs = 16 * 16 * 12
    assert some.stall_ps == dense.stall_ps and much.macs == macs
    assert much.compute_ps + much.stall_ps == pytest.approx(0.5 * macs * 1000, abs=1)
    assert much.core_pj - dense.core_pj == pytest.approx(0.5 * macs * 2, abs=1)


def test_attention_has_no_class() -> None:
    (cost,) = layer_costs(small(), gemm(4, 8, 6, "attention"), shares(1, 0, 0), DVFS, ELEMENT)
    assert [(s.point, s.tile_class) for s in cost.segments] == [(0, -1)]


def test_vector_operations() -> None:
    arch = small(vector_lanes=4, vector_pj=0.5, activation_pj_byte=2.0, constant_mw=3.0)
    cost = vector_cost(arch, VectorOperation("softmax", 0, 10, 41), DVFS, ELEMENT)
    assert (cost.compute_ps, cost.core_pj, cost.buffer_pj) == (11_000, 20, 80)
    assert cost.static_mw == pytest.approx(3 + 12 * 100e-6) and cost.order == (0,) and cost.macs == 0


def test_bad_input() -> None:
    with pytest.raises(HaloError, match="is of size"):
        layer_costs(small(), gemm(0, 4, 4), shares(0, 0, 1), DVFS, ELEMENT)
    nowhere = LayerWeights((replace(SLOW, points=(2,)), FAST), (0.5, 0.5), None, None, 8.0, 0.0, "int8")
    with pytest.raises(HaloError, match="all has no energy at a point"):
        layer_costs(small(), gemm(4, 4, 4), nowhere, DVFS, ELEMENT)
    two = (replace(SLOW, points=(0,)), replace(FAST, points=(1, 2)))
    apart = LayerWeights(two, (0.5, 0.5), 2, np.array([[0, 1], [1, 1]], np.uint8), 8.0, 0.0, "int8")
    with pytest.raises(HaloError, match="no operating point of test is safe for all tiles that share a load with all"):
        layer_costs(small(), gemm(4, 4, 4), apart, DVFS, ELEMENT)
