"""Energy tables looked up at many points at once; one point at a time is :func:`halo.liberty.tables.lookup`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.liberty.model import Table

F64 = npt.NDArray[np.float64]

_SLEW = frozenset({"input_transition_time", "input_net_transition"})
_LOAD = frozenset({"total_output_net_capacitance"})


def energies(table: Table, slew_s: F64, load_f: F64) -> F64:
    """Energy of a power table, multilinear between its points and extended as a straight line beyond them.

    Args:
        table: of any axes among input transition and output load.
        slew_s, load_f: float64[K], seconds and farads.

    Returns:
        float64[K], joules.

    Raises:
        HaloError: the table depends on something else, such as the load of a second output.
    """
    index: list[tuple[npt.NDArray[np.int64], F64]] = []
    for variable, axis in zip(table.variables, table.axes, strict=True):
        if variable in _SLEW:
            point = slew_s
        elif variable in _LOAD:
            point = load_f
        elif len(axis) == 1:
            point = np.full(len(slew_s), axis[0])
        else:
            raise HaloError(
                f"a power table depends on {variable}, which is not known here",
                "Use a library whose power tables depend on input transition and output load.",
            )
        if len(axis) == 1:
            index.append((np.zeros(len(point), dtype=np.int64), np.zeros(len(point))))
            continue
        low = np.clip(np.searchsorted(axis, point, side="right") - 1, 0, len(axis) - 2)
        index.append((low, (point - axis[low]) / (axis[low + 1] - axis[low])))
    total = np.zeros(len(slew_s))
    for corner in range(1 << len(index)):
        weight = np.ones(len(slew_s))
        place = []
        for axis_number, (low, fraction) in enumerate(index):
            upper = (corner >> axis_number) & 1
            weight = weight * (fraction if upper else 1.0 - fraction)
            place.append(np.minimum(low + upper, table.values.shape[axis_number] - 1))
        total += weight * (table.values[tuple(place)] if place else float(table.values))
    return total
