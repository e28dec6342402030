# SPDX-License-Identifier: Apache-2.0
"""GPTQ against the update it is derived from, done column by column with a fresh inverse each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from halo.errors import HaloError
from halo.quant.feedback import inverse_factor
from halo.quant.gptq import gptq
from halo.quant.rtn import UniformFormat, rtn


def random_case(seed: int, rows: int = 6, columns: int = 20, samples: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Weights and calibration inputs with correlated channels of different size."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(columns, columns)) * rng.lognormal(size=columns)
    return rng.normal(size=(rows, columns)).astype(np.float32), rng.normal(size=(samples, columns)) @ mix


def hessian_of(inputs: np.ndarray) -> np.ndarray:
    return 2 / len(inputs) * inputs.T @ inputs


def by_elimination(weight: np.ndarray, hessian: np.ndarray, format: UniformFormat, order: list[int]) -> np.ndarray:
    """Optimal brain quantization in a fixed order: solve for the remaining weights anew after every column."""
    w = weight.astype(np.float64).copy()
    codes = np.zeros(w.shape, dtype=np.int8)
    grid = format.grid(weight)
    width = format.block(w.shape[1])
    damped = hessian + 0.01 * np.diag(hessian).mean() * np.eye(len(hessian))
    for place, column in enumerate(order):
        rest = order[place:]
        inverse = np.linalg.inv(damped[np.ix_(rest, rest)])
        group = column // width
        if format.group is not None and column % width == 0 and order == sorted(order):
            now = replace(format, group=None).grid(w[:, column : column + width].astype(np.float32))
            grid.scale[:, group] = now.scale[:, 0]
            if grid.zero is not None and now.zero is not None:
                grid.zero[:, group] = now.zero[:, 0]
        codes[:, column] = grid.round(w[:, column : column + 1].astype(np.float32), group)[:, 0]
        made = grid.weights(codes[:, column : column + 1], group)[:, 0]
        w[:, rest] -= np.outer((w[:, column] - made) / inverse[0, 0], inverse[0])
    return codes


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [1, 7, 128])
def test_it_solves_for_the_remaining_weights_after_every_column(seed: int, block: int) -> None:
    weight, inputs = random_case(seed)
    format = UniformFormat(4, symmetric=seed % 2 == 0)
    expected = by_elimination(weight, hessian_of(inputs), format, list(range(20)))
    np.testing.assert_array_equal(gptq(weight, hessian_of(inputs), format, block=block).codes, expected)


@pytest.mark.parametrize("seed", range(4))
def test_act_order_takes_the_busiest_inputs_first(seed: int) -> None:
    weight, inputs = random_case(seed)
    hessian = hessian_of(inputs)
    order = np.argsort(-np.diag(hessian), kind="stable").tolist()
    made = gptq(weight, hessian, UniformFormat(3), act_order=True, block=8)
    np.testing.assert_array_equal(made.codes, by_elimination(weight, hessian, UniformFormat(3), order))


@pytest.mark.parametrize(("group", "block"), [(4, 128), (8, 4), (4, 6), (6, 128)])
@pytest.mark.parametrize("symmetric", [True, False])
def test_group_scales_follow_the_updated_weights(group: int, block: int, symmetric: bool) -> None:
    weight, inputs = random_case(group)
    # By range the largest weight of symmetric codes lies halfway between two, which the last bit decides.
    format = UniformFormat(4, symmetric, group, "mse" if symmetric else "range")
    made = gptq(weight, hessian_of(inputs), format, block=block)
    made.check()
    np.testing.assert_array_equal(made.codes, by_elimination(weight, hessian_of(inputs), format, list(range(20))))


def test_static_groups_keep_the_scales_of_the_original_weights() -> None:
    weight, inputs = random_case(1)
    format = UniformFormat(4, group=4)
    for options in ({"static_groups": True}, {"act_order": True}):
        np.testing.assert_array_equal(
            gptq(weight, hessian_of(inputs), format, **options).scale, rtn(weight, format).scale
        )
    moved = gptq(weight, hessian_of(inputs), format).scale
    assert (moved[:, 0] == rtn(weight, format).scale[:, 0]).all() and (moved != rtn(weight, format).scale).any()


def test_a_diagonal_hessian_is_round_to_nearest() -> None:
    weight, _ = random_case(3)
    diagonal = np.diag(np.random.default_rng(3).uniform(0.1, 9, size=20))
    for format in (UniformFormat(3), UniformFormat(4, symmetric=False, group=5)):
        np.testing.assert_array_equal(gptq(weight, diagonal, format, block=4).codes, rtn(weight, format).codes)


def test_the_output_error_is_below_that_of_round_to_nearest() -> None:
    won = 0
    for seed in range(20):
        weight, inputs = random_case(seed, columns=32, samples=200)
        errors = [
            np.square(inputs @ (made.dequantize() - weight).T).sum()
            for made in (gptq(weight, hessian_of(inputs), UniformFormat(3)), rtn(weight, UniformFormat(3)))
        ]
        won += errors[0] < errors[1]
    assert won == 20


def test_the_factor_is_the_upper_one_of_the_inverse() -> None:
    _, inputs = random_case(5)
    hessian = hessian_of(inputs)
    order = np.random.default_rng(5).permutation(20)
    factor, share = inverse_factor(hessian, order, 0.01)
    damped = hessian[np.ix_(order, order)] + 0.01 * np.diag(hessian).mean() * np.eye(20)
    assert share == 0.01 and (factor == np.triu(factor)).all()
    np.testing.assert_allclose(factor.T @ factor @ damped, np.eye(20), atol=1e-8)


def test_inputs_that_are_always_zero_get_weight_zero() -> None:
    weight, inputs = random_case(6)
    inputs[:, [0, 7]] = 0
    made = gptq(weight, hessian_of(inputs), UniformFormat(4))
    assert not made.codes[:, [0, 7]].any() and made.codes.any()


def test_the_unit_diagonal_of_silent_inputs_counts_for_the_damping() -> None:
    weight, inputs = random_case(6)
    inputs[:, [0, 7]] = 0
    hessian = hessian_of(inputs * 1e-3)  # small beside that 1
    filled = hessian + np.diag((np.diag(hessian) == 0).astype(float))
    silenced = np.where(np.diag(hessian) == 0, np.float32(0), weight)
    expected = by_elimination(silenced, filled, UniformFormat(4), list(range(20)))
    np.testing.assert_array_equal(gptq(weight, hessian, UniformFormat(4)).codes, expected)


def test_damping_grows_once_and_then_it_is_an_error() -> None:
    weight, _ = random_case(7)
    hessian = np.eye(20)
    hessian[0, 1] = hessian[1, 0] = 1.05  # eigenvalue -0.05: 0.01 does not help, 0.1 does
    assert gptq(weight, hessian, UniformFormat(4)).details["damping"] == pytest.approx(0.1)
    hessian[0, 1] = hessian[1, 0] = 2
    with pytest.raises(HaloError, match="not positive definite"):
        gptq(weight, hessian, UniformFormat(4), name="mlp.up")


def test_bad_input_is_named() -> None:
    weight, inputs = random_case(8)
    with pytest.raises(HaloError, match="'q' has 20 inputs and a Hessian of 19 x 19"):
        gptq(weight, np.eye(19), UniformFormat(4), name="q")
    with pytest.raises(HaloError, match="Hessian of layer 'q' is not finite"):
        gptq(weight, np.full((20, 20), np.inf), UniformFormat(4), name="q")
    weight[0, 0] = np.inf
    with pytest.raises(HaloError, match="holds inf at row 0, column 0"):
        gptq(weight, hessian_of(inputs), UniformFormat(4))
