# SPDX-License-Identifier: Apache-2.0
"""Settle bound: a sound time after which each endpoint provably never changes, for every transition, without events.

Per node and transition: the settled value (0, 1 or unknown) and a bound T on its last change, -1 for a node that does
not move at all. A gate's *target* (``gate_kernel``) is fixed once a set of inputs that implies it has settled, so its
last change is at most T* = min over the prime implicants that agree with the settled inputs of the latest input in
them. A pin that changes at t <= min(T_pin, T*) moves the output by t plus its delay towards the settled value, and
no later event can move it; which pin answers for several that change at once says ``reduction_kernel.answers``.
Glitches are included: an input that may pulse has T >= 0 although it ends where it began.

Each node is stored over the space of the bits it depends on (``engine_kernel``), as 4 T + settled value; sources that
are not enumerated are unknown and may change at their launch: the partial sum of a MAC.

Tests: tests/timing/event/test_bound.py.
"""

from __future__ import annotations

import numpy as np

from halo.jit import inline, kernel
from halo.netlist.model import FLOP, WIRE
from halo.timing.event.engine_kernel import project
from halo.timing.event.reduction_kernel import DELAY_BITS, answers, senses

UNKNOWN = 2
LATE = 2**28
"""fs. Bounds stay below it: 4 T + settled value must fit 32 bits, and so must T plus one more delay."""
BLOCK = 512
"""Transitions taken together, so that a gate's rows stay in the nearest cache."""
MOST_CUBES = 4096
"""Most prime implicants of a gate: those of an exclusive OR of twelve pins."""


@inline
def prime_implicants(n, t0, table, ternary, cube_mask, cube_value, cube_output):  # type: ignore[no-untyped-def]
    """List the prime implicants of a table and of its complement. Returns how many, or -1 if too many."""
    total = 1
    for _ in range(n):
        total *= 3
    # ternary[c]: value of the function on the cube whose base-3 digits are 0, 1 or 2 (free), UNKNOWN when mixed
    for c in range(total):
        rest = c
        free = -1
        weight = 1
        state = 0
        for k in range(n):
            digit = rest % 3
            rest //= 3
            if digit == 2:
                if free < 0:
                    free = weight
            elif digit == 1:
                state |= 1 << k
            weight *= 3
        if free < 0:
            ternary[c] = table[t0 + state]
        else:
            low = ternary[c - 2 * free]
            ternary[c] = low if low == ternary[c - free] else UNKNOWN
    cubes = 0
    for c in range(total):
        if ternary[c] == UNKNOWN:
            continue
        rest = c
        weight = 1
        prime = True
        mask = 0
        value = 0
        for k in range(n):
            digit = rest % 3
            rest //= 3
            if digit != 2:
                mask |= 1 << k
                value |= digit << k
                if ternary[c + (2 - digit) * weight] != UNKNOWN:
                    prime = False
            weight *= 3
        if prime:
            if cubes == cube_mask.shape[0]:
                return -1
            cube_mask[cubes] = mask
            cube_value[cubes] = value
            cube_output[cubes] = ternary[c]
            cubes += 1
    return cubes


@inline
def worst_delays(n, t0, table, a0, arc_word, slowest):  # type: ignore[no-untyped-def]
    """Fill ``slowest[pin, value]``: the largest delay of an arc of the pin that bounds a move to value."""
    raising, lowering = senses(n, t0, table)
    for k in range(n):
        for v in range(2):
            slowest[k, v] = -1
    for s in range(1 << n):
        v = table[t0 + s]
        for k in range(n):
            if answers(n, t0, table, raising, lowering, a0, arc_word, s, k):
                slowest[k, v] = max(slowest[k, v], np.int32(arc_word[a0 + s * n + k] & DELAY_BITS))


@inline
def behind_wire(word, node, wire_fs, wire_cap):  # type: ignore[no-untyped-def]
    """What a node's word is behind a wire."""
    value = word & 3
    late = wire_fs[node, 0] if value == 0 else (wire_fs[node, 1] if value == 1 else wire_fs[node, 2])
    cap = wire_cap[node, 0] if value == 0 else (wire_cap[node, 1] if value == 1 else wire_cap[node, 2])
    return np.int32(4 * min((word >> 2) + late, cap) + value) if word >= 0 else np.int32(word)


