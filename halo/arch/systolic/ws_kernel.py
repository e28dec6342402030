# SPDX-License-Identifier: Apache-2.0
"""Controller of the weight-stationary array, clock by clock: ``ws_control.v`` with its streams, loader and buffer.

Tests: tests/arch/systolic/test_cycle_level.py.
"""

from __future__ import annotations

import numpy as np

from halo.jit import kernel


@kernel
def ws_control(tiles, rows, depth, latency, least, gaps, waits, held, slots, results, seen):  # type: ignore[no-untyped-def]
    """Run all tiles.

    Args:
        tiles: int64[T, 4], rows, first, last and class of each, checked.
        rows: of the array; depth: rows of the longest tile; latency: clocks from an activation to its row of results.
        least: slots of a tile, at least.
        gaps: int64[2], idle slots behind a swap, within a class and after a change of the clock.
        waits: int64[changes, 2], clocks to the acknowledge, and to its fall.
        held: four of bool[any], as ``StreamStalls`` has them: command, weight, activation, result.
        slots: int64[beats], filled: clock in which each activation is taken.
        results: int64[rows of results], filled: clock in which each leaves.
        seen: int64[changes], filled: clock that sees each acknowledge.
    """
    held_command, held_weight, held_activation, held_result = held
    due = np.empty_like(results)  # clock from which on each row is offered
    commands = beats = queued = left = changes = acknowledged = 0
    weights = len(tiles) * rows  # still to come
    command_valid = weight_valid = activation_valid = False
    # the tile that starts next
    following = -1
    fits = False  # it has its clock and its room
    # the tile that runs
    last = False
    waiting = open_now = False
    gap = 0
    to_come = 0
    spare = 0  # idle slots behind the last activation
    reserve = 0  # rows, in the clock of its start
    changed = False
    flush = 0
    flushed = True
    room = 2 * depth
    loaded = 0  # rows of weights of the next tile
    request = acknowledge = False
    frequency_class = 0
    turn = 0  # clock in which the acknowledge turns
    t = 0
    while left < len(results):
        # what the other ends of the streams and of the handshake show in this clock
        if not command_valid and commands < len(tiles):
            command_valid = t >= len(held_command) or not held_command[t]
        if not weight_valid and weights > 0:
            weight_valid = t >= len(held_weight) or not held_weight[t]
        if not activation_valid and beats < len(slots):
            activation_valid = t >= len(held_activation) or not held_activation[t]
        if request != acknowledge and t >= turn:
            acknowledge = request
            if acknowledge:
                seen[acknowledged] = t
                acknowledged += 1
        # what follows from the registers
        at_rest = not request and not acknowledge
        same = following >= 0 and tiles[following, 3] == frequency_class
        take = weight_valid and loaded < rows
        full = loaded + take == rows
        slot = open_now and activation_valid
        free = (slot and to_come == 1 and spare == 0) if open_now else (not waiting and spare < 2)
        start = fits and full and free
        leave = left < queued and due[left] <= t and (t >= len(held_result) or not held_result[t])
        # registers at the end of the clock
        ask = at_rest and following >= 0 and not same and flushed
        fits = at_rest and same and not start and (tiles[following, 1] == 0 or tiles[following, 0] <= room)
        room += leave - reserve
        reserve = 0
        flushed = flush == 0 and not open_now and not waiting
        flush = latency - 2 if start or slot else max(flush - 1, 0)
        if slot:
            slots[beats] = t
            beats += 1
            to_come -= 1
            activation_valid = False
            if last:
                due[queued] = t + latency
                queued += 1
        if leave:
            results[left] = t
            left += 1
        if start:
            to_come = tiles[following, 0]
            last = tiles[following, 2] != 0
            reserve = to_come if tiles[following, 1] != 0 else 0
            gap = gaps[1] if changed else gaps[0]
            waiting = gap > 0
            open_now = not waiting
            spare = max(least - to_come, 0)
        elif waiting:
            waiting = gap > 0
            open_now = not waiting
            gap -= 1
        elif open_now:
            open_now = to_come > 0
        else:
            spare = max(spare - 1, 0)
        if request:
            changed = True
        elif start:
            changed = False
        if ask:
            request = True
            frequency_class = tiles[following, 3]
            turn = t + 1 + waits[changes, 0]
        elif acknowledge and request:
            request = False
            turn = t + 1 + waits[changes, 1]
            changes += 1
        loaded = 0 if start else loaded + take
        if take:
            weight_valid = False
            weights -= 1
        if start:
            following = -1
        elif following < 0 and command_valid:
            following = commands
            commands += 1
            command_valid = False
        t += 1
