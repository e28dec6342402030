# SPDX-License-Identifier: Apache-2.0
"""Readable reference of the event engine: one transition, one queue of events in time, the whole circuit.

What the engine computes gate by gate over numbered waveforms, this computes as a textbook simulator does, so that each
can be held against the other. The rules are those of Verilog module paths as Icarus executes them (IEEE 1364-2005,
chapter 14; vvp/delay.cc):

1. Time stands still for an *instant*. First the events of the instant move nets, then the gates that read them react,
   all input changes of the instant together.
2. A gate's *target* is its table at its new inputs. When the target changes, an event is scheduled for the output
   after the delay of the pin that just changed: the arc of the gate's new state, for the edge towards the new target.
   If several did, the smallest delay counts of those whose arc is *enabled* in that state (:mod:`halo.timing.arcs`):
   a pin that cannot move the output there does not make another one faster. Where no arc of them is enabled, no pin
   alone moved the output, and the smallest of all counts.
3. An event is never taken back. When it comes, the output takes the target *of that time*, which may be the value it
   has: this is how a pulse shorter than the delay vanishes. The change counts for the arc that set the target last.
4. Every flip-flop takes, at time 0, the value its data pins settle at after the transition and shows it after its
   clock-to-output delay, however late the data comes: each stage sees the transitions that the stage before gives.
   A change of a data pin counts in the state of the other pins before the transition.

Delays must be positive: with a delay of zero the order of events within an instant would matter.

Tests: tests/timing/event/test_references.py.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from halo.netlist.model import FLOP, Circuit
from halo.timing.event.reduction import TimedCircuit


@dataclass(frozen=True)
class Played:
    """One simulated transition.

    Attributes:
        before: value of each net before the transition.
        changes: for each net the times (fs, ascending) at which it changed.
        arrival_fs: last change of any endpoint, 0 if none moves; period_fs: the same with the endpoint's setup.
        toggles: changes of each gate's output.
        out_counts: output changes by the arc that caused them (a flip-flop's: of its first pin); in_counts: input
            changes by arc.
        state: last state of each gate that was simulated, by gate.
    """

    before: tuple[int, ...]
    changes: tuple[tuple[int, ...], ...]
    arrival_fs: int
    period_fs: int
    toggles: tuple[int, ...]
    out_counts: Counter[int]
    in_counts: Counter[int]
    state: dict[int, int]


def play(timed: TimedCircuit, held: Mapping[int, int], before: Mapping[int, int], after: Mapping[int, int]) -> Played:
    """Simulate one transition.

    Args:
        timed: circuit, delays and endpoints.
        held: value of nets that are held for good, whatever drives them.
        before, after: value of each other source net.
    """
    circuit = timed.circuit
    fixed = {net: int(value) for net, value in enumerate(circuit.constant) if value >= 0} | dict(held)
    moving = [int(net) for net in circuit.source if int(net) not in fixed]
    first = settled(circuit, fixed | {net: before[net] for net in moving})
    final = settled(circuit, fixed | {net: after[net] for net in moving})
    gates = [g for g in range(circuit.gates) if int(circuit.out[g]) not in fixed and int(circuit.out[g]) not in moving]
    readers: dict[int, set[int]] = {}
    for gate in gates:
        for net in _pins(circuit, gate):
            readers.setdefault(net, set()).add(gate)

    value = list(first)
    target = list(first)
    cause: dict[int, int] = {}
    changes: list[list[int]] = [[] for _ in range(circuit.nets)]
    out_counts: Counter[int] = Counter()
    in_counts: Counter[int] = Counter()
    queue: list[tuple[int, int]] = []  # (time, net): the net takes its target at that time
    for net in moving:
        target[net] = final[net]
        heapq.heappush(queue, (int(timed.launch_fs[net]), net))
    for gate in gates:
        if circuit.kind[gate] == FLOP:
            net = int(circuit.out[gate])
            target[net] = final[net]
            cause[net] = _arc(circuit, gate, _state(circuit, gate, final), 0)
            heapq.heappush(queue, (int(timed.arc_fs[cause[net]]), net))
    while queue:
        now = queue[0][0]
        changed: set[int] = set()
        while queue and queue[0][0] == now:
            _, net = heapq.heappop(queue)
            if value[net] != target[net]:
                value[net] = target[net]
                changes[net].append(now)
                changed.add(net)
                if net in cause:
                    out_counts[cause[net]] += 1
        for gate in sorted({gate for net in changed for gate in readers.get(net, ())}):
            state = _state(circuit, gate, value)
            pins = [p for p, net in enumerate(_pins(circuit, gate)) if net in changed]
            if circuit.kind[gate] == FLOP:
                rest = _state(circuit, gate, first)
                in_counts.update(_arc(circuit, gate, rest & ~(1 << p) | state & (1 << p), p) for p in pins)
                continue
            arcs = [_arc(circuit, gate, state, p) for p in pins]
            in_counts.update(arcs)
            wanted = int(circuit.table[circuit.table_start[gate] + state])
            net = int(circuit.out[gate])
            if target[net] != wanted:
                target[net] = wanted
                causes = [arc for arc in arcs if timed.enabled[arc]] or arcs
                cause[net] = min(causes, key=lambda arc: int(timed.arc_fs[arc]))
                heapq.heappush(queue, (now + int(timed.arc_fs[cause[net]]), net))
    if value != final:
        raise AssertionError("the events did not end in the settled state")

    ends = [
        (changes[net][-1], changes[net][-1] + int(extra))
        for net, extra in zip(timed.end_net, timed.end_extra_fs, strict=True)
        if changes[net]
    ]
    return Played(
        before=tuple(first),
        changes=tuple(tuple(times) for times in changes),
        arrival_fs=max((at for at, _ in ends), default=0),
        period_fs=max((0, *(at for _, at in ends))),
        toggles=tuple(len(changes[net]) for net in circuit.out),
        out_counts=out_counts,
        in_counts=in_counts,
        state={gate: _state(circuit, gate, final) for gate in gates},
    )


def settled(circuit: Circuit, given: Mapping[int, int]) -> list[int]:
    """Value of every net once all is quiet; flip-flops show what their data pins ask for.

    Args:
        circuit: any circuit.
        given: value of sources, constants and held nets. Nets that nothing drives (the clock) rest at 0.
    """
    value = [given.get(net, 0) for net in range(circuit.nets)]
    for gate in range(circuit.gates):
        net = int(circuit.out[gate])
        if net not in given:
            value[net] = int(circuit.table[circuit.table_start[gate] + _state(circuit, gate, value)])
    return value


def _pins(circuit: Circuit, gate: int) -> Iterator[int]:
    """Nets of a gate's pins, in order."""
    return (int(net) for net in circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]])


def _state(circuit: Circuit, gate: int, value: list[int]) -> int:
    return sum(value[net] << pin for pin, net in enumerate(_pins(circuit, gate)))


def _arc(circuit: Circuit, gate: int, state: int, pin: int) -> int:
    pins = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
    return int(circuit.arc_start[gate]) + state * pins + pin
