# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: derived columns by hand, the front, the order, and the choice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from halo.errors import HaloError
from halo.flow.exploring.candidate import Candidate
from halo.flow.exploring.codebook import Histogram
from halo.flow.exploring.columns import NAMES
from halo.flow.exploring.evaluation import Figures, class_on, spread
from halo.flow.exploring.rows import choose, row, table
from halo.flow.exploring.space import Structure


def figures(
    area: float, period: float, of_class: float, energy: float, class_energy: float, passes: int = 1
) -> Figures:
    """Figures of an element: half of its weights at the one clock, half at the other."""
    held = 256 if passes == 1 else 16
    return Figures(
        area=area,
        cells=10,
        registers=4,
        clocks=2,
        passes_all=passes,
        passes_class=1,
        periods_ps=(period,) * (held // 2) + (of_class,) * (held // 2),
        period_all_ps=period,
        period_class_ps=of_class,
        energy_all_fj=energy,
        energy_class_fj=class_energy,
        function="psum + weight * activation",
        proven="tried",
    )


def made(weights: Histogram | None = None) -> pd.DataFrame:
    found = {
        "plain": figures(1000, 1000, 950, 20, 15),
        "aware": figures(1100, 1000, 800, 22, 16),
        "narrow": figures(500, 800, 800, 30, 15, passes=2),
        "worse": figures(1200, 1100, 1000, 25, 20),
        "wrong": Figures(area=1.0, reason="it computes something else"),
    }
    return table([row(Candidate(name=n, structure=Structure()), f, "tt", weights) for n, f in found.items()])


def test_derived_columns_by_hand() -> None:
    frame = made().set_index("candidate")
    assert tuple(made().columns) == NAMES
    # 1e12 ps a second / (1000 ps * 1000 um2); the narrow one takes two clocks a MAC.
    assert frame.loc["plain", "macs_per_s_um2_all"] == 1e6
    assert frame.loc["narrow", "macs_per_s_um2_all"] == 1e12 / (800 * 2 * 500)
    assert frame.loc["narrow", "macs_per_s_um2_class"] == 1e12 / (800 * 500)
    assert frame.loc["aware", "clock_ratio"] == 1.25 and frame.loc["aware", "fast_weights"] == 128
    assert frame["kind"].to_dict() == {
        "plain": "conventional",
        "aware": "weight_aware",
        "narrow": "low_bit",
        "worse": "conventional",
        "wrong": "",
    }


def test_front_and_order() -> None:
    frame = made()
    assert frame["candidate"].tolist() == ["narrow", "plain", "aware", "worse", "wrong"]
    assert frame["pareto"].tolist() == [True, True, True, False, False]
    assert pd.isna(frame["macs_per_s_um2_all"].iloc[-1]) and frame["reason"].iloc[-1] == "it computes something else"


def test_choice() -> None:
    frame = made()
    name = frame["candidate"]
    assert name[choose(frame, "throughput")] == "narrow"
    assert name[choose(frame, "energy")] == "plain"
    assert name[choose(frame, "class-energy")] == "narrow"
    assert name[choose(frame, "worse")] == "worse"
    with pytest.raises(HaloError, match="called wrong"):
        choose(frame, "wrong")
    with pytest.raises(HaloError, match="no candidate counts: it computes"):
        choose(frame[frame["candidate"] == "wrong"], "throughput")


def test_the_error_is_that_of_the_fast_weights() -> None:
    frame = made(Histogram(np.array([1.0, 2.0, 127.0]), np.ones(3))).set_index("candidate")
    assert frame.loc["aware", "error"] == pytest.approx(0.0, abs=1e-6)  # 0 to 127 are fast
    assert pd.isna(frame.loc["wrong", "error"])


def test_a_class_on_narrow_ports() -> None:
    grid = tuple(range(-128, 128, 16))
    assert class_on(grid, 8).passes == 1 and class_on(grid, 8).weights.tolist() == list(grid)
    assert class_on(grid, 4).weights.tolist() == list(range(-8, 8)) and class_on(grid, 4).passes == 1
    assert class_on((-64, 0, 32), 4).weights.tolist() == [-4, 0, 2]
    odd = class_on((-64, 0, 3), 4)
    assert odd.passes == 2 and odd.weights.tolist() == list(range(-8, 8))


def test_weights_are_spread_over_values_and_low_bits() -> None:
    chosen = spread(np.arange(-128, 128), 32)
    assert len(set(chosen.tolist())) == 32 and chosen.tolist() == sorted(chosen.tolist())
    for modulus in (2, 4, 8):
        counts = np.bincount(chosen % modulus, minlength=modulus)
        assert counts.tolist() == [32 // modulus] * modulus
    assert spread(np.arange(5), 32).tolist() == [0, 1, 2, 3, 4]
