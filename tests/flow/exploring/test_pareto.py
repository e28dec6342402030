# SPDX-License-Identifier: Apache-2.0
"""The front of a case worked by hand, and against the definition on random numbers."""

from __future__ import annotations

import numpy as np

from halo.flow.exploring.pareto import front


def test_a_case_by_hand() -> None:
    costs = [
        (1, 5),  # the least first cost
        (2, 3),
        (2, 4),  # beaten by the one before in the second
        (3, 3),  # beaten in the first
        (5, 1),  # the least second cost
        (5, 1),  # the same again: neither beats the other
        (float("nan"), 0),  # not known
    ]
    assert front(costs).tolist() == [True, True, False, False, True, True, False]


def test_one_row_and_none() -> None:
    assert front([(3.0, 4.0)]).tolist() == [True]
    assert front(np.zeros((0, 4))).tolist() == []


def test_the_definition_on_random_rows() -> None:
    costs = np.random.default_rng(7).integers(0, 6, (60, 3))

    def beaten(row: int) -> bool:
        return any(
            all(a <= b for a, b in zip(other, costs[row], strict=True)) and tuple(other) != tuple(costs[row])
            for other in costs
        )

    found = front(costs)
    assert found.tolist() == [not beaten(row) for row in range(len(costs))]
    assert 0 < found.sum() < len(costs)
