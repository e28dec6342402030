# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.characterization.interface import netlist_ports, read_ports
from halo.characterization.ports import find_roles
from halo.characterization.signedness import observe_signedness
from halo.errors import HaloError
from halo.liberty.model import Cell, FlipFlop, Function, Library, Pin
from halo.liberty.reader import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.verilog import read_netlist


def source(tmp_path: Path, text: str, name: str = "m.v") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_plain_verilog_is_read_with_its_parameters(tmp_path: Path) -> None:
    path = source(tmp_path, "module m #(parameter W = 4) (input signed [W-1:0] w, output y); endmodule")
    top, ports = read_ports([path], parameters={"W": 6})
    assert top == "m"
    assert [(p.name, p.width, p.signed) for p in ports] == [("w", 6, True), ("y", 1, False)]


def test_systemverilog_goes_to_slang(tmp_path: Path) -> None:
    text = (
        "module m #(parameter int W = 4) (input logic signed [W-1:0] w, input logic [7:0] a, output logic [W+7:0] y);\n"
        "always_comb y = w * a;\nendmodule\n"
    )
    top, ports = read_ports([source(tmp_path, text, "m.sv")], parameters={"W": 6})
    assert top == "m"
    assert [(p.name, p.direction, p.width) for p in ports] == [
        ("w", "input", 6),
        ("a", "input", 8),
        ("y", "output", 14),
    ]


def test_a_range_that_a_function_gives_goes_to_slang(tmp_path: Path) -> None:
    text = (
        "module f #(parameter W = g(3)) (input [W-1:0] a, output y);\n"
        "function integer g; input integer n; g = 2 * n; endfunction\nassign y = ^a;\nendmodule\n"
    )
    top, ports = read_ports([source(tmp_path, text)])
    assert top == "f"
    assert [(p.name, p.width) for p in ports] == [("a", 6), ("y", 1)]


def test_errors_when_neither_reads_it(tmp_path: Path) -> None:
    broken = "module broken(input a);\nassign = ;\nendmodule"
    with pytest.raises(HaloError, match=r"m.v:2:8: slang: expected expression"):
        read_ports([source(tmp_path, broken)])
    with pytest.raises(HaloError, match=r"m.sv:2:8: slang: expected expression"):
        read_ports([source(tmp_path, broken, "m.sv")])
    two = broken + "\nmodule other(input a); endmodule"
    with pytest.raises(HaloError, match=r"m.v:2:8: slang: expected expression"):
        read_ports([source(tmp_path, two)])
    with pytest.raises(HaloError, match="no module tops"):
        read_ports([source(tmp_path, "module top(input a); endmodule")], "tops")


def test_ports_of_a_netlist(tmp_path: Path) -> None:
    text = "module m(input signed [8:1] w, input a, output [0:3] y); INV u(.A(a), .Y(y[0])); endmodule"
    ports = netlist_ports(read_netlist(source(tmp_path, text)))
    assert [(p.name, p.direction, p.width, p.signed, p.lsb, p.scalar) for p in ports] == [
        ("w", "input", 8, True, 1, False),
        ("a", "input", 1, False, 0, True),
        ("y", "output", 4, False, 3, False),
    ]


def test_reference_netlist_is_seen_to_be_signed(shared: Path, osu018: Path) -> None:
    netlist = read_netlist(shared / "reference" / "osu018_mult8" / "netlist.v")
    roles = find_roles(netlist_ports(netlist))
    assert (roles.weight_encoding.signed, roles.activation_encoding.signed) == (False, False), "Yosys wrote no signed"
    seen = observe_signedness(compile_circuit(netlist, read_corner([osu018])), roles)
    assert (seen.weight_encoding.signed, seen.activation_encoding.signed) == (True, True)
    assert "as signed" in seen.assumptions[-1]


# A two-bit MAC behind registers, made of one cell per output bit.


def _cell(name: str, inputs: list[str], tables: dict[str, list[int]]) -> Cell:
    pins = {p: Pin(p, "input", 0.0, 0.0, 0.0) for p in inputs}
    for out, table in tables.items():
        function = Function("", tuple(inputs), np.array(table, np.uint8))
        pins[out] = Pin(out, "output", 0.0, 0.0, 0.0, function)
    return Cell(name, 1.0, pins)


