# SPDX-License-Identifier: Apache-2.0
"""Layers in a row worked by hand, and the search against every possible choice."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.dvfs.cost import LayerCost, Segment
from halo.dvfs.optimise import Objective, choose
from halo.dvfs.points import Dvfs, OperatingPoint, Transition, change_ps
from halo.dvfs.sequence import run_layers
from halo.errors import HaloError

POINTS = (
    OperatingPoint("slow", 1.0, 1.0, "by hand"),
    OperatingPoint("middle", 1.1, 2.0, "by hand"),
    OperatingPoint("fast", 1.2, 4.0, "by hand"),
)


def dvfs(per_volt_ns: float, fixed_ns: float, rail_nf: float) -> Dvfs:
    return Dvfs("by hand", POINTS, Transition("x", per_volt_ns, fixed_ns, rail_nf, "by hand"), "assumed")


def cost(points: list[int], time_ps: int, energy_pj: int, static_mw: float = 0.0) -> LayerCost:
    segments = tuple(Segment(p, 0, 1, 1) for p in points)
    return LayerCost(segments, time_ps, 0, energy_pj, 0, 0, static_mw, 1, 1, 1, 1, 1.0, "compute")


def total(options: list[list[LayerCost]], choice: tuple[int, ...], at: Dvfs, counts: list[int]) -> tuple[int, int]:
    runs = run_layers([own[i] for own, i in zip(options, choice, strict=True)], at, counts)
    return sum(r.time_ps for r in runs), sum(r.energy_pj for r in runs)


def test_a_pass_by_hand() -> None:
    """20 ns/V + 10 ns and 100 nF: slow to fast 14 ns, 22 nJ; slow to middle 12 ns, 10.5 nJ; middle to fast 11.5 nJ."""
    at = dvfs(20, 10, 100)
    first = cost([0, 2], 1000, 7, static_mw=2.0)
    second = cost([1], 500, 5)
    runs = run_layers([first, second], at, [3, 2])
    # Before the first comes the second of the pass before: middle-slow, three times slow-fast, twice fast-slow.
    assert runs[0].transition_ps == 12_000 + 5 * 14_000
    assert runs[0].transition_pj == 10_500 + 5 * 22_000
    assert runs[0].time_ps == 3000 + 82_000
    assert runs[0].static_pj == 170  # 2 mW for 85 ns
    assert runs[0].energy_pj == 3 * 7 + 170 + 120_500
    assert (runs[1].transition_ps, runs[1].transition_pj) == (12_000, 11_500)
    assert (runs[1].compute_ps, runs[1].core_pj, runs[1].static_pj) == (1000, 10, 0)
    assert run_layers([first, second], at, [6, 1])[0].transition_ps == 12_000 + 11 * 14_000


def test_what_is_written_out_takes_the_same() -> None:
    """The changes in closed form equal those along the order of points, every product written out."""
    at = dvfs(20, 10, 100)
    costs, counts = [cost([0, 0, 2, 1], 1, 1), cost([2], 1, 1), cost([1, 0, 1], 1, 1)], [4, 1, 2]
    runs = run_layers(costs, at, counts)
    written_out = (c.order * count for c, count in zip(costs, counts, strict=True))
    order = [costs[-1].order[-1], *itertools.chain.from_iterable(written_out)]
    assert sum(r.transition_ps for r in runs) == change_ps(POINTS, order, at.transition)


def test_one_point_has_no_changes() -> None:
    at = Dvfs("one", POINTS[:1], Transition("x", 1, 1000, 1000, "by hand"), "assumed")
    assert run_layers([cost([0, 0], 10, 1), cost([0], 10, 1)], at, [9, 1])[0].transition_ps == 0


def test_a_switch_must_pay() -> None:
    """Fast saves 60 ns on the second layer of three; two changes cost 28 ns, or with a GPU's driver far more."""
    options = [[cost([0], 100_000, 1)], [cost([0], 80_000, 1), cost([2], 20_000, 1)], [cost([0], 100_000, 1)]]
    assert choose(options, dvfs(20, 10, 0), "time") == (0, 1, 0)
    assert choose(options, dvfs(0, 1e7, 0), "time") == (0, 0, 0)
    assert choose(options, dvfs(20, 10, 100), "energy") == (0, 0, 0)
    assert choose(options, dvfs(0, 30, 0), "time") == (0, 0, 0)  # 60 ns for 60 ns: equal time, less is not to be had
    # Two such layers in a row share the changes.
    options.insert(1, options[1])
    assert choose(options, dvfs(0, 50, 0), "time") == (0, 1, 1, 0)


