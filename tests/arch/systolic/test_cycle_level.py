# SPDX-License-Identifier: Apache-2.0
"""The cycle-level simulation against the registers moved one by one, the schedules, and small numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tables import small_table
from stream_stalls import STREAMS, stalled

from halo.arch.systolic.cycle_level import CycleLevel, mac_energies, simulate_os, simulate_ws
from halo.arch.systolic.gemm_cycles import (
    WsOutput,
    os_clock_intervals,
    os_gemm_cycles,
    ws_clock_intervals,
    ws_gemm_cycles,
)
from halo.arch.systolic.loads import OsLoad, StreamStalls, WsLoad, os_loads, ws_loads
from halo.arch.systolic.os_cycles import OsArray, OsTile, os_schedule
from halo.arch.systolic.os_reference import run_os
from halo.arch.systolic.reference import Recorded
from halo.arch.systolic.ws_cycles import WsArray, WsTile, ws_schedule
from halo.arch.systolic.ws_reference import run_ws
from halo.errors import HaloError

SIDE = st.integers(1, 4)
STALLS = st.builds(
    lambda seed, names: stalled(np.random.default_rng(seed), names),
    st.integers(0, 999),
    st.sampled_from(((), *((name,) for name in STREAMS), STREAMS)),
)
WS_ARRAYS = st.builds(WsArray, SIDE, SIDE, st.integers(1, 6), st.integers(0, 1), st.integers(0, 2), st.integers(0, 3))
OS_ARRAYS = st.builds(OsArray, SIDE, SIDE, st.integers(0, 1))
WAIT = st.tuples(st.integers(0, 7), st.integers(0, 7))


def operands(seed: int, m: int, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.integers(-128, 128, (m, k), np.int8), generator.integers(-128, 128, (k, n), np.int8)


def check(found: CycleLevel, truth: Recorded) -> None:
    assert found.outputs.tolist() == truth.outputs.tolist()
    assert found.slots.tolist() == truth.slots.tolist()
    assert found.results.tolist() == truth.results.tolist()
    assert found.busy.tolist() == truth.busy.tolist()
    assert found.weight_activity.tolist() == truth.weight_activity.tolist()
    classes = [kind for interval in found.clock_intervals for kind in [interval.frequency_class] * interval.cycles]
    if found.clock_intervals[0].frequency_class:  # the change before the first tile belongs to its interval
        first = int(np.argmax(truth.clock_class > 0))
        classes[:first] = [0] * first
    assert classes == truth.clock_class.tolist()


@settings(max_examples=60, deadline=None)
@given(WS_ARRAYS, st.tuples(st.integers(1, 14), st.integers(1, 10), st.integers(1, 9)), STALLS, st.data())
def test_weight_stationary_registers(
    array: WsArray, size: tuple[int, int, int], stalls: StreamStalls, data: st.DataObject
) -> None:
    m, k, n = size
    shape = -(-k // array.rows), -(-n // array.columns)
    top = data.draw(st.integers(0, 2))
    classes = np.random.default_rng(m).integers(0, top + 1, shape)
    loads = list(ws_loads(array, *size, classes))
    waits = [data.draw(WAIT) for _ in range(changes(loads))]
    activation, weight = operands(k, *size)
    bits = data.draw(st.sampled_from((16, 20, 32, 40)))
    found = simulate_ws(array, activation, weight, loads, stalls=stalls, waits=waits, acc_bits=bits, threads=1)
    check(found, run_ws(array, activation, weight, loads, stalls, waits, bits))
    assert found.macs == m * k * n


@settings(max_examples=60, deadline=None)
@given(OS_ARRAYS, st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(1, 9)), STALLS, st.data())
def test_output_stationary_registers(
    array: OsArray, size: tuple[int, int, int], stalls: StreamStalls, data: st.DataObject
) -> None:
    m, k, n = size
    classes = data.draw(st.lists(st.integers(0, 2), min_size=-(-n // array.columns), max_size=-(-n // array.columns)))
    loads = list(os_loads(array, *size, classes))
    waits = [data.draw(WAIT) for _ in range(changes(loads))]
    activation, weight = operands(k, *size)
    bits = data.draw(st.sampled_from((16, 20, 32, 40)))
    found = simulate_os(array, activation, weight, loads, stalls=stalls, waits=waits, acc_bits=bits, threads=1)
    check(found, run_os(array, activation, weight, loads, stalls, waits, bits))
    assert found.macs == m * k * n


def changes(loads: list[WsLoad] | list[OsLoad]) -> int:
    return sum(a != b for a, b in pairwise([0, *(load.tile.frequency_class for load in loads)]))


@settings(max_examples=40, deadline=None)
@given(WS_ARRAYS, OS_ARRAYS, st.tuples(st.integers(1, 30), st.integers(1, 12), st.integers(1, 12)), WAIT, st.data())
def test_without_stalls_it_is_the_schedule_and_the_closed_form(
    ws: WsArray, os: OsArray, size: tuple[int, int, int], waits: tuple[int, int], data: st.DataObject
) -> None:
    m, k, n = size
    activation, weight = operands(m, *size)
    plain = (
        simulate_ws(ws, activation, weight, ws_loads(ws, *size)),
        simulate_os(os, activation, weight, os_loads(os, *size)),
    )
    assert [found.cycles for found in plain] == [ws_gemm_cycles(ws, *size), os_gemm_cycles(os, *size)]
    shape = -(-k // ws.rows), -(-n // ws.columns)
    loads = list(ws_loads(ws, *size, np.random.default_rng(k).integers(0, 3, shape)))
    found = simulate_ws(ws, activation, weight, loads, waits=waits)
    schedule = ws_schedule(ws, [load.tile for load in loads], waits)
    assert tuple(found.slots) == schedule.activations and tuple(found.results) == schedule.results
    outputs: list[WsOutput] = []
    for (_, _, rows), part in groupby(loads, lambda load: (load.column, load.row, load.tile.rows)):
        kinds = groupby(load.tile.frequency_class for load in part)
        outputs.append(WsOutput(rows, tuple((kind, len(list(same))) for kind, same in kinds)))
    assert found.clock_intervals == ws_clock_intervals(ws, outputs, waits)
    blocks = data.draw(st.lists(st.integers(0, 2), min_size=-(-n // os.columns), max_size=-(-n // os.columns)))
    products = list(os_loads(os, *size, blocks))
    found = simulate_os(os, activation, weight, products, waits=waits)
    wanted = os_schedule(os, [load.tile for load in products], waits)
    assert tuple(found.slots) == wanted.steps and tuple(found.results) == wanted.results
    assert found.clock_intervals == os_clock_intervals(os, [(load.tile, 1) for load in products], waits)


@pytest.mark.parametrize(("m", "k", "n"), [(70, 100, 90), (1, 64, 200), (129, 33, 65)])
def test_larger_products_on_several_threads(m: int, k: int, n: int) -> None:
    activation, weight = operands(3, m, k, n)
    wanted = activation.astype(np.int64) @ weight.astype(np.int64)
    for threads in (1, 3):
        ws = simulate_ws(
            array := WsArray(32, 48, depth=20), activation, weight, ws_loads(array, m, k, n), threads=threads
        )
        os = simulate_os(mesh := OsArray(32, 48), activation, weight, os_loads(mesh, m, k, n), threads=threads)
        for found in (ws, os):
            assert (found.outputs == wanted).all() and found.outputs.dtype == np.int32
            assert found.macs == m * k * n and found.busy.max() <= found.elements
            assert 0 < found.utilisation <= 1
        assert ws.weight_activity.sum() == m * 32 * -(-k // 32) * 48 * -(-n // 48)


def test_one_element_in_small_numbers() -> None:
    """Weights 3 and -2 by activations 5, 7: each of 1 x 1 elements works two clocks behind its slot."""
    activation, weight = np.array([[5, 7]], np.int8), np.array([[3], [-2]], np.int8)
    array = WsArray(1, 1)
    classes = np.array([[0], [1]])
    found = simulate_ws(array, activation, weight, ws_loads(array, 1, 2, 1, classes), waits=(2, 3))
    assert found.outputs.tolist() == [[15 - 14]]
    # Load, slot in clock 3; quiet from 11 on, request 12, seen 14, its end 15, fallen 18: swap 20, gap, slot 22.
    assert found.slots.tolist() == [3, 22] and found.results.tolist() == [30]
    assert np.flatnonzero(found.busy).tolist() == [5, 24] and found.class_cycles == (14, 17)
    table = np.full(256, np.nan)
    table[3 + 128], table[-2 + 128] = 100.0, 40.0
    # 140 fJ, and one element that leaks 14 clocks of 1000 ps at 5 nW and 17 of 500 ps at 4 nW.
    assert found.energy_fj(table, (5.0, 4.0), (1000.0, 500.0)) == pytest.approx(140 + 0.07 + 0.034, rel=1e-12)
    with pytest.raises(HaloError, match="weight 3 has no energy in class 0"):
        found.energy_fj(np.where(np.arange(256) == 131, np.nan, table), 5.0, 1000.0)


def test_a_large_product_on_a_large_array() -> None:
    activation, weight = operands(1, size := 1024, size, size)
    wanted = activation.astype(np.float64) @ weight.astype(np.float64)
    ws, os = WsArray(128, 128, depth=512), OsArray(128, 128)
    for found, cycles in (
        (simulate_ws(ws, activation, weight, ws_loads(ws, *[size] * 3)), ws_gemm_cycles(ws, *[size] * 3)),
        (simulate_os(os, activation, weight, os_loads(os, *[size] * 3)), os_gemm_cycles(os, *[size] * 3)),
    ):
        assert (found.outputs == wanted).all() and found.macs == size**3
        assert found.cycles == cycles and found.utilisation > 0.99 and found.busy.max() == 128 * 128


def test_energy_of_a_table() -> None:
    """10 V^2 + |weight| fJ a MAC: a product's energy is that of its weights, each met by every row of activations."""
    table = small_table({"low": (0.5, 2.0), "high": (1.0, 1.0)})
    m, k, n = 7, 6, 8
    generator = np.random.default_rng(2)
    activation, weight = generator.integers(-128, 128, (m, k), np.int8), generator.integers(-4, 4, (k, n), np.int8)
    array = WsArray(3, 4)
    found = simulate_ws(array, activation, weight, ws_loads(array, m, k, n))
    for corner, voltage in (("low", 0.5), ("high", 1.0)):
        wanted = m * (10 * voltage**2 * k * n + int(np.abs(weight.astype(int)).sum()))
        assert found.energy_fj(mac_energies(table, corner), 0.0, 1.0) == pytest.approx(wanted, rel=1e-12)
    with pytest.raises(HaloError, match="several corners"):
        mac_energies(table)
    weight[0, 0] = 5
    lacking = simulate_ws(array, activation, weight, ws_loads(array, m, k, n))
    with pytest.raises(HaloError, match="weight 5 has no energy in class 0"):
        lacking.energy_fj(mac_energies(table, "low"), 0.0, 1.0)


