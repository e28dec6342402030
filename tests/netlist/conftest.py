# SPDX-License-Identifier: Apache-2.0
"""A hand-made library of a few cells whose functions are plain Python, so that no Liberty reader is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.liberty.model import Cell, FlipFlop, Function, Latch, Library, Pin, TimingGroup
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist


def function(text: str, *inputs: str) -> Function:
    """``text`` in Python's operators over 0 and 1 (inversion is ``1 ^ A``)."""
    table = [eval(text, {name: state >> i & 1 for i, name in enumerate(inputs)}) for state in range(1 << len(inputs))]
    return Function(text, inputs, np.array(table, np.uint8))


def pin(name: str, direction: str = "input", of: Function | None = None, **more: object) -> Pin:
    return Pin(name, direction, 1e-15, 1e-15, 1e-15, of, **more)  # type: ignore[arg-type]


def cell(name: str, inputs: str, outputs: dict[str, Function | None], **more: object) -> Cell:
    pins = {p: pin(p) for p in inputs.split()}
    pins |= {p: pin(p, "output", f) for p, f in outputs.items()}
    return Cell(name, 1.0, pins, **more)  # type: ignore[arg-type]


def flop(next_state: Function, clear: Function | None = None, state: str = "IQ", clock: str = "CLK") -> FlipFlop:
    return FlipFlop(state, state + "N", next_state, function(clock, clock), clear)


D = function("D", "D")
Q = {"Q": function("IQ", "IQ")}
QN = {"QN": function("IQN", "IQN")}


def _cells() -> list[Cell]:
    arc = TimingGroup(("B",), "combinational", "positive_unate", None, {}, 0)
    ignoring = cell("KEEP", "B A", {"Y": None})
    ignoring.pins["Y"] = pin("Y", "output", function("A", "A"), timing=(arc,))
    tbuf = cell("TBUF", "A EN", {"Y": None})
    tbuf.pins["Y"] = pin("Y", "output", function("A", "A"), three_state=True)
    inner = cell("INNER", "A B", {"Y": function("n", "n")})
    inner.pins["n"] = pin("n", "internal", function("1 ^ (A & B)", "A", "B"))
    hold = function("(E & D) | ((1 ^ E) & IQ)", "E", "D", "IQ")
    scan = function("(SE & SI) | ((1 ^ SE) & D)", "SE", "SI", "D")
    return [
        cell("INV", "A", {"Y": function("1 ^ A", "A")}),
        cell("BUF", "A", {"Y": function("A", "A")}),
        # The function names its inputs in another order than the cell.
        cell("AND2", "A B", {"Y": function("B & A", "B", "A")}),
        cell("ANDN", "A B", {"Y": function("B & (1 ^ A)", "B", "A")}),
        cell("OR2", "A B", {"Y": function("A | B", "A", "B")}),
        cell("XOR2", "A B", {"Y": function("A ^ B", "A", "B")}),
        cell("MUX2", "A B S", {"Y": function("(S & B) | ((1 ^ S) & A)", "S", "B", "A")}),
        cell(
            "FA",
            "A B CI",
            {
                "CO": function("(A & B) | (CI & (A | B))", "A", "B", "CI"),
                "S": function("A ^ B ^ CI", "A", "B", "CI"),
            },
        ),
        cell("TIEHI", "", {"Y": function("1")}),
        cell("TIELO", "", {"Y": function("0")}),
        cell("DIODE", "A", {}),
        cell("FILL", "", {}),
        ignoring,
        tbuf,
        inner,
        cell("NOFUNC", "A", {"Y": None}),
        cell("DFF", "CLK D", Q | QN, sequential="ff", flipflops=(flop(D),)),
        cell(
            "DFFHQN",
            "CLK D",
            {"QN": function("IQN", "IQN")},
            sequential="ff",
            flipflops=(FlipFlop("IQN", "IQNN", function("1 ^ D", "D"), function("CLK", "CLK")),),
        ),
        cell("EDFF", "D E CLK", Q | QN, sequential="ff", flipflops=(flop(hold),)),
        cell("SDFF", "CLK D SI SE", Q, sequential="ff", flipflops=(flop(scan),)),
        cell("DFFR", "CLK RN D", Q, sequential="ff", flipflops=(flop(D, function("1 ^ RN", "RN")),)),
        cell("LATCH", "G D", Q, sequential="latch", latch=Latch("IQ", "IQN", D), line=77, path="cells.lib"),
        cell(
            "ICG",
            "CK E",
            {"Y": function("CK & M", "CK", "M")},
            sequential="statetable",
            latch=Latch("M", "", function("E", "E")),
        ),
        cell("RAM", "CK E", {"Y": None}, sequential="statetable"),
    ]


@pytest.fixture(scope="session")
def tiny() -> Library:
    """Library of hand-made cells."""
    edges = {"rise": 0.5, "fall": 0.5}
    return Library("tiny", 1.0, 25.0, {c.name: c for c in _cells()}, edges, edges)


Build = Callable[[str], Circuit]


@pytest.fixture
def build(tmp_path: Path, tiny: Library) -> Build:
    """Compile Verilog text against the tiny library."""

    def compile_text(text: str) -> Circuit:
        path = tmp_path / "netlist.v"
        path.write_text(text)
        return compile_circuit(read_netlist(path), tiny)

    return compile_text
