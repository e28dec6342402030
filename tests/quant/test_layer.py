# SPDX-License-Identifier: Apache-2.0
"""A quantized layer means what its equation says, counts what it stores, and notices what does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import halo.quant.layer as module
from halo.errors import HaloError
from halo.quant.layer import Codebook, QuantizedLayer, Sparse


@pytest.fixture(params=[1, 1 << 18], ids=["a row a band", "one band"], autouse=True)
def bands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are worked on by threads: what comes out may not depend on how they are shared out."""
    monkeypatch.setattr(module, "_CHUNK", request.param)


def book(*values: int, name: str = "b") -> Codebook:
    return Codebook(name, np.array(values, np.int8), 2.0, None, "test")


def example(zero: bool = False) -> QuantizedLayer:
    """A 5 x 7 layer in ragged tiles of 4, scales a 2 x 3 block, two sparse weights."""
    rng = np.random.default_rng(1)
    codes = rng.choice(np.array([-32, 0, 64], np.int8), (5, 7))
    codes[4, 4:] = rng.choice(np.array([-7, 1, 0], np.int8), 3)
    zeros = None
    if zero:
        zeros = np.full((3, 3), 64, np.int16)
        zeros[:, 2] = 0
    codes[0, 2] = 64 if zero else 0
    codes[3, 6] = 0
    sparse = Sparse(np.array([0, 1, 1, 1, 2, 2]), np.array([2, 6], np.int32), np.array([5, -127], np.int8),
                    np.array([0.5, 1, 1, 2, 1], np.float32))  # fmt: skip
    return QuantizedLayer(
        "layer", codes, rng.uniform(0.1, 1, (3, 3)).astype(np.float32), (2, 3), 8, "test", zero=zeros, tile=4,
        tile_class=np.array([[0, 0], [0, 1]], np.uint8), codebooks=(book(-32, 0, 64), book(-7, 0, 1)), sparse=sparse,
        input_scale=rng.uniform(0.5, 2, 7).astype(np.float32),
    )  # fmt: skip


@pytest.mark.parametrize("zero", [False, True])
def test_the_weight_is_what_the_equation_says(zero: bool) -> None:
    layer = example(zero)
    layer.check()
    made = layer.dequantize()
    sparse = {(0, 2): 0.5 * 5, (3, 6): 2.0 * -127}
    assert layer.input_scale is not None
    for r in range(5):
        for c in range(7):
            z = 0 if layer.zero is None else int(layer.zero[r // 2, c // 3])
            want = float(layer.scale[r // 2, c // 3]) * (int(layer.codes[r, c]) - z) + sparse.get((r, c), 0.0)
            assert made[r, c] == pytest.approx(want / float(layer.input_scale[c]), rel=1e-6)
    assert made.dtype == np.float32
    assert layer.mac_integer == ("q" if zero else "q - z")


def test_stored_bits_are_counted_one_by_one() -> None:
    layer = example(zero=True)
    dense = 2 * 35  # both codebooks have three values
    tables = 4 * 1 + 2 * 3 * 8
    scales, zeros = 9 * 32, 9 * 1  # zeros 0 and 64: steps of 64
    sparse = 2 * (8 + 3) + 6 * 2 + 5 * 32
    assert layer.true_bits() == (dense + tables + scales + zeros + sparse) / 35
    assert layer.true_bits(16) == pytest.approx(layer.true_bits() - (9 + 5) * 16 / 35)
    assert layer.zero is not None
    odd = layer.zero.copy()
    odd[0, 0] = 1
    assert replace(layer, zero=odd).true_bits() == pytest.approx(layer.true_bits() + 9 * 6 / 35)  # 0..64, steps of 1
    plain = QuantizedLayer("p", layer.codes, np.ones((1, 1), np.float32), (5, 7), 4, "test")
    assert plain.true_bits() == 4 + 32 / 35
    assert plain.class_share() == ()
    assert layer.class_share() == (32 / 35, 3 / 35)


def test_errors_are_sums_over_the_weights() -> None:
    layer = example()
    rng = np.random.default_rng(2)
    weight, fisher = rng.normal(size=(2, 5, 7)).astype(np.float32)
    apart = layer.dequantize().astype(np.float64) - weight
    assert layer.mse(weight) == pytest.approx(np.mean(apart**2))
    assert layer.fisher_error(weight, fisher) == pytest.approx(np.sum(fisher * apart**2))
    assert layer.sqnr_db(weight) == pytest.approx(10 * np.log10(np.sum(weight.astype(float) ** 2) / np.sum(apart**2)))
    assert layer.errors(weight).loss == pytest.approx(np.sum(weight**2 * apart**2))
    assert layer.sqnr_db(layer.dequantize()) == np.inf and layer.sqnr_db(0 * weight) == -np.inf
    with pytest.raises(HaloError, match="is 5 x 7, not 7 x 5"):
        layer.mse(weight.T)


def test_what_does_not_fit_is_named() -> None:
    layer = example()
    codes = layer.codes.copy()
    codes[1, 5] = 3
    under = layer.codes.copy()
    under[0, 2] = 64
    nan = layer.scale.copy()
    nan[1, 1] = np.nan
    assert layer.sparse is not None
    twice = replace(layer.sparse, indptr=np.array([0, 2, 2, 2, 2, 2]), columns=np.array([2, 2], np.int32))
    for change, what in (
        (dict(codes=codes), "code 3 at row 1, column 5 is not in codebook 'b'"),
        (dict(codes=under), "not zero under a sparse weight"),
        (dict(scale=nan), "a scale is not finite"),
        (dict(scale_block=(2, 2)), "scales do not cover"),
        (dict(zero=np.zeros((1, 1), np.int16)), "zeros do not cover"),
        (dict(tile=None), "go together"),
        (dict(tile=2), "tile classes do not cover"),
        (dict(codebooks=layer.codebooks[:1]), "a tile class has no codebook"),
        (dict(input_scale=np.zeros(7, np.float32)), "zero or not finite"),
        (dict(sparse=twice), "twice or out of order"),
        (dict(sparse=replace(layer.sparse, columns=np.array([2, 7], np.int32))), "outside the layer"),
        (dict(sparse=replace(layer.sparse, indptr=np.array([0, 1, 2]))), "row pointers"),
    ):
        with pytest.raises(HaloError, match=what):
            replace(layer, **change).check()  # type: ignore[arg-type]


def test_a_codebook_is_ascending_int8_with_zero() -> None:
    assert book(-32, 0, 64).bits == 2
    assert book(0).bits == 0
    for values, what in (((3, 0), "ascending"), ((0, 0), "ascending"), ((1, 2), "has no 0")):
        with pytest.raises(HaloError, match=what):
            book(*values)
    with pytest.raises(HaloError, match="int8"):
        Codebook("b", np.array([0, 1]), None, None, "test")  # type: ignore[arg-type]


def test_scales_of_half_precision() -> None:
    layer = example(zero=True)
    half = layer.with_half_scales()
    assert layer.sparse is not None and half.sparse is not None
    np.testing.assert_array_equal(half.scale, layer.scale.astype(np.float16).astype(np.float32))
    assert half.scale.dtype == np.float32 and not np.array_equal(half.scale, layer.scale)
    np.testing.assert_array_equal(half.sparse.scale, layer.sparse.scale)  # they are halves and ones
    np.testing.assert_array_equal(half.codes, layer.codes)
    for scale in (1e6, 1e-9):
        with pytest.raises(HaloError, match="too large or too small for half precision"):
            replace(layer, scale=np.full_like(layer.scale, scale)).with_half_scales()
