# SPDX-License-Identifier: Apache-2.0
"""Static timing with wires against Debian's OpenSTA 2.0.17, which is given the same SPEF."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from spef_writer import spef_text

from halo.liberty import read_corner
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.parasitics.loads import ExtractedWires
from halo.parasitics.network import bind_networks
from halo.parasitics.spef import read_spef
from halo.timing.static.timer import static_arrivals

pytestmark = pytest.mark.tools

TO_SKY130 = {
    "INVX1": ("inv_1", "A Y", "A Y"),
    "NAND2X1": ("nand2_1", "A B Y", "A B Y"),
    "NOR2X1": ("nor2_1", "A B Y", "A B Y"),
    "AND2X1": ("and2_1", "A B Y", "A B X"),
    "OR2X1": ("or2_1", "A B Y", "A B X"),
    "XOR2X1": ("xor2_1", "A B Y", "A B X"),
    "XNOR2X1": ("xnor2_1", "A B Y", "A B Y"),
    "NAND3X1": ("nand3_1", "A B C Y", "A B C Y"),
    "AOI21X1": ("a21oi_1", "A B C Y", "A1 A2 B1 Y"),
    "OAI21X1": ("o21ai_1", "A B C Y", "A1 A2 B1 Y"),
    "AOI22X1": ("a22oi_1", "A B C D Y", "A1 A2 B1 B2 Y"),
    "OAI22X1": ("o22ai_1", "A B C D Y", "A1 A2 B1 B2 Y"),
    "MUX2X1": ("mux2i_1", "A B S Y", "A1 A0 S Y"),
}
"""Cells of the multiplier and their pins in sky130."""
READ_ONCE = {
    "(A&!B) | (!A&B)": "A ^ B",
    "(!A&!B) | (A&B)": "!(A ^ B)",
    "(!A1&!B1) | (!A2&!B1)": "!((A1&A2) | B1)",
    "(!A1&!B1) | (!A1&!B2) | (!A2&!B1) | (!A2&!B2)": "!((A1&A2) | (B1&B2))",
}
"""Functions that name a pin twice, of which OpenSTA, built without CUDD, does not see what a constant leaves."""


def translated(netlist: str) -> str:
    """The same gates in sky130's cells."""

    def instance(match: re.Match[str]) -> str:
        name, before, after = TO_SKY130[match[1]]
        pins = dict(zip(before.split(), after.split(), strict=True))
        body = re.sub(r"\.(\w+)\(", lambda pin: f".{pins[pin[1]]}(", match[2])
        return f"  sky130_fd_sc_hd__{name} {body};"

    return re.sub(rf"^  ({'|'.join(TO_SKY130)}) (.*?);", instance, netlist, flags=re.MULTILINE | re.DOTALL)


def plain_library(path: Path, folder: Path) -> Path:
    """A copy that OpenSTA reads as halo does: without the default wire load, functions that name each pin once."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    copy = folder / path.name.removesuffix(".gz")
    for before, after in READ_ONCE.items():
        text = text.replace(f'"{before}"', f'"{after}"')
    copy.write_text(re.sub(r"^\s*default_wire_load\w*\s*:.*$", "", text, flags=re.M))
    return copy


def opensta_delays(
    folder: Path, liberty: Path, netlist: Path, spef: Path, weights: range, slew_s: float, load_f: float, lumped: bool
) -> list[float]:
    """Longest path for each weight, ps."""
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    script = [f"read_liberty {liberty}", f"read_verilog {netlist}", "link_design mult8"]
    script += ["set_cmd_units -time ps -capacitance fF", f"set_input_transition {slew_s * 1e12} [all_inputs]"]
    script += [f"set_load -pin_load {load_f * 1e15} [all_outputs]"] if load_f else []
    script += ["set_delay_calculator lumped_cap"] if lumped else []
    script += [f"read_spef -quiet {spef}", "create_clock -name ck -period 0.001"]
    script += ["set_input_delay 0 -clock ck [all_inputs]", "set_output_delay 0 -clock ck [all_outputs]"]
    for weight in weights:
        script += [f'set_case_analysis {weight >> i & 1} [get_ports "w\\[{i}\\]"]' for i in range(8)]
        script += [f'puts "WEIGHT {weight}"', "report_checks -path_delay max -format end -digits 6"]
    (folder / "run.tcl").write_text("\n".join(script) + "\n")
    done = subprocess.run(["sta", "-no_splash", "-exit", "run.tcl"], cwd=folder, capture_output=True, text=True)
    found = []
    for part in re.split(r"^WEIGHT ", done.stdout, flags=re.M)[1:]:
        row = re.search(r"^\S+ \(\w+\)\s+\S+\s+(\S+)\s+\S+", part, re.M)
        found.append(float(row[1]) if row else 0.0)
    assert len(found) == len(weights), done.stdout + done.stderr
    return found


def mult8(shared: Path, folder: Path, liberty: Path, sky130: bool) -> tuple[Path, Circuit, Library]:
    netlist = folder / "mult8.v"
    text = (shared / "reference" / "osu018_mult8" / "netlist.v").read_text()
    netlist.write_text(translated(text) if sky130 else text)
    library = read_corner(liberty)
    return netlist, compile_circuit(read_netlist(netlist), library), library


WIRES = {
    "osu018, trees": (False, {"ohm_per_um": 5.0, "coupling": 0.3}, 10e-15, False),
    "osu018, resistive stars": (False, {"ohm_per_um": 200.0, "ff_per_um": 0.3, "star": True}, 10e-15, False),
    "osu018, lumped": (False, {"coupling": 0.3}, 0.0, True),
    "sky130, trees": (True, {"ohm_per_um": 8.0, "coupling": 0.2}, 10e-15, False),
    "sky130, mild": (True, {"ohm_per_um": 0.4}, 10e-15, False),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WIRES)
def test_every_weight_equals_opensta_with_the_same_spef(name: str, shared: Path, osu018: Path, tmp_path: Path) -> None:
    sky130, drawn, load_f, lumped = WIRES[name]
    lib = next((shared / "liberty" / "sky130hd").glob("*tt_025C*")) if sky130 else osu018
    netlist, circuit, library = mult8(shared, tmp_path, lib, sky130)
    spef = tmp_path / "t.spef"
    spef.write_text(spef_text(circuit.netlist, library, **drawn))
    networks = bind_networks(read_spef(spef), circuit.netlist, library)
    assert networks.notes == ()
    weights = range(256)
    patterns = np.array(weights)
    case = {net: (patterns >> i & 1).astype(np.uint8) for i, net in enumerate(circuit.netlist.inputs["w"])}
    ours = static_arrivals(
        circuit,
        library,
        case=case,
        input_slew_s=60e-12,
        output_load_f=load_f,
        wires=ExtractedWires(networks, lumped),
        dead_slew=False,  # the rule of this version
    ).delay_s
    theirs = opensta_delays(tmp_path, plain_library(lib, tmp_path), netlist, spef, weights, 60e-12, load_f, lumped)
    np.testing.assert_allclose(ours * 1e12, theirs, rtol=1e-6)
