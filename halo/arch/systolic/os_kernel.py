# SPDX-License-Identifier: Apache-2.0
"""Controller of the output-stationary array, clock by clock: ``os_control.v`` with its streams and result store.

Tests: tests/arch/systolic/test_cycle_level.py.
"""

from __future__ import annotations

import numpy as np

from halo.jit import kernel


@kernel
def os_control(tiles, latency, empty, store, waits, held, slots, results, seen, cleared):  # type: ignore[no-untyped-def]
    """Run all tiles.

    Each operand stream has a register of one beat in front of the controller, which takes two commands ahead.

    Args:
        tiles: int64[T, 3], rows, steps and class of each, checked.
        latency: clocks from a tile's last k-step to its first row of results.
        empty: from the clock behind the last k-step until nothing is left in the array.
        store: rows that the result store holds.
        waits: int64[changes, 2], clocks to the acknowledge, and to its fall.
        held: four of bool[any], as ``StreamStalls`` has them: command, weight, activation, result.
        slots: int64[all k-steps], filled: clock in which each goes into the array.
        results: int64[rows of results], filled: clock in which each leaves.
        seen: int64[changes], filled: clock that sees each acknowledge.
        cleared: int64[classes], added to: slots of zeros behind tiles.
    """
    held_command, held_weight, held_activation, held_result = held
    due = np.empty_like(results)  # clock from which on each row is offered
    offered = loaded = done = 0  # commands offered and taken so far, tiles that have ended; tile number ``done`` runs
    command_valid = False
    weights = activations = 0  # offered so far
    weight_valid = activation_valid = weight_full = activation_full = False
    taken = queued = left = changes = acknowledged = 0
    rows, steps, kind = tiles[0]  # of the tile that runs; steps to come
    opened = ended = False  # it is there and has its clock; the one before ended in the clock before
    spacing = flush = 0
    room = store  # rows of the result store that are not reserved
    more = 0  # rows that left it in the clock before
    fits = False  # there was room for the tile that runs in the clock before
    request = acknowledge = False
    frequency_class = 0
    turn = 0  # clock in which the acknowledge turns
    t = 0
    while left < len(results):
        # what the other ends of the streams and of the handshake show in this clock
        if not command_valid and offered < len(tiles) and (t >= len(held_command) or not held_command[t]):
            command_valid = True
            offered += 1
        if not weight_valid and weights < len(slots) and (t >= len(held_weight) or not held_weight[t]):
            weight_valid = True
            weights += 1
        if not activation_valid and activations < len(slots) and (t >= len(held_activation) or not held_activation[t]):
            activation_valid = True
            activations += 1
        if request != acknowledge and t >= turn:
            acknowledge = request
            if acknowledge:
                seen[acknowledged] = t
                acknowledged += 1
        # what follows from the registers
        waiting = loaded > done and not request and not acknowledge
        step = opened and (steps != 1 or (spacing == 0 and fits)) and activation_full and weight_full
        finish = step and steps == 1
        take = command_valid and loaded < done + finish + 2
        if ended and not opened:
            cleared[frequency_class] += 1
        leave = left < queued and due[left] <= t and (t >= len(held_result) or not held_result[t])
        # registers at the end of the clock
        opened = waiting and kind == frequency_class
        if waiting and not opened and flush == 0:
            request = True
            frequency_class = kind
            turn = t + 1 + waits[changes, 0]
        elif acknowledge and request:
            request = False
            turn = t + 1 + waits[changes, 1]
            changes += 1
        if step:
            slots[taken] = t
            taken += 1
            steps -= 1
            activation_full = weight_full = False
        ended = finish
        spacing, flush = max(spacing - 1, 0), max(flush - 1, 0)
        reserved = 0
        if finish:
            for row in range(rows):
                due[queued] = t + latency + 2 * row
                queued += 1
            spacing, flush, reserved = 2 * (rows - 1), empty, rows
            done += 1
            if done < len(tiles):
                rows, steps, kind = tiles[done]
            opened = loaded > done and kind == frequency_class
        fits = rows <= room - reserved
        room += more - reserved
        more = 0
        if leave:
            results[left] = t
            left += 1
            more = 1
        if take:
            command_valid = False
            loaded += 1
        if weight_valid and not weight_full:
            weight_valid, weight_full = False, True
        if activation_valid and not activation_full:
            activation_valid, activation_full = False, True
        t += 1
