# SPDX-License-Identifier: Apache-2.0
"""Round to nearest and its left-aligned form against sums done by hand and grids searched one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.quant.layer import Codebook
from halo.quant.left_aligned import align_left, left_aligned
from halo.quant.options import RtnOptions
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.scales import Fit


def random_layer(seed: int, rows: int = 5, columns: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def test_symmetric_codes_by_hand() -> None:
    weight = np.array([[7.5, -3.5, 0.4, 0.0], [-15.0, 3.0, 1.0, 7.0]], dtype=np.float32)
    layer = rtn(weight, UniformFormat(4))
    # The scale is 2 max / 15: 7.5 steps up is half a step beyond the largest code, 7.5 down rounds to the lowest.
    np.testing.assert_array_equal(layer.scale, [[1], [2]])
    np.testing.assert_array_equal(layer.codes, [[7, -4, 0, 0], [-8, 2, 0, 4]])
    assert layer.zero is None and layer.mac_integer == "q - z" and layer.scale_block == (1, 4)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_the_symmetric_range_is_that_of_the_published_code(bits: int) -> None:
    weight = random_layer(3, 7, 24)
    # GPTQ's find_params with sym, written out: the span is [-max, max] over 2^b - 1 steps, the zero in the middle.
    largest = np.abs(weight).max(axis=1, keepdims=True)
    scale = (largest - -largest) / np.float32(2**bits - 1)
    zero = 2**bits // 2
    published = (np.clip(np.rint(weight / scale) + zero, 0, 2**bits - 1) - zero) * scale
    layer = rtn(weight, UniformFormat(bits))
    np.testing.assert_allclose(layer.dequantize(), published, rtol=1e-6)
    if bits <= 4:
        assert len(np.unique(layer.codes)) > 2**bits - 1, "the lowest code is used, too"


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_search_takes_the_published_steps(symmetric: bool) -> None:
    weight = np.random.default_rng(4).standard_t(3, (6, 40)).astype(np.float32)
    layer = rtn(weight, UniformFormat(3, symmetric, 20, "mse"))
    for row, group in np.ndindex(6, 2):
        part = weight[row, 20 * group : 20 * group + 20]
        low, high = (-np.abs(part).max(), np.abs(part).max()) if symmetric else (min(part.min(), 0), max(part.max(), 0))
        errors, scales = [], []
        for step in range(80):
            share = np.float32(1 - step / 100)
            scale = np.float32(high * share - low * share) / np.float32(7)
            zero = 4 if symmetric else np.clip(np.rint(-low * share / scale), 0, 7)
            made = (np.clip(np.rint(part / scale) + zero, 0, 7) - zero) * scale
            errors.append((np.abs(made - part) ** 2.4).sum())
            scales.append(scale)
        assert layer.scale[row, group] == pytest.approx(scales[int(np.argmin(errors))], rel=1e-5)


def test_signed_scales_reach_the_side_of_the_largest_weight() -> None:
    weight = np.array([[8.0, -7.0, 3.0, 1.0], [-8.0, 7.0, 3.0, 1.0]], dtype=np.float32)
    layer = rtn(weight, UniformFormat(4, fit="signed"))
    np.testing.assert_array_equal(layer.dequantize(), weight)  # 16 codes hold both rows, mirrored
    np.testing.assert_array_equal(layer.scale, [[-1], [1]])


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("group", [None, 16])
def test_a_search_loses_less_than_the_range_and_signed_scales_least(bits: int, group: int | None) -> None:
    weight = np.random.default_rng(bits).normal(size=(64, 96)).astype(np.float32)
    errors = [rtn(weight, UniformFormat(bits, group=group, fit=fit)).mse(weight) for fit in ("range", "mse", "signed")]
    assert errors[0] > errors[1] > errors[2]
    zeros = [rtn(weight, UniformFormat(bits, False, group, fit)).mse(weight) for fit in ("range", "mse")]
    assert zeros[0] > zeros[1]
    chosen = [UniformFormat.of(RtnOptions(bits, group, asymmetric)) for asymmetric in (False, True)]
    assert [rtn(weight, format).mse(weight) for format in chosen] == [errors[2], zeros[1]]


def test_the_label_says_how_scales_are_found() -> None:
    assert UniformFormat.of(RtnOptions(4, 32)).label == "W4 symmetric per group of 32, signed scales fitted"
    assert UniformFormat.of(RtnOptions(4, fit="range")).label == "W4 symmetric per channel"
    with pytest.raises(HaloError, match="signed scales have no zero points"):
        UniformFormat(4, False, fit="signed")
    with pytest.raises(HaloError, match="belong to symmetric codes"):
        RtnOptions(4, asymmetric=True, fit="signed")


def test_asymmetric_codes_by_hand() -> None:
    weight = np.array([[-1.0, 0.0, 2.0, 0.5]], dtype=np.float32)
    layer = rtn(weight, UniformFormat(2, symmetric=False))
    # Unsigned: scale 1, zero 1, codes 0 1 3 1 (1.5 rounds after the scale: 0.5 to 0); shifted by -2.
    np.testing.assert_array_equal(layer.codes, [[-2, -1, 1, -1]])
    np.testing.assert_array_equal(layer.zero, [[-1]])
    np.testing.assert_array_equal(layer.dequantize(), [[-1, 0, 2, 0]])
    assert layer.mac_integer == "q"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_group_of_one_sign_a_constant_and_a_single_column_survive(sign: int) -> None:
    one_sign = np.linspace(0.02, 0.05, 16)
    weight = sign * np.stack([np.append(one_sign, 0.03), np.full(17, 0.05)]).astype(np.float32)
    made = rtn(weight, UniformFormat(4, symmetric=False, group=16)).dequantize()  # the last group is one column
    assert np.abs(made - weight).max() <= 0.05 / 15 / 2 + 1e-7, "half a step of 0 to 0.05"
    np.testing.assert_allclose(made[:, -1], weight[:, -1], rtol=1e-6)
    np.testing.assert_allclose(made[1], weight[1], rtol=1e-6)


@given(
    seed=st.integers(0, 1000),
    bits=st.integers(2, 8),
    symmetric=st.booleans(),
    group=st.sampled_from([None, 1, 4, 5, 12, 40]),
    fit=st.sampled_from(["range", "mse", "signed"]),
)
def test_every_code_is_the_nearest_of_its_grid(
    seed: int, bits: int, symmetric: bool, group: int | None, fit: Fit
) -> None:
    weight = random_layer(seed)
    layer = rtn(weight, UniformFormat(bits, symmetric, group, fit if symmetric or fit != "signed" else "mse"))
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
    format = UniformFormat(bits, symmetric, 4, "signed" if symmetric else "range")
    once = rtn(random_layer(seed), format)
    twice = rtn(once.dequantize(), format)
    np.testing.assert_allclose(twice.dequantize(), once.dequantize(), rtol=1e-5, atol=1e-6)


@given(seed=st.integers(0, 1000), bits=st.integers(2, 8), symmetric=st.booleans())
def test_left_aligned_is_the_same_weights_in_other_codes(seed: int, bits: int, symmetric: bool) -> None:
    weight = random_layer(seed)
    format = UniformFormat(bits, symmetric, 5, "signed" if symmetric else "range")
    shifted, plain = left_aligned(weight, format), rtn(weight, format)
    np.testing.assert_array_equal(shifted.dequantize(), plain.dequantize())
    np.testing.assert_array_equal(shifted.codes.astype(int), plain.codes.astype(int) << (8 - bits))
    assert shifted.mse(weight) == plain.mse(weight) and shifted.true_bits() == plain.true_bits()
    shifted.check()


def test_the_lowest_code_survives_the_shift() -> None:
    # The shift must carry -8 to -128 and not wrap.
    assert np.left_shift(np.int8(-8), 4) == -128
    assert left_aligned(np.array([[-3.5, 3.0]], dtype=np.float32), UniformFormat(3)).codes.tolist() == [[-128, 96]]


def test_zero_points_shift_with_their_codes() -> None:
    weight = np.array([[-1.0, 0.0, 2.0, 0.5]], dtype=np.float32)
    layer = left_aligned(weight, UniformFormat(2, symmetric=False))
    # Unshifted: codes -2 -1 1 -1, zero -1, scale 1 (see above); times 64 and over 64.
    np.testing.assert_array_equal(layer.codes, [[-128, -64, 64, -64]])
    assert layer.zero is not None and layer.zero.tolist() == [[-64]] and layer.scale.tolist() == [[1 / 64]]
    np.testing.assert_array_equal(layer.dequantize(), [[-1, 0, 2, 0]])


def test_zeros_and_denormals_round_to_zero() -> None:
    weight = np.zeros((2, 3), dtype=np.float32)
    weight[1] = 1e-44
    for format in (
        UniformFormat(4),
        UniformFormat(4, False),
        UniformFormat(4, fit="signed"),
        UniformFormat(4, fit="mse"),
    ):
        assert not rtn(weight, format).dequantize().any()


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
    books = (Codebook("fast", np.array([0, 64], np.int8), None, None, "by hand"),)
    with pytest.raises(HaloError, match="have codebooks"):
        align_left(replace(layer, codebooks=books))
