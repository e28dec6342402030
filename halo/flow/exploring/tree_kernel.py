# SPDX-License-Identifier: Apache-2.0
"""Compiled kernels: the plan of ``rtl/mac/compressor_tree.v``, and when the sum that it leaves settles.

Tests: tests/flow/exploring/test_tree_kernel.py (the plan against the one that Icarus Verilog works out of the RTL).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from halo.jit import kernel

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NONE = 255
"""No entry."""
ZERO_ROW = 255
"""Arrival in the class of a row that is zero there."""
_ZERO = 4095
_WORD = 0xFFFFFFFF

DELAYS = (8.0, 4.0, 7.0, 3.0, 4.0, 3.0)
"""In quarters of an exclusive-or, as the plan counts: a full adder's sum from its first two inputs and from its last,
its carry from these, a half adder's sum and carry."""


@kernel
def plan_tree(signal: Bools, ones: Bools, arrival: I64, class_arrival: I64, share: int, seed: int) -> tuple[I64, I64]:
    """The plan that ``compressor_tree`` makes.

    Entries of a column have numbers: rows 0 to R - 1; R is the constant; R + 1 + k the sum of the column's adder k;
    2 R + 1 + k the carry of adder k of the column below.

    Args:
        signal: bool[R, W], where a row carries a signal.
        ones: bool[W], bits of the constant.
        arrival: int64[R], parameter ARRIVAL.
        class_arrival: int64[R], CLASS_ARRIVAL; ``ZERO_ROW``: the row is zero.
        share: CLASS_SHARE.
        seed: SEED.

    Returns:
        int64[W, R, 3], inputs of each adder, the last one first, ``NONE`` in place of an input or an adder that is
        not there; int64[W, 2], entries that are left.
    """
    rows, width = signal.shape
    one = rows
    entries = 3 * rows + 1
    plan = np.full((width, rows, 3), NONE, np.int64)
    left = np.full((width, 2), NONE, np.int64)
    # An entry: number, arrival, arrival in the class; in the queue its key, too.
    waiting = np.zeros((entries, 3), np.int64)
    carries = np.zeros((rows, 3), np.int64)
    queue = np.zeros((entries, 4), np.int64)
    carry_count = 0
    for c in range(width):
        waiting[:carry_count] = carries[:carry_count]
        waiting_count = carry_count
        carry_count = 0
        for r in range(rows):
            if signal[r, c]:
                waiting[waiting_count, 0] = r
                waiting[waiting_count, 1] = arrival[r]
                waiting[waiting_count, 2] = _ZERO if class_arrival[r] == ZERO_ROW else class_arrival[r]
                waiting_count += 1
        head = tail = adder = 0
        half_place = -1
        if ones[c]:
            queue[0] = 0
            queue[0, 1] = one
            tail = 1
        while waiting_count > 0 or tail - head > 2:
            if waiting_count > 0:
                waiting_count -= 1
                number, arrives, in_class = waiting[waiting_count]
                key = arrives + 1
                if share != 0:
                    key = (100 - share) * key
                    if in_class != _ZERO:
                        key += share * in_class
                if seed != 0:
                    mixed = ((seed * 7919 + c * 104729 + number * 1299709) & _WORD) * 40503 & _WORD
                    key = (16 * key + (mixed >> 9) % 64) & _WORD
                # Among equal keys the one with the lower word {class arrival, arrival, number} is first.
                word = (in_class << 20) | (arrives << 8) | number
                place = tail
                tail += 1
                while place > head:
                    before = queue[place - 1]
                    its_word = (before[3] << 20) | (before[2] << 8) | before[1]
                    if before[0] < key or (before[0] == key and its_word <= word):
                        break
                    queue[place] = before
                    place -= 1
                queue[place, 0] = key
                queue[place, 1] = number
                queue[place, 2] = arrives
                queue[place, 3] = in_class
                continue

            if adder == 0:
                half_place = -1
                if (tail - head) % 2 == 1:
                    half_place = (tail - head - 3) // 2
                    if seed != 0:
                        mixed = ((seed * 40503 + c * 7919) & _WORD) * 2654435761 & _WORD
                        half_place = (mixed >> 16) % (half_place + 1)
            z = NONE
            z_arrival = z_class = 0
            if adder != half_place:
                z = queue[head, 1]
                z_arrival = queue[head, 2]
                z_class = queue[head, 3]
                head += 1
            y, x = queue[head, 1], queue[head + 1, 1]
            others, last = queue[head, 2], queue[head + 1, 2]
            class_others, class_last = queue[head, 3], queue[head + 1, 3]
            head += 2
            plan[c, adder, 0] = x
            plan[c, adder, 1] = y
            plan[c, adder, 2] = z
            zeros = int(class_last == _ZERO) + int(class_others == _ZERO)
            if z in (NONE, one):
                zeros += 1
            else:
                others = max(others, z_arrival)
                if z_class == _ZERO:
                    zeros += 1
                elif class_others == _ZERO or z_class > class_others:
                    class_others = z_class
            if class_others == _ZERO:
                class_others = class_last
            if class_last == _ZERO:
                class_last = class_others
            if z in (NONE, one):
                both = max(last, others)
                sum_arrival, carry_arrival = both + 4, both + 3
            else:
                sum_arrival, carry_arrival = max(others + 8, last + 4), max(others + 7, last + 3)
            if zeros == 0:
                sum_class = max(class_others + 8, class_last + 4)
                carry_class = max(class_others + 7, class_last + 3)
            else:
                both = max(class_others, class_last)
                sum_class = _ZERO if zeros == 3 else both + 4
                carry_class = both + 3 if zeros == 1 or (zeros == 2 and z == one) else _ZERO
            waiting[0, 0] = rows + 1 + adder
            waiting[0, 1] = sum_arrival
            waiting[0, 2] = sum_class
            carries[carry_count, 0] = 2 * rows + 1 + adder
            carries[carry_count, 1] = carry_arrival
            carries[carry_count, 2] = carry_class
            waiting_count = 1
            carry_count += 1
            adder += 1
        for place in range(head, tail):
            left[c, place - head] = queue[place, 1]
    return plan, left


