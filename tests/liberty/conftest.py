# SPDX-License-Identifier: Apache-2.0
"""A small Liberty library that tests bend: every helper returns text, nothing is read here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from halo.liberty import reader

HEADER = """
  delay_model : table_lookup;
  time_unit : "1ns";
  voltage_unit : "1V";
  leakage_power_unit : "1nW";
  capacitive_load_unit (1, pf);
  nom_voltage : 1.5;
  nom_temperature : 25;
  lu_table_template (delay_2x3) {
    variable_1 : input_net_transition;
    variable_2 : total_output_net_capacitance;
    index_1 ("0.1, 0.2");
    index_2 ("0.01, 0.02, 0.04");
  }
  power_lut_template (energy_2) {
    variable_1 : input_transition_time;
    index_1 ("0.1, 0.2");
  }
"""

INVERTER = """
  cell (INV) {
    area : 2.5;
    cell_leakage_power : 0.5;
    pin (A) { direction : input; capacitance : 0.002; }
    pin (Y) {
      direction : output;
      function : "A'";
      timing () {
        related_pin : "A";
        timing_sense : negative_unate;
        cell_rise (delay_2x3) { values ("1, 2, 3", "4, 5, 6"); }
        cell_fall (scalar) { values ("7"); }
      }
      internal_power () {
        related_pin : "A";
        rise_power (energy_2) { values ("8, 9"); }
        fall_power (scalar) { values ("10"); }
      }
    }
  }
"""


@pytest.fixture(scope="session")
def library_text() -> Callable[..., str]:
    """Text of a library: ``library_text(cells=..., header=...)``; the defaults are one inverter in ns, pF, V, nW."""

    def make(cells: str = INVERTER, header: str = HEADER) -> str:
        return f"library (small) {{{header}{cells}}}\n"

    return make


@pytest.fixture(scope="session")
def header() -> str:
    """Library-level attributes and templates of the small library."""
    return HEADER


@pytest.fixture(scope="session")
def inverter() -> str:
    """The small library's cell."""
    return INVERTER


@pytest.fixture(scope="session")
def osu050() -> Path:
    """Liberty file of the OSU 0.5 um cells, which Debian's qflow-tech-osu050 calls osu05."""
    path = Path("/usr/share/qflow/tech/osu050/osu05_stdcells.lib")
    if not path.is_file():
        pytest.skip("osu050 is not installed: apt-get install qflow-tech-osu050")
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HALO_CACHE", str(folder))
    yield folder


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the files that were really parsed."""
    paths: list[str] = []
    real = reader.read_text

    def counting(text: str, path: str) -> object:
        paths.append(path)
        return real(text, path)

    monkeypatch.setattr(reader, "read_text", counting)
    return paths
