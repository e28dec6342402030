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

    Args:
        tiles: int64[T, 3], rows, steps and class of each, checked.
        latency: clocks from a tile's last k-step to its first row of results.
        empty: from the clock behind the last k-step until nothing is left in the array.
        store: rows that the result store holds.
        waits: int64[changes, 2], clocks to the acknowledge, and to its fall.
        held: four of bool[any], as ``StreamStalls`` has them: command, weight, activation, result.
        slots: int64[all k-steps], filled: clock in which each is taken.
        results: int64[rows of results], filled: clock in which each leaves.
        seen: int64[changes], filled: clock that sees each acknowledge.
        cleared: int64[classes], added to: slots of zeros behind tiles.
    """
    held_command, held_weight, held_activation, held_result = held
    due = np.empty_like(results)  # clock from which on each row is offered
    commands = taken = queued = left = changes = acknowledged = 0
    activations = weights = 0  # offered so far
    command_valid = weight_valid = activation_valid = False
    running = False
    rows = steps = kind = 0
    spacing = flush = 0
    room = store
    request = acknowledge = False
    frequency_class = 0
    turn = 0  # clock in which the acknowledge turns
    t = 0
    while left < len(results):
        # what the other ends of the streams and of the handshake show in this clock
        if not command_valid and commands < len(tiles):
            command_valid = t >= len(held_command) or not held_command[t]
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
        at_rest = not request and not acknowledge
        granted = running and at_rest and kind == frequency_class
        may_end = spacing == 0 and rows <= room
        step = granted and (steps != 1 or may_end) and activation_valid and weight_valid
        finish = step and steps == 1
        ask = at_rest and running and kind != frequency_class and flush == 0
        if flush == empty and not granted:
            cleared[frequency_class] += 1
        leave = left < queued and due[left] <= t and (t >= len(held_result) or not held_result[t])
        # registers at the end of the clock
        if step:
            slots[taken] = t
            taken += 1
            steps -= 1
            activation_valid = weight_valid = False
        if finish:
            for row in range(rows):
                due[queued] = t + latency + 2 * row
                queued += 1
            spacing = 2 * (rows - 1)
            flush = empty
            room -= rows
        else:
            spacing = max(spacing - 1, 0)
            flush = max(flush - 1, 0)
        if leave:
            results[left] = t
            left += 1
            room += 1
        if ask:
            request = True
            frequency_class = kind
            turn = t + 1 + waits[changes, 0]
        elif acknowledge and request:
            request = False
            turn = t + 1 + waits[changes, 1]
            changes += 1
        if finish:
            running = False
        if not running and command_valid:
            running = True
            rows, steps, kind = tiles[commands, 0], tiles[commands, 1], tiles[commands, 2]
            commands += 1
            command_valid = False
        t += 1