@kernel
def settle_bound(reduced, ends, size, source_bit, arrival, summary):  # type: ignore[no-untyped-def]
    """Bound every transition of the enumerated bits.

    Args:
        reduced: ``ReducedArrays``; ends: ``EndArrays``.
        size: ``4 ** D`` transitions.
        source_bit: int64[S], enumerated bit of each source, or -1: unknown.
        arrival: int32[size] of zeros, filled: bound of the last change of any endpoint; length 0: not wanted.
        summary: int64[2] of zeros, filled: the largest of them, and the largest with the endpoint's extra.

    Returns:
        -1, or the gate whose function has too many prime implicants.
    """
    launch_fs = reduced.launch_fs
    kinds = reduced.kind
    pin_start = reduced.pin_start
    pin_node = reduced.pin_node
    table_start = reduced.table_start
    table = reduced.table
    arc_start = reduced.arc_start
    arc_word = reduced.arc_word
    path_fs = reduced.path_fs
    end_node = ends.node
    end_extra_fs = ends.extra_fs
    sources = launch_fs.shape[0]
    live = kinds.shape[0]
    nodes = sources + live
    support = np.zeros(nodes, np.int64)
    last_use = np.zeros(nodes, np.int64)
    for g in range(live):
        for p in range(pin_start[g], pin_start[g + 1]):
            last_use[pin_node[p]] = g
    for e in range(end_node.shape[0]):
        last_use[end_node[e]] = live
    # A wire has the array of its source, and what it adds: its delay towards 0 and 1 and of an unknown value, and the
    # longest path to each.
    settle = [np.empty(0, np.int32) for _ in range(nodes)]
    wire = np.zeros(nodes, np.bool_)
    wire_fs = np.zeros((nodes, 3), np.int32)
    wire_cap = np.zeros((nodes, 3), np.int32)
    for i in range(sources):
        if source_bit[i] >= 0:
            support[i] = np.int64(1) << source_bit[i]
            at = launch_fs[i]
            settle[i] = np.array([-4, 4 * at, 4 * at + 1, -3], np.int32)
        else:
            settle[i] = np.full(1, 4 * launch_fs[i] + UNKNOWN, np.int32)
    most = 1
    for g in range(live):
        most = max(most, pin_start[g + 1] - pin_start[g])
    powers = 1
    for _ in range(most):
        powers *= 3
    ternary = np.empty(powers, np.uint8)
    cube_mask = np.empty(MOST_CUBES, np.int64)
    cube_value = np.empty(MOST_CUBES, np.int64)
    cube_output = np.empty(MOST_CUBES, np.uint8)
    slowest = np.empty((most, 2), np.int32)
    index = np.empty((most, size), np.int32)
    pin_settle = np.empty((most, BLOCK), np.int32)
    pin_fixed = np.empty((most, 2, BLOCK), np.int32)
    fixed = np.empty((2, BLOCK), np.int32)
    latest = np.empty(BLOCK, np.int32)
    for g in range(live):
        node = sources + g
        p0 = pin_start[g]
        n = pin_start[g + 1] - p0
        bits = np.int64(0)
        for k in range(n):
            bits |= support[pin_node[p0 + k]]
        support[node] = bits
        if kinds[g] == WIRE and not wire[pin_node[p0]]:
            settle[node] = settle[pin_node[p0]]
            wire[node] = True
            for v in range(2):
                wire_fs[node, v] = np.int32(arc_word[arc_start[g] + v] & DELAY_BITS)
                wire_cap[node, v] = path_fs[node, v]
            wire_fs[node, UNKNOWN] = max(wire_fs[node, 0], wire_fs[node, 1])
            wire_cap[node, UNKNOWN] = max(wire_cap[node, 0], wire_cap[node, 1])
            if last_use[pin_node[p0]] == g:
                settle[pin_node[p0]] = np.empty(0, np.int32)
            continue
        width = 1
        for b in range(62):
            if (bits >> b) & 1:
                width *= 4
        cubes = prime_implicants(n, table_start[g], table, ternary, cube_mask, cube_value, cube_output)
        if cubes < 0:
            return g
        worst_delays(n, table_start[g], table, arc_start[g], arc_word, slowest)
        for k in range(n):
            if support[pin_node[p0 + k]] != bits:
                project(index[k], bits, support[pin_node[p0 + k]])
        my_settle = np.empty(width, np.int32)
        cap0 = path_fs[node, 0]
        cap1 = path_fs[node, 1]
        either_cap = max(cap0, cap1)
        for begin in range(0, width, BLOCK):
            count = min(BLOCK, width - begin)
            for k in range(n):
                pin = pin_node[p0 + k]
                mine = settle[pin]
                row = pin_settle[k]
                low = pin_fixed[k, 0]
                high = pin_fixed[k, 1]
                if support[pin] == bits:
                    for i in range(count):
                        row[i] = mine[begin + i]
                else:
                    places = index[k, begin : begin + count]
                    for i in range(count):
                        row[i] = mine[places[i]]
                if wire[pin]:
                    for i in range(count):
                        row[i] = behind_wire(row[i], pin, wire_fs, wire_cap)
                for i in range(count):
                    word = row[i]
                    row[i] = word >> 2
                    low[i] = np.int32(LATE) if word & 3 else word >> 2
                    high[i] = word >> 2 if word & 3 == 1 else np.int32(LATE)
            for i in range(count):
                fixed[0, i] = LATE
                fixed[1, i] = LATE
            for c in range(cubes):
                for i in range(count):
                    latest[i] = -1
                for k in range(n):
                    if (cube_mask[c] >> k) & 1:
                        row = pin_fixed[k, (cube_value[c] >> k) & 1]
                        for i in range(count):
                            latest[i] = max(latest[i], row[i])
                row = fixed[cube_output[c]]
                for i in range(count):
                    row[i] = min(row[i], latest[i])
            fixed0 = fixed[0]
            fixed1 = fixed[1]
            if kinds[g] == FLOP:
                to0 = np.int32(arc_word[arc_start[g]])  # a flip-flop's arc is enabled in every state
                to1 = np.int32(arc_word[arc_start[g]])
                for s in range(1 << n):
                    if table[table_start[g] + s]:
                        to1 = np.int32(arc_word[arc_start[g] + s * n])
                    else:
                        to0 = np.int32(arc_word[arc_start[g] + s * n])
                for i in range(count):
                    still = min(fixed0[i], fixed1[i]) < 0
                    launch = to0 if fixed0[i] < LATE else (to1 if fixed1[i] < LATE else max(to0, to1))
                    value = 0 if fixed0[i] < LATE else (1 if fixed1[i] < LATE else UNKNOWN)
                    my_settle[begin + i] = 4 * (-1 if still else launch) + value
                continue
            for i in range(count):
                latest[i] = -1
            for k in range(n):
                row = pin_settle[k]
                to0 = slowest[k, 0]
                to1 = slowest[k, 1]
                either = max(to0, to1)
                for i in range(count):
                    delay = to0 if fixed0[i] < LATE else (to1 if fixed1[i] < LATE else either)
                    when = min(row[i], fixed0[i], fixed1[i]) + delay
                    latest[i] = max(latest[i], np.int32(-1) if (row[i] < 0) | (delay < 0) else when)
            places = my_settle[begin : begin + count]
            for i in range(count):
                still = min(fixed0[i], fixed1[i]) < 0
                settled = np.int32(0) if fixed0[i] < LATE else (np.int32(1) if fixed1[i] < LATE else np.int32(UNKNOWN))
                cap = cap0 if fixed0[i] < LATE else (cap1 if fixed1[i] < LATE else either_cap)
                places[i] = 4 * (np.int32(-1) if still else min(latest[i], cap)) + settled
        settle[node] = my_settle
        for k in range(n):
            if last_use[pin_node[p0 + k]] == g:
                settle[pin_node[p0 + k]] = np.empty(0, np.int32)
    for e in range(end_node.shape[0]):
        mine = settle[end_node[e]]
        for i in range(mine.shape[0]):
            at = (behind_wire(mine[i], end_node[e], wire_fs, wire_cap) if wire[end_node[e]] else mine[i]) >> 2
            summary[0] = max(summary[0], at)
            summary[1] = max(summary[1], at + end_extra_fs[e] if at >= 0 else 0)
        if arrival.shape[0] > 0:
            everything = np.int64(0)
            while (np.int64(1) << (2 * everything)) < size:
                everything += 1
            project(index[0], (np.int64(1) << everything) - 1, support[end_node[e]])
            for i in range(size):
                word = mine[index[0, i]]
                if wire[end_node[e]]:
                    word = behind_wire(word, end_node[e], wire_fs, wire_cap)
                arrival[i] = max(arrival[i], word >> 2)
    return -1
