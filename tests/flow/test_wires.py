# SPDX-License-Identifier: Apache-2.0
"""``--spef``: a characterized multiplier with wires, in every engine, and what is said about it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from spef_writer import spef_text

from halo.cli.main import main
from halo.config import CharacterizeConfig
from halo.flow.characterize import characterize as write_run
from halo.liberty import read_corner
from halo.netlist.verilog import read_netlist
from halo.progress import silent

NETLIST = """module m(input [2:0] w, input [2:0] a, output [3:0] y);
  wire p, q, r, s, \\t/u ;
  AND2X1 g0(.A(w[0]), .B(a[0]), .Y(y[0]));
  AND2X1 g1(.A(w[0]), .B(a[1]), .Y(p));
  AND2X1 g2(.A(w[1]), .B(a[0]), .Y(q));
  XOR2X1 g3(.A(p), .B(q), .Y(y[1]));
  NAND2X1 g4(.A(p), .B(q), .Y(r));
  NAND2X1 g5(.A(w[1]), .B(a[1]), .Y(s));
  XOR2X1 g6(.A(r), .B(s), .Y(\\t/u ));
  NOR2X1 g7(.A(w[2]), .B(a[2]), .Y(y[3]));
  XNOR2X1 g8(.A(\\t/u ), .B(y[3]), .Y(y[2]));
