# SPDX-License-Identifier: Apache-2.0
"""Event energies of every usable cell of every real library, entry by entry against the plain reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.liberty.model import Library
from halo.liberty.reader import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit, Instance, Netlist
from halo.power import reference
from halo.power.energy_tables import event_energies
from halo.timing.delaycalc import nominal_delays

LIBRARIES = {
    "asap7": ["asap7/asap7sc7p5t_*_RVT_TT_nldm_*.lib.gz"],
    "gf180": ["gf180mcu7t/gf180mcu_fd_sc_mcu7t5v0__tt_025C_1v80.lib.gz"],
    "gt2n": ["gt2n/*.lib.gz"],
    "ihp": ["ihp_sg13g2/sg13g2_stdcell_slow_1p08V_125C.lib.gz"],
    "sky130": ["sky130hd/sky130_fd_sc_hd__tt_025C_1v80.lib.gz"],
}


def one_of_each(library: Library) -> tuple[Circuit, list[str]]:
    """A circuit with one instance of every cell that compiles, all on the same input nets and one clock."""
    nets = [f"in{i}" for i in range(8)] + ["clk"]
    instances: list[Instance] = []
    outputs: list[int] = []
    refused: list[str] = []
    for cell in library.cells.values():
        clocks = set(cell.flipflop.clocked_on.inputs) if cell.flipflop else set()
        pins = {}
        made = []
        for number, pin in enumerate(p for p in cell.inputs if p.name not in clocks):
            pins[pin.name] = number % 8
        pins |= {name: 8 for name in clocks}
        for pin in cell.outputs:
            made.append(len(nets) + len(made))
            pins[pin.name] = made[-1]
        trial = Instance(cell.name, cell.name, pins)
        names = [*nets, *(f"{cell.name}.{pin.name}" for pin in cell.outputs)]
        try:
            alone = compile_circuit(netlist(names, [trial], made), library)
            nominal_delays(alone, library, input_slew_s=5e-11, output_load_f=2e-15)
        except HaloError:
            refused.append(cell.name)
            continue
        nets = names
        outputs += made
        instances.append(trial)
    return compile_circuit(netlist(nets, instances, outputs), library), refused


def netlist(nets: list[str], instances: list[Instance], outputs: list[int]) -> Netlist:
    inputs = {name: (number,) for number, name in enumerate(nets[:9])}
    ports = {nets[net]: (net,) for net in outputs}
    return Netlist(
        "all", tuple(nets), inputs, ports, dict.fromkeys([*inputs, *ports], 0), frozenset([*inputs, *ports]),
        tuple(instances), {},
    )  # fmt: skip


def check(library: Library) -> tuple[Circuit, tuple[str, ...]]:
    circuit, _ = one_of_each(library)
    delays = nominal_delays(circuit, library, input_slew_s=5e-11, output_load_f=2e-15)
    energies = event_energies(circuit, library, delays)
    rng = np.random.default_rng(1)
    owned: set[tuple[int, str]] = set()
    for gate in range(circuit.gates):
        names = circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
        n = len(names)
        states = range(1 << n) if n <= 3 else rng.choice(1 << n, 8, replace=False)
        for state in map(int, states):
            for pin in range(n):
                arc = int(circuit.arc_start[gate]) + state * n + pin
                expected = reference.output_energy(circuit, library, delays, gate, state, pin)
                np.testing.assert_allclose(energies.output_j[arc], expected, rtol=1e-9, atol=1e-24)
                own = reference.input_energy(circuit, library, delays, gate, state, pin)
                found = energies.input_j[arc]
                if found != 0.0:
                    np.testing.assert_allclose(found, own, rtol=1e-9, atol=1e-24)
                    owned.add((int(circuit.instance[gate]), names[pin]))
                elif own != 0.0:
                    # counted at another gate of the same instance
                    assert np.count_nonzero(circuit.instance == circuit.instance[gate]) > 1
    with_energy = {
        (int(circuit.instance[g]), circuit.pin_name[i])
        for g in range(circuit.gates)
        for i in range(circuit.pin_start[g], circuit.pin_start[g + 1])
        if library.cells[circuit.netlist.instances[int(circuit.instance[g])].cell].pins[circuit.pin_name[i]].power
    }
    assert owned <= with_energy
    assert not np.isnan(energies.output_j).any()
    assert energies.leakage_w is not None
    assert not np.isnan(energies.leakage_w).any()
    return circuit, energies.notes


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARIES)
def test_shared_libraries(name: str, shared: Path) -> None:
    paths = sorted(path for pattern in LIBRARIES[name] for path in (shared / "liberty").glob(pattern))
    circuit, _ = check(read_corner(paths))
    assert circuit.gates > 50


@pytest.mark.parametrize("node", ["osu018", "osu035", "osu050"])
def test_osu_libraries(node: str, request: pytest.FixtureRequest) -> None:
    circuit, notes = check(read_corner([request.getfixturevalue(node)]))
    assert circuit.gates > 20
    assert not [note for note in notes if not note.startswith("PAD")]  # supply pads have no leakage figure
