# SPDX-License-Identifier: Apache-2.0
"""Look-up against hand-worked cases and against a textbook formula on random tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.liberty import Table, lookup

SLEW, LOAD = "input_net_transition", "total_output_net_capacitance"


def table(axes: dict[str, list[float]], values: object) -> Table:
    return Table(
        tuple(axes), tuple(np.array(axis, dtype=float) for axis in axes.values()), np.array(values, dtype=float)
    )


GRID = table({SLEW: [1, 2, 4], LOAD: [10, 20]}, [[1, 3], [5, 11], [9, 10]])


@pytest.mark.parametrize(
    ("slew", "load", "expected"),
    [
        (1, 10, 1.0),
        (2, 20, 11.0),
        (4, 20, 10.0),
        (1.5, 10, 3.0),  # midway between 1 and 5
        (1, 15, 2.0),
        (1.5, 15, 5.0),  # mean of 1, 3, 5, 11
        (3, 12, 7.7),  # at load 10: 7; at load 20: 10.5; a fifth of the way
        (0, 10, -3.0),  # the line through (1, 1) and (2, 5)
        (6, 10, 13.0),  # the line through (2, 5) and (4, 9)
        (1, 0, -1.0),
        (1, 30, 5.0),
        (0, 0, -1.0),  # load 10: -3, load 20: -5
        (6, 30, 5.0),  # load 10: 13, load 20: 9
    ],
)
def test_hand_worked(slew: float, load: float, expected: float) -> None:
    assert lookup(GRID, {SLEW: slew, LOAD: load}) == pytest.approx(expected)


def test_axis_order_and_names_do_not_matter() -> None:
    swapped = table({LOAD: [10, 20], "input_transition_time": [1, 2, 4]}, np.transpose(GRID.values))
    for slew, load in [(1.2, 11.0), (7.0, 3.0), (2.0, 20.0)]:
        point = {SLEW: slew, LOAD: load, "something_else": 5.0}
        assert lookup(swapped, point) == pytest.approx(lookup(GRID, point))


def test_scalars_and_single_points() -> None:
    assert lookup(table({}, 4.5), {}) == 4.5
    assert lookup(table({SLEW: [1], LOAD: [10, 20]}, [[2, 4]]), {SLEW: 99, LOAD: 15}) == pytest.approx(3.0)
    assert lookup(table({SLEW: [1]}, [7]), {}) == 7.0


def test_three_axes() -> None:
    other = "related_out_total_output_net_capacitance"
    cube = table({SLEW: [0, 1], LOAD: [0, 1], other: [0, 2]}, [[[0, 1], [2, 3]], [[4, 5], [6, 7]]])
    assert lookup(cube, {SLEW: 0.5, LOAD: 0.5, other: 1.0}) == pytest.approx(3.5)
    assert lookup(cube, {SLEW: 2.0, LOAD: -1.0, other: 4.0}) == pytest.approx(8 - 2 + 2)
    with pytest.raises(HaloError, match="related_out_total_output_net_capacitance"):
        lookup(cube, {SLEW: 0.5, LOAD: 0.5})


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=6, unique=True).map(sorted),
    st.lists(st.integers(0, 50), min_size=2, max_size=6, unique=True).map(sorted),
    st.tuples(*[st.integers(-9, 9)] * 4),
    st.floats(-30, 80),
    st.floats(-30, 80),
)
def test_reproduces_bilinear_functions_everywhere(
    rows: list[int], columns: list[int], factors: tuple[int, int, int, int], x: float, y: float
) -> None:
    a, b, c, d = factors

    def plane(x: float, y: float) -> float:
        return a + b * x + c * y + d * x * y

    values = [[plane(row, column) for column in columns] for row in rows]
    found = lookup(table({SLEW: [*map(float, rows)], LOAD: [*map(float, columns)]}, values), {SLEW: x, LOAD: y})
    assert found == pytest.approx(plane(x, y), rel=1e-9, abs=1e-6)
