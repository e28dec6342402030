# SPDX-License-Identifier: Apache-2.0
"""Synthesis of the default MAC and of small designs on osu018."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.liberty import read_corner
from halo.synth import Mode, check_equivalence, ports_by_yosys, synthesize

Write = Callable[[str], Path]
PE = sorted((rtl_folder() / "pe").glob("*.v"))


@pytest.mark.parametrize("mode", ["structural", "flat"])
def test_default_mac(tmp_path: Path, osu018: Path, mode: Mode) -> None:
    made = synthesize(mac_sources(), "mac_csa_array", [osu018], mode=mode, workdir=tmp_path / "work")
    text = made.netlist_verilog.read_text(encoding="utf-8")
    assert re.findall(r"^module (\w+)", text, re.MULTILINE) == ["mac_csa_array"]
    assert not re.search(r"^\s*(input|output|wire) signed|\(\*|\breg\b|\balways\b|'h", text, re.MULTILINE)
    library = read_corner([osu018])
    assert made.cell_counts.keys() <= library.cells.keys()
    area = sum(count * library.cells[name].area for name, count in made.cell_counts.items())
    assert made.area == pytest.approx(area)
    instances = re.findall(r"^  (\w+) \S+ \(", text, re.MULTILINE)
    assert {name: instances.count(name) for name in set(instances)} == made.cell_counts
    module = json.loads(made.netlist_json.read_text(encoding="utf-8"))["modules"]["mac_csa_array"]
    assert len(module["cells"]) == len(instances)
    assert made.yosys_version.startswith("Yosys 0.")
    assert made.warnings == ()
    assert "hierarchy -check -top mac_csa_array" in made.script and "Executing ABC" in made.log
    assert {"synthesis.ys", "synthesis.log"} <= {path.name for path in (tmp_path / "work").iterdir()}


def test_structural_keeps_every_adder_cell(tmp_path: Path, osu018: Path) -> None:
    """A row of seven full adders for every weight bit after the first two, each with its two exclusive-ors."""
    made = synthesize(mac_sources(), "mul_csa_array", [osu018], workdir=tmp_path)
    text = made.netlist_verilog.read_text(encoding="utf-8")
    adders = set(re.findall(r"g_step\[\d+\]\.u_row\.g_column\[\d+\][\w.]*\.g_full\b", text))
    assert len(adders) >= 40  # of 42; the names of the others' nets gave way to those of their neighbours
    exclusive_or = made.cell_counts["XOR2X1"] + made.cell_counts["XNOR2X1"]
    assert exclusive_or >= 2 * len(adders)


def test_two_runs_make_the_same_netlist(tmp_path: Path, osu018: Path) -> None:
    texts = []
    for name in ("one", "two"):
        made = synthesize(mac_sources(), "mul_booth_r4", [osu018], workdir=tmp_path / name)
        texts.append(made.netlist_verilog.read_bytes())
    assert texts[0] == texts[1]


def test_parameters_and_order_of_files(tmp_path: Path, osu018: Path) -> None:
    parameters: dict[str, int | str] = {
        "WEIGHT_WIDTH": 4,
        "ACTIVATION_WIDTH": 3,
        "ACC_WIDTH": 9,
        "MULTIPLIER": "booth_r4",
    }
    sources = [*reversed(PE), *reversed(mac_sources())]
    made = synthesize(sources, "pe_ws", [osu018], parameters=parameters, workdir=tmp_path)
    assert made.top == "pe_ws"
    assert made.cell_counts["DFFPOSX1"] == 3 * 4 + 3 + 9 + 4
    ports = {port.name: port for port in ports_by_yosys(sources, "pe_ws", parameters)}
    assert ports["psum_o"] == ("psum_o", "output", 9, True)
    assert ports["clk_i"] == ("clk_i", "input", 1, False)
    assert list(ports)[:4] == ["clk_i", "srst_ni", "weight_i", "weight_o"]


def test_negative_parameter_and_word(tmp_path: Path, verilog: Write, osu018: Path) -> None:
    source = verilog(
        'module t #(parameter K = 0, parameter KIND = "no") (input signed [3:0] a, output signed [3:0] y);\n'
        '  assign y = (KIND == "shift") ? a <<< -K : 4\'d0;\nendmodule\n'
    )
    made = synthesize([source], "t", [osu018], parameters={"K": -4, "KIND": "shift"}, workdir=tmp_path)
    assert made.cell_counts == {}
    made = synthesize([source], "t", [osu018], parameters={"K": -1, "KIND": "shift"}, workdir=tmp_path)
    assert "a[2:0], 1'b0" in made.netlist_verilog.read_text(encoding="utf-8")


def test_systemverilog_by_suffix(tmp_path: Path, osu018: Path) -> None:
    source = tmp_path / "design.sv"
    source.write_text(
        "typedef logic signed [3:0] operand_t;\n"
        "module t (input operand_t a, input operand_t w, output logic signed [7:0] y);\n"
        "  always_comb y = a * w;\nendmodule\n"
    )
    assert [port.signed for port in ports_by_yosys([source], "t")] == [True, True, True]
    assert synthesize([source], "t", [osu018], workdir=tmp_path / "work").area > 0


def test_cells_to_avoid(tmp_path: Path, osu018: Path) -> None:
    made = synthesize(mac_sources(), "mul_csa_array", [osu018], dont_use=["XNOR*", "AND2X?"], workdir=tmp_path)
    assert not [name for name in made.cell_counts if name.startswith(("XNOR", "AND2"))]


def test_a_tie_cell_to_avoid_is_not_used(tmp_path: Path, verilog: Write, shared: Path) -> None:
    source = verilog("module t(input a, output [1:0] y); assign y = {~a, 1'b1}; endmodule\n")
    liberty = sorted((shared / "liberty" / "ihp_sg13g2").glob("*typ_1p20V*.lib.gz"))
    assert "sg13g2_tiehi" in synthesize([source], "t", liberty, workdir=tmp_path).cell_counts
    made = synthesize([source], "t", liberty, dont_use=["*_tie??"], workdir=tmp_path)
    assert made.cell_counts == {"sg13g2_inv_1": 1}


def test_warnings_are_kept(tmp_path: Path, verilog: Write, osu018: Path) -> None:
    source = verilog(
        "module s(input [3:0] a, output b); assign b = &a; endmodule\n"
        "module t(input a, output b); s u(.a(a), .b(b)); endmodule\n"
    )
    made = synthesize([source], "t", [osu018], workdir=tmp_path)
    assert any("Resizing cell port t.u.a" in warning for warning in made.warnings)


def test_a_folder_with_blanks(tmp_path: Path, verilog: Write, osu018: Path) -> None:
    folder = tmp_path / "a b (c)"
    folder.mkdir()
    source = verilog("module t(input a, output b); assign b = ~a; endmodule\n").rename(folder / "d e.v")
    library = folder / "o s u.lib"
    library.write_bytes(osu018.read_bytes())
    for mode in ("structural", "flat"):
        made = synthesize([source], "t", [library], mode=mode, workdir=folder / "w x")
        assert made.cell_counts == {"INVX1": 1}
    assert check_equivalence([source], "t", made.netlist_verilog, [library], workdir=folder / "w y").method == "proof"
