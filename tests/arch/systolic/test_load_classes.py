# SPDX-License-Identifier: Apache-2.0
"""Classes of loads: against one weight after the other, and shares that are dealt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.arch.systolic.load_classes import classify, largest_remainder
from halo.arch.weights import LayerWeights, TileClass
from halo.errors import HaloError

CLASSES = tuple(TileClass(name, (0,), (0,), (1.0,)) for name in ("slow", "middle", "fast"))


def tiled(tile: int, tile_class: np.ndarray) -> LayerWeights:
    return LayerWeights(CLASSES, (0.2, 0.3, 0.5), tile, tile_class.astype(np.uint8), 4.0, 0.0, "int8")


def shared(*share: float) -> LayerWeights:
    return LayerWeights(CLASSES, share, None, None, 4.0, 0.0, "int8")


@settings(max_examples=40, deadline=None)
@given(*[st.integers(1, 30)] * 2, *[st.integers(1, 12)] * 3, st.integers(0, 2**32 - 1))
def test_a_load_is_as_slow_as_its_slowest_weight(k: int, n: int, tile: int, rows: int, columns: int, seed: int) -> None:
    kinds = np.random.default_rng(seed).integers(0, 3, (-(-k // tile), -(-n // tile)))
    loads = classify(tiled(tile, kinds), k, n, rows, columns)
    own = np.repeat(np.repeat(kinds, tile, axis=0), tile, axis=1)[:k, :n]
    weights = np.zeros((3, 3), int)
    for i, j in np.ndindex(loads.classes.shape):
        part = own[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
        assert loads.classes[i, j] == part.min()
        weights[part.min()] += np.bincount(part.ravel(), minlength=3)
    assert (loads.weights == weights).all() and weights.sum() == k * n


def test_shares_are_dealt_by_largest_remainder_and_spread_over_the_columns() -> None:
    assert largest_remainder((0.1, 0.3, 0.6), 10) == [1, 3, 6]
    assert largest_remainder((0.25, 0.25, 0.5), 2) == [1, 0, 1]  # remainders 0.5, 0.5, 0: the slower class first
    loads = classify(shared(0.1, 0.15, 0.75), 320, 640, 16, 16)
    counts = np.array([(loads.classes == c).sum(axis=0) for c in range(3)])
    assert counts.sum(axis=1).tolist() == [80, 120, 600]
    assert (np.ptp(counts, axis=1) <= 1).all()
    assert np.diag(loads.weights).tolist() == [80 * 256, 120 * 256, 600 * 256]
    assert loads.weights.sum() == 320 * 640


def test_padding_is_no_weight() -> None:
    loads = classify(shared(0, 0, 1), 17, 5, 16, 4)
    assert loads.classes.shape == (2, 2) and loads.weights.sum() == 17 * 5


@pytest.mark.parametrize(
    ("weights", "what"),
    [
        (tiled(4, np.zeros((2, 2))), "2 x 2 tiles of 4 for a layer of 9 x 8 weights"),
        (tiled(4, np.full((3, 2), 3)), "a tile of class 3"),
        (shared(0.5, 0.5, 0.5), "shares"),
        (shared(0.5, 0.5), "shares"),
        (shared(-0.5, 0.5, 1.0), "shares"),
    ],
)
def test_bad_classes(weights: LayerWeights, what: str) -> None:
    with pytest.raises(HaloError, match=what):
        classify(weights, 9, 8, 4, 4)
