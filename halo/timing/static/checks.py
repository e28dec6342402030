# SPDX-License-Identifier: Apache-2.0
"""Setup and hold times of flip-flop data pins from constraint tables over data and clock slew.

Tests: tests/timing/static/test_timer.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.liberty.model import Cell, Table
from halo.timing.arcs import EDGE_NAMES, EDGES
from halo.timing.static.graph import at_loads

F64 = npt.NDArray[np.float64]

DATA_SLEW = "constrained_pin_transition"
CLOCK_SLEW = "related_pin_transition"
_TYPES = {kind: (f"{kind}_rising", f"{kind}_falling") for kind in ("setup", "hold")}


def setup_times(cell: Cell, pin: str, data_slew_s: F64, clock_slew_s: float) -> F64 | None:
    """Setup time of a flip-flop's pin by the edge of the data.

    Args:
        cell: the flip-flop.
        pin: one of its data pins (also enable or scan).
        data_slew_s: float64[m, 2], transition of the data by edge (fall, rise).
        clock_slew_s: transition of the clock.

    Returns:
        float64[m, 2], seconds, the worst of the pin's groups; an edge without a table takes the other's. None if the
        pin has no setup table.

    Raises:
        HaloError: a table depends on something other than these slews.
    """
    return _times(cell, pin, "setup", data_slew_s, clock_slew_s)


def hold_times(cell: Cell, pin: str, data_slew_s: F64, clock_slew_s: float) -> F64 | None:
    """Hold time of a flip-flop's pin, as ``setup_times``."""
    return _times(cell, pin, "hold", data_slew_s, clock_slew_s)


def has_checks(cell: Cell, pin: str) -> bool:
    """Whether a pin has setup or hold tables."""
    return any(group.timing_type in _TYPES["setup"] + _TYPES["hold"] for group in cell.pins[pin].timing)


def _times(cell: Cell, pin: str, kind: str, data_slew_s: F64, clock_slew_s: float) -> F64 | None:
    worst = np.full(data_slew_s.shape, -np.inf)
    for group in cell.pins[pin].timing:
        if group.timing_type not in _TYPES[kind]:
            continue
        for edge in EDGES:
            table = group.tables.get(f"{EDGE_NAMES[edge]}_constraint")
            if table is not None:
                values = _constraint(table, cell, data_slew_s[:, edge], clock_slew_s)
                worst[:, edge] = np.maximum(worst[:, edge], values)
    if np.isneginf(worst).all():
        return None
    return np.where(np.isneginf(worst), worst[:, ::-1], worst)


def _constraint(table: Table, cell: Cell, data_slew_s: F64, clock_slew_s: float) -> F64:
    """A constraint table at one clock slew and many data slews: float64[m]."""
    if set(table.variables) - {DATA_SLEW, CLOCK_SLEW}:
        raise HaloError(
            f"cell {cell.name} has a setup or hold table over {', '.join(table.variables)}, which is not supported",
            "Use a library whose setup and hold times depend on data and clock slew only.",
            cell.path or None,
            cell.line or None,
        )
    axes = dict(zip(table.variables, table.axes, strict=True))
    values = table.values.T if table.variables == (DATA_SLEW, CLOCK_SLEW) else table.values
    one = np.zeros(1)
    grid = values.reshape(len(axes.get(CLOCK_SLEW, one)), len(axes.get(DATA_SLEW, one)))
    at_clock = at_loads(np.array([clock_slew_s]), axes.get(CLOCK_SLEW, one), grid.T)
    return at_loads(data_slew_s, axes.get(DATA_SLEW, one), at_clock)[:, 0]
