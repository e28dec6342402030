# SPDX-License-Identifier: Apache-2.0
"""The static timer in plain Python, one case at a time, straight from the tables: slow, to be read and compared with.

It follows the rules stated in :mod:`halo.timing.static.timer_kernel`.

Tests: tests/timing/static/test_timer.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Library, Table
from halo.liberty.tables import lookup
from halo.netlist.model import FLOP, Circuit
from halo.timing.arcs import CLOCK_PIN, ArcSet, delay_arcs
from halo.timing.static.graph import net_loads

F64 = npt.NDArray[np.float64]


def reference_arrivals(
    circuit: Circuit,
    library: Library,
    *,
    held: Mapping[int, int],
    input_slew_s: float,
    output_load_f: float,
    dead_slew: bool = True,
) -> F64:
    """Arrival of every net by edge (fall, rise) with nets held at 0 or 1: float64[N, 2], seconds, -1 if unreached.

    Args:
        circuit: compiled netlist.
        library: the corner.
        held: net index to value; constants stop at flip-flops.
        input_slew_s: transition of the input ports and of the clock.
        output_load_f: external load of each bit of an output port.
        dead_slew: arcs switched off by the held nets count for slew.
    """
    load_f, _ = net_loads(circuit, library, output_load_f)
    value = {net: int(constant) for net, constant in enumerate(circuit.constant) if constant >= 0} | dict(held)
    arrival: dict[tuple[int, int], float] = {}
    slew: dict[tuple[int, int], float] = {}
    for bits in circuit.netlist.inputs.values():
        for net in bits:
            slew |= {(net, 0): input_slew_s, (net, 1): input_slew_s}
    states = set(circuit.out[circuit.state_gates].tolist())
    for net in set(circuit.source.tolist()) - states - set(value):
        arrival |= {(net, 0): 0.0, (net, 1): 0.0}

    for gate in range(circuit.gates):
        out = int(circuit.out[gate])
        if out in value:
            continue
        first, last = int(circuit.pin_start[gate]), int(circuit.pin_start[gate + 1])
        nets = circuit.pin_net[first:last].tolist()
        table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
        clocked = circuit.kind[gate] == FLOP
        known = {} if clocked else {pin: value[net] for pin, net in enumerate(nets) if net in value}
        reachable = list(_states(len(nets), known))
        if not clocked and len({int(table[state]) for state in reachable}) == 1:
            value[out] = int(table[reachable[0]])
            continue
        cell = library.cells[circuit.netlist.instances[circuit.instance[gate]].cell]
        sets = delay_arcs(cell, circuit.output_pin[gate], circuit.pin_name[first:last], table, clocked)
        for group in sets:
            if group.pin in known:
                continue
            senses = _senses(group.pin, table, reachable) if known else {False, True}
            on = not known or (bool(senses) and _enabled(group, sets, reachable))
            if not (on or dead_slew):
                continue
            for arc in group.arcs:
                source = CLOCK_PIN if group.pin == CLOCK_PIN else nets[group.pin]
                in_slew = input_slew_s if source == CLOCK_PIN else slew.get((source, arc.in_edge), 0.0)
                at = {
                    "input_net_transition": in_slew,
                    "total_output_net_capacitance": float(load_f[out, arc.out_edge]),
                }
                end = (out, arc.out_edge)
                slew[end] = max(slew.get(end, 0.0), _at(arc.slew, at))
                start = 0.0 if source == CLOCK_PIN else arrival.get((source, arc.in_edge))
                if on and start is not None and (arc.in_edge != arc.out_edge) in senses:
                    arrival[end] = max(arrival.get(end, 0.0), start + _at(arc.delay, at))
    result = np.full((circuit.nets, 2), -1.0)
    for (net, edge), time in arrival.items():
        result[net, edge] = time
    return result


def _at(table: Table | None, at: Mapping[str, float]) -> float:
    return 0.0 if table is None else lookup(table, at)


def _states(pins: int, known: Mapping[int, int]) -> Iterator[int]:
    """States that agree with the known pins."""
    for bits in product(*[(known[pin],) if pin in known else (0, 1) for pin in range(pins)]):
        yield sum(bit << pin for pin, bit in enumerate(bits))


def _senses(pin: int, table: npt.NDArray[np.uint8], reachable: list[int]) -> set[bool]:
    """Whether the output can follow the pin (False) or oppose it (True) in the reachable states."""
    pairs = [(int(table[state]), int(table[state | (1 << pin)])) for state in reachable if not (state >> pin) & 1]
    return {before > after for before, after in pairs if before != after}


def _enabled(group: ArcSet, sets: tuple[ArcSet, ...], reachable: list[int]) -> bool:
    """Whether the group's condition can hold, or, without one, whether no other of its pin is sure to hold."""
    if group.when is not None:
        return any(group.when.may[state] for state in reachable)
    others = [other.when for other in sets if other.pin == group.pin and other.when is not None]
    return not any(all(when.must[state] for state in reachable) for when in others)
