# SPDX-License-Identifier: Apache-2.0
"""A ``statetable`` group read as a latch, where it is one.

Source: Liberty Reference Manual 2017.06, ``statetable`` group. Each row holds the levels of the inputs, the present and
the next values of the nodes; the first row that fits counts. Clock gates are described like this.

Tests: tests/liberty/test_liberty_cells.py.
"""

from __future__ import annotations

import re
from itertools import product

import numpy as np

from halo.liberty.model import Function, Latch

_MOST_INPUTS = 8


def latch_of_table(inputs: str, nodes: str, table: str) -> Latch | None:
    """The latch that a table describes.

    Args:
        inputs, nodes: names, separated by blanks, as the group lists them.
        table: its rows, as ``L H - : - : H`` with a comma between them.

    Returns:
        None where the table is no level-sensitive latch: where it names an edge, or the present value of a node, or no
        input alone decides whether the nodes keep their values.
    """
    names, states = inputs.split(), nodes.split()
    rows = [[part.split() for part in row.split(":")] for row in re.sub(r"[\\\s]+", " ", table).split(",")]
    if not 1 <= len(names) <= _MOST_INPUTS or not 1 <= len(states) <= 2:
        return None
    for row in rows:
        if [len(part) for part in row] != [len(names), len(states), len(states)]:
            return None
        if not set(row[0]) <= set("LH-") or set(row[1]) != {"-"} or not set(row[2]) <= set("LHN"):
            return None
    following = {levels: _next(rows, levels) for levels in product("LH", repeat=len(names))}
    keeps = ["N"] * len(states)
    for enable, opened in product(range(len(names)), "LH"):
        opens = {levels: after for levels, after in following.items() if levels[enable] == opened}
        rest = [after for levels, after in following.items() if levels[enable] != opened]
        if any(after is None or "N" in after for after in opens.values()) or any(after != keeps for after in rest):
            continue
        if len(states) == 2 and any(after is None or after[0] == after[1] for after in opens.values()):
            return None
        data = [name for name in names if name != names[enable]]
        values = np.zeros(1 << len(data), np.uint8)
        for levels, after in opens.items():
            level = dict(zip(names, levels, strict=True))
            state = sum((level[name] == "H") << bit for bit, name in enumerate(data))
            values[state] = after is not None and after[0] == "H"
        return Latch(states[0], states[1] if len(states) == 2 else "", Function(table, tuple(data), values))
    return None


def _next(rows: list[list[list[str]]], levels: tuple[str, ...]) -> list[str] | None:
    """Next values of the nodes at some levels of the inputs, from the first row that fits."""
    for wanted, _, after in rows:
        if all(want in ("-", level) for want, level in zip(wanted, levels, strict=True)):
            return after
    return None
