# SPDX-License-Identifier: Apache-2.0
"""Energy of every event a circuit can have: output toggle by cause and state, input toggle by state, clock cycle.

Source of the rules: Liberty User Guide and Reference Manual 2017.06, ``internal_power``; signs and the split into
switching and internal energy are OpenSTA's (power/Power.cc): switching energy is 1/2 C V^2 for every change of a net,
tables hold the rest and may be negative.

Which group an event takes: :mod:`halo.power.choice`. A name that a gate's state does not hold (the clock in a condition
on D) is true in half of the cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Library, PowerGroup
from halo.netlist.model import Circuit
from halo.power.choice import related_groups, weights, with_table
from halo.power.conditions import StateSpace, state_space
from halo.power.leakage import leakage_tables
from halo.power.powered_cells import PoweredCells, powered_cells
from halo.timing.delays import Delays

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

EDGE_VERBS = ("falling", "rising")

ASSUMPTIONS = (
    "The 1/2 C V^2 of input ports is not counted: it belongs to what drives them.",
    "The clock network is not counted, but the clock pin of every flip-flop is.",
    "Internal energy is looked up at each net's worst static transition.",
    "In a condition that names a value outside the gate's state (the clock, a stored bit), that value is 0 or 1 alike.",
)


@dataclass(frozen=True, eq=False)
class EventEnergies:
    """Energies of one circuit in one corner.

    Attributes:
        output_j: float64[arcs], internal energy of an output toggle by cause (``Circuit`` arc index); NaN where the
            cell has no table for that pin. None when the library has no power tables.
        input_j: float64[arcs], internal energy of an input pin's toggle; zero at all but one gate of an instance with
            several outputs. None when the library has no power tables.
        switching_j: float64[G], 1/2 C V^2 of the gate's output net.
        leakage_w: float64[table entries], leakage by state, zero at all but one gate of an instance; NaN for a cell
            without any figure. None when the library has no leakage.
        idle_leakage_w: leakage of instances without a gate (ties, fillers).
        clock_j: float64[instances], internal energy of a flip-flop's clock pin in one cycle (two edges), zero for other
            cells. None when the library has no power tables.
        arc_gate: int32[arcs], the gate of each arc.
        notes: what is missing or was filled, one sentence each.
    """

    output_j: F64 | None
    input_j: F64 | None
    switching_j: F64
    leakage_w: F64 | None
    idle_leakage_w: float
    clock_j: F64 | None
    arc_gate: I32
    notes: tuple[str, ...]


def event_energies(circuit: Circuit, library: Library, delays: Delays) -> EventEnergies:
    """Look up every event's energy.

    Args:
        circuit: compiled against ``library`` (or a library with the same cells).
        library: the corner.
        delays: loads and transitions of the nets in this corner.

    Raises:
        HaloError: a power table depends on more than input transition and output load.
    """
    sizes = np.diff(circuit.arc_start)
    arc_gate = np.repeat(np.arange(circuit.gates, dtype=np.int32), sizes)
    switching = 0.5 * delays.net_load_f[circuit.out] * library.voltage_v**2
    types = powered_cells(circuit, library)
    leakage, idle, leakage_notes = leakage_tables(circuit, library, types)
    if not library.has_power:
        note = f"{library.name} has no internal_power tables: energies are left empty."
        return EventEnergies(None, None, switching, leakage, idle, None, arc_gate, (note, *leakage_notes))

    arcs = int(circuit.arc_start[-1])
    output = np.zeros(arcs)
    inputs = np.zeros(arcs)
    clock = np.zeros(len(circuit.netlist.instances))
    notes: list[str] = []
    for kind in types:
        if kind.pins:
            _fill_outputs(circuit, delays, kind, output, notes)
            _fill_inputs(circuit, delays, kind, inputs)
        if kind.clock_pin and kind.first:
            _fill_clocks(circuit, delays, kind, clock)
    told = tuple(dict.fromkeys((*notes, *leakage_notes)))
    return EventEnergies(output, inputs, switching, leakage, idle, clock, arc_gate, told)


def _arcs(circuit: Circuit, kind: PoweredCells, pin: int) -> npt.NDArray[np.int64]:
    """Arc indices of one pin: int64[S, K] over the states and the gates of a type."""
    states = np.arange(1 << len(kind.pins))
    return circuit.arc_start[kind.gates][None, :] + (states * len(kind.pins) + pin)[:, None]


def _fill_outputs(circuit: Circuit, delays: Delays, kind: PoweredCells, output: F64, notes: list[str]) -> None:
    groups = kind.cell.pins[kind.output].power
    space = _space(kind, groups)
    load = delays.net_load_f[circuit.out[kind.gates]]
    states = np.arange(len(kind.table))
    for p, pin in enumerate(kind.pins):
        # A flip-flop's output moves because of its clock, whichever data pin is named as the cause.
        cause = kind.clock_pin or pin
        related = related_groups(groups, cause)
        if not related:
            name, count = kind.cell.name, len(kind.gates)
            notes.append(f"{name} has no internal_power of {kind.output} for {cause} ({count} in the netlist).")
            output[_arcs(circuit, kind, p)] = np.nan
            continue
        nets = kind.clock_nets if kind.clock_pin else circuit.pin_net[circuit.pin_start[kind.gates] + p]
        cause_edge = np.full(len(states), kind.clock_edge) if kind.clock_pin else (states >> p) & 1
        values = np.zeros((len(kind.table), len(kind.gates)))
        for edge in (0, 1):
            toward = kind.table == edge
            usable = with_table(related, edge)
            share, uncovered = weights(space, [group for group, _ in usable], fill=True)
            alone = toward & (kind.table[states ^ (1 << p)] != edge)
            left_out = int((uncovered & alone).sum())
            if left_out and not kind.clock_pin:
                notes.append(
                    f"{kind.cell.name} has no internal_power of {kind.output} {EDGE_VERBS[edge]} for {pin} in "
                    f"{left_out} states ({len(kind.gates)} in the netlist): the mean of its other states is used there."
                )
            for (_, table), weight in zip(usable, share, strict=True):
                for slew_edge in (0, 1):
                    here = np.flatnonzero(toward & (cause_edge == slew_edge) & (weight > 0))
                    if here.size:
                        energy = table.at(delays.net_slew_s[nets, slew_edge], load)
                        values[here] += weight[here, None] * energy[None, :]
        output[_arcs(circuit, kind, p)] = values


def _fill_inputs(circuit: Circuit, delays: Delays, kind: PoweredCells, inputs: F64) -> None:
    states = np.arange(len(kind.table))
    for p, pin in enumerate(kind.pins):
        groups = kind.cell.pins[pin].power
        if not (kind.owned[p] and groups):
            continue
        nets = circuit.pin_net[circuit.pin_start[kind.gates] + p]
        values = np.zeros((len(kind.table), len(kind.gates)))
        for edge in (0, 1):
            here = np.flatnonzero((states >> p) & 1 == edge)
            for weight, energy in _pin_events(kind, groups, edge, delays.net_slew_s[nets, edge]):
                values[here] += weight[here, None] * energy[None, :]
        inputs[_arcs(circuit, kind, p)] = values


def _fill_clocks(circuit: Circuit, delays: Delays, kind: PoweredCells, clock: F64) -> None:
    groups = kind.cell.pins[kind.clock_pin].power
    for edge in (0, 1):
        for weight, energy in _pin_events(kind, groups, edge, delays.net_slew_s[kind.clock_nets, edge]):
            clock[circuit.instance[kind.gates]] += weight.mean() * energy


def _pin_events(kind: PoweredCells, groups: Sequence[PowerGroup], edge: int, slew_s: F64) -> list[tuple[F64, F64]]:
    """For each group of an input pin that has the edge: weight by state, float64[S], and energy by gate, float64[K]."""
    usable = with_table(groups, edge)
    share, _ = weights(_space(kind, groups), [group for group, _ in usable], fill=False)
    # An input pin has no load of its own; OpenSTA reads a load axis at zero, too.
    return [(weight, table.at(slew_s, np.zeros(len(slew_s)))) for (_, table), weight in zip(usable, share, strict=True)]


def _space(kind: PoweredCells, groups: Sequence[PowerGroup]) -> StateSpace:
    return state_space(kind.cell, kind.pins, [g.when for g in groups if g.when is not None], kind.held)
