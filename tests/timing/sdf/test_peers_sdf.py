# SPDX-License-Identifier: Apache-2.0
"""SDF that other tools have refused, crashed on or taken wrongly, after reports against Icarus Verilog, OpenSTA and
others: each gives the delays that IEEE 1497 says.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.liberty import Library
from halo.netlist.model import Circuit
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays
from halo.timing.sdf.parse import read_sdf
from halo.timing.sdf.read import delays_from_sdf

INV = "module t(input [2:0] i, output o); INV u(.A(i[1]), .Y(o)); endmodule"
XOR = "module t(input a, input b, output y); XOR2 u(.A(a), .B(b), .Y(y)); endmodule"
FLOP = "module t(input d, input clk, output q); DFF u(.D(d), .CK(clk), .Q(q)); endmodule"
NS = "(DELAYFILE (DIVIDER /) (TIMESCALE 1ns) "

Annotate = Callable[[str, str], tuple[Circuit, Delays]]


@pytest.fixture
def annotated(compiled: Callable[[str], Circuit], hand: Library, tmp_path: Path) -> Annotate:
    """A netlist with the delays of an SDF text."""

    def run(netlist: str, text: str) -> tuple[Circuit, Delays]:
        circuit = compiled(netlist)
        path = tmp_path / "d.sdf"
        path.write_text(text)
        base = nominal_delays(circuit, hand, input_slew_s=1e-10, output_load_f=1e-14)
        return delays_from_sdf(circuit, hand, read_sdf(path), base)

    return run


def cell(kind: str, paths: str, more: str = "", instance: str = "u") -> str:
    return f'(CELL (CELLTYPE "{kind}") (INSTANCE {instance}) (DELAY (ABSOLUTE {paths})) {more})'


# Inverter: [fall, rise] of the output, in fs.
SCALES = {
    "a blank in the time scale": ("(DELAYFILE (TIMESCALE 1 ps) {})", "(3) (4)", [4_000, 3_000]),
    "a multiple of a unit": ("(DELAYFILE (TIMESCALE 100 ps) {})", "(0.3) (0.4)", [40_000, 30_000]),
    "no time scale is 1 ns": ("(DELAYFILE {})", "(0.003) (0.004)", [4_000, 3_000]),
    "femtoseconds with a point": ("(DELAYFILE (TIMESCALE 10.0fs) {})", "(3e2) (4E+2)", [4_000, 3_000]),
    "twenty digits": (NS + "{})", "(0.19001253885919475173::0.19001253885919475173)", [190_013, 190_013]),
    "one value for both edges": (NS + "{})", "(0.25)", [250_000, 250_000]),
    "six values, of which two are rise and fall": (NS + "{})", "(1) (2) (3) (4) (5) (6)", [2_000_000, 1_000_000]),
    "small letters, comments, a voltage and a process": (
        '(delayfile (sdfversion "3.0") // by hand\n (voltage 1.8::1.8) (process "tt") (timescale 1ps) {})',
        "(3) /* fall */ (4)",
        [4_000, 3_000],
    ),
    "pulse limits behind each delay": (NS + "{})", "((0.3) (0.1) (0.2)) ((0.4) (0.1))", [400_000, 300_000]),
}


@pytest.mark.parametrize("case", SCALES)
def test_values_of_an_inverter(annotated: Annotate, case: str) -> None:
    file, values, expected = SCALES[case]
    _, delays = annotated(INV, file.format(cell("INV", f"(IOPATH A Y {values})")))
    assert delays.arc_fs.tolist() == expected[::-1]  # the input's fall makes the output rise


def test_wires_from_ports_with_an_index(annotated: Annotate) -> None:
    wire = '(CELL (CELLTYPE "t") (INSTANCE) (DELAY (ABSOLUTE (INTERCONNECT i[1] u/A (0.1::0.2)))))'
    out = '(CELL (CELLTYPE "t") (INSTANCE) (DELAY (ABSOLUTE (INTERCONNECT u/Y o (0.000::0.000)))))'
    circuit, delays = annotated(INV, NS + wire + out + cell("INV", "(IOPATH A Y (1))") + ")")
    assert circuit.gates == 2 and sorted(delays.arc_fs.tolist()) == [200_000, 200_000, 1_000_000, 1_000_000]


def test_conditions_as_tools_write_them(annotated: Annotate) -> None:
    paths = (
        "(COND (B == 1'b1) && (B != 1'b0) (IOPATH A Y (1))) (COND ~B (IOPATH A Y (2)))"
        ' (COND "when A" A===1\'b1 (IOPATH B Y (3))) (CONDELSE (IOPATH B Y (4)))'
    )
    _, delays = annotated(XOR, NS + cell("XOR2", paths) + ")")
    by_state = delays.arc_fs.reshape(4, 2) // 1_000_000  # state: bit 0 is A, bit 1 is B
    assert by_state[:, 0].tolist() == [2, 2, 1, 1] and by_state[:, 1].tolist() == [4, 3, 4, 3]


def test_both_senses_in_one_cell_and_a_later_cell_that_replaces(annotated: Annotate) -> None:
    twice = cell("XOR2", "(IOPATH A Y (5) (6)) (IOPATH A Y (4) (7)) (IOPATH B Y (8))")
    _, delays = annotated(XOR, NS + twice + ")")
    assert sorted(set((delays.arc_fs.reshape(4, 2)[:, 0] // 1_000_000).tolist())) == [5, 7]
    assert any("the largest delay is taken: 2" in note for note in delays.notes)
    general = cell("XOR2", "(IOPATH A Y (50)) (IOPATH B Y (8))", instance="*")
    _, delays = annotated(XOR, NS + general + cell("XOR2", "(IOPATH A Y (5) (6))") + ")")
    assert sorted(set((delays.arc_fs.reshape(4, 2)[:, 0] // 1_000_000).tolist())) == [5, 6]
    assert not any("several times" in note for note in delays.notes)


def test_a_wire_given_again(annotated: Annotate) -> None:
    def wire(*values: str) -> str:
        entries = " ".join(f"(INTERCONNECT i[1] u/A ({value}))" for value in values)
        return f'(CELL (CELLTYPE "t") (INSTANCE) (DELAY (ABSOLUTE {entries})))'

    inverter = cell("INV", "(IOPATH A Y (9))")
    for wires, expected in (((wire("1", "3", "2"),), 3), ((wire("3"), wire("2")), 2)):
        _, delays = annotated(INV, NS + "".join(wires) + inverter + ")")
        assert sorted(set((delays.arc_fs // 1_000_000).tolist())) == [expected, 9]


def test_setup_by_edge_and_under_a_condition(annotated: Annotate) -> None:
    checks = (
        "(TIMINGCHECK (SETUP (COND S\\&R (posedge D)) (COND en (posedge CK)) (0.03))"
        " (SETUP (negedge D) (posedge CK) (0.05)) (HOLD (negedge D) (COND S\\&R (posedge CK)) (0.7:0.8:0.9))"
        " (RECREM (posedge R) (posedge CK) (0.1) (0.2)) (NOCHANGE D CK (1) (1)))"
    )
    circuit, delays = annotated(FLOP, NS + cell("DFF", "(IOPATH (posedge CK) Q (0.2) (0.3))", checks) + ")")
    assert delays.setup_fs[circuit.pin_start[0]] == 50_000
    assert sorted(set(delays.arc_fs.tolist())) == [200_000, 300_000]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (NS + cell("INV", "(IOPATH A Y (nan))") + ")", "'nan' is not a delay"),
        (NS + cell("INV", "(IOPATH A Y (1e400))") + ")", "is not a delay"),
        (NS + cell("INV", "(IOPATH A Y (1:2))") + ")", "'1:2' is not a delay"),
        (NS + cell("INV", "(IOPATH A Y (2500))") + ")", "does not fit"),
        ("(DELAYFILE (TIMESCALE 5ns) )", "time scale"),
        (
            NS + '(CELL (CELLTYPE "t") (INSTANCE) (DELAY (ABSOLUTE (PORT u/A (9999999999999999999)))))' + ")",
            "does not fit",
        ),
        (NS + cell("INV", "(IOPATH A Y (1))", "(TIMINGCHECK (SETUP A A (1e30)))") + ")", "does not fit"),
        (NS + cell("INV", "(IOPATH A Y ())") + ")", "no max delay"),
        (NS + "(" * 100_000, "too early"),
        (NS + cell("XOR2", "(COND " + "(" * 50_000 + "A (IOPATH A Y (1)))") + ")", "cannot be read"),
    ],
)
def test_refused(annotated: Annotate, text: str, what: str) -> None:
    with pytest.raises(HaloError) as caught:
        annotated(INV if "XOR2" not in text else XOR, text)
    assert what in caught.value.what and caught.value.fix and caught.value.line is not None
