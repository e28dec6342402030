# SPDX-License-Identifier: Apache-2.0
"""Cells of several flip-flops: two ``ff`` groups, ``ff_bank`` over buses of either direction, scan chains inside."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from halo.characterization.design import DesignCorner, load_corner
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.simulators.comparison import compare, draw_samples
from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import evaluate
from halo.netlist.model import FLOP, Circuit
from halo.netlist.verilog import read_netlist
from halo.synth.cellmodels import cell_models
from halo.timing.static.timer import static_arrivals
from halo.timing.timed_netlist import write_timed_netlist

TABLE = '(t) {{ values ("{0}, {1}", "{2}, {3}"); }}'


def delays(rise: float, fall: float) -> str:
    return " ".join(
        f"{kind} " + TABLE.format(base, base + 0.4, base + 0.3, base + 0.8)
        for kind, base in (
            ("cell_rise", rise),
            ("cell_fall", fall),
            ("rise_transition", 0.05),
            ("fall_transition", 0.07),
        )
    )


def data(name: str, extra: str = "") -> str:
    check = 'rise_constraint (scalar) { values ("0.1"); } fall_constraint (scalar) { values ("0.2"); }'
    setup = f'timing () {{ related_pin : "CK"; timing_type : setup_rising; {check} }}'
    return f"pin ({name}) {{ direction : input; capacitance : 0.003; {setup} }}"


def output(name: str, function: str, rise: float = 0.1) -> str:
    arc = f'timing () {{ related_pin : "CK"; timing_type : rising_edge; {delays(rise, 0.13)} }}'
    return f'pin ({name}) {{ direction : output; function : "{function}"; {arc} }}'


def bus(name: str, kind: str, range_: str) -> str:
    """The pin or pins of a bus as a bus group."""
    return kind.replace(f"pin ({name}) {{", f"bus ({name}) {{ bus_type : {range_};", 1)


CK = "pin (CK) { direction : input; clock : true; capacitance : 0.002; }"
SCAN = " ".join(f"pin ({name}) {{ direction : input; capacitance : 0.001; }}" for name in ("SE", "SI"))
LIBRARY = f"""library (bits) {{
  delay_model : table_lookup; time_unit : "1ns"; voltage_unit : "1V"; capacitive_load_unit (1, pf);
  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50; output_threshold_pct_rise : 50;
  output_threshold_pct_fall : 50; slew_lower_threshold_pct_rise : 20; slew_lower_threshold_pct_fall : 20;
  slew_upper_threshold_pct_rise : 80; slew_upper_threshold_pct_fall : 80;
  lu_table_template (t) {{ variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    index_1 ("0.01, 1"); index_2 ("0.001, 0.1"); }}
  nom_process : 1; nom_temperature : 25; nom_voltage : 1.8;
  type (down) {{ base_type : array; data_type : bit; bit_width : 2; bit_from : 1; bit_to : 0; downto : true; }}
  type (up) {{ base_type : array; data_type : bit; bit_width : 2; bit_from : 0; bit_to : 1; downto : false; }}
  cell (NAND2) {{
    pin (A) {{ direction : input; capacitance : 0.002; }} pin (B) {{ direction : input; capacitance : 0.002; }}
    pin (Y) {{ direction : output; function : "!(A B)";
      timing () {{ related_pin : "A B"; timing_sense : negative_unate; {delays(0.05, 0.06)} }} }}
  }}
  cell (DFF) {{ area : 6; ff (IQ, IQN) {{ next_state : "D"; clocked_on : "CK"; }} {CK}
    {data("D")} {output("Q", "IQ")} }}
  cell (TWO) {{ area : 10; ff (IQ0, IQN0) {{ next_state : "D0"; clocked_on : "CK"; }}
    ff (IQ1, IQN1) {{ next_state : "D1"; clocked_on : "CK"; }} {CK}
    {data("D0")} {data("D1")} {output("Q0", "IQ0")} {output("Q1", "IQ1")} }}
  cell (DOWN) {{ area : 10; ff_bank (IQ, IQN, 2) {{ next_state : "D"; clocked_on : "CK"; }} {CK}
    {bus("D", data("D"), "down")} {bus("Q", output("Q", "IQ"), "down")} }}
  cell (UP) {{ area : 10; ff_bank (IQ, IQN, 2) {{ next_state : "D"; clocked_on : "CK"; }} {CK}
    {bus("D", data("D"), "up")} {bus("Q", output("Q", "IQ"), "up")} }}
  cell (SCAN) {{ area : 14;
    ff (IQ0, IQN0) {{ next_state : "(SE SI) + (SE' D0)"; clocked_on : "CK"; }}
    ff (IQ1, IQN1) {{ next_state : "(SE IQ0) + (SE' D1)"; clocked_on : "CK"; }} {CK} {SCAN}
    {data("D0")} {data("D1")} {output("Q0", "IQ0")} {output("Q1", "IQN1", 0.2)} }}
  cell (BOTH) {{ area : 10; ff (IQ0, IQN0) {{ next_state : "D0"; clocked_on : "CK"; }}
    ff (IQ1, IQN1) {{ next_state : "D1"; clocked_on : "CK'"; }} {CK}
    {data("D0")} {data("D1")} {output("Q0", "IQ0")} {output("Q1", "IQ1")} }}
}}
"""
DESIGN = """module t (input clk, input [1:0] w, input [1:0] a, output [1:0] p); wire [1:0] q, x;
{first}
NAND2 g0 (.A(w[0]), .B(q[0]), .Y(x[0])); NAND2 g1 (.A(x[0]), .B(q[1]), .Y(x[1]));
{second}
endmodule
"""


def pair(cell: str, name: str, given: str, taken: str) -> str:
    """Two bits of a register made of some cell."""
    if cell == "DFF":
        return " ".join(f"DFF {name}{i} (.CK(clk), .D({given}[{i}]), .Q({taken}[{i}]));" for i in (0, 1))
    if cell == "TWO":
        return f"TWO {name} (.CK(clk), .D0({given}[0]), .D1({given}[1]), .Q0({taken}[0]), .Q1({taken}[1]));"
    return f"{cell} {name} (.CK(clk), .D({given}), .Q({taken}));"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("bits") / "bits.lib"
    found.write_text(LIBRARY)
    return found


@pytest.fixture(scope="module")
def library(path: Path) -> Library:
    return read_corner([path], cache=False)


def compiled(text: str, library: Library, folder: Path, **ties: int) -> Circuit:
    (folder / "t.v").write_text(text)
    netlist = read_netlist(folder / "t.v")
    return compile_circuit(netlist, library, {netlist.inputs[port][0]: value for port, value in ties.items()})


def corner(cell: str, path: Path, folder: Path) -> DesignCorner:
    text = DESIGN.format(first=pair(cell, "r", "a", "q"), second=pair(cell, "s", "x", "p"))
    (folder / "t.v").write_text(text)
    config = CharacterizeConfig(corners=(("bits", (path,)),), run_folder=folder / "run", netlist=folder / "t.v")
    return load_corner("bits", (path,), folder / "t.v", None, config)


@pytest.mark.parametrize("cell", ["TWO", "DOWN", "UP"])
def test_a_register_of_two_bits_is_two_of_one(cell: str, path: Path, library: Library, tmp_path: Path) -> None:
    arrivals, values = {}, {}
    for kind in ("DFF", cell):
        circuit = compiled(
            DESIGN.format(first=pair(kind, "r", "a", "q"), second=pair(kind, "s", "x", "p")), library, tmp_path
        )
        assert np.count_nonzero(circuit.kind == FLOP) == 4
        found = static_arrivals(circuit, library, case={}, input_slew_s=5e-11, output_load_f=1e-15)
        arrivals[kind] = sorted(map(tuple, found.arrival_s[0].round(15).tolist()))
        bits = np.random.default_rng(1).integers(0, 2, (len(circuit.source), 64), dtype=np.uint8)
        played = evaluate(circuit, {int(net): bits[i] for i, net in enumerate(circuit.source)})
        values[kind] = played[list(circuit.netlist.outputs["p"])]
    assert arrivals[cell] == arrivals["DFF"]
    np.testing.assert_array_equal(values[cell], values["DFF"])


@pytest.mark.tools
@pytest.mark.parametrize("cell", ["TWO", "UP"])
def test_icarus_plays_each_bit(cell: str, path: Path, tmp_path: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("apt-get install iverilog")
    design = corner(cell, path, tmp_path)
    write_timed_netlist(design.circuit, design.delays, tmp_path / "timed.v", library=design.library)
    found = compare(design, tmp_path / "timed.v", draw_samples(design, 60, np.random.default_rng(2)), explain=False)
    assert found.equal.all() and found.toggles.sum() > 60


@pytest.mark.tools
@pytest.mark.parametrize("cell", ["TWO", "DOWN"])
def test_slacks_equal_those_of_opensta(cell: str, path: Path, library: Library, tmp_path: Path) -> None:
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    circuit = compiled(
        DESIGN.format(first=pair(cell, "r", "a", "q"), second=pair(cell, "s", "x", "p")), library, tmp_path
    )
    found = static_arrivals(circuit, library, case={}, input_slew_s=5e-11, output_load_f=1e-14)
    ours = {
        end.name: 10 - float((found.arrival_s + found.setup_s)[0, i].max()) * 1e9
        for i, end in enumerate(found.endpoints)
    }
    script = [f"read_liberty {path}", f"read_verilog {tmp_path / 't.v'}", "link_design t"]
    script += ["set_cmd_units -time ns -capacitance pF", "create_clock -name ck -period 10 [get_ports clk]"]
    script += ["set_clock_transition 0.05 [get_clocks ck]", "set_input_transition 0.05 [all_inputs]"]
    script += ["set_load 0.01 [all_outputs]", "set_input_delay 0 -clock ck [get_ports {a* w*}]"]
    script += ["set_output_delay 0 -clock ck [all_outputs]"]
    script += ["report_checks -path_delay max -format end -digits 7 -group_count 100"]
    (tmp_path / "run.tcl").write_text("\n".join(script) + "\n")
    run = subprocess.run(["sta", "-exit", "run.tcl"], cwd=tmp_path, capture_output=True, text=True, check=True)
    theirs = dict(re.findall(r"^(\S+) \(\w+\)\s+\S+\s+\S+\s+(\S+)", run.stdout, re.MULTILINE))
    assert set(ours) == set(theirs), run.stdout
    for name, slack in ours.items():
        assert slack == pytest.approx(float(theirs[name]), abs=2e-6)


def test_a_scan_chain_inside_a_cell(library: Library, tmp_path: Path) -> None:
    body = "SCAN r (.CK(clk), .SE({se}), .SI(a[0]), .D0(a[0]), .D1(a[1]), .Q0(q[0]), .Q1(q[1]));"
    text = DESIGN.replace("{second}", "assign p = x;")
    still = compiled(text.format(first=body.format(se="1'b0")), library, tmp_path)
    assert len(still.state_gates) == 0
    moving = compiled(text.format(first=body.format(se="1'b1")), library, tmp_path)
    # In shift mode the second bit, shown inverted, takes the first.
    by_name = dict(zip(moving.netlist.nets, range(moving.nets), strict=True))
    gate = moving.out.tolist().index(by_name["q[1]"])
    assert "Q0" in moving.pin_name[moving.pin_start[gate] : moving.pin_start[gate + 1]]
    bits = np.array([[0, 1]], np.uint8)
    values = evaluate(moving, {int(net): bits[0] for net in moving.source})
    np.testing.assert_array_equal(values[by_name["q[1]"]], [1, 0])


def test_simulation_models_hold_every_bit(library: Library) -> None:
    text = cell_models(library, ["TWO", "BOTH"])
    assert text.count("always @(posedge halo_clock)") == 2 and text.count("always @(posedge halo_1_clock)") == 2
    assert "assign halo_1_clock = ~CK;" in text


def test_wrong_widths_and_edges_are_refused(library: Library, tmp_path: Path) -> None:
    text = DESIGN.format(first=pair("DOWN", "r", "a", "q").replace(".D(a)", ".D(a[0])"), second="assign p = x;")
    with pytest.raises(HaloError, match="1 bits are connected to pin D of instance r"):
        compiled(text, library, tmp_path)
    text = DESIGN.format(first=pair("TWO", "r", "a", "q").replace("TWO", "BOTH"), second="assign p = x;")
    with pytest.raises(HaloError, match=r"the flip-flops in r \(BOTH\) act at both edges"):
        compiled(text, library, tmp_path)
