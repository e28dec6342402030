# SPDX-License-Identifier: Apache-2.0
"""The cycle-level simulation is the Verilog: same sums, and every beat in the same clock, stalled and clock-changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stream_stalls import STREAMS, stalled

from halo.arch.systolic.cycle_level import CycleLevel, simulate_os, simulate_ws
from halo.arch.systolic.loads import OsLoad, StreamStalls, WsLoad, os_loads, ws_loads
from halo.arch.systolic.os_cycles import OsArray
from halo.arch.systolic.registers import multiplier_registers
from halo.arch.systolic.ws_cycles import WsArray
from halo.flow.runs.assets import sim_folder
from halo.flow.simulators import benches
from halo.flow.simulators.bench_run import SimulationResult
from halo.flow.simulators.benches import BENCHES
from halo.flow.simulators.runner import SimulatorName

FOLDER = Path(__file__).parent / "recorded_bench"
Simulated = Callable[..., SimulationResult]
Values = dict[str, int | str]
Recorder = Callable[[str, SimulatorName, Values, list[dict[str, Any]]], list[dict[str, Any]]]
FAST: Values = {"MULTIPLIER": "behavioural"}
CASES = 24
WIDE: Values = {"ACC_WIDTH": 24}
BOOTH: Values = {"MULTIPLIER": "booth_r4"}

# The models of tests/rtl/test_systolic_ws.py and test_systolic_os.py where there are such.
WS: tuple[tuple[SimulatorName, Values], ...] = (
    ("verilator", {"ROWS": 2, "COLUMNS": 3, "DEPTH": 5, "ACC_WIDTH": 20}),
    ("verilator", {"ROWS": 4, "COLUMNS": 4, "DEPTH": 8, "ACC_WIDTH": 8, "WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4}),
    ("verilator", {"ROWS": 8, "COLUMNS": 8, "DEPTH": 9, "ACC_WIDTH": 20}),
    (
        "verilator",
        {"ROWS": 3, "COLUMNS": 2, "DEPTH": 2, "SWAP_GAP": 1, "CLASS_GAP": 3, "PIPELINE": 1, "CARRY_SAVE": 1} | WIDE,
    ),
    (
        "verilator",
        {"ROWS": 3, "COLUMNS": 2, "DEPTH": 4, "PIPELINE": 3, "CARRY_SAVE": 1, "RECODED": 1, "CORRECTION": 1}
        | BOOTH
        | WIDE,
    ),
    ("icarus", {"ROWS": 3, "COLUMNS": 2, "DEPTH": 6} | WIDE),
    ("icarus", {"ROWS": 2, "COLUMNS": 5, "DEPTH": 6, "SWAP_GAP": 2, "PIPELINE": 1, "CARRY_SAVE": 1} | WIDE),
)
OS: tuple[tuple[SimulatorName, Values], ...] = (
    ("verilator", {"ROWS": 2, "COLUMNS": 3, "ACC_WIDTH": 24}),
    ("verilator", {"ROWS": 8, "COLUMNS": 8, "ACC_WIDTH": 24}),
    (
        "verilator",
        {"ROWS": 3, "COLUMNS": 4, "PIPELINE": 1, "CARRY_SAVE": 1, "WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 8}
        | {"STEP_WIDTH": 4, "CLASS_WIDTH": 1}
        | WIDE,
    ),
    ("verilator", {"ROWS": 3, "COLUMNS": 2, "PIPELINE": 3, "CARRY_SAVE": 1} | BOOTH | WIDE),
    ("icarus", {"ROWS": 3, "COLUMNS": 2} | WIDE),
    ("icarus", {"ROWS": 1, "COLUMNS": 4, "PIPELINE": 1} | WIDE),
)


@pytest.fixture
def recorded(simulated: Simulated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorder:
    """Plays cases in a simulator and returns what was recorded of each."""
    monkeypatch.syspath_prepend(str(sim_folder()))
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(array: str, simulator: SimulatorName, values: Values, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
        monkeypatch.setitem(BENCHES, "recorded", replace(BENCHES[array], name="recorded", module="tb_recorded"))
        sources = BENCHES[array].sources
        monkeypatch.setattr(benches, "sim_folder", lambda: FOLDER)
        (tmp_path / "stimulus.json").write_text(json.dumps(cases), encoding="utf-8")
        result = simulated("recorded", simulator, FAST | values, sources=sources, workdir=tmp_path)
        assert result.passed, result.log[-3000:]
        found: list[dict[str, Any]] = json.loads((tmp_path / "recorded.json").read_text(encoding="utf-8"))
        return found

    return run


def chosen(number: int) -> tuple[str, ...]:
    """Streams that stall in a case: none, each alone, all."""
    return ((), *((name,) for name in STREAMS), STREAMS)[number % 6]


def stimulus(
    beats: Sequence[Sequence[int]], stalls: StreamStalls, waits: Sequence[tuple[int, int]], found: CycleLevel
) -> dict[str, Any]:
    """A case as the bench reads it; ``beats`` of commands, weights and activations."""
    flags = {name: np.flatnonzero(getattr(stalls, name)).tolist() for name in STREAMS}
    return {**dict(zip(STREAMS, beats, strict=False)), "stalls": flags, "waits": waits, "due": len(found.results)}


def changes(loads: Sequence[WsLoad] | Sequence[OsLoad]) -> int:
    return sum(a != b for a, b in pairwise([0, *(load.tile.frequency_class for load in loads)]))


def random_waits(generator: np.random.Generator, count: int) -> list[tuple[int, int]]:
    """The bench's generator takes a clock for each answer at least."""
    return [(int(u), int(v)) for u, v in generator.integers(1, 25, (count, 2))]


