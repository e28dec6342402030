# SPDX-License-Identifier: Apache-2.0
"""Verilog of the user's between the registers of ``mac_element``."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.flow.exploring.candidate import Candidate, Conditions
from halo.flow.exploring.evaluation import evaluate
from halo.flow.exploring.placing import variants
from halo.flow.exploring.space import Structure

MULTIPLIER = """module mine (input signed [7:0] w, input signed [7:0] x, output signed [15:0] p);
    assign p = w * x;
endmodule
"""
ROLES = (("weight", "w"), ("activation", "x"), ("output", "p"))


def candidate(path: Path, text: str, carry_save: int = 0, pipeline: int = 0) -> Candidate:
    path.write_text(text, encoding="utf-8")
    structure = Structure(multiplier="external", correction=0, carry_save=carry_save, pipeline=pipeline)
    return Candidate(name=path.stem, structure=structure, file=str(path), roles=ROLES)


def test_what_may_stand_around(tmp_path: Path) -> None:
    assert variants(candidate(tmp_path / "mine.v", MULTIPLIER)) == [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.slow
def test_a_multiplier_with_two_words_and_a_register(osu018: Path, tmp_path: Path) -> None:
    conditions = Conditions(liberty=(str(osu018),), class_weights=(0, 64), samples=16)
    one = candidate(tmp_path / "mine.v", MULTIPLIER, carry_save=1, pipeline=1)
    found = evaluate(one, conditions)
    assert found.reason == "" and found.function == "psum + weight * activation" and found.clocks == 3
    assert found.registers is not None and found.registers >= 48 + 16 + 16


@pytest.mark.slow
def test_a_multiplier_that_is_wrong_does_not_count(osu018: Path, tmp_path: Path) -> None:
    conditions = Conditions(liberty=(str(osu018),), class_weights=(0, 64), samples=16)
    wrong = MULTIPLIER.replace("w * x", "w * x + {15'd0, w[0] & x[0] & x[7]}")
    found = evaluate(candidate(tmp_path / "mine.v", wrong), conditions)
    assert "does not compute psum + weight * activation: with weight" in found.reason
    assert found.area is not None and found.proven == "" and found.period_all_ps is None


def test_an_unsigned_operand_is_said(osu018: Path, tmp_path: Path) -> None:
    conditions = Conditions(liberty=(str(osu018),), class_weights=(0, 64))
    found = evaluate(
        candidate(tmp_path / "mine.v", MULTIPLIER.replace("input signed [7:0] w", "input [7:0] w")), conditions
    )
    assert "weight of module mine is not declared signed" in found.reason


def test_a_file_that_is_no_verilog(tmp_path: Path) -> None:
    with pytest.raises(HaloError):
        variants(candidate(tmp_path / "mine.v", "this is no Verilog"))
