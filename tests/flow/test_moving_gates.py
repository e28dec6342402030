# SPDX-License-Identifier: Apache-2.0
"""Gates that can move while the weight is held: counted by hand, and every one that does move among them."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

import halo
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import drive_port, evaluate
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist


def test_counted_by_hand(tmp_path: Path, osu018: Path) -> None:
    """Row 0 has two gates, row 1 one; the exclusive OR cancels but for a glitch, and counts with its row."""
    netlist = tmp_path / "rows.v"
    netlist.write_text(
        "module rows(input [1:0] w, input [1:0] a, output [3:0] y); wire m;\n"
        "AND2X2 p00(.A(w[0]), .B(a[0]), .Y(y[0]));\n"
        "AND2X2 p01(.A(w[0]), .B(a[1]), .Y(y[1]));\n"
        "AND2X2 p10(.A(w[1]), .B(a[0]), .Y(y[2]));\n"
        "BUFX2 late(.A(y[2]), .Y(m));\n"
        "XOR2X1 none(.A(y[2]), .B(m), .Y(y[3]));\nendmodule\n"
    )
    run = tmp_path / "run"
    halo.characterize(netlist=netlist, liberty=osu018, weight="w", activation="a", run_folder=run, method="static")
    assert halo.moving_gates(run).sort_index().to_dict() == {0: 0, 1: 2, 2: 3, 3: 5}


def undecided(circuit: Circuit, known: dict[int, int]) -> int:
    """Gates whose table leaves the output open, whatever their open inputs are taken to be."""
    value: dict[int, int] = dict(known)
    for gate in range(circuit.gates):
        pins = [int(net) for net in circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]]
        first = int(circuit.table_start[gate])
        found = {
            int(circuit.table[first + sum(bit << pin for pin, bit in enumerate(bits))])
            for bits in product(*((value[net],) if net in value else (0, 1) for net in pins))
        }
        if len(found) == 1:
            value[int(circuit.out[gate])] = found.pop()
    return sum(int(net) not in value for net in circuit.out)


def test_every_gate_that_moves_is_counted(tmp_path: Path, osu018: Path) -> None:
    source = tmp_path / "mul.v"
    source.write_text(
        "module mul(input signed [2:0] w, input signed [2:0] a, output signed [5:0] y); assign y = w * a; endmodule\n"
    )
    run = tmp_path / "run"
    halo.characterize(source, liberty=osu018, weight="w", activation="a", run_folder=run, method="static")
    counts = halo.moving_gates(run)
    assert counts.index.tolist() == list(range(-4, 4))
    netlist = read_netlist(run / "netlist.v")
    circuit = compile_circuit(netlist, read_corner([osu018]))
    for weight in range(-4, 4):
        held = {net: weight >> bit & 1 for bit, net in enumerate(netlist.inputs["w"])}
        assert counts[weight] == undecided(circuit, held)
        inputs = {**drive_port(netlist, "w", np.full(8, weight)), **drive_port(netlist, "a", np.arange(8))}
        values = evaluate(circuit, inputs)[circuit.out]
        assert int((values != values[:, :1]).any(axis=1).sum()) <= counts[weight]
