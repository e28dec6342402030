# SPDX-License-Identifier: Apache-2.0
"""HALO's promises on random layers: codes in their codebooks, every weight covered once, the same bytes again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from halo.errors import HaloError
from halo.quant.codebooks import left_aligned_codebook
from halo.quant.halo_method import quantize_halo
from halo.quant.layer import Codebook, QuantizedLayer
from halo.quant.options import HaloOptions

ACCURATE = replace(left_aligned_codebook(4), frequency_ghz=2.4)
FAST = replace(left_aligned_codebook(3), frequency_ghz=3.7)
BOOKS = (ACCURATE, FAST)


def layer(seed: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights with heavy tails, Fisher over several decades."""
    rng = np.random.default_rng(seed)
    weight = rng.standard_t(4, (rows, columns)) * 0.02
    fisher = np.exp(rng.normal(size=(rows, columns)) * 2 + rng.normal(size=(1, columns))) * 1e-9
    return weight.astype(np.float32), fisher.astype(np.float32)


def contents(made: QuantizedLayer) -> list[bytes]:
    assert made.tile_class is not None and made.sparse is not None
    arrays = (made.codes, made.scale, made.tile_class, made.sparse.indptr, made.sparse.columns, made.sparse.codes)
    return [a.tobytes() for a in (*arrays, made.sparse.scale)]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**30), st.integers(4, 40), st.integers(4, 40), st.sampled_from([4, 5, 16]),
       st.sampled_from(["perf", "bal", "acc"]), st.sampled_from(["row", "tile", "channel"]),
       st.sampled_from(["loss", "sensitivity"]), st.sampled_from(["nearest", "feedback"]), st.booleans())  # fmt: skip
def test_every_promise_holds_on_random_layers(
    seed: int, rows: int, columns: int, tile: int, variant: str, scale: str, criterion: str, rounding: str, known: bool
) -> None:
    weight, fisher = layer(seed, rows, columns)
    options = HaloOptions(
        tile=tile, variant=variant, scale=scale, criterion=criterion, salient_share=0.01, pad=True,  # type: ignore[arg-type]
        outlier_scope="layer" if seed % 2 else "channel", first="salient" if seed % 3 else "outliers",
    )  # fmt: skip
    inputs = np.random.default_rng(seed).normal(size=(60, columns))
    hessian = inputs.T @ inputs if rounding == "feedback" else None
    given_fisher = fisher if known else None
    made = quantize_halo(weight, given_fisher, BOOKS, options, hessian=hessian, threads=2)
    made.check()  # among others: every code in its tile's codebook, dense part zero under the sparse one
    assert made.sparse is not None and made.tile_class is not None
    dense = replace(made, sparse=None).dequantize()
    under = np.zeros(weight.shape, bool)
    under[made.sparse.rows, made.sparse.columns] = True
    np.testing.assert_array_equal(made.dequantize()[~under], dense[~under])
    np.testing.assert_array_equal(made.dequantize()[under], made.sparse.values)
    again = quantize_halo(weight, given_fisher, BOOKS, options, hessian=hessian, threads=1)
    assert contents(again) == contents(made)
    if variant == "perf":
        assert (made.tile_class == 1).all()
    assert made.details["fisher"] == ("given" if known else "squared weights, a proxy")
    assert np.isfinite(made.mse(weight)) and made.sqnr_db(weight) > 3


@pytest.mark.parametrize("scale", ["row", "tile", "channel"])
def test_a_layer_on_its_grid_comes_back_exactly(scale: str) -> None:
    weight, fisher = layer(1, 48, 80)
    options = HaloOptions(tile=16, scale=scale, outlier_sigmas=None, salient_share=0)  # type: ignore[arg-type]
    once = quantize_halo(weight, fisher, BOOKS, options)
    assert once.tile_class is not None and len(np.unique(once.tile_class)) == 2
    again = quantize_halo(once.dequantize(), fisher, BOOKS, replace(options, variant="acc", share=1.0))
    np.testing.assert_array_equal(again.dequantize(), once.dequantize())


