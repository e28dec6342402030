# SPDX-License-Identifier: Apache-2.0
"""In which order a compressor tree adds its rows: orders worth building, found before any of them is built.

``rtl/mac/compressor_tree.v`` plans its tree by itself, from CLASS_SHARE and SEED. ``plan_tree`` does the same, and
``settling`` tells when its last bit settles, so that thousands of orders are tried in a second. Static timing of the
gates decides among those that are left.

Tests: tests/flow/exploring/test_orders.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from halo.flow.exploring.tree_kernel import DELAYS, F64, I64, ZERO_ROW, Bools, plan_tree, settling

SHARES = (0, 20, 40, 60, 80)
SEEDS = 500
CHOSEN = 8
"""Orders that are kept."""
ACTIVATION_BITS, SUM_BITS = 8, 24


@dataclass(frozen=True)
class TreeShape:
    """What decides about the rows of a tree.

    Attributes:
        recoding: "booth_r4" or "baugh_wooley".
        weight_width, pipeline, carry_save, correction, array: parameters of ``mac_element``.
        lanes: 2: of ``pair_element``.
        class_zeros: trailing zeros of the weights of the class; 0: there is none.
    """

    recoding: str
    weight_width: int
    lanes: int
    pipeline: int
    carry_save: int
    correction: int
    array: int
    class_zeros: int


@dataclass(frozen=True, eq=False)
class TreeRows:
    """What ``rtl/mac/carry_save_mac.v`` hands to the tree that an order is searched for.

    signal: bool[R, W]; ones: bool[W]; arrival: int64[R] as planned with; ready: float64[R] as they really arrive;
    held: bool[R], rows that are zero for the class.
    """

    signal: Bools
    ones: Bools
    arrival: I64
    ready: F64
    held: Bools


def tree_rows(shape: TreeShape) -> TreeRows:
    """Rows of the tree that adds the partial products, and the partial sum where it has none of its own."""
    booth = shape.recoding == "booth_r4"
    step, digits = (2, (shape.weight_width + 1) // 2) if booth else (1, shape.weight_width)
    rows = digits + shape.lanes * int(booth and not shape.correction)
    signal = np.zeros((rows, SUM_BITS), np.bool_)
    each = digits // shape.lanes
    first = [step * (k % each) for k in range(digits)]
    bits = [ACTIVATION_BITS + (k // each) * (shape.weight_width // 2) for k in range(digits)]
    for k in range(digits):
        signal[k, first[k] : first[k] + bits[k] + int(booth)] = True
        if rows > digits:
            signal[digits + k // each if (k + 1) % each == 0 else k + 1, first[k]] = True
    ready = np.full(rows, 0.0 if shape.pipeline & 2 else 10.0 if booth else 3.0)
    arrival = ready.astype(np.int64) + shape.array * np.arange(rows)
    held = step * (np.arange(rows) + 1) <= shape.class_zeros
    constant = 0
    if not shape.pipeline & 1 and not shape.array:  # the partial sum is added in the same tree
        words = 1 + shape.carry_save
        signal = np.vstack([signal, np.ones((words, SUM_BITS), np.bool_)])
        ready, arrival = np.append(ready, np.zeros(words)), np.append(arrival, np.zeros(words, np.int64))
        held = np.append(held, np.zeros(words, np.bool_))
        if not shape.correction:
            m, n = shape.weight_width, ACTIVATION_BITS
            constant = 2 ** (m - 1) + 2 ** (n - 1)
            if booth:
                constant = -sum(1 << (start + own) for start, own in zip(first, bits, strict=True))
            constant -= 0 if booth else 2 ** (m + n - 1)
    ones = np.array([constant >> c & 1 for c in range(SUM_BITS)], np.bool_)
    return TreeRows(signal, ones, arrival, ready, held)


@cache
def orders(shape: TreeShape, delays: tuple[float, ...] = DELAYS) -> tuple[tuple[int, int], ...]:
    """CLASS_SHARE and SEED of at most ``CHOSEN`` orders, the fastest for any weight first.

    Half of them spread over those that no other beats for any weight and for the class. The others come next to them;
    their trees are different ones, and gates differ more than the delays known here.

    Args:
        shape: of the tree.
        delays: of adders, in the order of ``DELAYS``.
    """
    tree = tree_rows(shape)
    class_arrival = np.where(tree.held, ZERO_ROW, tree.arrival)
    found: dict[tuple[float, float, int], tuple[int, int]] = {}
    for share in SHARES if tree.held.any() else SHARES[:1]:
        for seed in range(SEEDS):
            plan, left = plan_tree(tree.signal, tree.ones, tree.arrival, class_arrival, share, seed)
            slowest, of_class = settling(plan, left, tree.ready, tree.held, np.array(delays))
            half_adders = int(((plan[:, :, 0] < ZERO_ROW) & (plan[:, :, 2] == ZERO_ROW)).sum())
            found.setdefault((round(slowest, 3), round(of_class, 3), half_adders), (share, seed))
    points = sorted(found)
    front = [p for p in points if not any(o[0] <= p[0] and o[1] <= p[1] and o[:2] != p[:2] for o in points)]
    spread = [front[i] for i in np.unique(np.linspace(0, len(front) - 1, CHOSEN // 2).astype(int))]
    others = [point for point in points if point not in spread]
    return tuple(found[point] for point in [*spread, *others][:CHOSEN])
