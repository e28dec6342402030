# SPDX-License-Identifier: Apache-2.0
"""Netlists of other tools through the flow: what they write that ours does not, and what is wrong with some."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halo.characterization.design import DesignCorner, load_corner
from halo.cli.main import main
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.simulators.comparison import compare, draw_samples
from halo.liberty import read_corner
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import drive_port, evaluate, read_port
from halo.netlist.supplies import without_supplies
from halo.netlist.verilog import read_netlist
from halo.timing.timed_netlist import write_timed_netlist

LAYOUT = r"""// Written by a synthesis tool, then by a layout tool
`timescale 1ns / 1ps
module ha_0 ( A, B, S, CO, VPWR, VGND );
  input A, B;  output S, CO;  inout VPWR, VGND;
  sky130_fd_sc_hd__ha_1 g1 ( .A(A), .B(B), .SUM(S), .COUT(CO), .VPWR(VPWR), .VPB(VPWR), .VGND(VGND), .VNB(VGND) );
endmodule
module mult ( a, w, p, flag, zero, spare, VPWR, VGND );
  input [1:0] a;
  input [1:0] w;
  output [3:0] p;
  output flag, zero;
  output [1:0] spare;
  inout VPWR, VGND;
  wire \mul/n1 , \mul/pp[1] , \mul/pp[2] , \mul/n_4 , tielo, n_7, UNCONNECTED, SYNOPSYS_UNCONNECTED_1;
  wire [3:3] q;
  assign p[3] = q[3];
  assign flag = w[1];
  assign zero = 1'b0;
  assign spare = {tielo, 1'b1};
  sky130_fd_sc_hd__and2_1 \mul/U1 ( .A(a[0]), .B(w[0]), .X(p[0]), .VPWR(VPWR), .VPB(VPWR), .VGND(VGND), .VNB(VGND) );
  sky130_fd_sc_hd__and3_1 \mul/U2 ( .A(a[1]), .B(w[0]), .C(1'b1), .X(\mul/pp[1] ), .VPWR(VPWR), .VPB(VPWR),
      .VGND(VGND), .VNB(VGND) );
  sky130_fd_sc_hd__and2_1 \mul/U3 ( .A(a[0]), .B(w[1]), .X(\mul/pp[2] ), .VPWR(VPWR), .VPB(VPWR), .VGND(VGND),
      .VNB(VGND) );
  sky130_fd_sc_hd__and2_1 \mul/U4 ( .A(a[1]), .B(w[1]), .X(\mul/n_4 ), .VPWR(VPWR), .VPB(VPWR), .VGND(VGND),
      .VNB(VGND) );
  ha_0 \mul/ha0 ( .A(\mul/pp[1] ), .B(\mul/pp[2] ), .S(p[1]), .CO(\mul/n1 ), .VPWR(VPWR), .VGND(VGND) );
  ha_0 \mul/ha1 ( .A(\mul/n1 ), .B(\mul/n_4 ), .S(p[2]), .CO(n_7), .VPWR(VPWR), .VGND(VGND) );
  sky130_fd_sc_hd__or2_1 U9 ( .A(n_7), .B(tielo), .X(q[3]), .VPWR(VPWR), .VPB(VPWR), .VGND(VGND), .VNB(VGND) );
  sky130_fd_sc_hd__conb_1 tie ( .LO(tielo), .HI(UNCONNECTED), .VPWR(VPWR), .VPB(VPWR), .VGND(VGND), .VNB(VGND) );
  sky130_fd_sc_hd__ha_1 unused ( .A(a[0]), .B(a[1]), .SUM(SYNOPSYS_UNCONNECTED_1), .COUT(), .VPWR(VPWR), .VPB(VPWR),
      .VGND(VGND), .VNB(VGND) );
  sky130_fd_sc_hd__fill_1 FILLER_0 ( .VPWR(VPWR), .VPB(VPWR), .VGND(VGND), .VNB(VGND) );
  sky130_fd_sc_hd__tapvpwrvgnd_1 TAP_0 ( .VPWR(VPWR), .VGND(VGND) );
  sky130_fd_sc_hd__decap_3 PHY_0 ( .VPWR(VPWR), .VPB(VPWR), .VGND(VGND), .VNB(VGND) );
  sky130_fd_sc_hd__diode_2 ANTENNA_0 ( .DIODE(a[1]), .VPWR(VPWR), .VPB(VPWR), .VGND(VGND), .VNB(VGND) );
endmodule
"""

MULTIPLIER = """module mult ( a, w, p );
  input [1:0] a; input [1:0] w; output [3:0] p;
  wire c, n1, n2, n3;
  AND2X1 u0 ( .A(a[0]), .B(w[0]), .Y(p[0]) );
  AND2X1 u1 ( .A(a[1]), .B(w[0]), .Y(n1) );
  AND2X1 u2 ( .A(a[0]), .B(w[1]), .Y(n2) );
  AND2X1 u3 ( .A(a[1]), .B(w[1]), .Y(n3) );
  HAX1 h0 ( .A(n1), .B(n2), .YS(p[1]), .YC(c) );
  HAX1 h1 ( .A(c), .B(n3), .YS(p[2]), .YC(p[3]) );
endmodule
"""


def corner(netlist: Path, liberty: Path, top: str | None = None, **options: object) -> DesignCorner:
    values: dict[str, object] = {"netlist": (netlist,), "top": top} | options
    config = CharacterizeConfig(  # type: ignore[arg-type]
        corners=(("c", (liberty,)),), run_folder=netlist.parent / "run", **values
    )
    return load_corner("c", (liberty,), netlist, top, config)


def products(found: DesignCorner) -> None:
    """The output is weight x activation, unsigned, 2 x 2 bits."""
    netlist = found.circuit.netlist
    w, a = (axis.ravel() for axis in np.meshgrid(np.arange(4), np.arange(4)))
    values = evaluate(found.circuit, drive_port(netlist, "w", w) | drive_port(netlist, "a", a))
    assert np.array_equal(read_port(netlist, values, found.roles.output, signed=False), w * a)


@pytest.fixture(scope="session")
def sky130(shared: Path) -> Path:
    return shared / "liberty" / "sky130hd" / "sky130_fd_sc_hd__tt_025C_1v80.lib.gz"


def test_a_netlist_from_layout(tmp_path: Path, sky130: Path) -> None:
    path = tmp_path / "layout.v"
    path.write_text(LAYOUT)
    found = corner(path, sky130, output="p")
    products(found)
    netlist = found.circuit.netlist
    assert list(netlist.inputs) == ["a", "w"] and not netlist.inouts
    assert [i.name for i in netlist.instances][-4:] == ["tie", "unused", "PHY_0", "ANTENNA_0"], "no filler, no tap"
    assert all("V" not in pin for instance in netlist.instances for pin in instance.pins if pin != "DIODE")
    assert found.circuit.gates == 10
    values = evaluate(found.circuit, {net: np.ones(1, np.uint8) for net in found.circuit.source.tolist()})
    ports = {name: [int(values[net][0]) for net in bits] for name, bits in netlist.outputs.items()}
    assert (ports["flag"], ports["zero"], ports["spare"]) == ([1], [0], [1, 0])


@pytest.mark.tools
def test_a_netlist_from_layout_in_icarus(tmp_path: Path, sky130: Path) -> None:
    path = tmp_path / "layout.v"
    path.write_text(LAYOUT)
    found = corner(path, sky130, output="p")
    write_timed_netlist(found.circuit, found.delays, tmp_path / "timed.v", library=found.library)
    compared = compare(found, tmp_path / "timed.v", draw_samples(found, 64, np.random.default_rng(1)), explain=True)
    same, first = compared.equal, compared.first_difference
    assert first is None, first.text
    assert all(same)


def test_supply_pins_of_every_library_are_known(shared: Path) -> None:
    """Five families of cells; ihp's files have no pg_pin groups."""
    wanted = {
        "asap7": {"VDD", "VSS"},
        "gf180mcu7t": {"VDD", "VSS"},
        "gt2n": {"vdd", "vss"},
        "ihp_sg13g2": set(),
        "sky130hd": {"VPWR", "VGND", "VPB", "VNB"},
    }
    for family, names in wanted.items():
        library = read_corner([sorted((shared / "liberty" / family).glob("*.lib.gz"))[-1]])
        assert set().union(*(cell.pg_pins for cell in library.cells.values())) >= names
        assert all(not set(cell.pg_pins).intersection(cell.pins) for cell in library.cells.values())


def powered(text: str, tmp_path: Path, library: Library) -> list[str]:
    path = tmp_path / "n.v"
    path.write_text(text)
    return list(without_supplies(read_netlist(path), library).inputs)


def test_supply_ports(tmp_path: Path, sky130: Path) -> None:
    library = read_corner([sky130])
    cells = "sky130_fd_sc_hd__inv_1 u (.A(a), .Y(y), .VPWR(vcc), .VPB(vcc), .VGND(vee)); "
    tied = cells + "sky130_fd_sc_hd__inv_1 v (.A(vcc), .Y(n)); "
    for kind in ("input", "inout"):
        head = f"module top(input a, {kind} vcc, {kind} vee, output y); "
        assert powered(head + cells + "endmodule", tmp_path, library) == ["a"]
        assert powered(head + tied + "endmodule", tmp_path, library) == ["a", "vcc"], "it carries a signal, too"
    head = "module top(input a, idle, inout vcc, vee, output y); "
    assert powered(head + cells + "endmodule", tmp_path, library) == ["a", "idle"]
    for drive in ("sky130_fd_sc_hd__inv_1 v (.A(a), .Y(vcc));", "assign vcc = 1'b1;"):
        with pytest.raises(HaloError, match="port vcc of the top module is bidirectional"):
            powered(head + cells + drive + "endmodule", tmp_path, library)
    plain = "module top(input a, output y); sky130_fd_sc_hd__inv_1 u (.A(a), .Y(y)); endmodule"
    (tmp_path / "n.v").write_text(plain)
    netlist = read_netlist(tmp_path / "n.v")
    assert without_supplies(netlist, library) is netlist


def test_an_unlisted_cell_with_signals_is_still_refused(tmp_path: Path, sky130: Path) -> None:
    path = tmp_path / "layout.v"
    path.write_text(LAYOUT.replace("fill_1 FILLER_0 ( ", "fill_1 FILLER_0 ( .A(a[0]), "))
    with pytest.raises(HaloError, match="cell sky130_fd_sc_hd__fill_1 of instance FILLER_0 is not in library"):
        corner(path, sky130, output="p")


def test_supplies_that_the_library_does_not_name(tmp_path: Path, osu018: Path) -> None:
    path = tmp_path / "n.v"
    path.write_text(MULTIPLIER.replace(".Y(n1)", ".Y(n1), .vdd(vdd)"))
    with pytest.raises(HaloError, match=r"cell AND2X1 \(instance u1\) has no pin vdd") as caught:
        corner(path, osu018)
    assert "no pg_pin of that name" in caught.value.fix


def test_gzip_under_any_name(tmp_path: Path, osu018: Path) -> None:
    path = tmp_path / "netlist.v"
    path.write_bytes(gzip.compress(MULTIPLIER.encode()))
    products(corner(path, osu018))


def test_a_clock_gate_of_the_library(tmp_path: Path, sky130: Path) -> None:
    path = tmp_path / "n.v"
    path.write_text(
        """module top(input [1:0] a, w, input clk, en, output [1:0] p);
        sky130_fd_sc_hd__dlclkp_1 gate (.CLK(clk), .GATE(en), .GCLK(ck));
        sky130_fd_sc_hd__dfxtp_1 r (.CLK(ck), .D(a[0]), .Q(q));
        sky130_fd_sc_hd__and2_1 u (.A(q), .B(w[0]), .X(p[0])); sky130_fd_sc_hd__and2_1 v (.A(a[1]), .B(w[1]), .X(p[1]));
        endmodule"""
    )
    held = corner(path, sky130, ties=(("en", 1),))
    assert not held.both_edges and held.registered


MODELS = """
primitive udp_and (y, a, b); output y; input a, b; table 1 1 : 1; 0 ? : 0; ? 0 : 0; endtable endprimitive
module AND2X1 (output reg Y, input A, input B);
  always @(*) Y = A & B;
  function f; input z; f = ~z; endfunction
  specify (A => Y) = (0.1, 0.2); (B => Y) = (0.1, 0.2); endspecify
endmodule
module HAX1 (A, B, YC, YS); input A, B; output YC, YS; udp_and (YC, A, B); assign YS = A ^ B; endmodule
"""


def test_behavioural_models_of_library_cells_are_not_read(tmp_path: Path, osu018: Path) -> None:
    text = """module top (input [1:0] a, input [1:0] w, output [1:0] p); wire n;
      AND2X1 u (.A(a[0]), .B(w[0]), .Y(n)); HAX1 h (.A(n), .B(a[1]), .YC(p[0]), .YS(m)); AND2X1 v (m, w[1], p[1]);
    endmodule"""
    # Pins by order as the model lists them: Y, A, B.
    (tmp_path / "n.v").write_text(MODELS + text.replace("v (m, w[1], p[1])", "v (p[1], m, w[1])"))
    (tmp_path / "plain.v").write_text(text.replace("v (m, w[1], p[1])", "v (.A(m), .B(w[1]), .Y(p[1]))"))
    given, plain = (corner(tmp_path / name, osu018).circuit for name in ("n.v", "plain.v"))
    assert given.netlist.nets == plain.netlist.nets
    assert [i.pins for i in given.netlist.instances] == [i.pins for i in plain.netlist.instances]
    (tmp_path / "n.v").write_text((MODELS + text).replace("AND2X1", "AND9X9"))
    with pytest.raises(HaloError, match="behavioural construct 'reg'") as refused:
        corner(tmp_path / "n.v", osu018)
    assert refused.value.line == 3


# What is wrong with netlists: each through load_corner, with file and line.

LATCHED = "LATCH h2 ( .CLK(a[0]), .D(c), .Q(p[2]) ); assign p[3] = c;\nendmodule\n"
LOOP = """  HAX1 h1 ( .A(c), .B(n3), .YS(p[2]), .YC(m) );
  OR2X1 o ( .A(m), .B(k), .Y(p[3]) ); BUFX2 b ( .A(p[3]), .Y(k) );"""
BAD = {
    "unknown cell": ("AND2X1 u1", "AND3X9 u1", 5, "cell AND3X9 of instance u1 is not in library", "AND2X1"),
    "undriven net": (".A(n1)", ".A(n9)", 8, "net n9 has no driver and reaches pin A of instance h0", "Drive it"),
    "undriven output": (".YS(p[1])", ".YS(n9)", None, "output port p (bit 1 from the least significant)", "Drive it"),
    "loop": (
        "  HAX1 h1 ( .A(c), .B(n3), .YS(p[2]), .YC(p[3]) );",
        LOOP,
        10,
        "combinational loop through 2 nets: p[3] -> k -> p[3]",
        "flip-flop",
    ),
    "latch": (
        "HAX1 h1 ( .A(c), .B(n3), .YS(p[2]), .YC(p[3]) );\nendmodule\n",
        LATCHED,
        9,
        "instance h2: cell LATCH is a latch",
        "flip-flops",
    ),
    "width": (".A(n1)", ".A(a)", 8, "width mismatch: 2 bits are connected to pin A of instance h0", "one bit"),
    "width of an assign": (
        "wire c,",
        "assign p = a; wire c,",
        3,
        "width mismatch in this assign: 2 bits meet 4",
        "wide",
    ),
    "drivers": (".Y(n2)", ".Y(n1)", 6, "net n1 has several drivers: u1/Y and u2/Y", "one driver"),
    "drivers of a port": (".Y(n2)", ".Y(w[0])", 6, "net w[0] has several drivers: input port w and u2/Y", "one driver"),
    "undefined value": (".A(n1)", ".A(1'bx)", 8, "net 1'bx has no driver", "tie it"),
    "open input": (".B(n2), ", ".B(), ", 8, "input pin B of instance h0 (HAX1) is not connected", "Connect it"),
    "bidirectional": ("output [3:0] p", "inout [3:0] p", None, "port p of the top module is bidirectional", "separate"),
    "RTL": ("AND2X1 u0 ( .A(a[0]), .B(w[0]), .Y(p[0]) )", "assign p[0] = a[0] & w[0]", 4, "operator '&'", "RTL"),
    "SystemVerilog": ("wire c", "always_comb c", 3, "behavioural construct 'always_comb'", "RTL"),
    "truncated": (".YC(p[3]) );\nendmodule\n", ".YC(p[", 9, "the file ends inside module mult", "truncated"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, osu018: Path, case: str) -> None:
    old, new, line, what, fix = BAD[case]
    assert old in MULTIPLIER
    path = tmp_path / "n.v"
    path.write_text(MULTIPLIER.replace(old, new))
    with pytest.raises(HaloError) as caught:
        corner(path, osu018, weight="w", activation="a", output="p")
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert (caught.value.path, caught.value.line) == (str(path), line)


@pytest.mark.parametrize(
    ("options", "what", "fix"),
    [
        ({"weight": "ww"}, "no port 'ww', which weight names", "w"),
        ({"activation": "p"}, "port p, which activation names, is an output", "a"),
        ({"output": "product"}, "no port 'product', which output names", "p"),
        ({"ties": (("en", 1),)}, "no port 'en', which ties names", ""),
        ({"top": "mul"}, "no module mul in the netlist", "mult"),
    ],
)
def test_names_that_the_netlist_lacks(
    tmp_path: Path, osu018: Path, options: dict[str, object], what: str, fix: str
) -> None:
    path = tmp_path / "n.v"
    path.write_text(MULTIPLIER)
    with pytest.raises(HaloError) as caught:
        corner(path, osu018, **options)
    assert what in caught.value.what and fix in caught.value.fix


@pytest.mark.parametrize("case", ["unknown cell", "loop", "latch", "truncated", "drivers", "width"])
def test_the_command_ends_in_two_lines_and_leaves_nothing(
    tmp_path: Path, osu018: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    old, new, line, what, _ = BAD[case]
    path = tmp_path / "n.v"
    path.write_text(MULTIPLIER.replace(old, new))
    arguments = ["characterize", "--netlist", str(path), "--liberty", str(osu018), "-o", str(tmp_path / "run")]
    assert main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    error = next(number for number, text in enumerate(said) if text.startswith("error: "))
    assert what in said[error] and f":{line}: " in said[error]
    assert said[error + 1].startswith("  fix: ") and len(said) == error + 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["n.v"]


def test_a_netlist_cut_anywhere(tmp_path: Path, osu018: Path) -> None:
    library = read_corner([osu018])
    path = tmp_path / "n.v"
    for end in range(len(MULTIPLIER) - len("endmodule\n") + 5):
        path.write_text(MULTIPLIER[:end])
        with pytest.raises(HaloError):
            compile_circuit(read_netlist(path), library)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_netlist_is_read_or_refused(data: st.DataObject, tmp_path: Path, osu018: Path) -> None:
    library = read_corner([osu018])
    words = MULTIPLIER.split(" ")
    for _ in range(data.draw(st.integers(1, 3))):
        first, second = (data.draw(st.integers(0, len(words) - 1)) for _ in range(2))
        words[first] = data.draw(
            st.sampled_from([words[second], "", "1'b0", "{a,", "[", "p[7]", "\\x ", words[first] * 2])
        )
    path = tmp_path / "n.v"
    path.write_text(" ".join(words))
    try:
        compile_circuit(read_netlist(path), library)
    except HaloError as refused:
        assert refused.what and refused.fix
