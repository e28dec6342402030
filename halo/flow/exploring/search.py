# SPDX-License-Identifier: Apache-2.0
"""Which structures are tried, in which order: the first ones, then what NSGA-II (Optuna) makes of the best of them.

Where all there are fit the budget, all are tried. The order of answers does not matter, so a search is the same with
any number of workers.

Tests: tests/flow/exploring/test_search.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from halo.errors import HaloError
from halo.flow.exploring.space import CHOICES, Space, Structure, everything, first, fits, ordered, structure

GENERATION = 20
BARREN = 10
"""Generations without a structure that is new, after which a search ends."""
WORST = (0.0, 0.0, 1e18, 1e18)
"""Objectives of what does not count."""
DIRECTIONS: tuple[Literal["maximize", "minimize"], ...] = ("maximize", "maximize", "minimize", "minimize")

Objectives = tuple[float, float, float, float]
"""MAC/s per um2 for all weights and for the class, energy for all and for the class."""


def search(
    budget: int,
    space: Space,
    seed: int,
    evaluate: Callable[[Sequence[Structure]], Sequence[Objectives | None]],
) -> None:
    """Try structures until the budget is spent.

    Args:
        budget: number of structures to try.
        space: what structures there are.
        seed: of the sampler.
        evaluate: gives the objectives of some structures, each new; None: it does not count.

    Raises:
        HaloError: Optuna is needed and not installed.
    """
    begun = first(space)[:budget]
    if fits(space, budget):
        evaluate(list(dict.fromkeys([*begun, *everything(space)])))
        return
    if budget <= len(begun):
        evaluate(begun)
        return
    known: dict[Structure, Objectives] = {}

    def learn(structures: Sequence[Structure]) -> None:
        fresh = [one for one in dict.fromkeys(structures) if one not in known][: budget - len(known)]
        for one, found in zip(fresh, evaluate(fresh) if fresh else (), strict=True):
            known[one] = WORST if found is None else found

    study, distributions = _study(seed)
    learn(begun)
    for one in begun:
        values = _values(one, space)
        if structure(values, space) == one:  # the sampler knows its parameters
            study.enqueue_trial(values)
            study.tell(study.ask(distributions), known[one])
    barren = 0
    while len(known) < budget and barren < BARREN:
        trials = [study.ask(distributions) for _ in range(GENERATION)]
        asked = [structure(dict(trial.params), space) for trial in trials]
        before = len(known)
        learn(asked)
        barren = 0 if len(known) > before else barren + 1
        for trial, one in zip(trials, asked, strict=True):
            study.tell(trial, known.get(one, WORST))


def _values(one: Structure, space: Space) -> dict[str, Any]:
    """Values of ``CHOICES`` that stand for a structure, as near as they come."""
    values = {name: getattr(one, name, None) for name in CHOICES}
    values = {name: values[name] if values[name] in own else own[0] for name, own in CHOICES.items()}
    plain = replace(one, class_zeros=0, class_share=0, seed=0)
    same = ordered(plain, space)
    return {**values, "order": same.index(one) if one in same else 0}


def _study(seed: int) -> tuple[Any, dict[str, Any]]:
    try:
        import optuna
    except ModuleNotFoundError:
        raise HaloError(
            "a search beyond the first structures needs Optuna, which is not installed",
            "Run: pip install optuna; or give a smaller --budget, such as --budget 30.",
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.NSGAIISampler(population_size=GENERATION, seed=seed)
    study = optuna.create_study(directions=[*DIRECTIONS], sampler=sampler)
    return study, {name: optuna.distributions.CategoricalDistribution(own) for name, own in CHOICES.items()}
