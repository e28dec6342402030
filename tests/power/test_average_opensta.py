# SPDX-License-Identifier: Apache-2.0
"""Average power against Debian's OpenSTA 2.0.17 (2019), instance by instance.

That version's rules differ from OpenSTA 3's, which ``average_power`` follows. So three things are compared: switching
and leakage directly where the rules agree; internal power with the 2019 rules, written out here, on the loads, slews
and tables that ``average_power`` uses; and the ratio between the two versions where it is known in closed form.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spef_writer import spef_text

from halo.liberty.model import Cell, Library
from halo.liberty.reader import read_corner
from halo.liberty.tables import lookup
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.parasitics.loads import ExtractedWires
from halo.parasitics.network import bind_networks
from halo.parasitics.spef import read_spef
from halo.power.average import average_power
from halo.timing.delaycalc import DelayCalculator, nominal_delays
from halo.timing.delays import Delays

pytestmark = pytest.mark.tools

PERIOD = 10e-9
ACTIVITY = 0.8
DUTY = 0.25
SLEW = 0.06e-9
LOAD = 0.02e-12

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
TO_GF180 = {
    "INVX1": ("inv_1", "A Y", "I ZN"),
    "NAND2X1": ("nand2_1", "A B Y", "A1 A2 ZN"),
    "NOR2X1": ("nor2_1", "A B Y", "A1 A2 ZN"),
    "AND2X1": ("and2_1", "A B Y", "A1 A2 Z"),
    "OR2X1": ("or2_1", "A B Y", "A1 A2 Z"),
    "XOR2X1": ("xor2_1", "A B Y", "A1 A2 Z"),
    "XNOR2X1": ("xnor2_1", "A B Y", "A1 A2 ZN"),
    "NAND3X1": ("nand3_1", "A B C Y", "A1 A2 A3 ZN"),
    "AOI21X1": ("aoi21_1", "A B C Y", "A1 A2 B ZN"),
    "OAI21X1": ("oai21_1", "A B C Y", "A1 A2 B ZN"),
    "AOI22X1": ("aoi22_1", "A B C D Y", "A1 A2 B1 B2 ZN"),
    "OAI22X1": ("oai22_1", "A B C D Y", "A1 A2 B1 B2 ZN"),
    "MUX2X1": ("mux2_2", "A B S Y", "I1 I0 S Z"),
}


def translate(netlist: str, prefix: str, cells: dict[str, tuple[str, str, str]]) -> str:
    """The same gates in another library."""

    def instance(match: re.Match[str]) -> str:
        name, before, after = cells[match[1]]
        pins = dict(zip(before.split(), after.split(), strict=True))
        body = re.sub(r"\.(\w+)\(", lambda pin: f".{pins[pin[1]]}(", match[2])
        return f"  {prefix}{name} {body};"

    return re.sub(rf"^  ({'|'.join(cells)}) (.*?);", instance, netlist, flags=re.MULTILINE | re.DOTALL)


def opensta(folder: Path, liberty: Path, netlist: Path, top: str, clock: str, ports: str = "") -> dict[str, np.ndarray]:
    """Internal, switching and leakage power of every instance, W; ``ports`` says what loads the outputs.

    Without operating conditions the 2019 version takes the supply as 0 V and skips groups without ``when``.
    """
    named = re.search(r"^\s*operating_conditions *\( *\"?(\w+)", liberty.read_text(), flags=re.MULTILINE)
    conditions = f"set_operating_conditions {named[1]}" if named else ""
    script = folder / "power.tcl"
    script.write_text(
        f"""
