# SPDX-License-Identifier: Apache-2.0
"""Each method on a MAC of its own, in arrays of equal size, area or power: cases worked by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from synthetic_run import corner

from halo.arch.systolic.array import read_arch
from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.flow.runs.provenance import RunRecord
from halo.flow.score import ScoreConfig, score_model
from halo.flow.scoring.machine import SystolicMachine, read_machine
from halo.flow.scoring.macs import resized, scored_macs
from halo.progress import silent
from halo.report.score import score_report
from halo.report.text import render


def written(folder: Path, *, period: float = 1.0, energy: float = 1.0) -> Path:
    """A bare table: the synthetic one with all periods and energies (leakage included) times a factor."""
    rows = corner()[0].copy()
    rows["period_ps"] *= period
    rows["fmax_ghz"] /= period
    rows[["energy_fj", "glitch_energy_fj"]] *= energy
    rows["leakage_nw"] *= energy / period
    folder.mkdir()
    WeightTable(rows).write(folder)
    return folder


def test_as_many_elements_as_the_factor_allows() -> None:
    machine = SystolicMachine(read_arch("systolic-128"))
    arch = resized(machine, 1.69).arch
    # 128 * 1.3 = 166.4 rows; 128 * 128 * 1.69 = 27,688 elements, 166 in each of 166 rows.
    assert (arch.rows, arch.columns) == (166, 166)
    arch = resized(machine, 0.5).arch
    assert (arch.rows, arch.columns) == (90, 91)  # 8,192 elements: 90 rows of 91
    assert (resized(machine, 1.0).arch.rows, resized(machine, 1.0).arch.columns) == (128, 128)
    with pytest.raises(HaloError, match="an array of equal cost would have 0 elements"):
        resized(machine, 1e-6)


def test_equal_power_counts_energy_over_the_period(tmp_path: Path) -> None:
    one = written(tmp_path / "one")
    # Half the energy in half the period: the same power, so as many MACs. A quarter of it in half: twice as many.
    same = written(tmp_path / "same", period=0.5, energy=0.5)
    half = written(tmp_path / "half", period=0.5, energy=0.25)
    macs = scored_macs(one, {"a": (same,), "b": (half,)}, read_machine("systolic-128"), "power", None)
    sizes = {path.name: mac.machine.arch.elements for (path,), mac in macs.items()}  # type: ignore[attr-defined]
    assert sizes["one"] == 128 * 128
    assert 128 * 128 - 2 < sizes["same"] <= 128 * 128  # figures in a table are rounded
    assert 2 * 128 * 128 - 181 < sizes["half"] <= 2 * 128 * 128
    assert "of the power of the MACs" in str(macs[(half,)].said)


def recorded(folder: Path, results: dict[str, float]) -> None:
    """The record of a run with these results beside the table."""
    RunRecord("characterize", "", {}, (), {}, (), results, {}, "", 0.0, "", "").write(folder)


def test_equal_area_takes_areas_from_the_runs(tmp_path: Path) -> None:
    one, other, bare = (written(tmp_path / name) for name in ("one", "other", "bare"))
    array = read_machine("systolic-32")
    recorded(one, {"area": 300.0, "registers": 0})
    recorded(other, {"area": 200.0, "registers": 0})
    arch = scored_macs(one, {"a": (other,)}, array, "area", None)[(other,)].machine.arch  # type: ignore[attr-defined]
    assert (arch.rows, arch.columns) == (39, 39)  # 1,536 elements; 32 * sqrt(1.5) = 39.19 rows
    with pytest.raises(HaloError, match="need the MAC's area, which a bare table lacks"):
        scored_macs(bare, {"a": (other,)}, array, "area", None)
    with pytest.raises(HaloError, match="is no array"):
        scored_macs(one, {"a": (other,)}, read_machine("a100-80"), "area", None)
    recorded(other, {"area": 200.0, "registers": 64})
    with pytest.raises(HaloError, match=r"only one of .* has registers"):
        scored_macs(one, {"a": (other,)}, array, "area", None)


def test_a_method_on_its_own_mac(tmp_path: Path) -> None:
    slow, fast = written(tmp_path / "slow"), written(tmp_path / "fast", period=0.5)
    options = {"arch": "systolic-32", "context": 64, "compute_bound": True}
    score_model(ScoreConfig("opt-1.3b", slow, tmp_path / "a", methods=("w8a8", "w4a8"), **options), silent)  # type: ignore[arg-type]
    config = ScoreConfig(
        "opt-1.3b",
        slow,
        tmp_path / "b",
        methods=("w8a8", "w4a8"),
        macs=(("w4a8", fast),),
        **options,  # type: ignore[arg-type]
    )
    score_model(config, silent)
    one, two = (
        pd.read_csv(tmp_path / name / "score.csv").query("role == 'total'").set_index("method") for name in "ab"
    )
    assert two.loc["w8a8", "time_ps"] == one.loc["w8a8", "time_ps"]
    assert two.loc["w4a8", "time_ps"] == pytest.approx(one.loc["w4a8", "time_ps"] / 2, rel=1e-3)
    assert two.loc["w4a8", "cycles"] == one.loc["w4a8", "cycles"]
    text = render(score_report(tmp_path / "b"))
    assert str(fast) in text and "32 x 32" in text


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"macs": (("w3a8", "x"),)}, "w3a8' names no method that is scored"),
        ({"macs": (("w8a8", "x"), ("w8a8", "y"))}, "w8a8' is given twice"),
        ({"equal": "area"}, "area compares nothing"),
    ],
)
def test_bad_options(options: dict[str, object], what: str, tmp_path: Path) -> None:
    table = written(tmp_path / "x")
    written(tmp_path / "y")
    if "macs" in options:
        options = {"macs": tuple((label, tmp_path / name) for label, name in options["macs"])}  # type: ignore[attr-defined]
    with pytest.raises(HaloError, match=what):
        config = ScoreConfig("opt-1.3b", table, tmp_path / "run", methods=("w8a8",), arch="systolic-32", **options)  # type: ignore[arg-type]
        score_model(config, silent)
    assert not (tmp_path / "run").exists()
