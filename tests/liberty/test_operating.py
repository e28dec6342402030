# SPDX-License-Identifier: Apache-2.0
"""Operating conditions and k-factors: worked by hand, and against OpenSTA."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.verilog import read_netlist
from halo.timing.static.timer import static_arrivals

FACTORS = {
    "k_process_cell_rise": 0.5,
    "k_temp_cell_rise": 0.002,
    "k_volt_cell_rise": -0.5,
    "k_volt_cell_fall": -0.25,
    "k_temp_fall_transition": 0.004,
    "k_volt_rise_transition": -1.0,
    "k_volt_setup_rise": -0.3,
    "k_temp_setup_fall": 0.001,
    "k_volt_pin_cap": 0.4,
    "k_volt_cell_leakage_power": 2.0,
    "k_volt_internal_power": 0.5,
}
CONDITIONS = "operating_conditions (wc) { process : 1.5; temperature : 125; voltage : 1.6; }"


def tables(*kinds: tuple[str, float]) -> str:
    points = 'index_1 ("0.01, 1"); index_2 ("0.001, 0.1");'
    return " ".join(
        f'{kind} (t) {{ {points} values ("{base}, {base + 0.4}", "{base + 0.3}, {base + 0.8}"); }}'
        for kind, base in kinds
    )


def library(head: str, extra: str = "") -> str:
    delays = tables(("cell_rise", 0.1), ("cell_fall", 0.13), ("rise_transition", 0.05), ("fall_transition", 0.07))
    check = 'rise_constraint (scalar) { values ("0.1"); } fall_constraint (scalar) { values ("0.2"); }'
    thresholds = " ".join(
        f"{kind}_pct_{edge} : {value};"
        for edge in ("rise", "fall")
        for kind, value in (
            ("input_threshold", 50),
            ("output_threshold", 50),
            ("slew_lower_threshold", 20),
            ("slew_upper_threshold", 80),
        )
    )
    return f"""library (k) {{
  delay_model : table_lookup; time_unit : "1ns"; voltage_unit : "1V"; capacitive_load_unit (1, pf);
  leakage_power_unit : "1nW"; {thresholds}
  lu_table_template (t) {{ variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    index_1 ("0.01, 1"); index_2 ("0.001, 0.1"); }}
  power_lut_template (e) {{ variable_1 : input_transition_time; index_1 ("0.01, 1"); }}
  nom_process : 1; nom_temperature : 25; nom_voltage : 1.8; {head}
  cell (INV) {{
    cell_leakage_power : 4; {extra}
    pin (A) {{ direction : input; capacitance : 0.002; }}
    pin (Y) {{
      direction : output; function : "!A";
      timing () {{ related_pin : "A"; timing_sense : negative_unate; {delays} }}
      internal_power () {{ related_pin : "A"; rise_power (e) {{ values ("1, 2"); }} }}
    }}
  }}
  cell (DFF) {{
    ff (IQ, IQN) {{ next_state : "D"; clocked_on : "CK"; }}
    pin (CK) {{ direction : input; clock : true; }}
    pin (D) {{
      direction : input; capacitance : 0.003;
      timing () {{ related_pin : "CK"; timing_type : setup_rising; {check} }}
    }}
    pin (Q) {{
      direction : output; function : "IQ";
      timing () {{ related_pin : "CK"; timing_type : rising_edge; {delays} }}
    }}
  }}
}}"""


DESIGN = """module t (clk, a, y); input clk, a; output y; wire n, m, q;
INV i (.A(a), .Y(n)); INV j (.A(n), .Y(m)); DFF r (.CK(clk), .D(m), .Q(q)); INV k (.A(q), .Y(y)); endmodule
"""


def head(**factors: float) -> str:
    listed = "".join(f" {name} : {value};" for name, value in factors.items())
    return f"{CONDITIONS} default_operating_conditions : wc;{listed}"


def test_tables_are_scaled_to_the_default_conditions(tmp_path: Path) -> None:
    (tmp_path / "k.lib").write_text(library(head(**FACTORS)))
    read = read_corner([tmp_path / "k.lib"], cache=False)
    assert (read.voltage_v, read.temperature_c) == (1.6, 125.0)
    inverter = read.cells["INV"]
    (timing,) = inverter.pins["Y"].timing
    process, hundred, volt = 0.5, 100, -0.2
    # 0.1 ns at the first point of each table.
    rise = (1 + process * 0.5) * (1 + hundred * 0.002) * (1 - volt * 0.5)
    assert timing.tables["cell_rise"].values[0, 0] == pytest.approx(0.1e-9 * rise)
    assert timing.tables["cell_fall"].values[0, 0] == pytest.approx(0.13e-9 * (1 - volt * 0.25))
    assert timing.tables["rise_transition"].values[0, 0] == pytest.approx(0.05e-9 * (1 - volt))
    assert timing.tables["fall_transition"].values[0, 0] == pytest.approx(0.07e-9 * (1 + hundred * 0.004))
    assert inverter.pins["A"].capacitance_f == pytest.approx(2e-15 * (1 + volt * 0.4))
    assert inverter.cell_leakage_w == pytest.approx(4e-9 * (1 + volt * 2))
    (power,) = inverter.pins["Y"].power
    assert power.rise is not None and power.rise.values[0] == pytest.approx(1e-12 * (1 + volt * 0.5))
    (check,) = read.cells["DFF"].pins["D"].timing
    assert float(check.tables["rise_constraint"].values) == pytest.approx(0.1e-9 * (1 - volt * 0.3))
    assert float(check.tables["fall_constraint"].values) == pytest.approx(0.2e-9 * (1 + hundred * 0.001))
    (note,) = read.notes
    assert "scaled from the library's nominal conditions (1.8 V, 25 °C, process 1) to its default ones, wc" in note


@pytest.mark.tools
def test_slacks_equal_those_of_opensta(tmp_path: Path) -> None:
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    # Debian's OpenSTA 2.0.17 scales delays, transitions and setup times, but no pin capacitance in its loads.
    factors = {name: value for name, value in FACTORS.items() if name != "k_volt_pin_cap"}
    (tmp_path / "k.lib").write_text(library(head(**factors)))
    (tmp_path / "t.v").write_text(DESIGN)
    read = read_corner([tmp_path / "k.lib"], cache=False)
    circuit = compile_circuit(read_netlist(tmp_path / "t.v"), read)
    found = static_arrivals(circuit, read, case={}, input_slew_s=0.05e-9, output_load_f=0.01e-12)
    ours = {
        end.name: 10 - float((found.arrival_s + found.setup_s)[0, i].max()) * 1e9
        for i, end in enumerate(found.endpoints)
    }
    script = [f"read_liberty {tmp_path / 'k.lib'}", f"read_verilog {tmp_path / 't.v'}", "link_design t"]
    script += ["set_cmd_units -time ns -capacitance pF", "create_clock -name ck -period 10 [get_ports clk]"]
    script += ["set_clock_transition 0.05 [get_clocks ck]", "set_input_transition 0.05 [all_inputs]"]
    script += ["set_load 0.01 [all_outputs]", "set_input_delay 0 -clock ck a", "set_output_delay 0 -clock ck y"]
    script += ["report_checks -path_delay max -format end -digits 7 -group_count 10"]
    (tmp_path / "run.tcl").write_text("\n".join(script) + "\n")
    run = subprocess.run(["sta", "-exit", "run.tcl"], cwd=tmp_path, capture_output=True, text=True, check=True)
    theirs = dict(re.findall(r"^(\S+) \(\w+\)\s+\S+\s+\S+\s+(\S+)", run.stdout, re.MULTILINE))
    assert set(ours) == set(theirs) == {"r/D", "y"}
    for name, slack in ours.items():
        assert slack == pytest.approx(float(theirs[name]), abs=2e-6)


def test_nominal_conditions_leave_tables_as_they_are(tmp_path: Path) -> None:
    same = head(**FACTORS).replace("1.5; temperature : 125; voltage : 1.6", "1; temperature : 25; voltage : 1.8")
    for text in (same, "".join(f" {name} : {value};" for name, value in FACTORS.items())):
        (tmp_path / "k.lib").write_text(library(text))
        read = read_corner([tmp_path / "k.lib"], cache=False)
        assert read.notes == () and read.voltage_v == 1.8
        assert read.cells["INV"].pins["Y"].timing[0].tables["cell_rise"].values[0, 0] == 0.1 * 1e-9


def test_without_factors_the_tables_keep_their_conditions(tmp_path: Path) -> None:
    (tmp_path / "k.lib").write_text(library(head()))
    read = read_corner([tmp_path / "k.lib"], cache=False)
    assert (read.voltage_v, read.temperature_c) == (1.8, 25.0)
    assert "it has no factors to scale them to its default ones, wc (1.6 V, 125 °C, process 1.5)" in read.notes[0]


def test_factors_of_single_cells_are_refused(tmp_path: Path) -> None:
    (tmp_path / "k.lib").write_text(library(head(**FACTORS), "scaling_factors : own;"))
    with pytest.raises(HaloError, match="INV has factors of its own for conditions other than the nominal") as refused:
        read_corner([tmp_path / "k.lib"], cache=False)
    assert refused.value.line is not None and "default_operating_conditions" in refused.value.fix
    # The fix works as typed.
    text = library(head(**FACTORS), "scaling_factors : own;").replace("default_operating_conditions : wc;", "")
    (tmp_path / "k.lib").write_text(text)
    assert read_corner([tmp_path / "k.lib"], cache=False).voltage_v == 1.8
