"""One gate, every different combination of input waveforms: the exact output waveforms, numbered.

A waveform is a first value and the times of its changes. The semantics are those of Verilog module paths as Icarus
executes them, which the readable version in ``reference.py`` spells out:

* all input changes of one instant act together; the new state s gives a target value;
* a new target schedules one output event after the smallest delay among the pins that just changed (the arcs of
  state s, edge towards the target);
* an event moves the output to the target *of its own time*, and events at an instant come before input changes at it.
  So a pulse shorter than the delay vanishes (inertial delay).

This is one long function on purpose: numba counts references of every array at each call, which would cost as much as
the simulation of a combination. Whether a step changes anything is unpredictable, so the inner loops always write and
advance by a flag instead of branching.
"""

from __future__ import annotations

import numpy as np

from halo.jit import kernel

FOREVER = 2**31 - 1
SPREAD = np.uint64(0x9E3779B97F4A7C15)


@kernel
def play_gate(  # type: ignore[no-untyped-def]
    flop, n, t0, a0, table, arc_fs, different, combination, weights, numbered, wave_head, wave_time,
    made_time, pending, turned_at, cause, pointer, ahead, changes, slot, made_wave,
    track_inputs, out_counts, in_counts, state_counts,
):  # fmt: skip
    """Simulate the combinations of one gate and number the waveforms that come out.

    Args:
        flop: the gate is a flip-flop: it launches its new value whenever its data arrived.
        n: number of pins; t0, a0: where this gate begins in ``table`` and ``arc_fs`` and their counters.
        different: number of combinations C.
        combination: int32[n, >= C], waveform of each pin; weights: int64[>= C], transitions that see a combination.
        numbered: waveforms so far. The new ones are appended to ``wave_head`` (place of the first change * 2 + first
            value) and ``wave_time`` (changes, closed by FOREVER), which must have room for C more, each with as many
            changes as its inputs have together.
        made_time, pending, turned_at, cause: scratch with one entry more than any combination has changes.
        pointer, ahead, changes: scratch of n entries.
        slot: int32, hash table, a power of two of at least 2 C entries.
        made_wave: int32[>= C], filled with the output's waveform.
        track_inputs: count input changes as well.
        out_counts, in_counts, state_counts: added to.

    Returns:
        (waveforms numbered by now, weight of the combinations after which the output differs).
    """
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
                made_time[0] = arc_fs[a0 + state * n]
                out_counts[a0 + state * n] += weight
                made = np.int64(1)
        else:
            target = value
            scheduled = np.int64(0)
            if active <= 2:  # nine in ten: keep both pins in registers
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
                    delay_p = arc_fs[a + p] + ((1 - hit_p) << 40)
                    delay_q = arc_fs[a + q] + ((1 - hit_q) << 40)
                    cause[scheduled] = a + p + (q - p) * np.int64(delay_q < delay_p)
                    turned_at[scheduled] = now
                    pending[scheduled] = now + min(delay_p, delay_q)
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
                    delay = np.int64(1) << 40
                    fastest = np.int64(0)
                    for k in range(n):
                        hit = (changed >> k) & 1
                        if track_inputs:
                            in_counts[a + k] += weight * hit
                        mine = arc_fs[a + k] + ((1 - hit) << 40)
                        fastest = np.int64(k) if mine < delay else fastest
                        delay = min(delay, mine)
                    cause[scheduled] = a + fastest
                    turned_at[scheduled] = now
                    pending[scheduled] = now + delay
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
