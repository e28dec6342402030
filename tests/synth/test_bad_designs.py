# SPDX-License-Identifier: Apache-2.0
"""Designs that cannot be synthesized or timed: each is refused with its name, place and a way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.synth import synthesize

Write = Callable[[str], Path]

# what it is: (source, part of the message, line or None)
BAD: dict[str, tuple[str, str, int | None]] = {
    "syntax": ("module t(input a, output b);\n  assign b = a\nendmodule\n", "expected ';'", 2),
    "unknown module": (
        "module t(input a, output b);\n  foo u(.a(a), .b(b));\nendmodule\n",
        "module foo, used in t",
        None,
    ),
    "near module": (
        "module inverter(input a, output b); assign b = ~a; endmodule\n"
        "module t(input a, output b); invertor u(.a(a), .b(b)); endmodule\n",
        "did you mean inverter?",
        None,
    ),
    "unknown port": (
        "module s(input a, output b); assign b = ~a; endmodule\n"
        "module t(input a, output b); s u(.a(a), .z(b)); endmodule\n",
        "module s, used in t, has no port z",
        None,
    ),
    "undeclared": (
        "`default_nettype none\nmodule t(input wire a, output wire b);\n  assign b = a & c;\nendmodule\n",
        "c",
        3,
    ),
    "latch": (
        "module t(input a, input en, output reg [1:0] q);\n"
        "  always @* q[1] = a;\n  always @* if (en) q[0] = a;\nendmodule\n",
        r"signal q\[0\] of module t is a latch",
        3,
    ),
    "latch below": (
        "module leaf(input a, input en, output reg q);\n  always @* if (en) q = a;\nendmodule\n"
        "module t(input a, input en, output q); leaf u(a, en, q); endmodule\n",
        "signal q of module leaf is a latch",
        2,
    ),
    "loop through modules": (
        "module inv(input a, output b); assign b = ~a; endmodule\n"
        "module t(input a, output b);\n  wire x, y;\n"
        "  inv u(.a(y), .b(x));\n  assign y = x & a;\n  assign b = y;\nendmodule\n",
        "combinational loop in module t",
        5,
    ),
    "two drivers": (
        "module t(input a, input c, output b);\n  wire x;\n"
        "  assign x = ~a;\n  assign x = ~c;\n  assign b = x;\nendmodule\n",
        "signal t.* has several drivers",
        4,
    ),
    "no driver": (
        "module t(input a, output b);\n  wire z;\n  assign b = a & z;\nendmodule\n",
        "signal t.z is used",
        None,
    ),
    "three-state": (
        "module t(input a, input e, output b);\n  assign b = e ? a : 1'bz;\nendmodule\n",
        "three-state",
        None,
    ),
    "include": ('`include "gone.vh"\nmodule t(input a, output b); assign b = a; endmodule\n', "gone.vh", None),
    "defined twice": (
        "module t(input a, output b); assign b = a; endmodule\nmodule t(input a, output b); assign b = a; endmodule\n",
        "duplicate definition of 't'",
        2,
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_refused_with_name_and_place(tmp_path: Path, verilog: Write, osu018: Path, kind: str) -> None:
    text, message, line = BAD[kind]
    source = verilog(text)
    with pytest.raises(HaloError, match=message) as caught:
        synthesize([source], "t", [osu018], workdir=tmp_path / "work")
    assert caught.value.line == line
    assert line is None or caught.value.path == str(source)
    assert caught.value.fix


INVERTER = "module inverter #(parameter WIDTH = 2) (input a, output b); assign b = ~a; endmodule\n"


@pytest.mark.parametrize(
    "top, parameters, message",
    [
        ("invertor", {}, "no module invertor in the sources .did you mean inverter"),
        ("invertor", {"WIDTH": 3}, "no module invertor in the sources .did you mean inverter"),
        ("inverter", {"DEPTH": 3}, "module inverter has no parameter DEPTH"),
        ("inverter", {"WIDTH": "1; shell"}, "not a plain word"),
        ("inverter", {"WIDTH": 1 << 40}, "does not fit 32 bits"),
        ("in verter", {}, "not a Verilog name"),
        ("inverter", {"A B": 1}, "not a Verilog name"),
    ],
)
def test_bad_names(
    tmp_path: Path, verilog: Write, osu018: Path, top: str, parameters: dict[str, int | str], message: str
) -> None:
    with pytest.raises(HaloError, match=message):
        synthesize([verilog(INVERTER)], top, [osu018], parameters=parameters, workdir=tmp_path)


def test_missing_source(tmp_path: Path, osu018: Path) -> None:
    with pytest.raises(HaloError, match="no such Verilog file") as caught:
        synthesize([tmp_path / "gone.v"], "t", [osu018], workdir=tmp_path)
    assert caught.value.path == str(tmp_path / "gone.v")
    with pytest.raises(HaloError, match="no Verilog file given"):
        synthesize([], "t", [osu018], workdir=tmp_path)


def test_a_pattern_that_no_cell_matches(tmp_path: Path, verilog: Write, osu018: Path) -> None:
    with pytest.raises(
        HaloError, match=r"no cell of library \S+ matches 'XNOR3X\*' \(did you mean .*XNOR2X1"
    ) as caught:
        synthesize([verilog(INVERTER)], "inverter", [osu018], dont_use=["XNOR3X*"], workdir=tmp_path)
    assert caught.value.path == str(osu018)
    with pytest.raises(HaloError, match="matches 'A; exec'"):
        synthesize([verilog(INVERTER)], "inverter", [osu018], dont_use=["A; exec"], workdir=tmp_path)


def test_patterns_that_leave_no_flip_flop(tmp_path: Path, verilog: Write, osu018: Path) -> None:
    text = "module r (input clk, input d, output reg q); always @(posedge clk) q <= d; endmodule"
    with pytest.raises(HaloError, match=r"no flip-flop that may be used is left .* bars DFFPOSX1, ") as caught:
        synthesize([verilog(text)], "r", [osu018], dont_use=["DFF*"], workdir=tmp_path)
    assert "Allow one, such as DFFPOSX1" in caught.value.fix


@pytest.mark.parametrize("family", ["csa_array", "booth_r4", "sign_magnitude", "behavioural"])
@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [("ACC_WIDTH", 12, "ACC_WIDTH must hold the product"), ("WEIGHT_WIDTH", 20, "WEIGHT_WIDTH must be 2 to 16")],
)
def test_a_parameter_the_rtl_refuses(
    tmp_path: Path, osu018: Path, family: str, parameter: str, value: int, message: str
) -> None:
    from halo.flow.runs.assets import mac_sources

    with pytest.raises(HaloError, match=f"parameter {message}"):
        synthesize(mac_sources(), f"mac_{family}", [osu018], parameters={parameter: value}, workdir=tmp_path)
