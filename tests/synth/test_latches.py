# SPDX-License-Identifier: Apache-2.0
"""Which latch of a library stands for a latch of the RTL."""

from __future__ import annotations

from pathlib import Path

from halo.liberty import Cell, read_corner
from halo.synth.latches import latch_techmap, plain_latch
from halo.synth.libraries import prepare_liberty

LATCH = """  cell ({name}) {{ area : {area};
    latch (IQ, IQN) {{ enable : "{enable}"; data_in : "{data}"; }}
    pin (D) {{ direction : input; capacitance : 1; }}
    pin (G) {{ direction : input; capacitance : 1; }}
    pin (Q) {{ direction : output; function : "{output}"; }} }}
"""
GATES = """library (l) { time_unit : "1ns"; capacitive_load_unit (1, pf); nom_voltage : 1; nom_temperature : 25;
  cell (INV) { area : 1;
    pin (A) { direction : input; capacitance : 1; }
    pin (Y) { direction : output; function : "!A";
      timing () { related_pin : "A"; timing_sense : negative_unate;
        cell_rise (scalar) { values ("1"); } cell_fall (scalar) { values ("1"); }
        rise_transition (scalar) { values ("1"); } fall_transition (scalar) { values ("1"); } } } }
  cell (NAND) { area : 1;
    pin (A) { direction : input; capacitance : 1; }
    pin (B) { direction : input; capacitance : 1; }
    pin (Y) { direction : output; function : "!(A B)"; } }
"""


def library(folder: Path, *cells: str) -> Path:
    path = folder / "l.lib"
    path.write_text("".join([GATES, *cells, "}\n"]))
    return path


def cells_of(folder: Path, *cells: str) -> list[Cell]:
    return list(read_corner([library(folder, *cells)]).cells.values())


def test_the_smallest_plain_latch_is_taken(tmp_path: Path) -> None:
    found = plain_latch(
        cells_of(
            tmp_path,
            LATCH.format(name="BIG", area=4, enable="G", data="D", output="IQ"),
            LATCH.format(name="SMALL", area=3, enable="G", data="D", output="IQ"),
            LATCH.format(name="INVERTS", area=1, enable="G", data="D", output="IQN"),
            LATCH.format(name="ODD", area=1, enable="G", data="!D", output="IQ"),
        )
    )
    assert found is not None and found.name == "SMALL"
    assert plain_latch(cells_of(tmp_path, LATCH.format(name="ODD", area=1, enable="G", data="!D", output="IQ"))) is None


def test_the_map_keeps_the_level_that_opens(tmp_path: Path) -> None:
    for enable, positive, negative in (("G", ".G(E)", ".G(~E)"), ("!G", ".G(~E)", ".G(E)")):
        cell = plain_latch(cells_of(tmp_path, LATCH.format(name="L", area=3, enable=enable, data="D", output="IQ")))
        assert cell is not None
        high, low = latch_techmap(cell).split("endmodule\n")[:2]
        assert "_DLATCH_P_" in high and positive in high
        assert "_DLATCH_N_" in low and negative in low


def test_a_latch_is_written_for_mapping_only_where_it_is_wanted(tmp_path: Path) -> None:
    liberty = library(tmp_path, LATCH.format(name="L", area=3, enable="G", data="D", output="IQ"))
    for wanted in (True, False):
        made = prepare_liberty([liberty], tmp_path / str(wanted), latches=wanted)
        assert ("latch (" in made.path.read_text()) is wanted
        assert (made.latch is not None) is wanted
