# SPDX-License-Identifier: Apache-2.0
"""Orders of rows: none that another beats, faster than the plan's own, and rows as the RTL has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from halo.flow.exploring.orders import CHOSEN, TreeRows, TreeShape, orders, tree_rows
from halo.flow.exploring.tree_kernel import DELAYS, ZERO_ROW, plan_tree, settling

BOOTH = TreeShape("booth_r4", 8, 1, 1, 1, 1, 0, 4)
"""A Booth product behind a register."""


def times(tree: TreeRows, share: int, seed: int) -> tuple[float, float]:
    class_arrival = np.where(tree.held, ZERO_ROW, tree.arrival)
    plan, left = plan_tree(tree.signal, tree.ones, tree.arrival, class_arrival, share, seed)
    return settling(plan, left, tree.ready, tree.held, np.array(DELAYS))


def test_rows_of_a_booth_product() -> None:
    """Four digits of nine bits, two columns apart; multiples of 16 have two zero digits."""
    tree = tree_rows(BOOTH)
    assert tree.signal.sum(axis=1).tolist() == [9, 9, 9, 9]
    assert [int(row.argmax()) for row in tree.signal] == [0, 2, 4, 6]
    assert tree.held.tolist() == [True, True, False, False] and not tree.ones.any()


def test_rows_with_their_constants_and_the_partial_sum() -> None:
    tree = tree_rows(replace(BOOTH, pipeline=0, correction=0))
    assert tree.signal.shape == (4 + 1 + 2, 24) and tree.signal[-2:].all()
    constant = sum(int(bit) << c for c, bit in enumerate(tree.ones))
    assert constant == (-(2**8 + 2**10 + 2**12 + 2**14)) % 2**24
    assert not tree.held[-2:].any() and tree.held[:2].all()


def test_rows_of_two_lanes() -> None:
    """Two digits of nine bits and two of thirteen, both from column 0; what they lack below zero in two more rows."""
    tree = tree_rows(replace(BOOTH, lanes=2, pipeline=0, correction=0, class_zeros=0))
    assert tree.signal.sum(axis=1).tolist() == [9, 9 + 1, 13, 13 + 1, 1, 1, 24, 24]
    assert tree.signal[4, 2] and tree.signal[5, 2] and tree.signal[1, 2:11].all() and tree.signal[3, 2:15].all()
    constant = sum(int(bit) << c for c, bit in enumerate(tree.ones))
    assert constant == (-(2**8 + 2**10 + 2**12 + 2**14)) % 2**24


def test_orders_are_different_and_the_first_is_the_fastest() -> None:
    found = orders(BOOTH)
    assert 4 <= len(found) <= CHOSEN and len(set(found)) == len(found)
    tree = tree_rows(BOOTH)
    each = [times(tree, *order) for order in found]
    assert each[0][0] == min(slowest for slowest, _ in each)
    # Two full adders and a selection are the least that four rows need; the class passes one exclusive-or less than
    # in the plan without a class.
    plain = times(tree, 0, 0)
    assert min(of_class for slowest, of_class in each if slowest <= plain[0] + 1) < plain[1] - 3


def test_without_a_class_all_weights_count_alike() -> None:
    assert {share for share, _ in orders(replace(BOOTH, class_zeros=0))} == {0}
