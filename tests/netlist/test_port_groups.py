# SPDX-License-Identifier: Apache-2.0
"""Operands that are parts of ports, or many ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.characterization.interface import netlist_ports, with_operands
from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.hdl import PortInfo
from halo.netlist.port_groups import group_ports
from halo.netlist.verilog import read_netlist
from halo.timing.wires import bit_name


def vector(name: str, width: int, lsb: int = 0, direction: str = "input") -> PortInfo:
    return PortInfo(name, direction, width, lsb=lsb)


def bit(name: str, direction: str = "input") -> PortInfo:
    return PortInfo(name, direction, 1, scalar=True)


def names(ports: list[PortInfo], *asked: str) -> list[tuple[str, int | None]]:
    return [(group.info.name, group.info.width) for group in group_ports(ports, asked)]


def test_slices_and_what_they_leave() -> None:
    ports = [vector("w", 8), vector("a", 4, lsb=2), bit("clk")]
    assert names(ports) == [("w", 8), ("a", 4), ("clk", 1)]
    assert names(ports, "w[3:0]", "a[3]", "clk") == [
        ("w[3:0]", 4),
        ("w[7:4]", 4),
        ("a[2]", 1),
        ("a[3]", 1),
        ("a[5:4]", 2),
        ("clk", 1),
    ]
    middle = group_ports(ports, ["w[4:2]", "w[1:0]"])
    assert [group.bits for group in middle[:3]] == [
        (("w", 0), ("w", 1)),
        (("w", 2), ("w", 3), ("w", 4)),
        (("w", 5), ("w", 6), ("w", 7)),
    ]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["w[8:4]"], r"w\[8:4\] is no part of port w\[7:0\]"),
        (["w[0:3]"], r"w\[0:3\] is no part"),
        (["w[4:0]", "w[7:4]"], r"w\[4:0\] and w\[7:4\] share bit 4"),
    ],
)
def test_impossible_slices(asked: list[str], message: str) -> None:
    with pytest.raises(HaloError, match=message):
        group_ports([vector("w", 8)], asked)


def test_slices_of_a_port_that_counts_up() -> None:
    port = PortInfo("w", "input", 8, lsb=8, upward=True)  # [1:8]
    first, rest, *_ = group_ports([port], ["w[6:8]"])
    assert (first.info.name, first.bits) == ("w[6:8]", (("w", 0), ("w", 1), ("w", 2)))
    assert (rest.info.name, rest.bits) == ("w[1:5]", tuple(("w", i) for i in range(3, 8)))
    assert group_ports([port], ["w[1]"])[1].bits == (("w", 7),)
    for wrong in ("w[8:6]", "w[0:2]", "w[9]"):
        with pytest.raises(HaloError, match=r"is no part of port w\[1:8\]\nWrite the more significant bit first"):
            group_ports([port], [wrong])


def test_one_bit_ports_are_gathered() -> None:
    ports = [bit("a[1]"), bit("a[0]"), bit("b_3_"), bit("b_4_"), bit("en[0]"), bit("c[0]"), bit("c[2]")]
    groups = group_ports([*ports, bit("y[0]", "output"), bit("y[1]", "output")], ["b[3]"])
    found = {group.info.name: (group.info.width, group.info.lsb, group.bits) for group in groups}
    assert found["a"] == (2, 0, (("a[0]", 0), ("a[1]", 0)))
    assert found["b[3]"][2] == (("b_3_", 0),) and found["b[4]"][2] == (("b_4_", 0),)
    assert {"en[0]", "c[0]", "c[2]"} < found.keys(), "one bit, and a gap, are no vector"
    assert found["y"] == (2, 0, (("y[0]", 0), ("y[1]", 0)))


def test_bits_keep_their_names(tmp_path: Path, tiny: Library) -> None:
    path = tmp_path / "n.v"
    path.write_text(
        "module n(\\a[0] , \\a[1] , w, y); input \\a[0] , \\a[1] ; input [3:0] w; output [1:0] y;\n"
        "AND2 u(.A(\\a[0] ), .B(w[2]), .Y(y[0])); AND2 v(.A(\\a[1] ), .B(w[0]), .Y(y[1])); endmodule\n"
    )
    own = read_netlist(path)
    assert [port.name for port in netlist_ports(own)] == ["a[0]", "a[1]", "w", "y"]
    view = with_operands(own, ["w[2]", "a"])
    assert list(view.inputs) == ["a", "w[1:0]", "w[2]", "w[3]"] and list(view.outputs) == ["y"]
    assert view.inputs["a"] == own.inputs["a[0]"] + own.inputs["a[1]"]
    assert view.inputs["w[2]"] == own.inputs["w"][2:3]
    circuit = compile_circuit(view, tiny)
    assert [bit_name(circuit, "a", i) for i in (0, 1)] == ["a[0]", "a[1]"]
    assert bit_name(circuit, "w[2]", 0) == "w[2]" and bit_name(circuit, "w[1:0]", 1) == "w[1]"
    assert with_operands(read_netlist(path), []).inputs.keys() == {"a", "w"}


def test_bits_of_a_port_that_counts_up_keep_their_names(tmp_path: Path, tiny: Library) -> None:
    path = tmp_path / "n.v"
    path.write_text(
        "module n(w, y); input [1:4] w; output [0:1] y;\n"
        "AND2 u(.A(w[1]), .B(w[2]), .Y(y[0])); AND2 v(.A(w[3]), .B(w[4]), .Y(y[1])); endmodule\n"
    )
    own = read_netlist(path)
    circuit = compile_circuit(own, tiny)
    assert [bit_name(circuit, "w", i) for i in range(4)] == ["w[4]", "w[3]", "w[2]", "w[1]"]
    assert [bit_name(circuit, "y", i) for i in range(2)] == ["y[1]", "y[0]"]
    view = with_operands(own, ["w[1:2]"])
    assert view.inputs["w[1:2]"] == own.inputs["w"][2:] and view.inputs["w[3:4]"] == own.inputs["w"][:2]
    assert bit_name(compile_circuit(view, tiny), "w[1:2]", 0) == "w[2]"
