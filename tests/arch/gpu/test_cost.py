# SPDX-License-Identifier: Apache-2.0
"""What a layer costs on a GPU: conservation, the choice of clocks, energy by hand, and errors."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.arch.gpu.cost import layer_costs
from halo.arch.gpu.device import read_device
from halo.arch.weights import Element, LayerWeights, TileClass
from halo.dvfs.points import Dvfs, OperatingPoint, Transition, period_ps
from halo.errors import HaloError
from halo.workload.gemm import Gemm

DVFS = Dvfs(
    "three",
    tuple(
        OperatingPoint(n, v, f, "test") for n, v, f in (("slow", 0.9, 1.5), ("middle", 1.0, 2.0), ("fast", 1.1, 2.8))
    ),
    Transition("ivr", 20, 10, 0, "test"),
    "assumed",
)
ELEMENT = Element((1.0, 1.0, 1.0), (10.0, 20.0, 30.0), "test")
NAN = math.nan
SLOW = TileClass("any", tuple(range(-128, 128)), (0,), (900.0, NAN, NAN))
MIDDLE = TileClass("INT4 << 4", (0, 16), (0, 1), (500.0, 600.0, NAN))
FAST = TileClass("INT3 << 5", (0, 32), (0, 1, 2), (400.0, 500.0, 600.0))


def gemm(m: int, k: int, n: int, kind: str = "linear") -> Gemm:
    return Gemm("g", kind, "gate", m, k, n, 1, 0, None)  # type: ignore[arg-type]


def shares(*share: float, sparse: float = 0.0) -> LayerWeights:
    return LayerWeights((MIDDLE, FAST), share, None, None, 4.0, sparse, "int8")


def test_ways_and_their_points() -> None:
    device = read_device("a100-80")
    ways = layer_costs(device, gemm(2048, 4096, 4096), shares(0.5, 0.5), DVFS, ELEMENT)
    assert [way.order for way in ways] == [(1,), (0,), (1, 2)]
    assert [way.order for way in layer_costs(device, gemm(64, 256, 256), shares(0, 1), DVFS, ELEMENT)] == [
        *((2,), (1,), (0,))
    ]
    whole, slower, grouped = ways
    assert whole.segments[0].cycles == slower.segments[0].cycles and whole.bound == "compute"
    assert slower.compute_ps == pytest.approx(whole.compute_ps * 2 / 1.5, rel=1e-6)
    assert grouped.compute_ps == sum(period_ps(s.cycles, DVFS.points[s.point]) for s in grouped.segments)
    assert sum(segment.tiles for segment in grouped.segments) == whole.segments[0].tiles == 32 * 32
    assert [segment.tile_class for segment in grouped.segments] == [0, 1]


def test_compute_bound_time_follows_the_clocks() -> None:
    """The paper's t = sum of p_i / f_i, within what waves and the loop's ends cost."""
    device = read_device("a100-80")
    size = gemm(8192, 8192, 8192)
    *_, grouped = layer_costs(device, size, shares(0.25, 0.75), DVFS, ELEMENT, memory_time=False)
    ideal_ps = 1e3 * size.macs / device.macs_per_cycle(device.instruction("int8", "int32")) * (0.25 / 2.0 + 0.75 / 2.8)
    assert 1 < grouped.compute_ps / ideal_ps < 1.12 and grouped.stall_ps == 0


@pytest.mark.parametrize("name", ["a100-80", "v100"])
def test_decode_is_bound_by_memory_whatever_the_clock(name: str) -> None:
    device = read_device(name)
    weights = LayerWeights((FAST,), (1.0,), None, None, 16.0, 0.0, "fp16")
    ways = layer_costs(device, gemm(1, 4096, 11008), weights, DVFS, ELEMENT, activation_bits=16)
    compulsory = 2 * (4096 * 11008 + 4096 + 11008)
    for way in ways:
        assert way.bound == "memory" and way.weight_bytes + way.activation_bytes + way.result_bytes == compulsory
        assert compulsory * 1e3 / (way.compute_ps + way.stall_ps) == pytest.approx(device.dram_measured_gb_s, rel=0.01)


def test_energy_by_hand() -> None:
    """One 128 x 128 x 128 product is 512 instructions without padding."""
    device = read_device("a100-80")
    way = layer_costs(device, gemm(128, 128, 128), shares(0.5, 0.5, sparse=0.01), DVFS, ELEMENT)[0]
    macs = 128**3
    assert way.core_pj == round(macs * (0.5 * 600 + 0.5 * 500 + 20 + 0.01 * 500) / 1e3)
    moved = 128 * 128 * (0.5 + 1 + 1)
    assert way.dram_pj == round(moved * device.dram_pj_per_byte)
    registers = macs // 4096 * (16 * 32 + 32 * 8 + 2 * 4 * 16 * 8) * device.register_pj_per_byte
    assert way.buffer_pj > registers
    assert way.static_mw == 32300 + 108 * 283 == device.static_mw


@settings(max_examples=15, deadline=None)
@given(
    m=st.integers(1, 600),
    k=st.integers(1, 1500),
    n=st.integers(1, 1500),
    side=st.sampled_from((16, 32, 64, 128)),
    seed=st.integers(0, 99),
    memory_time=st.booleans(),
)
def test_conservation(m: int, k: int, n: int, side: int, seed: int, memory_time: bool) -> None:
    device = read_device("a100-80")
    tiles = np.random.default_rng(seed).integers(0, 3, (-(-k // side), -(-n // side))).astype(np.uint8)
    heights, widths = (np.minimum(side, size - side * np.arange(-(-size // side))) for size in (k, n))
    share = tuple(float((np.outer(heights, widths) * (tiles == c)).sum() / (k * n)) for c in range(3))
    weights = LayerWeights((SLOW, MIDDLE, FAST), share, side, tiles, 4.5, 0.002, "int8")
    ways = layer_costs(device, gemm(m, k, n), weights, DVFS, ELEMENT, memory_time=memory_time)
    there = {(SLOW, MIDDLE, FAST)[c].points[-1] for c in np.unique(tiles)}
    assert (len(ways[-1].segments) > 1) == (len(there) > 1 and side >= 32)
    for way in ways:
        assert way.macs == m * k * n
        assert 0 < way.utilisation <= 1
        assert way.weight_bytes >= k * n * 4.5 / 8 and way.activation_bytes >= m * k and way.result_bytes >= m * n
        assert sum(segment.tiles for segment in way.segments) == tiles.size
        assert way.stall_ps == 0 or memory_time
        assert list(way.order) == sorted(set(way.order))
        for segment in way.segments:
            assert segment.point in (SLOW, MIDDLE, FAST)[segment.tile_class].points
        least = m * k * n * (share[0] * 900 + share[1] * 500 + share[2] * 400) / 1e3
        assert way.core_pj >= int(least)


def test_unequal_columns_take_longer_than_equal_ones() -> None:
    device = read_device("a100-80")
    size = gemm(512, 4096, 4096)
    rows = np.arange(32)[:, None]
    even, skewed = ((rows + column * np.arange(32)) % 2 for column in (1, 0))
    skewed = (np.arange(32)[None, :] < 16) * np.ones((32, 1), dtype=int)  # whole columns of one class
    times = []
    for tiles in (even, skewed):
        weights = LayerWeights((MIDDLE, FAST), (0.5, 0.5), 128, tiles.astype(np.uint8), 4.0, 0.0, "int8")
        times.append(layer_costs(device, size, weights, DVFS, ELEMENT)[-1].compute_ps)
    assert times[1] > times[0]


def test_the_sparse_part_runs_beside() -> None:
    device = read_device("a100-80")
    few, many = (
        layer_costs(device, gemm(2048, 4096, 4096), shares(0, 1, sparse=sparse), DVFS, ELEMENT)[0]
        for sparse in (0.005, 0.05)
    )
    assert few.stall_ps == 0
    assert many.compute_ps + many.stall_ps == round(0.05 * many.macs / (108 * 64) * 1e3 / 1.5)
    assert many.utilisation < few.utilisation <= 1


def test_attention_has_no_class() -> None:
    weights = LayerWeights((replace(SLOW, energy_fj=(900.0, NAN, NAN)),), (1.0,), None, None, 16.0, 0.0, "int8")
    ways = layer_costs(read_device("a100-80"), gemm(1, 128, 2048, "attention"), weights, DVFS, ELEMENT)
    assert [[segment.tile_class for segment in way.segments] for way in ways] == [[-1]]


def test_memory_that_takes_no_time() -> None:
    device = read_device("rtx2080ti")
    with_memory, without = (
        layer_costs(device, gemm(1, 4096, 4096), shares(0, 1), DVFS, ELEMENT, memory_time=on)[0] for on in (True, False)
    )
    assert with_memory.stall_ps > 0 == without.stall_ps
    assert without.bound == "compute" and without.dram_pj == with_memory.dram_pj


def test_faster_clocks_are_never_slower() -> None:
    device = read_device("a100-80")
    for size in (gemm(1, 4096, 4096), gemm(300, 1000, 700), gemm(2048, 4096, 11008)):
        times = [way.compute_ps + way.stall_ps for way in layer_costs(device, size, shares(0, 1), DVFS, ELEMENT)]
        assert all(a <= b for a, b in itertools.pairwise(times))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"operand": "fp16"}, None),
        ({"share": (0.5, 0.6)}, "shares"),
        ({"classes": (MIDDLE, replace(FAST, points=(0, 3)))}, "does not fit the 3 operating points"),
        ({"classes": (SLOW, replace(FAST, points=(2,)))}, "no operating point of three is safe"),
        ({"tile": 64, "tile_class": np.zeros((3, 4), np.uint8)}, "tiles for 256 x 256 weights"),
        ({"tile": 64, "tile_class": np.zeros((4, 4), np.uint8)}, "of other classes"),
        ({"classes": (MIDDLE, replace(FAST, energy_fj=(400.0, NAN, 600.0)))}, "no energy at a point"),
    ],
)
def test_what_does_not_fit(change: dict[str, object], what: str | None) -> None:
    weights = replace(shares(0.5, 0.5), **change)  # type: ignore[arg-type]
    device = read_device("a100-80")
    if what is None:
        assert layer_costs(device, gemm(64, 256, 256), weights, DVFS, ELEMENT)
        return
    with pytest.raises(HaloError, match=what):
        layer_costs(device, gemm(64, 256, 256), weights, DVFS, ELEMENT)


def test_int8_on_a_device_without_it() -> None:
    with pytest.raises(HaloError, match="multiply no int8"):
        layer_costs(read_device("v100"), gemm(64, 256, 256), shares(0.5, 0.5), DVFS, ELEMENT)


def test_equal_products_run_side_by_side() -> None:
    """Heads of attention: the same MACs and bytes as one by one, far less time where one leaves most SMs idle."""
    device = read_device("a100-80")
    cache = LayerWeights((SLOW,), (1.0,), None, None, 8.0, 0.0, "int8")
    one, heads = gemm(1, 128, 2048, "attention"), replace(gemm(1, 128, 2048, "attention"), count=32)
    (alone,), (together,) = (layer_costs(device, size, cache, DVFS, ELEMENT) for size in (one, heads))
    assert together.macs == 32 * alone.macs == heads.macs
    assert together.weight_bytes == 32 * alone.weight_bytes == 32 * 128 * 2048
    assert together.result_bytes == 32 * alone.result_bytes
    assert together.bound == "memory" and together.compute_ps < 4 * alone.compute_ps
    (large,) = layer_costs(device, gemm(4096, 1024, 4096, "attention"), cache, DVFS, ELEMENT)
    (many,) = layer_costs(device, replace(gemm(4096, 1024, 4096, "attention"), count=8), cache, DVFS, ELEMENT)
    assert 7 < many.compute_ps / large.compute_ps <= 8
