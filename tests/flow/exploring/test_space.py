# SPDX-License-Identifier: Apache-2.0
"""Structures: each once, none that the RTL refuses, and names that tell them apart."""

from __future__ import annotations

from dataclasses import replace

from halo.flow.exploring.space import CHOICES, Structure, everything, first, size, structure


def test_no_structure_twice_and_none_that_the_rtl_refuses() -> None:
    every = list(everything(4))
    assert len(every) == len(set(every)) == size(4)
    assert len({one.name for one in every}) == len(every)
    for one in every:
        assert one == one.normal()
        assert not (one.recoded and one.multiplier != "booth_r4")
        assert not (one.correction and not one.carry_save and one.pipeline % 2)
        assert bool(one.class_share) == bool(one.class_zeros)


def test_the_first_ones_are_different_and_of_each_kind() -> None:
    begun = first(4)
    assert len(begun) == len(set(begun)) == len({one.name for one in begun}) and 30 <= len(begun) <= 60
    assert {one.weight_width for one in begun} == {4, 8}
    assert {one.multiplier for one in begun} >= {"csa_array", "booth_r4", "baugh_wooley", "behavioural"}
    assert any(one.class_share for one in begun) and not any(one.class_share for one in first(0))


def test_parameters_are_those_of_the_element() -> None:
    one = structure({name: own[0] for name, own in CHOICES.items()}, 4)
    assert one == Structure() and one.name == "booth_r4-cs-p0"
    assert one.parameters["MULTIPLIER"] == "booth_r4" and "SYNTH" not in one.parameters
    assert replace(one, class_share=30).normal() == one  # no class without zeros


def test_families_outside_the_tree_take_no_parameters_of_it() -> None:
    odd = Structure(multiplier="csa_array", pipeline=3, carry_save=0, recoded=1, array=8, class_share=50, seed=9)
    assert odd.normal() == Structure(multiplier="csa_array", pipeline=1, carry_save=0, correction=0)