def test_output_stationary_energy_counts_the_slot_of_zeros() -> None:
    array = OsArray(2, 1)
    activation, weight = np.array([[5, 7]], np.int8), np.array([[3], [-2]], np.int8)
    found = simulate_os(array, activation, weight, os_loads(array, 1, 2, 1))
    assert found.outputs.tolist() == [[1]] and found.macs == 2
    assert {int(w) - 128: int(found.weight_activity[0, w]) for w in np.flatnonzero(found.weight_activity[0])} == {
        3: 2,
        -2: 2,
        0: 2,
    }


ONE = WsLoad(0, 0, 0, WsTile(1))


@pytest.mark.parametrize(
    ("loads", "what"),
    [
        ([], "do not end with the last k-tile"),
        ([replace(ONE, tile=WsTile(1, last=False))], "do not end with the last k-tile"),
        ([replace(ONE, row=4)], "load 0 at row 4, k 0 and column 0 lies outside"),
        ([ONE, replace(ONE, column=-1)], "load 1 at row 0, k 0 and column -1 lies outside"),
        ([replace(ONE, tile=WsTile(17))], "tile 0 has 17 rows"),
        ([replace(ONE, tile=WsTile(1, last=False)), WsLoad(1, 2, 0, WsTile(1, first=False))], "load 1 lies elsewhere"),
        ([ONE, WsLoad(0, 2, 1, WsTile(1))], "load 1 has results that another output tile has"),
    ],
)
def test_bad_weight_stationary_loads(loads: list[WsLoad], what: str) -> None:
    with pytest.raises(HaloError, match=what):
        simulate_ws(WsArray(2, 2), *operands(0, 4, 4, 4), loads)


