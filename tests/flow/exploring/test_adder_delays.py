# SPDX-License-Identifier: Apache-2.0
"""Delays of adders: what gates and adder cells of one library must show."""

from __future__ import annotations

from pathlib import Path

from halo.flow.exploring.adder_delays import HALF_SUM, adder_delays


def test_a_full_adder_of_gates_takes_two_exclusive_ors(osu018: Path) -> None:
    sum_first, sum_last, carry_first, carry_last, half_sum, half_carry = adder_delays([osu018], "structural")
    assert half_sum == HALF_SUM
    # The first two inputs pass two exclusive-ors to the sum, the last one; a half adder's carry is one gate.
    assert 1.7 * half_sum < sum_first < 2.4 * half_sum and 0.7 * half_sum < sum_last < 1.2 * half_sum
    assert sum_last < carry_first < sum_first and carry_last < carry_first and half_carry < half_sum


def test_cells_favour_their_inputs_less(osu018: Path) -> None:
    gates, cells = adder_delays([osu018], "structural"), adder_delays([osu018], "adders")
    assert cells[1] / cells[0] > 0.8 > gates[1] / gates[0]


def test_a_cell_that_is_not_used_changes_them(osu018: Path) -> None:
    assert adder_delays([osu018], "structural", ["XNOR2X1"]) != adder_delays([osu018], "structural")
