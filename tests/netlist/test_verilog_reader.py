# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.netlist.model import Netlist
from halo.netlist.verilog import read_netlist


def read(tmp_path: Path, text: str, top: str | None = None) -> Netlist:
    path = tmp_path / "n.v"
    path.write_text(text)
    return read_netlist(path, top)


def refuse(tmp_path: Path, text: str, top: str | None = None) -> HaloError:
    with pytest.raises(HaloError) as caught:
        read(tmp_path, text, top)
    assert caught.value.path == str(tmp_path / "n.v")
    return caught.value


def pins(netlist: Netlist, instance: str) -> dict[str, str]:
    """Pin to net name of one instance."""
    found = next(i for i in netlist.instances if i.name == instance)
    return {pin: netlist.nets[net] for pin, net in found.pins.items()}


def ports(netlist: Netlist, name: str) -> list[str]:
    return [netlist.nets[net] for net in (netlist.inputs | netlist.outputs)[name]]


def test_non_ansi_vectors_and_selects(tmp_path: Path) -> None:
    netlist = read(
        tmp_path,
        """
        module top(w, y, z);   // the traps: ranges both ways, offset range
          input signed [7:4] w; output [0:2] y; output z; wire signed [7:4] w;
          INV u4 (.A(w[4]), .Y(y[2]));
          INV u7 (.A(w[7]), .Y(y[0]));
          assign y[1] = w[6];
          assign z = w[5];
        endmodule
        """,
    )
    assert ports(netlist, "w") == ["w[4]", "w[5]", "w[6]", "w[7]"]
    assert ports(netlist, "y") == ["y[2]", "w[6]", "y[0]"]
    assert netlist.port_lsb == {"w": 4, "y": 2, "z": 0}
    assert netlist.scalar_ports == {"z"}
    assert netlist.signed_ports == {"w"}
    assert pins(netlist, "u7") == {"A": "w[7]", "Y": "y[0]"}


def test_ansi_ports_attributes_and_comments(tmp_path: Path) -> None:
    netlist = read(
        tmp_path,
        """/* a comment ; with module */
        `timescale 1ns / 1ps
        (* top = 1, src = "a*)b.v:1" *)
        module top(input wire signed [1:0] a, b, input c, output [1:0] y);
          (* keep *) wire n; // endmodule
          (* src = "x" *) AND2 u1 (.A(a[0]), .B(b[1]), .Y(n));
          BUF u2 (.A(n), .Y(y[0])), u3 (.A(c), .Y(y[1]));
        endmodule
        """,
    )
    assert {name: len(bits) for name, bits in netlist.inputs.items()} == {"a": 2, "b": 2, "c": 1}
    assert netlist.signed_ports == {"a", "b"}
    assert [i.name for i in netlist.instances] == ["u1", "u2", "u3"]
    assert [i.line for i in netlist.instances] == [6, 7, 7]


def test_escaped_names_are_names(tmp_path: Path) -> None:
    netlist = read(
        tmp_path,
        r"""
        module \top-1 (a, y); input [1:0] a; output y;
          wire \a[0] ; wire \u.n/2 ; wire \module ; wire \plain ; wire bit;
          INV \reg[3] (.A(a[0]), .Y(\a[0] ));
          INV u2 (.\A (\a[0] ), .Y(\u.n/2 ));
          INV u3 (.A(\u.n/2 ), .Y(\module ));
          INV u4 (.A(\module ), .Y(plain));
          INV u5 (.A(\plain ), .Y(bit));
          INV u6 (.A(bit), .Y(y));
        endmodule
        """,
    )
    assert netlist.name == "top-1"
    assert pins(netlist, "reg[3]") == {"A": "a[0]", "Y": "a[0]_2"}, "a bit and an escaped net of one name stay apart"
    assert pins(netlist, "u2") == {"A": "a[0]_2", "Y": "u.n/2"}
    assert pins(netlist, "u3")["Y"] == "module"
    assert pins(netlist, "u4")["Y"] == pins(netlist, "u5")["A"] == "plain"


