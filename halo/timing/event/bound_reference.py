# SPDX-License-Identifier: Apache-2.0
"""Readable reference of the settle bound: one transition, the whole circuit, prime implicants by trying every cube.

For each net two things are known of a transition: the value it settles at (None: unknown) and a time after which it
provably never changes (STILL: it never moves at all). Sources start with their launch; gates follow in order:

1. A set of pin values that alone implies the gate's output (a *prime implicant* of its function or its complement)
   fixes the gate's target once the last of those pins has settled at it. T* is the earliest time at which some set
   has: later the target is fixed, whatever the other pins do. If that set never moves, neither does the output.
2. A pin can turn the target at min(T pin, T*) at the latest; the output follows after the slowest arc of that pin
   towards the settled value, and once it has followed the last turn of the target no older event can move it.
3. No node changes towards a value later than on the longest path towards that value.

Glitches are included: a net that may pulse has a time although it ends as it began.

Tests: tests/timing/event/test_references.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from halo.netlist.model import FLOP, Circuit
from halo.timing.event.reduction import TimedCircuit

STILL = -1


@dataclass(frozen=True)
class Settled:
    """What is known of a net: the value it ends at (None: unknown), fs of its last change at the latest or STILL."""

    value: int | None
    at_fs: int


@dataclass(frozen=True)
class Bounds:
    """Bounds of one transition: latest change of any endpoint (0: none), with the endpoint's setup, and by net."""

    arrival_fs: int
    period_fs: int
    nets: tuple[Settled, ...]


def bound_transition(timed: TimedCircuit, held: Mapping[int, int], known: Mapping[int, tuple[int, int]]) -> Bounds:
    """Bound one transition.

    Args:
        timed: circuit, delays and endpoints.
        held: value of nets that are held for good, whatever drives them.
        known: (before, after) of source nets; any other source that is not held may do what it likes at its launch.
    """
    circuit = timed.circuit
    constant = constants(circuit, held)
    longest = longest_paths(timed, held)
    nets = [Settled(constant.get(net), STILL) for net in range(circuit.nets)]
    sources = [int(net) for net in circuit.source if int(net) not in constant]
    for net in sources:
        before, after = known.get(net, (None, None))
        moves = before != after or after is None
        nets[net] = Settled(after, int(timed.launch_fs[net]) if moves else STILL)
    for gate in range(circuit.gates):
        net = int(circuit.out[gate])
        if net not in constant and net not in sources:
            nets[net] = _bound_gate(timed, gate, constant, nets, longest[net])
    ends = [
        (nets[net].at_fs, nets[net].at_fs + int(extra))
        for net, extra in zip(timed.end_net, timed.end_extra_fs, strict=True)
        if nets[net].at_fs != STILL
    ]
    return Bounds(max((at for at, _ in ends), default=0), max((0, *(at for _, at in ends))), tuple(nets))


def constants(circuit: Circuit, held: Mapping[int, int]) -> dict[int, int]:
    """Nets that no transition moves: held ones, those the netlist ties, and what follows gate by gate.

    Nets that nothing drives (the clock) rest at 0.
    """
    found = {net: int(value) for net, value in enumerate(circuit.constant) if value >= 0} | dict(held)
    driven = {int(net) for net in circuit.source} | {int(net) for net in circuit.out}
    found |= {net: 0 for net in range(circuit.nets) if net not in driven and net not in found}
    sources = {int(net) for net in circuit.source}
    for gate in range(circuit.gates):
        net = int(circuit.out[gate])
        if net not in found and net not in sources:
            values = {_table(circuit, gate)[s] for s in _states(circuit, gate, found)}
            if len(values) == 1:
                found[net] = values.pop()
    return found


def longest_paths(timed: TimedCircuit, held: Mapping[int, int]) -> list[tuple[int, int]]:
    """For each net the longest path to a fall and to a rise, fs; STILL where the net never makes that edge."""
    circuit = timed.circuit
    constant = constants(circuit, held)
    longest = [(STILL, STILL) for _ in range(circuit.nets)]
    sources = [int(net) for net in circuit.source if int(net) not in constant]
    for net in sources:
        longest[net] = (int(timed.launch_fs[net]), int(timed.launch_fs[net]))
    for gate in range(circuit.gates):
        net = int(circuit.out[gate])
        if net in constant or net in sources:
            continue
        best = [STILL, STILL]
        for state, pin, delay in _arcs(timed, gate, constant):
            towards = _table(circuit, gate)[state]
            if circuit.kind[gate] == FLOP:
                best[towards] = max(best[towards], delay)
                continue
            before = longest[_pins(circuit, gate)[pin]][(state >> pin) & 1]
            if before != STILL and _answers(timed, gate, constant, state, pin):
                best[towards] = max(best[towards], before + delay)
        longest[net] = (best[0], best[1])
    return longest


