# SPDX-License-Identifier: Apache-2.0
"""How long a bench is said to take, against runs that were timed, and where it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.flow.simulators import duration
from halo.flow.simulators.bench_run import simulate
from halo.flow.simulators.benches import Value, find_bench
from halo.flow.simulators.runner import find_simulator

TIMED_IN_ICARUS: list[tuple[str, dict[str, Value], float]] = [
    ("mac", {}, 25.6),
    ("mac", {"DUT": "mac_booth_r4"}, 20.0),
    ("mac", {"DUT": "mac_behavioural"}, 2.1),
    ("mac", {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4}, 1.3),
    ("pe", {}, 2.3),
    ("pe", {"WEIGHT_WIDTH": 16, "ACTIVATION_WIDTH": 16, "ACC_WIDTH": 40}, 16.2),
    ("dp4a", {}, 8.1),
    ("dp4a", {"WIDTH": 4}, 3.5),
    ("systolic_ws", {}, 32.1),
    ("systolic_ws", {"MULTIPLIER": "sign_magnitude"}, 37.8),
    ("systolic_ws", {"MULTIPLIER": "behavioural", "ROWS": 16, "COLUMNS": 16}, 22.3),
    ("systolic_os", {}, 32.2),
    ("systolic_os", {"MULTIPLIER": "sign_magnitude"}, 46.3),
    ("systolic_os", {"MULTIPLIER": "behavioural", "ROWS": 16, "COLUMNS": 16}, 23.2),
    ("tensor_core", {}, 20.5),
    ("tensor_core", {"MULTIPLIER": "behavioural", "M": 8, "N": 8}, 44.9),
    ("tensor_core", {"MULTIPLIER": "behavioural", "K": 32}, 7.2),
]
"""Seconds of processor time."""
BUILT_BY_VERILATOR: list[tuple[str, dict[str, Value], float]] = [
    ("systolic_ws", {}, 28.3),
    ("systolic_ws", {"ROWS": 8, "COLUMNS": 8}, 54.6),
    ("systolic_ws", {"ROWS": 16, "COLUMNS": 16}, 311.1),
    ("tensor_core", {"M": 4, "N": 4, "K": 8}, 51.0),
]


@pytest.mark.parametrize(("bench", "given", "seconds"), TIMED_IN_ICARUS)
def test_simulations_that_were_timed(bench: str, given: dict[str, Value], seconds: float) -> None:
    assert 0.4 < duration.simulation_s(bench, find_bench(bench).values(given)) / seconds < 2.5


@pytest.mark.parametrize(("bench", "given", "seconds"), BUILT_BY_VERILATOR)
def test_builds_that_were_timed(bench: str, given: dict[str, Value], seconds: float) -> None:
    assert 0.5 < duration.build_s(bench, find_bench(bench).values(given)) / seconds < 2


def test_what_is_said() -> None:
    values = find_bench("systolic_ws").values({"ROWS": 16, "COLUMNS": 16})
    assert duration.duration("systolic_ws", "icarus", values, 1.0, built=False) == ("", ", about 27 min")
    assert duration.duration("systolic_ws", "icarus", values, 0.05, built=False) == ("", "")
    assert duration.duration("systolic_ws", "verilator", values, 1.0, built=False) == (", about 5 min", "")
    assert duration.duration("systolic_ws", "verilator", values, 1.0, built=True) == ("", "")
    assert duration.duration("my_mul", "icarus", {}, 1.0, built=False) == ("", "")
    odd = find_bench("pe").values({}) | {"ACC_WIDTH": 0, "PIPELINE": 7}
    assert duration.duration("pe", "icarus", odd, 1.0, built=False) == ("", ""), "the Verilog refuses them"
    huge = values | {"ROWS": 64, "COLUMNS": 64}
    assert duration.duration("systolic_ws", "icarus", huge, 1.0, built=False)[1].endswith(" h")


@pytest.mark.tools
def test_it_is_said_before_the_simulation(model_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        find_simulator("icarus")
    except HaloError as problem:
        pytest.skip(str(problem))
    monkeypatch.setenv("HALO_CACHE", str(model_cache))
    monkeypatch.setattr(duration, "WORTH_SAYING_S", 1.0)
    said: list[tuple[str, int]] = []
    small: dict[str, Value] = {"WEIGHT_WIDTH": 3, "ACTIVATION_WIDTH": 3}
    simulate("pe", "icarus", small, workdir=tmp_path, report=lambda stage, done, _: said.append((stage, done)))
    assert said[0] == ("building pe for icarus", 0) and ("simulating pe, about 0 min", 0) in said