def test_concatenations_and_constants(tmp_path: Path) -> None:
    netlist = read(
        tmp_path,
        """
        module top(a, y, k); input [3:0] a; output [7:0] y; output [5:0] k;
          supply0 gnd; supply1 vdd;
          assign y = {a[1:0], {2{a[3]}}, n, 1'b1, gnd, vdd};
          assign k = 6'o52;
          AND2 u1 (.A(1'b0), .B(vdd), .Y(n));
          AND2 u2 (.A(1'h1), .B(1'b0), .Y());
          AND2 u3 (.A(1'bx), .B(1'bz), .Y(m));
          INV u4 (.A(0), .Y(q));
        endmodule
        """,
    )
    value = {netlist.nets[net]: v for net, v in netlist.constants.items()}
    y = ports(netlist, "y")
    assert y[3:] == ["y[3]", "a[3]", "a[3]", "a[0]", "a[1]"]
    assert [value[net] for net in y[:3]] == [1, 0, 1]
    assert [value[net] for net in ports(netlist, "k")] == [0, 1, 0, 1, 0, 1]
    assert pins(netlist, "u1") == {"A": "1'b0", "B": y[0], "Y": "y[3]"}, "the net vdd is known by its port"
    assert pins(netlist, "u2") == {"A": "1'b1", "B": "1'b0"}
    assert pins(netlist, "u3") == {"A": "1'bx", "Y": "m"}
    assert pins(netlist, "u4")["A"] == "1'b0"
    assert value["1'b1"] == 1
    assert "1'bx" not in value


def test_aliases_merge_to_the_highest_name(tmp_path: Path) -> None:
    netlist = read(
        tmp_path,
        """
        module top(a, y, z); input a; output y, z; wire n1, n2, n3 = n2, dangling;
          assign n2 = n1; assign y = n3; assign z = a;
          INV u1 (.A(a), .Y(n1));
          INV u2 (.A(n3), .Y(dangling));
        endmodule
        """,
    )
    assert netlist.nets == ("a", "y", "dangling")
    assert netlist.outputs["z"] == netlist.inputs["a"]
    assert pins(netlist, "u1")["Y"] == pins(netlist, "u2")["A"] == "y"


def test_hierarchy_is_flattened_with_dots(tmp_path: Path) -> None:
    netlist = read(
        tmp_path,
        """
        module leaf(i, o, k); input [1:0] i; output o; input k; wire n;
          AND2 g (.A(i[0]), .B(i[1]), .Y(n)); AND2 h (.A(n), .B(k), .Y(o));
        endmodule
        module mid(input [1:0] x, output [1:0] y);
          leaf a (x, y[0], 1'b1);
          leaf b (.i({x[0], x[1]}), .o(y[1]), .k(x[0]));
        endmodule
        module top(input [1:0] p, output [1:0] q, output r);
          mid m (.x(p), .y(q));
          leaf c (.i(p), .o(r), .k(q[0]));
          leaf unused (.i(p), .o(), .k(1'b0));
        endmodule
        """,
    )
    assert netlist.name == "top"
    assert [i.name for i in netlist.instances] == [
        "m.a.g",
        "m.a.h",
        "m.b.g",
        "m.b.h",
        "c.g",
        "c.h",
        "unused.g",
        "unused.h",
    ]
    assert pins(netlist, "m.a.h") == {"A": "m.a.n", "B": "m.a.k", "Y": "q[0]"}
    assert pins(netlist, "m.b.g") == {"A": "p[1]", "B": "p[0]", "Y": "m.b.n"}
    assert pins(netlist, "c.h") == {"A": "c.n", "B": "q[0]", "Y": "r"}
    assert netlist.constants == {netlist.nets.index("m.a.k"): 1, netlist.nets.index("unused.k"): 0}


def test_ordered_pins_need_the_order(tmp_path: Path) -> None:
    body = "module top(input a, b, output y); AND2 u (y, a, b); endmodule\n"
    assert "by order" in refuse(tmp_path, body).what
    shell = "module AND2(Y, A, B); output Y; input A, B; endmodule\n"
    assert pins(read(tmp_path, body + shell), "u") == {"Y": "y", "A": "a", "B": "b"}
    model = """`celldefine
    module AND2(Y, A, B); output Y; input A, B; and (Y, A, B); specify (A => Y) = 1; endspecify endmodule
    primitive P(o, i); output o; input i; table 0 : 1; endtable endprimitive
    `endcelldefine
    """
    assert pins(read(tmp_path, model + body), "u") == {"Y": "y", "A": "a", "B": "b"}


