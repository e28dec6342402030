# SPDX-License-Identifier: Apache-2.0
"""The Liberty file that mapping is given: read back it says the same, and odd libraries map through it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.flow.runs.assets import mac_sources
from halo.liberty import read_corner
from halo.synth import check_equivalence, synthesize
from halo.synth.libraries import prepare_liberty

Write = Callable[[str], Path]

MULTIPLIER = (
    "module t(input signed [2:0] w, input signed [2:0] a, output signed [5:0] p); assign p = w * a; endmodule\n"
)
ODD_CELL = """
  cell (ODD) { area : 0.1;
    pin (A) { direction : input; }
    pin (Y) { direction : output; function : "A & NONE"; } } }
"""
DELAYS = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")


def bent(osu018: Path, folder: Path, *changes: tuple[str, str]) -> Path:
    """osu018 with some of its text replaced (regular expressions, each of which must fit)."""
    text = osu018.read_text(encoding="utf-8")
    for pattern, new in changes:
        text, count = re.subn(pattern, new, text)
        assert count, pattern
    path = folder / "bent.lib"
    path.write_text(text, encoding="utf-8")
    return path


def without_cell(name: str) -> tuple[str, str]:
    return rf"(?s)\n\s*cell \({name}\).*?(?=\n\s*cell \(|\Z)", ""


BUFFERS = [without_cell(name) for name in ("BUFX2", "BUFX4", "CLKBUF1", "CLKBUF2", "CLKBUF3")]


def mapped(source: Path, liberty: Path, folder: Path) -> dict[str, int]:
    """Cells of a design, after the netlist is proven."""
    made = synthesize([source], "t", [liberty], workdir=folder / "made")
    assert check_equivalence([source], "t", made.netlist_verilog, [liberty], workdir=folder / "check").equal
    return made.cell_counts


@pytest.mark.parametrize("library", ["osu018", "ihp_sg13g2"])
def test_read_back_it_is_the_same(tmp_path: Path, request: pytest.FixtureRequest, library: str) -> None:
    if library == "osu018":
        paths = [request.getfixturevalue("osu018")]
    else:
        paths = sorted((request.getfixturevalue("shared") / "liberty" / library).glob("*1p20V*.lib.gz"))
    prepared = prepare_liberty(paths, tmp_path)
    again = read_corner(prepared.path)
    assert set(again.cells) == prepared.cells and len(again.cells) > 20
    for name, cell in again.cells.items():
        old = prepared.library.cells[name]
        assert (cell.area, list(cell.pins)) == (old.area, list(old.pins))
        for pin_name, pin in cell.pins.items():
            before = old.pins[pin_name]
            assert pin.direction == before.direction and pin.clock == before.clock
            if pin.direction == "input":
                assert pin.rise_capacitance_f == pytest.approx(before.rise_capacitance_f, rel=1e-11)
                continue
            assert pin.function is not None and before.function is not None
            assert pin.function.inputs == before.function.inputs
            assert np.array_equal(pin.function.table, before.function.table)
            if cell.sequential is None:
                groups = [(pin, group) for group in before.timing for pin in group.related_pins]
                assert [group.related_pins[0] for group in pin.timing] == [pin for pin, _ in groups]
                for group, (_, was) in zip(pin.timing, groups, strict=True):
                    for kind in DELAYS:
                        slews, loads = group.tables[kind].axes
                        points = np.repeat(slews, len(loads)), np.tile(loads, len(slews))
                        assert group.tables[kind].at(*points) == pytest.approx(was.tables[kind].at(*points), rel=1e-9)


@pytest.mark.parametrize("function", ["A ^ B * C", "A * B ^ C", "A ^ B C", "C B' ^ A + 0"])
def test_xor_binds_first_for_everyone(tmp_path: Path, osu018: Path, verilog: Write, function: str) -> None:
    cell = r"(?s)(cell \(NAND3X1\) \{.*?"
    liberty = bent(
        osu018, tmp_path, (cell + r'function : )"[^"]*"', rf'\1"{function}"'), (cell + r"area : )\d+", r"\g<1>1")
    )
    # A design that is this very cell, so that mapping takes it.
    expression = {
        "A ^ B * C": "(a ^ b) & c",
        "A * B ^ C": "a & (b ^ c)",
        "A ^ B C": "(a ^ b) & c",
        "C B' ^ A + 0": "c & (~b ^ a)",
    }[function]
    source = verilog(f"module t(input a, b, c, output y); assign y = {expression}; endmodule\n")
    assert mapped(source, liberty, tmp_path) == {"NAND3X1": 1}


def test_a_library_without_a_buffer_is_lent_one(tmp_path: Path, osu018: Path, verilog: Write) -> None:
    liberty = bent(osu018, tmp_path, *BUFFERS)
    prepared = prepare_liberty([liberty], tmp_path / "prepared")
    assert prepared.buffer is not None and "halo_buffer" in prepared.path.read_text()
    assert not any("BUF" in name for name in mapped(verilog(MULTIPLIER), liberty, tmp_path))
    # An output that repeats an input, and flat mapping, which inserts buffers of its own.
    source = verilog("module t(input [7:0] a, input b, output [40:0] y); assign y = {33{&a ^ b}} ^ {5{a}}; endmodule\n")
    flat = synthesize([source], "t", [liberty], mode="flat", workdir=tmp_path / "flat")
    assert set(flat.cell_counts) <= prepared.cells
    assert check_equivalence([source], "t", flat.netlist_verilog, [liberty], workdir=tmp_path / "flat_check").equal


def test_the_lent_buffer_has_the_delay_of_its_inverters(tmp_path: Path, osu018: Path) -> None:
    liberty = bent(osu018, tmp_path, *BUFFERS)
    cells = read_corner(prepare_liberty([liberty], tmp_path / "prepared").path).cells
    inverter, buffer = cells["INVX1"].pins["Y"].timing[0].tables, cells["halo_buffer"].pins["Y"].timing[0].tables
    between = np.array([cells["INVX1"].pins["A"].capacitance_f])
    for slew_s, load_f in ((6e-11, 1e-14), (1.2e-10, 3e-14), (3e-10, 1e-13)):
        slew, load = np.array([slew_s]), np.array([load_f])
        middle = inverter["fall_transition"].at(slew, between)
        delay = inverter["cell_fall"].at(slew, between) + inverter["cell_rise"].at(middle, load)
        assert buffer["cell_rise"].at(slew, load) == pytest.approx(delay, rel=0.02)  # its table is coarser


@pytest.mark.parametrize(
    "change",
    [
        (r"cell \((\w+)X(\d+)\)", r'cell ("\1$X\2")'),
        (r"\bpin\s*\(Y\)", "pin(Y$1)"),
        (r'"1ns"', '"1nS"'),
        (r"capacitive_load_unit\s*\(1,\s*pf\)", "capacitive_load_unit (1, pF)"),
        (r"(?s)\}\s*\Z", ODD_CELL),
        (r"nom_voltage : [\d.]+;", ""),
    ],
    ids=["$ in cells", "$ in a pin", "nS", "pF", "an odd cell", "no voltage"],
)
def test_odd_libraries_map_as_the_plain_one(
    tmp_path: Path, osu018: Path, verilog: Write, change: tuple[str, str]
) -> None:
    source = verilog(MULTIPLIER)
    (tmp_path / "plain").mkdir()
    plain = mapped(source, osu018, tmp_path / "plain")
    odd = mapped(source, bent(osu018, tmp_path, change), tmp_path)
    assert {name.replace("$", ""): count for name, count in odd.items()} == plain


def test_a_library_without_functions(tmp_path: Path, osu018: Path) -> None:
    liberty = bent(osu018, tmp_path, (r'\bfunction : "[^"]*";', ""))
    with pytest.raises(HaloError, match="says of no cell which function it has") as caught:
        synthesize(mac_sources(), "mul_csa_array", [liberty], workdir=tmp_path / "work")
    assert caught.value.path == str(liberty)
