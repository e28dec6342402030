# SPDX-License-Identifier: Apache-2.0
"""Classes of weights, and the error of rounding to them: cases worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.flow.exploring.codebook import (
    Histogram,
    class_weights,
    read_histogram,
    read_weights,
    rounding_error,
    trailing_zeros,
)
from halo.quant.layer import QuantizedLayer
from halo.quant.store import save_layer


def test_classes() -> None:
    assert class_weights("int4") == tuple(16 * k for k in range(-8, 8))
    assert class_weights("int3") == (-128, -96, -64, -32, 0, 32, 64, 96)
    assert class_weights("64,-64,0") == (-64, 0, 64)
    for text in ("int5", "64", "-129,0", "0,128", "a,b", ""):
        with pytest.raises(HaloError, match="class"):
            class_weights(text)


def test_trailing_zeros() -> None:
    assert trailing_zeros((-64, 0, 32)) == 5
    assert trailing_zeros((0,)) == 7
    assert trailing_zeros((-128, 1)) == 0


def test_the_error_by_hand() -> None:
    exact = Histogram(np.array([-1.0, 0.0, 0.5]), np.array([1.0, 5.0, 2.0]))
    assert rounding_error(exact, (-64, 0, 32)) == pytest.approx(0.0, abs=1e-12)
    # Codes -1, 0, 1: all four weights become the scale, which is best at their mean, 0.875, while 0.5 does not
    # become 0: (3 * 0.125^2 + 0.375^2) / 3.25.
    mixed = Histogram(np.array([1.0, 0.5]), np.array([3.0, 1.0]))
    assert rounding_error(mixed, (-1, 0, 1)) == pytest.approx(np.sqrt((3 * 0.125**2 + 0.375**2) / 3.25), rel=1e-3)
    assert rounding_error(mixed, (0,)) == 1.0


def test_more_codes_are_no_worse() -> None:
    drawn = Histogram(np.random.default_rng(1).normal(size=2000), np.ones(2000))
    errors = [rounding_error(drawn, range(-128, 128, step)) for step in (64, 32, 16, 1)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.01 < 0.08 < errors[2] < 0.13  # uniform INT4 of a Gaussian: 0.11 at the best scale


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv"
    path.write_text("value,count\n-0.5,2\n\n0.25\n", encoding="utf-8")
    read = read_histogram(path)
    assert read.values.tolist() == [-0.5, 0.25] and read.counts.tolist() == [2.0, 1.0]
    for text in ("value\n1,x\n", "1,2,3\n", "1,-1\n", "0,5\n", "nan,1\n", ""):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(HaloError, match="weight"):
            read_histogram(path)


def test_the_integers_of_a_quantized_run(tmp_path: Path) -> None:
    scale = np.ones((1, 1), np.float32)
    for name, codes in (("a", [[-128, 0], [5, 5]]), ("b", [[127, 5]])):
        made = np.array(codes, np.int8)
        save_layer(tmp_path, QuantizedLayer(name, made, scale, made.shape, 8, "rtn"))
    read = read_weights(tmp_path)
    assert dict(zip(read.values.tolist(), read.counts.tolist(), strict=True)) == {-128: 1, 0: 1, 5: 3, 127: 1}
    # to -128, 0 and 127 at scale 1, the three fives are what is lost
    assert rounding_error(read, (-128, 0, 127)) == pytest.approx(np.sqrt(75 / (128**2 + 127**2 + 75)), rel=1e-6)
    (tmp_path / "empty").mkdir()
    with pytest.raises(HaloError, match="no run of halo quantize"):
        read_weights(tmp_path / "empty")
    save_layer(tmp_path / "empty", QuantizedLayer("a", np.zeros((1, 2), np.int8), scale, (1, 2), 8, "rtn"))
    with pytest.raises(HaloError, match="no weight but 0"):
        read_weights(tmp_path / "empty")
