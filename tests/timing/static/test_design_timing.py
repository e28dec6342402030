# SPDX-License-Identifier: Apache-2.0
"""Setup and hold of whole designs: worked by hand on a library of round numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from halo.liberty import Library
from halo.netlist.model import Circuit
from halo.timing.clock_edges import FALL, RISE
from halo.timing.static.design import Boundary, DesignTiming, load_circuit, time_circuit

CompileText = Callable[[str], Circuit]

PAIR = """module t (input clk, input d, output y);
wire q, n;
DFF f (.D(d), .CK(clk), .Q(q)); INV u (.A(q), .Y(n)); {cell} g (.D(n), .CK(clk), .Q(y));
endmodule"""


def timed(circuit: Circuit, library: Library, boundary: Boundary | None = None, duty: float = 0.5) -> DesignTiming:
    return time_circuit(
        load_circuit(circuit, library, 0.01e-12),
        input_slew_s=0.1e-9,
        clock_slew_s=0.1e-9,
        boundary=boundary,
        duty=duty,
    )


def test_setup_and_hold_worked_by_hand(compiled: CompileText, hand: Library) -> None:
    found = timed(compiled(PAIR.format(cell="DFF")), hand)
    assert found.ends.name == ("f/D", "g/D")
    late, early = found.late[0], found.early[0]
    # f/Q: 0.2 + 0.1 slew + load 0.002 (rise), 0.25 + 0.1 slew + load 0.003 (fall); then the inverter.
    np.testing.assert_allclose(late.arrival_s[1] * 1e9, [0.3024, 0.3746], atol=1e-9)
    # 0.07 + 0.2 clock slew + 0.3 data slew of 0.073 (fall); 0.05, and 0.069 (rise).
    np.testing.assert_allclose(late.check_s[1] * 1e9, [0.1119, 0.0907], atol=1e-9)
    periods = found.periods_s() * 1e9
    assert np.isnan(periods[0]) and periods[1] == pytest.approx(0.4653, abs=1e-9)
    slack, _, edge = found.worst(found.late, 1e-9)
    assert slack[1] * 1e9 == pytest.approx(0.5347, abs=1e-9) and edge[1] == RISE
    hold, _, edge = found.worst(found.early, 1e-9)
    assert hold[1] * 1e9 == pytest.approx(0.3024, abs=1e-9) and edge[1] == FALL
    np.testing.assert_array_equal(early.check_s, 0.0)  # the library has no hold tables
    path = found.path(late, 1, RISE)
    assert [(step.instance, step.pin, step.output, step.edge) for step in path] == [
        ("f", "CK", "Q", "fall"),
        ("u", "A", "Y", "rise"),
    ]


@pytest.mark.parametrize("duty", [0.5, 0.4])
def test_a_path_to_the_other_edge_has_its_part_of_the_period(duty: float, compiled: CompileText, hand: Library) -> None:
    found = timed(compiled(PAIR.format(cell="DFFN")), hand, duty=duty)
    assert [(paths.launch, paths.share[1]) for paths in found.late] == [(FALL, 1.0), (RISE, duty)]
    assert found.ends.capture.tolist() == [RISE, FALL]
    assert found.periods_s()[1] * 1e9 == pytest.approx(0.4653 / duty, abs=1e-9)
    hold, of, _ = found.worst(found.early, 2e-9)
    # The falling edge before the rising one that launches lies 1 - duty of a period earlier.
    assert hold[1] * 1e9 == pytest.approx(0.3024 + 2 * (1 - duty), abs=1e-9) and of[1] == 1


def test_ports_lie_between_registers_or_do_not_count(compiled: CompileText, hand: Library) -> None:
    circuit = compiled(PAIR.format(cell="DFF"))
    found = timed(circuit, hand, Boundary(0.5e-9, 0.2e-9, 0.15e-9, 0.05e-9))
    assert found.ends.name == ("f/D", "g/D", "y")
    np.testing.assert_allclose(found.late[0].arrival_s[0] * 1e9, 0.5)
    np.testing.assert_allclose(found.early[0].arrival_s[0] * 1e9, 0.2)
    # y: 0.25 + 0.01 + 0.01 after the clock, then the setup or the hold of what follows.
    assert found.periods_s()[2] * 1e9 == pytest.approx(0.42, abs=1e-9)
    assert found.worst(found.early, 1e-9)[0][2] * 1e9 == pytest.approx(0.22 - 0.05, abs=1e-9)
    assert found.late[0].start[0, 0] == -2 - circuit.netlist.inputs["d"][0]


def test_the_early_pass_takes_the_shorter_way_and_the_smaller_slew(compiled: CompileText, hand: Library) -> None:
    text = """module t (input clk, input d, output y); wire q, n, m;
    DFF f (.D(d), .CK(clk), .Q(q)); BUF b (.A(q), .Y(n)); NAND2 u (.A(q), .B(n), .Y(m));
    DFF g (.D(m), .CK(clk), .Q(y)); endmodule"""
    found = timed(compiled(text), hand)
    late, early = (paths[0].arrival_s[1] for paths in (found.late, found.early))
    assert (early < late).all()
    # NAND2's A is straight from the flip-flop: a fall after 0.2 + 0.01 + 0.004 (two pins), 0.08 + 0.1 slew + 0.003.
    slew = 0.02 + 0.05 + 2 * 0.004
    assert early[FALL] * 1e9 == pytest.approx(0.214 + 0.08 + 0.1 * slew + 0.003, abs=1e-9)
    starts = [step.instance for step in found.path(found.early[0], 1, FALL)]
    assert starts == ["f", "u"]
    assert [step.instance for step in found.path(found.late[0], 1, RISE)] == ["f", "b", "u"]
