# SPDX-License-Identifier: Apache-2.0
"""Every energy of a few gates, worked out by hand from the small library of conftest.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit, Instance, Netlist
from halo.power.energy import weight_energy
from halo.power.energy_tables import event_energies
from halo.timing.delays import Delays


def build(library: Library, ports: str, outputs: str, *instances: Instance) -> Circuit:
    """A circuit whose nets are named by single letters: input ports first."""
    used = {net for i in instances for net in i.pins.values()}
    names = tuple(dict.fromkeys(ports + "".join(chr(n) for n in sorted(used))))
    index = {name: number for number, name in enumerate(names)}
    rewired = tuple(replace(i, pins={p: index[chr(n)] for p, n in i.pins.items()}) for i in instances)
    inputs = {name: (index[name],) for name in ports}
    outs = {f"port_{name}": (index[name],) for name in outputs}
    netlist = Netlist("t", names, inputs, outs, {}, frozenset([*inputs, *outs]), rewired, {})
    return compile_circuit(netlist, library)


def cell(name: str, kind: str, **pins: str) -> Instance:
    return Instance(name, kind, {pin: ord(net) for pin, net in pins.items()})


def with_loads(circuit: Circuit, load_ff: dict[str, float], slew_ps: dict[str, tuple[float, float]]) -> Delays:
    """Loads and (fall, rise) slews by net name; other nets have none."""
    loads = np.array([load_ff.get(name, 0.0) for name in circuit.netlist.nets]) * 1e-15
    slews = np.array([slew_ps.get(name, (0.0, 0.0)) for name in circuit.netlist.nets]) * 1e-12
    arcs = int(circuit.arc_start[-1])
    setup_fs = np.zeros(len(circuit.pin_net), np.int32)
    return Delays(np.zeros(arcs, np.int32), np.ones(arcs, np.bool_), setup_fs, loads, slews)


def at(circuit: Circuit, gate: int, **values: int) -> int:
    """State of a gate with its pins at these values."""
    names = circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
    return sum(values[name] << bit for bit, name in enumerate(names))


def arc(circuit: Circuit, gate: int, cause: str, **values: int) -> int:
    names = circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
    return int(circuit.arc_start[gate]) + at(circuit, gate, **values) * len(names) + names.index(cause)


@pytest.fixture
def pair(toy: Library) -> tuple[Circuit, Delays]:
    """y = not(not(a and b)): net n between NAND (gate 0) and INV (gate 1)."""
    circuit = build(toy, "ab", "y", cell("g0", "NAND", A="a", B="b", Y="n"), cell("g1", "INV", A="n", Y="y"))
    return circuit, with_loads(circuit, {"n": 2.0, "y": 5.0}, {"a": (10, 20), "b": (30, 40), "n": (50, 60)})


def test_two_gates(toy: Library, pair: tuple[Circuit, Delays]) -> None:
    circuit, delays = pair
    energies = event_energies(circuit, toy, delays)
    assert energies.notes == ()
    assert energies.output_j is not None
    assert energies.input_j is not None
    assert energies.leakage_w is not None
    fj = energies.output_j * 1e15
    # a rises at b = 1, output falls: VDD (20 + 0.1 x 20 ps + 1 x 2 fF) + VSS 2
    assert fj[arc(circuit, 0, "A", A=1, B=1)] == pytest.approx(26)
    # a falls at b = 1, output rises: VDD (10 + 0.1 x 10 + 2) + VSS 1
    assert fj[arc(circuit, 0, "A", A=0, B=1)] == pytest.approx(14)
    # a is named as the cause at b = 0 (both moved at once): no condition holds for VDD, its only group is taken
    assert fj[arc(circuit, 0, "A", A=1, B=0)] == pytest.approx(10 + 2 + 2 + 1)
    # b falls: 30 + 2 x 2 fF
    assert fj[arc(circuit, 0, "B", A=1, B=0)] == pytest.approx(34)
    assert fj[arc(circuit, 1, "A", A=1)] == pytest.approx(8)
    # a's own energy exists only at b = 0, and is negative rising
    own = energies.input_j * 1e15
    assert own[arc(circuit, 0, "A", A=1, B=0)] == pytest.approx(-3)
    assert own[arc(circuit, 0, "A", A=0, B=0)] == pytest.approx(5)
    assert own[arc(circuit, 0, "A", A=1, B=1)] == 0
    # 1/2 C V^2 at 1 V
    np.testing.assert_allclose(energies.switching_j, [1e-15, 2.5e-15])
    tables = energies.leakage_w[circuit.table_start[0] : circuit.table_start[1]]
    np.testing.assert_allclose(tables[at(circuit, 0, A=1, B=1)], 4e-9)
    np.testing.assert_allclose(tables[at(circuit, 0, A=0, B=1)], 1e-9)
    np.testing.assert_allclose(energies.leakage_w[circuit.table_start[1] :], 3e-9)


class Counts:
    """Counts of a stimulus, given event by event."""

    def __init__(self, circuit: Circuit) -> None:
        self.out_counts = np.zeros(int(circuit.arc_start[-1]), np.int64)
        self.in_counts = np.zeros(int(circuit.arc_start[-1]), np.int64)
        self.toggles = np.zeros(circuit.gates, np.int64)
        self.functional = np.zeros(circuit.gates, np.int64)
        self.state_counts = np.zeros(int(circuit.table_start[-1]), np.int64)


def played(circuit: Circuit) -> Counts:
    """b = 1; a rises (transition 1), a glitches down and up again (transition 2), then nothing (3, 4)."""
    counts = Counts(circuit)
    for edge, times in ((1, 2), (0, 1)):
        counts.out_counts[arc(circuit, 0, "A", A=edge, B=1)] += times
        counts.in_counts[arc(circuit, 0, "A", A=edge, B=1)] += times
        counts.out_counts[arc(circuit, 1, "A", A=1 - edge)] += times
        counts.in_counts[arc(circuit, 1, "A", A=1 - edge)] += times
    counts.toggles[:] = 3
    counts.functional[:] = 1
    counts.state_counts[int(circuit.table_start[0]) + at(circuit, 0, A=1, B=1)] = 4
    counts.state_counts[int(circuit.table_start[1]) + at(circuit, 1, A=0)] = 4
    return counts


def test_energy_of_a_stimulus(toy: Library, pair: tuple[Circuit, Delays]) -> None:
    circuit, delays = pair
    result = weight_energy(event_energies(circuit, toy, delays), played(circuit), 4)
    # switching: 3 x 1 fJ + 3 x 2.5 fJ; internal: NAND 26 + 14 + 26, INV 6 + 8 + 6; two of three toggles are surplus
    assert result.switching_j == pytest.approx(10.5e-15 / 4)
    assert result.internal_j == pytest.approx(86e-15 / 4)
    assert result.glitch_j == pytest.approx((10.5 + 86) * 2 / 3 * 1e-15 / 4)
    assert result.energy_j == pytest.approx(96.5e-15 / 4)
    assert result.leakage_w == pytest.approx(7e-9)
    assert result.clock_j == 0
    assert result.power_w(1e-9) == pytest.approx(96.5e-15 / 4 / 1e-9 + 7e-9)


def test_without_power_tables(toy: Library, pair: tuple[Circuit, Delays]) -> None:
    circuit, delays = pair
    energies = event_energies(circuit, replace(toy, has_power=False, has_leakage=False), delays)
    assert energies.notes == (
        "toy has no internal_power tables: energies are left empty.",
        "toy has no leakage figures: leakage is left empty.",
    )
    result = weight_energy(energies, played(circuit), 4)
    assert (result.energy_j, result.internal_j, result.glitch_j, result.clock_j, result.leakage_w) == (None,) * 5
    assert result.switching_j == pytest.approx(10.5e-15 / 4)
    assert result.power_w(1e-9) is None


def test_pin_without_tables(toy: Library, pair: tuple[Circuit, Delays]) -> None:
    """An unknown energy makes the weight's energy unknown, unless the event never happens."""
    circuit, delays = pair
    nand = toy.cells["NAND"]
    y = replace(nand.pins["Y"], power=nand.pins["Y"].power[:2])
    library = replace(toy, cells={**toy.cells, "NAND": replace(nand, pins={**nand.pins, "Y": y})})
    energies = event_energies(circuit, library, delays)
    assert energies.notes == ("NAND has no internal_power of Y for B (1 in the netlist).",)
    counts = played(circuit)
    assert weight_energy(energies, counts, 4).energy_j == pytest.approx(96.5e-15 / 4)
    counts.out_counts[arc(circuit, 0, "B", A=1, B=0)] += 1
    assert weight_energy(energies, counts, 4).energy_j is None