def operands(generator: np.random.Generator, values: Values, m: int, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """All values, extreme ones often."""
    made = []
    for shape, name in (((m, k), "ACTIVATION_WIDTH"), ((k, n), "WEIGHT_WIDTH")):
        top = 1 << int(values.get(name, 8)) - 1
        extremes = generator.choice((-top, -1, 0, 1, top - 1), shape)
        made.append(np.where(generator.random(shape) < 0.3, extremes, generator.integers(-top, top, shape)))
    return made[0].astype(np.int8), made[1].astype(np.int8)


def padded(part: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return np.pad(part.astype(np.int64), ((0, rows - part.shape[0]), (0, columns - part.shape[1])))


def check(found: CycleLevel, seen: dict[str, Any], values: Values, places: list[tuple[int, int]], full: bool) -> None:
    """Sums, clocks of beats and of classes; in Icarus, elements and weights as well."""
    from components.packing import unpack

    columns = int(values["COLUMNS"])
    sums = unpack(seen["sums"], int(values["ACC_WIDTH"]), columns)
    n = found.outputs.shape[1]
    for (row, column), got in zip(places, sums, strict=True):
        wanted = found.outputs[row, column : column + columns]
        assert got.tolist() == wanted.tolist() + [0] * (columns - min(columns, n - column))
    assert seen["slots"] == found.slots.tolist()
    assert seen["result"] == found.results.tolist()
    ends = np.cumsum([interval.cycles for interval in found.clock_intervals])[:-1].tolist()
    assert seen["changed"][len(seen["changed"]) - len(ends) :] == ends
    assert len(seen["changed"]) == len(ends) + (found.clock_intervals[0].frequency_class > 0)
    if "weight_activity" in seen:
        weight_activity = np.zeros_like(found.weight_activity)
        for (kind, weight), count in seen["weight_activity"]:
            weight_activity[kind, weight + 128] += count
        assert weight_activity.tolist() == found.weight_activity.tolist()
        if full:
            assert seen["counts"][: found.cycles] == found.busy.tolist()


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize(("simulator", "values"), WS, ids=str)
def test_weight_stationary(recorded: Recorder, simulator: SimulatorName, values: Values) -> None:
    from components.packing import pack

    generator = np.random.default_rng(int(values["ROWS"]))
    sizes = {
        name: int(values.get(name, 8)) for name in ("ROWS", "COLUMNS", "DEPTH", "WEIGHT_WIDTH", "ACTIVATION_WIDTH")
    }
    rows, columns, depth, weight_bits, activation_bits = sizes.values()
    gaps = int(values.get("SWAP_GAP", 0)), int(values.get("CLASS_GAP", 1))
    array = WsArray(rows, columns, depth, multiplier_registers(int(values.get("PIPELINE", 0))), *gaps)
    cases, models = [], []
    moved: Counter[tuple[str, ...]] = Counter()  # cases in which stalls of these streams changed something
    for number in range(CASES):
        full = number % 3 == 0
        m, k, n = (int(generator.integers(1, 4 * side + 1)) for side in (depth, rows, columns))
        if full:
            k, n = -(-k // rows) * rows, -(-n // columns) * columns
        classes = generator.integers(0, 4, (-(-k // rows), -(-n // columns))) * (number % 5 > 1)
        loads = list(ws_loads(array, m, k, n, classes))
        stalls, waits = stalled(generator, chosen(number)), random_waits(generator, changes(loads))
        activation, weight = operands(generator, values, m, k, n)
        bits = int(values["ACC_WIDTH"])
        found = simulate_ws(array, activation, weight, loads, stalls=stalls, waits=waits, acc_bits=bits)
        free = simulate_ws(array, activation, weight, loads, waits=waits, acc_bits=bits)
        moved[chosen(number)] += found.slots.tolist() != free.slots.tolist()
        commands, weights, activations = [], [], []
        for load in loads:
            tile = load.tile
            commands.append(
                ((tile.frequency_class << 2 | tile.last << 1 | tile.first) << depth.bit_length()) | tile.rows
            )
            held = weight[load.k : load.k + rows, load.column : load.column + columns]
            weights += pack(padded(held, rows, columns), weight_bits)
            beats = activation[load.row : load.row + tile.rows, load.k : load.k + rows]
            activations += pack(padded(beats, tile.rows, rows), activation_bits)
        cases.append(stimulus((commands, weights, activations), stalls, waits, found))
        places = [(load.row + i, load.column) for load in loads if load.tile.last for i in range(load.tile.rows)]
        models.append((found, places, full))
    assert all(moved[chosen(number)] for number in range(1, 6)), moved
    for (found, places, full), seen in zip(models, recorded("systolic_ws", simulator, values, cases), strict=True):
        check(found, seen, values, places, full)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize(("simulator", "values"), OS, ids=str)
def test_output_stationary(recorded: Recorder, simulator: SimulatorName, values: Values) -> None:
    from components.packing import pack

    generator = np.random.default_rng(int(values["ROWS"]))
    rows, columns = int(values["ROWS"]), int(values["COLUMNS"])
    step_bits, kinds = int(values.get("STEP_WIDTH", 16)), 1 << int(values.get("CLASS_WIDTH", 2))
    array = OsArray(rows, columns, multiplier_registers(int(values.get("PIPELINE", 0))))
    cases, models = [], []
    moved: Counter[tuple[str, ...]] = Counter()  # cases in which stalls of these streams changed something
    for number in range(CASES):
        m, n = int(generator.integers(1, 6 * rows + 34)), int(generator.integers(1, 5 * columns + 1))
        k = int(generator.integers(1, min(30, 1 << step_bits)))
        classes = generator.integers(0, kinds, -(-n // columns)) * (number % 5 > 1)
        loads = list(os_loads(array, m, k, n, classes.tolist()))
        stalls, waits = stalled(generator, chosen(number)), random_waits(generator, changes(loads))
        activation, weight = operands(generator, values, m, k, n)
        bits = int(values["ACC_WIDTH"])
        found = simulate_os(array, activation, weight, loads, stalls=stalls, waits=waits, acc_bits=bits)
        free = simulate_os(array, activation, weight, loads, waits=waits, acc_bits=bits)
        moved[chosen(number)] += found.slots.tolist() != free.slots.tolist()
        commands, weights, activations = [], [], []
        for load in loads:
            tile = load.tile
            commands.append((tile.frequency_class << rows.bit_length() | tile.rows) << step_bits | tile.steps)
            weights += pack(
                padded(weight[:, load.column : load.column + columns], k, columns), int(values.get("WEIGHT_WIDTH", 8))
            )
            beats = padded(activation[load.row : load.row + rows], rows, k)
            activations += pack(beats.T, int(values.get("ACTIVATION_WIDTH", 8)))
        cases.append(stimulus((commands, weights, activations), stalls, waits, found))
        places = [(load.row + i, load.column) for load in loads for i in range(load.tile.rows)]
        models.append((found, places, False))
    assert all(moved[chosen(number)] for number in range(1, 6)), moved
    for (found, places, full), seen in zip(models, recorded("systolic_os", simulator, values, cases), strict=True):
        check(found, seen, values, places, full)
