# SPDX-License-Identifier: Apache-2.0
"""Periods of sets of weights: of halo's own element, of a MAC alone, and of a table without gates."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from halo.characterization.table import load_table
from halo.config import CharacterizeConfig
from halo.dvfs.check import check
from halo.dvfs.cost import Segment
from halo.dvfs.files import preset
from halo.dvfs.limits import safe_points
from halo.dvfs.periods import ELEMENT_SHARE, AssumedPeriods
from halo.dvfs.schedule import Schedule, ScheduledLayer, WeightSet, table_hash
from halo.dvfs.table_points import table_dvfs
from halo.errors import HaloError
from halo.flow.characterize import characterize
from halo.flow.gate_level.array import build_array
from halo.flow.gate_level.class_period import array_bounds
from halo.flow.gate_level.table_periods import PORTS, ElementPeriods, MacPeriods, table_periods
from halo.flow.runs.assets import mac_sources
from halo.flow.runs.provenance import Recorder
from halo.progress import silent

WIDTHS = (("WEIGHT_WIDTH", 4), ("ACTIVATION_WIDTH", 4), ("ACC_WIDTH", 10))
ALL = tuple(range(-8, 8))
EVEN, FOURS = ALL[::2], ALL[::4]
SETS = (ALL, EVEN, FOURS)


@pytest.fixture(autouse=True)
def _cache(model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_CACHE", str(model_cache))


def run_of(
    folder: Path, library: Path, top: str, *, files: tuple[Path, ...] = (), netlist: tuple[Path, ...] = ()
) -> Path:
    """A characterized run of a four-bit MAC, by its bounds."""
    config = CharacterizeConfig(
        corners=(("typ", (library,)),),
        run_folder=folder,
        top=top,
        files=files or (() if netlist else mac_sources()),
        netlist=netlist,
        params=() if netlist else WIDTHS,
        method="bound",
        margin_ps=50.0,
    )
    return characterize(config, silent)


@pytest.fixture(scope="module")
def runs(osu018: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {family: run_of(folder / family, osu018, f"mac_{family}") for family in ("csa_array", "booth_r4")}


def longest_ps(run: Path, weights: tuple[int, ...]) -> float:
    return 1e3 / float(load_table(run).fmax(weights).iloc[0])


@pytest.mark.parametrize("family", ["csa_array", "booth_r4"])
def test_a_mac_of_halos_own_has_the_periods_of_its_element(
    family: str, runs: dict[str, Path], osu018: Path, tmp_path: Path
) -> None:
    """Widths follow the run; the margin of its periods comes on top; the second call reads the cache."""
    bounds = array_bounds(build_array("pe", dict(WIDTHS) | {"MULTIPLIER": family}, [osu018], tmp_path))
    said: list[str] = []
    for _ in range(2):
        periods = table_periods(runs[family], lambda stage, done, total: said.append(stage))
        assert isinstance(periods, ElementPeriods)
        for weights in SETS:
            expected = bounds.swapping(weights).period_fs / 1e3 + 50
            assert periods.period_ps(weights, "typ", 0.0) == pytest.approx(expected, abs=1e-6)
            assert expected >= bounds.at_rest(weights[0]).period_fs / 1e3 + 50
    assert len(said) in (0, 2 * len(SETS))  # begun and ended, in the first round only, if ever
    assert f"pe_ws with {family}" in periods.source


def test_swaps_in_a_booth_multiplier_take_far_more_than_a_flat_margin(runs: dict[str, Path]) -> None:
    """Its weight bits take part in every row: each set has a ratio of its own, not the worst of all."""
    table = load_table(runs["booth_r4"])
    bound = table_dvfs(table, [EVEN, FOURS], None, preset("ivr"), table_periods(runs["booth_r4"]))
    ratios = {own.weights: own.ratios[0] for own in bound.dvfs.periods}
    assert len({round(ratio, 4) for ratio in ratios.values()}) == 3
    assert min(ratios[EVEN], ratios[FOURS]) > 1.1
    for weights in SETS:
        needed = table_periods(runs["booth_r4"]).period_ps(weights, "typ", 0.0)
        fastest = max(safe_points(bound, weights))
        assert 1e3 / bound.dvfs.points[fastest].frequency_ghz >= needed * (1 - 1e-9)
    # The clock that a flat margin of 2.5 % would have given: the check refuses it.
    points = bound.dvfs.points
    flat = 1e3 / (1.025 * longest_ps(runs["booth_r4"], FOURS))
    assert flat > points[-1].frequency_ghz
    fast = Schedule(
        "by hand",
        table_dvfs(table, [FOURS], None, preset("ivr"), AssumedPeriods()).dvfs,
        (WeightSet("fours", FOURS),),
        WeightSet("any", ALL),
        (ScheduledLayer("layer", (Segment(1, 0, 10, 1),), 1),),
        table_hash(table),
    )
    assert fast.dvfs.points[1].frequency_ghz == pytest.approx(flat)
    stated = Schedule(**{**vars(fast), "dvfs": type(fast.dvfs)(**{**vars(fast.dvfs), "periods": bound.dvfs.periods})})
    (found,) = check(stated, table)
    assert found.clock_ghz == pytest.approx(flat) and found.limit_ghz < flat


@pytest.mark.parametrize("family", ["csa_array", "booth_r4"])
def test_a_mac_whose_element_is_not_known_is_bounded_itself(
    family: str, runs: dict[str, Path], osu018: Path, tmp_path: Path
) -> None:
    """The netlist of one of halo's own, as a user's: what is assumed of its element covers the real one."""
    run = run_of(tmp_path / "own", osu018, f"mac_{family}", netlist=(runs[family] / "netlist.v",))
    periods, element = table_periods(run), table_periods(runs[family])
    assert isinstance(periods, MacPeriods) and isinstance(element, ElementPeriods)
    for weights in SETS:
        found = periods.period_ps(weights, "typ", 0.0)
        assert found >= element.period_ps(weights, "typ", 0.0)
        assert found > longest_ps(run, weights)  # at rest
    # A set of one weight moves nothing: its own bound, with the weight bits behind registers, and the assumption.
    alone = (periods.period_ps((1,), "typ", 0.0) - 50) / (1 + ELEMENT_SHARE) + 50
    at_rest = longest_ps(run, (1,))
    assert at_rest - 1e-3 <= alone <= 1.02 * at_rest
    assert "2.5% assumed" in periods.source and any(text.startswith("ASSUMED") for text in periods.assumptions)


def test_other_sources_have_no_element(osu018: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.v"
    own.write_text(
        "module mac_csa_array(input signed [2:0] weight_i, input signed [2:0] activation_i, input signed [7:0] psum_i,"
        " output signed [7:0] psum_o); assign psum_o = psum_i + weight_i * activation_i; endmodule"
    )
    config = CharacterizeConfig(
        corners=(("typ", (osu018,)),), run_folder=tmp_path / "run", files=(own,), method="static"
    )
    periods = table_periods(characterize(config, silent))
    assert isinstance(periods, MacPeriods)
    table = load_table(tmp_path / "run")
    # By static timing every path counts: no set is faster than the longest of the table with its weights.
    assert periods.period_ps((-4, 0), "typ", 0.0) >= longest_ps(tmp_path / "run", (-4, 0))
    assert periods.period_ps(table.weights, "typ", 0.0) >= longest_ps(tmp_path / "run", table.weights)


def test_a_run_without_its_library(osu018: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "cells.lib"
    shutil.copyfile(osu018, library)
    run = run_of(tmp_path / "run", library, "mac_csa_array")
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))
    library.unlink()
    with pytest.raises(HaloError, match="is not there") as caught:
        table_periods(run).period_ps(FOURS, "typ", 500.0)
    assert f"Or score with {run / 'weights.csv'}: its periods are then assumed" in caught.value.fix
    assert table_periods(run / "weights.csv") == AssumedPeriods()
    assert table_periods(run / "weights.csv").period_ps(FOURS, "typ", 500.0) == pytest.approx(512.5)


def test_the_class_that_a_margin_of_2_5_percent_did_not_cover(shared: Path, tmp_path: Path) -> None:
    """Multiples of 32 on IHP at 1.2 V: 2,115.7 ps with swaps; the table of then, by 1.025, said 2,105.3."""
    library = shared / "liberty/ihp_sg13g2/sg13g2_stdcell_typ_1p20V_25C.lib.gz"
    config = CharacterizeConfig(corners=(("typ", (library,)),), run_folder=tmp_path, top="mac_csa_array")
    with Recorder(tmp_path, "characterize", config.to_dict(), (*mac_sources(), library)) as record:
        record.results |= {"design": "mac_csa_array", "roles": dict(PORTS)}
    needed = table_periods(tmp_path).period_ps(range(-128, 128, 32), "typ", 2053.92)
    assert needed == pytest.approx(2115.7, abs=0.1) and needed > 1.025 * 2053.92


@pytest.mark.parametrize("name", ["weights.csv", "netlist.v"])
def test_a_file_of_another_run_is_refused(name: str, runs: dict[str, Path], tmp_path: Path) -> None:
    mixed = shutil.copytree(runs["csa_array"], tmp_path / "mixed")
    assert isinstance(table_periods(mixed), ElementPeriods)
    shutil.copyfile(runs["booth_r4"] / name, mixed / name)
    with pytest.raises(HaloError, match=f"{name} is not the one that its run wrote"):
        table_periods(mixed)
    (mixed / "run.json").unlink()
    assert isinstance(table_periods(mixed), AssumedPeriods)
