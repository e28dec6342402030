# SPDX-License-Identifier: Apache-2.0
"""A gate pin's delays as few conditional paths: groups of states with equal delays, and Boolean text for them.

Tests: tests/timing/test_timed_netlist.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from halo.netlist.model import Circuit
from halo.timing.arcs import RISE
from halo.timing.delays import Delays

U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PathGroup:
    """States in which a pin has the same delays, and is enabled or is not.

    Attributes:
        states: one byte a state, 1 for those of the group.
        enabled: of these states.
        rise_fs, fall_fs: delay of each output edge; None if no state of the group has that edge.
    """

    states: bytes
    enabled: bool
    rise_fs: int | None
    fall_fs: int | None

    @property
    def both_fs(self) -> tuple[int, int]:
        """(rise, fall) with a missing edge given the other's delay."""
        known = [delay for delay in (self.rise_fs, self.fall_fs) if delay is not None]
        return known[0], known[-1]


def path_groups(circuit: Circuit, delays: Delays, gate: int, pin: int) -> tuple[PathGroup, ...]:
    """Partition the states of a gate by the delays of one pin: disabled ones first, then in order of their first state.

    States that differ only in the pin itself stay together unless they need two delays for one edge, so a condition
    speaks of the other pins, as specify blocks and SDF expect.

    Args:
        circuit: compiled netlist.
        delays: delays of its arcs.
        gate: gate index.
        pin: number of the pin within the gate.
    """
    n = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
    first = int(circuit.table_start[gate])
    table = circuit.table[first : first + (1 << n)]
    at = int(circuit.arc_start[gate]) + np.arange(1 << n) * n + pin
    return _partition(table.tobytes(), delays.arc_fs[at].tobytes(), delays.enabled[at].tobytes(), pin)


@lru_cache(maxsize=4096)
def _partition(table: bytes, delays: bytes, enabled: bytes, pin: int) -> tuple[PathGroup, ...]:
    delay_fs = np.frombuffer(delays, dtype=np.int32)
    items: list[tuple[tuple[int, ...], bool, int | None, int | None]] = []
    for low in range(len(table)):
        if (low >> pin) & 1:
            continue
        pair = (low, low | (1 << pin))
        edges: dict[int, set[int]] = {0: set(), 1: set()}
        for state in pair:
            edges[table[state]].add(int(delay_fs[state]))
        alike = max(len(found) for found in edges.values()) < 2 and enabled[pair[0]] == enabled[pair[1]]
        parts = [pair] if alike else [(pair[0],), (pair[1],)]
        for part in parts:
            by_edge = {table[state]: int(delay_fs[state]) for state in part}
            items.append((part, bool(enabled[part[0]]), by_edge.get(RISE), by_edge.get(1 - RISE)))
    # Complete pairs first: an item with one edge then joins a group that agrees with it.
    items.sort(key=lambda item: (item[2] is None) + (item[3] is None))
    groups: list[tuple[list[int], bool, int | None, int | None]] = []
    for states, on, rise, fall in items:
        for i, (members, group_on, group_rise, group_fall) in enumerate(groups):
            if on == group_on and _agree(rise, group_rise) and _agree(fall, group_fall):
                members.extend(states)
                groups[i] = (
                    members,
                    on,
                    group_rise if rise is None else rise,
                    group_fall if fall is None else fall,
                )
                break
        else:
            groups.append((list(states), on, rise, fall))
    groups.sort(key=lambda group: (group[1], min(group[0])))
    return tuple(
        PathGroup(bytes(int(s in set(members)) for s in range(len(table))), on, rise, fall)
        for members, on, rise, fall in groups
    )


def _agree(one: int | None, other: int | None) -> bool:
    return one is None or other is None or one == other


@lru_cache(maxsize=4096)
def prime_implicants(states: bytes) -> tuple[tuple[int, int], ...]:
    """All prime implicants of a Boolean function, as (care mask, value) pairs in ascending order (Quine-McCluskey).

    The sum of all of them is 1 in three-valued logic exactly where the function is 1 whatever the unknowns are.
    The settle bound's kernel lists those of a function and of its complement by another method: it runs once a gate
    and transition space inside compiled code and may refuse a function with too many, which text must not.
    """
    n = (len(states) - 1).bit_length()
    full = (1 << n) - 1
    cubes = {(full, s) for s, value in enumerate(states) if value}
    primes: set[tuple[int, int]] = set()
    while cubes:
        merged: set[tuple[int, int]] = set()
        used: set[tuple[int, int]] = set()
        for mask, value in cubes:
            for bit in range(n):
                other = (mask, value ^ (1 << bit))
                if (mask >> bit) & 1 and other in cubes:
                    used.update(((mask, value), other))
                    merged.add((mask & ~(1 << bit), value & ~(1 << bit)))
        primes |= cubes - used
        cubes = merged
    return tuple(sorted(primes))


def sum_of_products(states: bytes, literal: Callable[[int, bool], str], both: str, either: str) -> str | None:
    """Text of a Boolean function as the sum of its prime implicants.

    Args:
        states: one byte a state.
        literal: text for (pin, value).
        both, either: operators with their blanks.

    Returns:
        The text; None if the function is constant.
    """
    if all(states) or not any(states):
        return None
    n = (len(states) - 1).bit_length()
    primes = prime_implicants(states)
    terms = []
    for mask, value in primes:
        text = both.join(literal(bit, bool((value >> bit) & 1)) for bit in range(n) if (mask >> bit) & 1)
        terms.append(f"({text})" if len(primes) > 1 and both in text else text)
    return either.join(terms)
