# SPDX-License-Identifier: Apache-2.0
"""The netlist that synthesis writes is read by Icarus, Verilator and OpenSTA; Icarus finds the RTL's function in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from halo.flow.runs.tools import find_tool
from halo.liberty import read_corner
from halo.netlist.verilog import read_netlist
from halo.synth import check_equivalence, synthesize
from halo.synth.cellmodels import cell_models

# Constants at outputs and inside, an input joined to an output, slices put together out of order, registers.
DESIGN = """module low(input [3:0] a, output [7:0] y, output [1:0] z);
  assign y = {4'b0, a};
  assign z = {a[0], 1'b1};
endmodule
module t(input clk, input [3:0] a, input [3:0] b, output reg [9:0] y, output [3:0] q, output [2:0] c);
  wire [7:0] wide; wire [1:0] z;
  low inner(a, wide, z);
  always @(posedge clk) y <= wide * b + z;
  assign {q[3], q[0], q[2:1]} = {a[0], b[0], 2'b01};
  assign c = {2'b10, a[3]};
endmodule
"""
BENCH = """`timescale 1ns/1ps
module bench;
  reg clk = 0; reg [7:0] in = 0; wire [9:0] y[0:1]; wire [3:0] q[0:1]; wire [2:0] c[0:1];
  t_rtl rtl(clk, in[3:0], in[7:4], y[0], q[0], c[0]);
  t gates(.clk(clk), .a(in[3:0]), .b(in[7:4]), .y(y[1]), .q(q[1]), .c(c[1]));
  integer i, wrong = 0, seen = 0;
  initial begin
    for (i = 0; i < 256; i = i + 1) begin
      in = i * 173; #5 clk = 1; #5 clk = 0; seen = seen + 1;
      if ({y[0], q[0], c[0]} !== {y[1], q[1], c[1]} || ^y[0] === 1'bx) wrong = wrong + 1;
    end
    $display("%0d of %0d differ", wrong, seen);
  end
endmodule
"""


@pytest.fixture(params=["osu018", "ihp_sg13g2"])
def liberty(request: pytest.FixtureRequest) -> Path:
    """A library without and one with cells that give constants."""
    if request.param == "osu018":
        return Path(request.getfixturevalue("osu018"))
    folder = request.getfixturevalue("shared") / "liberty"
    return next(iter((folder / request.param).glob("*typ_1p20V*.lib.gz")))


@pytest.fixture
def netlist(tmp_path: Path, liberty: Path) -> Path:
    """The design mapped, and ``models.v`` beside it."""
    source = tmp_path / "t.v"
    source.write_text(DESIGN)
    made = synthesize([source], "t", [liberty], workdir=tmp_path).netlist_verilog
    assert check_equivalence([source], "t", made, [liberty], workdir=tmp_path / "check").equal
    used = {instance.cell for instance in read_netlist(made).instances}
    (tmp_path / "models.v").write_text(cell_models(read_corner([liberty]), used))
    return made


def test_one_net_on_the_left_and_constants_on_nets_of_their_own(netlist: Path) -> None:
    text = netlist.read_text()
    assert "assign" in text and not re.search(r"assign\s*\{", text)
    ports = {f"{port}[{i}]" for port, width in (("y", 10), ("q", 4), ("c", 3)) for i in range(width)}
    read = read_netlist(netlist)
    for instance in read.instances:
        if re.search("tie(hi|lo)", instance.cell):
            assert not {read.nets[net] for net in instance.pins.values()} & {f"{port}" for port in ("a", "b")}
            assert re.search(rf"{instance.cell} \S+ \(\s*\.\w+\(_\d+_\)", text)
    outputs = re.findall(r"\.(?:Y|Q|X|L_HI|L_LO)\(([^)]*)\)", text)
    assert ports & {name.replace(" ", "") for name in outputs}, "gates drive outputs under their own names"


@pytest.mark.tools
def test_icarus_finds_the_function_of_the_source(netlist: Path, tmp_path: Path) -> None:
    (tmp_path / "rtl.v").write_text(DESIGN.replace("module t(", "module t_rtl("))
    (tmp_path / "bench.v").write_text(BENCH)
    files = ["bench.v", "rtl.v", netlist.name, "models.v"]
    subprocess.run([find_tool("iverilog").path, "-g2005", "-Wall", "-o", "sim", *files], cwd=tmp_path, check=True)
    run = subprocess.run([find_tool("vvp").path, "sim"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "0 of 256 differ"


@pytest.mark.tools
def test_verilator_finds_nothing_wrong(netlist: Path, tmp_path: Path) -> None:
    tool = find_tool("verilator")
    command = [
        tool.path,
        "--lint-only",
        "-Wall",
        "-Wno-DECLFILENAME",
        "-Wno-UNUSEDSIGNAL",
        "-Wno-TIMESCALEMOD",
        "--top-module",
        "t",
    ]
    run = subprocess.run(
        [*command, netlist.name, "models.v"], cwd=tmp_path, env=tool.environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.tools
def test_opensta_links_every_instance(netlist: Path, liberty: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "liberty" / "cells.lib"  # what Yosys mapped with is Liberty for others too
    script = (
        f"read_liberty {prepared}\nread_verilog {netlist}\nlink_design t\ncreate_clock -period 10 clk\n"
        'puts "instances [llength [get_cells *]]"\nreport_checks -to y[9]\nreport_checks -to y[0]\nexit\n'
    )
    (tmp_path / "run.tcl").write_text(script)
    run = subprocess.run([find_tool("sta").path, "-exit", "run.tcl"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0 and not re.search("rror|arning", run.stdout + run.stderr), run.stdout + run.stderr
    assert f"instances {len(read_netlist(netlist).instances)}" in run.stdout
