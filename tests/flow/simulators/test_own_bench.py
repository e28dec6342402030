# SPDX-License-Identifier: Apache-2.0
"""Tests of the user's: on a design of theirs and of halo's, by the command line; what is wrong with them is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import halo
from halo.cli.main import main
from halo.errors import HaloError
from halo.flow.simulators.runner import find_simulator

INVERTER = """module inverter #(parameter WIDTH = 4, SPEED = "fast") (input [WIDTH-1:0] a_i, output [WIDTH-1:0] y_o);
    assign y_o = ~a_i;
endmodule
"""
TESTS = """from cocotb import test
from cocotb.triggers import Timer
from components.packing import pack  # of halo
from beside import VALUE

@test()
async def inverts(dut):
    dut.a_i.value = VALUE
    await Timer(1, "ns")
    assert dut.y_o.value == 2 ** int(dut.WIDTH.value) - 1 - VALUE, "not inverted"

@test()
async def does_not(dut):
    dut.a_i.value = 0
    await Timer(1, "ns")
    assert dut.y_o.value == 0, "it inverts"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a design and its tests."""
    monkeypatch.setenv("HALO_CACHE", str(model_cache))
    monkeypatch.chdir(tmp_path)
    for name, text in (("inverter.v", INVERTER), ("tb_inverter.py", TESTS), ("beside.py", "VALUE = 5\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def icarus() -> None:
    try:
        find_simulator("icarus")
    except HaloError as problem:
        pytest.skip(str(problem))


@pytest.mark.tools
@pytest.mark.usefixtures("icarus")
def test_a_design_of_the_user(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sim", "--bench", "tb_inverter.py", "--source", "inverter.v", "--param", "WIDTH=5"]
    assert main([*command, "-o", "run", "--junit", "x.xml"]) == 1
    out = capsys.readouterr().out
    assert "inverter in Icarus Verilog" in out and "WIDTH=5, SPEED=fast, seed 1" in out
    assert "does_not failed: it inverts" in out and "inverts   passed" in out
    record = json.loads((folder / "run" / "run.json").read_text(encoding="utf-8"))
    assert {"inverter.v", "tb_inverter.py"} <= {Path(entry["path"]).name for entry in record["inputs"]}
    assert 'name="inverter"' in (folder / "x.xml").read_text(encoding="utf-8")
    assert main([*command, "--test", "inverts"]) == 0


@pytest.mark.tools
@pytest.mark.usefixtures("icarus")
def test_a_test_that_never_ends(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "import cocotb\nfrom cocotb.triggers import Timer\n@cocotb.test()\nasync def ends(dut):\n    pass\n"
    text += '@cocotb.test()\nasync def waits(dut):\n    while True:\n        await Timer(1, "ns")\n'
    (folder / "tb_waits.py").write_text(text, encoding="utf-8")
    command = ["sim", "--bench", "tb_waits.py", "--source", "inverter.v"]
    assert main([*command, "--timeout-s", "2", "-o", "run"]) == 2
    said = capsys.readouterr().err
    assert "test waits has not ended: all tests together may take 2 s" in said and "--timeout-s 20." in said
    assert not (folder / "run").exists() and not list(folder.glob(".run.*"))
    assert main([*command, "--test", "ends", "--timeout-s", "60"]) == 0


@pytest.mark.tools
@pytest.mark.usefixtures("icarus")
def test_a_stage_ends_once_where_the_tests_cannot_be_seen(folder: Path) -> None:
    (folder / "tb_hidden.py").write_text("import time\ntime.sleep(1)\nfrom nowhere import *\n", encoding="utf-8")
    said: list[tuple[str, int, int]] = []
    with pytest.raises(HaloError, match="No module named 'nowhere'"):
        halo.simulate(testbench="tb_hidden.py", files="inverter.v", report=lambda *told: said.append(told))
    simulating = [(done, total) for stage, done, total in said if stage.startswith("simulating")]
    assert len(simulating) > 2 and all(done < total for done, total in simulating)


@pytest.mark.tools
@pytest.mark.usefixtures("icarus")
def test_on_a_design_of_halo(folder: Path) -> None:
    text = (halo.sim_folder() / "tb_pe.py").read_text(encoding="utf-8")
    (folder / "tb_pe.py").write_text(text.replace("reset_in_the_middle", "reset_of_mine"), encoding="utf-8")
    params = {"MULTIPLIER": "behavioural", "WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4}
    result = halo.simulate("pe", testbench=folder / "tb_pe.py", params=params, tests=["reset_of_mine"])
    assert result.passed and [test.name for test in result.tests] == ["reset_of_mine"] and result.tests[0].compared


@pytest.mark.tools
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nowhere\n", "tb_inverter.py:1: cocotb cannot start the tests: ModuleNotFoundError: No module named"),
        ("", "cocotb cannot start the tests: RuntimeError: No tests were discovered"),
    ],
)
def test_tests_that_cannot_start(folder: Path, capsys: pytest.CaptureFixture[str], text: str, says: str) -> None:
    (folder / "tb_inverter.py").write_text(text, encoding="utf-8")
    assert main(["sim", "--bench", "tb_inverter.py", "--source", "inverter.v"]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bench", "tb_inverter.py"], "there are tests, and nothing that they run on"),
        (["--bench", "gone.py", "--source", "inverter.v"], "gone.py: there is no such file"),
        (["--bench", "inverter.v", "--source", "inverter.v"], "inverter.v: this is no name of a Python module"),
        (["--bench", "broken.py", "--source", "inverter.v"], "broken.py:2: "),
        (["--bench", "tb_inverter.py", "--source", "inverter.v", "--top", "inverted"], "no module inverted"),
        (["--bench", "tb_inverter.py", "--source", "inverter.v", "--param", "W=1"], "has no parameter W"),
        (["--bench", "tb_inverter.py", "--source", "inverter.v", "--test", "x"], "bench inverter has no test x"),
        (["pe", "--top", "inverter"], "a top module is named, and the bench has its own"),
        (["pe", "--gates", "--bench", "tb_inverter.py"], "--bench does not go with --gates"),
    ],
)
def test_what_does_not_go(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    (folder / "broken.py").write_text("import cocotb\ndef x(:\n", encoding="utf-8")
    assert main(["sim", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err and err.splitlines()[-1].startswith("  fix: ")