read_liberty {liberty}
read_verilog {netlist}
link_design {top}
{conditions}
create_clock -name clk -period {PERIOD * 1e9} {clock}
set_input_transition {SLEW * 1e9} [all_inputs]
{ports or f"set_load -pin_load {LOAD * 1e12} [all_outputs]"}
set_input_delay 0 -clock clk [all_inputs]
set_power_activity -global -activity {ACTIVITY} -duty {DUTY}
foreach inst [get_cells *] {{
  puts "power [get_property $inst full_name] [sta::instance_power $inst [sta::cmd_corner]]"
}}
"""
    )
    done = subprocess.run(
        ["sta", "-no_splash", "-exit", str(script)], capture_output=True, text=True, check=True, timeout=300
    )
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("power ")]
    assert rows, done.stdout + done.stderr
    return {row[1]: np.array([float(value) for value in row[2:5]]) for row in rows}


class Expression:
    """A Liberty expression as a tree of ("pin", name), ("!", x), ("&" | "|" | "^", x, y), parsed as OpenSTA does."""

    def __init__(self, text: str) -> None:
        self.tokens = re.findall(r"[A-Za-z_]\w*|[!'&*|+^()]", text)
        self.tree = self.level(0)

    def level(self, depth: int) -> Any:
        operators = ("|+", "&*", "^")
        if depth == len(operators):
            return self.term()
        left = self.level(depth + 1)
        while self.tokens:
            if self.tokens[0] in operators[depth]:
                self.tokens.pop(0)
            elif depth != 1 or self.tokens[0] in "|+&*^)":  # side by side means and
                break
            left = (operators[depth][0], left, self.level(depth + 1))
        return left

    def term(self) -> Any:
        token = self.tokens.pop(0)
        if token == "!":
            return ("!", self.term())
        if token == "(":
            tree = self.level(0)
            assert self.tokens.pop(0) == ")"
        else:
            tree = ("pin", token)
        while self.tokens and self.tokens[0] == "'":
            self.tokens.pop(0)
            tree = ("!", tree)
        return tree


def probability(tree: Any) -> float:
    """Operator by operator, every pin at the global duty."""
    if tree[0] == "pin":
        return DUTY
    if tree[0] == "!":
        return 1 - probability(tree[1])
    a, b = probability(tree[1]), probability(tree[2])
    return {"&": a * b, "|": a + b - a * b, "^": a * (1 - b) + b * (1 - a)}[tree[0]]


def inferred(tree: Any, pin: str) -> float | None:
    """Probability of the condition the 2019 version infers from the outermost operator."""
    if tree[0] == "pin":
        return 1.0 if tree[1] == pin else None
    if tree[0] == "!":
        return inferred(tree[1], pin)
    for mine, other in ((tree[1], tree[2]), (tree[2], tree[1])):
        if mine in (("pin", pin), ("!", ("pin", pin))):
            return probability(other) if tree[0] == "&" else 1 - probability(other)
    return None


def internal_2019(
    library: Library,
    circuit: Circuit,
    delays: Delays,
    instance: int,
    clocks: set[int],
    without_wires: Circuit | None = None,
) -> float:
    """Internal power of an instance, W: sum of both tables at the related pin's slews of the output's edges."""
    pins = circuit.netlist.instances[instance].pins
    cell = library.cells[circuit.netlist.instances[instance].cell]
    total = 0.0
    for name, net in pins.items():
        pin = cell.pins[name]
        load = worst_load(library, without_wires or circuit, delays, net) if pin.direction == "output" else 0.0
        density = (2.0 if net in clocks else ACTIVITY) / PERIOD
        for group in pin.power:
            for related in group.related_pins or (name,):
                share = None
                source = 2.0 if pins[related] in clocks else ACTIVITY
                if group.when is not None:
                    share = probability(Expression(group.when.text).tree)
                elif group.related_pins and pin.function is not None:
                    condition = inferred(Expression(pin.function.text).tree, related)
                    share = None if condition is None else source / ACTIVITY * condition
                if share is None:
                    share = 1.0 if pins[related] in clocks else 0.5
                for edge, table in enumerate((group.fall, group.rise)):
                    if table is not None:
                        slew = delays.net_slew_s[pins[related], edge]
                        point = {"input_transition_time": slew, "total_output_net_capacitance": load}
                        total += share * density * lookup(table, point)
    return total


def worst_load(library: Library, circuit: Circuit, delays: Delays, net: int) -> float:
    loads = [library.cells[i.cell].pins[p] for i in circuit.netlist.instances for p, n in i.pins.items() if n == net]
    rise = sum(pin.rise_capacitance_f for pin in loads)
    fall = sum(pin.fall_capacitance_f for pin in loads)
    return float(delays.net_load_f[net]) - sum(pin.capacitance_f for pin in loads) + max(rise, fall)


def leakage_2019(cell: Cell) -> float:
    """Conditions at duty 1/2 for every input they name."""
    conditional = [g for g in cell.leakage if g.when is not None]
    if conditional:
        return sum(
            g.power_w * 0.5 ** sum(cell.pins[n].direction == "input" for n in g.when.inputs) for g in conditional
        )
    return sum(g.power_w for g in cell.leakage) if cell.leakage else cell.cell_leakage_w


def compare(tmp_path: Path, liberty: Path, netlist: Path, clock: str = "") -> Any:
    """Ours (OpenSTA 3 rules), theirs, and the 2019 rules on our tables: arrays [instances] each."""
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    library = read_corner([liberty])
    circuit = compile_circuit(read_netlist(netlist), library)
    delays = nominal_delays(circuit, library, input_slew_s=SLEW, output_load_f=LOAD)
    density = np.full(circuit.nets, ACTIVITY / PERIOD)
    duty = np.full(circuit.nets, DUTY)
    for net in circuit.clock_nets:
        density[net] = 2 / PERIOD
        duty[net] = 0.5
    ours = average_power(circuit, library, delays, density, duty)
    by_name = opensta(tmp_path, liberty, netlist, circuit.netlist.name, clock)
    theirs = np.array([by_name[i.name] for i in circuit.netlist.instances])
    count = len(circuit.netlist.instances)
    internal = [internal_2019(library, circuit, delays, i, set(circuit.clock_nets)) for i in range(count)]
    leakage = [leakage_2019(library.cells[i.cell]) for i in circuit.netlist.instances]
    return circuit, ours, theirs, np.array(internal), np.array(leakage)


def unpacked(tmp_path: Path, archive: Path) -> Path:
    """The 2019 version reads no gzip."""
    path = tmp_path / archive.stem
    path.write_bytes(gzip.decompress(archive.read_bytes()))
    return path


def assert_close(ours: Any, theirs: Any, relative: float) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=relative)


def test_osu018_multiplier(tmp_path: Path, shared: Path, osu018: Path) -> None:
    circuit, ours, theirs, internal, _ = compare(tmp_path, osu018, shared / "reference" / "osu018_mult8" / "netlist.v")
    assert len(theirs) == 374
    assert_close(ours.switching_w, theirs[:, 1], 1e-6)
    assert_close(ours.leakage_w, theirs[:, 2], 1e-6)  # cell_leakage_power: one rule in all versions
    assert_close(internal, theirs[:, 0], 1e-6)
    # With equal densities the 2019 version gives weight x (rise + fall) a pin, weight DUTY for AND, 1 - DUTY for OR and
    # XOR; version 3 gives 1/2 x (rise + fall) / 2. Non-inverting cells read both versions' tables at the same slews.
    ratio = theirs[:, 0] / ours.internal_w
    for cell, expected in (("AND2X1", 4 * DUTY), ("OR2X1", 4 * (1 - DUTY)), ("XOR2X1", 4 * (1 - DUTY))):
        assert_close(ratio[[i.cell == cell for i in circuit.netlist.instances]], expected, 3e-4)


@pytest.mark.parametrize(
    ("archive", "prefix", "cells", "leakage_factor"),
    [
        ("sky130hd/sky130_fd_sc_hd__tt_025C_1v80.lib.gz", "sky130_fd_sc_hd__", TO_SKY130, 1.0),
        # Conditions on most groups, derated slews. OpenSTA 2.0.17 weighs this library's leakage conditions with one
        # factor 1/2 less than they name inputs, so it reports twice the mean over states.
        ("gf180mcu7t/gf180mcu_fd_sc_mcu7t5v0__tt_025C_3v30.lib.gz", "gf180mcu_fd_sc_mcu7t5v0__", TO_GF180, 2.0),
    ],
    ids=["sky130", "gf180"],
)
def test_translated_multiplier(
    tmp_path: Path,
    shared: Path,
    archive: str,
    prefix: str,
    cells: dict[str, tuple[str, str, str]],
    leakage_factor: float,
) -> None:
    liberty = unpacked(tmp_path, shared / "liberty" / archive)
    netlist = tmp_path / "netlist.v"
    source = (shared / "reference" / "osu018_mult8" / "netlist.v").read_text()
    netlist.write_text(translate(source, prefix, cells))
    _, ours, theirs, internal, leakage = compare(tmp_path, liberty, netlist)
    assert len(theirs) == 374
    assert_close(ours.switching_w, theirs[:, 1], 1e-6)
    assert_close(internal, theirs[:, 0], 1e-5)
    assert_close(leakage * leakage_factor, theirs[:, 2], 2e-5)


def test_registers(tmp_path: Path, shared: Path) -> None:
    liberty = unpacked(tmp_path, shared / "liberty" / "sky130hd" / "sky130_fd_sc_hd__tt_025C_1v80.lib.gz")
    netlist = tmp_path / "netlist.v"
    netlist.write_text(
        """