endmodule
"""


@pytest.fixture
def design(tmp_path: Path, osu018: Path) -> Path:
    (tmp_path / "m.v").write_text(NETLIST)
    library = read_corner(osu018)
    text = spef_text(read_netlist(tmp_path / "m.v"), library, ohm_per_um=20.0, ff_per_um=0.2)
    (tmp_path / "m.spef").write_text(text)
    return tmp_path


def run(*words: str | Path) -> None:
    assert main([str(word) for word in words]) == 0


def characterize(design: Path, library: Path, name: str, **options: object) -> pd.DataFrame:
    """The table of a run without its plots."""
    config = CharacterizeConfig(
        netlist=(design / "m.v",),
        weight="w",
        activation="a",
        output="y",
        corners=(("c", (library,)),),
        run_folder=design / name,
        **options,  # type: ignore[arg-type]
    )
    return pd.read_csv(write_run(config, silent) / "weights.csv")


def test_wires_make_every_number_larger_and_the_order_of_the_engines_holds(design: Path, osu018: Path) -> None:
    bare = characterize(design, osu018, "bare")
    wired = characterize(design, osu018, "wired", spef=design / "m.spef")
    lumped = characterize(design, osu018, "lumped", spef=design / "m.spef", wire_model="lumped")
    moving = bare["delay_ps"] > 0
    for name in ("static_ps", "bound_ps", "delay_ps", "energy_fj"):
        assert (wired[name] >= bare[name]).all()
        assert (wired[name][moving] > 1.05 * bare[name][moving]).all()
    assert (lumped["static_ps"][moving] < wired["static_ps"][moving]).all()
    assert (wired["delay_ps"] <= wired["bound_ps"]).all()
    record = json.loads((design / "wired" / "run.json").read_text())
    assert f"wires: SPEF {design / 'm.spef'}" in record["results"]["clock_includes"]
    assert any(item["path"] == str(design / "m.spef") for item in record["inputs"])
    record = json.loads((design / "bare" / "run.json").read_text())
    assert "wires: none" in record["results"]["clock_includes"]
    assert "Wires have no capacitance and no delay." in record["assumptions"]


@pytest.mark.tools
def test_icarus_sees_the_same_transitions(design: Path, osu018: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed: apt-get install iverilog")
    characterize(design, osu018, "wired", spef=design / "m.spef")
    assert "INTERCONNECT" in (design / "wired" / "delays.sdf").read_text()
    capsys.readouterr()
    run("crosscheck", design / "wired", "--samples", "400")
    assert "400 equal in settling time" in capsys.readouterr().out


def test_the_sdf_of_a_run_gives_its_delays_back(design: Path, osu018: Path) -> None:
    wired = characterize(design, osu018, "wired", spef=design / "m.spef")
    again = characterize(design, osu018, "again", sdf=design / "wired" / "delays.sdf", spef=design / "m.spef")
    for name in ("bound_ps", "delay_ps", "energy_fj", "glitch_energy_fj"):
        np.testing.assert_allclose(again[name], wired[name], rtol=1e-12)


def test_what_cannot_be_is_refused(design: Path, osu018: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: str | Path) -> str:
        assert main([str(word) for word in ("characterize", *words, "-o", design / "x")]) == 2
        return " ".join(capsys.readouterr().err.split())

    base = ("--netlist", design / "m.v", "--weight", "w", "--activation", "a", "--liberty", osu018)
    assert "a SPEF belongs to a gate netlist" in refused("--liberty", osu018, "--spef", design / "m.spef")
    assert "no SPEF is given" in refused(*base, "--coupling-factor", "2")
    assert "there is no such file" in refused(*base, "--spef", design / "none.spef")
    head = (design / "m.spef").read_text().partition("*NAME_MAP")[0]
    nets = "".join(f"*D_NET q{i} 1\n*CAP\n1 q{i}:1 1\n*END\n" for i in range(8))
    (design / "other.spef").write_text(head + nets)
    said = refused(*base, "--spef", design / "other.spef")
    assert "8 of the 8 nets of the SPEF are not in m" in said
    assert "other.spef:" in said


def test_wire_load_models_are_used_when_asked_for(
    design: Path, osu018: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = 'wire_load ("some") { resistance : 0.1; capacitance : 0.002; slope : 4; fanout_length (1, 5); }'
    (design / "models.lib").write_text(osu018.read_text().replace("{", "{\n" + model, 1))
    unused = characterize(design, design / "models.lib", "unused")
    bare = characterize(design, osu018, "bare")
    pd.testing.assert_frame_equal(unused, bare)
    record = json.loads((design / "unused" / "run.json").read_text())
    assert "wires: none (the library's wire-load models are not used)" in record["results"]["clock_includes"]
    used = characterize(design, design / "models.lib", "used", wire_load="some")
    assert (used["bound_ps"][bare["bound_ps"] > 0] > 1.05 * bare["bound_ps"][bare["bound_ps"] > 0]).all()
    assert (used["delay_ps"] <= used["bound_ps"]).all()
    record = json.loads((design / "used" / "run.json").read_text())
    assert "wires: wire-load model some" in record["results"]["clock_includes"]
    words = ("characterize", "--netlist", design / "m.v", "--liberty", design / "models.lib", "-o", design / "x")
    assert main([str(word) for word in (*words, "--wire-load", "sone")]) == 2
    assert "has no wire-load model sone" in capsys.readouterr().err
    assert main([str(word) for word in (*words, "--wire-load", "some", "--spef", design / "m.spef")]) == 2
    assert "both asked for" in capsys.readouterr().err


def test_each_corner_may_have_its_own_wires(design: Path, osu018: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = read_corner(osu018)
    (design / "long.spef").write_text(spef_text(read_netlist(design / "m.v"), library, length_um=(100.0, 300.0)))
    words = ["characterize", "--netlist", design / "m.v", "--weight", "w", "--activation", "a", "--output", "y"]
    words += ["--corner", f"a={osu018}", "--corner", f"b={osu018}", "--method", "bound", "-o", design / "both"]
    run(*words, "--spef", f"a={design / 'm.spef'}", "--spef", f"b={design / 'long.spef'}")
    table = pd.read_csv(design / "both" / "weights.csv").set_index(["corner", "weight"])["bound_ps"]
    moving = table["a"] > 0
    assert (table["b"][moving] > 1.05 * table["a"][moving]).all()
    said = capsys.readouterr().out
    assert f"wires: SPEF {design / 'm.spef'} and SPEF {design / 'long.spef'}" in said
    for more, what in (
        (["--spef", f"a={design / 'm.spef'}"], "corner b has no SPEF"),
        (["--spef", design / "m.spef", "--spef", design / "long.spef"], "2 times without the name of a corner"),
        (["--spef", design / "m.spef", "--spef", f"a={design / 'long.spef'}"], "for all corners and for single ones"),
    ):
        assert main([str(word) for word in (*words, "--force", *more)]) == 2
        assert what in capsys.readouterr().err


LIBRARIES = {
    "osu018": ("", {"ohm_per_um": 10.0}),
    "sky130": ("sky130hd/*tt_025C*", {"ohm_per_um": 10.0, "coupling": 0.3}),
    "asap7": ("asap7/*.lib.gz", {"ohm_per_um": 100.0, "length_um": (2.0, 20.0)}),
}


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("registered", [False, True], ids=["multiplier", "accumulator"])
def test_three_libraries_agree_with_icarus(
    name: str, registered: bool, shared: Path, osu018: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed: apt-get install iverilog")
    pattern, drawn = LIBRARIES[name]
    paths = sorted((shared / "liberty").glob(pattern)) if pattern else [osu018]
    liberty = [word for path in paths for word in ("--liberty", path)]
    text = "module m(input signed [3:0] w, input signed [3:0] a, output signed [7:0] y); assign y = w * a; endmodule\n"
    if registered:
        text = (
            "module m(input clk, input signed [3:0] w, input signed [3:0] a, input signed [9:0] p, "
            "output reg signed [9:0] y);\nreg signed [3:0] b; reg signed [9:0] q;\n"
            "always @(posedge clk) begin b <= a; q <= p; y <= q + w * b; end endmodule\n"
        )
    (tmp_path / "m.v").write_text(text)
    roles = ("--weight", "w", "--activation", "a", "--output", "y", *(("--accumulator", "p") if registered else ()))
    run("characterize", tmp_path / "m.v", *liberty, *roles, "--method", "static", "-o", tmp_path / "gates")
    netlist = tmp_path / "gates" / "netlist.v"
    library = read_corner(paths)
    (tmp_path / "m.spef").write_text(spef_text(read_netlist(netlist, "m", library.cells), library, **drawn))
    base = ("characterize", "--netlist", netlist, *liberty, *roles, "--spef", tmp_path / "m.spef")
    run(*base, "-o", tmp_path / "run")
    table = pd.read_csv(tmp_path / "run" / "weights.csv")
    assert (table["delay_ps"] <= table["bound_ps"]).all()
    assert (table["bound_ps"] <= table["static_ps"].max() * 1.02).all()
    run(*base, "--case-slews", "--method", "bound", "-o", tmp_path / "case")
    tight = pd.read_csv(tmp_path / "case" / "weights.csv")
    assert (tight["bound_ps"] <= table["bound_ps"] * 1.001).all()
    capsys.readouterr()
    run("crosscheck", tmp_path / "run", "--samples", "600")
    assert "600 equal in settling time" in capsys.readouterr().out