def _library(weight_signed: bool, activation_signed: bool, offset: int = 0) -> Library:
    def signed(value: int, flag: bool) -> int:
        return value - 4 if flag and value > 1 else value

    tables: dict[str, list[int]] = {f"Y{i}": [] for i in range(4)}
    for state in range(64):
        w, a, c = state & 3, state >> 2 & 3, state >> 4 & 3
        result = signed(w, weight_signed) * signed(a, activation_signed) + c + offset
        for i in range(4):
            tables[f"Y{i}"].append(result >> i & 1)
    mac = _cell("MAC", ["W0", "W1", "A0", "A1", "C0", "C1"], tables)
    hold = Function("", ("E", "D", "IQ"), np.array([0, 0, 0, 1, 1, 0, 1, 1], np.uint8))
    clock = Function("CLK", ("CLK",), np.array([0, 1], np.uint8))
    flop = FlipFlop("IQ", "IQN", hold, clock)
    state = Function("IQ", ("IQ",), np.array([0, 1], np.uint8))
    pins = {p: Pin(p, "input", 0.0, 0.0, 0.0) for p in ("D", "E", "CLK")}
    pins["Q"] = Pin("Q", "output", 0.0, 0.0, 0.0, state)
    register = Cell("EDFF", 1.0, pins, sequential="ff", flipflops=(flop,))
    edges = {"rise": 0.5, "fall": 0.5}
    return Library("two", 1.0, 25.0, {"MAC": mac, "EDFF": register}, edges, edges)


MAC = """module top(input [1:0] w, a, c, input load, clk, output [3:0] y); wire [1:0] q;
EDFF r0 (.D(w[0]), .E(load), .CLK(clk), .Q(q[0])); EDFF r1 (.D(w[1]), .E(load), .CLK(clk), .Q(q[1]));
MAC m (.W0(q[0]), .W1(q[1]), .A0(a[0]), .A1(a[1]), .C0(c[0]), .C1(c[1]),
       .Y0(y[0]), .Y1(y[1]), .Y2(y[2]), .Y3(y[3]));
endmodule"""


@pytest.mark.parametrize("weight_signed", [False, True])
@pytest.mark.parametrize("activation_signed", [False, True])
def test_signedness_is_observed_through_registers(tmp_path: Path, weight_signed: bool, activation_signed: bool) -> None:
    netlist = read_netlist(source(tmp_path, MAC))
    roles = find_roles(netlist_ports(netlist), tie={"load": 1})
    seen = observe_signedness(compile_circuit(netlist, _library(weight_signed, activation_signed)), roles)
    assert (seen.weight_encoding.signed, seen.activation_encoding.signed) == (weight_signed, activation_signed)
    assert len(seen.assumptions) - len(roles.assumptions) == int(weight_signed or activation_signed)


def test_signedness_that_cannot_be_observed_is_said(tmp_path: Path) -> None:
    netlist = read_netlist(source(tmp_path, MAC))
    ports = netlist_ports(netlist)
    other = observe_signedness(compile_circuit(netlist, _library(True, True, 1)), find_roles(ports, tie={"load": 1}))
    assert other.offsets == {-2: 1, -1: 1, 0: 1, 1: 1} and "not weight x activation" not in str(other.assumptions)
    held = observe_signedness(compile_circuit(netlist, _library(True, True)), find_roles(ports, tie={"load": 0}))
    assert "not weight x activation" in held.assumptions[-1], "registers that never load keep the 0 they start from"
    assert (held.weight_encoding.signed, held.activation_encoding.signed) == (False, False)


@pytest.mark.parametrize("name", ["m.v", "m.sv"])
def test_a_parameter_that_reverses_a_range_is_refused(tmp_path: Path, name: str) -> None:
    path = source(tmp_path, "module m #(parameter W = 4)\n(input [W-1:0] w, input [0:7] a, output y);\nendmodule", name)
    assert read_ports([path], parameters={"W": 1})[1][0].width == 1
    with pytest.raises(HaloError, match=r"port w has the reversed range \[-1:0\] with W=0") as refused:
        read_ports([path], parameters={"W": 0})
    assert refused.value.line == 2 and "1 or more" in refused.value.fix and "m has W" in refused.value.fix


@pytest.mark.parametrize("name", ["m.v", "m.sv"])
def test_a_bidirectional_port_is_refused_at_its_place(tmp_path: Path, name: str) -> None:
    text = "module m (input [3:0] w, a,\ninout z, output [7:0] y);\nassign y = w * a;\nendmodule\n"
    path = source(tmp_path, text, name)
    with pytest.raises(HaloError, match="port z is bidirectional") as refused:
        find_roles(read_ports([path])[1])
    assert refused.value.place == f"{path}:2: "
