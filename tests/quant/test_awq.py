# SPDX-License-Identifier: Apache-2.0
"""AWQ: its search against the errors of outputs computed one by one, and its grid against the published code's."""

from __future__ import annotations

import numpy as np
import pytest

from halo.errors import HaloError
from halo.quant.awq import awq, awq_scale
from halo.quant.rtn import UniformFormat, rtn

W3 = UniformFormat(3, symmetric=False, group=16, include_zero=False)


def case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, inputs of which a few channels are large, Hessian."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(256, 48)) * np.where(rng.random(48) < 0.1, 20, 1) * rng.lognormal(sigma=0.5, size=48)
    return rng.normal(size=(24, 48)).astype(np.float32), inputs, 2 / 256 * inputs.T @ inputs


def pseudo_quantize(weight: np.ndarray, bits: int, group: int) -> np.ndarray:
    """The published pseudo_quantize_tensor with zero_point, written out; in float32, where clipped spans tie."""
    assert weight.dtype == np.float32
    w = weight.reshape(-1, group)
    high, low = w.max(axis=1, keepdims=True), w.min(axis=1, keepdims=True)
    scale = np.maximum(high - low, np.float32(1e-5)) / np.float32(2**bits - 1)
    zero = np.clip(-np.rint(low / scale), 0, 2**bits - 1)
    return ((np.clip(np.rint(w / scale) + zero, 0, 2**bits - 1) - zero) * scale).reshape(weight.shape)


def output_error(inputs: np.ndarray, off: np.ndarray) -> float:
    return float(np.square(inputs @ off.T).sum())


def test_the_grid_is_the_published_one() -> None:
    weight, _, _ = case(0)
    np.testing.assert_allclose(rtn(weight, W3).dequantize(), pseudo_quantize(weight, 3, 16), atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_exponent_is_the_best_of_a_search_over_outputs(seed: int) -> None:
    weight, inputs, hessian = case(seed)
    mean = np.abs(inputs).mean(axis=0).astype(np.float32)
    scale, ratio = awq_scale([weight[:10], weight[10:]], mean, hessian, W3)
    errors = []
    for step in range(20):
        s = mean ** (step / 20)
        s = s / np.sqrt(s.max() * s.min())
        errors.append(output_error(inputs, pseudo_quantize(weight * s, 3, 16) / s - weight))
    assert ratio == np.argmin(errors) / 20
    s = mean**ratio
    np.testing.assert_allclose(scale, s / np.sqrt(s.max() * s.min()), rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_scaling_and_clipping_lower_the_output_error(seed: int) -> None:
    weight, inputs, hessian = case(seed)
    scale, _ = awq_scale([weight], np.abs(inputs).mean(axis=0).astype(np.float32), hessian, W3)
    made = [rtn(weight, W3), awq(weight, scale, hessian, W3, clip=False), awq(weight, scale, hessian, W3)]
    for layer in made:
        layer.check()
    errors = [output_error(inputs, layer.dequantize() - weight) for layer in made]
    assert errors[1] < errors[0]
    # Clipping judges each group by itself; together it may lose a little.
    assert errors[2] < 1.05 * errors[1]


def test_clipping_takes_the_best_of_its_steps_in_every_group() -> None:
    weight, inputs, hessian = case(9)
    made = awq(weight, np.ones(48, dtype=np.float32), hessian, W3).dequantize()
    for row in range(3):
        for start in (0, 16, 32):
            group = slice(start, start + 16)
            part = weight[row : row + 1, group]
            reach = np.abs(part).max()
            errors = [
                output_error(inputs[:, group], pseudo_quantize(np.clip(part, -reach * f, reach * f), 3, 16) - part)
                for f in (1 - np.arange(10) / 20).astype(np.float32)
            ]
            assert output_error(inputs[:, group], made[row : row + 1, group] - part) == pytest.approx(
                min(errors), rel=1e-3
            )


def test_statistics_of_another_layer_are_refused() -> None:
    weight, _, hessian = case(0)
    with pytest.raises(HaloError, match="do not fit"):
        awq_scale([weight], np.ones(47, dtype=np.float32), hessian, W3)