@pytest.mark.parametrize(
    ("loads", "what"),
    [
        ([], "there are no loads"),
        ([OsLoad(0, 0, 0, OsTile(3, 1))], "tile 0 has 3 rows"),
        ([OsLoad(0, 1, 0, OsTile(1, 4))], "load 0 at row 0, k 1 and column 0 lies outside"),
        ([OsLoad(3, 0, 0, OsTile(2, 4))], "load 0 at row 3, k 0 and column 0 lies outside"),
        ([OsLoad(0, 0, 0, OsTile(2, 4)), OsLoad(1, 0, 0, OsTile(2, 4))], "load 1 has results that another"),
    ],
)
def test_bad_output_stationary_loads(loads: list[OsLoad], what: str) -> None:
    with pytest.raises(HaloError, match=what):
        simulate_os(OsArray(2, 2), *operands(0, 4, 4, 4), loads)


def test_bad_operands_classes_waits_and_widths() -> None:
    array, (activation, weight) = WsArray(2, 2), operands(0, 4, 4, 4)
    loads = list(ws_loads(array, 4, 4, 4, [[0, 1], [0, 1]]))
    with pytest.raises(HaloError, match="weights of type int64"):
        simulate_ws(array, activation, weight.astype(np.int64), loads)
    with pytest.raises(HaloError, match="do not multiply"):
        simulate_ws(array, activation[:, :3], weight, loads)
    with pytest.raises(HaloError, match="for 1 changes"):
        simulate_ws(array, activation, weight, loads, waits=[(1, 1), (2, 2)])
    with pytest.raises(HaloError, match="for 1 changes"):
        simulate_ws(array, activation, weight, loads, waits=(-1, 0))
    with pytest.raises(HaloError, match="accumulators of 3 bits"):
        simulate_ws(array, activation, weight, loads, acc_bits=3)
    with pytest.raises(HaloError, match="classes of shape"):
        list(ws_loads(array, 4, 4, 4, [[0, 1]]))
    with pytest.raises(HaloError, match="1 classes"):
        list(os_loads(OsArray(2, 2), 4, 4, 4, [0]))
