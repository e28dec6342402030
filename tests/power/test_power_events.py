# SPDX-License-Identifier: Apache-2.0
"""Energy of simulated weights: event-accurate against the averaging model fed with the same simulation's activity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.liberty.reader import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.power.activity import uniform
from halo.power.average import average_power
from halo.power.energy import EventCounts, weight_energy
from halo.power.energy_tables import event_energies
from halo.timing.delaycalc import nominal_delays
from halo.timing.event.engine import Bins, enumerate_transitions, transition_weights
from halo.timing.event.reduction import TimedCircuit, reduce_circuit


def activity(circuit: Circuit, counts: EventCounts, total: int, weight: int) -> tuple[np.ndarray, np.ndarray]:
    """Changes a transition and share of settled ones of every net."""
    density = np.zeros(circuit.nets)
    duty = np.zeros(circuit.nets)
    for bit, net in enumerate(circuit.netlist.inputs["w"]):
        duty[net] = (weight >> bit) & 1
    nets = list(circuit.netlist.inputs["a"])
    density[nets] = duty[nets] = 0.5
    density[circuit.out] = counts.toggles / total
    ones = np.add.reduceat(counts.state_counts * circuit.table, circuit.table_start[:-1])
    duty[circuit.out] = ones / total
    return density, duty


@pytest.mark.parametrize(("weight", "glitch_share"), [(-1, 0.51), (0, 0.11), (1, 0.0), (5, 0.28)])
def test_both_models_on_one_simulation(weight: int, glitch_share: float, shared: Path, osu018: Path) -> None:
    """Glitch shares: OpenSTA on the same netlist's VCD gives 49, 11, 0 and 24 % of total power."""
    library = read_corner([osu018])
    circuit = compile_circuit(read_netlist(shared / "reference" / "osu018_mult8" / "netlist.v"), library)
    delays = nominal_delays(circuit, library, input_slew_s=6e-11, output_load_f=2e-14)
    ports = circuit.netlist.inputs
    ends = np.array(circuit.netlist.outputs["p"], dtype=np.int32)
    timed = TimedCircuit(
        circuit,
        delays.arc_fs,
        delays.enabled,
        np.zeros(circuit.nets, np.int32),
        ends,
        np.zeros(len(ends), np.int32),
    )
    reduced = reduce_circuit(timed, {net: (weight >> bit) & 1 for bit, net in enumerate(ports["w"])})
    events = enumerate_transitions(reduced, ports["a"], transition_weights(uniform(8)), bins=Bins(10**5, 64))
    energy = weight_energy(event_energies(circuit, library, delays), events, events.total)
    average = average_power(circuit, library, delays, *activity(circuit, events, events.total, weight))
    assert energy.energy_j is not None
    assert energy.internal_j is not None
    assert energy.glitch_j is not None
    assert average.internal_w is not None
    assert average.leakage_w is not None
    # one transition a second: power and energy have one number
    assert energy.switching_j == pytest.approx(average.switching_w.sum(), rel=2e-3)
    assert energy.internal_j == pytest.approx(average.internal_w.sum(), rel=4e-3)
    assert energy.leakage_w == pytest.approx(average.leakage_w.sum(), rel=1e-9)
    assert energy.glitch_j / energy.energy_j == pytest.approx(glitch_share, abs=0.005)
    assert energy.energy_j == pytest.approx(energy.switching_j + energy.internal_j, rel=1e-12)
