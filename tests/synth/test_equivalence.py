# SPDX-License-Identifier: Apache-2.0
"""The equivalence check accepts what synthesis makes and finds a single wrong cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.synth import Mode, check_equivalence, synthesize

Write = Callable[[str], Path]

ACCUMULATOR = """
module t(input clk, input signed [3:0] w, input signed [3:0] a, output reg signed [11:0] y);
  always @(posedge clk) y <= y + w * a;
endmodule
"""
RESETS = """
module t(input clk, input rst_n, input en, input signed [3:0] w, input signed [3:0] a, output reg signed [7:0] y);
  reg signed [3:0] held;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) begin held <= 4'd0; y <= 8'd5; end
    else begin if (en) held <= w; y <= held * a; end
endmodule
"""


def spoil(netlist: Path, right: str, wrong: str) -> Path:
    """A copy of a netlist in which the middle one of the cells called ``right`` is another cell."""
    text = netlist.read_text(encoding="utf-8")
    places = [m.start() for m in re.finditer(rf"\b{right}\b", text)]
    at = places[len(places) // 2]
    path = netlist.with_name("spoilt.v")
    path.write_text(text[:at] + wrong + text[at + len(right) :], encoding="utf-8")
    return path


@pytest.mark.parametrize("mode", ["structural", "flat"])
def test_the_default_mac_is_proven(tmp_path: Path, osu018: Path, mode: Mode) -> None:
    made = synthesize(mac_sources(), "mac_csa_array", [osu018], mode=mode, workdir=tmp_path)
    result = check_equivalence(mac_sources(), "mac_csa_array", made.netlist_verilog, [osu018], workdir=tmp_path)
    assert (result.equal, result.method, result.difference) == (True, "proof", None)


def test_one_wrong_cell_of_a_multiplier(tmp_path: Path, osu018: Path) -> None:
    sources, top = mac_sources(), "mul_booth_r4"
    made = synthesize(sources, top, [osu018], workdir=tmp_path)
    same = check_equivalence(sources, top, made.netlist_verilog, [osu018], workdir=tmp_path, proof_seconds=0)
    assert (same.equal, same.method, same.compared) == (True, "exhaustive simulation", 65536)
    spoilt = spoil(made.netlist_verilog, "XNOR2X1", "XOR2X1")
    found = check_equivalence(sources, top, spoilt, [osu018], workdir=tmp_path)
    assert not found.equal and found.difference is not None
    match = re.fullmatch(
        r"with weight_i = (\d+), activation_i = (\d+): product_o = (\d+) \(netlist (\d+)\)", found.difference
    )
    assert match is not None
    weight, activation, product, wrong = (int(n) for n in match.groups())
    signed = [n - 256 if n > 127 else n for n in (weight, activation)]
    assert product == signed[0] * signed[1] % 65536 != wrong


def test_one_wrong_cell_of_a_mac_with_wide_inputs(tmp_path: Path, osu018: Path) -> None:
    sources, top = mac_sources(), "mac_sign_magnitude"
    made = synthesize(sources, top, [osu018], workdir=tmp_path)
    spoilt = spoil(made.netlist_verilog, "OAI21X1", "AOI21X1")
    found = check_equivalence(sources, top, spoilt, [osu018], workdir=tmp_path, proof_seconds=2)
    assert not found.equal and found.method == "random simulation"


@pytest.mark.parametrize("mode", ["structural", "flat"])
@pytest.mark.parametrize(
    "text, method", [(ACCUMULATOR, "random states"), (RESETS, "random sequences")], ids=["accumulator", "resets"]
)
def test_registers(tmp_path: Path, verilog: Write, osu018: Path, mode: Mode, text: str, method: str) -> None:
    source = verilog(text)
    made = synthesize([source], "t", [osu018], mode=mode, workdir=tmp_path)
    result = check_equivalence([source], "t", made.netlist_verilog, [osu018], workdir=tmp_path)
    assert result.equal and result.method == method and result.compared >= 1 << 18
    right, wrong = ("NAND2X1", "NOR2X1") if mode == "structural" else ("XNOR2X1", "XOR2X1")
    spoilt = spoil(made.netlist_verilog, right, wrong)
    if text == RESETS:
        found = check_equivalence([source], "t", spoilt, [osu018], workdir=tmp_path)
        assert not found.equal and found.difference is not None and found.difference.startswith("clock ")
    else:
        # Nothing sets this register, so no sequence of inputs can show the difference that the states gave.
        with pytest.raises(HaloError, match="depend on the initial state"):
            check_equivalence([source], "t", spoilt, [osu018], workdir=tmp_path)


def test_the_processing_element(tmp_path: Path, osu018: Path) -> None:
    sources = [*mac_sources(), *sorted((rtl_folder() / "pe").glob("*.v"))]
    made = synthesize(sources, "pe_ws", [osu018], workdir=tmp_path)
    result = check_equivalence(sources, "pe_ws", made.netlist_verilog, [osu018], workdir=tmp_path)
    assert result.equal and result.method == "random states"


def test_other_ports(tmp_path: Path, osu018: Path) -> None:
    sources, top = mac_sources(), "mul_csa_array"
    made = synthesize(sources, top, [osu018], parameters={"WEIGHT_WIDTH": 4}, workdir=tmp_path)
    with pytest.raises(HaloError, match="input weight_i has 8 bits in the RTL and 4 in the netlist"):
        check_equivalence(sources, top, made.netlist_verilog, [osu018], workdir=tmp_path)
