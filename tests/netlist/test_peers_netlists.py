# SPDX-License-Identifier: Apache-2.0
"""Netlists that other tools' readers have crashed on, hung on or taken wrongly, after reports against OpenSTA, OpenROAD
and Yosys: each is read with the right function, or refused with its line.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from halo.errors import HaloError
from halo.netlist.graph import drive_port, evaluate, read_port
from halo.netlist.model import Circuit

Build = Callable[[str], Circuit]


def table(circuit: Circuit, output: str = "y") -> list[int]:
    """Values of an output at every value of the inputs, the first port's lowest bit changing fastest."""
    netlist = circuit.netlist
    lanes = np.arange(1 << sum(map(len, netlist.inputs.values())))
    given = {}
    shift = 0
    for port, bits in netlist.inputs.items():
        given |= drive_port(netlist, port, lanes >> shift)
        shift += len(bits)
    return read_port(netlist, evaluate(circuit, given), output, signed=False).tolist()


RIGHT = {
    # The name of a vector ends at the line break, its index follows on the next line (Genus writes it so).
    "escaped name, then its index": (
        "module t(input [1:0] a, output y); wire [1:0] \\a.b ; assign \\a.b\n = a;\n"
        "AND2 g (.A(\\a.b\n  [1]), .B(\\a.b [0]), .Y(y)); endmodule",
        [0, 0, 0, 1],
    ),
    "concatenations on both sides of an assign": (
        "module t(input [2:0] a, output [2:0] y); wire [3:0] n; assign { n[3], n[1:0] } = { a[0], a[2:1] };\n"
        "assign y = {n[3], n[0], n[1]}; endmodule",
        [(a & 1) << 2 | (a >> 1 & 1) << 1 | a >> 2 for a in range(8)],
    ),
    "names that begin with a digit or spell a keyword": (
        "module t(input a, input \\input , output y); wire \\54y , \\assign ;\n"
        "XOR2 \\module (.A(a), .B(\\input ), .Y(\\54y )); INV \\9 (.A(\\54y ), .Y(\\assign ));\n"
        "BUF b (.A(\\assign ), .Y(y)); endmodule",
        [1, 0, 0, 1],
    ),
    # `\v[1] ` is a scalar of its own beside bit 1 of the vector v.
    "a scalar with the name of a bit": (
        "module t(input \\v[1] , input [1:0] v, output y); ANDN g (.A(\\v[1] ), .B(v[1]), .Y(y)); endmodule",
        [0, 0, 0, 0, 1, 0, 1, 0],
    ),
    "undeclared nets": (
        "module t(a, y); input a; output y; INV g (.A(a), .Y(n_1)), h (.A(n_1), .Y(\\n[2] ));\n"
        "s m (.x({\\n[2] , n_1}), .y(y)); endmodule\n"
        "module s(input [1:0] x, output y); ANDN g (.A(x[0]), .B(x[1]), .Y(y)); endmodule",
        [0, 1],
    ),
    "two nets that are each other's alias": (
        "module t(input a, output y); wire p, q; assign q = p, p = a; INV g (.A(q), .Y(y)); endmodule",
        [1, 0],
    ),
    "a constant without a size": (
        "module t(input a, output y); MUX2 g (.A('b0), .B(1), .S(a), .Y(y)); endmodule",
        [0, 1],
    ),
    "instances without pins": (
        "module t(input a, output y); FILL f (); FILL tap(); BUF b (.A(a), .Y(y)); endmodule",
        [0, 1],
    ),
    "negative and ascending bounds": (
        "module t(input [-1:-2] a, input [0:1] b, output y); XOR2 g (.A(a[-2]), .B(b[0]), .Y(y)); endmodule",
        [(a & 1) ^ (b >> 1) for b in range(4) for a in range(4)],
    ),
    "a comment sign inside an escaped name": (
        "module t(input a, output y); wire \\n//1 , \\x/*y ; INV \\u(1 (.A(a), .Y(\\n//1 )); \n"
        "BUF g (.A(\\n//1 ), .Y(\\x/*y )), h (.A(\\x/*y ), .Y(y)); endmodule",
        [1, 0],
    ),
    "ports by position, a port left open": (
        "module s(x, y, z); input x; output y, z; INV g (.A(x), .Y(y)); BUF h (.A(x), .Y(z)); endmodule\n"
        "module t(input a, output y); s m (a, , y); endmodule",
        [0, 1],
    ),
    "wide constants to a submodule": (
        "module s(input [3:0] k, input x, output y); wire n, m; AND2 g (.A(k[3]), .B(x), .Y(n));\n"
        "OR2 h (.A(k[0]), .B(n), .Y(m)); XOR2 i (.A(m), .B(k[1]), .Y(y)); endmodule\n"
        "module t(input a, output [1:0] y); s m (.k(4'hA), .x(a), .y(y[0])), n (.k(4'sd8), .x(a), .y(y[1])); endmodule",
        [1, 2],
    ),
    # RTimothyEdwards/netgen#82: attributes with escaped names, and quotes and stars inside.
    "attributes with names and stars inside": (
        '(* \\a.b = "x(*y" *)\n(* top = 1 *)\nmodule t(input a, output y);\n'
        '(* src = "a.v:1", keep *) INV g ((* z *) .A(a), .Y(y)); endmodule',
        [1, 0],
    ),
    # byuccl/spydrnet#183
    "an empty list of parameters": ("module t(input a, output y); INV #(\n) g (.A(a), .Y(y)); endmodule", [1, 0]),
    # nickg/nvc#1282, parallaxsw/OpenSTA#132: nets without a declaration in concatenations.
    "undeclared nets in concatenations": (
        "module s(input [2:0] x, output [1:0] q); INV g (.A(x[1]), .Y(q[0])); INV h (.A(x[1]), .Y(q[1])); endmodule\n"
        "module t(input a, output y); s m (.x({ZERO_0, a, \\n[3] }), .q({n_2, y})); endmodule",
        [1, 0],
    ),
    # The-OpenROAD-Project/OpenROAD#9676: a range inside the name of a port.
    "a port whose name holds a range": (
        "module s(\\Y[1:0] , z); input \\Y[1:0] ; output z; INV b (.A(\\Y[1:0] ), .Y(z)); endmodule\n"
        "module t(input a, output y); s u (.\\Y[1:0] (a), .z(y)); endmodule",
        [1, 0],
    ),
    # The-OpenROAD-Project/OpenSTA#130: outputs left open by nets of no name.
    "outputs that end in a concatenation": (
        "module s(input x, output [2:0] q); BUF b (.A(x), .Y(q[0])); INV c (.A(x), .Y(q[1])); \n"
        "INV d (.A(x), .Y(q[2])); endmodule\nmodule t(input a, output y); s u (.x(a), .q({_NC1, y, _NC2})); endmodule",
        [1, 0],
    ),
    "constants with blanks and underscores": (
        "module s(input [7:0] k, input x, output y); wire n; AND2 g (.A(k[7]), .B(x), .Y(n));\n"
        "ANDN h (.A(n), .B(k[0]), .Y(y)); endmodule\nmodule t(input a, output [2:0] y);\n"
        "s u (.k(8 'h 80), .x(a), .y(y[0])), v (.k(8'b1000_0001), .x(a), .y(y[1])), w (.k(8'd128), .x(a), .y(y[2]));\n"
        "endmodule",
        [2, 0],
    ),
    "an input joined to several outputs": (
        "module t(input a, output y, output z, output [1:0] w); assign z = y; assign w = {2{z}}, y = a; endmodule",
        [0, 1],
    ),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_function(build: Build, case: str) -> None:
    text, values = RIGHT[case]
    assert table(build(text)) == values


REFUSED = {
    # YosysHQ/yosys#4785
    "an array of instances": (
        "module t(input [1:0] a, output [1:0] y);\nINV g [1:0] (.A(a), .Y(y)); endmodule",
        2,
        "g is an array of instances",
    ),
    # berkeley-abc/abc#412
    "a gate of the language": ("module t(input a, output y);\nnot g(y, a); endmodule", 2, "gate primitive 'not'"),
    # PyHDI/Pyverilog#111
    "a delay on an instance": (
        "module t(input a, output y);\nINV #(20) g (.A(a), .Y(y)); endmodule",
        2,
        "a delay or parameter of an instance of INV",
    ),
    "a delay on an assign": ("module t(input a, output y);\nassign #1 y = a; endmodule", 2, "a delay or strength"),
    "a vector of two thousand million bits": (
        "module t(input [2147483647:0] a, output y);\nINV g (.A(a[0]), .Y(y)); endmodule",
        1,
        "a vector of 2147483648 bits",
    ),
    "a concatenation in the header": ("module t ({a}, y);\ninput a; output y;\nendmodule", 1, "expected a port"),
    "ports named apart from their nets": (
        "module s (.x(m), .y(r));\ninput m; output r; BUF g (.A(m), .Y(r));\nendmodule",
        1,
        "a port named apart from its net",
    ),
    "a bit as a port": ("module t(a[1], y);\ninput a; output y;\nendmodule", 1, "found '['"),
    "two assigns in a circle": (
        "module t(input a, output y);\nwire p, q; assign q = p; assign p = q;\nINV g (.A(q), .Y(y)); endmodule",
        None,
        "has no driver",
    ),
    "an instance with parameters": (
        'module t(input a, output y);\n\\$check #(.FLAVOR("assert"), .PRIORITY(32\'b1)) c (.A(a));\nendmodule',
        2,
        "with parameters",
    ),
    "a submodule whose output drives an input": (
        "module s(input x, output y); BUF g (.A(x), .Y(y)); endmodule\n"
        "module t(input a, output y);\ns m (.x(a), .y(a)); BUF b (.A(a), .Y(y)); endmodule",
        3,
        "several drivers",
    ),
    "bits that are not there": (
        "module t(input [3:0] a, output y);\nBUF g (.A(a[4]), .Y(y)); endmodule",
        2,
        "a[4] is outside a[3:0]",
    ),
    "a module that holds itself": (
        "module t(input a, output y);\ns m (.x(a), .y(y)); endmodule\nmodule s(input x, output y);\n"
        "s m (.x(x), .y(y)); endmodule",
        4,
        "holds an instance of itself",
    ),
}


def chain(levels: int, copies: int) -> str:
    """A hierarchy of so many levels, with so many instances of the next at each."""
    modules = ["module m0(input x, output y); BUF b (.A(x), .Y(y)); endmodule"]
    for i in range(levels):
        inner = " ".join(f"m{i} u{k} (.x(x){'' if k else ', .y(y)'});" for k in range(copies))
        modules.append(f"module m{i + 1}(input x, output y); {inner} endmodule")
    return "\n".join(modules)


REFUSED |= {
    "a vector wider than any": (
        "module t(input [99999999:0] a, output y);\nendmodule",
        1,
        "a vector of 100000000 bits",
    ),
    "a constant wider than any": ("module t(output y);\nBUF g (.A(99999999'b0), .Y(y)); endmodule", 2, "99999999 bits"),
    "replications of replications": (
        "module t(input a, output y);\nBUF g (.A({9999{{9999{a}}}}), .Y(y)); endmodule",
        2,
        "more than a million bits",
    ),
    "braces without end": (
        "module t(input a, output y);\nassign y = " + "{" * 50_000,
        2,
        "concatenations in each other",
    ),
    "a number of thousands of digits": (
        "module t(input a, output y);\nBUF g (.A(8'd" + "9" * 5000 + "), .Y(y)); endmodule",
        2,
        "5003 digits",
    ),
    "attributes without end": ("module t(input a, output y);\n" + "(* x " * 50_000, 2, "(* is never closed"),
    "a hierarchy that doubles": (chain(60, 2), 61, "m60 has more than 8,388,608 nets and cells"),
    "a hierarchy a thousand deep": (chain(1000, 1), 801, "200 deep"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_line(build: Build, case: str) -> None:
    text, line, what = REFUSED[case]
    with pytest.raises(HaloError) as caught:
        build(text)
    assert what in caught.value.what and caught.value.fix
    if line is not None:
        assert caught.value.line == line
