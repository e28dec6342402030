# SPDX-License-Identifier: Apache-2.0
"""Adder cells of libraries in place of the modules full_adder and half_adder; the gates still do what the RTL does."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.flow.runs.assets import rtl_folder
from halo.liberty import read_corner
from halo.synth import check_equivalence, synthesize
from halo.synth.adders import smallest_adder


def sources() -> list[Path]:
    return sorted((rtl_folder() / "mac").glob("*.v"))


def test_the_cells_of_osu018(osu018: Path) -> None:
    cells = list(read_corner([osu018]).cells.values())
    full, half = smallest_adder(cells, 3), smallest_adder(cells, 2)
    assert full is not None and half is not None
    assert (full.cell.name, full.sum_pin, full.carry_pin) == ("FAX1", "YS", "YC")
    assert (half.cell.name, half.sum_inverted, half.carry_inverted) == ("HAX1", False, False)


def test_inverted_outputs(shared: Path) -> None:
    cells = read_corner(sorted((shared / "liberty" / "asap7").glob("*.lib.gz"))).cells.values()
    full = smallest_adder(cells, 3)
    assert full is not None and full.cell.name.startswith("FAx1") and full.sum_inverted and full.carry_inverted


def test_a_multiplier_is_smaller_and_the_same(osu018: Path, tmp_path: Path) -> None:
    parameters = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4}
    made = {
        mode: synthesize(
            sources(), "mul_csa_array", [osu018], parameters=parameters, mode=mode, workdir=tmp_path / mode
        )
        for mode in ("structural", "adders")
    }
    assert "FAX1" not in made["structural"].cell_counts and made["adders"].cell_counts["FAX1"] >= 5
    assert made["adders"].area < made["structural"].area
    same = check_equivalence(
        sources(),
        "mul_csa_array",
        made["adders"].netlist_verilog,
        [osu018],
        parameters=parameters,
        workdir=tmp_path / "equivalence",
    )
    assert same.equal


def test_a_library_without_one_is_told(osu018: Path, tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no cell for a full adder"):
        synthesize(sources(), "mul_csa_array", [osu018], mode="adders", dont_use=("FAX1",), workdir=tmp_path)
