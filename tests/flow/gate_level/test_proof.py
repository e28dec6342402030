# SPDX-License-Identifier: Apache-2.0
"""``halo sim --gates`` from the library to the run folder, on a small element and a small array."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from halo.cli.main import main
from halo.errors import HaloError
from halo.flow.gate_level.proof import ERROR_RATES, TRIALS, GatesConfig, parse_weights, play_gates
from halo.flow.runs.provenance import read_record
from halo.report.gates import gates_report
from halo.report.text import render

needs_icarus = pytest.mark.skipif(shutil.which("vvp") is None, reason="Icarus Verilog is not installed")
OWN = """module my_mul(input signed [3:0] weight_i, activation_i, output signed [7:0] product_o);
    assign product_o = weight_i * activation_i;
endmodule
"""
WIDTHS = (("WEIGHT_WIDTH", 4), ("ACTIVATION_WIDTH", 4), ("ACC_WIDTH", 10))


def quiet(stage: str, done: int, total: int) -> None:
    """No progress."""


@pytest.mark.tools
@pytest.mark.slow
@needs_icarus
def test_element_from_the_command_line(
    osu018: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Path("runs/pe_gates")  # where no folder is named
    params = [f"--param={name}={value}" for name, value in WIDTHS]
    command = ["sim", "pe", "--gates", "--liberty", str(osu018), *params, "--cycles", "500"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    record, trials, rates = read_record(run), pd.read_csv(run / TRIALS), pd.read_csv(run / ERROR_RATES)
    assert record.results["design"] == "pe_ws" and len(record.results["class"]["weights"]) >= 2
    assert any("clock is ideal" in sentence for sentence in record.assumptions)
    must_hold = trials[trials["must_hold"]]
    assert len(must_hold) == 3 and (must_hold[["wrong", "late"]] == 0).all(axis=None)
    assert must_hold["cycles"].iloc[0] >= 500
    fails = trials[~trials["must_hold"]]
    assert len(fails) == 3 and (fails["late"] > 0).all() and (fails["wrong"].iloc[1:] > 0).all()
    assert trials["passed"].all()
    by_weight = rates.groupby("weight")
    assert len(by_weight) >= 2 and (by_weight["error_rate"].max() > 0.5).all()
    assert (rates[rates["period_ps"] >= rates["bound_ps"]]["error_rate"] == 0).all()
    assert (run / "plots" / "error_rate.png").stat().st_size > 10_000
    assert "swap from weight" in printed and str(run / TRIALS) in printed


@pytest.mark.tools
@pytest.mark.slow
@needs_icarus
def test_a_period_too_short_fails_and_is_told(osu018: Path, tmp_path: Path) -> None:
    """A whole array around a multiplier of the user's, whose class of weights has a clock that it cannot keep."""
    (tmp_path / "own.v").write_text(OWN, encoding="utf-8")
    params = (*WIDTHS, ("ROWS", 1), ("COLUMNS", 1), ("DEPTH", 1), ("MULTIPLIER", "my_mul"))
    config = GatesConfig(
        bench="systolic_ws",
        liberty=(osu018,),
        run_folder=tmp_path / "run",
        files=(tmp_path / "own.v",),
        params=params,
        period_ps=1500.0,
        cycles=100,
    )
    stages: list[str] = []
    result = play_gates(config, lambda stage, done, total: stages.append(stage))
    assert any("2 times 100 clocks of" in stage and "about" in stage for stage in stages)
    assert result.record.results["class"]["weights"] == [-8, 0]  # the multiples that are fastest while they swap
    assert result.record.results["design"] == "systolic_ws" and result.error_rates.empty
    assert not result.passed and "<td>" in result._repr_html_()
    trials = pd.read_csv(config.run_folder / TRIALS)
    assert trials["wrong"].iloc[0] > 0 and not trials["passed"].iloc[0]
    assert "NO" in render(gates_report(result))


def test_bad_options(osu018: Path, tmp_path: Path) -> None:
    assert parse_weights("-64,0, 64") == (-64, 0, 64)
    with pytest.raises(HaloError, match="no list of whole numbers"):
        parse_weights("1,x")
    with pytest.raises(HaloError, match="no Liberty library"):
        play_gates(GatesConfig("pe", (), tmp_path / "run"), quiet)
    with pytest.raises(HaloError, match="dp4a cannot be played as gates"):
        play_gates(GatesConfig("dp4a", (osu018,), tmp_path / "run"), quiet)
    with pytest.raises(HaloError, match="tensor_core has no classes of weights"):
        play_gates(GatesConfig("tensor_core", (osu018,), tmp_path / "run", class_of=0), quiet)
    for wrong, what in (
        ({"weights": (8,)}, "8 is no weight of 4 bits"),
        ({"class_of": -9}, "-9 is no weight of 4 bits"),
        ({"weights": tuple(range(-8, 8))}, "holds every weight: none is outside"),
        ({"weights": (0,), "class_of": 0}, "a weight that stands for it"),
    ):
        stages: list[str] = []
        with pytest.raises(HaloError, match=what):
            config = GatesConfig("systolic_ws", (osu018,), tmp_path / "run", params=WIDTHS, **wrong)  # type: ignore[arg-type]
            play_gates(config, lambda stage, *_, seen=stages: seen.append(stage))
        assert stages == []  # before anything is built
    assert not (tmp_path / "run").exists()


def test_options_that_do_not_go_together(osu018: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for extra, message in (
        (["--gates", "--waves", str(tmp_path / "x.fst")], "--waves does not go with --gates"),
        (["--class-of", "0"], "--class-of does not go without --gates"),
    ):
        assert main(["sim", "pe", *extra]) == 2
        assert message in capsys.readouterr().err
