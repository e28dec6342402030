# SPDX-License-Identifier: Apache-2.0
"""SmoothQuant: the published formula, and that a smoothed layer is the same function."""

from __future__ import annotations

import numpy as np
import pytest

from halo.errors import HaloError
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.smoothquant import smoothing_scale, smoothquant


def test_the_scale_by_hand() -> None:
    weights = [np.array([[1.0, -4.0]], dtype=np.float32), np.array([[-2.0, 1.0]], dtype=np.float32)]
    scale = smoothing_scale(weights, np.array([8.0, 1.0], dtype=np.float32), 0.5)
    np.testing.assert_allclose(scale, [np.sqrt(8 / 2), np.sqrt(1 / 4)])
    np.testing.assert_allclose(smoothing_scale(weights, np.array([8.0, 1.0], dtype=np.float32), 1), [8, 1])
    np.testing.assert_allclose(smoothing_scale(weights, np.array([8.0, 1.0], dtype=np.float32), 0), [1 / 2, 1 / 4])


def test_a_smoothed_layer_gives_the_same_outputs_up_to_rounding() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(16, 32)).astype(np.float32)
    inputs = rng.normal(size=(64, 32)) * rng.lognormal(sigma=2, size=32)
    scale = smoothing_scale([weight], np.abs(inputs).max(axis=0).astype(np.float32), 0.5)
    layer = smoothquant(weight, scale, UniformFormat(8))
    layer.check()
    exact = inputs @ weight.T
    through_the_mac = (inputs / scale) @ (layer.codes * layer.scale).T
    np.testing.assert_allclose(through_the_mac, inputs @ layer.dequantize().T, rtol=1e-3, atol=1e-3)
    assert np.abs(through_the_mac - exact).max() < 0.02 * np.abs(exact).max()


def test_int8_activations_with_an_outlier_channel_profit() -> None:
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(16, 64)).astype(np.float32)
    inputs = rng.normal(size=(64, 64))
    inputs[:, 5] *= 100

    def output(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        step = np.abs(x).max(axis=1, keepdims=True) / 127
        return np.rint(x / step) * step @ w.T

    scale = smoothing_scale([weight], np.abs(inputs).max(axis=0).astype(np.float32), 0.5)
    smooth = smoothquant(weight, scale, UniformFormat(8))
    exact = inputs @ weight.T
    plain_error = np.square(output(inputs, rtn(weight, UniformFormat(8)).dequantize()) - exact).mean()
    smooth_error = np.square(output(inputs / scale, smooth.codes * smooth.scale) - exact).mean()
    assert smooth_error < 0.3 * plain_error


def test_silent_channels_keep_a_usable_scale() -> None:
    weight = np.zeros((2, 3), dtype=np.float32)
    scale = smoothing_scale([weight], np.zeros(3, dtype=np.float32), 0.5)
    assert (scale > 0).all() and np.isfinite(scale).all()
    smoothquant(weight, scale, UniformFormat(8)).check()


def test_bad_input_is_named() -> None:
    weight = np.ones((2, 3), dtype=np.float32)
    with pytest.raises(HaloError, match=r"strength of 1\.5"):
        smoothing_scale([weight], np.ones(3, dtype=np.float32), 1.5)
    with pytest.raises(HaloError, match="do not fit"):
        smoothing_scale([weight], np.ones(4, dtype=np.float32), 0.5)
