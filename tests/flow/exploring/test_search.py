# SPDX-License-Identifier: Apache-2.0
"""The order in which structures are tried: the first, then better ones; the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from halo.flow.exploring import search as module
from halo.flow.exploring.search import Objectives, search
from halo.flow.exploring.space import Space, Structure, first

pytestmark = pytest.mark.usefixtures("few_seeds")
SPACE = Space(4)


def made_up(one: Structure) -> Objectives:
    """A stand-in for measuring: best where the pipeline is deep and the class counts, at the price of energy."""
    throughput = 10.0 + 5 * one.pipeline + one.seed / 50 + one.class_share / 4
    return throughput, throughput, 100.0 + 20 * one.pipeline + (one.synth == "flat"), 90.0 + one.array


def tried(budget: int, seed: int, refuse: int | None = None) -> list[Structure]:
    asked: list[Structure] = []

    def evaluate(some: Sequence[Structure]) -> list[Objectives | None]:
        asked.extend(some)
        return [None if one.pipeline == refuse else made_up(one) for one in some]

    search(budget, SPACE, seed, evaluate)
    return asked


def test_the_first_ones_come_first_and_the_budget_is_kept() -> None:
    begun = first(SPACE)
    assert tried(10, 1) == begun[:10]
    found = tried(len(begun) + 50, 1)
    assert found[: len(begun)] == begun and len(found) == len(set(found)) == len(begun) + 50


def test_the_same_seed_the_same_search() -> None:
    assert tried(90, 3) == tried(90, 3)
    assert tried(90, 3) != tried(90, 4)


def test_the_search_finds_better_ones_than_it_begins_with() -> None:
    found = tried(400, 1)
    begun = max(made_up(one)[0] for one in found[: len(first(SPACE))])
    early = [made_up(one)[0] for one in found[len(first(SPACE)) : len(first(SPACE)) + 60]]
    late = [made_up(one)[0] for one in found[-60:]]
    assert max(made_up(one)[0] for one in found) > begun
    assert sum(late) / len(late) > sum(early) / len(early) + 3  # it learns


def test_a_candidate_that_does_not_count_is_not_followed() -> None:
    found = tried(260, 1, refuse=3)
    late = found[-60:]
    assert sum(one.pipeline == 3 for one in late) < 10


def test_all_are_tried_where_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [Structure(seed=seed) for seed in range(7)]
    monkeypatch.setattr(module, "fits", lambda space, budget: budget >= len(few))
    monkeypatch.setattr(module, "everything", lambda space: iter(few))
    monkeypatch.setattr(module, "first", lambda space: few[2:4])
    assert tried(7, 1) == [few[2], few[3], few[0], few[1], *few[4:]]
