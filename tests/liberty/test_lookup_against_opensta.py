# SPDX-License-Identifier: Apache-2.0
"""Delay and slew of single inverters against OpenSTA, inside and far outside the tables."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from halo.liberty import lookup, read_corner

pytestmark = pytest.mark.tools

# In each library's own units: time and capacitance scale, then points of input transition and load.
CASES = {
    "osu018": ("INVX1", 1e-9, 1e-12, [(0.06, 0.01), (0.3, 0.1), (0.01, 0.7), (2.0, 0.001)]),
    "ihp_sg13g2/sg13g2_stdcell_typ_1p20V_25C": (
        "sg13g2_inv_1",
        1e-9,
        1e-12,
        [(0.06, 0.01), (3.5, 0.5), (0.001, 0.0001)],
    ),
    "gf180mcu7t/gf180mcu_fd_sc_mcu7t5v0__tt_025C_3v30": (
        "gf180mcu_fd_sc_mcu7t5v0__inv_1",
        1e-9,
        1e-12,
        [(0.06, 0.01), (0.001, 0.6), (12.0, 0.0005)],
    ),
    "asap7/asap7sc7p5t_INVBUF_RVT_TT_nldm_220122": ("INVx1_ASAP7_75t_R", 1e-12, 1e-15, [(13.0, 3.3), (1.0, 90.0)]),
    "gt2n/gt2_6t_w13_svt_tt_0p7v25c": ("gt2_6t_inv_x1_w13_svt", 1e-12, 1e-12, [(5.0, 0.005), (300.0, 0.0005)]),
}


@pytest.mark.parametrize("name", CASES)
def test_delay_and_slew(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    sta = shutil.which("sta")
    if sta is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    cell_name, time, capacitance, points = CASES[name]
    if "/" in name:
        packed: Path = request.getfixturevalue("shared") / "liberty" / f"{name}.lib.gz"
        path = tmp_path / "plain.lib"
        path.write_bytes(gzip.decompress(packed.read_bytes()))
    else:
        path = request.getfixturevalue(name)
    library = read_corner([path], cache=False)
    cell = library.cells[cell_name]
    (a,), (y,) = cell.inputs, cell.outputs
    netlist, script = tmp_path / "top.v", tmp_path / "run.tcl"
    netlist.write_text(
        f"module top (a, y);\n input a;\n output y;\n {cell_name} u1 (.{a.name}(a), .{y.name}(y));\nendmodule\n"
    )
    commands = [
        f"read_liberty {path}",
        f"read_verilog {netlist}",
        "link_design top",
        "create_clock -name clk -period 10",
        "set_input_delay 0 -clock clk a",
    ]
    for slew, load in points:
        commands += [
            f"set_input_transition {slew} a",
            f"set_load {load} y",
            f"report_dcalc -from u1/{a.name} -to u1/{y.name} -digits 9",
        ]
    script.write_text("\n".join(commands))
    run = subprocess.run([sta, "-no_init", "-exit", str(script)], capture_output=True, text=True, timeout=60)
    # For each point: the input's rise (output fall), then its fall; delay before slew.
    found = [float(value) for value in re.findall(r"Table value = (\S+)", run.stdout)]
    # The load is the one OpenSTA looked up: it may have added a wire load of the library.
    loads = [float(value) for value in re.findall(r"total_output_net_capacitance = (\S+)", run.stdout)]
    assert len(found) == len(loads) == 4 * len(points), run.stderr
    (arc,) = y.timing
    kinds = ("cell_fall", "fall_transition", "cell_rise", "rise_transition") * len(points)
    slews = [slew for slew, _ in points for _ in range(4)]
    expected = []
    for kind, slew, load in zip(kinds, slews, loads, strict=True):
        point = {"input_net_transition": slew * time, "total_output_net_capacitance": load * capacitance}
        expected.append(lookup(arc.tables[kind], point) / time)
    assert found == pytest.approx(expected, rel=2e-6, abs=2e-8)
