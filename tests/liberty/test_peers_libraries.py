# SPDX-License-Identifier: Apache-2.0
"""Libraries that other readers have refused, crashed on or taken wrongly, after reports against OpenSTA, Yosys, ABC,
OpenRAM and PDKs: what they say is read, what cannot be understood is left out by name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.liberty import Library, lookup, read_corner
from halo.liberty.reader import read_text

Text = Callable[..., str]


def read(text: str) -> Library:
    return read_text(text, "x.lib")


def test_attributes_continued_on_the_next_line(library_text: Text, header: str) -> None:
    units = 'capacitive_load_unit("1.000000", \\\n  "ff");\n voltage_map("VDD", \\\n "0.65"); voltage_map ("VSS", "0");'
    wanted = "nom_voltage : 1.5;"
    text = library_text(header=header.replace("capacitive_load_unit (1, pf);", units).replace(wanted, ""))
    library = read(text.replace("index_1 (", "index_1\\\n   ("))
    assert library.voltage_v == 0.65 and library.cells["INV"].pins["A"].capacitance_f == pytest.approx(2e-18)
    assert library.cells["INV"].pins["Y"].timing[0].tables["cell_rise"].axes[0] == pytest.approx([1e-10, 2e-10])


@pytest.mark.parametrize("unit", ["(1, fF)", "(1,FF)", '("1", "ff")', "(1.0e0 ,ff )", "(0.001, pF)"])
def test_units_in_capitals_and_quotes(library_text: Text, unit: str) -> None:
    library = read(library_text().replace("(1, pf)", unit))
    assert library.cells["INV"].pins["A"].capacitance_f == pytest.approx(2e-18)


def test_conditions_after_the_cells(library_text: Text, header: str, inverter: str) -> None:
    late = "operating_conditions (slow) { voltage : 1.35; temperature : 100; }\n default_operating_conditions : slow;"
    other = "operating_conditions (fast) { voltage : 1.65; temperature : -40; }\n"
    bare = header.replace("nom_voltage : 1.5;", "").replace("nom_temperature : 25;", "")
    library = read(library_text(inverter + late + other, bare))
    assert (library.voltage_v, library.temperature_c) == (1.35, 100.0)
    # With two and no default, neither is the library's.
    undecided = read(library_text(inverter + late.partition("default")[0] + other, bare))
    assert np.isnan(undecided.voltage_v) and any("nom_voltage" in note for note in undecided.notes)


def test_expressions_without_quotes(library_text: Text, inverter: str) -> None:
    flop = (
        "cell (DFFR) { area : 4; pin (D) { direction : input; } pin (RN) { direction : input; }\n"
        "pin (CK) { direction : input; clock : true; } pin (Q) { direction : output; function : IQ; }\n"
        'ff (IQ,IQN) { clocked_on : (CK); next_state : "D"; clear : !RN ; power_down_function : !VDD+VSS ; } }'
    )
    cell = read(library_text(inverter.replace('"A\'"', "!A") + flop)).cells["DFFR"]
    assert cell.flipflop is not None and cell.flipflop.clear is not None
    assert cell.flipflop.clear.inputs == ("RN",) and cell.flipflop.clear.table.tolist() == [1, 0]
    assert cell.flipflop.clocked_on.inputs == ("CK",)


def test_line_breaks_colons_and_semicolons_in_odd_places(library_text: Text, inverter: str) -> None:
    odd = (
        inverter.replace("cell (INV) {", 'cell\n("INV")\n{;;')
        .replace("timing () {", 'timing ("a:b") {')
        .replace("area : 2.5;", 'area :"2.5";;')
        .replace("timing_sense : negative_unate;", "timing_sense\n  : negative_unate\n")
    )
    plain, cell = (read(library_text(text)).cells["INV"] for text in (inverter, odd))
    assert cell.area == plain.area == 2.5
    assert cell.pins["Y"].timing[0].sense == "negative_unate"
    assert np.array_equal(
        cell.pins["Y"].timing[0].tables["cell_rise"].values, plain.pins["Y"].timing[0].tables["cell_rise"].values
    )


def test_a_timing_group_without_related_pin(library_text: Text, inverter: str) -> None:
    own = 'timing () { timing_type : min_pulse_width; rise_constraint (scalar) { values ("0.1"); } }'
    library = read(library_text(inverter.replace("capacitance : 0.002;", "capacitance : 0.002; " + own)))
    assert library.cells["INV"].pins["A"].timing[0].related_pins == ()


def test_load_before_slew_and_numbers_apart_by_blanks(library_text: Text, header: str, inverter: str) -> None:
    turned = (
        "lu_table_template (turned) { variable_1 : total_output_net_capacitance; variable_2 : input_net_transition;\n"
        ' index_1 ("0.01 0.02 0.04 ,"); index_2 ("0.1,\t0.2"); }'
    )
    cell = inverter.replace(
        'cell_rise (delay_2x3) { values ("1, 2, 3", "4, 5, 6"); }',
        'cell_rise (turned) { values ("1 4", "2 5", "3 6"); }',
    )
    tables = [
        read(text).cells["INV"].pins["Y"].timing[0].tables["cell_rise"]
        for text in (library_text(), library_text(cell, header + turned))
    ]
    for slew, load in ((0.1e-9, 0.04e-12), (0.17e-9, 0.013e-12), (0.5e-9, 0.1e-12)):
        at = {"input_net_transition": slew, "total_output_net_capacitance": load}
        assert lookup(tables[0], at) == pytest.approx(lookup(tables[1], at))
        point = np.array([slew]), np.array([load])
        assert tables[0].at(*point) == pytest.approx(tables[1].at(*point))


def test_pins_that_share_a_group(library_text: Text) -> None:
    gate = 'cell (AND2) { area : 1; pin (A, "B") { direction : input; capacitance : 0.003; }\n'
    gate += 'pin (Y) { direction : output; function : "A B"; timing () { related_pin : "A B"; '
    gate += 'cell_rise (scalar) { values ("1"); } } } }'
    cell = read(library_text(gate)).cells["AND2"]
    assert [pin.name for pin in cell.inputs] == ["A", "B"] and cell.pins["B"].capacitance_f == pytest.approx(3e-15)
    assert cell.pins["Y"].timing[0].related_pins == ("A", "B")


ODD = {
    "a table with the axes of another": ('cell_fall (delay_2x3) { values ("1, 2"); }', "2 values"),
    "arithmetic with a variable": ("cell_fall (scalar) { values (2 * delay); }", "is not a number"),
    "a flip-flop whose clear is the state of a latch": (
        'cell_fall (scalar) { values ("1"); } } } ff (IQ, IQN) { clocked_on : "A"; next_state : "A"; clear : "Q2"; }\n'
        "pin (Z) { direction : output; timing () {",
        "clear names a pin that the cell does not have: Q2",
    ),
    "an axis that does not ascend": ('cell_fall (delay_2x3) { index_1 ("2, 1"); values ("1"); }', "ascend"),
    "a pin that is described twice": (
        "} } pin (A) { direction : input; } pin (Z) { direction : output; timing () {",
        "A is described twice",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_cell_is_left_out_by_name(library_text: Text, inverter: str, case: str) -> None:
    old = 'cell_fall (scalar) { values ("7"); }'
    new, what = ODD[case]
    odd = inverter.replace("(INV)", "(ODD)").replace(old, new)
    library = read(library_text(odd + inverter))
    assert list(library.cells) == ["INV"] and list(library.left_out) == ["ODD"]
    assert what in library.left_out["ODD"].what and library.left_out["ODD"].line >= 20
    assert what in library.notes[0] and "ODD" in library.notes[0]
    with pytest.raises(HaloError) as caught:  # alone, it is what is wrong with the file
        read(library_text(odd))
    assert what in caught.value.what


def test_a_cell_described_twice_is_neither(library_text: Text, inverter: str) -> None:
    twice = inverter.replace("(INV)", "(TWO)")
    library = read(library_text(twice + inverter + twice.replace("2.5", "3")))
    assert list(library.cells) == ["INV"] and "described twice (first at line" in library.left_out["TWO"].what


def test_many_odd_cells_are_summed_up(library_text: Text, inverter: str) -> None:
    odd = "".join(f"cell (C{i}) {{ pin (A) {{ }} }}\n" for i in range(30))
    library = read(library_text(odd + inverter))
    assert len(library.left_out) == 30 and len(library.notes) == 9 and "22 more" in library.notes[-1]


BARE = {
    "capacitive_load_unit (1, pf);": "1 pF is taken",
    'leakage_power_unit : "1nW";': "leakage is left empty",
    "nom_voltage : 1.5;": "energies, are left empty",
    "nom_temperature : 25;": "names no temperature",
}


@pytest.mark.parametrize("line", BARE)
def test_what_a_library_does_not_say_is_noted(library_text: Text, line: str) -> None:
    full, library = read(library_text()), read(library_text().replace(line, ""))
    assert not full.notes
    assert [BARE[line] in note for note in library.notes] == [True]
    assert np.isnan(library.voltage_v) == ("nom_voltage" in line)
    assert np.isnan(library.temperature_c) == ("nom_temperature" in line)
    assert library.has_leakage != ("leakage" in line)
    assert library.cells["INV"].pins["A"].capacitance_f == full.cells["INV"].pins["A"].capacitance_f


def test_files_of_one_corner_may_know_different_things(tmp_path: Path, library_text: Text, header: str) -> None:
    for name, text in (("a", library_text(header=header.replace("nom_voltage : 1.5;", ""))), ("b", library_text(""))):
        (tmp_path / f"{name}.lib").write_text(text)
    assert read_corner([tmp_path / "a.lib", tmp_path / "b.lib"]).voltage_v == 1.5
    assert read_corner([tmp_path / "b.lib", tmp_path / "a.lib"]).voltage_v == 1.5


def test_included_files(tmp_path: Path, library_text: Text, header: str, inverter: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "gates.inc").write_text("/* gates */\n\n" + inverter + 'include_file ("more.inc")')
    (tmp_path / "sub" / "more.inc").write_text(inverter.replace("(INV)", "(INV2)").replace("area : 2.5", "area : bad"))
    main = tmp_path / "main.lib"
    main.write_text(
        library_text('include_file (sub/gates.inc);\n comment : "include_file (no)"; cell (LAST) { }', header)
    )
    library = read_corner(main)
    inner, more = tmp_path / "sub" / "gates.inc", tmp_path / "sub" / "more.inc"
    assert list(library.cells) == ["INV", "LAST"] and library.paths == (str(main), str(inner), str(more))
    assert (library.cells["INV"].path, library.cells["INV"].line) == (str(inner), 4)
    assert (library.left_out["INV2"].path, library.left_out["INV2"].line) == (str(more), 3)
    last = main.read_text().partition("cell (LAST)")[0].count("\n") + 1
    assert (library.cells["LAST"].path, library.cells["LAST"].line) == (str(main), last)
    # An included file that changes is read again, though the library's own bytes are the same.
    more.write_text(inverter.replace("(INV)", "(INV2)"))
    assert list(read_corner(main).cells) == ["INV", "INV2", "LAST"]


def test_files_that_include_each_other(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.lib").write_text(f"library (l) {{\n include_file ({other}.lib);\n}}")
    with pytest.raises(HaloError, match="without end") as caught:
        read_corner(tmp_path / "a.lib")
    assert (caught.value.path, caught.value.line) == (str(tmp_path / "b.lib"), 2)
