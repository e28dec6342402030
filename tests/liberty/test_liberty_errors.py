# SPDX-License-Identifier: Apache-2.0
"""Every kind of bad Liberty input is a HaloError that says where."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.liberty import read_corner
from halo.liberty.reader import read_text

Text = Callable[..., str]

ARC = 'timing () { related_pin : "A"; cell_rise (delay_2x3) { values ("1, 2, 3", "4, 5, 6"); }'


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('time_unit : "1ns"', 'time_unit : "1 parsec"', "unit of time_unit is unknown: '1 parsec'"),
        ('time_unit : "1ns"', 'time_unit : "0ns"', "unit of time_unit"),
        ("(1, pf)", "(1, furlong)", "unit of capacitive_load_unit is unknown: '1, furlong'"),
        ('leakage_power_unit : "1nW"', 'leakage_power_unit : "1nV"', "unit of leakage_power_unit"),
        ("delay_model : table_lookup", "delay_model : polynomial", "delay model polynomial"),
        ("nom_voltage : 1.5;", "nom_voltage : high;", "nom_voltage is 'high', not a number"),
        ("area : 2.5", "area : nan", "area is 'nan'"),
        ("area : 2.5", "area : 1_0", "area is '1_0'"),
        ("capacitance : 0.002", "capacitance : 0.0.2", "capacitance is '0.0.2'"),
        ("direction : input; ", "", "pin A has no direction"),
        ("direction : input", "direction : inwards", "unknown direction: inwards"),
        ('"1, 2, 3", "4, 5, 6"', '"1, 2, 3", "4, 5"', "5 values, its axes need 2 x 3"),
        ('"1, 2, 3", "4, 5, 6"', '"1, 2, 3", "4, 5, six"', "'six' is not a number"),
        ('"1, 2, 3", "4, 5, 6"', '"1, 2, 3", "4, 5, inf"', "'inf' is not a number"),
        ('values ("7")', 'values ("7, 8")', "2 values, its axes need 1"),
        ('cell_fall (scalar) { values ("7"); }', "cell_fall (scalar) { }", "no values"),
        ("cell_rise (delay_2x3)", "cell_rise (delay_9x9)", "template that is not in the library: delay_9x9"),
        ('index_2 ("0.01, 0.02, 0.04");', "", "no index_2"),
        ('index_1 ("0.1, 0.2");\n    index_2', 'index_1 ("0.2, 0.1");\n    index_2', "index_1 does not ascend"),
        ("variable_1 : input_net_transition;", "variable_1 : phase_of_the_moon;", "depends on phase_of_the_moon"),
        ("variable_1 : input_net_transition;", "", "skips a variable"),
        ('function : "A\'"', 'function : "A\' B"', "function names a pin that the cell does not have: B"),
        ('function : "A\'"', 'function : "A +"', "'A +' cannot be read"),
        ('related_pin : "A"', 'related_pin : "A B"', "related_pin names a pin that the cell does not have: B"),
        ("timing_sense : negative_unate", "timing_sense : backwards", "timing_sense is 'backwards'"),
        ("pin (A) {", "pin (Y) { direction : input; } pin (A) {", "Y is described twice"),
        ("cell (INV) {", "cell (INV) { } cell (INV) {", "INV is described twice"),
        ("cell (INV) {", "cell () {", "cell group without a name"),
        ("area : 2.5;", "dont_use : maybe;", "dont_use is 'maybe'"),
        ("area : 2.5;", "bus (B) { bus_type : wide; }", "no known bus_type: wide"),
        (
            "area : 2.5;",
            "type (w) { bit_from : 0; bit_to : 1e9; } bus (B) { bus_type : w; }",
            "no known bus_type: w",
        ),
        (
            "area : 2.5;",
            "type (w) { bit_from : 0; bit_to : 1; } bus (B) { bus_type : w; pin (B[0:999999999]) { } }",
            "B[2] is not a member",
        ),
        ("area : 2.5;", 'type (w) { bit_from : 1; bit_to : 0.5; } bus (B) { bus_type : "w"; }', "not a whole number"),
        ("area : 2.5;", "bundle (B) { direction : input; }", "B has no members"),
        ("area : 2.5;", "bundle (B) { members (B0); pin (B1) { } }", "B1 is not a member"),
        ("area : 2.5;", "leakage_power () { }", "leakage_power group without a value"),
        ("area : 2.5;", 'ff (IQ, IQN) { next_state : "A"; }', "clocked_on"),
    ],
)
def test_bad_content(library_text: Text, old: str, new: str, what: str) -> None:
    text = library_text()
    assert text.count(old) >= 1
    with pytest.raises(HaloError) as caught:
        read_text(text.replace(old, new, 1), "x.lib")
    assert what in caught.value.what
    assert caught.value.path == "x.lib" and caught.value.line is not None
    assert caught.value.fix


def test_the_line_is_the_statements(library_text: Text) -> None:
    text = library_text().replace('"4, 5, 6"', '"4, 5, six"')
    with pytest.raises(HaloError) as caught:
        read_text(text, "x.lib")
    assert caught.value.line == 1 + text[: text.index('values ("1')].count("\n")


def test_no_file_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no Liberty file"):
        read_corner([])
    with pytest.raises(HaloError, match="no such Liberty file"):
        read_corner([tmp_path / "absent.lib"])
    with pytest.raises(HaloError, match="cannot be read"):
        read_corner([tmp_path])


def test_compressed_files(tmp_path: Path, library_text: Text) -> None:
    data = gzip.compress(library_text().encode())
    whole = tmp_path / "whole.lib.gz"
    whole.write_bytes(data)
    assert list(read_corner([str(whole)]).cells) == ["INV"]
    for name, damaged in {"cut": data[:-20], "flipped": data[:40] + b"xxxx" + data[44:], "head": data[:5]}.items():
        path = tmp_path / f"{name}.lib.gz"
        path.write_bytes(damaged)
        with pytest.raises(HaloError, match="damaged") as caught:
            read_corner([path])
        assert caught.value.path == str(path)


def test_a_library_without_timing(tmp_path: Path, library_text: Text) -> None:
    path = tmp_path / "quiet.lib"
    path.write_text(library_text("cell (FILL) { area : 1; }"))
    with pytest.raises(HaloError, match="no timing table"):
        read_corner([path])


def test_files_of_one_corner(tmp_path: Path, library_text: Text, inverter: str, header: str) -> None:
    first, second, third = tmp_path / "a.lib", tmp_path / "b.lib", tmp_path / "c.lib"
    first.write_text(library_text(inverter, header + "default_max_transition : 4;"))
    second.write_text(library_text(inverter.replace("(INV)", "(INV2)"), header + "default_max_transition : 3;"))
    both = read_corner([first, str(second)])
    assert list(both.cells) == ["INV", "INV2"] and both.paths == (str(first), str(second))
    assert both.cells["INV2"].path == str(second) and len(set(both.sha256)) == 2
    assert both.default_max_transition_s == pytest.approx(3e-9)

    with pytest.raises(HaloError, match=r"INV is also described in .*a\.lib:20") as caught:
        read_corner([first, second, first])
    assert (caught.value.path, caught.value.line) == (str(first), 20)

    third.write_text(library_text("", header.replace("nom_voltage : 1.5", "nom_voltage : 1.6")))
    with pytest.raises(HaloError, match="nom_voltage differs"):
        read_corner([first, third])
    third.write_text(library_text("", header + "slew_upper_threshold_pct_rise : 90;"))
    with pytest.raises(HaloError, match="slew_upper_threshold_pct differs"):
        read_corner([first, third])
