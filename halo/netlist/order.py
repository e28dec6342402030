# SPDX-License-Identifier: Apache-2.0
"""Order of gates: topological, with feedback cut at flip-flops, combinational loops found and named.

Tests: tests/netlist/test_compile_circuit.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from halo.netlist.model import FLOP


class LoopError(Exception):
    """A combinational loop; ``gates`` holds it in the direction of the signal."""

    def __init__(self, gates: list[int]) -> None:
        self.gates = gates
        super().__init__("combinational loop")


@dataclass(frozen=True)
class Order:
    """Gates in order.

    Attributes:
        gates: all gates: state gates first, every other one behind the gates that feed it.
        state: number of flip-flops on a cycle, the first of ``gates``.
        cut: for each gate (by its own number), the gates of its ``idle`` that do not stand before it.
    """

    gates: tuple[int, ...]
    state: int
    cut: tuple[frozenset[int], ...]


def order_gates(kind: Sequence[int], feeds: Sequence[Sequence[int]], idle: Sequence[Sequence[int]]) -> Order:
    """Put gates in topological order, by depth and then by their given number.

    Args:
        kind: COMB or FLOP of each gate.
        feeds: for each gate, the gates that drive pins on which it depends.
        idle: for each gate, the gates that drive only other pins of it. They stand before it, too, unless that closes
            a loop.

    Raises:
        LoopError: a cycle of ``feeds`` without a flip-flop.
    """
    comb_only = [[d for d in drivers if kind[d] != FLOP] if kind[g] != FLOP else [] for g, drivers in enumerate(feeds)]
    level = _levels(comb_only)
    if min(level, default=0) < 0:
        raise LoopError(_cycle(level, comb_only))
    first = {g for component in _components(feeds, _levels(feeds)) for g in component if kind[g] == FLOP}
    forward = [[] if g in first else [d for d in drivers if d not in first] for g, drivers in enumerate(feeds)]
    cut: list[frozenset[int]] = [frozenset()] * len(feeds)
    if any(idle):
        besides = [[] if g in first else [d for d in drivers if d not in first] for g, drivers in enumerate(idle)]
        every = [[*a, *b] for a, b in zip(forward, besides, strict=True)]
        for component in map(frozenset, _components(every, _levels(every))):
            for g in component:
                cut[g] = component.intersection(besides[g])
        forward = [[*a, *(d for d in b if d not in c)] for a, b, c in zip(forward, besides, cut, strict=True)]
    level = _levels(forward)
    for g in first:
        level[g] = -1
    return Order(tuple(sorted(range(len(feeds)), key=lambda g: (level[g], g))), len(first), tuple(cut))


def _levels(feeds: Sequence[Sequence[int]]) -> list[int]:
    """Depth of each gate from 0; -1 for gates on or behind a cycle (Kahn's algorithm)."""
    level = [-1] * len(feeds)
    waiting = [len(drivers) for drivers in feeds]
    readers: list[list[int]] = [[] for _ in feeds]
    for g, drivers in enumerate(feeds):
        for d in drivers:
            readers[d].append(g)
    ready = [g for g, count in enumerate(waiting) if count == 0]
    for g in ready:
        level[g] = 1 + max((level[d] for d in feeds[g]), default=-1)
        for r in readers[g]:
            waiting[r] -= 1
            if waiting[r] == 0:
                ready.append(r)
    return level


def _cycle(level: Sequence[int], feeds: Sequence[Sequence[int]]) -> list[int]:
    """One cycle among the gates of level -1: each of them has a driver of level -1, so walking back must repeat."""
    gate = level.index(-1)
    seen: dict[int, int] = {}
    path: list[int] = []
    while gate not in seen:
        seen[gate] = len(path)
        path.append(gate)
        gate = next(d for d in feeds[gate] if level[d] < 0)
    cycle = path[seen[gate] :][::-1]
    first = int(np.argmin(cycle))
    return cycle[first:] + cycle[:first]


def _components(feeds: Sequence[Sequence[int]], level: Sequence[int]) -> list[list[int]]:
    """Strongly connected components of more than one gate, and gates that feed themselves.

    Tarjan's algorithm (SIAM J. Comput. 1, 1972) with an explicit stack, over the gates of level -1.
    """
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    on_stack: set[int] = set()
    stack: list[int] = []
    found: list[list[int]] = []
    for root in range(len(feeds)):
        if level[root] >= 0 or root in index:
            continue
        work: list[tuple[int, int]] = [(root, 0)]
        while work:
            g, position = work.pop()
            if g not in index:
                index[g] = low[g] = len(index)
                stack.append(g)
                on_stack.add(g)
            drivers = feeds[g]
            for i in range(position, len(drivers)):
                d = drivers[i]
                if level[d] >= 0:
                    continue
                if d not in index:
                    work.append((g, i))
                    work.append((d, 0))
                    break
                if d in on_stack:
                    low[g] = min(low[g], low[d])
            else:
                if low[g] == index[g]:
                    component = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == g:
                            break
                    if len(component) > 1 or g in drivers:
                        found.append(component)
    return found