@kernel
def settling(plan: I64, left: I64, ready: F64, held: Bools, delays: F64) -> tuple[float, float]:
    """When the last bit of the sum settles, in quarters of an exclusive-or: for any weight, and for the class.

    Args:
        plan, left: as of ``plan_tree``.
        ready: float64[R], when a row really arrives.
        held: bool[R], rows that are zero in the class.
        delays: float64[6], in the order of ``DELAYS``.
    """
    sum_first, sum_last, carry_first, carry_last, half_sum, half_carry = delays
    width, rows, _ = plan.shape
    entries = 3 * rows + 1
    # -1: a constant, and what is absent. The constant 1 never reaches a sum's last adder alone.
    any_weight = np.full(entries + 1, -1.0)
    of_class = np.full(entries + 1, -1.0)
    carries = np.full((2, rows), -1.0)
    worst = np.zeros(2)
    for c in range(width):
        for case in range(2):
            times = any_weight if case == 0 else of_class
            times[:] = -1.0
            for r in range(rows):
                times[r] = -1.0 if case == 1 and held[r] else ready[r]
            times[2 * rows + 1 : 3 * rows + 1] = carries[case]
            carries[case] = -1.0
            for adder in range(rows):
                x, y, z = plan[c, adder]
                if x == NONE:
                    break
                first = times[y]
                last = times[x]
                third = times[z] if z != NONE else -1.0
                moving = int(first >= 0) + int(last >= 0) + int(third >= 0)
                if moving == 0:
                    continue
                if z in (NONE, rows):
                    both = max(first, last)
                    times[rows + 1 + adder] = both + half_sum
                    if moving == 2 or y == rows or z == rows:
                        carries[case, adder] = both + half_carry
                    continue
                pair = max(first, third)
                total = last + sum_last if last >= 0 else -1.0
                carry = last + carry_last if last >= 0 else -1.0
                if pair >= 0:
                    total = max(total, pair + sum_first)
                    carry = max(carry, pair + carry_first)
                times[rows + 1 + adder] = total
                if moving > 1:
                    carries[case, adder] = carry
            for place in left[c]:
                if place != NONE:
                    worst[case] = max(worst[case], times[place])
    return worst[0], worst[1]
