# SPDX-License-Identifier: Apache-2.0
"""What small libraries with known traps read as."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from halo.liberty import Cell, Library, lookup
from halo.liberty.reader import read_text
from halo.liberty.statetable import latch_of_table

Text = Callable[..., str]


def read(text: str) -> Library:
    return read_text(text, "x.lib")


def cell(library_text: Text, body: str, extra: str = "") -> Cell:
    return read(library_text(extra + "cell (C) {" + body + "}")).cells["C"]


def test_an_inverter_in_si_units(library_text: Text) -> None:
    library = read(library_text())
    assert (library.name, library.voltage_v, library.temperature_c) == ("small", 1.5, 25.0)
    assert library.slew_lower == {"rise": 0.2, "fall": 0.2} and library.slew_upper == {"rise": 0.8, "fall": 0.8}
    assert library.input_threshold == library.output_threshold == {"rise": 0.5, "fall": 0.5}
    assert library.has_power and library.has_leakage
    inverter = library.cells["INV"]
    assert (inverter.area, inverter.cell_leakage_w, inverter.line) == (2.5, pytest.approx(0.5e-9), 20)
    assert inverter.inputs[0].capacitance_f == pytest.approx(2e-15)
    y = inverter.outputs[0]
    assert y.function is not None and y.function.table.tolist() == [1, 0]
    (arc,) = y.timing
    assert (arc.related_pins, arc.timing_type, arc.sense, arc.when) == (("A",), "combinational", "negative_unate", None)
    rise = arc.tables["cell_rise"]
    assert rise.variables == ("input_net_transition", "total_output_net_capacitance")
    np.testing.assert_allclose(rise.axes[0], [0.1e-9, 0.2e-9])
    np.testing.assert_allclose(rise.axes[1], [1e-14, 2e-14, 4e-14])
    np.testing.assert_allclose(rise.values, [[1e-9, 2e-9, 3e-9], [4e-9, 5e-9, 6e-9]])
    assert arc.tables["cell_fall"].variables == () and lookup(arc.tables["cell_fall"], {}) == pytest.approx(7e-9)
    (power,) = y.power
    assert power.rise is not None and power.fall is not None
    np.testing.assert_allclose(power.rise.values, [8e-12, 9e-12])  # V^2 pF
    assert lookup(power.fall, {}) == pytest.approx(10e-12)


@pytest.mark.parametrize(
    ("units", "time", "capacitance", "energy", "power"),
    [
        ('time_unit : "1ns "; capacitive_load_unit (1, pf); voltage_unit : 1V;', 1e-9, 1e-12, 1e-12, None),
        (
            'time_unit : 1ps; capacitive_load_unit (1.000, "ff"); leakage_power_unit : "1pW";',
            1e-12,
            1e-15,
            1e-15,
            1e-12,
        ),
        ('time_unit : "10ps"; capacitive_load_unit ("1, pf"); voltage_unit : "100mV";', 1e-11, 1e-12, 1e-14, None),
        ('time_unit : "1NS"; capacitive_load_unit (10,FF); leakage_power_unit : 10uW ;', 1e-9, 1e-14, 1e-14, 1e-5),
        ("capacitive_load_unit (0.1, pf);", 1e-9, 1e-13, 1e-13, None),
    ],
)
def test_units(
    library_text: Text,
    inverter: str,
    header: str,
    units: str,
    time: float,
    capacitance: float,
    energy: float,
    power: float | None,
) -> None:
    templates = header[header.index("lu_table_template") :]
    body = inverter if power else inverter.replace("cell_leakage_power : 0.5;", "")
    library = read(library_text(body, units + "nom_voltage : 2; nom_temperature : -40;" + templates))
    found = library.cells["INV"]
    y = found.outputs[0]
    assert y.power[0].fall is not None
    assert y.timing[0].tables["cell_rise"].values[1, 2] == pytest.approx(6 * time)
    assert y.timing[0].tables["cell_rise"].axes[1][2] == pytest.approx(0.04 * capacitance)
    assert found.inputs[0].capacitance_f == pytest.approx(0.002 * capacitance)
    assert y.power[0].fall.values == pytest.approx(10 * energy)
    assert found.cell_leakage_w == (pytest.approx(0.5 * power) if power else None)


def test_thresholds_derate_and_operating_conditions(library_text: Text, inverter: str, header: str) -> None:
    header = header.replace("nom_voltage : 1.5;", "").replace("nom_temperature : 25;", "")
    header += """
      slew_lower_threshold_pct_rise : 10; slew_lower_threshold_pct_fall : 15.0;
      slew_upper_threshold_pct_rise : "90"; slew_derate_from_library : 0.5; default_max_transition : 3;
      input_threshold_pct_rise : 40;
      operating_conditions (hot) { voltage : 9; temperature : 9; }
      operating_conditions (cold) { voltage : 1.1; temperature : -40; process : 1; }
      default_operating_conditions : "cold";"""
    library = read(library_text(inverter, header))
    assert (library.voltage_v, library.temperature_c, library.slew_derate) == (1.1, -40.0, 0.5)
    assert library.slew_lower == {"rise": 0.1, "fall": 0.15} and library.slew_upper == {"rise": 0.9, "fall": 0.8}
    assert library.input_threshold == {"rise": 0.4, "fall": 0.5}
    assert library.default_max_transition_s == pytest.approx(3e-9)
    # The derate says how to read the tables; it does not change them.
    assert library.cells["INV"].outputs[0].timing[0].tables["cell_rise"].values[0, 0] == pytest.approx(1e-9)


def test_own_axes_go_before_the_template_and_order_is_the_templates(library_text: Text, header: str) -> None:
    template = (
        "lu_table_template (swapped) { variable_1 : total_output_net_capacitance; variable_2 : input_net_transition; }"
    )
    body = """pin (A) { direction : input; } pin (Y) { direction : output; function : "A"; timing () { related_pin : A;
      cell_rise (delay_2x3) { index_2 ("1 2"); values ("1, 2, 3, 4"); }
      cell_fall (swapped) { index_1 ("1, 2, 3"); index_2 ("5"); values ("1", "2", "3"); } } }"""
    tables = read(library_text("cell (C) {" + body + "}", header + template)).cells["C"].outputs[0].timing[0].tables
    np.testing.assert_allclose(tables["cell_rise"].axes[0], [0.1e-9, 0.2e-9])
    np.testing.assert_allclose(tables["cell_rise"].axes[1], [1e-12, 2e-12])
    np.testing.assert_allclose(tables["cell_rise"].values, [[1e-9, 2e-9], [3e-9, 4e-9]])
    assert tables["cell_fall"].variables == ("total_output_net_capacitance", "input_net_transition")
    assert tables["cell_fall"].values.shape == (3, 1)


def test_twin_groups_conditions_and_related_lists_stay_apart(library_text: Text) -> None:
    found = cell(
        library_text,
        """pin ("A") { direction : "input"; } pin (B, C) { direction : input; capacitance : 1; }
        pin (X) { direction : output; function : "(A&!B) | (!A&B)";
          timing () { related_pin : "A"; timing_sense : positive_unate; cell_rise (scalar) { values ("1"); } }
          timing () { related_pin : "A"; timing_sense : negative_unate; cell_rise (scalar) { values ("2"); } }
          timing () { related_pin : "B C"; when : "A\\
             & !C"; timing_type : combinational_rise; cell_rise (scalar) { values ("3"); } }
          timing () { related_pin : "B, C"; when : ""; cell_rise (scalar) { values ("4"); } }
        }""",
    )
    assert found.pins["B"].capacitance_f == found.pins["C"].capacitance_f == pytest.approx(1e-12)
    one, two, three, four = found.pins["X"].timing
    assert (one.sense, two.sense, three.sense) == ("positive_unate", "negative_unate", None)
    assert three.related_pins == four.related_pins == ("B", "C")
    assert three.when is not None and (three.when.text, three.when.inputs) == ("A & !C", ("A", "C"))
    assert three.when.table.tolist() == [0, 1, 0, 0]
    assert four.when is None
    assert [lookup(arc.tables["cell_rise"], {}) for arc in (one, two, three, four)] == pytest.approx(
        [1e-9, 2e-9, 3e-9, 4e-9]
    )


def test_capacitances_and_their_defaults(library_text: Text, header: str) -> None:
    pins = """pin (A) { direction : input; capacitance : 3; rise_capacitance : 4; fall_capacitance : 2; }
      pin (B) { direction : input; rise_capacitance : 4; fall_capacitance : 5; } pin (C) { direction : input; }
      pin (D) { direction : input; capacitance : 0; clock : true; }
      pin (Y) { direction : output; max_capacitance : 7; three_state : "A"; } pin (Z) { direction : inout; }"""
    header += "default_input_pin_cap : 1; default_output_pin_cap : 0; default_inout_pin_cap : 6;"
    pins_found = read(library_text("cell (C) {" + pins + "}", header)).cells["C"].pins
    found = {n: (p.capacitance_f, p.rise_capacitance_f, p.fall_capacitance_f) for n, p in pins_found.items()}
    expected = {"A": (3, 4, 2), "B": (5, 4, 5), "C": (1, 1, 1), "D": (0, 0, 0), "Y": (0, 0, 0), "Z": (6, 6, 6)}
    for name, values in expected.items():
        assert found[name] == pytest.approx([value * 1e-12 for value in values]), name
    assert pins_found["D"].clock and not pins_found["A"].clock
    assert pins_found["Y"].three_state and pins_found["Y"].max_capacitance_f == pytest.approx(7e-12)


def test_a_bus_becomes_its_bits(library_text: Text) -> None:
    kinds = """type (nibble) { base_type : array; data_type : bit; bit_width : 3; bit_from : 2; bit_to : 0; }
      type (pair) { bit_from : 0; bit_to : 1; } """
    found = cell(
        library_text,
        """bus (A) { bus_type : nibble; direction : input; capacitance : 1; pin (A[1]) { capacitance : 5; } }
        bus (S) { bus_type : pair; direction : input; }
        bus (Y) { bus_type : nibble; direction : output; function : "A'";
          pin (Y[2:1]) { max_capacitance : 9; }
          timing () { related_pin : "A"; cell_rise (scalar) { values ("1"); } }
          timing () { related_bus_pins : "S"; cell_rise (scalar) { values ("1"); } }
          timing () { related_pin : "S"; cell_rise (scalar) { values ("1"); } } }""",
        kinds,
    )
    assert list(found.pins) == ["A[2]", "A[1]", "A[0]", "S[0]", "S[1]", "Y[2]", "Y[1]", "Y[0]"]
    assert [found.pins[f"A[{i}]"].capacitance_f for i in range(3)] == pytest.approx([1e-12, 5e-12, 1e-12])
    assert [found.pins[f"Y[{i}]"].max_capacitance_f for i in range(3)] == [
        None,
        pytest.approx(9e-12),
        pytest.approx(9e-12),
    ]
    for bit in range(3):
        y = found.pins[f"Y[{bit}]"]
        assert y.function is not None and y.function.inputs == (f"A[{bit}]",) and y.function.table.tolist() == [1, 0]
        assert [arc.related_pins for arc in y.timing] == [(f"A[{bit}]",), ("S[0]", "S[1]"), ("S[0]", "S[1]")]


def test_a_bundle_becomes_its_members(library_text: Text) -> None:
    found = cell(
        library_text,
        """bundle (D) { members (D0, "D1"); direction : input; capacitance : 2; pin (D1) { clock : true; } }
        bundle (Q) { members (Q0, Q1); direction : output; function : "D"; pin (Q0) { function : "D1"; } }""",
    )
    assert list(found.pins) == ["D0", "D1", "Q0", "Q1"]
    assert found.pins["D0"].capacitance_f == pytest.approx(2e-12) and found.pins["D1"].clock
    functions = [found.pins[name].function for name in ("Q0", "Q1")]
    assert [function.inputs for function in functions if function] == [("D1",), ("D1",)]


def test_leakage_of_several_supplies_adds_up(library_text: Text) -> None:
    found = cell(
        library_text,
        """pin (A) { direction : input; }
        leakage_power () { value : 3; when : "A"; related_pg_pin : VDD; }
        leakage_power () { value : "1"; when : "A"; related_pg_pin : VSS; }
        leakage_power () { value : 5; when : "!A"; related_pg_pin : VDD; }
        leakage_power () { value : 9; related_pg_pin : VDD; }""",
    )
    assert [(item.when.text if item.when else None, item.power_w) for item in found.leakage] == [
        ("A", pytest.approx(4e-9)),
        ("!A", pytest.approx(5e-9)),
        (None, pytest.approx(9e-9)),
    ]
    assert found.cell_leakage_w is None


def test_internal_power_of_inputs_supplies_and_the_power_table(library_text: Text) -> None:
    found = cell(
        library_text,
        """pin (A) { direction : input;
          internal_power () { when : "A"; rise_power (scalar) { values ("1"); } } }
        pin (Y) { direction : output; function : "A";
          internal_power () { related_pin : A; related_pg_pin : VDD; power (energy_2) { values ("2, 3"); } } }""",
    )
    (of_input,) = found.pins["A"].power
    assert of_input.related_pins == () and of_input.fall is None and of_input.when is not None
    (of_output,) = found.pins["Y"].power
    assert of_output.pg_pin == "VDD" and of_output.rise is of_output.fall is not None


def test_state_and_test_cells(library_text: Text) -> None:
    flop = """ff ("IQ", "IQN") { clocked_on : "CK"; next_state : "(SE SI) + (SE' D)"; clear : "RN'"; }
        pin (D, SI, SE, CK, RN) { direction : input; }
        pin (Q) { direction : output; function : "IQ"; }
        test_cell () { pin (D) { direction : input; } ff (IQ, IQN) { clocked_on : "CK"; next_state : "D"; } }"""
    found = cell(library_text, flop)
    assert found.sequential == "ff" and found.flipflop is not None
    ff = found.flipflop
    assert (ff.state, ff.state_n, ff.next_state.inputs) == ("IQ", "IQN", ("SE", "SI", "D"))
    assert ff.clocked_on.text == "CK" and ff.preset is None
    assert ff.clear is not None and ff.clear.table.tolist() == [1, 0]
    assert found.pins["Q"].function is not None and found.pins["Q"].function.inputs == ("IQ",)
    latch = cell(library_text, 'latch (IQ, IQN) { enable : "G"; data_in : "D"; } pin (D, G) { direction : input; }')
    assert (latch.sequential, latch.flipflop) == ("latch", None)
    gate = cell(
        library_text,
        """statetable (" CLK EN", " IQ ") { table : "L L : - : L"; } pin (CLK, EN) { direction : input; }
        pin (IQ) { direction : internal; internal_node : "IQ"; }
        pin (G) { direction : output; state_function : "CLK * IQ"; timing () { related_pin : CLK; when : "IQ"; } }""",
    )
    assert (gate.sequential, gate.pins["IQ"].direction, gate.latch) == ("statetable", "internal", None)
    shown = gate.pins["G"].function
    assert shown is not None and shown.text == "CLK * IQ"
    bank = cell(
        library_text,
        'ff_bank (IQ, IQN, 2) { clocked_on : "CK"; next_state : "D"; } pin (CK) { direction : input; } '
        "bundle (D) { members (D0, D1); direction : input; } "
        'bundle (Q) { members (Q0, Q1); direction : output; function : "IQ"; }',
    )
    assert (bank.sequential, bank.flipflop, len(bank.flipflops)) == ("ff", None, 2)
    assert [(ff.state, ff.next_state.inputs) for ff in bank.flipflops] == [("IQ[0]", ("D0",)), ("IQ[1]", ("D1",))]
    assert [bank.flipflop_of(pin) for pin in ("Q0", "Q1")] == list(bank.flipflops)


@pytest.mark.parametrize(
    ("inputs", "nodes", "table", "data", "values"),
    [
        ("CK EN", "M", "L L : - : L, L H : - : H, H - : - : N", ("EN",), [0, 1]),
        ("CK E TE", "M", "L L L : - : L, L - H : - : H, L H - : - : H, H - - : - : N", ("E", "TE"), [0, 1, 1, 1]),
        # Open at 1, two nodes, the rows of a real library: the second E - fits first.
        (
            "CKN E TE",
            "Q QN",
            "H L L : - - : L H, H H - : - - : H L, H - H : - - : H L, L - - : - - : N N",
            ("E", "TE"),
            [0, 1, 1, 1],
        ),
        ("CK EN", "M", "R L : - : L, R H : - : H, F - : - : N", None, None),  # a flip-flop
        ("CK EN", "M", "L L : H : L, L H : - : H, H - : - : N", None, None),  # feels its own value
        ("CK EN", "M", "L L : - : L, H - : - : N", None, None),  # says nothing for one state
        ("CK EN", "Q QN", "L L : - - : L L, L H : - - : H H, H - : - - : N N", None, None),  # two equal nodes
        ("S R", "Q", "H L : - : H, L H : - : L, L L : - : N, H H : - : L", None, None),  # no single enable
    ],
)
def test_state_tables_that_are_latches(
    inputs: str, nodes: str, table: str, data: tuple[str, ...] | None, values: list[int] | None
) -> None:
    latch = latch_of_table(inputs, nodes, table)
    if data is None:
        assert latch is None
        return
    assert latch is not None and latch.state == nodes.split(maxsplit=1)[0]
    assert latch.data.inputs == data and latch.data.table.tolist() == values


def test_ties_several_outputs_and_dont_use(library_text: Text) -> None:
    found = cell(
        library_text,
        """dont_use : true; pin (A, B) { direction : input; }
        pin (S) { direction : output; function : "A^B"; } pin (CO) { direction : output; function : "A B"; }
        pin (HI) { direction : output; function : "1"; } pin (LO) { direction : output; function : "0"; }""",
    )
    assert found.dont_use and [pin.name for pin in found.outputs] == ["S", "CO", "HI", "LO"]
    tables = [pin.function.table.tolist() for pin in found.outputs if pin.function]
    assert tables == [[0, 1, 1, 0], [0, 0, 0, 1], [1], [0]]


def test_default_leakage_is_for_cells_that_say_nothing(library_text: Text, header: str) -> None:
    cells = "cell (A) { } cell (B) { cell_leakage_power : 0; } cell (C) { leakage_power () { value : 1; } }"
    found = read(library_text(cells, header + "default_cell_leakage_power : 2;")).cells
    assert [found[name].cell_leakage_w for name in "ABC"] == [pytest.approx(2e-9), 0.0, None]


def test_a_library_without_power_or_leakage_says_so(library_text: Text, inverter: str) -> None:
    start = inverter.index("internal_power")
    end = inverter.index("}\n    }\n", start) + 1
    silent = inverter[:start].replace("cell_leakage_power : 0.5;", "") + inverter[end:]
    library = read(library_text(silent))
    assert not library.has_power and not library.has_leakage
    assert library.cells["INV"].outputs[0].power == ()
