# SPDX-License-Identifier: Apache-2.0
"""Paths of a timed circuit, from the arcs that made each net's arrival.

Tests: tests/timing/static/test_timer.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from halo.liberty.model import Library
from halo.netlist.model import Circuit
from halo.timing.arcs import CLOCKED, EDGE_NAMES
from halo.timing.static.timer_kernel import GraphArrays, NetState


@dataclass(frozen=True)
class PathStep:
    """One gate of a path: the edge that leaves ``output`` because ``pin`` changed.

    The first step of a path is its start: ``instance``, ``cell``, ``pin`` and ``output`` are empty for a port.
    ``net_index`` is the place of ``net`` in ``Netlist.nets``. Arrival and slew are those at ``output``: the wire behind
    it counts in the next step.
    """

    instance: str
    cell: str
    pin: str
    output: str
    net: str
    edge: str
    arrival_s: float
    slew_s: float
    net_index: int


def path_to(
    circuit: Circuit, library: Library, graph: GraphArrays, nets: NetState, net: int, edge: int
) -> tuple[PathStep, ...]:
    """The path to a net's arrival, from its start.

    Args:
        circuit, library, graph: what was timed.
        nets: after ``time_cases``, from the last case.
        net, edge: its end; something arrives there.
    """
    steps: list[PathStep] = []
    while True:
        arc = int(nets.from_arc[net, edge])
        instance = cell = pin = output = ""
        source = -1
        if arc >= 0:
            group = int(np.searchsorted(graph.arc_start, arc, side="right")) - 1
            gate = int(np.searchsorted(graph.set_start, group, side="right")) - 1
            used = circuit.netlist.instances[circuit.instance[gate]]
            instance, cell, output = used.name, used.cell, circuit.output_pin[gate]
            if graph.set_pin[group] >= 0:
                at = int(circuit.pin_start[gate] + graph.set_pin[group])
                pin, source = circuit.pin_name[at], int(circuit.pin_net[at])
            else:
                groups = (g for g in library.cells[cell].pins[output].timing if g.timing_type in CLOCKED)
                pin = next((group.related_pins[0] for group in groups if group.related_pins), "")
        arrival_s, slew_s = float(nets.arrival[net, edge]), float(nets.slew[net, edge])
        name = circuit.netlist.nets[net]
        steps.append(PathStep(instance, cell, pin, output, name, EDGE_NAMES[edge], arrival_s, slew_s, net))
        if source < 0:
            return tuple(reversed(steps))
        net, edge = source, int(graph.arc_in[arc])
