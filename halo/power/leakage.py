# SPDX-License-Identifier: Apache-2.0
"""Leakage by state.

Groups whose ``when`` holds add up; where none does, groups without a condition, else ``cell_leakage_power``. A name
outside the state (clock, stored bit) is true in half of the cases.

Tests: tests/power/test_energy_tables.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Cell, Function, Library
from halo.netlist.model import Circuit
from halo.power.conditions import StateSpace, state_space
from halo.power.powered_cells import PoweredCells

F64 = npt.NDArray[np.float64]


def leakage_tables(
    circuit: Circuit, library: Library, types: tuple[PoweredCells, ...]
) -> tuple[F64 | None, float, tuple[str, ...]]:
    """Leakage of every gate state, and of the instances that are no gate.

    Returns:
        float64[table entries] in watts, zero at all but one gate of an instance, NaN for a cell without any figure
        (None when the library has no leakage at all); the sum over instances without a gate; notes.
    """
    if not library.has_leakage:
        return None, 0.0, (f"{library.name} has no leakage figures: leakage is left empty.",)
    notes: list[str] = []
    leakage = np.zeros(int(circuit.table_start[-1]))
    for kind in types:
        if not kind.first:
            continue
        space = state_space(kind.cell, kind.pins, _conditions(kind.cell), kind.held)
        by_state = state_leakage(kind.cell, space)
        if np.isnan(by_state).any():
            notes.append(f"{kind.cell.name} has no leakage figure ({len(kind.gates)} in the netlist).")
        entries = circuit.table_start[kind.gates][None, :] + np.arange(len(kind.table))[:, None]
        leakage[entries] = by_state[:, None]
    idle = 0.0
    with_gate = set(circuit.instance.tolist())
    for index, instance in enumerate(circuit.netlist.instances):
        if index not in with_gate:
            cell = library.cells[instance.cell]
            mean = float(state_leakage(cell, state_space(cell, (), _conditions(cell))).mean())
            if np.isnan(mean):
                notes.append(f"{cell.name} has no leakage figure: taken as none ({instance.name}).")
            else:
                idle += mean
    return leakage, idle, tuple(notes)


def state_leakage(cell: Cell, space: StateSpace) -> F64:
    """Leakage of a cell in watts, float64[S], the mean over free names; NaN where nothing tells."""
    total = np.zeros(space.shape)
    told = np.zeros(space.shape, dtype=np.bool_)
    for group in cell.leakage:
        if group.when is not None:
            holds = space.holds(group.when)
            total += holds * group.power_w
            told |= holds
    default = np.nan if cell.cell_leakage_w is None else cell.cell_leakage_w
    if any(group.when is None for group in cell.leakage):
        default = sum(group.power_w for group in cell.leakage if group.when is None)
    mean: F64 = np.where(told, total, default).mean(axis=1)
    return mean


def _conditions(cell: Cell) -> list[Function]:
    return [group.when for group in cell.leakage if group.when is not None]
