# SPDX-License-Identifier: Apache-2.0
"""SqueezeLLM: exact k-means against every partition there is, and the sparse part counted."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.quant.kmeans_kernel import cluster_rows
from halo.quant.layer import QuantizedLayer
from halo.quant.options import SqueezeOptions
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.squeezellm import dequantized_float, squeezellm


def objective(values: np.ndarray, mass: np.ndarray, centroids: np.ndarray) -> float:
    return float((mass * np.square(values[:, None] - centroids).min(axis=1)).sum())


def best_partition(values: np.ndarray, mass: np.ndarray, clusters: int) -> float:
    """Least objective over every way to cut the sorted values into ranges."""
    best = np.inf
    for cuts in combinations(range(1, len(values)), clusters - 1):
        total = 0.0
        for part in np.split(np.arange(len(values)), cuts):
            if mass[part].sum() > 0:
                mean = np.average(values[part], weights=mass[part])
                total += float((mass[part] * np.square(values[part] - mean)).sum())
        best = min(best, total)
    return best


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 9), clusters=st.integers(1, 4), zeros=st.booleans())
def test_no_partition_is_better(seed: int, n: int, clusters: int, zeros: bool) -> None:
    rng = np.random.default_rng(seed)
    values = np.sort(np.round(rng.normal(size=(1, n)), 1), axis=1)
    mass = rng.exponential(size=(1, n))
    if zeros:
        mass[:, rng.random(n) < 0.4] = 0
    if not mass.any():
        mass[:] = 1
    centroids = np.empty((1, clusters))
    cluster_rows(values, mass, centroids)
    assert (np.diff(centroids) >= 0).all()
    expected = best_partition(values[0], mass[0], min(clusters, n))
    assert objective(values[0], mass[0], centroids[0]) == pytest.approx(expected, abs=1e-9)


def test_it_is_no_worse_than_lloyd_with_many_starts() -> None:
    cluster = pytest.importorskip("sklearn.cluster", reason="scikit-learn comes with halo-mac[torch]")
    rng = np.random.default_rng(2)
    values, mass = np.sort(rng.standard_t(4, size=(1, 600)), axis=1), rng.exponential(size=(1, 600))
    centroids = np.empty((1, 16))
    cluster_rows(values, mass, centroids)
    lloyd = cluster.KMeans(16, n_init=10, random_state=0).fit(values.T, sample_weight=mass[0])
    assert objective(values[0], mass[0], centroids[0]) <= lloyd.inertia_ * (1 + 1e-9)
    assert objective(values[0], mass[0], centroids[0]) > 0.9 * lloyd.inertia_


def case(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weight = rng.standard_t(5, size=(40, 100)).astype(np.float32)
    return weight, rng.exponential(size=(40, 100)).astype(np.float32) ** 2


def test_the_sparse_part_holds_the_sensitive_and_the_large() -> None:
    weight, fisher = case()
    layer = squeezellm(weight, fisher, SqueezeOptions(4, sensitive=0.001, outliers=0.004))
    layer.check()
    assert layer.sparse is not None and len(layer.sparse.codes) == 20
    apart = np.zeros(weight.shape, dtype=bool)
    apart[layer.sparse.rows, layer.sparse.columns] = True
    sensitive = fisher >= np.sort(fisher.ravel())[-4]
    assert apart[sensitive].all()
    rest = np.where(sensitive, 0, np.abs(weight))
    assert (apart == (sensitive | (rest >= np.sort(rest.ravel())[-16]))).all()
    np.testing.assert_allclose(layer.dequantize()[apart], weight[apart], atol=np.abs(weight).max() / 254 + 1e-6)


@pytest.mark.parametrize("bits", [3, 4])
def test_the_fisher_error_is_below_that_of_a_uniform_grid(bits: int) -> None:
    weight, fisher = case(bits)
    layer = squeezellm(weight, fisher, SqueezeOptions(bits))
    assert layer.fisher_error(weight, fisher) < 0.5 * rtn(weight, UniformFormat(bits)).fisher_error(weight, fisher)


def test_int8_centroids_are_at_most_half_a_step_from_those_found() -> None:
    weight, fisher = case(3)
    options = SqueezeOptions(3)
    layer, plain = squeezellm(weight, fisher, options), dequantized_float(weight, fisher, options)
    assert (
        np.abs(layer.dequantize() - plain).max(axis=1) <= 0.51 * np.maximum(layer.scale[:, 0], sparse_scale(layer))
    ).all()
    assert all(len(set(row.tolist()) - {0}) <= 8 for row in layer.codes), "eight centroids and the sparse zero"
    assert np.square(plain - weight).sum() / weight.size == pytest.approx(
        layer.details["mse_float_centroids"], rel=1e-4
    )


def test_the_tables_count_as_bits() -> None:
    weight, fisher = case(6)
    layer = squeezellm(weight, fisher, SqueezeOptions(4, sensitive=0, outliers=0))
    assert layer.sparse is None and layer.true_bits() == pytest.approx(4 + (16 * 8 + 32) / 100)


def sparse_scale(layer: QuantizedLayer) -> np.ndarray:
    return np.asarray(layer.sparse.scale)


def test_the_result_does_not_depend_on_threads_or_on_the_size_of_gradients() -> None:
    weight, fisher = case(4)
    one = squeezellm(weight, fisher, SqueezeOptions(4), threads=1)
    two = squeezellm(weight, fisher, SqueezeOptions(4), threads=3)
    tiny = squeezellm(weight, (fisher * np.float32(2**-100)), SqueezeOptions(4), threads=1)
    assert one.codes.tobytes() == two.codes.tobytes() == tiny.codes.tobytes()


def test_weights_that_are_zero_draw_no_centroid() -> None:
    weight, fisher = case(7)
    kept = np.random.default_rng(7).random(100) < 0.5
    options = SqueezeOptions(3, sensitive=0, outliers=0)
    alone = dequantized_float(weight[:, kept], fisher[:, kept], options)
    among_zeros = dequantized_float(np.where(kept, weight, np.float32(0)), fisher, options)
    np.testing.assert_allclose(among_zeros[:, kept], alone, rtol=1e-6)


def test_rows_without_fisher_or_without_weights() -> None:
    weight, fisher = case(5)
    fisher[3] = 0
    weight[4] = 0
    layer = squeezellm(weight, fisher, SqueezeOptions(4))
    layer.check()
    assert np.square(layer.dequantize()[3] - weight[3]).mean() < np.square(weight[3]).mean() / 20
    assert not layer.dequantize()[4].any()
    squeezellm(np.zeros((2, 4), dtype=np.float32), None, SqueezeOptions(2)).check()


def test_bad_input_is_named() -> None:
    weight, fisher = case()
    with pytest.raises(HaloError, match="'q' is 40 x 100, its Fisher"):
        squeezellm(weight, fisher[1:], SqueezeOptions(4), name="q")
    with pytest.raises(HaloError, match="all Fisher values are zero"):
        squeezellm(weight, np.zeros_like(fisher), SqueezeOptions(4))
    with pytest.raises(HaloError, match="shares of sparse"):
        SqueezeOptions(4, outliers=1)
