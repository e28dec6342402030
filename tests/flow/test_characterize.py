# SPDX-License-Identifier: Apache-2.0
"""``halo.flow.characterize`` as a whole, on small multipliers: files, determinism, stimuli, registers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from halo.characterization.design import require_registers
from halo.characterization.histograms import load_histograms
from halo.characterization.table import load_table
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.characterize import characterize
from halo.flow.runs.assets import mac_sources
from halo.flow.runs.provenance import read_record
from halo.liberty import read_corner
from halo.report.characterize import characterize_report
from halo.report.text import render

SMALL = (("WEIGHT_WIDTH", 4), ("ACTIVATION_WIDTH", 4))


def quiet(stage: str, done: int, total: int) -> None:
    pass


def run(folder: Path, liberty: Path, **options: object) -> Path:
    values: dict[str, object] = {"files": mac_sources(), "top": "mul_csa_array", "params": SMALL} | options
    config = CharacterizeConfig(corners=(("tt", (liberty,)),), run_folder=folder, **values)  # type: ignore[arg-type]
    return characterize(config, quiet)


def test_a_run_folder_holds_what_it_promises(tmp_path: Path, osu018: Path) -> None:
    folder = run(tmp_path / "run", osu018)
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "weights.csv",
        "weights.parquet",
        "netlist.v",
        "netlist.json",
        "delays.sdf",
        "timed_netlist.v",
        "histograms.npz",
        "run.json",
        "log.txt",
    }
    table = load_table(folder).to_pandas()
    assert table["weight"].tolist() == list(range(-8, 8))
    assert (table["transitions"] == 256).all()
    assert (table["delay_ps"] <= table["bound_ps"]).all()
    assert (table["mean_ps"] <= table["delay_ps"]).all()
    histogram = load_histograms(folder / "histograms.npz")["tt"]
    # all 256 transitions are in the histogram but those that move no output, at least the 16 that move no input
    counted = histogram.histogram.sum(axis=1)
    assert counted.max() == 240
    assert (counted <= 240).all()
    worst = np.nanmax(histogram.worst_by_next_ps, axis=1, initial=0.0, where=~np.isnan(histogram.worst_by_next_ps))
    np.testing.assert_allclose(worst, table["delay_ps"], rtol=1e-6)
    record = read_record(folder)
    assert "Every one of the 256 activation transitions is simulated." in record.assumptions
    assert sum("The weight stands still while the activation changes" in said for said in record.assumptions) == 1
    assert record.results["roles"]["weight"] == "weight_i"


def test_threads_do_not_change_a_byte(tmp_path: Path, osu018: Path) -> None:
    first = run(tmp_path / "one", osu018, top="mac_csa_array", params=(*SMALL, ("ACC_WIDTH", 12)), jobs=1)
    second = run(tmp_path / "four", osu018, top="mac_csa_array", params=(*SMALL, ("ACC_WIDTH", 12)), jobs=4)
    assert (first / "weights.csv").read_bytes() == (second / "weights.csv").read_bytes()
    assert (first / "weights.parquet").read_bytes() == (second / "weights.parquet").read_bytes()
    assert (first / "histograms.npz").read_bytes() == (second / "histograms.npz").read_bytes()


def test_the_seed_decides_what_is_sampled(tmp_path: Path, osu018: Path) -> None:
    tables = [
        load_table(run(tmp_path / str(seed), osu018, stimulus="random:50", seed=seed)).to_pandas() for seed in (1, 2)
    ]
    assert (tables[0]["transitions"] == 50).all()
    assert not tables[0]["mean_ps"].equals(tables[1]["mean_ps"])
    full = load_table(run(tmp_path / "all", osu018)).to_pandas()
    for table in tables:
        assert (table["delay_ps"] <= full["delay_ps"]).all()
        # a sampled delay proves nothing: the clock rests on the bound
        assert (table["period_ps"] >= table["bound_ps"]).all()


def test_a_trace_of_all_pairs_is_the_exhaustive_stimulus(tmp_path: Path, osu018: Path) -> None:
    before, after = np.divmod(np.arange(256), 16)
    trace = tmp_path / "trace.npy"
    # walks every ordered pair, and each backwards as well
    np.save(trace, np.stack([before, after], axis=1).ravel() - 8)
    full = load_table(run(tmp_path / "all", osu018)).to_pandas()
    played = load_table(run(tmp_path / "trace", osu018, stimulus=str(trace))).to_pandas()
    np.testing.assert_allclose(played["delay_ps"], full["delay_ps"])


def test_a_histogram_weights_energy_but_not_delay(tmp_path: Path, osu018: Path) -> None:
    quiet_file = tmp_path / "quiet.csv"
    quiet_file.write_text("value,count\n0,1000\n1,1\n")
    full = load_table(run(tmp_path / "all", osu018)).to_pandas()
    calm = load_table(run(tmp_path / "calm", osu018, activations=quiet_file)).to_pandas()
    moving = full["weight"] != 0
    np.testing.assert_allclose(calm["delay_ps"], full["delay_ps"])
    assert (calm.loc[moving, "energy_fj"] < 0.1 * full.loc[moving, "energy_fj"]).all()


def test_methods_leave_empty_what_they_do_not_compute(tmp_path: Path, osu018: Path) -> None:
    bound = load_table(run(tmp_path / "bound", osu018, method="bound")).to_pandas()
    static = load_table(run(tmp_path / "static", osu018, method="static")).to_pandas()
    assert bound[["delay_ps", "mean_ps", "energy_fj", "transitions"]].isna().all(axis=None)
    assert bound["bound_ps"].notna().all()
    assert static[["bound_ps", "delay_ps", "energy_fj"]].isna().all(axis=None)
    assert (static["period_ps"] > static["static_ps"]).all()


def test_wide_operands_are_sampled_and_say_so(tmp_path: Path, osu018: Path) -> None:
    folder = run(
        tmp_path / "wide", osu018, params=(("WEIGHT_WIDTH", 3), ("ACTIVATION_WIDTH", 12)), stimulus="random:64"
    )
    table = load_table(folder).to_pandas()
    assert (table["transitions"] == 64).all()
    assert (table["delay_ps"] <= table["bound_ps"]).all()
    assert any("not all 16,777,216" in sentence for sentence in read_record(folder).assumptions)


def test_library_without_power_leaves_energy_empty_and_says_it_once(tmp_path: Path, osu018: Path) -> None:
    text = osu018.read_text()
    bare = tmp_path / "bare.lib"
    bare.write_text(text.replace("internal_power", "ignored_group"))
    folder = run(tmp_path / "run", bare)
    table = load_table(folder).to_pandas()
    assert table[["energy_fj", "glitch_energy_fj", "power_uw"]].isna().all(axis=None)
    assert table["delay_ps"].notna().all()
    said = [sentence for sentence in read_record(folder).assumptions if "no internal_power" in sentence]
    assert len(said) == 1


def test_several_corners_make_one_table(tmp_path: Path, osu018: Path) -> None:
    slow = tmp_path / "slow.lib"
    slow.write_text(osu018.read_text().replace("nom_voltage : 1.8", "nom_voltage : 1.6"))
    config = CharacterizeConfig(
        corners=(("typ", (osu018,)), ("low", (slow,))),
        run_folder=tmp_path / "run",
        files=mac_sources(),
        top="mul_csa_array",
        params=SMALL,
    )
    folder = characterize(config, quiet)
    table = load_table(folder)
    assert table.corners == ("typ", "low")
    assert table.to_pandas()["voltage_v"].unique().tolist() == [1.8, 1.6]
    assert (folder / "delays.typ.sdf").is_file()
    assert (folder / "timed_netlist.low.v").is_file()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"weight": "weigth_i"}, "weight_i"),
        ({"top": "mul_csa_aray"}, "mul_csa_array"),
        ({"ties": (("nothing_i", 1),)}, "nothing_i"),
        ({"params": (("WEIGHT_WIDTHS", 4),)}, "WEIGHT_WIDTHS"),
    ],
)
def test_bad_names_are_answered_with_good_ones(
    tmp_path: Path, osu018: Path, options: dict[str, object], what: str
) -> None:
    with pytest.raises(HaloError) as caught:
        run(tmp_path / "run", osu018, **options)
    assert what in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, osu018: Path) -> None:
    arguments = ["characterize", "--liberty", str(osu018), "--psum-samples", "100000", "-o", str(tmp_path / "run")]
    program = "from halo.cli.main import run; run()"
    environment = os.environ | {"NO_COLOR": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        deadline = time.monotonic() + 120
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("weights") or time.monotonic() > deadline:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        code = process.wait(timeout=60)
    assert code == 130
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_cells_to_avoid_are_in_no_netlist(tmp_path: Path, osu018: Path) -> None:
    plain = run(tmp_path / "plain", osu018, method="static")
    without = run(tmp_path / "without", osu018, method="static", dont_use=("XNOR*", "DFFPOSX1"))
    used = read_record(plain).results["cells"]
    assert any(name.startswith("XNOR") for name in used)
    record = read_record(without)
    assert not any(name.startswith("XNOR") for name in record.results["cells"])
    assert record.config["dont_use"] == ["XNOR*", "DFFPOSX1"]
    # nor is such a flip-flop the register around the ports
    assert any("includes DFFPOSX1" in said for said in read_record(plain).assumptions)
    assert any("includes DFFNEGX1" in said for said in record.assumptions)
    with pytest.raises(HaloError, match=r"no cell of library .* matches 'NONE\*'"):
        run(tmp_path / "none", osu018, method="static", dont_use=("NONE*",))


def test_each_value_of_an_sdf_can_be_taken(tmp_path: Path, osu018: Path) -> None:
    made = run(tmp_path / "run", osu018, method="static")
    text = (made / "delays.sdf").read_text(encoding="utf-8")
    tripled = re.sub(r"\((\d+\.\d+):\1:\1\)", lambda m: f"({m[1]}:{2 * float(m[1]):.6f}:{3 * float(m[1]):.6f})", text)
    assert tripled != text
    sdf = tmp_path / "three.sdf"
    sdf.write_text(tripled, encoding="utf-8")
    found = {}
    for value in ("min", "typ", "max"):
        options = {"files": (), "params": (), "netlist": (made / "netlist.v",), "top": None, "register_overhead": False}
        folder = run(tmp_path / value, osu018, method="bound", sdf=sdf, sdf_corner=value, **options)
        assert read_record(folder).config["sdf_corner"] == value
        found[value] = load_table(folder).to_pandas()["bound_ps"].to_numpy()
    np.testing.assert_allclose(found["typ"], 2 * found["min"], rtol=1e-3)
    np.testing.assert_allclose(found["max"], 3 * found["min"], rtol=1e-3)


def test_cells_and_area_are_those_of_the_library_with_and_without_synthesis(tmp_path: Path, osu018: Path) -> None:
    made = run(tmp_path / "run", osu018, method="static")
    options = {"files": (), "params": (), "netlist": (made / "netlist.v",), "top": None}
    given = run(tmp_path / "given", osu018, method="static", **options)
    used = Counter(re.findall(r"^\s+(\w+) \S+ \($", (made / "netlist.v").read_text(encoding="utf-8"), re.MULTILINE))
    used.pop("module", None)
    cells = read_corner([osu018]).cells
    area = sum(cells[name].area * count for name, count in used.items())
    for folder in (made, given):
        results = read_record(folder).results
        assert results["cells"] == dict(used) and results["area"] == pytest.approx(area)
        assert results["registers"] == 0
        assert f"{sum(used.values()):,} cells; area {area:,.6g} library units" in render(characterize_report(folder))


def test_record_names_inputs_by_hash(tmp_path: Path, osu018: Path) -> None:
    folder = run(tmp_path / "run", osu018, method="static")
    values = json.loads((folder / "run.json").read_text())
    assert [item["path"] for item in values["inputs"]][-1] == str(osu018)
    assert all(len(item["sha256"]) == 64 for item in values["inputs"])


@pytest.mark.parametrize("options", [{"ties": (("foo", 1),)}, {"weight": "ww"}, {"output": "activation_i"}])
def test_wrong_ports_are_told_before_synthesis(tmp_path: Path, osu018: Path, options: dict[str, object]) -> None:
    stages: list[str] = []
    config = CharacterizeConfig(
        corners=(("tt", (osu018,)),),
        run_folder=tmp_path / "run",
        files=mac_sources(),
        top="mul_csa_array",
        **options,  # type: ignore[arg-type]
    )
    with pytest.raises(HaloError, match="port"):
        characterize(config, lambda stage, *_: stages.append(stage))
    assert set(stages) == {"ports"}


def test_beside_a_netlist_only_flip_flops_are_left_out(osu018: Path) -> None:
    library = read_corner([osu018])
    require_registers(library, ["DFFNEG*", "*X1"])
    with pytest.raises(HaloError, match=r"'XNOR\*' names cells that synthesis may not use") as caught:
        require_registers(library, ["XNOR*"])
    assert "dont_use='XNOR*'" in caught.value.fix


LANES = """module dot(input [3:0] w, input [3:0] a, output [4:0] y);
  assign y = w[1:0] * a[1:0] + w[3:2] * a[3:2];
