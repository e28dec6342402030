# SPDX-License-Identifier: Apache-2.0
"""The energy of one event at a time, as slow and plain as the rules of :mod:`halo.power.choice` read.

The tables of :mod:`halo.power.energy_tables` must agree with it entry by entry; nothing else uses it.

Tests: tests/power/test_power_libraries.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from halo.liberty.model import Cell, Function, Library, PowerGroup
from halo.liberty.tables import lookup
from halo.netlist.model import Circuit
from halo.timing.delays import Delays


def output_energy(circuit: Circuit, library: Library, delays: Delays, gate: int, state: int, pin: int) -> float:
    """Internal energy in joules of an output toggle.

    Args:
        circuit, library, delays: the design in a corner.
        gate, pin: the gate and the number of its pin that has just changed to its value in the state.
        state: of the gate, bit i is pin i.

    Returns:
        NaN when the cell has no group for this pin.
    """
    cell = _cell(circuit, library, gate)
    names = _names(circuit, gate)
    output = circuit.output_pin[gate]
    edge = int(circuit.table[circuit.table_start[gate] + state])
    cause, cause_edge = names[pin], (state >> pin) & 1
    net = int(circuit.pin_net[circuit.pin_start[gate] + pin])
    flipflop = cell.flipflop_of(circuit.output_pin[gate])
    if flipflop is not None:
        cause = flipflop.clocked_on.inputs[0]
        cause_edge = int(flipflop.clocked_on.table[1])
        net = circuit.netlist.instances[int(circuit.instance[gate])].pins[cause]
    groups = [g for g in cell.pins[output].power if cause in g.related_pins]
    groups = groups or [g for g in cell.pins[output].power if not g.related_pins]
    if not groups:
        return float("nan")
    load = float(delays.net_load_f[circuit.out[gate]])
    point = {"input_transition_time": float(delays.net_slew_s[net, cause_edge]), "total_output_net_capacitance": load}
    means = []
    for values in _assignments(circuit, cell, gate, state, groups):
        total = 0.0
        for supply in {g.pg_pin for g in groups}:
            told = [g for g in groups if g.pg_pin == supply and (g.rise if edge else g.fall) is not None]
            holding = [g for g in told if g.when is not None and _true(g.when, values)]
            default = [g for g in told if g.when is None]
            total += _mean(holding or default or told, edge, point)
        means.append(total)
    return sum(means) / len(means)


def input_energy(circuit: Circuit, library: Library, delays: Delays, gate: int, state: int, pin: int) -> float:
    """Internal energy in joules of an input pin's toggle, without that of outputs.

    Args:
        circuit, library, delays: the design in a corner.
        gate, pin: the gate and the number of its pin that has just changed to its value in the state.
        state: of the gate, bit i is pin i.
    """
    cell = _cell(circuit, library, gate)
    groups = cell.pins[_names(circuit, gate)[pin]].power
    edge = (state >> pin) & 1
    net = int(circuit.pin_net[circuit.pin_start[gate] + pin])
    point = {"input_transition_time": float(delays.net_slew_s[net, edge]), "total_output_net_capacitance": 0.0}
    means = []
    for values in _assignments(circuit, cell, gate, state, groups):
        total = 0.0
        for supply in {g.pg_pin for g in groups}:
            told = [g for g in groups if g.pg_pin == supply and (g.rise if edge else g.fall) is not None]
            holding = [g for g in told if g.when is not None and _true(g.when, values)]
            total += _mean(holding or [g for g in told if g.when is None], edge, point)
        means.append(total)
    return sum(means) / len(means)


def _cell(circuit: Circuit, library: Library, gate: int) -> Cell:
    return library.cells[circuit.netlist.instances[int(circuit.instance[gate])].cell]


def _names(circuit: Circuit, gate: int) -> tuple[str, ...]:
    return tuple(circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]])


def _assignments(
    circuit: Circuit, cell: Cell, gate: int, state: int, groups: Sequence[PowerGroup]
) -> Iterator[dict[str, int]]:
    """Values of all names in the conditions: those of the state, and every combination of the others."""
    known = _inactive(circuit, cell, gate)
    known |= {name: (state >> bit) & 1 for bit, name in enumerate(_names(circuit, gate))}
    used = {name for g in groups if g.when is not None for name in g.when.inputs}
    functions = {n: f for n in used if n in cell.pins and (f := cell.pins[n].function) is not None}
    free = (used | {name for f in functions.values() for name in f.inputs}) - set(known) - set(functions)
    ordered = sorted(free)
    for bits in product((0, 1), repeat=len(ordered)):
        values = known | dict(zip(ordered, bits, strict=True))
        yield values | {name: int(_true(function, values)) for name, function in functions.items()}


def _inactive(circuit: Circuit, cell: Cell, gate: int) -> dict[str, int]:
    """Reset and preset pins: tied, or at the level that does nothing."""
    values = {}
    for instance, pin, net in circuit.async_pins:
        if instance == int(circuit.instance[gate]):
            values[pin] = int(circuit.constant[net])
            for function in (control for flop in cell.flipflops for control in (flop.clear, flop.preset)):
                if values[pin] < 0 and function is not None and function.inputs == (pin,):
                    values[pin] = 0 if not function.table[0] else 1
    return values


def _true(function: Function, values: dict[str, int]) -> bool:
    return bool(function.table[sum(values[name] << bit for bit, name in enumerate(function.inputs))])


def _mean(groups: Sequence[PowerGroup], edge: int, point: dict[str, float]) -> float:
    tables = [table for g in groups if (table := g.rise if edge else g.fall) is not None]
    return float(np.mean([lookup(table, point) for table in tables])) if tables else 0.0
