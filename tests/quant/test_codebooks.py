# SPDX-License-Identifier: Apache-2.0
"""Codebooks from tables made up so that the answer is known, and the best ones beside every subset there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.characterization.classes import trailing_zeros
from halo.characterization.table import WeightTable, corner_rows
from halo.errors import HaloError
from halo.quant.codebooks import (
    Distribution,
    best_codebook,
    class_codebooks,
    distribution,
    least_cost_at,
    left_aligned_codebook,
)


def table(bits: int = 8, *, zero_ps: float = 250.0, energy: bool = True, signed: bool = True) -> WeightTable:
    """Period falls by 40 ps and energy by 5 fJ with each trailing zero."""
    weights = np.arange(1 << bits) - ((1 << (bits - 1)) if signed else 0)
    zeros = trailing_zeros(weights)
    period = np.where(weights == 0, zero_ps, 600.0 - 40 * zeros)
    columns = {"period_ps": period, "fmax_ghz": 1e3 / period}
    if energy:
        columns["energy_fj"] = np.where(weights == 0, 10.0, 60.0 - 5 * zeros)
    return WeightTable(corner_rows("tt", 1.0, 25.0, weights, columns))


def test_classes_are_the_weights_fast_enough() -> None:
    slow, middle, fast = class_codebooks(table(), targets_ghz=[1.6, 2.27, 2.5])
    assert len(slow.values) == 256
    assert middle.values.tolist() == list(range(-128, 128, 16)) == left_aligned_codebook(4).values.tolist()
    assert fast.values.tolist() == list(range(-128, 128, 32)) == left_aligned_codebook(3).values.tolist()
    for book in (slow, middle, fast):
        assert book.frequency_ghz == table().fmax(book.values.tolist())["tt"]
    assert fast.energy_fj == pytest.approx((10 + 4 * 35 + 2 * 30 + 25) / 8)
    assert [len(b.values) for b in class_codebooks(table(), 2)] == [256, 64]


def test_zero_is_added_and_slows_the_class() -> None:
    (book,) = class_codebooks(table(zero_ps=590.0), targets_ghz=[1e3 / 400])
    assert 0 in book.values and book.source.endswith("and 0")
    assert book.frequency_ghz == pytest.approx(1e3 / 590)


def test_uniform_grids_get_clock_and_energy_of_the_table() -> None:
    book = left_aligned_codebook(3, table())
    assert (book.name, book.frequency_ghz) == ("INT3 << 5", 2.5)
    assert left_aligned_codebook(3).frequency_ghz is None
    assert left_aligned_codebook(8).name == "INT8" and left_aligned_codebook(8).values.tolist() == list(
        range(-128, 128)
    )
    assert left_aligned_codebook(2, table(4), bits=4).values.tolist() == [-8, -4, 0, 4]
    assert left_aligned_codebook(2, table(energy=False)).energy_fj is None
    with pytest.raises(HaloError, match="does not fit a 4-bit operand"):
        left_aligned_codebook(5, bits=4)


@pytest.mark.parametrize("bits", [4, 6])
def test_other_widths_work_and_a_wrong_one_is_refused(bits: int) -> None:
    (book,) = class_codebooks(table(bits), targets_ghz=[1.92], bits=bits)
    half = 1 << (bits - 1)
    assert book.values.tolist() == list(range(-half, half, 4))
    for wrong in (lambda t: class_codebooks(t, 2), lambda t: left_aligned_codebook(3, t)):
        with pytest.raises(HaloError, match=f"run from {-half} to {half - 1}, the codes from -128 to 127"):
            wrong(table(bits))
    with pytest.raises(HaloError, match="run from 0 to 255"):
        class_codebooks(table(signed=False), 2)
    with pytest.raises(HaloError, match="9 bits are not supported"):
        class_codebooks(table(), 2, bits=9)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**30), st.integers(1, 8), st.integers(1, 8), st.booleans())
def test_the_chosen_subset_is_the_best_of_all(seed: int, m: int, n: int, priced: bool) -> None:
    rng = np.random.default_rng(seed)
    allowed = np.union1d(rng.choice(np.arange(-20, 20), m, replace=False), [0])
    n = min(n, len(allowed))
    value = np.sort(rng.uniform(-25, 25, 60))
    mass, share = rng.random(60), rng.random(60)
    price = rng.random(len(allowed)) * (20 if priced else 0)

    def cost(codes: np.ndarray) -> float:
        at = np.abs(value[:, None] - codes).argmin(axis=1)
        return float(np.sum(mass * (value - codes[at]) ** 2 + share * price[np.searchsorted(allowed, codes[at])]))

    found, codes = least_cost_at(allowed, n, value, mass, share, price)
    subsets = (np.array(s) for k in range(1, n + 1) for s in itertools.combinations(allowed, k) if 0 in s)
    assert found == pytest.approx(min(cost(s) for s in subsets), abs=1e-9)
    assert cost(codes) == pytest.approx(found, abs=1e-9)
    assert 0 in codes and len(codes) <= n and np.isin(codes, allowed).all()


def normal() -> Distribution:
    value = np.linspace(-4, 4, 801)
    mass = np.exp(-(value**2) / 2)
    return Distribution(value, mass / mass.sum())


def noise(values: np.ndarray) -> float:
    """Least noise-to-signal of a codebook over scales."""
    spread = normal()
    errors = []
    for scale in np.geomspace(0.005, 0.5, 400):
        at = np.abs(spread.value[:, None] / scale - values).min(axis=1) * scale
        errors.append(float((spread.mass * at**2).sum()))
    return min(errors)


def test_a_fitted_codebook_beats_the_grid_at_the_same_clock() -> None:
    clock = 1.92  # multiples of four
    book = best_codebook(table(), 8, clock, normal())
    assert (book.values % 4 == 0).all() and len(book.values) == 8
    assert book.frequency_ghz is not None and book.frequency_ghz >= clock
    assert noise(book.values) < 0.95 * noise(left_aligned_codebook(3).values)
    assert noise(book.values) < 1.1 * 0.03455  # Lloyd-Max with eight levels (Max, 1960)
    fast = best_codebook(table(), 8, 2.5, normal())
    assert fast.values.tolist() == left_aligned_codebook(3).values.tolist()


def test_energy_has_its_price() -> None:
    books = [best_codebook(table(), 16, 1.6, normal(), energy_weight=w) for w in (0.0, 0.02, 0.5)]
    energy = [b.energy_fj for b in books]
    assert None not in energy and energy == sorted(energy, reverse=True) and energy[0] != energy[2]  # type: ignore[type-var]
    lost = [noise(b.values) for b in books]
    assert lost == sorted(lost) and lost[1] > lost[0]
    assert "energy weight 0.5" in books[2].source
    with pytest.raises(HaloError, match="no energies"):
        best_codebook(table(energy=False), 8, 1.6, normal(), energy_weight=1.0)


def test_impossible_codebooks_are_refused() -> None:
    with pytest.raises(HaloError, match="weight 0 is not safe at 5 GHz"):
        best_codebook(table(), 2, 5.0, normal())
    with pytest.raises(HaloError, match=r"9 values cannot be chosen at 2\.5 GHz"):
        best_codebook(table(), 9, 2.5, normal())


def test_a_distribution_is_of_weights_over_their_block() -> None:
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(40, 70)).astype(np.float32) * np.array([[0.01], [1]] * 20, np.float32)
    spread = distribution(weight, block=32)
    assert spread.mass.sum() == pytest.approx(1)
    assert float((spread.mass * spread.value**2).sum()) == pytest.approx(1, abs=0.01)
    assert np.array_equal(spread.value, distribution(weight * 8, block=32).value)
    importance = np.where(weight > 0, 1, 0).astype(np.float32)
    assert (distribution(weight, importance, block=32).value > 0).all()
    with pytest.raises(HaloError, match="no weight that matters"):
        distribution(weight, 0 * weight, block=32)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**30), st.integers(1, 150), st.integers(1, 40), st.integers(1, 50), st.booleans())
def test_a_distribution_is_the_histogram_of_the_ratios(
    seed: int, rows: int, columns: int, block: int, priced: bool
) -> None:
    rng = np.random.default_rng(seed)
    weight = (rng.standard_t(2, (rows, columns)) * rng.choice([0, 0.01, 1], (rows, 1), p=[0.1, 0.4, 0.5])).astype("f4")
    weight[0, 0] = 1
    importance = rng.random(weight.shape).astype(np.float32) if priced else None
    ratios, masses = [], []
    for c in range(0, columns, block):
        part = weight[:, c : c + block].astype(np.float64)
        power = np.broadcast_to(np.mean(part**2, axis=1, keepdims=True), part.shape)
        alive = power > 0
        ratios.append((part[alive] / np.sqrt(power[alive])).clip(-8, 7.999))
        masses.append((power if importance is None else power * importance[:, c : c + block])[alive])
    edges = np.linspace(-8, 8, 2049)
    want, _ = np.histogram(np.concatenate(ratios), edges, weights=np.concatenate(masses))
    found = distribution(weight, importance, block=block)
    got = np.zeros(2048)
    got[np.searchsorted(edges, found.value) - 1] = found.mass
    below, wanted = np.cumsum(got), np.cumsum(want) / want.sum()
    # A ratio on the edge of two bins, such as 1 where a block is one weight, may fall into either.
    assert (below[1:] >= wanted[:-1] - 1e-9).all() and (below[:-1] <= wanted[1:] + 1e-9).all()
