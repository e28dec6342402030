# SPDX-License-Identifier: Apache-2.0
"""``halo inspect``: what a design looks like, clear or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.flow.inspection import InspectionConfig, inspect_design
from halo.report.inspection import inspection_report
from halo.report.text import render
from halo.wording import command_line


def describe(files: Sequence[Path], top: str | None = None, parameters: Mapping[str, int | str] | None = None) -> str:
    config = InspectionConfig(files=tuple(files), top=top, params=tuple((parameters or {}).items()))
    return render(inspection_report(inspect_design(config)))


PE = """
module pe #(parameter WIDTH = 8) (
    input clk, input rst_n,
    input signed [WIDTH-1:0] weight, input signed [WIDTH-1:0] activation, input signed [23:0] psum,
    output reg signed [23:0] out);
    always @(posedge clk) if (!rst_n) out <= 0; else out <= psum + weight * activation;
endmodule
"""


@pytest.fixture
def pe(tmp_path: Path) -> Path:
    path = tmp_path / "pe.v"
    path.write_text(PE, encoding="utf-8")
    return path


def test_ports_widths_and_roles(pe: Path) -> None:
    shown = describe([pe], None, {"WIDTH": 4})
    assert f"pe #(WIDTH = 4)   {pe}:2" in shown
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "input weight 4 bits signed weight, read as signed: -8 to 7" in lines
    assert "input activation 4 bits signed activation, read as signed: -8 to 7" in lines
    assert "input psum 24 bits signed accumulator" in lines
    assert "input clk 1 bit unsigned clock" in lines
    assert "input rst_n 1 bit unsigned reset, held at 1" in lines
    assert "output out 24 bits signed output" in lines
    assert "assumptions" in lines


def test_roles_that_are_not_clear_are_said_so(tmp_path: Path) -> None:
    path = tmp_path / "m.v"
    path.write_text("module m(input [3:0] foo, input [3:0] bar, output [7:0] y); assign y = foo * bar; endmodule\n")
    shown = describe([path])
    assert "input   foo    4 bits  unsigned" in shown and "roles are not clear:" in shown


def test_several_tops_are_listed_for_the_user_to_choose(pe: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.v"
    other.write_text("module other(input a, output b); assign b = a; endmodule\n", encoding="utf-8")
    shown = describe([pe, other])
    assert "  pe " in shown and "  other " in shown and "no top module found: 2 modules" in shown
    assert "top pe" in describe([pe, other], "pe")
    with pytest.raises(HaloError, match="no module pf"):
        describe([pe, other], "pf")


def test_a_syntax_error_is_given_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.v"
    path.write_text("module m(input a, output b);\n  assign b = = a;\nendmodule\n", encoding="utf-8")
    for top in (None, "m"):
        with pytest.raises(HaloError) as caught:
            describe([path], top)
        assert (caught.value.path, caught.value.line) == (str(path), 2)


def test_ports_as_a_table(tmp_path: Path) -> None:
    source = tmp_path / "mac.v"
    source.write_text(
        "module mac(input clk, input signed [3:0] w, input [3:0] a, output reg [8:0] y);\n"
        "  always @(posedge clk) y <= w * a;\nendmodule\n",
        encoding="utf-8",
    )
    table = inspect_design(InspectionConfig(files=(source,))).to_pandas().set_index("name")
    assert table["role"].to_dict() == {"clk": "clock", "w": "weight", "a": "activation", "y": "output"}
    assert table["width"].to_dict() == {"clk": 1, "w": 4, "a": 4, "y": 9}
    assert table["signed"].to_dict() == {"clk": False, "w": True, "a": False, "y": False}
    assert "<table" in inspect_design(InspectionConfig(files=(source,)))._repr_html_()


DOT = """module dot(input ck, input clr, input go, input [7:0] w, input [7:0] a, output reg [9:0] y);
  always @(posedge ck) if (clr) y <= 0; else if (go) y <= w[3:0] * a[3:0] + w[7:4] * a[7:4];
endmodule
"""


def test_the_whole_reading_of_a_lane(tmp_path: Path) -> None:
    source = tmp_path / "dot.v"
    source.write_text(DOT, encoding="utf-8")
    asked = InspectionConfig(files=(source,), weight="w[3:0]", activation="a[3:0]", signed=("weight",))
    unclear = inspect_design(asked).unclear
    assert unclear is not None
    assert unclear.what == "inputs go, w[7:4], a[7:4] have no role in a multiply-accumulate"
    assert "ties={'go': 1, 'w[7:4]': VALUE, 'a[7:4]': VALUE}" in unclear.fix and "random or any" in unclear.fix
    with command_line():
        assert "--tie go=1 --tie 'w[7:4]=VALUE' --tie 'a[7:4]=VALUE'" in unclear.fix
    config = replace(asked, ties=(("go", 1), ("w[7:4]", "random"), ("a[7:4]", "any")))
    found = inspect_design(config)
    lines = [" ".join(line.split()) for line in render(inspection_report(found)).splitlines()]
    assert "input ck 1 bit unsigned clock" in lines, "by the register that it drives"
    assert "input clr 1 bit unsigned reset, held at 0" in lines
    assert "input go 1 bit unsigned held at 1" in lines
    assert "input w[3:0] 4 bits unsigned weight, read as signed: -8 to 7" in lines
    assert "input w[7:4] 4 bits unsigned random, held in a transition" in lines
    assert "input a[3:0] 4 bits unsigned activation, read as unsigned: 0 to 15" in lines
    assert "input a[7:4] 4 bits unsigned any value, changes" in lines


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    source = tmp_path / "m.v"
    source.write_text("module m(input [3:0] u, v, input t, output [7:0] y, z); assign y = u * v; endmodule\n")
    unclear = inspect_design(InspectionConfig(files=(source,))).unclear
    assert unclear is not None
    for text in ("the weight", "the activation", "several ports could be the output", "input t has no role"):
        assert text in unclear.what
    with command_line():
        for text in ("--weight NAME", "--activation NAME", "--output NAME", "--tie t=VALUE"):
            assert text in unclear.fix


def test_ports_of_a_netlist(tmp_path: Path) -> None:
    source = tmp_path / "n.v"
    source.write_text(
        "module n(\\w[0] , \\w[1] , \\a[0] , \\a[1] , y); input \\w[0] , \\w[1] , \\a[0] , \\a[1] ; output [1:0] y;\n"
        "AND2X2 u(.A(\\w[0] ), .B(\\a[0] ), .Y(y[0])); AND2X2 v(.A(\\w[1] ), .B(\\a[1] ), .Y(y[1])); endmodule\n"
    )
    table = inspect_design(InspectionConfig(netlist=(source,))).to_pandas().set_index("name")
    assert table["role"].to_dict() == {"w": "weight", "a": "activation", "y": "output"}
    assert table["width"].to_dict() == {"w": 2, "a": 2, "y": 2}
