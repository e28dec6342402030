# SPDX-License-Identifier: Apache-2.0
"""A small library with round numbers: energies linear in slew and load, so that each can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from halo.liberty.model import Cell, FlipFlop, Function, Leakage, Library, Pin, PowerGroup, Table


def linear(base_fj: float, per_ps: float = 0.0, per_ff: float = 0.0) -> Table:
    """Energy base + per_ps x slew + per_ff x load in fJ, with slew in ps and load in fF."""
    slew = np.array([0.0, 100.0])
    load = np.array([0.0, 10.0])
    values = base_fj + per_ps * slew[:, None] + per_ff * load[None, :]
    return Table(
        ("input_transition_time", "total_output_net_capacitance"), (slew * 1e-12, load * 1e-15), values * 1e-15
    )


def function(text: str, *inputs: str) -> Function:
    """A function given as a Python expression of its inputs."""
    table = []
    for index in range(1 << len(inputs)):
        values = {name: bool(index >> bit & 1) for bit, name in enumerate(inputs)}
        table.append(int(eval(text, {}, values)))
    return Function(text, inputs, np.array(table, dtype=np.uint8))


def pin(name: str, direction: str, cap_ff: float = 0.0, **more: object) -> Pin:
    cap = cap_ff * 1e-15
    return Pin(name, direction, cap, cap, cap, **more)  # type: ignore[arg-type]


@pytest.fixture
def toy() -> Library:
    """NAND (conditions, two supplies), INV, HALF (two outputs), DFF with reset; 1.0 V."""
    nand_y = pin(
        "Y", "output", function=function("not (A and B)", "A", "B"),
        power=(
            PowerGroup(("A",), function("B", "B"), linear(10, 0.1, 1), linear(20, 0.1, 1), "VDD"),
            PowerGroup(("A",), None, linear(1), linear(2), "VSS"),
            PowerGroup(("B",), None, linear(30, 0, 2), linear(40, 0, 2), "VDD"),
        ),
    )  # fmt: skip
    nand = Cell(
        "NAND", 1.0,
        {
            "A": pin("A", "input", 1.0, power=(PowerGroup((), function("not B", "B"), linear(-3), linear(5), None),)),
            "B": pin("B", "input", 2.0),
            "Y": nand_y,
        },
        leakage=(Leakage(function("A and B", "A", "B"), 4e-9), Leakage(None, 1e-9)),
    )  # fmt: skip
    inv = Cell(
        "INV", 1.0,
        {
            "A": pin("A", "input", 1.5),
            "Y": pin(
                "Y", "output", function=function("not A", "A"),
                power=(PowerGroup(("A",), None, linear(6), linear(8), None),),
            ),
        },
        cell_leakage_w=3e-9,
    )  # fmt: skip
    half = Cell(
        "HALF", 1.0,
        {
            "A": pin("A", "input", 1.0, power=(PowerGroup((), None, linear(7), linear(9), None),)),
            "B": pin("B", "input", 1.0),
            "S": pin(
                "S", "output", function=function("A ^ B", "A", "B"),
                power=(PowerGroup(("A", "B"), None, linear(1), linear(1), None),),
            ),
            "C": pin(
                "C", "output", function=function("A and B", "A", "B"),
                power=(PowerGroup(("A", "B"), None, linear(2), linear(2), None),),
            ),
        },
        leakage=(Leakage(None, 5e-9),),
    )  # fmt: skip
    dff = Cell(
        "DFF", 1.0,
        {
            "D": pin("D", "input", 1.0, power=(PowerGroup((), function("not CK", "CK"), linear(2), linear(4), None),)),
            "CK": pin(
                "CK", "input", 1.0, clock=True,
                power=(
                    PowerGroup((), function("R and D == Q", "R", "D", "Q"), linear(10), linear(20), None),
                    PowerGroup((), function("R and D != Q", "R", "D", "Q"), linear(30), linear(40), None),
                    PowerGroup((), function("not R", "R"), linear(1000), linear(1000), None),
                ),
            ),
            "R": pin("R", "input", 1.0),
            "Q": pin(
                "Q", "output", function=function("IQ", "IQ"),
                power=(PowerGroup(("CK",), None, linear(50), linear(60), None),),
            ),
        },
        leakage=(Leakage(function("CK", "CK"), 2e-9), Leakage(function("not CK", "CK"), 6e-9)),
        sequential="ff",
        flipflops=(FlipFlop("IQ", "IQN", function("D", "D"), function("CK", "CK"), clear=function("not R", "R")),),
    )  # fmt: skip
    return Library(
        "toy", 1.0, 25.0, {c.name: c for c in (nand, inv, half, dff)}, {"rise": 0.2, "fall": 0.2},
        {"rise": 0.8, "fall": 0.8}, has_power=True, has_leakage=True,
    )  # fmt: skip
