# SPDX-License-Identifier: Apache-2.0
"""Gates that can move while the weight is held, against every pair of operands of a small multiplier."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import halo
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import drive_port, evaluate
from halo.netlist.verilog import read_netlist


def test_every_gate_that_moves_is_counted(tmp_path: Path, osu018: Path) -> None:
    source = tmp_path / "mul.v"
    source.write_text(
        "module mul(input signed [2:0] w, input signed [2:0] a, output signed [5:0] y); assign y = w * a; endmodule\n"
    )
    run = tmp_path / "run"
    halo.characterize(source, liberty=osu018, weight="w", activation="a", run_folder=run, method="static")
    counts = halo.moving_gates(run)
    netlist = read_netlist(run / "netlist.v")
    circuit = compile_circuit(netlist, read_corner([osu018]))
    for weight in range(-4, 4):
        lanes = np.arange(8)
        inputs = {**drive_port(netlist, "w", np.full(8, weight)), **drive_port(netlist, "a", lanes)}
        values = evaluate(circuit, inputs)[circuit.out]
        assert counts[weight] >= int((values != values[:, :1]).any(axis=1).sum())
    assert counts.min() < counts.max() and counts.index.tolist() == list(range(-4, 4))
