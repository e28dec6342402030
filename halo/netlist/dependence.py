# SPDX-License-Identifier: Apache-2.0
"""What each gate still depends on once some nets are constant, for gates in any order.

A register with a load enable feeds itself only as long as the enable may be off; with the enable held on, the way back
is closed and the register is one of a pipeline. So constants come first, then dependences, then the order of gates.

Tests: tests/netlist/test_compile_circuit.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from halo.netlist.ternary import UNKNOWN_TRIT, live_pins, ternary


@dataclass(frozen=True)
class Logic:
    """A gate as a function: its table (``2 ** n`` bytes of 0 and 1), output net and pin nets."""

    table: bytes
    out: int
    pins: tuple[int, ...]


@dataclass(frozen=True)
class Dependence:
    """Dependences of G gates.

    Attributes:
        known: value of every constant net, the given ones and those that follow from them.
        needed: for each gate, the pins that its value follows from: the constant pins that make the output constant,
            or else its constant pins and those that can still change the output. Along them alone, a constant gate
            hangs on constant gates only, and never on itself.
    """

    known: dict[int, int]
    needed: tuple[tuple[int, ...], ...]


def dependence(gates: Sequence[Logic], constants: Mapping[int, int]) -> Dependence:
    """Carry constants through the gates until nothing changes, and see what is left.

    Each gate is exact (its output is constant when all states that its constant pins allow agree); correlation between
    gates is not seen. A flip-flop passes a constant: that is its value from the second clock edge on.

    Args:
        gates: each drives a net of its own.
        constants: net to 0 or 1.
    """
    known = dict(constants)
    readers: dict[int, list[int]] = {}
    for g, gate in enumerate(gates):
        for net in dict.fromkeys(gate.pins):
            readers.setdefault(net, []).append(g)
    causes: dict[int, tuple[int, ...]] = {}
    waiting = [g for g, gate in enumerate(gates) if not gate.pins or any(net in known for net in gate.pins)]
    while waiting:
        g = waiting.pop()
        gate = gates[g]
        if g in causes:
            continue
        index = 0
        for net in reversed(gate.pins):
            index = 3 * index + known.get(net, UNKNOWN_TRIT)
        value = int(ternary(gate.table)[index])
        if value == UNKNOWN_TRIT:
            continue
        causes[g] = tuple(pin for pin, net in enumerate(gate.pins) if net in known)
        known[gate.out] = value
        waiting += readers.get(gate.out, ())
    needed = []
    for g, gate in enumerate(gates):
        if g in causes:
            needed.append(causes[g])
            continue
        values = tuple(known.get(net, -1) for net in gate.pins)
        live = live_pins(gate.table, values)
        needed.append(tuple(pin for pin, value in enumerate(values) if value >= 0 or pin in live))
    return Dependence(known, tuple(needed))
