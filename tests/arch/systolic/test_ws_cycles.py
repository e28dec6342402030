# SPDX-License-Identifier: Apache-2.0
"""The cycle contract of the weight-stationary array: closed forms, and bad tiles. The benches measure it on the RTL."""

from __future__ import annotations

import pytest

from halo.arch.systolic.ws_cycles import WsArray, WsTile, ws_cycles, ws_schedule, ws_tiles
from halo.errors import HaloError

ARRAYS = (WsArray(1, 1), WsArray(2, 3, pipeline=1), WsArray(4, 4, swap_gap=2), WsArray(16, 16, depth=64))


@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_one_tile(array: WsArray) -> None:
    for rows in (1, array.rows, array.depth):
        assert ws_cycles(array, [WsTile(rows)]) == array.one_tile(rows)
    assert WsArray(16, 16).one_tile(16) == 16 + 16 + (16 + 16 + 6)  # load, stream, fill and drain
    assert WsArray(2, 2).one_tile(1) == 3 + 1 + (2 + 2 + 6)  # the command takes longer than the load


@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_tiles_of_one_output_tile_follow_each_other_without_a_gap(array: WsArray) -> None:
    for rows in (1, array.depth):
        tiles = [WsTile(rows, n == 0, n == 9) for n in range(10)]
        assert ws_cycles(array, tiles) == 9 * array.period(rows) + array.one_tile(rows)
        assert array.period(rows) == max(max(rows, 4) + (array.swap_gap and array.swap_gap + 1), array.rows)


def test_output_tiles_wait_for_room_only_where_they_are_shorter_than_the_way() -> None:
    long, short = WsArray(4, 4, depth=16), WsArray(4, 4, depth=4)
    assert ws_cycles(long, [WsTile(16)] * 10) == 9 * 16 + long.one_tile(16)
    schedule = ws_schedule(short, [WsTile(4)] * 10)
    # Two tiles fill the buffer; the third starts after the last row of the first has left and it has been checked.
    assert schedule.starts[:3] == (4, 8, 4 + short.latency + 6)
    assert schedule.starts[2] == schedule.results[3] + 3


def test_a_change_of_the_clock_empties_the_array_and_waits_twice() -> None:
    array = WsArray(4, 4)
    tiles = [WsTile(16), WsTile(16, frequency_class=2), WsTile(16, frequency_class=2)]
    schedule = ws_schedule(array, tiles, (10, 7))
    assert schedule.starts == (
        4,
        4 + 16 + array.latency + 3 + 17,
        4 + 32 + array.latency + 3 + 17 + array.lead(changed=True),
    )
    first = ws_schedule(array, tiles[1:], (10, 7))
    assert first.starts[0] == 5 + 17
    assert ws_schedule(WsArray(32, 4), tiles[1:], (10, 7)).starts[0] == 32  # hidden behind the load


@pytest.mark.parametrize(
    ("swap_gap", "class_gap", "within", "after"), [(0, 0, 0, 0), (0, 1, 0, 2), (3, 1, 4, 4), (1, 2, 2, 3)]
)
def test_the_first_tile_after_a_change_of_the_clock_waits_for_its_weights(
    swap_gap: int, class_gap: int, within: int, after: int
) -> None:
    array = WsArray(4, 4, swap_gap=swap_gap, class_gap=class_gap)
    schedule = ws_schedule(array, [WsTile(16), WsTile(16, frequency_class=1), WsTile(16, frequency_class=1)])
    first = schedule.activations[::16]
    assert [clock - start for clock, start in zip(first, schedule.starts, strict=True)] == [within, after, within]
    assert schedule.starts[2] == schedule.starts[1] + after + 16
    assert schedule.results == tuple(clock + array.latency for clock in schedule.activations)


def test_a_product_with_ragged_tiles() -> None:
    array = WsArray(4, 3, depth=8)
    tiles = list(ws_tiles(array, 17, 9, 4))
    assert len(tiles) == 2 * 3 * 3
    assert [tile.rows for tile in tiles[::3]] == [8, 8, 1] * 2
    assert sum(tile.rows for tile in tiles if tile.last) == 2 * 17
    schedule = ws_schedule(array, tiles)
    assert len(schedule.results) == 2 * 17 and list(schedule.results) == sorted(set(schedule.results))


@pytest.mark.parametrize(
    ("tiles", "what"),
    [
        ([WsTile(0)], "tile 0 has 0 rows"),
        ([WsTile(1), WsTile(17)], "tile 1 has 17 rows"),
        ([WsTile(4, first=False)], "tile 0 is out of place"),
        ([WsTile(4, last=False), WsTile(4)], "tile 1 is out of place"),
        ([WsTile(4, last=False), WsTile(5, first=False)], "tile 1 is out of place"),
    ],
)
def test_bad_tiles(tiles: list[WsTile], what: str) -> None:
    with pytest.raises(HaloError, match=what):
        ws_cycles(WsArray(4, 4), tiles)


def test_bad_arrays() -> None:
    with pytest.raises(HaloError, match="with columns=0"):
        WsArray(4, 0)
    with pytest.raises(HaloError, match="with swap_gap=-1"):
        WsArray(4, 4, swap_gap=-1)
    with pytest.raises(HaloError, match="with class_gap=-1"):
        WsArray(4, 4, class_gap=-1)


def test_nothing() -> None:
    assert ws_cycles(WsArray(4, 4), []) == 0
