# SPDX-License-Identifier: Apache-2.0
"""Which ``internal_power`` groups an event takes.

Apart for each supply pin (``related_pg_pin``), and added over them:

* a group whose ``when`` holds in the state after the event wins over one without; of several that hold, the mean;
* only groups with a table for the edge in question count; a pin whose groups all lack it adds nothing;
* an output toggle takes the groups of its output pin with the causing pin as ``related_pin``, else groups without any.
  Where no condition holds and there is no unconditional group (a state the library left out, or one in which two pins
  moved at once), the mean of the pin's groups;
* an input toggle takes the groups of the input pin, whether or not an output moves; where none holds, nothing.

Every library the suite is tested with has conditions that exclude each other and at most one unconditional group.

Tests: tests/power/test_energy_tables.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from halo.liberty.model import PowerGroup, Table
from halo.power.conditions import StateSpace

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def related_groups(groups: Sequence[PowerGroup], cause: str) -> tuple[PowerGroup, ...]:
    """Groups of an output pin that tell of a toggle caused by an input pin."""
    return tuple(g for g in groups if cause in g.related_pins) or tuple(g for g in groups if not g.related_pins)


def with_table(groups: Sequence[PowerGroup], edge: int) -> list[tuple[PowerGroup, Table]]:
    """Groups that have a table for an edge (0 fall, 1 rise), with it."""
    pairs = ((group, group.rise if edge else group.fall) for group in groups)
    return [(group, table) for group, table in pairs if table is not None]


def weights(space: StateSpace, groups: Sequence[PowerGroup], *, fill: bool) -> tuple[F64, Bools]:
    """Weight of each group in each state.

    Args:
        space: the states of the gate.
        groups: all of one pin and edge, and for an output toggle of one cause.
        fill: where nothing applies take the mean of the groups (output toggles), else nothing (input toggles).

    Returns:
        float64[groups, S], and bool[S]: states in which nothing applied for some supply pin.
    """
    share = np.zeros((len(groups), *space.shape))
    uncovered = np.zeros(space.shape[0], dtype=np.bool_)
    for supply in dict.fromkeys(group.pg_pin for group in groups):
        holding = np.zeros(space.shape)
        conditional = []
        default = []
        for i, group in enumerate(groups):
            if group.pg_pin != supply:
                continue
            if group.when is None:
                default.append(i)
            else:
                conditional.append(i)
                share[i] = space.holds(group.when)
                holding += share[i]
        bare = holding == 0
        if conditional:
            share[conditional] /= np.maximum(holding, 1.0)
        if default:
            share[default] = bare / len(default)
        else:
            uncovered |= bare.any(axis=1)
            if fill:
                share[conditional] += bare / len(conditional)
    return share.mean(axis=2), uncovered