def test_state_left_out(toy: Library) -> None:
    """An output toggle in a state without a group takes the mean of the pin's groups, and a note counts it."""
    half = toy.cells["HALF"]
    groups = (replace(half.pins["S"].power[0], when=toy.cells["NAND"].pins["Y"].power[0].when),)  # B
    s = replace(half.pins["S"], power=groups)
    library = replace(toy, cells={**toy.cells, "HALF": replace(half, pins={**half.pins, "S": s})})
    circuit = build(library, "ab", "sc", cell("g", "HALF", A="a", B="b", S="s", C="c"))
    energies = event_energies(circuit, library, with_loads(circuit, {}, {}))
    assert energies.notes[0] == (
        "HALF has no internal_power of S falling for A in 1 states (1 in the netlist): "
        "the mean of its other states is used there."
    )
    gate = circuit.output_pin.index("S")
    assert energies.output_j is not None
    assert energies.output_j[arc(circuit, gate, "A", A=1, B=0)] == pytest.approx(1e-15)


def test_two_outputs_share_pins(toy: Library) -> None:
    circuit = build(toy, "ab", "sc", cell("g", "HALF", A="a", B="b", S="s", C="c"))
    energies = event_energies(circuit, toy, with_loads(circuit, {}, {}))
    assert circuit.gates == 2
    assert energies.input_j is not None
    assert energies.leakage_w is not None
    own = [energies.input_j[arc(circuit, gate, "A", A=1, B=0)] for gate in (0, 1)]
    assert sorted(own) == pytest.approx([0.0, 7e-15])
    tables = energies.leakage_w.reshape(2, 4)
    np.testing.assert_allclose(sorted(tables.sum(axis=1)), [0.0, 4 * 5e-9])


def test_flip_flop(toy: Library) -> None:
    circuit = build(toy, "dkr", "q", cell("f", "DFF", D="d", CK="k", R="r", Q="q"))
    energies = event_energies(circuit, toy, with_loads(circuit, {"q": 4.0}, {}))
    assert energies.clock_j is not None
    assert energies.output_j is not None
    assert energies.input_j is not None
    # reset inactive; D = Q (10 + 20) or not (30 + 40), alike often: mean 50 fJ a cycle
    np.testing.assert_allclose(energies.clock_j, [50e-15])
    np.testing.assert_allclose(energies.output_j, [60e-15, 50e-15])  # Q falls, rises: the clock's group
    np.testing.assert_allclose(energies.input_j, [2e-15, 1e-15])  # D moves while the clock is low half of the time
    assert energies.leakage_w is not None
    np.testing.assert_allclose(energies.leakage_w, 4e-9)
    counts = Counts(circuit)
    result = weight_energy(energies, counts, 1)
    assert result.energy_j == pytest.approx(50e-15)
