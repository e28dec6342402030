# SPDX-License-Identifier: Apache-2.0
"""Exact event simulation of a reduced circuit, gate by gate over all transitions at once.

A loop-free circuit needs no global event queue: once the waveforms of a gate's inputs are complete, so is its output's.
Three facts make it fast without giving up a femtosecond:

* a gate fed by k input bits sees 4**k transitions of them, not 4**D: every node is stored over its own *space*, the
  base-4 digits (before + 2 * after) of the bits it depends on, lowest bit least significant;
* over a space few *different* waveforms occur. Each node numbers its waveforms, so a transition is a number, and a
  gate is simulated once for each different combination of input numbers;
* counters take the number of transitions behind a combination as a weight, so nothing is counted one by one.

For listed transitions (partial sums, wide operands) all nodes share one space, the list.

Tests: tests/timing/event/test_bound.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.jit import inline, kernel
from halo.netlist.model import FLOP, WIRE
from halo.timing.event.gate_kernel import FOREVER, Combinations, Gate, Scratch, Waveforms, pass_on, play_gate
from halo.timing.event.reduction_kernel import DELAY_BITS

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

DIRECT = 1 << 17
"""Largest key range numbered through a table; wider ranges go through a hash table."""

LARGEST_KEY = 1 << 62


@inline
def project(index, wide, narrow):  # type: ignore[no-untyped-def]
    """Fill ``index[i]`` with the place, in the space of bits ``narrow``, of entry i of the space of bits ``wide``."""
    index[0] = 0
    filled = 1
    step = 1
    rest = wide
    bit = 0
    while rest >> bit:
        if (rest >> bit) & 1:
            add = step if (narrow >> bit) & 1 else 0
            for q in range(1, 4):
                for i in range(filled):
                    index[q * filled + i] = index[i] + q * add
            filled *= 4
            if add:
                step *= 4
        bit += 1


@inline
def number(key, size, limit, names, slot_key, slot_name, sample):  # type: ignore[no-untyped-def]
    """Replace keys by dense numbers in order of first appearance.

    Args:
        key: int64, ``key[:size]`` in ``range(limit)``, replaced in place.
        names: int32[DIRECT] scratch; slot_key int64, slot_name int32: hash scratch, a power of two > 2 * size.
        sample: int32, filled with the first place of each number.

    Returns:
        How many different keys there are.
    """
    found = 0
    if limit <= min(DIRECT, 4 * size):
        for i in range(limit):
            names[i] = -1
        for i in range(size):
            name = names[key[i]]
            if name < 0:
                name = found
                names[key[i]] = name
                sample[found] = i
                found += 1
            key[i] = name
        return found
    mask = 3
    while mask < 2 * size:
        mask = 2 * mask + 1
    for i in range(mask + 1):
        slot_key[i] = -1
    for i in range(size):
        wanted = key[i]
        spread = np.uint64(wanted) * np.uint64(0x9E3779B97F4A7C15)
        slot = np.int64(spread >> np.uint64(32)) & mask
        while slot_key[slot] != wanted and slot_key[slot] >= 0:
            slot = (slot + 1) & mask
        if slot_key[slot] < 0:
            slot_key[slot] = wanted
            slot_name[slot] = found
            sample[found] = i
            found += 1
        key[i] = slot_name[slot]
    return found


class Stimulus(NamedTuple):
    """Which transitions are simulated.

    Attributes:
        listed: a list of transitions, in whose space all nodes live; else every transition of D bits.
        size: number of transitions, the length of the list or ``4 ** D``.
        source_bit: int64[S], bit of each source (every transition).
        source_digit: uint8[S, T], before + 2 * after (listed).
        uniform: weight of every transition if positive; else weights come from ``marginal``: the space of bit set m
            (listed: the list) from ``marginal_start[m]``.
        marginal_start: int64; marginal: int64.
    """

    listed: bool
    size: int
    source_bit: I64
    source_digit: U8
    uniform: int
    marginal_start: I64
    marginal: I64


@kernel
def room_behind(wave_head, wave_time, numbered, first, size):  # type: ignore[no-untyped-def]
    """Both arrays of waveforms with room for as many more behind all others as there are from ``first`` on."""
    room = (wave_head[first + size] >> 1) - (wave_head[first] >> 1)
    used = wave_head[numbered] >> 1
    if used + room > wave_time.shape[0]:
        more_time = np.empty(used + room, np.int32)
        more_time[:used] = wave_time[:used]
        wave_time = more_time
    if numbered + size + 1 > wave_head.shape[0]:
        more_head = np.empty(numbered + size + 1, np.int64)
        more_head[: numbered + 1] = wave_head[: numbered + 1]
        wave_head = more_head
    return wave_head, wave_time


@kernel
def simulate(  # type: ignore[no-untyped-def]
    reduced, ends, stimulus, node_capacity, track_inputs, counters, arrival, period, toggles
):
    """Simulate every transition of the input bits, or every listed transition.

    Args:
        reduced: ``ReducedArrays``; ends: ``EndArrays``; stimulus: ``Stimulus``.
        node_capacity: most changes of one gate's inputs that buffers hold.
        track_inputs: count input changes as well.
        counters: ``Counters`` over the reduced circuit, added to.
        arrival, period: int32[size], filled: last change of any endpoint, and the latest of last change + extra.
        toggles: int32[T] (listed), filled: changes of all gate outputs; length 0: not wanted, and those of wires are
            then counted nowhere.

    Returns:
        (0, peak number of waveforms) or (1, gate) when ``node_capacity`` is too small.
    """
    listed = stimulus.listed
    size = stimulus.size
    source_bit = stimulus.source_bit
    source_digit = stimulus.source_digit
    uniform = stimulus.uniform
    marginal_start = stimulus.marginal_start
    marginal = stimulus.marginal
    launch_fs = reduced.launch_fs
    kinds = reduced.kind
    pin_start = reduced.pin_start
    pin_node = reduced.pin_node
    table_start = reduced.table_start
    arc_start = reduced.arc_start
    end_node = ends.node
    end_extra_fs = ends.extra_fs
    functional = counters.functional
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
    # Over a space, a wire has the waveforms of its source. What it makes of them is worked out for the gate that reads
    # them, behind all others, and forgotten: every wire has one reader, and kept they would fill the cache.
    waves = [np.empty(0, np.int32) for _ in range(nodes)]
    base = np.zeros(nodes, np.int64)
    wire_fs = np.full((nodes, 2), -1, np.int64)
    kinds_of = np.zeros(nodes, np.int64)
    # start of a waveform's times * 2 + its first value; its times are closed by FOREVER
    wave_head = np.zeros(1 << 12, np.int64)
    wave_time = np.empty(1 << 14, np.int32)
    numbered = 0
    for i in range(sources):
        base[i] = numbered
        kinds_of[i] = 4
        for digit in range(4):
            at = wave_head[numbered] >> 1
            wave_head[numbered] = 2 * at + (digit & 1)
            if digit == 1 or digit == 2:
                wave_time[at] = launch_fs[i]
                at += 1
            wave_time[at] = FOREVER
            numbered += 1
            wave_head[numbered] = 2 * (at + 1)
        if listed:
            mine = np.empty(size, np.int32)
            for t in range(size):
                mine[t] = base[i] + source_digit[i, t]
            waves[i] = mine
        else:
            support[i] = np.int64(1) << source_bit[i]
            waves[i] = (base[i] + np.arange(4)).astype(np.int32)
    slots = 4
    while slots < 2 * size + 2:
        slots *= 2
    key = np.empty(size, np.int64)
    index = np.empty(size, np.int32)
    sample = np.empty(size, np.int32)
    names = np.empty(DIRECT, np.int32)
    slot_key = np.empty(slots, np.int64)
    slot_name = np.empty(slots, np.int32)
    widest = 1
    for g in range(live):
        widest = max(widest, pin_start[g + 1] - pin_start[g])
    scratch = Scratch(
        np.empty(node_capacity, np.int32),
        np.empty(node_capacity, np.int64),
        np.empty(node_capacity, np.int64),
        np.zeros(node_capacity, np.int64),
        np.empty(widest, np.int64),
        np.empty(widest, np.int64),
        np.empty(widest, np.int64),
        slot_name,
    )
    combination = np.empty((widest, size), np.int32)
    combination_weight = np.empty(size, np.int64)
    made_wave = np.empty(size, np.int32)
    for g in range(live):
        node = sources + g
        p0 = pin_start[g]
        n = pin_start[g + 1] - p0
        bits = np.int64(0)
        for k in range(n):
            bits |= support[pin_node[p0 + k]]
        support[node] = bits
        if kinds[g] == WIRE and toggles.shape[0] == 0:
            source = pin_node[p0]
            waves[node] = waves[source]
            base[node] = base[source]
            kinds_of[node] = kinds_of[source]
            wire_fs[node, 0] = np.int64(reduced.arc_word[arc_start[g]] & DELAY_BITS)
            wire_fs[node, 1] = np.int64(reduced.arc_word[arc_start[g] + 1] & DELAY_BITS)
            if last_use[source] == g:
                waves[source] = np.empty(0, np.int32)
            continue
        width = size
        spread_weight = uniform
        if not listed:
            width = 1
            spread_weight = uniform * size
            for b in range(62):
                if (bits >> b) & 1:
                    width *= 4
            spread_weight = uniform * (size // width)
        # number the combinations of input waveforms
        limit = np.int64(1)
        different = np.int64(1)
        for k in range(n):
            pin = pin_node[p0 + k]
            mine = waves[pin]
            if k > 0 and limit > LARGEST_KEY // kinds_of[pin]:
                different = number(key, width, limit, names, slot_key, slot_name, sample)
                limit = different
            direct = listed or support[pin] == bits
            if not direct:
                project(index, bits, support[pin])
            below = base[pin]
            if k == 0:
                if direct:
                    for i in range(width):
                        key[i] = mine[i] - below
                else:
                    for i in range(width):
                        key[i] = mine[index[i]] - below
            elif direct:
                for i in range(width):
                    key[i] = key[i] * kinds_of[pin] + (mine[i] - below)
            else:
                for i in range(width):
                    key[i] = key[i] * kinds_of[pin] + (mine[index[i]] - below)
            limit *= kinds_of[pin]
        different = number(key, width, limit, names, slot_key, slot_name, sample)
        for k in range(n):
            pin = pin_node[p0 + k]
            mine = waves[pin]
            if listed or support[pin] == bits:
                for c in range(different):
                    combination[k, c] = mine[sample[c]]
            else:
                project(index, bits, support[pin])
                for c in range(different):
                    combination[k, c] = mine[index[sample[c]]]
        for c in range(different):
            combination_weight[c] = 0
        if uniform > 0:
            for i in range(width):
                combination_weight[key[i]] += spread_weight
        else:
            weight_start = marginal_start[0] if listed else marginal_start[bits]
            for i in range(width):
                combination_weight[key[i]] += marginal[weight_start + i]
        # simulate each once; make room for what may come out first
        base[node] = numbered
        room = np.int64(0)
        for c in range(different):
            together = np.int64(1)
            for k in range(n):
                wave = combination[k, c]
                together += (wave_head[wave + 1] >> 1) - (wave_head[wave] >> 1) - 1
            if together > node_capacity:
                return 1, g
            room += together
        used = wave_head[numbered] >> 1
        if used + room > wave_time.shape[0]:
            more_time = np.empty(2 * (used + room), np.int32)
            more_time[:used] = wave_time[:used]
            wave_time = more_time
        behind = np.int64(0)
        for k in range(n):
            if wire_fs[pin_node[p0 + k], 0] >= 0:
                behind += kinds_of[pin_node[p0 + k]] + 1
        if numbered + different + behind + 2 > wave_head.shape[0]:
            more_head = np.empty(2 * (numbered + different + behind + 2), np.int64)
            more_head[: numbered + 1] = wave_head[: numbered + 1]
            wave_head = more_head
        if behind:
            place = numbered + different + 2
            at = used + room + 1
            for k in range(n):
                pin = pin_node[p0 + k]
                if wire_fs[pin, 0] < 0:
                    continue
                first = base[pin]
                longest = at + (wave_head[first + kinds_of[pin]] >> 1) - (wave_head[first] >> 1)
                if longest > wave_time.shape[0]:
                    more_time = np.empty(2 * longest, np.int32)
                    more_time[:at] = wave_time[:at]
                    wave_time = more_time
                wave_head[place] = 2 * at
                room_of_pin = Waveforms(place, wave_head, wave_time)
                pass_on(first, kinds_of[pin], wire_fs[pin, 0], wire_fs[pin, 1], room_of_pin, scratch)
                beyond = np.int32(place - first)
                for c in range(different):
                    combination[k, c] += beyond
                place += kinds_of[pin]
                at = wave_head[place] >> 1
                place += 1
        numbered, moved = play_gate(
            Gate(kinds[g] == FLOP, n, table_start[g], arc_start[g], reduced.table, reduced.arc_word),
            Combinations(different, combination, combination_weight, made_wave),
            Waveforms(numbered, wave_head, wave_time),
            scratch,
            track_inputs,
            counters,
        )
        functional[g] += moved
        kinds_of[node] = numbered - base[node]
        mine = np.empty(width, np.int32)
        for i in range(width):
            mine[i] = made_wave[key[i]]
        waves[node] = mine
        if toggles.shape[0] > 0:
            for i in range(width):
                toggles[i] += np.int32((wave_head[mine[i] + 1] >> 1) - (wave_head[mine[i]] >> 1) - 1)
        for k in range(n):
            if last_use[pin_node[p0 + k]] == g:
                waves[pin_node[p0 + k]] = np.empty(0, np.int32)
    arrival[:] = 0
    period[:] = 0
    for e in range(end_node.shape[0]):
        node = end_node[e]
        mine = waves[node]
        if not listed:
            everything = np.int64(0)
            while (np.int64(1) << (2 * everything)) < size:
                everything += 1
            project(index, (np.int64(1) << everything) - 1, support[node])
        wired = wire_fs[node, 0] >= 0
        if wired:
            first = base[node]
            kinds = kinds_of[node]
            wave_head, wave_time = room_behind(wave_head, wave_time, numbered, first, kinds)
            pass_on(
                first, kinds, wire_fs[node, 0], wire_fs[node, 1], Waveforms(numbered, wave_head, wave_time), scratch
            )
        for i in range(size):
            wave = mine[i] if listed else mine[index[i]]
            if wired:
                wave += numbered - base[node]
            stop = (wave_head[wave + 1] >> 1) - 1
            if stop > wave_head[wave] >> 1:
                at = wave_time[stop - 1]
                arrival[i] = max(arrival[i], at)
                period[i] = max(period[i], at + end_extra_fs[e])
    return 0, numbered
