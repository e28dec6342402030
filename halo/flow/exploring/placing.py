# SPDX-License-Identifier: Apache-2.0
"""Verilog of the user's as a candidate: with registers of its own as it is, else between those of ``mac_element``.

Tests: tests/flow/exploring/test_placing.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from halo.characterization.chosen_roles import chosen_roles, controls_of_rtl
from halo.characterization.interface import read_ports
from halo.characterization.ports import Roles
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.exploring.candidate import ELEMENT, Candidate
from halo.flow.runs.assets import element_sources
from halo.flow.simulators.own_modules import EXTERNAL
from halo.netlist.filelist import read_sources
from halo.netlist.hdl import PortInfo
from halo.netlist.sources import Sources


def placed(candidate: Candidate, work: Path) -> tuple[Sources, str, dict[str, int | str], Sequence[PortInfo]]:
    """Sources, top module, parameters and ports of a candidate from a file.

    Raises:
        HaloError: the file cannot be read, or a port has no role.
    """
    sources, _ = read_sources([Path(candidate.file)])
    sources.require()
    top, ports, roles = _face(sources, candidate)
    if roles.clock is not None:
        return sources, top, {}, ports
    around = work / "around.v"
    around.write_text(_around(top, roles), encoding="utf-8")
    every = Sources((*element_sources(), *sources.files, around), sources.defines, sources.include_dirs)
    parameters: dict[str, int | str] = {
        "WEIGHT_WIDTH": roles.weight_bits,
        "ACTIVATION_WIDTH": roles.activation_bits,
        "ACC_WIDTH": roles.accumulator_bits or 24,
        "MULTIPLIER": EXTERNAL,
        "CARRY_SAVE": candidate.structure.carry_save,
        "PIPELINE": candidate.structure.pipeline,
        "RECODED": 0,
        "CORRECTION": 0,
        "CLASS_ZEROS": 0,
        "CLASS_SHARE": 0,
    }
    return every, ELEMENT, parameters, read_ports(every, ELEMENT, parameters)[1]


def variants(candidate: Candidate) -> list[tuple[int, int]]:
    """What may stand around a module of the user's: (CARRY_SAVE, PIPELINE) each.

    Raises:
        HaloError: as ``placed``.
    """
    sources, _ = read_sources([Path(candidate.file)])
    sources.require()
    roles = _face(sources, candidate)[2]
    if roles.clock is not None or roles.accumulator is not None:
        return [(0, 0)]
    return [(0, 0), (1, 0), (0, 1), (1, 1)]


def _face(sources: Sources, candidate: Candidate) -> tuple[str, Sequence[PortInfo], Roles]:
    named = dict(candidate.roles)
    top, ports = read_ports(sources, named.pop("top", None))
    config = CharacterizeConfig(
        corners=(("any", (Path(candidate.file),)),),
        run_folder=Path("unused"),
        files=tuple(sources.files),
        signed=candidate.signed,
        **named,  # type: ignore[arg-type]
    )
    try:
        return top, ports, chosen_roles(ports, config, controls_of_rtl(sources, top, {}, ports, config))
    except HaloError as error:
        fix = (
            "Say which ports they are: --weight, --activation, --accumulator and --output; or leave the candidate out."
        )
        raise HaloError(error.what, fix, candidate.file) from error


def _around(top: str, roles: Roles) -> str:
    """``mul_external`` or ``mac_external`` with the user's module inside, whatever its ports are called."""
    for name, encoding in (("weight", roles.weight_encoding), ("activation", roles.activation_encoding)):
        if not encoding.signed:
            raise HaloError(
                f"{name} of module {top} is not declared signed; if it is, say --signed {name}",
                f"Say that it is: --signed {name}. A multiplier of unsigned operands is no candidate.",
            )
    mac = roles.accumulator is not None
    result, kind = ("psum_o", "mac") if mac else ("product_o", "mul")
    width = "ACC_WIDTH" if mac else "WEIGHT_WIDTH+ACTIVATION_WIDTH"
    ports = [(roles.weight, "weight_i"), (roles.activation, "activation_i"), (roles.output, result)]
    ports += [(roles.accumulator, "psum_i")] if roles.accumulator is not None else []
    ports += [(name, str(value)) for name, value in roles.tie.items()]
    joined = ",\n".join(f"        .{own}({ours})" for own, ours in ports)
    head = "    parameter WEIGHT_WIDTH     = 8,\n    parameter ACTIVATION_WIDTH = 8"
    head += ",\n    parameter ACC_WIDTH        = 24" if mac else ""
    addend = "    input  wire signed [ACC_WIDTH-1:0] psum_i,\n" if mac else ""
    text = f"""// {kind}_external: {top}, as pe_datapath takes it. Written by halo.
`default_nettype none
module {kind}_external #(
{head}
) (
    input  wire signed [WEIGHT_WIDTH-1:0] weight_i,
    input  wire signed [ACTIVATION_WIDTH-1:0] activation_i,
{addend}    output wire signed [{width}-1:0] {result}
);
    {top} u_own (
{joined}
    );
endmodule
`default_nettype wire
"""
    return text if mac else text + _ADDED


_ADDED = """// mac_external: mul_external and an adder. Written by halo.
`default_nettype none
module mac_external #(
    parameter WEIGHT_WIDTH     = 8,
    parameter ACTIVATION_WIDTH = 8,
    parameter ACC_WIDTH        = 24
) (
    input  wire signed [WEIGHT_WIDTH-1:0] weight_i,
    input  wire signed [ACTIVATION_WIDTH-1:0] activation_i,
    input  wire signed [ACC_WIDTH-1:0] psum_i,
    output wire signed [ACC_WIDTH-1:0] psum_o
);
    localparam integer PRODUCT_WIDTH = WEIGHT_WIDTH + ACTIVATION_WIDTH;
    wire signed [PRODUCT_WIDTH-1:0] product;
    mul_external #(
        .WEIGHT_WIDTH(WEIGHT_WIDTH),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH)
    ) u_mul (
        .weight_i(weight_i),
        .activation_i(activation_i),
        .product_o(product)
    );
    kogge_stone_adder #(
        .WIDTH(ACC_WIDTH)
    ) u_adder (
        .a_i(psum_i),
        .b_i({{(ACC_WIDTH - PRODUCT_WIDTH) {product[PRODUCT_WIDTH-1]}}, product}),
        .sum_o(psum_o)
    );
endmodule
`default_nettype wire
"""
