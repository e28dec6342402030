# SPDX-License-Identifier: Apache-2.0
"""Average power worked out by hand, against OpenSTA 3's published regression result, and against event counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from halo.liberty.model import Library
from halo.liberty.reader import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit, Instance, Netlist
from halo.netlist.verilog import read_netlist
from halo.power.average import average_power
from halo.power.energy import weight_energy
from halo.power.energy_tables import event_energies
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays


def test_opensta_3(tmp_path: Path, shared: Path) -> None:
    """OpenSTA 3 (The-OpenROAD-Project/OpenSTA, power/test/power_detailed.ok, "Instance power with -digits").

    A buffer before a register, 10 ns clock, global activity 0.5 and duty 0.5, no input transition, no output load.
    """
    netlist = tmp_path / "netlist.v"
    netlist.write_text(
        "module t(clk, i, o); input clk, i; output o; wire n;"
        " sky130_fd_sc_hd__buf_1 b (.A(i), .X(n));"
        " sky130_fd_sc_hd__dfxtp_1 r (.D(n), .CLK(clk), .Q(o)); endmodule"
    )
    library = read_corner([shared / "liberty" / "sky130hd" / "sky130_fd_sc_hd__tt_025C_1v80.lib.gz"])
    circuit = compile_circuit(read_netlist(netlist), library)
    delays = nominal_delays(circuit, library, input_slew_s=0.0, output_load_f=0.0)
    density = np.full(circuit.nets, 0.5 / 10e-9)
    density[list(circuit.clock_nets)] = 2 / 10e-9
    power = average_power(circuit, library, delays, density, np.full(circuit.nets, 0.5))
    assert power.internal_w is not None
    assert power.leakage_w is not None
    np.testing.assert_allclose(power.internal_w, [4.260146e-07, 5.105910e-06], rtol=2e-7)
    np.testing.assert_allclose(power.switching_w, [1.361610e-07, 0.0], rtol=2e-7)
    np.testing.assert_allclose(power.leakage_w, [1.181000e-12, 8.438625e-12], rtol=2e-7)


def nand(library: Library) -> tuple[Circuit, Delays]:
    netlist = Netlist(
        "t", ("a", "b", "y"), {"a": (0,), "b": (1,)}, {"y": (2,)}, {}, frozenset("aby"),
        (Instance("g", "NAND", {"A": 0, "B": 1, "Y": 2}),), {},
    )  # fmt: skip
    circuit = compile_circuit(netlist, library)
    slews = np.array([[10, 20], [30, 40], [0, 0]]) * 1e-12
    delays = Delays(np.zeros(8, np.int32), np.ones(8, np.bool_), np.zeros(2, np.int32), np.array([0, 0, 2e-15]), slews)
    return circuit, delays


def test_by_hand(toy: Library) -> None:
    """NAND of conftest.py, a at 3 GHz and duty 1/4, b at 1 GHz and duty 1/2, y at 2 GHz; first timing arc: none."""
    circuit, delays = nand(toy)
    density = np.array([3e9, 1e9, 2e9])
    power = average_power(circuit, toy, delays, density, np.array([0.25, 0.5, 0.9]))
    # weights: a 3 x P(b) = 1.5, b 1 x P(a) = 0.25; VDD: a mean of 10 + 1 + 2 (fall slew for rise: no timing arc, so the
    # same edge: 10 + 0.1 x 20 + 2 = 14 rising, 20 + 0.1 x 10 + 2 = 23 falling), b 34 and 44; VSS: a alone, 1 and 2
    vdd = (1.5 * (14 + 23) / 2 + 0.25 * (34 + 44) / 2) / 1.75
    vss = (1 + 2) / 2
    # input a: mean of -3 and 5 at P(not b) = 1/2
    own = (-3 + 5) / 2 * 0.5
    np.testing.assert_allclose(power.internal_w, [(2e9 * (vdd + vss) + 3e9 * own) * 1e-15])
    np.testing.assert_allclose(power.switching_w, [0.5 * 2e-15 * 2e9])
    # P(a and b) = 1/8 at 4 nW; no cell_leakage_power, so the rest counts nothing, as in OpenSTA
    np.testing.assert_allclose(power.leakage_w, [4e-9 / 8])


def test_absent_tables(toy: Library) -> None:
    circuit, delays = nand(toy)
    library = replace(toy, has_power=False, has_leakage=False)
    power = average_power(circuit, library, delays, np.ones(3), np.ones(3))
    assert power.internal_w is None
    assert power.leakage_w is None
    assert power.switching_w[0] > 0


def test_inverters_cost_the_same_by_events(osu018: Path) -> None:
    """With one input there is nothing to average over: both models give the same energy a cycle."""
    library = read_corner([osu018])
    netlist = Netlist(
        "t", ("a", "n", "y"), {"a": (0,)}, {"y": (2,)}, {}, frozenset("ay"),
        (Instance("g", "INVX1", {"A": 0, "Y": 1}), Instance("h", "BUFX2", {"A": 1, "Y": 2})), {},
    )  # fmt: skip
    circuit = compile_circuit(netlist, library)
    delays = nominal_delays(circuit, library, input_slew_s=6e-11, output_load_f=2e-14)
    power = average_power(circuit, library, delays, np.full(3, 1e9), np.full(3, 0.5))
    counts = SimpleNamespace(
        out_counts=np.ones(4, np.int64),
        in_counts=np.ones(4, np.int64),
        toggles=np.full(2, 2),
        functional=np.full(2, 2),
        state_counts=np.ones(4, np.int64),
    )
    energy = weight_energy(event_energies(circuit, library, delays), counts, 2)
    assert power.internal_w is not None
    assert power.leakage_w is not None
    assert energy.internal_j == pytest.approx(power.internal_w.sum() / 1e9, rel=1e-12)
    assert energy.switching_j == pytest.approx(power.switching_w.sum() / 1e9, rel=1e-2)  # plain against worst pin load
    assert energy.leakage_w == pytest.approx(power.leakage_w.sum(), rel=1e-12)
    assert energy.glitch_j == 0