def test_the_change_back_to_the_next_pass_counts() -> None:
    """Ending fast would save 15 ns, but the next pass begins slow."""
    options = [[cost([0], 10_000, 1)], [cost([0], 20_000, 1), cost([2], 5_000, 1)]]
    assert choose(options, dvfs(0, 10, 0), "time") == (0, 0)
    assert choose(options, dvfs(0, 7, 0), "time") == (0, 1)


def test_the_product_is_not_found_layer_by_layer() -> None:
    """The second way has the smaller product in each layer, but with both the first layer takes too long."""
    options = [[cost([0], 10, 100), cost([0], 200, 4)], [cost([0], 10, 1000), cost([0], 11, 10)]]
    free = dvfs(0, 0, 0)
    assert [total(options, c, free, [1, 1]) for c in ((0, 1), (1, 1))] == [(21, 110), (211, 14)]  # 2310 and 2954
    assert choose(options, free, "edp") == (0, 1)
    assert choose(options, free, "time") == (0, 0)
    assert choose(options, free, "energy") == (1, 1)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[LayerCost]], Dvfs, list[int]]:
    whole = st.integers(1, 60_000)
    option = st.builds(
        cost,
        st.lists(st.integers(0, 2), min_size=1, max_size=3),
        whole,
        whole,
        static_mw=st.sampled_from([0.0, 3.0, 400.0]),
    )
    options = draw(st.lists(st.lists(option, min_size=1, max_size=3), min_size=1, max_size=5))
    change = [draw(st.sampled_from(values)) for values in ([0, 20, 100], [0, 10, 300], [0, 100])]
    return options, dvfs(*change), [draw(st.integers(1, 3)) for _ in options]


@settings(max_examples=120, deadline=None)
@given(cases(), st.sampled_from(["time", "energy", "edp"]))
def test_the_search_equals_trying_every_choice(
    case: tuple[list[list[LayerCost]], Dvfs, list[int]], objective: Objective
) -> None:
    options, at, counts = case

    def value(choice: tuple[int, ...]) -> tuple[int, ...]:
        time_ps, energy_pj = total(options, choice, at, counts)
        return {"time": (time_ps, energy_pj), "energy": (energy_pj, time_ps), "edp": (time_ps * energy_pj,)}[objective]

    found = choose(options, at, objective, counts)
    assert value(found) == min(value(c) for c in itertools.product(*(range(len(own)) for own in options)))


@pytest.mark.parametrize("seed", range(12))
def test_the_least_product_of_many_layers(seed: int) -> None:
    """Nine layers with three ways each, along a curve: the hull has many corners, of which most are left out."""
    generator = np.random.default_rng(seed)
    time_ps = generator.integers(10, 10_000, (9, 3))
    energy_pj = (10_000_000 * generator.uniform(0.5, 2.0, (9, 3)) / time_ps).astype(np.int64)
    options = [[cost([0], int(time_ps[i, j]), int(energy_pj[i, j])) for j in range(3)] for i in range(9)]
    times, energies = (sum(np.ix_(*values)) for values in (time_ps, energy_pj))
    found = total(options, choose(options, dvfs(0, 0, 0), "edp"), dvfs(0, 0, 0), [1] * 9)
    assert found[0] * found[1] == (times * energies).min()


def test_bad_questions() -> None:
    assert choose([], dvfs(0, 0, 0), "edp") == ()
    with pytest.raises(HaloError, match="no way to run"):
        choose([[cost([0], 1, 1)], []], dvfs(0, 0, 0), "time")
    with pytest.raises(HaloError, match="objective 'power' is unknown"):
        choose([[cost([0], 1, 1)]], dvfs(0, 0, 0), "power")  # type: ignore[arg-type]