def _bound_gate(
    timed: TimedCircuit, gate: int, constant: Mapping[int, int], nets: Sequence[Settled], longest: tuple[int, int]
) -> Settled:
    circuit = timed.circuit
    table = _table(circuit, gate)
    pins = [nets[net] for net in _pins(circuit, gate)]
    fixing: list[tuple[int, int]] = []  # (time, value) of the prime implicants that the settled pins agree with
    for cube, value in prime_implicants(table):
        if all(want is None or pin.value == want for pin, want in zip(pins, cube, strict=True)):
            fixing.append((max(pin.at_fs for pin, want in zip(pins, cube, strict=True) if want is not None), value))
    fixed_fs, settled = min(fixing) if fixing else (None, None)
    if fixed_fs == STILL:
        return Settled(settled, STILL)
    edges = (0, 1) if settled is None else (settled,)
    cap = max(longest[edge] for edge in edges)
    if circuit.kind[gate] == FLOP:
        launches = [delay for state, _, delay in _arcs(timed, gate, constant) if table[state] in edges]
        return Settled(settled, max(launches))
    latest = STILL
    for state, pin, delay in _arcs(timed, gate, constant):
        moves = pins[pin].at_fs != STILL and table[state] in edges
        if moves and _answers(timed, gate, constant, state, pin):
            turned = pins[pin].at_fs if fixed_fs is None else min(pins[pin].at_fs, fixed_fs)
            latest = max(latest, turned + delay)
    return Settled(settled, min(latest, cap))


@lru_cache(maxsize=4096)
def prime_implicants(table: tuple[int, ...]) -> tuple[tuple[tuple[int | None, ...], int], ...]:
    """Prime implicants of a function and of its complement.

    Returns:
        (cube, value) pairs: the value each pin must have (None: any), and the output's value wherever they have.
    """
    n = len(table).bit_length() - 1
    implied: dict[tuple[int | None, ...], int] = {}
    for cube in product((0, 1, None), repeat=n):
        values = {
            table[state]
            for state in range(len(table))
            if all(want is None or (state >> pin) & 1 == want for pin, want in enumerate(cube))
        }
        if len(values) == 1:
            implied[cube] = values.pop()
    return tuple(
        (cube, value)
        for cube, value in implied.items()
        if not any(
            want is not None and (*cube[:pin], None, *cube[pin + 1 :]) in implied for pin, want in enumerate(cube)
        )
    )


def _answers(timed: TimedCircuit, gate: int, constant: Mapping[int, int], state: int, pin: int) -> bool:
    """Whether this pin bounds the output's change for some set of pins that change together into the state.

    The output follows after the smallest delay of those of the set whose arc is enabled in the state, or of all where
    none is, so any of these bounds it: one that turns the target alone (it is enabled) where there is one, else the
    fastest, then the first.
    """
    circuit = timed.circuit
    table = _table(circuit, gate)
    delay = {p: d for s, p, d in _arcs(timed, gate, constant) if s == state}
    alone = {p for p in delay if table[state ^ (1 << p)] != table[state]}
    first = int(circuit.arc_start[gate]) + state * len(_pins(circuit, gate))
    enabled = {p for p in delay if timed.enabled[first + p]}
    if pin in alone:
        return True
    for old in _states(circuit, gate, constant):
        together = {p for p in delay if ((old ^ state) >> p) & 1}
        turns = pin in together and table[old] != table[state] and not together & alone
        if turns and pin == min(together & enabled or together, key=lambda p: (delay[p], p)):
            return True
    return False


def _arcs(timed: TimedCircuit, gate: int, constant: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """(state, pin, delay in fs) of the arcs that the constants leave."""
    circuit = timed.circuit
    pins = _pins(circuit, gate)
    for state in _states(circuit, gate, constant):
        for pin, net in enumerate(pins):
            if net not in constant:
                arc = int(circuit.arc_start[gate]) + state * len(pins) + pin
                yield state, pin, int(timed.arc_fs[arc])


def _states(circuit: Circuit, gate: int, constant: Mapping[int, int]) -> list[int]:
    """States of a gate that the constants leave."""
    choices = [(constant[net],) if net in constant else (0, 1) for net in _pins(circuit, gate)]
    return [sum(value << pin for pin, value in enumerate(values)) for values in product(*choices)]


def _pins(circuit: Circuit, gate: int) -> list[int]:
    return [int(net) for net in circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]]


def _table(circuit: Circuit, gate: int) -> tuple[int, ...]:
    return tuple(int(v) for v in circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]])
