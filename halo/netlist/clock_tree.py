# SPDX-License-Identifier: Apache-2.0
"""The way from the clock port to the flip-flops: which nets carry the clock, and at which of its edges each one acts.

The clock is ideal: buffers, inverters and clock gates that are held open delay nothing, but an inverter turns the edge
round, as in OpenSTA with clocks that are not propagated.

Tests: tests/netlist/test_clock_edges.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from halo.errors import HaloError
from halo.netlist.dependence import Dependence
from halo.netlist.model import FLOP, Instance, Netlist
from halo.netlist.templates import PlacedGate
from halo.netlist.ternary import live_pins

CONNECT = "Connect the clock and do not tie it; tie its enables to the level that passes it."


@dataclass(frozen=True)
class ClockInput:
    """What clocks a flip-flop: its ``clocked_on`` function over some pins of an instance.

    Attributes:
        instance: index of the instance.
        pins: the function's pins, and ``nets`` the nets on them.
        table: ``2 ** n`` bytes of 0 and 1; the flip-flop acts when it becomes 1.
    """

    instance: int
    pins: tuple[str, ...]
    nets: tuple[int, ...]
    table: bytes


@dataclass(frozen=True)
class ClockTree:
    """Nets of the clock, and instances whose flip-flops act at the falling edge of its port."""

    nets: frozenset[int]
    falling: frozenset[int]


def trace_clocks(
    netlist: Netlist,
    gates: Sequence[PlacedGate],
    driver_gate: Mapping[int, int],
    found: Dependence,
    inputs: Sequence[ClockInput],
) -> ClockTree:
    """Follow the clock from every flip-flop back to its port.

    Args:
        netlist: the design.
        gates: its gates; driver_gate: the gate that drives a net.
        found: which nets are constant.
        inputs: what clocks the flip-flops.

    Raises:
        HaloError: a clock is constant, gated or divided, or used as data; the flip-flops of one cell act at different
            edges.
    """
    inverted: dict[int, bool] = {}
    falling: dict[int, bool] = {}
    for clock in inputs:
        instance = netlist.instances[clock.instance]
        name = f"flip-flop {instance.name}"
        flop = f"pin {clock.pins[0]} of {name}" if len(clock.pins) == 1 else name
        start = _live(clock.table, clock.nets, found.known)
        if not start or any(net in found.known for net in start):
            raise _error(netlist, instance, f"the clock at {flop} is a constant", CONNECT)
        if len(start) > 1:
            raise _gated(netlist, flop, instance, "gated")
        net = start[0]
        turned = _inverts(clock.table, clock.nets, net, found.known)
        walked: list[tuple[int, bool]] = []
        while net not in inverted:
            if net in found.known:
                raise _error(netlist, instance, f"the clock at {flop} is a constant", CONNECT)
            if net not in driver_gate:
                inverted[net] = False
                break
            g = driver_gate[net]
            gate = gates[g]
            live = sorted({gate.pins[p] for p in found.needed[g]} - found.known.keys())
            if gate.template.kind == FLOP or len(live) != 1:
                how = "divided by a flip-flop" if gate.template.kind == FLOP else "gated"
                raise _gated(netlist, flop, netlist.instances[gate.instance], how)
            walked.append((net, _inverts(gate.template.table.tobytes(), gate.pins, live[0], found.known)))
            net = live[0]
        for below, turns in reversed(walked):
            inverted[below] = inverted[net] ^ turns
            net = below
        edge = turned ^ inverted[net]
        if falling.setdefault(clock.instance, edge) != edge:
            raise _error(
                netlist,
                instance,
                f"the flip-flops in {instance.name} ({instance.cell}) act at both edges of the clock",
                "Use one-bit flip-flops there.",
            )
    _refuse_data(netlist, gates, inverted)
    return ClockTree(frozenset(inverted), frozenset(number for number, edge in falling.items() if edge))


def _live(table: bytes, nets: tuple[int, ...], known: Mapping[int, int]) -> list[int]:
    """Nets that a function still depends on; all of its nets where it is constant by constants alone."""
    live = live_pins(table, tuple(known.get(net, -1) for net in nets))
    return sorted({nets[pin] for pin in live})


def _inverts(table: bytes, nets: tuple[int, ...], net: int, known: Mapping[int, int]) -> bool:
    """Whether a function that depends on one net alone is its opposite."""
    values = np.frombuffer(table, np.uint8)
    high = sum((1 if other == net else known.get(other, 0)) << pin for pin, other in enumerate(nets))
    return not values[high]


def _refuse_data(netlist: Netlist, gates: Sequence[PlacedGate], clocks: Mapping[int, bool]) -> None:
    used = _used(netlist, gates)
    for gate in gates:
        for pin, net in zip(gate.template.pins, gate.pins, strict=True):
            if net in clocks and gate.out not in clocks and gate.out in used:
                instance = netlist.instances[gate.instance]
                raise _error(
                    netlist,
                    instance,
                    f"clock net {netlist.nets[net]} is used as data by pin {pin} of instance {instance.name}",
                    "Keep the clock apart from the data.",
                )


def _used(netlist: Netlist, gates: Sequence[PlacedGate]) -> set[int]:
    """Nets that reach a flip-flop or an output port: others, such as a branch to a latch that is held, do nothing."""
    driver = {gate.out: gate for gate in gates}
    waiting = [net for bits in netlist.outputs.values() for net in bits]
    waiting += [net for gate in gates if gate.template.kind == FLOP for net in gate.pins]
    used: set[int] = set()
    while waiting:
        net = waiting.pop()
        if net not in used:
            used.add(net)
            waiting += driver[net].pins if net in driver else ()
    return used


def _gated(netlist: Netlist, pin: str, where: Instance, how: str) -> HaloError:
    return _error(
        netlist,
        where,
        f"the clock at {pin} is {how} in instance {where.name}",
        "Use one free-running clock: synthesize without clock gating and dividers, or hold the enable with "
        "--tie NAME=VALUE.",
    )


def _error(netlist: Netlist, instance: Instance, what: str, fix: str) -> HaloError:
    return HaloError(what, fix, netlist.path or None, instance.line or None)