def test_bus_pins_of_cells(tmp_path: Path) -> None:
    text = "module top(input [1:0] a, output y); MEM u (.A(a), .Y(y)); endmodule\n"
    assert pins(read(tmp_path, text), "u") == {"A[0]": "a[0]", "A[1]": "a[1]", "Y": "y"}
    shell = "module MEM(A, Y); input [0:1] A; output Y; endmodule\n"
    assert pins(read(tmp_path, text + shell), "u") == {"A[1]": "a[0]", "A[0]": "a[1]", "Y": "y"}


def test_gzip_and_choice_of_top(tmp_path: Path) -> None:
    path = tmp_path / "n.v.gz"
    text = (
        b"module a(input i, output o); INV u(.A(i), .Y(o)); endmodule module b(input i, output o); a u(i, o); endmodule"
    )
    path.write_bytes(gzip.compress(text))
    assert read_netlist(path).name == "b"
    assert read_netlist(path, "a").instances[0].name == "u"
    path.write_bytes(gzip.compress(text)[:40])
    with pytest.raises(HaloError, match="gzip"):
        read_netlist(path)


TOP = "module top(input [1:0] a, output [1:0] y);\n{}\nendmodule\n"


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("INV u1 (.A(a[0]) .Y(y[0]));", 2, "syntax error: found '.', expected ',' or ')'"),
        ("INV u1 (.A(a[0]), .Y(y[0]))", 3, "syntax error: found 'endmodule'"),
        ("wire n\nwire m;", 3, "syntax error: found 'wire'"),
        ("wire [1:0 n;", 2, "syntax error: found 'n', expected ']'"),
        ("wire § n;", 2, "unexpected character"),
        ("/* wire n;", 2, "never closed"),
        ("assign y[0] = 4'b2;", 2, "digit '2'"),
        ("assign y = {2{a[0]};", 2, "after the replication"),
        ("always @(*) y = a;", 2, "behavioural construct 'always'"),
        ("always_comb y = a;", 2, "behavioural construct 'always_comb'"),
        ("reg q;", 2, "behavioural construct 'reg'"),
        ("parameter W = 2;", 2, "behavioural construct 'parameter'"),
        ("assign y = a + 1;", 2, "operator '+'"),
        ("assign y = ~a;", 2, "operator '~'"),
        ("and g (y[0], a[0], a[1]);", 2, "gate primitive 'and'"),
        ("specify endspecify", 2, "'specify'"),
        ("sub #(.W(2)) u (.a(a));", 2, "with parameters"),
        ("wire [1:0] m [3:0];", 2, "array of nets"),
        ("INV u[1:0] (.A(a), .Y(y));", 2, "array of instances"),
        ("wire n;\nwire n;", 3, "declared twice, before at line 2"),
        ("INV u (.A(a[0]), .A(a[1]));", 2, "pin A is connected twice"),
        ("INV u (.A(a[0]));\nINV u (.A(a[1]));", 3, "used twice, before at line 2"),
        ("INV u (.A(a[2]));", 2, "a[2] is outside a[1:0]"),
        ("assign y = a[0:1];", 2, "runs against"),
        ("wire n; INV u (.A(n[0]));", 2, "n is a single bit"),
        ("INV u (.A(b[0]));", 2, "net b is not declared"),
        ("assign y = 3'b101;", 2, "3 bits meet 2"),
        ("assign y[0] = a;", 2, "2 bits meet 1"),
        ("assign y = 7;", 2, "3 bits meet 2"),
        ("assign y = a;\nassign y[1] = a[0];", 3, "net y[1] has several drivers, one of them at line 2"),
        ("assign a[0] = y[0];", 2, "net a[0] has several drivers, one of them at line 1"),
        ("supply0 n; assign n = a[0];", 2, "several drivers"),
        ("assign 1'b0 = a[0];", 2, "a constant is driven"),
        ("`ifdef X\n`endif", 2, "compiler directive `ifdef"),
        ("top u (.a(a), .y());", 2, "holds an instance of itself"),
    ],
)
def test_errors_with_their_line(tmp_path: Path, body: str, line: int, message: str) -> None:
    error = refuse(tmp_path, TOP.format(body), "top")
    assert message in error.what
    assert error.line == line
    if "behavioural" in message or "operator" in message:
        assert "RTL, not a gate netlist: give it as FILE.v" in error.fix


