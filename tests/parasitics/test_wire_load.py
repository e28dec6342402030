# SPDX-License-Identifier: Apache-2.0
"""Wire-load models: read, chosen by name and by area, and their delays against Debian's OpenSTA 2.0.17."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.liberty import Library, read_corner
from halo.liberty.model import WireLoad
from halo.netlist.compile import compile_circuit
from halo.netlist.verilog import read_netlist
from halo.parasitics.wire_load import BY_AREA, DEFAULT, estimated_wires
from halo.timing.static.timer import static_arrivals

MODELS = """
  pulling_resistance_unit : "1kohm";
  default_wire_load_capacitance : 0.004;
  wire_load ("small") { resistance : 0.2; capacitance : 0.003; slope : 4.5; fanout_length (1, 2.5);
    fanout_length (4, 9); fanout_length (2, 5) }
  wire_load ("large") { resistance : 0.5; slope : 8; fanout_length (2, "7"); }
  wire_load ("bad") { resistance : much; }
  wire_load_selection ("by_area") { wire_load_from_area (0, 5000, small); wire_load_from_area (5000, 1e9, large); }
  default_wire_load : "small";
  default_wire_load_selection : "by_area";
  default_wire_load_mode : "enclosed";
  operating_conditions (stretched) { process : 1; temperature : 25; voltage : 1.8; tree_type : TREE; }
"""


def library_with_models(osu018: Path, folder: Path, tree: str = "") -> Path:
    text = osu018.read_text()
    models = MODELS.replace("tree_type : TREE;", f"tree_type : {tree};" if tree else "")
    if tree:
        models += "  default_operating_conditions : stretched;\n"
    text = re.sub(r"^\s*(default_operating_conditions|pulling_resistance_unit).*$", "", text, flags=re.M)
    path = folder / "models.lib"
    path.write_text(text.replace("{", "{" + models, 1))
    return path


@pytest.fixture
def library(osu018: Path, tmp_path: Path) -> Library:
    return read_corner(library_with_models(osu018, tmp_path, "worst_case_tree"))


def test_models_are_read(library: Library) -> None:
    told = library.wire_loads
    assert set(told.models) == {"small", "large"}
    small, large = told.models["small"], told.models["large"]
    assert small == WireLoad("small", 200.0, pytest.approx(3e-15), 4.5, ((1.0, 2.5), (2.0, 5.0), (4.0, 9.0)))
    assert (large.ohm, large.farad) == (500.0, pytest.approx(4e-15))  # the library's default capacitance
    assert (told.default, told.default_selection, told.mode, told.tree) == (
        "small",
        "by_area",
        "enclosed",
        "worst_case_tree",
    )
    assert [small.length(fanout) for fanout in (0, 1, 3, 4, 6)] == [0.0, 2.5, 7.0, 9.0, 18.0]
    assert [large.length(fanout) for fanout in (1, 2, 3)] == [0.0, 7.0, 15.0]


HIERARCHY = """module t(input a, output y); wire n; big u(.i(a), .o(n)); INVX1 g(.A(n), .Y(y)); endmodule
module big(input i, output o); wire k; INVX1 g1(.A(i), .Y(k)); INVX1 g2(.A(k), .Y(o)); endmodule
"""


def test_models_are_chosen(library: Library, tmp_path: Path) -> None:
    (tmp_path / "t.v").write_text(HIERARCHY)
    netlist = read_netlist(tmp_path / "t.v")
    assert estimated_wires(netlist, library, DEFAULT)[1] == "small"
    assert estimated_wires(netlist, library, "large")[1] == "large"
    with pytest.raises(HaloError, match="has no wire-load model lrge") as caught:
        estimated_wires(netlist, library, "lrge")
    assert "large" in caught.value.fix
    area = library.cells["INVX1"].area
    ranges = ((0.0, "small"), (2.5 * area, "large"))
    told = library.wire_loads
    sized = Library(**{**vars(library), "wire_loads": type(told)(told.models, "", {"s": ranges})})
    whole, names = estimated_wires(netlist, sized, BY_AREA)
    assert names == "large"
    inside, _ = estimated_wires(netlist, sized, BY_AREA, enclosed=True)
    chosen = {net: inside.models[inside.model[i]].name for i, net in enumerate(netlist.nets)}
    assert chosen == {"a": "large", "y": "large", "n": "large", "u.k": "small"}
    with pytest.raises(HaloError, match="names no default wire-load model"):
        estimated_wires(netlist, sized, DEFAULT)
    assert whole.loads(netlist, sized, 0.0).cap_f[netlist.nets.index("n")] == 0.0  # one pin, below the first entry


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("tree", ["", "balanced_tree", "worst_case_tree", "best_case_tree"])
def test_delays_equal_opensta(tree: str, osu018: Path, shared: Path, tmp_path: Path) -> None:
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    path = library_with_models(osu018, tmp_path, tree)
    netlist = shared / "reference" / "osu018_mult8" / "netlist.v"
    library = read_corner(path)
    circuit = compile_circuit(read_netlist(netlist), library)
    wires, _ = estimated_wires(circuit.netlist, library, DEFAULT)
    found = static_arrivals(
        circuit, library, case={}, input_slew_s=60e-12, output_load_f=10e-15, wires=wires, dead_slew=False
    )
    script = [f"read_liberty {path}", f"read_verilog {netlist}", "link_design mult8"]
    script += ["set_operating_conditions stretched"] if tree else []
    script += ["set_cmd_units -time ps -capacitance fF", "set_input_transition 60 [all_inputs]"]
    script += ["set_load -pin_load 10 [all_outputs]", "create_clock -name ck -period 0.001"]
    script += ["set_input_delay 0 -clock ck [all_inputs]", "set_output_delay 0 -clock ck [all_outputs]"]
    script += ["report_checks -path_delay max -format end -digits 6 -group_count 100"]
    (tmp_path / "run.tcl").write_text("\n".join(script) + "\n")
    done = subprocess.run(["sta", "-no_splash", "-exit", "run.tcl"], cwd=tmp_path, capture_output=True, text=True)
    rows = re.findall(r"^(p\[\d+\]) \(\w+\)\s+\S+\s+(\S+)\s+\S+", done.stdout, re.M)
    assert len(rows) == 16, done.stdout + done.stderr
    names = [end.name for end in found.endpoints]
    ours = [found.arrival_s[0, names.index(name)].max() * 1e12 for name, _ in rows]
    np.testing.assert_allclose(ours, [float(arrival) for _, arrival in rows], rtol=1e-5)
