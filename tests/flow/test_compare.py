# SPDX-License-Identifier: Apache-2.0
"""``halo compare``: figures of two runs against sums by hand, its table and CSV, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic_run import corner, write_run

import halo
from halo.characterization.table import load_table
from halo.cli.main import main
from halo.errors import HaloError
from halo.flow.compare import COLUMNS, CompareConfig
from halo.flow.runs.runfolder import RECORD


def tell(folder: Path, **results: Any) -> Path:
    path = folder / RECORD
    values = json.loads(path.read_text(encoding="utf-8"))
    values["results"] |= results
    path.write_text(json.dumps(values), encoding="utf-8")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    first = tell(
        write_run(tmp_path / "first", corner()),
        design="mac",
        cells={"AND2": 30, "DFF": 10},
        registers=10,
        area=2000.0,
        clock={"tt": ["The clock period rests on the settle bound."]},
    )
    second = tell(write_run(tmp_path / "second", corner("ss", slow=2.0), corner("tt")), design="mul", registers=0)
    return first, second


def test_every_figure_by_hand(runs: tuple[Path, Path]) -> None:
    found = halo.compare(*runs).to_pandas()
    assert tuple(found.columns) == COLUMNS
    assert found["weights"].tolist() == ["all", "multiples of 16", "multiples of 32"] * 3
    assert found["count"].tolist() == [256, 16, 8] * 3
    assert found["corner"].tolist() == ["tt"] * 3 + ["ss"] * 3 + ["tt"] * 3
    table = load_table(runs[0]).rows()
    for n, (_, row) in zip((1, 16, 32), found.iloc[:3].iterrows(), strict=True):
        own = table[table["weight"] % n == 0]
        slowest, mean = own["period_ps"].max(), own["energy_fj"].sum() / (256 // n)
        assert (row["cells"], row["registers"], row["area_um2"]) == (40, 10, 2000.0)
        assert row["period_ps"] == slowest
        assert row["energy_fj"] == pytest.approx(mean, rel=1e-12)
        assert row["macs_per_s_um2"] == pytest.approx(1 / (slowest * 1e-12) / 2000.0, rel=1e-12)
        assert row["energy_period_pj_ns"] == pytest.approx((mean / 1000) * (slowest / 1000), rel=1e-12)
    assert found.iloc[3:]["macs_per_s_um2"].isna().all() and found.iloc[3:]["cells"].isna().all()
    assert found.iloc[3]["period_ps"] == load_table(runs[1]).rows("ss")["period_ps"].max()


def test_what_differs_is_said(runs: tuple[Path, Path]) -> None:
    said = " ".join(halo.compare(*runs).assumptions)
    assert "Tops without registers lack the area and the energy" in said
    assert "Tops without registers" not in " ".join(halo.compare(runs[0]).assumptions)
    tell(runs[1], clock={"tt": ["The clock period rests on static timing."]})
    said = " ".join(halo.compare(*runs).assumptions)
    assert f"{runs[0]}: The clock period rests on the settle bound." in said
    assert f"{runs[1]}: The clock period rests on static timing." in said


def test_the_table_and_the_csv(runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv = tmp_path / "compared.csv"
    assert main(["compare", *map(str, runs), "--multiples", "64", "--csv", str(csv)]) == 0
    shown = capsys.readouterr().out
    lines = [line.split() for line in shown.splitlines()]
    assert lines[2][:8] == [str(runs[0]), "mac", "tt", "all", "256", "40", "10", "2,000"]
    assert lines[4][:8] == [str(runs[1]), "mul", "ss", "all", "256", "-", "0", "-"]
    assert str(csv) in shown
    kept = pd.read_csv(csv)
    pd.testing.assert_frame_equal(kept, halo.compare(*runs, multiples=[64]).to_pandas(), check_dtype=False)
    assert main(["compare", str(runs[0]), "--csv", str(csv)]) == 2, "what stands there is not replaced"
    assert main(["compare", str(runs[0]), "--csv", str(csv), "--force"]) == 0


def test_what_is_no_run_is_refused(runs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no run is given"):
        CompareConfig(())
    with pytest.raises(HaloError, match="multiples of 1 are no class"):
        halo.compare(runs[0], multiples=[1])
    with pytest.raises(HaloError, match="there is no such folder"):
        halo.compare(tmp_path / "gone")
    path = runs[0] / RECORD
    path.write_text(path.read_text(encoding="utf-8").replace('"characterize"', '"synth"'), encoding="utf-8")
    with pytest.raises(HaloError, match="this run is of halo synth"):
        halo.compare(*runs)
