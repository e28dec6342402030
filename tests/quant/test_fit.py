# SPDX-License-Identifier: Apache-2.0
"""Scales and codes: the kernel beside its reference, nearest codes beside their definition, grids returned exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from halo.quant.codebooks import left_aligned_codebook
from halo.quant.fit import Dense, fit_scales, nearest_table, round_nearest
from halo.quant.fit_reference import fit_block, magnitudes, nearest
from halo.quant.layer import Codebook

books = st.sets(st.integers(-128, 127), max_size=20).map(
    lambda values: Codebook("b", np.array(sorted(values | {0}), np.int8), None, None, "drawn")
)


@given(books, st.lists(st.floats(-140, 140, width=32), min_size=1, max_size=50))
def test_the_table_gives_the_nearest_code(book: Codebook, points: list[float]) -> None:
    table = nearest_table(book)
    codes = book.values.astype(np.float64)
    for x in points:
        chosen = float(table[int(np.clip(np.floor(2 * x) + 256, 0, 511))])
        assert abs(x - chosen) == np.abs(x - codes).min()
        assert chosen == max(c for c in codes if abs(x - c) == abs(x - chosen))


def layer(seed: int, rows: int, columns: int, whole: bool) -> tuple[np.ndarray, ...]:
    """Weights, importances and marks; whole numbers, so that sums are exact in any order."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(-50, 51, (rows, columns)) if whole else rng.standard_t(4, (rows, columns))
    importance = rng.integers(0, 9, (rows, columns)) if whole else rng.random((rows, columns)) ** 4
    apart = rng.random((rows, columns)) < 0.1
    return weight.astype(np.float32), importance.astype(np.float32), apart.astype(np.uint8)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**30), st.integers(1, 13), st.integers(1, 13), st.integers(1, 6), st.sampled_from("rtc"),
       st.booleans(), st.lists(books, min_size=1, max_size=3), st.booleans())  # fmt: skip
@example(
    0, 7, 11, 1, "c", True, [Codebook("b", np.array([-1, 0, 1], np.int8), None, None, "drawn")], True
)  # both signs
def test_kernel_and_reference_agree_to_the_bit(
    seed: int, rows: int, columns: int, tile: int, kind: str, signed: bool, codebooks: list[Codebook], weighted: bool
) -> None:
    weight, importance, apart = layer(seed, rows, columns, whole=True)
    block = {"r": (1, tile), "t": (tile, tile), "c": (1, columns)}[kind]
    shape = (-(-rows // tile), -(-columns // tile))
    classes = np.random.default_rng(seed).integers(0, len(codebooks), shape).astype(np.uint8)
    dense = Dense(weight, importance if weighted else None, apart, tile, block, signed)
    scale, error = fit_scales(dense, codebooks, classes, 2)
    codes = round_nearest(dense, codebooks, classes, scale, 2)
    price = np.where(apart, 0, importance if weighted else 1).astype(np.float32)
    kept = np.where(apart, np.float32(0), weight)
    searched = magnitudes([codebooks[k] for k in np.unique(classes)])
    want = np.zeros(shape)
    for i, r in enumerate(range(0, rows, block[0])):
        for j, c in enumerate(range(0, columns, block[1])):
            places = [
                (slice(r, min(r + block[0], rows)), slice(k, min(k + tile, c + block[1], columns)))
                for k in range(c, min(c + block[1], columns), tile)
            ]
            pieces = [
                (kept[p].ravel(), price[p].ravel(), codebooks[classes[r // tile, p[1].start // tile]]) for p in places
            ]
            assert scale[i, j] == fit_block(pieces, signed, searched)
            for place, (w, f, book) in zip(places, pieces, strict=True):
                code = nearest(w, scale[i, j], book)
                np.testing.assert_array_equal(codes[place].ravel(), code)
                if (np.concatenate([f * np.abs(w) for w, f, _ in pieces]) > 0).any():
                    want[r // tile, place[1].start // tile] += np.sum(f * (w - np.float64(scale[i, j]) * code) ** 2)
    np.testing.assert_allclose(error, want, rtol=1e-9, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**30), st.integers(1, 12), st.integers(1, 12), st.sampled_from("rtc"), books)
def test_weights_on_a_grid_come_back_exactly(seed: int, rows: int, columns: int, kind: str, book: Codebook) -> None:
    rng = np.random.default_rng(seed)
    block = {"r": (1, 4), "t": (4, 4), "c": (1, columns)}[kind]
    grid = rng.uniform(-1, 1, (-(-rows // block[0]), -(-columns // block[1]))).astype(np.float32) * np.float32(0.01)
    each = np.repeat(np.repeat(grid, block[0], 0), block[1], 1)[:rows, :columns]
    weight = (each * rng.choice(book.values, (rows, columns))).astype(np.float32)
    importance = rng.random((rows, columns), dtype=np.float32)
    dense = Dense(weight, importance, np.zeros(weight.shape, np.uint8), 4, block)
    classes = np.zeros((-(-rows // 4), -(-columns // 4)), np.uint8)
    scale, error = fit_scales(dense, [book], classes, 1)
    codes = round_nearest(dense, [book], classes, scale, 1)
    made = np.repeat(np.repeat(scale, block[0], 0), block[1], 1)[:rows, :columns] * codes.astype(np.float32)
    np.testing.assert_array_equal(made, weight)
    assert error.sum() <= 1e-13 * np.sum(importance * weight.astype(np.float64) ** 2)


@pytest.mark.parametrize("kind", ["row", "tile", "channel"])
def test_the_fit_is_close_to_the_best_scale_there_is(kind: str) -> None:
    weight, importance, apart = layer(3, 32, 64, whole=False)
    apart[:] = 0
    block = {"row": (1, 32), "tile": (32, 32), "channel": (1, 64)}[kind]
    classes = np.zeros((1, 2), np.uint8)
    book = left_aligned_codebook(3)
    _, error = fit_scales(Dense(weight, importance, apart, 32, block), [book], classes, 1)
    best = 0.0
    for r in range(0, 32, block[0]):
        for c in range(0, 64, block[1]):
            w = weight[r : r + block[0], c : c + block[1]].ravel()
            f = importance[r : r + block[0], c : c + block[1]].ravel()
            scales = np.geomspace(np.abs(w).max() / 1000, np.abs(w).max() / 30, 1000).astype(np.float32)
            best += min(float(np.sum(f * (w - s * nearest(w, s, book)) ** 2)) for s in (*scales, *-scales))
    assert best * 0.99 <= error.sum() <= best * 1.05


def test_a_mirrored_codebook_costs_nothing_and_helps() -> None:
    weight, importance, apart = layer(4, 64, 64, whole=False)
    classes = np.zeros((4, 4), np.uint8)
    book = left_aligned_codebook(3)
    plain, both = (
        fit_scales(Dense(weight, importance, apart, 16, (1, 16), signed), [book], classes, 1)
        for signed in (False, True)
    )
    assert (plain[0] > 0).all() and (both[0] < 0).any()
    assert both[1].sum() < 0.9 * plain[1].sum()