module stage(clk, a, b, q);
  input clk, a, b;
  output q;
  wire d, n;
  sky130_fd_sc_hd__dfxtp_1 first (.CLK(clk), .D(a), .Q(n));
  sky130_fd_sc_hd__nand2_1 gate (.A(n), .B(b), .Y(d));
  sky130_fd_sc_hd__dfxtp_1 last (.CLK(clk), .D(d), .Q(q));
endmodule
"""
    )
    _, ours, theirs, internal, _ = compare(tmp_path, liberty, netlist, clock="clk")
    assert_close(ours.switching_w, theirs[:, 1], 1e-6)
    assert_close(internal, theirs[:, 0], 5e-5)


@pytest.mark.parametrize("sky130", [False, True], ids=["osu018", "sky130"])
def test_wires_count_in_switching_and_internal_power(tmp_path: Path, shared: Path, osu018: Path, sky130: bool) -> None:
    """The multiplier with made-up wires. Outputs bear nothing else: this version drops the wires of loaded ones."""
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    liberty = osu018
    netlist = tmp_path / "netlist.v"
    netlist.write_text((shared / "reference" / "osu018_mult8" / "netlist.v").read_text())
    if sky130:
        liberty = unpacked(tmp_path, shared / "liberty" / "sky130hd" / "sky130_fd_sc_hd__tt_025C_1v80.lib.gz")
        netlist.write_text(translate(netlist.read_text(), "sky130_fd_sc_hd__", TO_SKY130))
    library = read_corner([liberty])
    circuit = compile_circuit(read_netlist(netlist), library)
    (tmp_path / "t.spef").write_text(spef_text(circuit.netlist, library, ohm_per_um=8.0))
    wires = ExtractedWires(bind_networks(read_spef(tmp_path / "t.spef"), circuit.netlist, library))
    calculator = DelayCalculator(circuit, library, input_slew_s=SLEW, output_load_f=0.0, wires=wires)
    delays, wired = calculator.delays(), calculator.circuit
    density, duty = np.full(circuit.nets, ACTIVITY / PERIOD), np.full(circuit.nets, DUTY)
    ours = average_power(circuit, library, calculator.at_gates(), density, duty).switching_w
    by_name = opensta(tmp_path, liberty, netlist, circuit.netlist.name, "", f"read_spef -quiet {tmp_path / 't.spef'}")
    theirs = np.array([by_name[i.name] for i in circuit.netlist.instances])
    assert theirs[:, 1].sum() > 1.2 * switching_without_wires(library, circuit)
    assert ours.sum() == pytest.approx(theirs[:, 1].sum(), rel=5e-3)
    # Both tables of a pin at the slews behind the wires and the whole load, by the 2019 rules.
    internal = [internal_2019(library, wired, delays, i, set(), circuit) for i in range(len(theirs))]
    assert np.sum(internal) == pytest.approx(theirs[:, 0].sum(), rel=5e-3)
    np.testing.assert_allclose(internal, theirs[:, 0], rtol=5e-3)


def switching_without_wires(library: Library, circuit: Circuit) -> float:
    bare = nominal_delays(circuit, library, input_slew_s=SLEW, output_load_f=0.0)
    density, duty = np.full(circuit.nets, ACTIVITY / PERIOD), np.full(circuit.nets, DUTY)
    return float(average_power(circuit, library, bare, density, duty).switching_w.sum())
