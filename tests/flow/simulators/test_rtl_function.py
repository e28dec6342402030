# SPDX-License-Identifier: Apache-2.0
"""RTL and gates side by side: equal ones, gates of another design, unknown values, and what no simulator plays."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.characterize import characterize
from halo.flow.crosscheck import CrosscheckConfig, CrosscheckResult, crosscheck
from halo.flow.runs.provenance import read_record
from halo.flow.simulators.rtl_function import (
    RESET_CYCLES,
    FunctionCheck,
    FunctionDifference,
    NotSimulatedError,
    check_function,
    draw_patterns,
)
from halo.liberty import read_corner
from halo.netlist.controls import Control
from halo.netlist.sources import Sources
from halo.netlist.verilog import read_netlist
from halo.report.crosscheck import function_section
from halo.report.model import Report
from halo.report.text import render
from halo.synth import synthesize

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(shutil.which("iverilog") is None, reason="apt-get install iverilog"),
]

HEAD = "module t #(parameter N = 3) (input clk, input rst_n, input en, input signed [N-1:0] w, input signed [N-1:0] a,"
EQUAL = {
    "a product": "module t #(parameter N = 3) (input signed [N-1:0] w, a, output signed [2*N-1:0] y);\n"
    "  assign y = w * a; endmodule\n",
    "an accumulator with enable and reset": f"{HEAD} output reg signed [9:0] y);\n"
    "  always @(posedge clk or negedge rst_n)\n    if (!rst_n) y <= 0; else if (en) y <= y + w * a;\nendmodule\n",
    "a pipeline of both edges with delays": f"{HEAD} output reg signed [5:0] y);\n  reg signed [5:0] p;\n"
    "  always @(posedge clk) p <= #1 w * a;\n  always @(negedge clk) if (!rst_n) y <= 0; else y <= #2 p;\nendmodule\n",
    "ports from the lowest bit on": "module t(input [0:2] w, input [4:2] a, output [0:5] y);\n  assign y = w * a;\n"
    "endmodule\n",
    "more than 64 bits": "module t(input [69:0] w, input [69:0] a, output [69:0] y); assign y = w ^ a; endmodule\n",
    "what a simulation prints and waits for": "module t(input [2:0] w, input [2:0] a, output reg [5:0] y);\n"
    '  initial begin y = 0; $display("%0d", 1); #5 $dumpvars; end\n  always @* y = w * a;\nendmodule\n',
}
PRODUCT = EQUAL["a product"]


@pytest.fixture(autouse=True)
def _one_cache(model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_CACHE", str(model_cache))


@pytest.fixture
def no_verilator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_VERILATOR", "no-such-simulator")


def checked(
    text: str, folder: Path, liberty: Path, gates_of: str | None = None, suffix: str = ".v", **parameters: int | str
) -> FunctionCheck:
    """Check a source against the gates of it, or of another one."""
    source, other = folder / f"t{suffix}", folder / f"other{suffix}"
    source.write_text(text, encoding="utf-8")
    other.write_text(gates_of or text, encoding="utf-8")
    netlist = synthesize([other], "t", [liberty], parameters=parameters, workdir=folder / "gates").netlist_verilog
    return check_function(
        Sources((source,)),
        "t",
        parameters,
        netlist,
        read_corner([liberty]),
        clock="clk",
        patterns=300,
        generator=np.random.default_rng(1),
    )


@pytest.mark.parametrize("kind", EQUAL)
def test_gates_equal_their_source(kind: str, tmp_path: Path, osu018: Path) -> None:
    found = checked(EQUAL[kind], tmp_path, osu018)
    assert found.equal and found.compared > 300 and not found.unknown
    assert re.fullmatch(r"Icarus Verilog [\d.]+", found.simulator)
    assert "inputs of the RTL as Icarus" in render(Report("", [function_section(found, "")]))


def test_parameters_reach_the_source(tmp_path: Path, osu018: Path) -> None:
    assert checked(PRODUCT, tmp_path, osu018, N=4).equal


@pytest.mark.parametrize(
    "wrong", [PRODUCT.replace("signed ", ""), PRODUCT.replace("w * a", "w == 3 && a == -4 ? 5 : w * a")]
)
def test_the_first_difference_has_operands_and_both_results(
    wrong: str, tmp_path: Path, osu018: Path, no_verilator: None
) -> None:
    found = checked(PRODUCT, tmp_path, osu018, gates_of=wrong).difference
    assert found is not None

    def signed(value: int) -> int:
        return value - 8 if value & 4 else value

    w, a = found.inputs["w"], found.inputs["a"]
    assert found.rtl == {"y": f"{signed(w) * signed(a) & 63:06b}"}
    assert int(found.gates["y"], 2) == (5 if "?" in wrong else w * a)
    shown = render(Report("", [function_section(FunctionCheck("Icarus", 9, (), found), "")]))
    assert f"w = {found.inputs['w']}, a = {found.inputs['a']}" in shown
    assert f"output y: RTL {found.rtl['y']}, gates {found.gates['y']}" in shown


def test_a_wrong_reset_is_a_difference(tmp_path: Path, osu018: Path, no_verilator: None) -> None:
    right = EQUAL["an accumulator with enable and reset"]
    found = checked(right, tmp_path, osu018, gates_of=right.replace("y <= 0", "y <= 1")).difference
    assert found is not None and found.pattern < RESET_CYCLES and found.inputs["rst_n"] == 0
    assert (found.rtl, found.gates) == ({"y": "0000000000"}, {"y": "0000000001"})


def test_registers_without_a_known_state(tmp_path: Path, osu018: Path) -> None:
    text = (
        f"{HEAD} output reg [6:0] y, output [1:0] z);\n  always @(posedge clk) y <= y + w * a;\n"
        "  assign z = {w[0], y[6]};\nendmodule\n"
    )
    found = checked(text, tmp_path, osu018)
    assert found.equal and found.unknown == (*(f"y[{i}]" for i in range(7)), "z[0]")
    shown = render(Report("", [function_section(found, "")]))
    assert "8 output bits, from y[0] on, never had a known value on both sides: not compared." in shown
    with pytest.raises(NotSimulatedError, match="no output has a known value"):
        checked(text.replace("assign z = {w[0], y[6]};", "assign z = {y[0], y[6]};"), tmp_path, osu018)


@pytest.mark.slow
def test_what_icarus_cannot_read_goes_to_verilator(tmp_path: Path, osu018: Path) -> None:
    text = (
        "module t #(parameter type T = logic signed [2:0]) (input logic clk, input T w, a,\n"
        "  output logic signed [5:0] y, z);\n"
        "  always_ff @(posedge clk) y <= w * a;\n  always_ff @(posedge clk) z <= z + 6'(w);\nendmodule\n"
    )
    found = checked(text, tmp_path, osu018, suffix=".sv")
    assert found.equal and found.simulator.startswith("Verilator 5.")
    assert found.unknown == tuple(f"z[{i}]" for i in range(6))
    wrong = checked(text, tmp_path, osu018, suffix=".sv", gates_of=text.replace("w * a", "w * a + 1")).difference
    assert wrong is not None and (int(wrong.rtl["y"], 2) + 1) & 63 == int(wrong.gates["y"], 2)


@pytest.mark.slow
def test_verilator_decides_where_icarus_differs(tmp_path: Path, osu018: Path) -> None:
    """Icarus 11 takes a signed member of a packed union without its sign."""
    text = (
        "typedef union packed {logic [3:0] u; logic signed [3:0] s;} both_t;\n"
        "module t(input both_t a, output logic signed [7:0] y); assign y = a.s; endmodule\n"
    )
    found = checked(text, tmp_path, osu018, suffix=".sv")
    assert found.equal and (found.outvoted is None) == found.simulator.startswith("Icarus")
    if found.outvoted is not None:
        value = found.outvoted.inputs["a"]
        assert value > 7 and found.outvoted.rtl == {"y": f"{value:08b}"}
        assert found.outvoted.gates == {"y": f"{value + 240:08b}"}
        shown = render(Report("", [function_section(found, "")]))
        assert "Verilator as synthesis does" in shown and f"a = {value}" in shown
    wrong = checked(text, tmp_path, osu018, suffix=".sv", gates_of=text.replace("= a.s", "= a.u + 1"))
    assert not wrong.equal and wrong.outvoted is None


@pytest.mark.slow
def test_what_neither_plays_is_said_by_both(tmp_path: Path, osu018: Path) -> None:
    text = "module t(input logic [2:0] a [2], output logic [3:0] y); assign y = a[0] + a[1]; endmodule\n"
    with pytest.raises(
        NotSimulatedError, match=r"neither simulator plays the RTL: Icarus Verilog: .*Verilator: "
    ) as said:
        checked(text, tmp_path, osu018, suffix=".sv")
    assert "halo-function" not in said.value.what


def test_without_verilator_the_reason_is_its_absence(tmp_path: Path, osu018: Path, no_verilator: None) -> None:
    text = "module t #(parameter type T = logic [2:0]) (input T a, output T y); assign y = ~a; endmodule\n"
    with pytest.raises(NotSimulatedError, match="HALO_VERILATOR names no-such-simulator"):
        checked(text, tmp_path, osu018, suffix=".sv")


def test_a_source_that_ends_the_simulation(tmp_path: Path, osu018: Path) -> None:
    text = PRODUCT.replace("assign", "initial #100000 $finish;\n  assign")
    with pytest.raises(NotSimulatedError, match="ends after 25 of"):
        checked(text, tmp_path, osu018)


def test_resets_first_and_every_pair_of_corners(tmp_path: Path, osu018: Path) -> None:
    source = tmp_path / "t.v"
    source.write_text(EQUAL["an accumulator with enable and reset"])
    made = synthesize([source], "t", [osu018], parameters={"N": 5}, workdir=tmp_path / "gates").netlist_verilog
    netlist = read_netlist(made)
    controls = {"clk": Control("clock"), "rst_n": Control("reset", 1)}
    rows = draw_patterns(netlist, {"clk"}, controls, 200, np.random.default_rng(2))
    names = [name for name, nets in netlist.inputs.items() for _ in nets if name != "clk"]
    reset = rows[:, names.index("rst_n")]
    assert not reset[:RESET_CYCLES].any() and 0.9 < reset[RESET_CYCLES:].mean() < 1
    w, a = (rows[:, [i for i, n in enumerate(names) if n == port]] @ (1 << np.arange(5)) for port in ("w", "a"))
    pairs = set(zip(w.tolist(), a.tolist(), strict=True))
    corners = (0, 1, 31, 30, 16, 15, 10, 21)
    assert {(x, y) for x in corners for y in corners} <= pairs


def test_the_record_holds_the_result(tmp_path: Path, osu018: Path) -> None:
    source = tmp_path / "t.v"
    source.write_text(EQUAL["an accumulator with enable and reset"])
    config = CharacterizeConfig(
        corners=(("tt", (osu018,)),),
        run_folder=tmp_path / "run",
        files=(source,),
        ties=(("en", 1),),
        method="static",
    )
    run = characterize(config, lambda *_: None)
    result = crosscheck(CrosscheckConfig(run, 40, 1, tmp_path / "checked"), lambda *_: None)
    assert result.passed and result.function is not None and result.function.compared > 40
    kept = read_record(tmp_path / "checked").results["function"]
    assert kept == {
        "simulator": result.function.simulator,
        "compared": result.function.compared,
        "unknown": [],
        "difference": None,
        "outvoted": None,
    }


def test_a_difference_alone_fails_the_command() -> None:

    rows = pd.DataFrame({"equal": [True, True]})
    differs = FunctionCheck("Icarus", 2, (), FunctionDifference(0, {"w": 1}, {"y": "1"}, {"y": "0"}))
    assert CrosscheckResult(rows, None).passed and CrosscheckResult(rows, None, FunctionCheck("I", 2, (), None)).passed
    assert not CrosscheckResult(rows, None, differs).passed
    assert issubclass(NotSimulatedError, HaloError)
