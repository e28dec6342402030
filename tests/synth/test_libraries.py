# SPDX-License-Identifier: Apache-2.0
"""Libraries for synthesis: every real one maps and is proven, poor ones are refused."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.synth import check_equivalence, synthesize
from halo.synth.libraries import prepare_liberty

Write = Callable[[str], Path]

CORNERS = {
    "sky130hd": "sky130hd/sky130_fd_sc_hd__tt_025C_1v80.lib.gz",
    "asap7": "asap7/*.lib.gz",
    "ihp_sg13g2": "ihp_sg13g2/sg13g2_stdcell_typ_1p20V_25C.lib.gz",
    "gf180mcu7t": "gf180mcu7t/*5v00.lib.gz",
    "gt2n": "gt2n/*.lib.gz",
}
PE = [*mac_sources(), *sorted((rtl_folder() / "pe").glob("*.v"))]


def subset(osu018: Path, folder: Path, keep: Callable[[str], bool]) -> Path:
    """A copy of osu018 with some of its cells."""
    text = osu018.read_text(encoding="utf-8")
    starts = [m.start() for m in re.finditer(r"^\s*cell \(\w+\)", text, re.MULTILINE)]
    ends = [*starts[1:], text.rindex("}")]
    cells = [text[a:b] for a, b in zip(starts, ends, strict=True)]
    names = [re.search(r"cell \((\w+)\)", cell)[1] for cell in cells]
    path = folder / "subset.lib"
    kept = [cell for name, cell in zip(names, cells, strict=True) if keep(name)]
    path.write_text(text[: starts[0]] + "".join(kept) + "\n}\n", encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", CORNERS)
def test_every_library_maps_a_registered_mac(tmp_path: Path, shared: Path, name: str) -> None:
    liberty = sorted((shared / "liberty").glob(CORNERS[name]))
    made = synthesize(PE, "pe_ws", liberty, workdir=tmp_path)
    result = check_equivalence(PE, "pe_ws", made.netlist_verilog, liberty, workdir=tmp_path / "check")
    assert result.equal and result.compared > 100_000
    assert "lpflow" not in " ".join(made.cell_counts)


@pytest.mark.slow
@pytest.mark.parametrize("node", ["osu035", "osu050"])
def test_the_other_osu_nodes(tmp_path: Path, node: str) -> None:
    liberty = sorted(Path(f"/usr/share/qflow/tech/{node}").glob("*_stdcells.lib"))
    if not liberty:
        pytest.skip(f"{node} is not installed: apt-get install qflow-tech-{node}")
    made = synthesize(mac_sources(), "mul_csa_array", liberty, workdir=tmp_path)
    result = check_equivalence(
        mac_sources(), "mul_csa_array", made.netlist_verilog, liberty, workdir=tmp_path / "check"
    )
    assert result.equal and result.method == "proof"


def test_inverted_flip_flops(tmp_path: Path, verilog: Write, shared: Path) -> None:
    source = verilog(
        "module t(input clk, input signed [3:0] w, input signed [3:0] a, output reg signed [11:0] y);\n"
        "  always @(posedge clk) y <= y + w * a;\nendmodule\n"
    )
    liberty = sorted((shared / "liberty" / "asap7").glob("*.lib.gz"))
    made = synthesize([source], "t", liberty, dont_use=["DFFHQx4*"], workdir=tmp_path)
    assert made.cell_counts["DFFHQNx1_ASAP7_75t_R"] == 12
    assert check_equivalence([source], "t", made.netlist_verilog, liberty, workdir=tmp_path).equal


def test_constants_come_from_one_tie_cell_a_value(tmp_path: Path, verilog: Write, shared: Path) -> None:
    source = verilog("module t(input a, output [3:0] y); assign y = {2'b10, ~a, 1'b1}; endmodule\n")
    liberty = sorted((shared / "liberty").glob(CORNERS["ihp_sg13g2"]))
    made = synthesize([source], "t", liberty, workdir=tmp_path)
    assert made.cell_counts == {"sg13g2_inv_1": 1, "sg13g2_tiehi": 1, "sg13g2_tielo": 1}


def test_isolation_cells_are_not_gates(tmp_path: Path, shared: Path) -> None:
    prepared = prepare_liberty([shared / "liberty" / CORNERS["sky130hd"]], tmp_path)
    assert prepared.library.cells["sky130_fd_sc_hd__lpflow_isobufsrc_1"].special
    assert "sky130_fd_sc_hd__lpflow_isobufsrc_1" not in prepared.cells
    assert "sky130_fd_sc_hd__nand2_1" in prepared.cells
    assert prepared.tie_high == ("sky130_fd_sc_hd__conb_1", "HI")
    assert prepared.buffer is None


def test_several_files_make_one_library(tmp_path: Path, osu018: Path) -> None:
    parts = []
    for name, keep in (("gates", lambda n: "DFF" not in n), ("flops", lambda n: "DFF" in n)):
        path = subset(osu018, tmp_path, keep).rename(tmp_path / f"{name}.lib")
        parts.append(path.with_suffix(".lib.gz"))
        parts[-1].write_bytes(gzip.compress(path.read_bytes()))
    made = synthesize(PE, "pe_ws", parts, workdir=tmp_path)
    assert made.cell_counts == synthesize(PE, "pe_ws", [osu018], workdir=tmp_path).cell_counts


@pytest.mark.parametrize(
    "keep, top, message",
    [
        (lambda n: "INV" not in n, "mul_csa_array", "an inverter"),
        (lambda n: n in ("INVX1", "DFFPOSX1", "XOR2X1"), "mul_csa_array", "a two-input NAND, NOR, AND or OR gate"),
        (lambda n: "DFF" not in n, "pe_ws", "has no flip-flop for a register"),
    ],
    ids=["no inverter", "no gate", "no flip-flop"],
)
def test_poor_libraries(tmp_path: Path, osu018: Path, keep: Callable[[str], bool], top: str, message: str) -> None:
    with pytest.raises(HaloError, match=message):
        synthesize(PE, top, [subset(osu018, tmp_path, keep)], workdir=tmp_path / "work")


def test_an_inverter_and_a_nand_suffice(tmp_path: Path, osu018: Path, verilog: Write) -> None:
    source = verilog("module t(input a, b, c, output x, y); assign x = a ^ b ^ c; assign y = a; endmodule\n")
    liberty = subset(osu018, tmp_path, lambda n: n in ("INVX1", "NAND2X1"))
    made = synthesize([source], "t", [liberty], workdir=tmp_path / "work")
    assert set(made.cell_counts) <= {"INVX1", "NAND2X1"}
    assert check_equivalence([source], "t", made.netlist_verilog, [liberty], workdir=tmp_path / "check").equal


def test_no_library(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no Liberty file is given"):
        synthesize(PE, "pe_ws", [], workdir=tmp_path)
    with pytest.raises(HaloError, match=r"gone\.lib"):
        synthesize(PE, "pe_ws", [tmp_path / "gone.lib"], workdir=tmp_path)
