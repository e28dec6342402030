# SPDX-License-Identifier: Apache-2.0
"""Round to nearest and its left-aligned form against sums done by hand and grids searched one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.quant.left_aligned import align_left, left_aligned
from halo.quant.rtn import UniformFormat, rtn


def random_layer(seed: int, rows: int = 5, columns: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def test_symmetric_codes_by_hand() -> None:
    weight = np.array([[7.0, -3.5, 0.4, 0.0], [-14.0, 3.0, 1.0, 7.0]], dtype=np.float32)
    layer = rtn(weight, UniformFormat(4))
    np.testing.assert_array_equal(layer.scale, [[1], [2]])
    np.testing.assert_array_equal(layer.codes, [[7, -4, 0, 0], [-7, 2, 0, 4]])
    assert layer.zero is None and layer.mac_integer == "q - z" and layer.scale_block == (1, 4)


def test_asymmetric_codes_by_hand() -> None:
    weight = np.array([[-1.0, 0.0, 2.0, 0.5]], dtype=np.float32)
    layer = rtn(weight, UniformFormat(2, symmetric=False))
    # Unsigned: scale 1, zero 1, codes 0 1 3 1 (1.5 rounds after the scale: 0.5 to 0); shifted by -2.
    np.testing.assert_array_equal(layer.codes, [[-2, -1, 1, -1]])
    np.testing.assert_array_equal(layer.zero, [[-1]])
    np.testing.assert_array_equal(layer.dequantize(), [[-1, 0, 2, 0]])
    assert layer.mac_integer == "q"


def test_a_span_without_zero_is_narrower() -> None:
    weight = np.array([[1.0, 2.0, 3.0, 4.0]], dtype=np.float32)
    wide = rtn(weight, UniformFormat(2, symmetric=False))
    narrow = rtn(weight, UniformFormat(2, symmetric=False, include_zero=False))
    assert wide.scale[0, 0] == pytest.approx(4 / 3) and narrow.scale[0, 0] == 1
    assert narrow.zero is not None and narrow.zero[0, 0] == -2, "the zero point is clamped to the lowest code"


@given(
    seed=st.integers(0, 1000),
    bits=st.integers(2, 8),
    symmetric=st.booleans(),
    group=st.sampled_from([None, 1, 4, 5, 12, 40]),
)
def test_every_code_is_the_nearest_of_its_grid(seed: int, bits: int, symmetric: bool, group: int | None) -> None:
    weight = random_layer(seed)
    layer = rtn(weight, UniformFormat(bits, symmetric, group))
    layer.check()
    grid = np.arange(-(1 << (bits - 1)), 1 << (bits - 1))
    wide = layer.scale_block[1]
    made = layer.dequantize()
    for row in range(weight.shape[0]):
        for column in range(weight.shape[1]):
            scale = layer.scale[row, column // wide]
            zero = 0 if layer.zero is None else int(layer.zero[row, column // wide])
            best = np.abs((grid - zero) * float(scale) - weight[row, column]).min()
            assert abs(made[row, column] - weight[row, column]) <= best + 1e-6


@given(seed=st.integers(0, 1000), bits=st.integers(2, 8), symmetric=st.booleans())
def test_weights_on_the_grid_stay(seed: int, bits: int, symmetric: bool) -> None:
    once = rtn(random_layer(seed), UniformFormat(bits, symmetric, 4))
    twice = rtn(once.dequantize(), UniformFormat(bits, symmetric, 4))
    np.testing.assert_allclose(twice.dequantize(), once.dequantize(), rtol=1e-5, atol=1e-6)


@given(seed=st.integers(0, 1000), bits=st.integers(2, 8))
def test_left_aligned_is_the_same_weights_in_other_codes(seed: int, bits: int) -> None:
    weight = random_layer(seed)
    shifted, plain = left_aligned(weight, bits, group=5), rtn(weight, UniformFormat(bits, group=5))
    np.testing.assert_array_equal(shifted.dequantize(), plain.dequantize())
    np.testing.assert_array_equal(shifted.codes.astype(int), plain.codes.astype(int) << (8 - bits))
    assert shifted.mse(weight) == plain.mse(weight) and shifted.true_bits() == plain.true_bits()
    shifted.check()


def test_the_lowest_code_survives_the_shift() -> None:
    # Rounding alone never gives -8; the shift must carry it to -128 and not wrap.
    assert np.left_shift(np.int8(-8), 4) == -128
    assert left_aligned(np.array([[-1.0, 1.0]], dtype=np.float32), 3).codes.tolist() == [[-96, 96]]


def test_zeros_and_denormals_round_to_zero() -> None:
    weight = np.zeros((2, 3), dtype=np.float32)
    weight[1] = 1e-44
    for symmetric in (True, False):
        assert not rtn(weight, UniformFormat(4, symmetric)).dequantize().any()


def test_bad_input_is_named() -> None:
    weight = random_layer(1)
    weight[2, 3] = np.nan
    with pytest.raises(HaloError, match=r"'blocks\.0\.up' holds nan at row 2, column 3"):
        rtn(weight, UniformFormat(4), name="blocks.0.up")
    with pytest.raises(HaloError, match="shape 3"):
        rtn(np.ones(3, dtype=np.float32), UniformFormat(4))
    with pytest.raises(HaloError, match="9 bits"):
        UniformFormat(9)
    with pytest.raises(HaloError, match="group of 0"):
        UniformFormat(4, group=0)


def test_aligning_left_keeps_the_weights_and_refuses_what_it_would_change() -> None:
    layer = rtn(random_layer(2), UniformFormat(3, group=4))
    shifted = align_left(layer)
    np.testing.assert_array_equal(shifted.dequantize(), layer.dequantize())
    assert not (shifted.codes % 32).any() and shifted.method == "left-aligned RTN"
    with pytest.raises(HaloError, match="zero points"):
        align_left(rtn(random_layer(2), UniformFormat(3, symmetric=False)))
