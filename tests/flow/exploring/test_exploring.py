# SPDX-License-Identifier: Apache-2.0
"""A small search from options to run folder: rows, reasons, what a second run knows, and a run that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import halo
from halo.errors import HaloError
from halo.flow.exploring.columns import NAMES
from halo.flow.exploring.store import folder

WRONG = """module wrong (input signed [7:0] weight, input signed [7:0] activation, output signed [15:0] product);
    assign product = weight * activation + $signed({1'b0, weight == 8'sd3 && activation[0]});
endmodule
"""
BROKEN = "module broken (input signed [7:0] weight, input signed [7:0] activation, output signed [15:0] product);\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explore-cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_CACHE", str(cache))


@pytest.mark.slow
def test_a_small_search(osu018: Path, tmp_path: Path, cache: Path) -> None:
    wrong = tmp_path / "wrong.v"
    wrong.write_text(WRONG, encoding="utf-8")
    weights = tmp_path / "weights.csv"
    weights.write_text("-0.4137,3\n0.1009,9\n0.2873,4\n0.0519,5\n", encoding="utf-8")
    result = halo.explore(
        wrong, liberty=osu018, run_folder=tmp_path / "run", budget=1, samples=16, jobs=2, weights=weights
    )
    run = tmp_path / "run"
    frame = pd.read_csv(run / "candidates.csv")
    assert tuple(frame.columns) == NAMES and len(frame) == 5 == len(pd.read_parquet(run / "candidates.parquet"))
    own = frame.iloc[0]
    # The default MAC: 23,116 um2; 3,524 and 2,821 ps by static timing with the weight's bits held.
    assert own["candidate"] == "csa_array-cp-p0" == result.chosen and own["area_um2"] == 23116
    assert own["period_all_ps"] == pytest.approx(3524, abs=1) and own["period_class_ps"] == pytest.approx(2821, abs=1)
    assert own["kind"] == "weight_aware" and own["chosen"] and own["pareto"] and 0 < own["error"] < 0.2
    failed = frame[frame["candidate"].str.startswith("wrong")]
    assert len(failed) == 4 and failed["reason"].str.contains("with weight 3, activation").all()
    assert failed["proven"].isna().all() and failed["period_all_ps"].isna().all()
    periods = pd.read_csv(run / "periods.csv")
    assert periods["candidate"].unique().tolist() == ["csa_array-cp-p0"]
    assert periods["weight"].tolist() == list(range(-128, 128)) and periods["period_ps"].max() == own["period_all_ps"]
    record = halo.read_run(run)
    assert record.results["counting"] == 1 and record.results["evaluated"] == 5 and record.command == "explore"
    assert {path.name for path in (run / "plots").iterdir()} == {"throughput_and_energy.png", "clock_ratio.png"}
    table = halo.load_table(run / "chosen" / "run")
    assert table.frame["period_ps"].max() == pytest.approx(own["period_all_ps"], rel=0.01)
    assert all(Path(file.path).is_file() for file in halo.read_run(run / "chosen" / "run").inputs)

    began = time.monotonic()
    again = halo.explore(
        wrong, liberty=osu018, run_folder=tmp_path / "again", budget=1, samples=16, jobs=1, weights=weights
    )
    assert again.new == 0 and again.frame.drop(columns="file").equals(result.frame.drop(columns="file"))
    assert (tmp_path / "again" / "candidates.csv").read_bytes() == (run / "candidates.csv").read_bytes()
    assert time.monotonic() - began < 60
    assert len(list(folder().glob("*.json"))) == 5


@pytest.mark.slow
def test_a_killed_run_goes_on(osu018: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))
    command = [sys.executable, "-m", "halo", "explore", "--liberty", str(osu018), "--budget", "2", "--samples", "8"]
    command += ["--jobs", "1", "-o", str(tmp_path / "run")]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            if list((tmp_path / "cache" / "explore").glob("*.json")):
                break
            time.sleep(0.1)
            assert run.poll() is None
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert not (tmp_path / "run").exists()
    result = halo.explore(liberty=osu018, run_folder=tmp_path / "run", budget=2, samples=8, jobs=1)
    assert result.new == 1 and len(result.frame) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"run", "cache"}


def test_what_cannot_be_read_is_said_at_once(osu018: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.v"
    broken.write_text(BROKEN, encoding="utf-8")
    with pytest.raises(HaloError) as refused:
        halo.explore(broken, liberty=osu018, run_folder=tmp_path / "run")
    assert refused.value.path is not None and Path(refused.value.path).name == "broken.v"
    assert not (tmp_path / "run").exists()


def test_options_that_contradict(tmp_path: Path) -> None:
    library = tmp_path / "cells.lib"
    for options, said in (
        ({"budget": 0}, "nothing to try"),
        ({"weight": "w"}, "none is given"),
        ({"class_weights": "int5"}, "names no class"),
        ({"budget": -1}, "out of range"),
        ({}, "no such file"),
    ):
        with pytest.raises(HaloError, match=said):
            halo.explore(liberty=library, run_folder=tmp_path / "run", **options)
