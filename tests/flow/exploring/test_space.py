# SPDX-License-Identifier: Apache-2.0
"""Structures: each once, none that the RTL refuses, and names that tell them apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halo.flow.exploring.space import CHOICES, Space, Structure, everything, first, fits, ordered, structure

pytestmark = pytest.mark.usefixtures("few_seeds")


def test_no_structure_twice_and_none_that_the_rtl_refuses() -> None:
    every = list(everything(Space(4)))
    assert len(every) == len(set(every))
    assert fits(Space(4), len(every)) and not fits(Space(4), len(every) - 1)
    assert len({one.name for one in every}) == len(every)
    for one in every:
        assert one == one.normal()
        assert not (one.recoded and one.multiplier != "booth_r4")
        assert not (one.correction and not one.carry_save and one.pipeline % 2)
        assert bool(one.class_share) == bool(one.class_zeros)
        assert one.lanes == 1 or (one.multiplier, one.weight_width, one.class_share) == ("booth_r4", 8, 0)


def test_the_first_ones_are_different_and_of_each_kind() -> None:
    begun = first(Space(4))
    assert len(begun) == len(set(begun)) == len({one.name for one in begun}) and 30 <= len(begun) <= 80
    assert {one.weight_width for one in begun} == {4, 8} and {one.lanes for one in begun} == {1, 2}
    assert {one.multiplier for one in begun} >= {"csa_array", "booth_r4", "baugh_wooley", "behavioural"}
    assert any(one.class_share for one in begun) and not any(one.class_share for one in first(Space(0)))


def test_parameters_are_those_of_the_element() -> None:
    one = structure({name: own[0] for name, own in CHOICES.items()}, Space(0))
    plain = Structure()
    assert replace(one, seed=0) == plain and plain.name == "booth_r4-cs-p0"
    assert one.parameters["MULTIPLIER"] == "booth_r4" and "SYNTH" not in one.parameters
    assert replace(plain, class_share=30).normal() == plain  # no class without zeros


def test_orders_belong_to_a_structure_and_its_class() -> None:
    with_class, without = ordered(Structure(pipeline=1), Space(4)), ordered(Structure(pipeline=1), Space(0))
    assert len(with_class) == len(without) == len(CHOICES["order"])
    assert any(one.class_share for one in with_class) and not any(one.class_share for one in without)
    assert {replace(one, class_zeros=0, class_share=0, seed=0) for one in with_class} == {Structure(pipeline=1)}
    array = Structure(multiplier="csa_array", carry_save=0, correction=0)
    assert set(ordered(array, Space(4))) == {array}


def test_pairs_are_an_element_of_their_own() -> None:
    one = Structure(lanes=2, recoded=1, class_zeros=4, class_share=30).normal()
    assert (one.element, one.name) == ("pair_element", "booth_r4-pairs-cs-p0-digits")
    assert set(one.parameters) == {
        *("WEIGHT_WIDTH", "PIPELINE", "CARRY_SAVE", "RECODED", "CORRECTION", "ARRAY", "SEED")
    }
    assert replace(one, weight_width=4).normal().lanes == replace(one, multiplier="baugh_wooley").normal().lanes == 1


def test_families_outside_the_tree_take_no_parameters_of_it() -> None:
    odd = Structure(multiplier="csa_array", pipeline=3, carry_save=0, recoded=1, array=8, class_share=50, seed=9)
    assert odd.normal() == Structure(multiplier="csa_array", pipeline=1, carry_save=0, correction=0)
