# SPDX-License-Identifier: Apache-2.0
"""Clocks and energies at any voltage against hand-worked cases, and against a corner that was really characterized."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_tables import FOURS, WEIGHTS, small_table

import halo
from halo.characterization.table import WeightTable
from halo.dvfs.points import AlphaPower
from halo.dvfs.voltage import rows_of, supply
from halo.errors import HaloError

CORNERS = {"high": (1.2, 1.0), "low": (1.0, 2.0)}


def test_between_corners_each_weight_goes_by_its_own_logarithm() -> None:
    along = supply(small_table(CORNERS))
    assert (along.corners, along.voltages_v) == (("low", "high"), (1.0, 1.2))
    # Half way: geometric means. Odd 4000 and 1000 ps give 2000, even 1600 and 800, multiples of 4 1000 and 500.
    odd, even, four = 1e3 / 2000, 1e3 / np.sqrt(1600 * 800), 1e3 / np.sqrt(1000 * 500)
    expected = [four, odd, even, odd, four, odd, even, odd]
    np.testing.assert_allclose(along.clocks_ghz(1.1), expected, rtol=1e-6)
    np.testing.assert_allclose(along.clocks_ghz(1.05)[1], 1e3 / (4000**0.75 * 1000**0.25), rtol=1e-6)
    energy = np.sqrt((10 + np.abs(WEIGHTS)) * (14.4 + np.abs(WEIGHTS)))
    np.testing.assert_allclose(along.values("energy_fj", 1.1), energy, rtol=1e-6)
    assert [along.evidence(v) for v in (1.0, 1.1, 1.2)] == ["table", "interpolated", "table"]


def test_at_a_corner_the_table_itself() -> None:
    table = small_table(CORNERS)
    along = supply(table)
    for corner, voltage in (("low", 1.0), ("high", 1.2)):
        rows = table.rows(corner)
        assert along.clocks_ghz(voltage).tolist() == rows["fmax_ghz"].tolist()
        assert along.values("leakage_nw", voltage).tolist() == rows["leakage_nw"].tolist()


def test_alpha_power_law_by_hand() -> None:
    along = supply(small_table(), law=AlphaPower(0.5, 1.5, "by hand"))
    # (0.7 / 0.5)^1.5 / 1.2 times the clock at 1 V.
    np.testing.assert_allclose(along.clocks_ghz(1.2), along.clocks_ghz(1.0) * 1.4**1.5 / 1.2, rtol=1e-12)
    np.testing.assert_allclose(along.values("energy_fj", 1.2), along.values("energy_fj", 1.0) * 1.44, rtol=1e-12)
    np.testing.assert_allclose(along.values("leakage_nw", 1.2), along.values("leakage_nw", 1.0) * 1.2, rtol=1e-12)
    assert (along.evidence(1.0), along.evidence(1.2)) == ("table", "scaled")


def test_period_zero_is_no_limit() -> None:
    table = small_table()
    frame = table.to_pandas()
    still = frame["weight"] == 0
    frame.loc[still, ["period_ps", "fmax_ghz"]] = [0.0, np.nan]
    clocks = supply(type(table)(frame)).clocks_ghz(1.0)
    assert np.isinf(clocks[WEIGHTS.index(0)]) and np.isfinite(np.delete(clocks, WEIGHTS.index(0))).all()


def test_what_is_not_known_is_refused() -> None:
    table = small_table(CORNERS)
    for voltage in (0.9, 1.3):
        with pytest.raises(HaloError, match=f"no weights at {voltage} V") as caught:
            supply(table).clocks_ghz(voltage)
        assert "1 V (low), 1.2 V (high)" in caught.value.fix
    with pytest.raises(HaloError, match=r"no weights at 1.1 V"):
        supply(table, ["low"]).clocks_ghz(1.1)
    with pytest.raises(HaloError, match=r"no weights at 0.4 V"):  # below the threshold
        supply(table, ["low"], AlphaPower(0.5, 1.3, "x")).clocks_ghz(0.4)
    with pytest.raises(HaloError, match="beside several corners"):
        supply(table, law=AlphaPower(0.5, 1.3, "x"))
    with pytest.raises(HaloError, match="differ in temperature"):
        supply(small_table(CORNERS, {"high": -40.0}))
    with pytest.raises(HaloError, match="both of 1 V"):
        supply(small_table({"ss": (1.0, 1.5), "tt": (1.0, 1.0)}))
    with pytest.raises(HaloError, match="no corner 'ff'"):
        supply(table, ["ff"])
    with pytest.raises(HaloError, match="no weight 9"):
        rows_of(table, [0, 9])
    with pytest.raises(HaloError, match="no weight is given"):
        rows_of(table, [])
    frame = table.to_pandas()
    frame["energy_fj"] = np.nan
    with pytest.raises(HaloError, match="without energy_fj"):
        supply(type(table)(frame)).values("energy_fj", 1.0)


@pytest.mark.parametrize(("threshold", "alpha"), [(-0.1, 1.3), (0.4, 0.5), (0.4, 3.0), (float("nan"), 1.3)])
def test_impossible_laws(threshold: float, alpha: float) -> None:
    with pytest.raises(HaloError, match="alpha-power law"):
        AlphaPower(threshold, alpha, "x")


def test_between_real_corners_the_clock_errs_to_the_safe_side(shared: Path) -> None:
    """A 4 x 4 bit MAC, static timing, sky130 at -40 C: 1.40 V from 1.28 and 1.44 V against its own library."""
    files = {v: shared / f"liberty/sky130hd/sky130_fd_sc_hd__ss_n40C_{v}.lib.gz" for v in ("1v28", "1v40", "1v44")}
    params = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 12}
    table = halo.characterize(corners=files, method="static", params=params)
    guess = supply(table, ["1v28", "1v44"]).clocks_ghz(1.40)
    own = supply(table, ["1v40"]).clocks_ghz(1.40)
    ratio = guess / own
    assert (ratio < 1).all() and (ratio > 0.95).all()
    assert table.rows("1v40")["voltage_v"].iloc[0] == 1.40 and set(FOURS) <= set(table.weights)


def test_a_narrow_table_is_told_with_its_range() -> None:
    with pytest.raises(HaloError, match=rf"no weight 99: its weights run from {WEIGHTS[0]} to {WEIGHTS[-1]}\nGive the"):
        rows_of(small_table(CORNERS), [0, 99])
    whole = small_table(CORNERS).to_pandas()
    holes = WeightTable(whole[~whole["weight"].isin(WEIGHTS[2:4])])
    with pytest.raises(HaloError, match=rf"no weight {WEIGHTS[2]}: 2 of the values from .* have no row\n.*weights"):
        rows_of(holes, [WEIGHTS[2]])
    with pytest.raises(HaloError, match="no weight is given"):
        rows_of(small_table(CORNERS), [])