endmodule
"""


def test_one_lane_with_the_others_at_any_value(tmp_path: Path, osu018: Path) -> None:
    """The bound holds for every value of the other lane, checked with each of them held; drawing it stays below."""
    source = tmp_path / "dot.v"
    source.write_text(LANES)
    lane: dict[str, object] = {
        "files": (source,),
        "top": None,
        "params": (),
        "weight": "w[1:0]",
        "activation": "a[1:0]",
    }
    free = run(tmp_path / "free", osu018, ties=(("w[3:2]", "random"), ("a[3:2]", "any")), **lane)
    table = load_table(free).to_pandas()
    assert table["weight"].tolist() == [0, 1, 2, 3]
    assert (table["delay_ps"] <= table["bound_ps"]).all() and table["period_ps"].min() > table["bound_ps"].min()
    assert load_record_roles(free) == {"w[3:2]": "random", "a[3:2]": "any"}
    for weight, activation in ((0, 0), (3, 3), (2, 1)):
        ties = (("w[3:2]", weight), ("a[3:2]", activation))
        held = load_table(run(tmp_path / f"held{weight}{activation}", osu018, ties=ties, **lane)).to_pandas()
        assert (held["delay_ps"] <= table["bound_ps"]).all()


def load_record_roles(folder: Path) -> dict[str, str]:
    drawn: dict[str, str] = read_record(folder).results["roles"]["drawn"]
    return drawn


def test_what_is_missing_is_said_before_synthesis(tmp_path: Path, osu018: Path) -> None:
    source = tmp_path / "dot.v"
    source.write_text(LANES.replace("input [3:0] w", "input [1:0] mode, input [3:0] w"))
    stages = []
    config = CharacterizeConfig(corners=(("tt", (osu018,)),), run_folder=tmp_path / "run", files=(source,))
    with pytest.raises(HaloError, match="input mode has no role"):
        characterize(config, lambda stage, done, total: stages.append(stage))
    assert set(stages) == {"ports"}


def test_the_plan_for_many_weights_says_what_it_assumes(tmp_path: Path, osu018: Path) -> None:
    source = tmp_path / "mul.v"
    source.write_text("module mul(input [9:0] w, input [1:0] a, output [11:0] y); assign y = w * a; endmodule\n")
    stages: list[str] = []
    config = CharacterizeConfig(
        files=(source,), corners=(("c", (osu018,)),), run_folder=tmp_path / "run", weight="w", method="bound", jobs=1
    )
    characterize(config, lambda stage, done, total: stages.append(stage))
    (plan,) = {stage for stage in stages if stage.startswith("plan")}
    assert re.fullmatch(r"plan: 1,024 weights in about \d+ (s|min), if 1 core can do nothing else", plan)