LEAF = "module s(input i, output o); BUF b(.A(i), .Y(o)); endmodule "
WIDE = "module s(input [1:0] i, output o); BUF b(.A(i[0]), .Y(o)); endmodule "
SHELL = "module s(input i); endmodule "


@pytest.mark.parametrize(
    ("leaf", "connections", "message"),
    [
        (WIDE, "(.i(a[0]), .o(y[0]))", "1 bits meet 2"),
        (LEAF, "(.j(a[0]), .o(y[0]))", "no port j"),
        (LEAF, "(a[0], y[0], y[1])", "connects 3 ports"),
        (LEAF, "(.i(1'b0), .o(a[0]))", "several drivers"),
        (LEAF, "(.i(a[0]), .o(1'b1))", "a constant is driven"),
        ("module s(i, o); input i; BUF b(.A(i), .Y(o)); endmodule ", "(.i(a))", "port o of module s has no direction"),
        ("module s(i); input i; input k; BUF b(.A(i), .Y(k)); endmodule ", "(.i(a))", "not in the port list"),
        (SHELL + SHELL, "(.i(a[0]))", "defined twice"),
    ],
)
def test_errors_of_hierarchy(tmp_path: Path, leaf: str, connections: str, message: str) -> None:
    top = f"module top(input [1:0] a, output [1:0] y); s u {connections}; endmodule"
    assert message in refuse(tmp_path, leaf + top, "top").what


def test_top_is_looked_for(tmp_path: Path) -> None:
    text = "module mult8(input a); INV u(.A(a)); endmodule\nmodule mac(input a); INV u(.A(a)); endmodule\n"
    error = refuse(tmp_path, text, "mult_8")
    assert "no module mult_8" in error.what
    assert "mult8" in error.fix
    assert "2 modules could be the top: mult8, mac" in refuse(tmp_path, text).what
    assert "no module with instances" in refuse(tmp_path, "module a(input i); endmodule").what
    assert "no module with instances" in refuse(tmp_path, "").what


def test_undeclared_nets_follow_default_nettype(tmp_path: Path) -> None:
    text = "module top(input a, output y); INV u1(.A(a), .Y(n)); INV u2(.A(n), .Y(y)); endmodule\n"
    assert "n" in read(tmp_path, text).nets
    error = refuse(tmp_path, "`default_nettype none\n" + text)
    assert "net n is not declared" in error.what
    assert error.line == 2


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="not found"):
        read_netlist(tmp_path / "absent.v")
    with pytest.raises(HaloError, match="cannot read"):
        read_netlist(tmp_path)
    (tmp_path / "b.v").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HaloError, match="not a text file"):
        read_netlist(tmp_path / "b.v")


def test_bidirectional_ports_stand_apart(tmp_path: Path) -> None:
    netlist = read(tmp_path, "module top(input a, inout vdd); INV u(.A(a), .VDD(vdd)); endmodule")
    assert netlist.inputs == {"a": (0,)} and netlist.inouts == {"vdd": (1,)}
    assert pins(netlist, "u") == {"A": "a", "VDD": "vdd"}


def test_a_netlist_in_several_files(tmp_path: Path) -> None:
    leaf, top = tmp_path / "leaf.v", tmp_path / "top.v"
    leaf.write_text("module leaf(input i, output o);\n  INV u(.A(i), .Y(o));\nendmodule\n")
    top.write_text("module leaf(input i, output o); endmodule\nmodule t(input a, output y); leaf l(a, y); endmodule\n")
    for files in ([leaf, top], [top, leaf]):
        netlist = read_netlist(files)
        assert (netlist.name, [instance.cell for instance in netlist.instances]) == ("t", ["INV"])
    with pytest.raises(HaloError, match=r"leaf.v:1: module leaf is defined twice, before at .*leaf.v:1"):
        read_netlist([leaf, top, leaf])
    leaf.write_text("module leaf(input i, output o);\n  wire n;\n  INV u(.A(m[1]), .Y(o));\nendmodule\n")
    with pytest.raises(HaloError) as caught:
        read_netlist([top, leaf])
    assert (caught.value.path, caught.value.line) == (str(leaf), 3)
