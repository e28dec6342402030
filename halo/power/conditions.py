# SPDX-License-Identifier: Apache-2.0
"""Truth of Liberty ``when`` conditions in every state of a gate.

A condition may name pins that a gate's state does not hold: the clock or the stored value of a flip-flop, an input that
only another output of the cell depends on. Such names are *free*: both values are enumerated and weigh the same.

Tests: tests/power/test_energy_tables.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Cell, Function

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StateSpace:
    """Values of names over the states of a gate (S) and the assignments of free names (U).

    Attributes:
        values: bool[S, U] by name.
        shape: (S, U).
    """

    values: dict[str, Bools]
    shape: tuple[int, int]

    def holds(self, when: Function) -> Bools:
        """Truth of a condition: bool[S, U]."""
        index = np.zeros(self.shape, dtype=np.int64)
        for bit, name in enumerate(when.inputs):
            index |= self.values[name].astype(np.int64) << bit
        return when.table[index].astype(np.bool_)


def state_space(
    cell: Cell, pins: Iterable[str], conditions: Iterable[Function], held: Mapping[str, int] | None = None
) -> StateSpace:
    """States of a gate whose i-th pin is bit i, with every name that the conditions use.

    An output pin has the value of its function in the state; for a flip-flop, of its stored value, which is free.

    Args:
        cell: the gate's cell.
        pins: its pins in state order.
        conditions: every condition that will be asked.
        held: pins known to keep a value (an inactive reset).
    """
    order = list(pins)
    fixed = {name: value for name, value in (held or {}).items() if name not in order}
    free: list[str] = []
    derived: dict[str, Function] = {}
    complement: dict[str, str] = {}
    opposite = {ff.state_n: ff.state for ff in cell.flipflops}

    def is_output(name: str) -> bool:
        return name in cell.pins and cell.pins[name].direction == "output"

    def need(name: str) -> None:
        if any(name in known for known in (order, fixed, free, derived, complement)):
            return
        function = cell.pins[name].function if is_output(name) else None
        if function is not None and not any(is_output(source) for source in function.inputs):
            for source in function.inputs:
                need(source)
            derived[name] = function
        elif name in opposite:
            need(opposite[name])
            complement[name] = opposite[name]
        else:
            free.append(name)

    for condition in conditions:
        for name in condition.inputs:
            need(name)

    shape = (1 << len(order), 1 << len(free))
    states = np.arange(shape[0])[:, None]
    assignments = np.arange(shape[1])[None, :]
    values: dict[str, Bools] = {name: np.full(shape, bool(value)) for name, value in fixed.items()}
    for bit, name in enumerate(order):
        values[name] = np.broadcast_to((states >> bit) & 1 == 1, shape)
    for bit, name in enumerate(free):
        values[name] = np.broadcast_to((assignments >> bit) & 1 == 1, shape)
    for name, source in complement.items():
        values[name] = ~values[source]
    space = StateSpace(values, shape)
    for name, function in derived.items():
        values[name] = space.holds(function)
    return space
