# SPDX-License-Identifier: Apache-2.0
"""Which way to run each layer: dynamic programming over the layers, with the operating point in between as state.

What a layer costs depends on the layers before it only through the operating point at which they end. So among all
choices for the first layers that end at one point, only the best can be part of the best whole; and as a pass begins
where the one before ended, the search is made once for every such point.

Time and energy are sums, their product is not. But the choice with the least product is also the one with the least
``x time + y energy`` for some x, y > 0: the curve of constant product through it is strictly convex and no choice lies
below it, so its tangent has every other choice above. Such choices are the corners of the convex hull of all
(time, energy) on the side of the origin. They are found exactly, each by one search with whole weights x and y: between
two known corners, weights that make both cost the same lead to a third one, or prove that there is none. Stretches in
which no product can be smaller than the best one known are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from halo.dvfs.cost import LayerCost
from halo.dvfs.points import Dvfs
from halo.dvfs.sequence import run_layer
from halo.errors import HaloError

Objective = Literal["time", "energy", "edp"]


@dataclass(frozen=True)
class _Way:
    """One option of a layer, coming from each operating point."""

    index: int
    end: int
    time_ps: tuple[int, ...]
    energy_pj: tuple[int, ...]


@dataclass(frozen=True)
class _Choice:
    """Options of the layers so far, the last one first, and their sums."""

    cost: tuple[int, int]
    time_ps: int
    energy_pj: int
    index: int
    before: _Choice | None


def choose(
    options: Sequence[Sequence[LayerCost]],
    dvfs: Dvfs,
    objective: Objective,
    counts: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """The option of each layer with which a pass takes least.

    Args:
        options: ways to run each layer, at least one.
        dvfs: the operating points.
        objective: ``time``, ``energy`` or ``edp``, the product of the two over the whole pass. Of equal times the one
            with less energy is taken, and the other way round.
        counts: equal products of each layer; None: one.

    Returns:
        One index into the options of each layer; changes and waiting are counted as ``run_layers`` does.

    Raises:
        HaloError: a layer without an option, or another objective.
    """
    if objective not in ("time", "energy", "edp"):
        raise HaloError(f"objective {objective!r} is unknown", "Give one of: time, energy, edp.")
    if not options:
        return ()
    if not all(options):
        raise HaloError("a layer has no way to run", "Give at least one option for each layer.")
    times = [1] * len(options) if counts is None else counts
    layers = [_ways(own, dvfs, count) for own, count in zip(options, times, strict=True)]
    if objective == "time":
        return _indices(_least(layers, 1, 0))
    if objective == "energy":
        return _indices(_least(layers, 0, 1))
    return _indices(_least_product(layers))


def _ways(options: Sequence[LayerCost], dvfs: Dvfs, count: int) -> list[_Way]:
    ways = []
    for index, cost in enumerate(options):
        runs = [run_layer(cost, before, dvfs, count) for before in range(len(dvfs.points))]
        end = cost.segments[-1].point
        ways.append(_Way(index, end, tuple(r.time_ps for r in runs), tuple(r.energy_pj for r in runs)))
    return ways


def _least_product(layers: Sequence[Sequence[_Way]]) -> _Choice:
    """The choice with the least product of time and energy: a corner of the convex hull that faces the origin.

    A search with weights x and y finds the least ``x time + y energy`` of all, a line that no choice lies below. On the
    part of it between two corners the product is concave, so it is least at an end: a bound for the choices above it.
    """
    fastest, thriftiest = _least(layers, 1, 0), _least(layers, 0, 1)
    best = min(fastest, thriftiest, key=_product)
    pairs = [(fastest, thriftiest, 0, 1)]  # and a bound on the products between them, as numerator and denominator
    while pairs:
        left, right, numerator, denominator = pairs.pop()
        x, y = left.energy_pj - right.energy_pj, right.time_ps - left.time_ps
        if x <= 0 or y <= 0 or numerator >= _product(best) * denominator:
            continue
        middle = _least(layers, x, y)
        line = middle.cost[0]
        if line < x * left.time_ps + y * left.energy_pj:
            best = min(best, middle, key=_product)
            pairs.append((left, middle, left.time_ps * (line - x * left.time_ps), y))
            pairs.append((middle, right, right.energy_pj * (line - y * right.energy_pj), x))
    return best


def _product(choice: _Choice) -> int:
    return choice.time_ps * choice.energy_pj


def _least(layers: Sequence[Sequence[_Way]], x: int, y: int) -> _Choice:
    """The choice with the least x time + y energy; of equal ones that with the least time + energy."""
    best: _Choice | None = None
    for start in sorted({way.end for way in layers[-1]}):
        reached: dict[int, _Choice] = {start: _Choice((0, 0), 0, 0, -1, None)}
        for ways in layers:
            ahead: dict[int, _Choice] = {}
            for before, choice in reached.items():
                for way in ways:
                    time_ps = choice.time_ps + way.time_ps[before]
                    energy_pj = choice.energy_pj + way.energy_pj[before]
                    cost = (x * time_ps + y * energy_pj, time_ps + energy_pj)
                    if way.end not in ahead or cost < ahead[way.end].cost:
                        ahead[way.end] = _Choice(cost, time_ps, energy_pj, way.index, choice)
            reached = ahead
        if best is None or reached[start].cost < best.cost:
            best = reached[start]
    assert best is not None
    return best


def _indices(choice: _Choice) -> tuple[int, ...]:
    found = []
    while choice.before is not None:
        found.append(choice.index)
        choice = choice.before
    return tuple(reversed(found))
