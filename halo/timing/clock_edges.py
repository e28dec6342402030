# SPDX-License-Identifier: Apache-2.0
"""The share of the clock period that a path has, by the clock edges at which it starts and ends.

A path between flip-flops of one edge has the whole period. One from the rising to the falling edge has the time that
the clock is high, one from the falling to the rising edge the time that it is low: with a duty cycle of 50 % half a
period either way, so that such a path sets a clock half as fast as its delay would. The clock is ideal, with its edges
as :mod:`halo.netlist.clock_tree` finds them. Ports have the edge of the design's flip-flops; where these use both,
ports change and are taken at the rising edge.

Tests: tests/timing/test_clock_edges.py.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.netlist.graph import I8, UNKNOWN
from halo.netlist.model import FLOP, U8, Circuit
from halo.netlist.ternary import live_pins

F64 = npt.NDArray[np.float64]

FALL = 0
RISE = 1
EDGES = (FALL, RISE)


def flop_edges(circuit: Circuit) -> U8:
    """Edge of the clock port at which each gate takes its data: uint8[G], FALL or RISE; RISE for logic."""
    falling = np.isin(circuit.instance, list(circuit.falling)) & (circuit.kind == FLOP)
    return np.where(falling, FALL, RISE).astype(np.uint8)


def used_edges(circuit: Circuit) -> tuple[int, ...]:
    """Edges that the design's flip-flops use, FALL before RISE; none without flip-flops."""
    return tuple(int(edge) for edge in np.unique(flop_edges(circuit)[circuit.kind == FLOP]))


def port_edge(circuit: Circuit) -> int:
    """Edge at which ports change and are taken."""
    return FALL if used_edges(circuit) == (FALL,) else RISE


def require_one_edge(circuit: Circuit) -> int:
    """The edge that all flip-flops of a design use; RISE without flip-flops.

    Raises:
        HaloError: they use both.
    """
    used = used_edges(circuit)
    if len(used) < 2:
        return used[0] if used else RISE
    edge = flop_edges(circuit)
    first = [
        circuit.netlist.instances[circuit.instance[np.flatnonzero((circuit.kind == FLOP) & (edge == e))[0]]].name
        for e in EDGES
    ]
    raise HaloError(
        f"flip-flop {first[RISE]} takes the rising clock edge and {first[FALL]} the falling one",
        "Only halo characterize times designs of both edges; clock all flip-flops of this one at the same edge.",
        circuit.netlist.path or None,
    )


def share(launch: int, capture: int, duty: float) -> float:
    """Part of the period from one edge to the next of another kind, or of the same.

    Args:
        launch, capture: FALL or RISE.
        duty: part of the period from the rising to the falling edge.
    """
    if launch == capture:
        return 1.0
    return duty if launch == RISE else 1.0 - duty


def launching_edges(circuit: Circuit, constant: I8, quiet: Iterable[int]) -> U8:
    """Which clock edges set off changes of each net: uint8[N], bit FALL and bit RISE.

    Args:
        circuit: the design.
        constant: int8[N] from ``propagate_constants``; constant nets do not change.
        quiet: nets that keep their values though these are not known (a weight).
    """
    edge = flop_edges(circuit)
    found = np.zeros(circuit.nets, np.uint8)
    states = len(circuit.state_gates)
    found[circuit.source] = 1 << port_edge(circuit)
    found[circuit.out[:states]] = 1 << edge[:states]
    found[list(quiet)] = 0
    found[constant != UNKNOWN] = 0
    for g in range(states, circuit.gates):
        net = circuit.out[g]
        pins = circuit.pin_net[circuit.pin_start[g] : circuit.pin_start[g + 1]]
        table = circuit.table[circuit.table_start[g] : circuit.table_start[g + 1]].tobytes()
        live = [pins[pin] for pin in live_pins(table, tuple(constant[pins].tolist()))]
        reached = int(np.bitwise_or.reduce(found[live])) if live and constant[net] == UNKNOWN else 0
        found[net] = (1 << int(edge[g]) if reached else 0) if circuit.kind[g] == FLOP else reached
    return found


def end_shares(launching: U8, capture: U8, duty: float) -> F64:
    """The least share of the period of any path to some ends.

    Where changes of both edges arrive this is that of the later ones. A settle time that takes both as launched
    together holds for them as well: launching some of the changes earlier delays nothing.

    Args:
        launching: uint8[E], bits of the edges that set off changes there.
        capture: uint8[E], the edge at which each end is taken.
        duty: part of the period from the rising to the falling edge.

    Returns:
        float64[E]; 1 where nothing changes.
    """
    shares = np.ones(len(launching))
    for launch in EDGES:
        for end in EDGES:
            here = (launching >> launch & 1 == 1) & (capture == end)
            shares[here] = np.minimum(shares[here], share(launch, end, duty))
    return shares
