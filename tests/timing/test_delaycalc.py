# SPDX-License-Identifier: Apache-2.0
"""Delays worked out by hand on the hand library, and OpenSTA's SDF of a real multiplier."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.parasitics.loads import ExtractedWires
from halo.parasitics.network import bind_networks
from halo.parasitics.spef import read_spef
from halo.timing.delaycalc import DelayCalculator, nominal_delays
from halo.timing.delays import Delays

SLEW, LOAD = 0.1e-9, 0.01e-12


def delays_of(circuit: Circuit, library: Library) -> Delays:
    return nominal_delays(circuit, library, input_slew_s=SLEW, output_load_f=LOAD)


def by_state(circuit: Circuit, delays: Delays, gate: int, pin: int) -> list[int]:
    """Delays of one pin in ps by state; every number of the hand library is a whole 0.1 ps."""
    n = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
    first = int(circuit.arc_start[gate])
    return [int(delay) for delay in delays.arc_fs[first : int(circuit.arc_start[gate + 1])][pin::n]]


def only_gate(circuit: Circuit, cell: str, output: str = "Y") -> int:
    return next(
        gate
        for gate in range(circuit.gates)
        if circuit.netlist.instances[circuit.instance[gate]].cell == cell and circuit.output_pin[gate] == output
    )


def test_loads_and_slews_of_a_chain_by_edge(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled("module t(input a, output y); wire n; INV u1(.A(a), .Y(n)); BUF u2(.A(n), .Y(y)); endmodule")
    delays = delays_of(circuit, hand)
    inv, buf = only_gate(circuit, "INV"), only_gate(circuit, "BUF")
    # Rise into 2 fF: 100 + 0.1 x 100 + 2 ps; fall into 3 fF: 80 + 10 + 3 ps.
    assert by_state(circuit, delays, inv, 0) == [112_000, 93_000]
    net = int(circuit.out[inv])
    np.testing.assert_allclose(delays.net_slew_s[net], [0.086e-9, 0.074e-9], rtol=1e-12)
    assert by_state(circuit, delays, buf, 0) == [178_600, 167_400]
    names = circuit.netlist.nets
    np.testing.assert_allclose(delays.net_load_f[[net, names.index("y"), names.index("a")]], [2e-15, 1e-14, 2e-15])
    assert delays.notes == ()
    assert not delays.setup_fs.any()


def test_wire_capacitance_adds_to_the_load(hand: Library, compiled: Callable[[str], Circuit], tmp_path: Path) -> None:
    circuit = compiled("module t(input a, output y); INV u1(.A(a), .Y(y)); endmodule")
    (tmp_path / "y.spef").write_text('*SPEF "1481"\n*C_UNIT 1 FF\n*D_NET y 30\n*CAP\n1 u1:Y 30\n*END\n')
    wires = ExtractedWires(bind_networks(read_spef(tmp_path / "y.spef"), circuit.netlist, hand))
    calculator = DelayCalculator(circuit, hand, input_slew_s=SLEW, output_load_f=LOAD, wires=wires)
    delays = calculator.delays()
    assert by_state(circuit, delays, 0, 0) == [150_000, 130_000]
    assert delays.net_load_f[circuit.netlist.nets.index("y")] == pytest.approx(4e-14)


def test_conditioned_arcs_displace_the_default(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled("module t(input a, input b, output y); XOR2 u(.A(a), .B(b), .Y(y)); endmodule")
    delays = delays_of(circuit, hand)
    # States BA = 00, 01, 10, 11; each + 10 ps for the slew + 10 ps for the load.
    assert by_state(circuit, delays, 0, 0) == [140_000, 130_000, 150_000, 160_000]
    assert by_state(circuit, delays, 0, 1) == [240_000, 250_000, 230_000, 260_000]


def test_twin_groups_give_the_sense_and_the_function_gives_the_state(
    hand: Library, compiled: Callable[[str], Circuit]
) -> None:
    circuit = compiled("module t(input a, input b, output y); XORT u(.A(a), .B(b), .Y(y)); endmodule")
    delays = delays_of(circuit, hand)
    # A rises to 01: output rises, positive; A falls to 10: output rises, negative.
    assert by_state(circuit, delays, 0, 0) == [130_000, 120_000, 220_000, 230_000]


def test_pin_that_does_not_control_takes_the_worst_arc_of_the_edge(
    hand: Library, compiled: Callable[[str], Circuit]
) -> None:
    circuit = compiled("module t(input a, input b, input s, output y); MUX2 u(.A(a), .B(b), .S(s), .Y(y)); endmodule")
    delays = delays_of(circuit, hand)
    pins = circuit.pin_name[:3]
    table = circuit.table[:8]
    for pin, name in enumerate(pins):
        rise, fall = {"A": (120_000, 130_000), "B": (140_000, 150_000), "S": (220_000, 230_000)}[name]
        assert by_state(circuit, delays, 0, pin) == [rise if value else fall for value in table]


def test_simultaneous_change_takes_every_condition(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled("module t(input a, input b, output c, output s); HA u(.A(a), .B(b), .CO(c), .S(s)); endmodule")
    delays = delays_of(circuit, hand)
    carry = only_gate(circuit, "HA", "CO")
    # The carry falls 11 -> 00: in state 00 neither pin controls it alone.
    assert by_state(circuit, delays, carry, 0) == [130_000, 130_000, 130_000, 120_000]
    assert by_state(circuit, delays, carry, 1) == [150_000, 150_000, 150_000, 140_000]


def test_arcs_are_enabled_where_their_condition_holds(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled("module t(input a, input b, input c, output y); AO21 u(.A(a), .B(b), .C(c), .Y(y)); endmodule")
    delays = delays_of(circuit, hand)
    assert circuit.pin_name == ("A", "B", "C")
    enabled = delays.enabled.reshape(8, 3).astype(int).T.tolist()
    # States CBA from 000. A: !C, whatever B is. B: A & !C. C: where it moves the output, by its default where B is 1.
    assert enabled == [[1, 1, 1, 1, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0, 0, 0], [1, 1, 1, 0, 1, 1, 1, 0]]
    # Disabled, an arc has the pin's largest delay of the edge; each + 10 ps for the slew + 10 ps for the load.
    assert by_state(circuit, delays, 0, 1) == [150_000] * 3 + [140_000] * 5
    assert by_state(circuit, delays, 0, 2) == [420_000, 430_000, 620_000, 520_000, 320_000, 330_000, 520_000, 520_000]


def test_without_conditions_every_arc_is_enabled(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled("module t(input a, input b, input s, output y); MUX2 u(.A(a), .B(b), .S(s), .Y(y)); endmodule")
    assert delays_of(circuit, hand).enabled.all()


def test_flip_flop_delay_and_setup(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled(
        "module t(input clk, input d, output q, output qn);"
        " wire n; BUF b(.A(d), .Y(n)); DFFN f(.D(n), .CK(clk), .Q(q), .QN(qn)); endmodule"
    )
    delays = delays_of(circuit, hand)
    q, qn = only_gate(circuit, "DFFN", "Q"), only_gate(circuit, "DFFN", "QN")
    assert by_state(circuit, delays, q, 0) == [270_000, 220_000]
    assert by_state(circuit, delays, qn, 0) == [220_000, 270_000]
    # n: rise slew 20 + 50 + 6 ps, fall slew 30 + 50 + 6 ps; setup fall = 70 + 0.2 x 100 + 0.3 x 86 ps.
    assert delays.setup_fs[circuit.pin_start[q]] == 115_800
    assert delays.setup_fs[circuit.pin_start[only_gate(circuit, "BUF")]] == 0


def test_tied_inputs_do_not_slow_the_slews(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled(
        "module t(input a, output y); wire one, n; TIE1 t(.Y(one)); NAND2 u(.A(a), .B(one), .Y(n));"
        " INV i(.A(n), .Y(y)); endmodule"
    )
    delays = delays_of(circuit, hand)
    assert delays.notes == (), "an arc from a tied pin is one of the function all the same"
    net = int(circuit.out[only_gate(circuit, "NAND2")])
    np.testing.assert_allclose(delays.net_slew_s[net], [0.086e-9, 0.074e-9], rtol=1e-12)


def test_missing_arc_names_cell_pin_and_library(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled("module t(input a, input b, output y); LACK u(.A(a), .B(b), .Y(y)); endmodule")
    with pytest.raises(HaloError, match=r"arc missing: cell LACK has no delay from B to Y in library hand"):
        delays_of(circuit, hand)


def test_arc_between_outputs_is_left_out_and_said(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled("module t(input a, input b, output c, output s); HAO u(.A(a), .B(b), .CO(c), .S(s)); endmodule")
    delays = delays_of(circuit, hand)
    assert by_state(circuit, delays, only_gate(circuit, "HAO", "S"), 0) == [330_000, 320_000, 320_000, 330_000]
    assert delays.notes == ("the arc of HAO from CO to S is not of its function: left out",)


def test_negative_delays_are_clamped_and_counted(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled("module t(input a, output y); FAST u(.A(a), .Y(y)); endmodule")
    delays = delays_of(circuit, hand)
    assert by_state(circuit, delays, 0, 0) == [70_000, 0]
    assert delays.notes == ("1 of 2 state delays were negative and are set to 0",)


def test_delay_beyond_the_engines_range(hand: Library, compiled: Callable[[str], Circuit]) -> None:
    circuit = compiled("module t(input a, output y); BUF u(.A(a), .Y(y)); endmodule")
    with pytest.raises(HaloError, match="does not fit"):
        nominal_delays(circuit, hand, input_slew_s=SLEW, output_load_f=1e-8)


def test_delays_equal_opensta_on_a_real_multiplier(shared: Path, osu018: Path) -> None:
    folder = shared / "reference" / "osu018_mult8"
    library = read_corner([osu018])
    circuit = compile_circuit(read_netlist(folder / "netlist.v"), library)
    delays = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    gate_of = {
        (circuit.netlist.instances[circuit.instance[gate]].name, circuit.output_pin[gate]): gate
        for gate in range(circuit.gates)
    }
    text = gzip.decompress((folder / "delays.sdf.gz").read_bytes()).decode()
    compared = 0
    for cell, instance, body in re.findall(
        r'\(CELLTYPE "(\w+)"\)\s*\(INSTANCE (\S+)\)(.*?)(?=\(CELL\b|\Z)', text, re.S
    ):
        for pin, output, rise, fall in re.findall(r"\(IOPATH (\w+) (\w+) \(\S*:(\S+)\) \(\S*:(\S+)\)\)", body):
            gate = gate_of[instance, output]
            first, last = int(circuit.pin_start[gate]), int(circuit.pin_start[gate + 1])
            number = circuit.pin_name[first:last].index(pin)
            found = np.array(by_state(circuit, delays, gate, number))
            table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
            for edge, expected in ((1, round(float(rise) * 1e6)), (0, round(float(fall) * 1e6))):
                states = found[table == edge]
                if cell in ("XOR2X1", "XNOR2X1", "MUX2X1"):
                    # Non-unate arcs: OpenSTA writes one of the two input edges' delays.
                    assert np.abs(states - expected).min() <= 1
                else:
                    assert abs(states.max() - expected) <= 1
                    assert abs(states.min() - expected) <= 1
                compared += 1
    assert compared == 1664
