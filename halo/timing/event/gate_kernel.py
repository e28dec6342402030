# SPDX-License-Identifier: Apache-2.0
"""One gate, every different combination of input waveforms: the exact output waveforms, numbered.

A waveform is a first value and the times of its changes. The semantics are those of Verilog module paths as Icarus
executes them, which the readable version in ``reference.py`` spells out:

* all input changes of one instant act together; the new state s gives a target value;
* a new target schedules one output event after the smallest delay among the pins that just changed (the arcs of
  state s, edge towards the target) and whose arc is enabled in s, or among all that changed where none is: the
  smallest of their words (``reduction_kernel.DISABLED``);
* an event moves the output to the target *of its own time*, and events at an instant come before input changes at it.
  So a pulse shorter than the delay vanishes (inertial delay).

This is one long function on purpose: numba counts references of every array at each call, which would cost as much as
the simulation of a combination. Whether a step changes anything is unpredictable, so the inner loops always write and
advance by a flag instead of branching.

Tests: tests/timing/event/test_engine.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.jit import kernel
from halo.timing.event.reduction_kernel import DELAY_BITS

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

FOREVER = 2**31 - 1
SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Gate(NamedTuple):
    """One gate of a reduced circuit.

    Attributes:
        flop: a flip-flop, which launches its new value whenever its data arrived.
        pins: number of pins.
        table_start, arc_start: where the gate begins in ``table`` and ``arc_word`` and their counters.
        table: uint8; arc_word: uint32 (``ReducedArrays``); of the whole circuit.
    """

    flop: bool
    pins: int
    table_start: int
    arc_start: int
    table: U8
    arc_word: U32


class Combinations(NamedTuple):
    """The different combinations of input waveforms of one gate.

    Attributes:
        size: number of combinations C.
        wave: int32[n, >= C], waveform of each pin.
        weight: int64[>= C], transitions that see a combination.
        made: int32[>= C], filled with the output's waveform.
    """

    size: int
    wave: I32
    weight: I64
    made: I32


class Waveforms(NamedTuple):
    """All waveforms so far, and room for those of one more gate: C more, each with its inputs' changes together.

    Attributes:
        size: number of waveforms.
        head: int64, place of the first change * 2 + first value.
        time: int32, changes, closed by ``FOREVER``.
    """

    size: int
    head: I64
    time: I32


class Scratch(NamedTuple):
    """Work arrays.

    Attributes:
        made_time, pending, turned_at, cause: one entry more than any combination has changes.
        pointer, ahead, changes: one entry a pin.
        slot: int32, hash table, a power of two of at least 2 C entries.
    """

    made_time: I32
    pending: I64
    turned_at: I64
    cause: I64
    pointer: I64
    ahead: I64
    changes: I64
    slot: I32


class Counters(NamedTuple):
    """Weighted counts over a reduced circuit, all int64.

    Attributes:
        outputs: [arcs], output changes by the arc that caused them; inputs: [arcs], input changes.
        functional: [gates], transitions after which the output differs.
        states: [tables], last state of each gate.
    """

    outputs: I64
    inputs: I64
    functional: I64
    states: I64


@kernel
def play_gate(gate, combinations, waveforms, scratch, track_inputs, counters):  # type: ignore[no-untyped-def]
    """Simulate the combinations of one gate and number the waveforms that come out, which are appended.

    Args:
        gate: ``Gate``; combinations: ``Combinations``; waveforms: ``Waveforms``; scratch: ``Scratch``.
        track_inputs: count input changes as well.
        counters: ``Counters``, added to (but ``functional``).

    Returns:
        (waveforms numbered by now, weight of the combinations after which the output differs).
    """
    flop = gate.flop
    n = gate.pins
    t0 = gate.table_start
    a0 = gate.arc_start
    table = gate.table
    arc_word = gate.arc_word
    different = combinations.size
    combination = combinations.wave
    weights = combinations.weight
    made_wave = combinations.made
    numbered = waveforms.size
    wave_head = waveforms.head
    wave_time = waveforms.time
    made_time = scratch.made_time
    pending = scratch.pending
    turned_at = scratch.turned_at
    cause = scratch.cause
    pointer = scratch.pointer
    ahead = scratch.ahead
    changes = scratch.changes
    slot = scratch.slot
    out_counts = counters.outputs
    in_counts = counters.inputs
    state_counts = counters.states
    mask = 3
    while mask < 2 * different:
        mask = 2 * mask + 1
    for i in range(mask + 1):
        slot[i] = -1
    functional = np.int64(0)
    for c in range(different):
        weight = weights[c]
        state = np.int64(0)
        active = np.int64(0)
        first_active = np.int64(0)
        last_active = np.int64(0)
        for k in range(n):
            wave = combination[k, c]
            head = wave_head[wave]
            state |= (head & 1) << k
            pointer[k] = head >> 1
            changes[k] = (wave_head[wave + 1] >> 1) - (head >> 1) - 1
            moves = np.int64(changes[k] > 0)
            first_active = np.int64(k) if active == 0 else first_active
            last_active = np.int64(k) if moves else last_active
            active += moves
        value = np.int64(table[t0 + state])
        made = np.int64(0)
        if active == 0:
            state_counts[t0 + state] += weight
        elif flop:
            begun = state
            for k in range(n):
                if track_inputs:  # the other pins taken at their first values: only a condition depends on them
                    in_counts[a0 + (begun ^ (1 << k)) * n + k] += weight * ((changes[k] + 1) >> 1)
                    in_counts[a0 + begun * n + k] += weight * (changes[k] >> 1)
                state ^= (changes[k] & 1) << k
            state_counts[t0 + state] += weight
            if table[t0 + state] != value:
                made_time[0] = arc_word[a0 + state * n] & DELAY_BITS
                out_counts[a0 + state * n] += weight
                made = np.int64(1)
        else:
            target = value
            scheduled = np.int64(0)
            if active <= 2:  # nearly always: keep both pins in registers
                p = np.int64(first_active)
                q = np.int64(last_active)
                i = pointer[p]
                j = pointer[q]
                if active == 1:
                    j += changes[p]  # the closing FOREVER
                t = np.int64(wave_time[i])
                u = np.int64(wave_time[j])
                now = min(t, u)
                while now != FOREVER:
                    hit_p = np.int64(t == now)
                    hit_q = np.int64(u == now)
                    i += hit_p
                    j += hit_q
                    t = np.int64(wave_time[i])
                    u = np.int64(wave_time[j])
                    state ^= (hit_p << p) | (hit_q << q)
                    a = a0 + state * n
                    if track_inputs:
                        in_counts[a + p] += weight * hit_p
                        in_counts[a + q] += weight * hit_q
                    word_p = np.int64(arc_word[a + p]) + ((1 - hit_p) << 40)
                    word_q = np.int64(arc_word[a + q]) + ((1 - hit_q) << 40)
                    cause[scheduled] = a + p + (q - p) * np.int64(word_q < word_p)
                    turned_at[scheduled] = now
                    pending[scheduled] = now + (min(word_p, word_q) & DELAY_BITS)
                    scheduled += np.int64(table[t0 + state] != target)
                    target = np.int64(table[t0 + state])
                    now = min(t, u)
            else:
                now = np.int64(FOREVER)
                for k in range(n):
                    ahead[k] = wave_time[pointer[k]]
                    now = min(now, ahead[k])
                while now != FOREVER:
                    changed = np.int64(0)
                    following = np.int64(FOREVER)
                    for k in range(n):
                        hit = np.int64(ahead[k] == now)
                        changed |= hit << k
                        pointer[k] += hit
                        ahead[k] = wave_time[pointer[k]]
                        following = min(following, ahead[k])
                    state ^= changed
                    a = a0 + state * n
                    word = np.int64(1) << 40
                    fastest = np.int64(0)
                    for k in range(n):
                        hit = (changed >> k) & 1
                        if track_inputs:
                            in_counts[a + k] += weight * hit
                        mine = np.int64(arc_word[a + k]) + ((1 - hit) << 40)
                        fastest = np.int64(k) if mine < word else fastest
                        word = min(word, mine)
                    cause[scheduled] = a + fastest
                    turned_at[scheduled] = now
                    pending[scheduled] = now + (word & DELAY_BITS)
                    scheduled += np.int64(table[t0 + state] != target)
                    target = np.int64(table[t0 + state])
                    now = following
            state_counts[t0 + state] += weight
            if scheduled == 1:
                made_time[0] = pending[0]
                out_counts[cause[0]] += weight
                made = np.int64(1)
            elif scheduled > 1:
                turned_at[scheduled] = FOREVER
                for i in range(1, scheduled):  # nearly always in order already
                    at = pending[i]
                    j = i
                    while j > 0 and pending[j - 1] > at:
                        pending[j] = pending[j - 1]
                        j -= 1
                    pending[j] = at
                fired = np.int64(0)
                turned = np.int64(0)
                while fired < scheduled:
                    fires = np.int64(pending[fired] <= turned_at[turned])
                    moves = fires & ((turned ^ made) & 1)  # the output differs from the target
                    made_time[made] = pending[fired]
                    out_counts[cause[max(turned - 1, 0)]] += weight * moves
                    made += moves
                    fired += fires
                    turned += 1 - fires
        functional += weight * (made & 1)
        # number the waveform
        spread = np.uint64(value + 1)
        for i in range(made):
            spread = (spread ^ np.uint64(made_time[i])) * SPREAD
            spread ^= spread >> np.uint64(31)
        place = np.int64(spread) & mask
        while slot[place] >= 0:
            head = wave_head[slot[place]]
            at = head >> 1
            if head & 1 == value and (wave_head[slot[place] + 1] >> 1) - at - 1 == made:
                equal = True
                for i in range(made):
                    equal &= wave_time[at + i] == made_time[i]
                if equal:
                    break
            place = (place + 1) & mask
        if slot[place] < 0:
            slot[place] = numbered
            at = wave_head[numbered] >> 1
            wave_head[numbered] = 2 * at + value
            for i in range(made):
                wave_time[at + i] = made_time[i]
            wave_time[at + made] = FOREVER
            numbered += 1
            wave_head[numbered] = 2 * (at + made + 1)
        made_wave[c] = slot[place]
    return numbered, functional


@kernel
def pass_on(first, size, delay0, delay1, waveforms, scratch):  # type: ignore[no-untyped-def]
    """Append what a wire makes of some waveforms, one for one: the same semantics for a gate of one pin.

    Args:
        first, size: the waveforms, none of more changes than the work arrays hold.
        delay0, delay1: of the wire, fs, towards each value.
        waveforms: ``Waveforms``, with room; scratch: ``Scratch``.
    """
    wave_head = waveforms.head
    wave_time = waveforms.time
    pending = scratch.pending
    numbered = waveforms.size
    at = wave_head[numbered] >> 1
    stop = wave_head[first] >> 1
    for wave in range(first, first + size):
        value = wave_head[wave] & 1
        start = stop
        stop = wave_head[wave + 1] >> 1
        changes = stop - start - 1
        made = changes
        early = delay1 if value == 0 else delay0  # of the first change, the third and so on
        late = delay0 if value == 0 else delay1
        in_order = True
        for i in range(changes):
            due = wave_time[start + i] + (late if i & 1 else early)
            wave_time[at + i] = due
            in_order &= due <= wave_time[start + i + 1]  # the last is followed by FOREVER
        if not in_order:  # a change comes before what the last one made
            for i in range(changes):
                due = np.int64(wave_time[at + i])
                j = i
                while j > 0 and pending[j - 1] > due:
                    pending[j] = pending[j - 1]
                    j -= 1
                pending[j] = due
            made = np.int64(0)
            fired = np.int64(0)
            turned = np.int64(0)
            while fired < changes:
                fires = np.int64(pending[fired] <= wave_time[start + turned])
                wave_time[at + made] = pending[fired]
                made += fires & ((turned ^ made) & 1)
                fired += fires
                turned += 1 - fires
        wave_time[at + made] = FOREVER
        wave_head[numbered] = 2 * at + value
        at += made + 1
        numbered += 1
    wave_head[numbered] = 2 * at
