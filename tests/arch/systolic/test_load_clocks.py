# SPDX-License-Identifier: Apache-2.0
"""Clocks of segments against the schedules that the RTL's benches measure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.arch.systolic.gemm_cycles import os_interval_cycles, ws_interval_cycles
from halo.arch.systolic.load_clocks import Clocked, OsClocks, Runs, WsClocks, clock
from halo.arch.systolic.os_cycles import OsArray, OsTile, os_cycles
from halo.arch.systolic.ws_cycles import WsArray, WsTile, ws_cycles

RUN = st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(0, 2))
SIDE = st.integers(1, 6)


def runs_of(parts: list[tuple[int, int, int]]) -> Runs:
    loads, rows, kinds = (np.array(column, np.int64) for column in zip(*parts, strict=True))
    return Runs(loads, rows, kinds, np.zeros(len(parts)))


def by_segment(clocked: Clocked) -> list[int]:
    return [int(c) for c in np.bincount(clocked.segment, clocked.loads * clocked.cycles)]


def from_zero(kinds: list[int]) -> list[int]:
    """The same classes by other names, the first of them 0: the schedules start in class 0."""
    return [(kind - kinds[0]) % 3 for kind in kinds]


@settings(max_examples=60, deadline=None)
@given(SIDE, SIDE, st.integers(0, 1), st.integers(0, 2), st.integers(0, 2), st.lists(RUN, min_size=1, max_size=6))
def test_weight_stationary(
    rows: int, columns: int, pipeline: int, swap: int, change: int, parts: list[tuple[int, int, int]]
) -> None:
    array = WsArray(rows, columns, 64, pipeline, swap, change)
    parts = [(n, r, c) for (n, r, _), c in zip(parts, from_zero([c for *_, c in parts]), strict=True)]
    clocked = clock(WsClocks(array), runs_of(parts), np.array([c for *_, c in parts]))
    tiles = [WsTile(r, frequency_class=c) for n, r, c in parts for _ in range(n)]
    assert sum(by_segment(clocked)) == ws_cycles(array, tiles, (0, 0))
    changes = sum(a.frequency_class != b.frequency_class for a, b in pairwise(tiles))
    # Waits of the regulator come on top, whole.
    assert sum(by_segment(clocked)) + changes * 90 == ws_cycles(array, tiles, (60, 30))


@settings(max_examples=60, deadline=None)
@given(SIDE, SIDE, st.integers(0, 1), st.integers(1, 20), st.lists(RUN, min_size=1, max_size=6))
def test_output_stationary(
    rows: int, columns: int, pipeline: int, steps: int, parts: list[tuple[int, int, int]]
) -> None:
    array = OsArray(rows, columns, pipeline)
    kinds = from_zero([c for *_, c in parts])
    parts = [(n, 1 + r % rows, c) for (n, r, _), c in zip(parts, kinds, strict=True)]
    clocked = clock(OsClocks(array, steps), runs_of(parts), np.array(kinds))
    tiles = [OsTile(r, steps, c) for n, r, c in parts for _ in range(n)]
    assert sum(by_segment(clocked)) == os_cycles(array, tiles, (0, 0))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_segments_are_stretches(count: int) -> None:
    parts = [(3, 9, 0), (count, 9, 1), (2, 9, 2)]
    ws, os = WsArray(4, 3, depth=64, swap_gap=1, class_gap=3), OsArray(9, 3)
    clocked = clock(WsClocks(ws), runs_of(parts), np.arange(3))
    assert by_segment(clocked)[1] == ws_interval_cycles(ws, 9, count, changed=True)
    clocked = clock(OsClocks(os, 5), runs_of(parts), np.arange(3))
    assert by_segment(clocked)[1] == os_interval_cycles(os, 9, 5, count, changed=True)
    assert clocked.loads.sum() == 5 + count
