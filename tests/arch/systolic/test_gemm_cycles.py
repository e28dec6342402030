# SPDX-License-Identifier: Apache-2.0
"""Closed forms of whole products against the schedules that go through every tile, and a few small numbers."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.arch.systolic.gemm_cycles import (
    ClockInterval,
    WsOutput,
    os_clock_intervals,
    os_gemm_cycles,
    os_interval_cycles,
    ws_clock_intervals,
    ws_gemm_cycles,
    ws_interval_cycles,
)
from halo.arch.systolic.os_cycles import OsArray, OsTile, os_cycles, os_schedule, os_tiles
from halo.arch.systolic.ws_cycles import WsArray, WsTile, ws_cycles, ws_schedule, ws_tiles
from halo.errors import HaloError

WAITS = st.tuples(st.integers(0, 9), st.integers(0, 9))
CLASS = st.integers(0, 2)
WS_ARRAYS = st.builds(
    WsArray,
    st.integers(1, 5),
    st.integers(1, 9),
    st.integers(1, 7),
    st.integers(0, 1),
    st.integers(0, 3),
    st.integers(0, 3),
)
OS_ARRAYS = st.builds(OsArray, st.integers(1, 5), st.integers(1, 5), st.integers(0, 1))


@settings(max_examples=200, deadline=None)
@given(WS_ARRAYS, st.integers(1, 40), st.integers(1, 12), st.integers(1, 60))
def test_weight_stationary_products(array: WsArray, m: int, k: int, n: int) -> None:
    assert ws_gemm_cycles(array, m, k, n) == ws_cycles(array, ws_tiles(array, m, k, n))


@settings(max_examples=100, deadline=None)
@given(OS_ARRAYS, st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_output_stationary_products(array: OsArray, m: int, k: int, n: int) -> None:
    assert os_gemm_cycles(array, m, k, n) == os_cycles(array, os_tiles(array, m, k, n))


@st.composite
def ws_outputs(draw: st.DrawFn) -> tuple[WsArray, list[WsOutput]]:
    array = draw(WS_ARRAYS)
    runs = st.lists(st.tuples(CLASS, st.integers(1, 3)), min_size=1, max_size=3).map(tuple)
    return array, draw(st.lists(st.builds(WsOutput, st.integers(1, array.depth), runs), max_size=9))


def ws_tiles_of(outputs: list[WsOutput]) -> list[WsTile]:
    tiles = []
    for output in outputs:
        kinds = [kind for kind, count in output.runs for _ in range(count)]
        last = len(kinds) - 1
        tiles += [WsTile(output.rows, n == 0, n == last, kind) for n, kind in enumerate(kinds)]
    return tiles


@settings(max_examples=200, deadline=None)
@given(ws_outputs(), WAITS)
def test_weight_stationary_stretches(drawn: tuple[WsArray, list[WsOutput]], waits: tuple[int, int]) -> None:
    array, outputs = drawn
    tiles = ws_tiles_of(outputs)
    schedule = ws_schedule(array, tiles, waits)
    intervals = ws_clock_intervals(array, outputs, waits)
    assert sum(interval.cycles for interval in intervals) == schedule.cycles
    kinds = [(kind, len(list(same))) for kind, same in groupby(tile.frequency_class for tile in tiles)]
    assert [(interval.frequency_class, interval.tiles) for interval in intervals] == kinds
    # Each ends with the first wait behind its last sums, and the next one starts its first tile after the second.
    taken = done = 0
    for interval in intervals[:-1]:
        taken, done = taken + interval.tiles, done + interval.cycles
        last = schedule.activations[sum(tile.rows for tile in tiles[:taken]) - 1]
        assert done == last + array.latency + 1 + waits[0]
        assert schedule.starts[taken] == done + 3 + waits[1]


@settings(max_examples=100, deadline=None)
@given(OS_ARRAYS, st.data(), WAITS)
def test_output_stationary_stretches(array: OsArray, data: st.DataObject, waits: tuple[int, int]) -> None:
    tile = st.builds(OsTile, st.integers(1, array.rows), st.integers(1, 9), CLASS)
    runs = data.draw(st.lists(st.tuples(tile, st.integers(1, 3)), max_size=9))
    tiles = [tile for tile, count in runs for _ in range(count)]
    schedule = os_schedule(array, tiles, waits)
    intervals = os_clock_intervals(array, runs, waits)
    assert sum(interval.cycles for interval in intervals) == schedule.cycles
    kinds = [(kind, len(list(same))) for kind, same in groupby(tile.frequency_class for tile in tiles)]
    assert [(interval.frequency_class, interval.tiles) for interval in intervals] == kinds
    taken = done = 0
    for interval in intervals[:-1]:
        taken, done = taken + interval.tiles, done + interval.cycles
        assert done == schedule.lasts[taken - 1] + array.flush + 1 + waits[0]
        assert schedule.steps[sum(tile.steps for tile in tiles[:taken])] == done + 2 + waits[1]


@settings(max_examples=50, deadline=None)
@given(WS_ARRAYS, st.integers(1, 7), st.lists(st.integers(1, 5), min_size=2, max_size=5))
def test_one_stretch_by_itself(array: WsArray, rows: int, counts: list[int]) -> None:
    """K-tiles grouped by class within an output tile: the load, then every interval as if it were alone."""
    rows = min(rows, array.depth)
    runs = tuple((number, count) for number, count in enumerate(counts))
    intervals = ws_clock_intervals(array, [WsOutput(rows, runs)], (0, 0))
    alone = [ws_interval_cycles(array, rows, count, changed=number > 0) for number, count in runs]
    assert [interval.cycles for interval in intervals] == [max(array.rows, 3) + alone[0], *alone[1:]]
    mesh = OsArray(array.rows, array.columns, array.pipeline)
    products = [(OsTile(mesh.rows, rows, number), count) for number, count in runs]
    alone = [os_interval_cycles(mesh, mesh.rows, rows, count, changed=number > 0) for number, count in runs]
    assert [interval.cycles for interval in os_clock_intervals(mesh, products, (0, 0))] == [2 + alone[0], *alone[1:]]


def test_small_numbers() -> None:
    array = WsArray(4, 3, depth=8)
    assert ws_gemm_cycles(array, 8, 4, 3) == 4 + 8 + (4 + 3 + 6)  # load, stream, fill and drain
    assert ws_gemm_cycles(array, 8, 40, 3) == 4 + 10 * 8 + (4 + 3 + 6)  # loads overlap
    assert ws_gemm_cycles(array, 1, 40, 3) == 4 + 9 * 4 + 1 + (4 + 3 + 6)  # loads do not
    assert ws_gemm_cycles(WsArray(2, 3), 1, 20, 3) == 3 + 9 * 4 + 1 + (2 + 3 + 6)  # nor do their sums
    # Two k-tiles in class 0, drain, acknowledge after 5 clocks; 7 more, the swap and its gap, one tile, drain.
    assert ws_clock_intervals(array, [WsOutput(8, ((0, 2), (1, 1)))], (5, 7)) == (
        ClockInterval(0, 2, 4 + 16 + 13 + 5),
        ClockInterval(1, 1, 3 + 7 + 2 + 8 + 13),
    )
    assert ws_clock_intervals(array, []) == os_clock_intervals(OsArray(2, 2), []) == ()


def test_large_products_are_as_quick_as_small_ones() -> None:
    """128 x 128 of 2048^3: every tile streams 2048 rows, in 16 x 16 tiles; and a product that no list would hold."""
    tpu = WsArray(128, 128, depth=2048)
    assert ws_gemm_cycles(tpu, 2048, 2048, 2048) == 128 + 256 * 2048 + (128 + 128 + 6)
    # A ragged chunk of 1 row and one of 16 rows wait for room in turn: whole columns repeat.
    waiting = WsArray(16, 300, depth=16)
    first, second, third = (ws_gemm_cycles(waiting, 17, 16, 300 * 10**e) for e in (6, 7, 8))
    assert (third - second) == 10 * (second - first)
    assert os_gemm_cycles(OsArray(128, 128), 2048, 2048, 2048) == 256 * 2048 + 133 + 2 * 128


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, -3)])
def test_bad_sizes(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(HaloError, match="a matrix product of sizes"):
        ws_gemm_cycles(WsArray(2, 2), *sizes)
    with pytest.raises(HaloError, match="a matrix product of sizes"):
        os_gemm_cycles(OsArray(2, 2), *sizes)


@pytest.mark.parametrize(
    "output", [WsOutput(0, ((0, 1),)), WsOutput(5, ((0, 1),)), WsOutput(1, ()), WsOutput(1, ((0, 0),))]
)
def test_bad_output_tiles(output: WsOutput) -> None:
    with pytest.raises(HaloError, match="output tile 1 has"):
        ws_clock_intervals(WsArray(2, 2, depth=4), [WsOutput(1, ((0, 1),)), output])


@pytest.mark.parametrize(("tile", "count"), [(OsTile(3, 1), 1), (OsTile(1, 0), 1), (OsTile(1, 1), 0)])
def test_bad_runs(tile: OsTile, count: int) -> None:
    with pytest.raises(HaloError, match="run 0 has"):
        os_clock_intervals(OsArray(2, 2), [(tile, count)])
