# SPDX-License-Identifier: Apache-2.0
"""Designs that other tools' readers have crashed on, hung on or taken wrongly, after reports against Yosys, its slang
front end, Verilator and the flows around them: each gives gates of the right function, or is refused with its line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import drive_port, evaluate, read_port
from halo.netlist.verilog import read_netlist
from halo.synth import check_equivalence, synthesize

A, W = 4, 4
PORTS = "input [3:0] a, input [3:0] w, output [7:0] y"
SV_PORTS = "input logic [3:0] a, w, output logic [7:0] y"


def signed(value: int) -> int:
    return value - 16 if value & 8 else value


Model = Callable[[int, int], int]

RIGHT: dict[str, tuple[str, str, Model]] = {
    # YosysHQ/yosys#3090: a size cast lost the sign extension.
    "a size cast in a signed product": (
        ".sv",
        "module t(input logic signed [3:0] a, input logic [3:0] w, output logic signed [7:0] y);\n"
        "  assign y = a * $signed(5'(w));\nendmodule",
        lambda a, w: signed(a) * w,
    ),
    # verilator/verilator#759: a concatenation of one signed value is unsigned.
    "a concatenation of one value": (
        ".v",
        f"module t({PORTS}); wire [4:0] k; assign k = {{-4'sd7}}; assign y = a * w + k; endmodule",
        lambda a, w: a * w + 9,
    ),
    # verilator/verilator#754: a shift by a signed constant counts it without its sign.
    "a shift by a negative constant": (
        ".v",
        "module t(input signed [3:0] a, input [3:0] w, output [7:0] y); assign y = (a << -2'sd1) + w; endmodule",
        lambda a, w: (a << 3) + w,
    ),
    # YosysHQ/yosys#3154: vectors counted upwards as arguments of a function.
    "ascending vectors in a function": (
        ".v",
        "module t(input [0:3] a, input [0:3] w, output [0:7] y);\n"
        "  function automatic [0:3] pick(input [0:3] p, input [0:3] q); integer i, j; begin pick = 0;\n"
        "    for (i = 0; i < 4; i = i + 1) for (j = 0; j < 4; j = j + 1) pick[i] = pick[i] | p[j] & q[i] & i == j;\n"
        "  end endfunction\n  assign y = {4'b0, pick(a, w)};\nendmodule",
        lambda a, w: a & w,
    ),
    # YosysHQ/yosys#210: arrays of wires, indexed by a function of constants (Clash writes them).
    "an array of wires with a function as index": (
        ".v",
        "module t(input signed [3:0] a, input signed [3:0] w, output signed [7:0] y); wire signed [7:0] m [0:2];\n"
        "  function integer at; input integer depth; at = depth; endfunction\n"
        "  assign m[at(2)] = a * w; assign m[at(0)] = 0; assign m[1] = 0; assign y = m[2];\nendmodule",
        lambda a, w: signed(a) * signed(w),
    ),
    # YosysHQ/yosys#968: the variable of a loop keeps the value that ended it.
    "the variable of a loop behind it": (
        ".v",
        "module t(input [3:0] a, input [3:0] w, output reg [7:0] y); integer k;\n"
        "  always @* begin for (k = 0; k < 2; k = k + 1) y[k] = a[k]; y[7:2] = {w, a[k], a[k + 1]}; end\nendmodule",
        lambda a, w: (a & 3) | (a >> 3 & 1) << 2 | (a >> 2 & 1) << 3 | w << 4,
    ),
    # verilator/verilator#4536: streaming in a case.
    "streaming": (
        ".sv",
        f"module t({SV_PORTS});\n  always_comb case (w[0]) 1'b1: y = {{<<4{{a, w}}}}; default: y = {{<<{{a, w}}}};\n"
        "  endcase\nendmodule",
        lambda a, w: w << 4 | a if w & 1 else int(f"{a << 4 | w:08b}"[::-1], 2),
    ),
    # povik/sv-elab#109: foreach.
    "foreach": (
        ".sv",
        f"module t({SV_PORTS}); logic [7:0] row [4];\n"
        "  always_comb begin y = '0; foreach (row[i]) begin row[i] = w[i] ? 8'(a) << i : '0; y += row[i]; end end\n"
        "endmodule",
        lambda a, w: a * w,
    ),
    # povik/sv-elab#129: an initial block without end took all memory.
    "a clock for simulation that runs for ever": (
        ".sv",
        f"module t({SV_PORTS}); logic q = 0; initial forever begin #1 q = ~q; end assign y = a * w; endmodule",
        lambda a, w: a * w,
    ),
    # The-OpenROAD-Project/OpenROAD-flow-scripts#2941: prints are left in the netlist.
    "prints": (
        ".v",
        "module t(input [3:0] a, input [3:0] w, output reg [7:0] y);\n"
        '  always @* begin y = a * w; if (y > 60) $display("%d is large", y); end\nendmodule',
        lambda a, w: a * w,
    ),
    # povik/sv-elab#126: what an initial block fills was lost without a word.
    "a table filled by an initial block": (
        ".sv",
        f"module t({SV_PORTS}); logic [7:0] rom [0:15]; initial for (int i = 0; i < 16; i++) rom[i] = i * 3;\n"
        "  assign y = a * w + rom[a];\nendmodule",
        lambda a, w: a * w + 3 * a,
    ),
    "the same beside what only a simulation can play": (
        ".sv",
        f"module t({SV_PORTS}); const logic [7:0] rom [4] = '{{5, 6, 7, 9}};\n"
        '  initial begin $dumpfile("t.vcd"); $dumpvars(0, t); end\n  assign y = a * w + rom[a[1:0]];\nendmodule',
        lambda a, w: a * w + (5, 6, 7, 9)[a & 3],
    ),
    # YosysHQ/yosys#3689: a part select that leaves its vector; what lies outside is undefined, and not looked at here.
    "a part select beyond its vector": (
        ".v",
        f"module t({PORTS}); localparam [5:15] p = 51681708; wire [4:0] c; assign c = p[15 + a[1:0] -: 5];\n"
        "  assign y = a[1:0] == 0 ? {3'b0, c} : w;\nendmodule",
        lambda a, w: w if a & 3 else 51681708 & 31,
    ),
    # YosysHQ/yosys#3976: modules that hold smaller copies of themselves ended the reader.
    "a tree of modules that hold themselves": (
        ".v",
        "module sum #(parameter N = 4) (input [8*N-1:0] x, output [7:0] y); generate if (N == 1) assign y = x;\n"
        "  else begin : g wire [7:0] l, h; sum #(N / 2) a(x[4*N-1:0], l); sum #(N / 2) b(x[8*N-1:4*N], h);\n"
        "    assign y = l + h; end endgenerate\nendmodule\n"
        f"module t({PORTS}); wire [31:0] p; genvar i;\n"
        "  generate for (i = 0; i < 4; i = i + 1) begin : r assign p[8*i +: 8] = w[i] ? a << i : 0; end endgenerate\n"
        "  sum #(4) s(p, y);\nendmodule",
        lambda a, w: a * w,
    ),
}


def write(text: str, suffix: str, folder: Path) -> Path:
    path = folder / f"t{suffix}"
    path.write_text(text + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("case", RIGHT)
def test_right_function(case: str, tmp_path: Path, osu018: Path) -> None:
    suffix, text, model = RIGHT[case]
    made = synthesize([write(text, suffix, tmp_path)], "t", [osu018], workdir=tmp_path / "w")
    library = read_corner([osu018])
    netlist = read_netlist(made.netlist_verilog, "t", library.cells)
    lanes = np.arange(256)
    given = drive_port(netlist, "a", lanes & 15) | drive_port(netlist, "w", lanes >> 4)
    found = read_port(netlist, evaluate(compile_circuit(netlist, library), given), "y", signed=False)
    assert found.tolist() == [model(lane & 15, lane >> 4) & 255 for lane in lanes.tolist()]


def test_undefined_values_are_compared_as_they_are_built(tmp_path: Path, osu018: Path) -> None:
    """A part select that leaves its vector (YosysHQ/yosys#3689): the proof was not to be had with undefined bits."""
    suffix, text, _ = RIGHT["a part select beyond its vector"]
    source = write(text, suffix, tmp_path)
    made = synthesize([source], "t", [osu018], workdir=tmp_path / "w")
    checked = check_equivalence([source], "t", made.netlist_verilog, [osu018], workdir=tmp_path / "check")
    assert checked.equal and checked.method == "proof"


def test_an_open_output_in_systemverilog_is_one(tmp_path: Path, osu018: Path) -> None:
    text = f"module t({SV_PORTS}, output logic [1:0] z); assign y = a * w; assign z[0] = a[0]; endmodule"
    source = write(text, ".sv", tmp_path)
    made = synthesize([source], "t", [osu018], may_stay_open=["z"], workdir=tmp_path / "w")
    assert made.open_outputs == ("z",)
    with pytest.raises(HaloError, match=r"signal t\.z \[1\] is used but never driven"):
        synthesize([source], "t", [osu018], workdir=tmp_path / "v")


# what it is: suffix, source, line, part of the message, part of the fix
REFUSED: dict[str, tuple[str, str, int | None, str, str]] = {
    # The-OpenROAD-Project/OpenLane#1495: mapped to a cell that no library has.
    "an asynchronous load": (
        ".v",
        "module t(input clk, input rst, input [3:0] a, input [3:0] w, output reg [7:0] y);\n"
        "  always @(posedge clk or posedge rst) if (rst) y <= a; else y <= a * w;\nendmodule",
        None,
        "takes a value that is not constant with its asynchronous reset",
        "Reset it to a constant",
    ),
    # YosysHQ/yosys#4348: a power is left as a cell of Yosys' own.
    "a power": (
        ".v",
        f"module t({PORTS});\n  assign y = a ** w;\nendmodule",
        2,
        "operator \\*\\* has an exponent that is not constant",
        "Multiply",
    ),
    "a loop without end": (
        ".v",
        "module t(input [3:0] a, input [3:0] w, output reg [7:0] y); integer i;\n"
        "  always @* begin y = a * w; i = 0;\n    while (i < 10) y = y; end\nendmodule",
        3,
        "unroll limit",
        "another way",
    ),
    # google/globalfoundries-pdk-libs-gf180mcu_fd_io#10
    "a directive of a simulator": (
        ".v",
        f"`celldefine\n`suppress_faults\nmodule t({PORTS}); assign y = a * w; endmodule\n`endcelldefine",
        2,
        "suppress_faults",
        "NAME",
    ),
    # YosysHQ/yosys#3143, verilator/verilator#468
    "a user-defined primitive": (
        ".v",
        "primitive both(o, x, y); output o; input x, y; table 0 ? : 0; ? 0 : 0; 1 1 : 1; endtable endprimitive\n"
        "module t(input [0:0] a, input [0:0] w, output y);\n  both b(y, a, w);\nendmodule",
        3,
        "user-defined primitives",
        "another way",
    ),
    # povik/sv-elab#280
    "a table whose file is gone": (
        ".sv",
        f'module t({SV_PORTS}); logic [7:0] rom [0:15];\n  initial $readmemh("gone.hex", rom);\n'
        "  assign y = a * w + rom[a];\nendmodule",
        2,
        "gone.hex",
        "full path",
    ),
    "the same in Verilog": (
        ".v",
        f'module t({PORTS}); reg [7:0] rom [0:15];\n  initial $readmemh("gone.hex", rom);\n'
        "  assign y = a * w + rom[a];\nendmodule",
        2,
        "gone.hex",
        "full path",
    ),
    "a variable that nothing assigns": (
        ".sv",
        f"module t({SV_PORTS}); logic [7:0] k; assign k[3:0] = a;\n  assign y = a * w + k;\nendmodule",
        None,
        r"signal t\.k.* is used but never driven",
        "Drive it",
    ),
    "one that only a simulation assigns": (
        ".sv",
        f'module t({SV_PORTS}); logic [7:0] k;\n  initial if ($value$plusargs("k=%d", k)) $display("k");\n'
        "  assign y = a * w + k;\nendmodule",
        2,
        "plusargs",
        "another way",
    ),
    # YosysHQ/yosys#647: such a name became a wire of its own, without a driver.
    "a wire inside another instance": (
        ".v",
        "module square(input [3:0] a, output [7:0] y); wire [7:0] q; assign q = a * a; assign y = q; endmodule\n"
        f"module t({PORTS}); wire [7:0] z; square u(a, z); assign y = u.q + w; endmodule",
        None,
        r"signal t\.u\.q",
        "through its ports",
    ),
    "a net that rests at a level": (
        ".v",
        f"module t({PORTS});\n  tri0 n;\n  assign y = a * w + n;\nendmodule",
        2,
        "Yosys: ",
        "Correct the Verilog",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_way_out(case: str, tmp_path: Path, osu018: Path) -> None:
    suffix, text, line, message, fix = REFUSED[case]
    source = write(text, suffix, tmp_path)
    with pytest.raises(HaloError, match=message) as refused:
        synthesize([source], "t", [osu018], workdir=tmp_path / "w")
    assert fix in refused.value.fix
    if line is not None:
        assert (refused.value.path, refused.value.line) == (str(source), line)
