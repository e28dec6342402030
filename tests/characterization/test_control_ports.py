# SPDX-License-Identifier: Apache-2.0
"""Clocks, resets and enables by what they drive, in RTL and in gates; and operands read as the gates multiply."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from halo.characterization.chosen_roles import chosen_roles, controls_of_rtl
from halo.characterization.design import load_corner
from halo.characterization.interface import read_ports
from halo.characterization.ports import Roles
from halo.config import CharacterizeConfig, Operand
from halo.errors import HaloError
from halo.liberty import read_corner
from halo.netlist.controls import Control, netlist_controls
from halo.netlist.verilog import read_netlist
from halo.synth import synthesize
from halo.synth.controls import rtl_controls

# Names that tell nothing: t is the clock, k clears (low, asynchronous), z clears (high, with the clock), g loads.
REGISTERED = """module m(input t, input k, input z, input g, input [3:0] w, input [3:0] a, output reg [7:0] y);
  reg [3:0] q;
  always @(posedge t or negedge k) if (!k) q <= 0; else q <= w;
  always @(posedge t) if (z) y <= 0; else if (g) y <= q * a;
endmodule
"""


def write(folder: Path, text: str, name: str = "m.v") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_controls_of_rtl(tmp_path: Path) -> None:
    source = write(tmp_path, REGISTERED)
    assert rtl_controls([source], "m", {}) == {
        "t": Control("clock"),
        "k": Control("reset", 1),
        "z": Control("reset", 0),
        "g": Control("enable", 1),
    }


def test_roles_follow_from_what_is_driven(tmp_path: Path) -> None:
    source = write(tmp_path, REGISTERED)
    options = CharacterizeConfig(corners=(("c", (tmp_path,)),), run_folder=tmp_path)
    top, ports = read_ports([source])
    controls = controls_of_rtl([source], top, {}, ports, options)
    with pytest.raises(HaloError, match=r"input g has no role(.|\n)*ties=.'g': 1"):
        chosen_roles(ports, options, controls)
    roles = chosen_roles(
        ports, CharacterizeConfig(corners=options.corners, run_folder=tmp_path, ties=(("g", 1),)), controls
    )
    assert (roles.clock, roles.resets, roles.tie) == ("t", ("k", "z"), {"g": 1, "k": 1, "z": 0})
    assert "port k is a reset, active low by what it drives, and held at 1" in roles.assumptions
    assert "port t is the clock, by the registers that it drives" in roles.assumptions
    named = REGISTERED.replace("input t", "input clk").replace("posedge t", "posedge clk")
    for letter in "kzg":
        named = named.replace(f"input {letter},", "").replace(f"if (!{letter}) q <= 0; else", "")
    named = named.replace("if (z) y <= 0; else if (g)", "").replace(" or negedge k", "")
    source = write(tmp_path, named)
    assert controls_of_rtl([source], "m", {}, read_ports([source])[1], options) == {}, "the names leave nothing open"


def test_controls_of_a_netlist_through_buffers(tmp_path: Path, osu018: Path) -> None:
    text = (
        "module m(input [3:0] t, input c, r, d, output y, z); wire cb, rn, rb;\n"
        "CLKBUF1 b(.A(c), .Y(cb)); INVX1 i(.A(r), .Y(rn)); BUFX2 e(.A(rn), .Y(rb));\n"
        "DFFSR f(.D(d), .CLK(cb), .R(rb), .S(t[0]), .Q(y)); DFFPOSX1 g(.D(d), .CLK(cb), .Q(z)); endmodule\n"
    )
    netlist = read_netlist(write(tmp_path, text))
    library = read_corner([osu018])
    assert netlist_controls(netlist, library) == {"c": Control("clock"), "r": Control("reset", 0)}


LOOP = """module loop(input clk, input rst, input [3:0] a, input [3:0] w, output reg {signed} [11:0] acc);
  always @(posedge clk) if (rst) acc <= 0; else acc <= acc + {product};
endmodule
"""
SIGNED_PRODUCT = "$signed(a) * $signed(w)"
# The lowest bits of each operand are cut off: no exact product.
APPROXIMATE = "module approx(input [5:0] w, input [5:0] a, output [11:0] y); assign y = {}; endmodule\n"
CUT_SIGNED = "$signed({w[5:1], 1'b0}) * $signed({a[5:1], 1'b0})"
CUT_UNSIGNED = "{w[5:1], 1'b0} * {a[5:1], 1'b0}"


@dataclass(frozen=True)
class Reading:
    """A design, what the options say of its operands, and how they are read."""

    text: str
    signs: tuple[bool, bool]
    said: str
    signed: tuple[Operand, ...] = ()
    unsigned: tuple[Operand, ...] = ()


@pytest.mark.parametrize(
    "case",
    [
        Reading(LOOP.format(signed="signed", product=SIGNED_PRODUCT), (True, True), "the gates multiply"),
        Reading(LOOP.format(signed="", product="a * w"), (False, False), ""),
        Reading(APPROXIMATE.format(CUT_SIGNED), (True, True), "nearest to one of weight w as signed"),
        Reading(APPROXIMATE.format(CUT_UNSIGNED), (False, False), "nearest to one of weight w as unsigned"),
        Reading(APPROXIMATE.format("~(w ^ a)"), (False, False), "is not weight x activation"),
        Reading(APPROXIMATE.format("w ^ a"), (True, False), "not weight x activation", signed=("weight",)),
        Reading(
            APPROXIMATE.format("$signed(w) * $signed(a)"),
            (False, True),
            "the values are labelled as the options say",
            signed=("activation",),
            unsigned=("weight",),
        ),
    ],
)
def test_operands_are_read_as_the_gates_multiply(tmp_path: Path, osu018: Path, case: Reading) -> None:
    source = write(tmp_path, case.text)
    top, ports = read_ports([source])
    made = synthesize([source], top, [osu018], workdir=tmp_path / "work")
    config = CharacterizeConfig(
        corners=(("c", (osu018,)),),
        run_folder=tmp_path / "run",
        signed=case.signed,
        unsigned=case.unsigned,
        register_overhead=False,
    )
    roles: Roles = load_corner("c", (osu018,), made.netlist_verilog, top, config, declared=ports).roles
    assert (roles.weight_encoding.signed, roles.activation_encoding.signed) == case.signs
    assert case.said in roles.assumptions[-1]