def test_sparse_weights_on_the_grid_of_their_channel_come_back_exactly() -> None:
    weight, fisher = layer(2, 64, 64)
    once = quantize_halo(weight, fisher, BOOKS, HaloOptions(tile=16))
    assert once.sparse is not None and len(once.sparse.codes) > 20
    again = quantize_halo(once.dequantize(), fisher, BOOKS, HaloOptions(tile=16))
    assert again.sparse is not None
    mine = {(r, c): v for r, c, v in zip(once.sparse.rows, once.sparse.columns, once.sparse.values, strict=True)}
    both = [
        (mine[r, c], v)
        for r, c, v in zip(again.sparse.rows, again.sparse.columns, again.sparse.values, strict=True)
        if (r, c) in mine
    ]
    assert len(both) > 20 and all(a == pytest.approx(b, rel=1e-6) for a, b in both)


def test_variants_trade_error_for_clock() -> None:
    weight, fisher = layer(3, 128, 160)
    for criterion in ("loss", "sensitivity"):
        perf, bal, acc = (
            quantize_halo(weight, fisher, BOOKS, HaloOptions(tile=16, variant=v, criterion=criterion))  # type: ignore[arg-type]
            for v in ("perf", "bal", "acc")
        )
        error = [x.fisher_error(weight, fisher) for x in (perf, bal, acc)]
        period = [x.details["mean_period_ns"] for x in (perf, bal, acc)]
        assert error[0] > 1.1 * error[1] > 1.1 * error[2]
        assert period[0] == pytest.approx(1 / 3.7)
        assert period == sorted(period) and 1 / 3.7 < period[1] < period[2] <= 1 / 2.4
        assert 0.2 < bal.class_share()[1] < 0.9


def test_accuracy_keeps_the_share_asked_for() -> None:
    weight, fisher = layer(4, 96, 96)
    options = HaloOptions(tile=8, variant="acc", share=0.8)
    slow, fast = (
        quantize_halo(weight, fisher, (book,), replace(options, variant="perf", share=HaloOptions.share))
        for book in BOOKS
    )
    ends = [x.fisher_error(weight, fisher) for x in (slow, fast)]
    made = quantize_halo(weight, fisher, BOOKS, options)
    lost = (made.fisher_error(weight, fisher) - ends[0]) / (ends[1] - ends[0])
    assert 0.18 < lost <= 0.2
    one = quantize_halo(weight, fisher, BOOKS, replace(options, criterion="sensitivity"))
    assert one.tile_class is not None and one.sparse is not None
    kept = fisher.astype(np.float64)
    kept[one.sparse.rows, one.sparse.columns] = 0
    mean = kept.reshape(12, 8, 12, 8).sum(axis=(1, 3))
    accurate = mean[one.tile_class == 0]
    assert accurate.sum() >= 0.8 * mean.sum() > accurate.sum() - accurate.min()
    assert accurate.min() >= mean[one.tile_class == 1].max()


def test_three_codebooks_are_used_by_need() -> None:
    weight, fisher = layer(5, 96, 96)
    middle = replace(left_aligned_codebook(4), frequency_ghz=3.0)
    slow = replace(left_aligned_codebook(6), frequency_ghz=2.0)
    made = quantize_halo(weight, fisher, (slow, middle, FAST), HaloOptions(tile=8))
    made.check()
    assert sum(made.class_share()) == pytest.approx(1) and made.class_share()[1] > 0.1
    with pytest.raises(HaloError, match="ranks two codebooks, not 3"):
        quantize_halo(weight, fisher, (slow, middle, FAST), HaloOptions(tile=8, criterion="sensitivity"))


def test_feedback_lowers_the_error_of_the_outputs() -> None:
    weight, fisher = layer(6, 64, 96)
    rng = np.random.default_rng(6)
    inputs = rng.normal(size=(500, 24)) @ rng.normal(size=(24, 96)) + 0.3 * rng.normal(size=(500, 96))
    hessian = inputs.T @ inputs / 500
    lost = []
    for h in (None, hessian):
        made = quantize_halo(weight, fisher, BOOKS, HaloOptions(tile=16, variant="perf"), hessian=h)
        made.check()
        apart = made.dequantize().astype(np.float64) - weight
        lost.append(float(np.einsum("ri,ij,rj->", apart, hessian, apart)))
    assert lost[1] < 0.5 * lost[0]


