# SPDX-License-Identifier: Apache-2.0
"""Rules of streams and clock changes in the design itself: a broken one ends a simulation, whatever plays it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from halo.flow.runs.assets import rtl_folder
from halo.flow.runs.tools import FoundTool
from halo.flow.simulators.bench_run import SimulationResult
from halo.flow.simulators.benches import BENCHES
from halo.flow.simulators.own_bench import with_tests
from halo.flow.simulators.runner import SimulatorName

Simulated = Callable[..., SimulationResult]

BENCH = Path(__file__).with_name("rules_bench") / "tb_rules.py"
SIMULATORS: tuple[SimulatorName, ...] = ("icarus", "verilator")
SMALL: dict[str, int | str] = {"WEIGHT_WIDTH": 2, "ACTIVATION_WIDTH": 2, "ACC_WIDTH": 6, "MULTIPLIER": "behavioural"}
DESIGNS: dict[str, dict[str, int | str]] = {
    "systolic_ws": SMALL | {"ROWS": 2, "COLUMNS": 2, "DEPTH": 3, "CLASS_WIDTH": 1},
    "systolic_os": SMALL | {"ROWS": 2, "COLUMNS": 2, "CLASS_WIDTH": 1},
    "tensor_core": {"M": 1, "N": 2, "K": 8, "WIDTH": 2, "ACC_WIDTH": 6, "MULTIPLIER": "behavioural"},
}
FELL, CHANGED = "tvalid fell before the beat was taken", "tdata or tlast changed before the beat was taken"
CLASS = "u_clock_rules: the class changed without a request"
FAULTS = (
    ("systolic_ws", "result_store.v", "if (move) tdata_q", "tdata_q", f"u_m_axis_result_rules: {CHANGED}"),
    (
        "systolic_ws",
        "result_store.v",
        "tvalid_o = tvalid_q",
        "tvalid_o = tvalid_q && !write_i",
        f"result_rules: {FELL}",
    ),
    ("systolic_ws", "clock_change.v", "class_o   = class_q", "class_o = request_q ? class_q : tile_class_i", CLASS),
    ("systolic_os", "result_store.v", "if (move) tdata_q", "tdata_q", f"u_m_axis_result_rules: {CHANGED}"),
    ("systolic_os", "clock_change.v", "class_o   = class_q", "class_o = request_q ? class_q : tile_class_i", CLASS),
    ("tensor_core", "mma_unit.v", "(!last_q || !d_valid_q || m_axis_d_tready)", "1'b1", f"u_m_axis_d_rules: {CHANGED}"),
    ("tensor_core", "mma_unit.v", "tvalid = d_valid_q", "tvalid = d_valid_q && !load", f"u_m_axis_d_rules: {FELL}"),
)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("design", DESIGNS)
def test_a_design_without_faults_runs_on(simulated: Simulated, design: str, simulator: SimulatorName) -> None:
    result = simulated(with_tests(BENCHES[design], BENCH), simulator, DESIGNS[design], tests=["traffic"])
    assert result.passed, result.log[-3000:]


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize(
    ("simulator", "design", "file", "right", "wrong", "said"),
    [("icarus", *fault) for fault in FAULTS] + [("verilator", *fault) for fault in FAULTS[:3]],
)
def test_a_planted_fault_ends_the_simulation(
    simulated: Simulated,
    tmp_path: Path,
    simulator: SimulatorName,
    design: str,
    file: str,
    right: str,
    wrong: str,
    said: str,
) -> None:
    sources = []
    for path in BENCHES[design].sources:
        if path.name == file:
            text = path.read_text(encoding="utf-8")
            assert text.count(right) == 1
            path = tmp_path / file
            path.write_text(text.replace(right, wrong), encoding="utf-8")
        sources.append(path)
    bench = with_tests(BENCHES[design], BENCH)
    result = simulated(bench, simulator, DESIGNS[design], sources=sources, tests=["traffic"])
    (test,) = result.tests
    assert not test.passed and said in test.message, result.log[-3000:]


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("design", DESIGNS)
def test_a_source_that_takes_its_beat_back_ends_it_too(
    simulated: Simulated, design: str, simulator: SimulatorName
) -> None:
    result = simulated(with_tests(BENCHES[design], BENCH), simulator, DESIGNS[design], tests=["withdrawn"])
    (test,) = result.tests
    stream = "u_s_axis_b_rules" if design == "tensor_core" else "u_s_axis_weight_rules"
    assert test.message == f"{BENCHES[design].toplevel}.{stream}: {FELL}"


# Of each clock: request, class, acknowledge.
CHANGES = (
    ("000 110 111 011 010 020", "the class changed without a request"),
    ("000 110 111 011 010 010 120 121 021 020", ""),
    ("000 110 111 011 121 121", "a request came before the last acknowledge went"),
    ("000 110 110 010 010", "a request went before its acknowledge came"),
    ("000 110 111 110 111", "an acknowledge went before its request"),
)


@pytest.mark.tools
@pytest.mark.parametrize(("clocks", "said"), CHANGES, ids=[said or "none" for _, said in CHANGES])
def test_rules_of_a_clock_change_in_a_bench_of_plain_verilog(
    tool: Callable[[str], FoundTool], tmp_path: Path, clocks: str, said: str
) -> None:
    """The simulator's exit status says that a rule was broken."""
    steps = "".join(f"        request = {r}; kind = {k}; acknowledge = {a}; #10;\n" for r, k, a in clocks.split())
    bench = tmp_path / "bench.v"
    bench.write_text(
        "module bench;\n    reg clk = 0, srst_n = 0, request = 0, acknowledge = 0;\n    reg [1:0] kind = 0;\n"
        "    always #5 clk = !clk;\n"
        "    clock_rules u_rules (clk, srst_n, request, kind, acknowledge);\n"
        f"    initial begin\n        #22 srst_n = 1;\n{steps}        #20 $finish;\n    end\nendmodule\n",
        encoding="utf-8",
    )
    program = tmp_path / "bench.vvp"
    sources = [bench, rtl_folder() / "checks" / "clock_rules.v"]
    subprocess.run([tool("iverilog").path, "-g2005", "-o", program, *sources], check=True)
    run = subprocess.run([tool("vvp").path, "-n", program], capture_output=True, text=True, check=False)
    assert (run.returncode != 0) == bool(said)
    assert (f"bench.u_rules: {said}" in run.stdout) == bool(said), run.stdout
