# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests of the Verilog: the tools, and the cocotb benches run in a simulator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from halo.errors import HaloError
from halo.flow.runs.assets import sim_folder
from halo.flow.runs.tools import FoundTool, find_tool
from halo.flow.simulators.bench_run import SimulationResult, simulate
from halo.flow.simulators.runner import SimulatorName, find_simulator

SEED = 20


@pytest.fixture
def sim_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """``sim/`` on the path, and its modules forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(sim_folder()))
    yield
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("components", "models"):
            del sys.modules[name]


@pytest.fixture
def tool() -> Callable[[str], FoundTool]:
    """Finds a tool, or skips the test and says how to get it."""

    def find(name: str) -> FoundTool:
        try:
            return find_tool(name)
        except HaloError as problem:
            pytest.skip(str(problem))

    return find


@pytest.fixture
def simulated(model_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SimulationResult]:
    """``simulated(bench, simulator, parameters, **kwargs)``: ``simulate`` with that cache and a seed; skips without
    the simulator."""
    monkeypatch.setenv("HALO_CACHE", str(model_cache))

    def run(
        bench: str, simulator: SimulatorName, parameters: Mapping[str, int | str] | None = None, **arguments: Any
    ) -> SimulationResult:
        try:
            find_simulator(simulator)
        except HaloError as problem:
            pytest.skip(str(problem))
        return simulate(bench, simulator, parameters, **{"workdir": tmp_path / simulator, "seed": SEED, **arguments})

    return run
