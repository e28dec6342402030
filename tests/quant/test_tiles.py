# SPDX-License-Identifier: Apache-2.0
"""The choice of tiles beside every choice there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.quant.tiles import pareto_front, share_count, tile_means


def test_means_are_over_tiles_without_what_is_apart() -> None:
    rng = np.random.default_rng(1)
    values = rng.random((10, 23), dtype=np.float32)
    apart = (rng.random(values.shape) < 0.2).astype(np.uint8)
    means = tile_means(values, apart, 4, 2)
    assert means.shape == (3, 6)
    for i, j in itertools.product(range(3), range(6)):
        part = np.where(apart, 0, values)[4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
        assert means[i, j] == pytest.approx(part.mean())


@pytest.mark.parametrize(("share", "count"), [(0.1, 1), (0.5, 1), (0.51, 2), (0.8, 2), (0.95, 4), (1.0, 4)])
def test_the_fewest_tiles_that_carry_a_share(share: float, count: int) -> None:
    assert share_count(np.array([[10.0, 30], [50, 10]]), share) == count
    assert share_count(np.zeros((2, 2)), share) == 0


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**30), st.integers(1, 5), st.integers(1, 4))
def test_every_step_of_the_front_is_the_least_error_at_its_period(seed: int, tiles: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    error = np.sort(rng.random((classes, tiles)), axis=0)
    period = np.sort(rng.random(classes) + 0.1)[::-1]
    moves = pareto_front(error, period)
    every = [
        (np.mean(period[list(c)]), sum(error[k, t] for t, k in enumerate(c)))
        for c in itertools.product(range(classes), repeat=tiles)
    ]
    for k in range(len(moves.tiles) + 1):
        chosen = moves.classes(k, (tiles,))
        assert moves.period[k] == pytest.approx(np.mean(period[chosen]))
        assert moves.error[k] == pytest.approx(error[chosen, np.arange(tiles)].sum())
        assert moves.error[k] <= min(e for p, e in every if p <= moves.period[k] * (1 + 1e-12)) + 1e-9
    assert (moves.classes(len(moves.tiles), (tiles,)) == classes - 1).all()


def test_an_order_is_kept_and_the_knee_is_the_corner() -> None:
    error = np.array([[0.0, 0, 0, 0], [1.0, 1, 10, 10]])
    period = np.array([2.0, 1.0])
    moves = pareto_front(error, period)
    assert moves.knee() == 2
    assert moves.classes(2, (2, 2)).tolist() == [[1, 1], [0, 0]]
    ordered = pareto_front(error, period, np.array([4.0, 3, 2, 1]))
    assert ordered.tiles.tolist() == [3, 2, 1, 0]
    assert pareto_front(error[:, :2] * 0, period).knee() == 2  # nothing lost: all fast
    assert pareto_front(error[:1], period[:1]).knee() == 0
