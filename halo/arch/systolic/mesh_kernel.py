# SPDX-License-Identifier: Apache-2.0
"""The mesh of a systolic array, slot by slot: sums, weights that activations meet, and elements at work in each clock.

Why ``halo.arch.systolic.cycle_level`` does not have to move every register in every clock is said there.

Tests: tests/arch/systolic/test_cycle_level.py.
"""

from __future__ import annotations

from halo.jit import kernel


@kernel
def move_slots(activation, weight, places, first, last, sums):  # type: ignore[no-untyped-def]
    """Move the slots of every load through the elements of some columns, row after row, into their sums.

    Four rows of results are under way side by side, so that a weight is fetched once for all of them.

    Args:
        activation: int8[M, K]; weight: int8[K, N].
        places: int64[loads, 5], row, rows, k, steps and column of each, inside of both.
        first, last: columns of the array, from first to last - 1.
        sums: int32 or int64[M, N], added to; wraps around.
    """
    n = weight.shape[1]
    for place in range(len(places)):
        row, rows, k, steps, column = places[place]
        left, right = min(column + first, n), min(column + last, n)
        if left == right:
            continue
        i = row
        while i + 4 <= row + rows:
            s0, s1 = sums[i, left:right], sums[i + 1, left:right]
            s2, s3 = sums[i + 2, left:right], sums[i + 3, left:right]
            for x in range(k, k + steps):
                w = weight[x, left:right]
                a0, a1, a2, a3 = activation[i, x], activation[i + 1, x], activation[i + 2, x], activation[i + 3, x]
                for c in range(right - left):
                    s0[c] += a0 * w[c]
                    s1[c] += a1 * w[c]
                    s2[c] += a2 * w[c]
                    s3[c] += a3 * w[c]
            i += 4
        while i < row + rows:
            s = sums[i, left:right]
            for x in range(k, k + steps):
                w = weight[x, left:right]
                a = activation[i, x]
                for c in range(right - left):
                    s[c] += a * w[c]
            i += 1


@kernel
def count_weights(weight, blocks, times, weight_activity):  # type: ignore[no-untyped-def]
    """How often activations meet each value of the weights.

    Args:
        weight: int8[K, N].
        blocks: int64[B, 5], k, steps, column, columns and class; past the edges of the weights are zeros.
        times: int64[B], activations that each weight of a block meets.
        weight_activity: int64[classes, values], added to; weight 0 stands in the middle of the values.
    """
    zero = weight_activity.shape[1] // 2
    for block in range(len(blocks)):
        k, steps, column, columns, kind = blocks[block]
        below, right = min(k + steps, weight.shape[0]), min(column + columns, weight.shape[1])
        for x in range(k, below):
            for c in range(column, right):
                weight_activity[kind, zero + weight[x, c]] += times[block]
        weight_activity[kind, zero] += (steps * columns - (below - k) * (right - column)) * times[block]


@kernel
def count_busy(slots, starts, heights, widths, busy):  # type: ignore[no-untyped-def]
    """Elements at work in each clock: those r + c clocks behind a slot, of the upper left corner that it fills.

    The number with r + c = d is a trapezoid in d, the double sum of four impulses.

    Args:
        slots: int64[all slots], clock in which the corner element has each.
        starts: int64[loads + 1], first slot of each load.
        heights, widths: int64[loads], rows and columns of the corner.
        busy: int64[clocks], zeros, filled.
    """
    clocks = len(busy)
    for load in range(len(heights)):
        h, w = heights[load], widths[load]
        for slot in range(starts[load], starts[load + 1]):
            t = slots[slot]
            busy[t] += 1
            if t + h < clocks:
                busy[t + h] -= 1
            if t + w < clocks:
                busy[t + w] -= 1
            if t + h + w < clocks:
                busy[t + h + w] += 1
    rise = level = 0
    for t in range(clocks):
        rise += busy[t]
        level += rise
        busy[t] = level
