# SPDX-License-Identifier: Apache-2.0
"""Energy of a small mesh, part by part, against sums that can be done by hand and toggles that Icarus counts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.flow.gate_level.array import GateArray, build_array
from halo.flow.gate_level.array_energy import EnergyMeter, LoneMac, array_energy, mac_gates
from halo.flow.gate_level.weight_streams import Tile, stream
from halo.flow.simulators.clocked_cycles import ClockedPlayer
from halo.power.energy_tables import event_energies

WIDTHS = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 10}


@pytest.fixture(scope="module")
def mesh(osu018: Path, tmp_path_factory: pytest.TempPathFactory) -> GateArray:
    folder = tmp_path_factory.mktemp("mesh")
    return build_array("systolic_ws", WIDTHS | {"ROWS": 2, "COLUMNS": 2}, [osu018], folder)


@pytest.fixture(scope="module")
def mac(osu018: Path, tmp_path_factory: pytest.TempPathFactory) -> LoneMac:
    return LoneMac("csa_array", WIDTHS, [osu018], tmp_path_factory.mktemp("mac"))


def random_tile(seed: int, slots: int) -> Tile:
    generator = np.random.default_rng(seed)
    return Tile(generator.integers(-8, 8, (2, 2)), generator.integers(-8, 8, (slots, 2)))


def test_the_macs_are_all_there_and_no_more(mesh: GateArray, mac: LoneMac) -> None:
    found = mac_gates(mesh)
    assert found.sum() == 4 * mac.corner.circuit.gates
    assert not found[mesh.design.flop].any()


@pytest.mark.tools
@pytest.mark.skipif(shutil.which("vvp") is None, reason="Icarus Verilog is not installed")
def test_toggles_of_every_gate_equal_icarus(mesh: GateArray, tmp_path: Path) -> None:
    streamed = stream(mesh.shape, [random_tile(i, 50) for i in range(4)], 1)
    cycles = mesh.cycles(streamed)
    played = ClockedPlayer(mesh.design, mesh.library, tmp_path, toggles=True).play(cycles, 20_000_000)
    native = EnergyMeter(mesh).measure(mesh.run(streamed).sources[streamed.start - 1 :])
    assert played.wrong == 0 and played.toggles is not None
    assert native.toggles.sum() > 10_000
    assert np.array_equal(native.toggles, played.toggles)


def test_registers_toggle_once_a_changed_bit(mesh: GateArray) -> None:
    streamed = stream(mesh.shape, [random_tile(5, 60)], 1)
    sources = mesh.run(streamed).sources
    meter = EnergyMeter(mesh)
    activity = meter.measure(sources)
    states = sources[:, len(mesh.design.port_sources) :]
    changed = np.count_nonzero(states[1:] != states[:-1], axis=0)
    assert np.array_equal(activity.toggles[mesh.design.flop], changed)
    # Each change costs at least the charge of what the output drives.
    load = mesh.design.delays.net_load_f[mesh.design.clocked.out[mesh.design.flop]]
    least = 0.5 * load * mesh.library.voltage_v**2 * changed
    assert np.all(activity.energy_j[mesh.design.flop] >= least)


def test_clock_energy_is_that_of_every_flip_flop(mesh: GateArray) -> None:
    circuit = mesh.design.clocked
    one = event_energies(circuit, mesh.library, mesh.design.delays).clock_j
    assert one is not None
    flops = np.flatnonzero(one)
    assert len(flops) == len(mesh.design.flop)
    pin = mesh.library.cells["DFFPOSX1"].pins["CLK"].capacitance_f
    by_hand = len(flops) * (one[flops[0]] + pin * 1.8**2)
    assert EnergyMeter(mesh).clock_j == pytest.approx(by_hand, rel=1e-9)


def test_parts_of_an_array_that_computes_the_same_again_and_again(mesh: GateArray, mac: LoneMac) -> None:
    same = Tile(np.array([[3, -5], [7, 1]]), np.tile([[6, -3]], (40, 1)))
    table = dict.fromkeys(range(-8, 8), 1e-15)
    energy = array_energy(mesh, mac, [same], table_j=table)
    assert (energy.slots, energy.macs) == (40, 160)
    assert energy.table_j == pytest.approx(160e-15)
    assert energy.operands_j == pytest.approx(-160e-15)  # nothing moves, so the table is all wrong
    assert energy.array_j == pytest.approx(0.0, abs=1e-20)
    assert energy.control_j == energy.registers_j == 0.0
    clock = EnergyMeter(mesh).clock_j
    assert energy.clock_j == pytest.approx(40 * clock)
    assert energy.cycles > 40
    assert energy.transport_j > (energy.cycles - 40) * clock  # idle clocks, and the load and the first slot
    assert energy.simulated_j == pytest.approx(energy.clock_j + energy.transport_j)


def test_parts_add_up_and_have_the_right_size(mesh: GateArray, mac: LoneMac) -> None:
    tiles = [random_tile(i, 64) for i in range(3)]
    energy = array_energy(mesh, mac, tiles)
    table = sum(64 * mac.table_j(int(w)) for tile in tiles for w in tile.weights.ravel())
    assert energy.table_j == pytest.approx(table)
    assert sum(energy.per_mac_fj().values()) == pytest.approx(1e15 * energy.simulated_j / energy.macs)
    # Inside the array the MACs see the same operands under other loads: a few per cent.
    assert abs(energy.array_j) < 0.2 * (energy.table_j + energy.operands_j)
    assert energy.operands_j < 0  # sums of two rows move fewer bits than those of a column of up to 64
    assert min(energy.control_j, energy.registers_j, energy.clock_j, energy.transport_j) > 0
    # Many short tiles pay for weights and filling what long ones do not.
    short = array_energy(mesh, mac, [random_tile(i, 2) for i in range(24)])
    assert short.per_mac_fj()["transport"] > 3 * energy.per_mac_fj()["transport"]


def test_elements_are_refused(osu018: Path, mac: LoneMac, tmp_path: Path) -> None:
    element = build_array("pe", WIDTHS, [osu018], tmp_path)
    with pytest.raises(HaloError, match="split for meshes"):
        array_energy(element, mac, [Tile(np.array([[1]]), np.array([[1], [2]]))])
