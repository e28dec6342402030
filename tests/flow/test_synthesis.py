# SPDX-License-Identifier: Apache-2.0
"""``halo synth``: a netlist and its record, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from halo.errors import HaloError
from halo.flow.runs.provenance import read_record
from halo.flow.synthesis import SynthesisConfig, synthesize_into
from halo.netlist.verilog import read_netlist
from halo.progress import silent
from halo.report.synthesis import synthesis_report
from halo.report.text import render

MULTIPLIER = """
module mul #(parameter N = 4) (input signed [N-1:0] w, input signed [N-1:0] a, output signed [2*N-1:0] p);
    assign p = w * a;
endmodule
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "mul.v"
    path.write_text(MULTIPLIER, encoding="utf-8")
    return path


def test_a_run_holds_netlist_and_record(tmp_path: Path, source: Path, osu018: Path) -> None:
    seen = []
    config = SynthesisConfig(liberty=(osu018,), run_folder=tmp_path / "run", files=(source,), params=(("N", 3),))
    made = synthesize_into(config, lambda *call: seen.append(call))
    run = made.run_folder
    assert "module mul(" in (run / "netlist.v").read_text(encoding="utf-8").replace("mul (", "mul(")
    record = read_record(run)
    assert record.results["design"] == "mul" and record.results["area"] > 0
    assert sum(record.results["cells"].values()) > 9
    assert [Path(i.path) for i in record.inputs] == [source, osu018]
    assert seen[-1] == ("synthesis", 1, 1)
    shown = render(synthesis_report(made))
    assert made.to_pandas()["count"].sum() == sum(record.results["cells"].values())
    assert "<td>" in made._repr_html_() and made.netlist == run / "netlist.v"
    assert shown.startswith("mul: ") and str(run / "netlist.v") in shown


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"params": (("W", 4), ("W", 8))}, "parameter W is given twice"),
        ({"defines": (("WIDE", "1"),)}, "no Verilog to read with them"),
        ({"max_fanout": 1}, "fan-out of 1 pins is out of range"),
    ],
)
def test_options_that_contradict_each_other(tmp_path: Path, options: dict[str, Any], what: str) -> None:
    with pytest.raises(HaloError, match=what):
        SynthesisConfig(liberty=(tmp_path / "cells.lib",), run_folder=tmp_path / "run", **options)


def test_the_default_mac_needs_no_file(tmp_path: Path, osu018: Path) -> None:
    assert (
        synthesize_into(SynthesisConfig(liberty=(osu018,), run_folder=tmp_path / "run"), lambda *_: None).top
        == "mac_element"
    )


def test_bad_input_leaves_nothing(tmp_path: Path, source: Path, osu018: Path) -> None:
    broken = tmp_path / "broken.v"
    broken.write_text("module mul(input a, output b)\n", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    for config, what in (
        (SynthesisConfig(liberty=(), run_folder=tmp_path / "run", files=(source,)), "no Liberty"),
        (
            SynthesisConfig(liberty=(tmp_path / "gone.lib",), run_folder=tmp_path / "run", files=(source,)),
            "no such file",
        ),
        (SynthesisConfig(liberty=(osu018,), run_folder=tmp_path / "run", files=(source,), top="mull"), "mull"),
        (SynthesisConfig(liberty=(osu018,), run_folder=tmp_path / "run", files=(broken,)), "broken.v"),
    ):
        with pytest.raises(HaloError, match=what):
            synthesize_into(config, lambda *_: None)
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("range_", ["[5:2]", "[2:5]"])
def test_open_outputs_are_zero_and_said(tmp_path: Path, osu018: Path, range_: str) -> None:
    path = tmp_path / "part.v"
    path.write_text(
        f"module part (input [1:0] w, a, output [1:0] y, output {range_} low, output none);\n"
        "  assign y = w & a; assign low[3] = a[0];\nendmodule\n",
        encoding="utf-8",
    )
    made = synthesize_into(SynthesisConfig(liberty=(osu018,), run_folder=tmp_path / "run", files=(path,)), silent)
    told = [line for line in made.warnings if "Nothing drives" in line]
    assert [line.split()[4].rstrip(",") for line in told] == ["low", "none"]
    assert set(told) <= set(read_record(made.run_folder).assumptions)
    netlist = read_netlist(made.netlist)
    fixed = {name: [netlist.constants.get(net) for net in bits] for name, bits in netlist.outputs.items()}
    assert fixed["none"] == [0] and fixed["low"].count(0) == 3 and fixed["y"] == [None, None]


def test_an_open_signal_inside_is_an_error(tmp_path: Path, osu018: Path) -> None:
    path = tmp_path / "part.v"
    path.write_text("module part (input a, output y); wire k; assign y = a & k; endmodule\n", encoding="utf-8")
    with pytest.raises(HaloError, match=r"signal part\.k is used but never driven"):
        synthesize_into(SynthesisConfig(liberty=(osu018,), run_folder=tmp_path / "run", files=(path,)), silent)
