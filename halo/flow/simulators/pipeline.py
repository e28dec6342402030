# SPDX-License-Identifier: Apache-2.0
"""How to carry one transition of a pipelined circuit out with a real clock.

The native engines let every stage make its transition at once, each from its own clock edge: a flip-flop launches what
the earlier stage gave it. A simulator with a clock does the same one stage after the other, if each source changes at
the edge of the stage it feeds. ``plan_stages`` finds those edges, or says why there are none.

Tests: tests/flow/test_crosscheck.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from halo.errors import HaloError
from halo.netlist.graph import propagate_constants
from halo.netlist.model import FLOP, I32, Circuit
from halo.netlist.ternary import live_pins
from halo.timing.clock_edges import RISE, require_one_edge


@dataclass(frozen=True, eq=False)
class Stages:
    """When the sources of a circuit change.

    Attributes:
        source_stage: int32[S], index of the clock edge at which each source of the circuit changes (0 for held ones).
        count: number of stages; stage k is measured from edge k, and edge 0 needs no clock.
        fill: clock edges after which every register holds what steady sources give it, held sources included.
        clock_nets: input-port bits that carry the clock, ascending.
        rising: the active edge.
    """

    source_stage: I32
    count: int
    fill: int
    clock_nets: tuple[int, ...]
    rising: bool


def plan_stages(circuit: Circuit, moving: frozenset[int]) -> Stages:
    """Find the clock edge of each moving source.

    Args:
        circuit: any circuit.
        moving: source nets that change in some transition.

    Raises:
        HaloError: a signal meets its own registered copy, flip-flops use both edges, or the clock runs through gates.
    """
    fill = _registers_in_line(circuit)
    if fill == 0:
        return Stages(np.zeros(len(circuit.source), np.int32), 1, 0, (), True)
    clocks = clock_ports(circuit)
    differences = _Differences(circuit)
    constant = propagate_constants(circuit, {})
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
        for net in sorted(pins):
            differences.join(net, out, int(circuit.kind[g] == FLOP))
    stage = differences.stages(reached)
    of_source = np.array([stage.get(int(net), 0) for net in circuit.source], np.int32)
    rising = require_one_edge(circuit) == RISE
    return Stages(of_source, 1 + max(stage.values(), default=0), fill, clocks, rising)


def _registers_in_line(circuit: Circuit) -> int:
    """Most flip-flops on one path; those that start paths hold the values of the transition by themselves."""
    depth = np.zeros(circuit.nets, np.int64)
    for g in range(len(circuit.state_gates), circuit.gates):
        pins = circuit.pin_net[circuit.pin_start[g] : circuit.pin_start[g + 1]]
        depth[circuit.out[g]] = depth[pins].max(initial=0) + int(circuit.kind[g] == FLOP)
    return int(depth.max(initial=0))


class _Differences:
    """Stage differences between nets: union-find whose links carry a difference."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.parent = list(range(circuit.nets))
        self.above = [0] * circuit.nets
        """Stage of a net less that of its parent."""

    def root(self, net: int) -> tuple[int, int]:
        """Representative of a net, and the net's stage less the representative's."""
        above = 0
        while self.parent[net] != net:
            above += self.above[net]
            net = self.parent[net]
        return net, above

    def join(self, net: int, out: int, later: int) -> None:
        """Set the stage of ``out`` to that of ``net`` plus ``later``."""
        (a, above_a), (b, above_b) = self.root(net), self.root(out)
        if a != b:
            self.parent[b] = a
            self.above[b] = above_a + later - above_b
        elif above_b != above_a + later:
            raise HaloError(
                f"net {self.circuit.netlist.nets[out]} depends on one signal from two clock cycles: a simulator with "
                "a clock cannot let both change in one transition",
                "Crosscheck the design without its registers, or hold one of the inputs with --tie.",
                self.circuit.netlist.path or None,
            )

    def stages(self, nets: set[int]) -> dict[int, int]:
        """Stage of each net; the earliest net of each connected part is in stage 0."""
        placed = {net: self.root(net) for net in sorted(nets)}
        first: dict[int, int] = {}
        for root, above in placed.values():
            first[root] = min(first.get(root, above), above)
        return {net: above - first[root] for net, (root, above) in placed.items()}


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
