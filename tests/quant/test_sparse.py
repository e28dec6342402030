# SPDX-License-Identifier: Apache-2.0
"""Salient weights and outliers beside a full sort and the definition, and the bytes they are kept in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.quant.sparse import gather, mark_outliers, mark_salient, moments


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 2**30),
    st.integers(1, 150),
    st.integers(1, 9),
    st.integers(0, 40),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
def test_selection_takes_what_a_sort_would(
    seed: int, rows: int, columns: int, count: int, kinds: int, few: bool, magnitude: bool
) -> None:
    rng = np.random.default_rng(seed)
    fisher = rng.random((rows, columns), dtype=np.float32) ** 8
    if few:  # many ties, zeros among them
        fisher = rng.integers(0, kinds + 1, fisher.shape).astype(np.float32)
        fisher[0, 0] = 1
    before = (rng.random(fisher.shape) < 0.2).astype(np.uint8)
    apart = before.copy()
    if magnitude:
        ranked = fisher * rng.choice(np.array([-1, 1], np.float32), fisher.shape)
        mark_salient(ranked, count, apart, name="x", threads=2, magnitude=True)
    else:
        mark_salient(fisher, count, apart, name="x", threads=2)
    value = np.where(before, 0, fisher).ravel()
    order = np.argsort(-value, kind="stable")[:count]
    want = before.ravel().copy()
    want[order[value[order] > 0]] = 1
    np.testing.assert_array_equal(apart.ravel(), want)


@pytest.mark.parametrize("scope", ["layer", "channel"])
def test_outliers_are_beyond_their_sigmas(scope: str) -> None:
    rng = np.random.default_rng(2)
    weight = (rng.standard_t(3, (300, 70)) * rng.uniform(0.5, 2, (300, 1)) + 0.3).astype(np.float32)
    apart = np.zeros(weight.shape, np.uint8)
    mark_outliers(weight, moments(weight, "x", 2), 3.0, scope, apart, 2)  # type: ignore[arg-type]
    axis = None if scope == "layer" else 1
    wide = weight.astype(np.float64)
    want = np.abs(wide - wide.mean(axis, keepdims=True)) > 3 * wide.std(axis, keepdims=True)
    np.testing.assert_array_equal(apart != 0, want)
    assert want.sum() > 100


def test_sparse_weights_are_int8_of_their_channel() -> None:
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(50, 60)).astype(np.float32)
    apart = (rng.random(weight.shape) < 0.05).astype(np.uint8)
    apart[7] = 0
    sparse = gather(weight, apart)
    made = np.zeros(weight.shape, np.float32)
    made[sparse.rows, sparse.columns] = sparse.values
    np.testing.assert_array_equal(made != 0, (apart != 0) & (np.abs(made) > 0))
    assert len(sparse.codes) == apart.sum() and sparse.scale[7] == 1
    for r in range(50):
        kept = weight[r][apart[r] != 0]
        if len(kept):
            assert np.abs(sparse.codes[sparse.indptr[r] : sparse.indptr[r + 1]]).max() == 127
            assert np.abs(made[r] - weight[r])[apart[r] != 0].max() <= 0.5001 * np.abs(kept).max() / 127


def test_numbers_that_are_none_are_found() -> None:
    weight = np.zeros((100, 5), np.float32)
    for bad in (np.nan, np.inf):
        weight[77, 3] = bad
        with pytest.raises(HaloError, match=f"layer 'fc1': the weight at row 77, column 3 is {bad}"):
            moments(weight, "fc1", 1)
    fisher = np.ones((100, 5), np.float32)
    apart = np.zeros(fisher.shape, np.uint8)
    for bad in (np.nan, -1.0, np.inf):
        fisher[70, 1] = bad
        with pytest.raises(HaloError, match="the Fisher value at row 70, column 1"):
            mark_salient(fisher, 3, apart, name="fc1", threads=1)
    with pytest.raises(HaloError, match="all Fisher values are zero"):
        mark_salient(np.zeros_like(fisher), 3, apart, name="fc1", threads=1)
    mark_salient(np.zeros_like(fisher), 3, apart, name="fc1", threads=1, magnitude=True)
    assert not apart.any()
