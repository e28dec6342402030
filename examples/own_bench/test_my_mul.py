# SPDX-License-Identifier: Apache-2.0
"""The same multiplier in three ways, as tests of pytest: halo's benches, an own bench in halo, and cocotb's runner."""

from pathlib import Path

import pytest
from cocotb_tools.runner import get_results, get_runner

import halo

HERE = Path(__file__).parent
WIDTHS = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 5}


def test_in_an_element_of_halo() -> None:
    """The bench ``pe`` with this multiplier inside."""
    result = halo.simulate("pe", files=[HERE / "my_mul.v"], params={"MULTIPLIER": "my_mul", **WIDTHS})
    assert result.passed, result.to_pandas()


def test_with_an_own_bench() -> None:
    """halo builds the model, keeps it, and runs the bench."""
    result = halo.simulate(testbench=HERE / "tb_my_mul.py", files=[HERE / "my_mul.v"], params=WIDTHS)
    assert result.passed, result.to_pandas()


def test_with_the_runner_of_cocotb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without halo's command, with its components."""
    for folder in (halo.sim_folder(), HERE):  # where the simulator's Python finds the components and the bench
        monkeypatch.syspath_prepend(folder)
    runner = get_runner("icarus")
    runner.build(
        sources=[HERE / "my_mul.v"],
        hdl_toplevel="my_mul",
        parameters=WIDTHS,
        timescale=("1ns", "1ps"),
        build_dir=tmp_path,
    )
    results = runner.test(test_module="tb_my_mul", hdl_toplevel="my_mul", build_dir=tmp_path, test_dir=tmp_path)
    tests, failures = get_results(results)
    assert tests == 1 and failures == 0
