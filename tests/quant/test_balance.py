# SPDX-License-Identifier: Apache-2.0
"""The multiplier of time in a whole model, beside the front of all its tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from halo.quant.balance import marginal_costs, multiplier_of
from halo.quant.codebooks import left_aligned_codebook
from halo.quant.halo_method import dense_part, fits_of, quantize_halo
from halo.quant.layer import Float32
from halo.quant.options import HaloOptions
from halo.quant.tiles import pareto_front

BOOKS = (replace(left_aligned_codebook(4), frequency_ghz=2.0), replace(left_aligned_codebook(3), frequency_ghz=4.0))
BAL = HaloOptions(tile=8)
Layer = tuple[Float32, Float32]


def model() -> list[Layer]:
    """Three layers, of which the second matters a hundred times more than the others."""
    rng = np.random.default_rng(3)
    made = []
    for rows, columns, factor in ((32, 48, 1.0), (64, 24, 100.0), (40, 40, 1.0)):
        weight = rng.standard_t(5, (rows, columns)).astype(np.float32)
        tiles = np.kron(rng.exponential(size=(rows // 8, columns // 8)), np.ones((8, 8)))
        made.append((weight, (factor * tiles * rng.exponential(size=weight.shape)).astype(np.float32)))
    return made


def spent(layers: list[Layer], options: HaloOptions, multiplier: float | None) -> tuple[float, float]:
    """Summed Fisher-weighted error, and nanoseconds times weights."""
    error, time = 0.0, 0.0
    for weight, fisher in layers:
        made = quantize_halo(weight, fisher, BOOKS, options, multiplier=multiplier)
        error += made.fisher_error(weight, fisher)
        time += made.details["mean_period_ns"] * weight.size
    return error, time


def test_the_knee_is_that_of_all_tiles_of_the_model() -> None:
    layers = model()
    multiplier = multiplier_of([marginal_costs(*layer, BOOKS, BAL) for layer in layers], BAL)
    errors, periods = [], []
    for weight, fisher in layers:
        _, error, period = fits_of(dense_part(weight, fisher, BAL, "", 1), BOOKS, 1)
        errors.append(error)
        periods.append(period)
    # Tiles are of one size, so that all of them are as one layer.
    whole = pareto_front(np.concatenate(errors, axis=1), periods[0])
    size = sum(weight.size for weight, _ in layers)
    ends = (whole.error[-1] - whole.error[0]) / ((whole.period[0] - whole.period[-1]) * size)
    assert multiplier == pytest.approx(ends)
    error, time = spent(layers, BAL, multiplier)
    assert time / size == pytest.approx(whole.period[whole.knee()])
    alone, time_alone = spent(layers, BAL, None)
    assert error + multiplier * time < alone + multiplier * time_alone


def test_at_the_same_clock_the_model_loses_less_than_its_layers_alone() -> None:
    layers = model()
    alone, time = spent(layers, BAL, None)
    multipliers = multiplier_of([marginal_costs(*layer, BOOKS, BAL) for layer in layers], BAL) * np.geomspace(
        0.1, 10, 25
    )
    points = [spent(layers, BAL, float(multiplier)) for multiplier in multipliers]
    assert min(error for error, t in points if t <= time) < 0.95 * alone


def test_a_share_is_of_the_loss_of_the_model() -> None:
    layers = model()
    slow = spent(layers, replace(BAL, variant="acc", share=1.0), None)[0]
    fast = spent(layers, replace(BAL, variant="perf"), None)[0]
    for share in (0.5, 0.9):
        options = replace(BAL, variant="acc", share=share)
        multiplier = multiplier_of([marginal_costs(*layer, BOOKS, options) for layer in layers], options)
        error, time = spent(layers, options, multiplier)
        assert 0 < (error - slow) / (fast - slow) <= (1 - share) * 1.02
        assert time < spent(layers, options, None)[1]
    whole = replace(BAL, variant="acc", share=1.0)
    assert multiplier_of([marginal_costs(*layer, BOOKS, whole) for layer in layers], whole) == 0


def test_a_sample_of_tile_rows_tells_the_multiplier() -> None:
    rng = np.random.default_rng(4)
    weight = rng.standard_t(5, (801, 96)).astype(np.float32)  # 101 tile rows, the last of one row
    fisher = rng.exponential(size=weight.shape).astype(np.float32)
    sampled = marginal_costs(weight, fisher, BOOKS, BAL)
    assert len(sampled.loss) == 8 * 12
    exact = marginal_costs(weight, fisher, BOOKS, BAL, tile_rows=101)
    assert len(exact.loss) == 101 * 12
    assert multiplier_of([sampled], BAL) == pytest.approx(multiplier_of([exact], BAL), rel=0.05)
    assert sampled.saved.sum() == pytest.approx(0.25 * weight.size) == exact.saved.sum()


def test_what_does_not_matter_moves_for_nothing() -> None:
    weight, fisher = model()[0]
    free = marginal_costs(weight, 0 * fisher, BOOKS, BAL)
    assert free.loss.tolist() == [0] and free.saved.tolist() == [0.25 * weight.size]
    assert multiplier_of([free], BAL) == 0
