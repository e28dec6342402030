# SPDX-License-Identifier: Apache-2.0
"""How to carry one transition of a pipelined circuit out with a real clock.

The native engines let every stage make its transition at once, each from its own clock edge: a flip-flop launches what
the earlier stage gave it. A simulator with a clock does the same one stage after the other, if each source changes at
the edge of the stage it feeds. ``plan_stages`` finds those edges, or says why there are none. Rising and falling edges
are counted alike, so that a stage between flip-flops of one edge takes two and one between those of both edges takes
one.

Tests: tests/flow/test_crosscheck.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from halo.errors import HaloError
from halo.netlist.graph import I8, propagate_constants
from halo.netlist.model import FLOP, I32, Circuit
from halo.netlist.ternary import live_pins
from halo.timing.clock_edges import EDGES, RISE, flop_edges, launching_edges, port_edge

_BOTH = sum(1 << edge for edge in EDGES)


@dataclass(frozen=True, eq=False)
class Stages:
    """When the sources of a circuit change.

    Attributes:
        source_edge: int32[S], index of the clock edge at which each source of the circuit changes (0 for held ones).
        count: number of clock edges; what an edge sets off is measured from it.
        fill: clock edges after which every register holds what steady sources give it, held sources included; even.
        clock_nets: input-port bits that carry the clock, ascending.
        rising: whether edge 0, and with it every even one, is a rising one.
        inverted: nets of the clock tree behind gates, ascending, and whether each is the opposite of the clock. The
            clock is ideal, so these nets are to follow it without delay.
    """

    source_edge: I32
    count: int
    fill: int
    clock_nets: tuple[int, ...]
    rising: bool
    inverted: dict[int, bool]


def plan_stages(circuit: Circuit, moving: frozenset[int]) -> Stages:
    """Find the clock edge of each moving source.

    Args:
        circuit: any circuit.
        moving: source nets that change in some transition.

    Raises:
        HaloError: a signal meets its own registered copy, or changes of both clock edges meet in a gate.
    """
    fill = 2 * _registers_in_line(circuit)
    if fill == 0:
        return Stages(np.zeros(len(circuit.source), np.int32), 1, 0, (), True, {})
    ports = frozenset(net for bits in circuit.netlist.inputs.values() for net in bits)
    differences = _Differences(circuit)
    constant = propagate_constants(circuit, {})
    capture = flop_edges(circuit)
    launching = launching_edges(circuit, constant, frozenset(circuit.source.tolist()) - moving)
    reached = set(moving)
    for g in range(len(circuit.state_gates), circuit.gates):
        out = int(circuit.out[g])
        nets = circuit.pin_net[circuit.pin_start[g] : circuit.pin_start[g + 1]]
        table = circuit.table[circuit.table_start[g] : circuit.table_start[g + 1]].tobytes()
        live = {int(nets[pin]) for pin in live_pins(table, tuple(constant[nets].tolist()))}
        pins = reached & live  # what a tied select has switched off reaches nothing
        if not pins or constant[out] >= 0:
            continue
        reached.add(out)
        clocked = circuit.kind[g] == FLOP
        if launching[out] == _BOTH:
            raise _meeting(circuit, f"net {circuit.netlist.nets[out]} changes after both clock edges")
        for net in sorted(pins):
            later = (2 if launching[net] == 1 << capture[g] else 1) if clocked else 0
            differences.join(net, out, later)
    first = port_edge(circuit)
    edge = differences.edges({net: int(launching[net] != 1 << first) for net in reached})
    of_source = np.array([edge.get(int(net), 0) for net in circuit.source], np.int32)
    return Stages(
        of_source,
        1 + max(edge.values(), default=0),
        fill,
        tuple(sorted(circuit.clock_nets & ports)),
        first == RISE,
        _behind_gates(circuit, constant, ports),
    )


def _behind_gates(circuit: Circuit, constant: I8, ports: frozenset[int]) -> dict[int, bool]:
    """Clock nets that gates drive, ascending, and whether each is the opposite of the clock port."""
    inverted = dict.fromkeys(circuit.clock_nets & ports, False)
    for g in range(circuit.gates):
        out = int(circuit.out[g])
        if out not in circuit.clock_nets:
            continue
        nets = circuit.pin_net[circuit.pin_start[g] : circuit.pin_start[g + 1]]
        values = constant[nets]
        table = circuit.table[circuit.table_start[g] : circuit.table_start[g + 1]]
        (pin,) = {int(nets[pin]): pin for pin in live_pins(table.tobytes(), tuple(values.tolist()))}.values()
        high = np.where(nets == nets[pin], 1, np.maximum(values, 0))
        turns = not table[int(np.dot(high, 1 << np.arange(len(nets))))]
        inverted[out] = inverted[int(nets[pin])] ^ turns
    return {net: inverted[net] for net in sorted(inverted.keys() - ports)}


def _registers_in_line(circuit: Circuit) -> int:
    """Most flip-flops on one path; those that start paths hold the values of the transition by themselves."""
    depth = np.zeros(circuit.nets, np.int64)
    for g in range(len(circuit.state_gates), circuit.gates):
        pins = circuit.pin_net[circuit.pin_start[g] : circuit.pin_start[g + 1]]
        depth[circuit.out[g]] = depth[pins].max(initial=0) + int(circuit.kind[g] == FLOP)
    return int(depth.max(initial=0))


class _Differences:
    """Differences between nets in clock edges: union-find whose links carry a difference."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.parent = list(range(circuit.nets))
        self.above = [0] * circuit.nets
        """Edges from that of the parent to that of a net."""

    def root(self, net: int) -> tuple[int, int]:
        """Representative of a net, and the net's edge less the representative's."""
        above = 0
        while self.parent[net] != net:
            above += self.above[net]
            net = self.parent[net]
        return net, above

    def join(self, net: int, out: int, later: int) -> None:
        """Set the edge of ``out`` to that of ``net`` plus ``later``."""
        (a, above_a), (b, above_b) = self.root(net), self.root(out)
        if a != b:
            self.parent[b] = a
            self.above[b] = above_a + later - above_b
        elif above_b != above_a + later:
            raise _meeting(
                self.circuit, f"net {self.circuit.netlist.nets[out]} depends on one signal from two clock cycles"
            )

    def edges(self, parity: dict[int, int]) -> dict[int, int]:
        """Edge of each net: the earliest ones of each connected part that are even or odd as ``parity`` asks."""
        placed = {net: self.root(net) for net in sorted(parity)}
        first: dict[int, int] = {}
        for net, (root, above) in placed.items():
            first[root] = min(first.get(root, above - parity[net]), above - parity[net])
        return {net: above - first[root] for net, (root, above) in placed.items()}


def _meeting(circuit: Circuit, what: str) -> HaloError:
    return HaloError(
        f"{what}: a simulator with a clock cannot let both change in one transition",
        "Crosscheck the design without its registers, or hold one of the inputs with --tie.",
        circuit.netlist.path or None,
    )


def clock_ports(circuit: Circuit) -> tuple[int, ...]:
    """Input-port bits that carry the clock, ascending.

    Raises:
        HaloError: the clock runs through gates.
    """
    ports = {net for bits in circuit.netlist.inputs.values() for net in bits}
    driven = sorted(circuit.clock_nets - ports)
    if driven:
        raise HaloError(
            f"clock net {circuit.netlist.nets[driven[0]]} comes from a gate: the flip-flops behind it launch late",
            "Give a netlist without a clock tree; the native engines take the clock as ideal.",
            circuit.netlist.path or None,
        )
    return tuple(sorted(circuit.clock_nets))
