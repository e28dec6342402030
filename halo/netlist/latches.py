# SPDX-License-Identifier: Apache-2.0
"""Latches and clock gates whose stored value the constants fix: a constant, or a wire for the clock.

A latch that holds something which moves cannot be timed as one transition a clock edge, so it is refused; one that has
taken a constant keeps it. A clock gate that is held open passes the clock as a buffer would.

Tests: tests/netlist/test_clock_edges.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from halo.errors import HaloError
from halo.netlist.dependence import Dependence, Logic, dependence
from halo.netlist.model import Netlist
from halo.netlist.templates import GateTemplate, PlacedGate
from halo.netlist.ternary import UNKNOWN_TRIT, live_pins, ternary

_MOST_TIES = 4
"""Enable ports that a message names."""


def open_latches(
    netlist: Netlist, gates: Sequence[PlacedGate], found: Dependence, constants: dict[int, int]
) -> list[PlacedGate]:
    """The gates without latches: those of constant output become constants, the others lose their held pins.

    Args:
        netlist: the design.
        gates: its gates.
        found: which nets are constant.
        constants: net to 0 or 1, completed in place.

    Raises:
        HaloError: what a latch stores is not constant.
    """
    kept = []
    for gate in gates:
        if gate.template.stored is None:
            kept.append(gate)
        elif not _held(gate, found.known):
            raise _open(netlist, gates, gate, found, constants)
        elif gate.out in found.known:
            constants[gate.out] = found.known[gate.out]
        else:
            kept.append(_without_held(gate, found.known))
    return kept


def _held(gate: PlacedGate, known: Mapping[int, int]) -> bool:
    """Whether the latch of a gate stores a constant."""
    index = 0
    for net in reversed(gate.pins):
        index = 3 * index + known.get(net, UNKNOWN_TRIT)
    return int(ternary(_stored(gate))[index]) != UNKNOWN_TRIT


def _stored(gate: PlacedGate) -> bytes:
    """Table of what the latch of a gate takes."""
    stored = gate.template.stored
    if stored is None:
        raise ValueError("the gate has no latch")
    return stored.tobytes()


def _values(gate: PlacedGate, known: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(known.get(net, -1) for net in gate.pins)


def _without_held(gate: PlacedGate, known: Mapping[int, int]) -> PlacedGate:
    """A gate as a function of the pins that still count."""
    template = gate.template
    live = live_pins(template.table.tobytes(), _values(gate, known))
    states = np.arange(1 << len(live))
    full = sum(((states >> i & 1) << pin for i, pin in enumerate(live)), np.zeros(len(states), np.int64))
    full += sum(known[net] << pin for pin, net in enumerate(gate.pins) if net in known)
    names = tuple(template.pins[pin] for pin in live)
    left = GateTemplate(template.kind, template.output, names, template.table[full])
    return replace(gate, template=left, pins=tuple(gate.pins[pin] for pin in live))


def _open(
    netlist: Netlist, gates: Sequence[PlacedGate], gate: PlacedGate, found: Dependence, constants: Mapping[int, int]
) -> HaloError:
    """The error for a latch that is not held, with the ties that would hold it where a few ports decide."""
    instance = netlist.instances[gate.instance]
    live = live_pins(_stored(gate), _values(gate, found.known))
    passes = live_pins(gate.template.table.tobytes(), tuple(1 if pin in live else -1 for pin in range(len(gate.pins))))
    ties = _ties(netlist, gates, gate, [gate.pins[pin] for pin in live], constants, passes=bool(passes))
    hold = f"Hold it with {ties}" if ties else "Hold what drives it with --tie NAME=VALUE"
    what = "clock gate" if passes else "latch"
    nets = ", ".join(dict.fromkeys(netlist.nets[gate.pins[pin]] for pin in live))
    return HaloError(
        f"instance {instance.name}: cell {instance.cell} is a {what}, and {nets}, which it stores, is not constant",
        f"{hold}, or use flip-flops and synthesize without latches and clock gating.",
        netlist.path or None,
        instance.line or None,
    )


def _ties(
    netlist: Netlist,
    gates: Sequence[PlacedGate],
    gate: PlacedGate,
    start: list[int],
    constants: Mapping[int, int],
    *,
    passes: bool,
) -> str:
    """``--tie`` options for the one-bit ports behind some nets, if they hold the latch, and open it if it gates."""
    driver = {each.out: each for each in gates}
    reached: set[int] = set()
    while start:
        net = start.pop()
        if net not in reached:
            reached.add(net)
            start += driver[net].pins if net in driver else ()
    ports = {
        port: bits[0]
        for port, bits in netlist.inputs.items()
        if len(bits) == 1 and bits[0] in reached and bits[0] not in constants
    }
    if not 0 < len(ports) <= _MOST_TIES:
        return ""
    logic = [Logic(each.template.table.tobytes(), each.out, each.pins) for each in gates]
    for value in (1, 0):
        known = dependence(logic, {**constants, **dict.fromkeys(ports.values(), value)}).known
        if _held(gate, known) and not (passes and gate.out in known):
            return " ".join(f"--tie {port}={value}" for port in ports)
    return ""
