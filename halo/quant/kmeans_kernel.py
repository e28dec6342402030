# SPDX-License-Identifier: Apache-2.0
"""Weighted one-dimensional k-means, exact: clusters of sorted values are ranges, found by dynamic programming.

Tests: tests/quant/test_squeezellm.py.
"""

from __future__ import annotations

import numpy as np

from halo.jit import inline, kernel


@inline
def range_cost(mass, first, second, a, b):  # type: ignore[no-untyped-def]
    """Weighted squared deviation of values a to b - 1 from their mean, by prefix sums; empty or massless: 0."""
    m = mass[b] - mass[a]
    if m <= 0.0:
        return 0.0
    s = first[b] - first[a]
    return max(second[b] - second[a] - s * s / m, 0.0)


@kernel
def cluster_rows(values, mass, centroids):  # type: ignore[no-untyped-def]
    """Cluster every row by itself.

    best[k, i] = min over j of best[k - 1, j] + cost(j, i). The smallest minimizing j does not decrease with i, so each
    k takes O(n log n): the middle i is solved first and bounds the j of both halves.

    Args:
        values: float64[rows, n], every row ascending.
        mass: float64[rows, n], weights of the values, not negative; a row must not be all zero.
        centroids: float64[rows, clusters], filled, ascending. Where a row has too few different values with mass,
            the last ones repeat.
    """
    rows, n = values.shape
    clusters = centroids.shape[1]
    weight = np.zeros(n + 1)
    first = np.zeros(n + 1)
    second = np.zeros(n + 1)
    before = np.empty(n + 1)
    best = np.empty(n + 1)
    split = np.zeros((clusters, n + 1), np.int32)
    stack = np.empty((64, 4), np.int32)  # ranges of i and of j still to do; depth is log2(n) + 1
    for r in range(rows):
        shift = values[r, n // 2]  # near the mean, so that the prefix sums cancel less
        for i in range(n):
            x = values[r, i] - shift
            weight[i + 1] = weight[i] + mass[r, i]
            first[i + 1] = first[i] + mass[r, i] * x
            second[i + 1] = second[i] + mass[r, i] * x * x
        for i in range(n + 1):
            best[i] = range_cost(weight, first, second, 0, i)
        for k in range(1, clusters):
            for i in range(n + 1):
                before[i] = best[i]
            stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = 0, n, 0, n
            top = 1
            while top > 0:
                top -= 1
                low, high, from_j, to_j = stack[top]
                i = (low + high) // 2
                least = np.inf
                at = from_j
                for j in range(from_j, min(i, to_j) + 1):
                    cost = before[j] + range_cost(weight, first, second, j, i)
                    if cost < least:
                        least = cost
                        at = j
                best[i] = least
                split[k, i] = at
                if low < i:
                    stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = low, i - 1, from_j, at
                    top += 1
                if i < high:
                    stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = i + 1, high, at, to_j
                    top += 1
        stop = n
        mean = 0.0
        for k in range(clusters - 1, -1, -1):
            start = split[k, stop] if k > 0 else 0
            m = weight[stop] - weight[start]
            if m > 0.0:
                mean = (first[stop] - first[start]) / m + shift
            elif stop == n:
                mean = values[r, n - 1]
            centroids[r, k] = mean
            stop = start