def test_no_sparse_part_if_none_is_wanted() -> None:
    weight, fisher = layer(7, 32, 32)
    made = quantize_halo(weight, fisher, BOOKS, HaloOptions(tile=16, outlier_sigmas=None, salient_share=0))
    assert made.sparse is not None and len(made.sparse.codes) == 0
    made.check()


def test_zero_rows_and_unimportant_tiles_are_fine() -> None:
    weight, fisher = layer(8, 32, 48)
    weight[:16] = 0
    fisher[:, :16] = 0
    for scale, variant in product(("row", "tile", "channel"), ("perf", "bal")):
        made = quantize_halo(weight, fisher, BOOKS, HaloOptions(tile=16, scale=scale, variant=variant))  # type: ignore[arg-type]
        made.check()
        assert not made.dequantize()[:16].any()
        assert made.sqnr_db(weight) > 8


W, F = layer(9, 32, 32)
NAN = W.copy()
NAN[3, 4] = np.nan


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (
            lambda: quantize_halo(NAN, F, BOOKS, HaloOptions(tile=16), name="q"),
            "layer 'q': the weight at row 3, column 4",
        ),
        (lambda: quantize_halo(W, F, BOOKS, HaloOptions(tile=64)), "is 32 x 32: a tile of 64 is larger"),
        (lambda: quantize_halo(W, F[:5], BOOKS, HaloOptions(tile=16)), "another shape or type"),
        (lambda: quantize_halo(W.astype(float), F, BOOKS, HaloOptions(tile=16)), "no float32 matrix"),  # type: ignore[arg-type]
        (lambda: quantize_halo(W, 0 * F, BOOKS, HaloOptions(tile=16)), "all Fisher values are zero"),
        (lambda: quantize_halo(W, None, BOOKS, HaloOptions(tile=16, missing_fisher="refuse")), "has no Fisher"),
        (lambda: quantize_halo(W, F, (), HaloOptions(tile=16)), "no codebook"),
        (lambda: quantize_halo(W, F, BOOKS[::-1], HaloOptions(tile=16)), "do not go from slow to fast"),
        (
            lambda: quantize_halo(W, F, (left_aligned_codebook(4), FAST), HaloOptions(tile=16)),
            "a codebook has no clock",
        ),
        (
            lambda: quantize_halo(W, F, BOOKS, HaloOptions(tile=16), hessian=np.eye(5)),
            "32 inputs and a Hessian of 5 x 5",
        ),
        (lambda: HaloOptions(tile=0), "tile of 0"),
        (lambda: HaloOptions(share=0), "share of 0"),
        (lambda: HaloOptions(salient_share=1), "salient share of 1"),
        (lambda: HaloOptions(outlier_sigmas=-1), "standard deviations of -1 is out of range"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], what: str) -> None:
    with pytest.raises(HaloError, match=what):
        call()


def test_padding_allows_a_tile_larger_than_the_layer() -> None:
    made = quantize_halo(W, F, BOOKS, HaloOptions(tile=128, pad=True))
    made.check()
    assert made.tile_class is not None and made.tile_class.shape == (1, 1)
    alone = Codebook("zero", np.zeros(1, np.int8), 9.0, None, "nothing else")
    assert not quantize_halo(W, F, (alone,), HaloOptions(tile=32)).codes.any()


def test_defaults_are_the_best_on_a_trained_model(shared: Path) -> None:
    tensors = load_file(shared / "models/stories260K/model.safetensors")
    layers = [w for name, w in tensors.items() if name.startswith("model.layers.2.") and w.ndim == 2]
    assert len(layers) == 7
    default = HaloOptions(tile=16, variant="perf")

    def noise(**changed: object) -> float:
        """Mean noise-to-signal ratio of the layers."""
        made = [quantize_halo(w, None, BOOKS, replace(default, **changed)) for w in layers]  # type: ignore[arg-type]
        return float(np.mean([10 ** (-x.sqnr_db(w) / 10) for x, w in zip(made, layers, strict=True)]))

    best = noise()
    assert 1.3 * best < noise(scale="channel") < noise(scale="tile")
    assert 1.15 * best < noise(signed_scale=False)
    assert 1.15 * best < noise(outlier_sigmas=None)
    assert 1.05 * best < noise(outlier_scope="channel")
