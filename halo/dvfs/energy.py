# SPDX-License-Identifier: Apache-2.0
"""What a MAC costs at each operating point, from the table's rows of that voltage, and what is assumed for it.

Tests: tests/dvfs/test_table_points.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from halo.dvfs.voltage import BoundDvfs, rows_of

_SCALING = "energies go with the square of the voltage, leakage with the voltage, which is the least it can grow"


def energy_fj(bound: BoundDvfs, values: Sequence[int], counts: Sequence[float] | None = None) -> tuple[float, ...]:
    """Mean energy of a MAC with one of the weights, in fJ, at each operating point.

    With timing ``table``, from the rows of that voltage (or between corners); with ``assumed``, the table's own voltage
    stands for the first point and the energy goes with the square of the voltage (``assumptions`` says so).

    Args:
        bound: operating points and their table, which has energies.
        values: weights.
        counts: how often each weight is used; None: all alike.

    Raises:
        HaloError: a weight that the table lacks, no energies, several corners and none named, or a voltage that the
            table does not cover.
    """
    return _means(bound, "energy_fj", values, counts, 2)


def leakage_nw(bound: BoundDvfs, values: Sequence[int], counts: Sequence[float] | None = None) -> tuple[float, ...]:
    """Mean leakage of a MAC with one of the weights, in nW, at each operating point; as ``energy_fj``, but with V.

    Raises:
        HaloError: as ``energy_fj``.
    """
    return _means(bound, "leakage_nw", values, counts, 1)


def assumptions(bound: BoundDvfs) -> tuple[str, ...]:
    """What times and energies at the operating points rest on besides the table, one sentence each.

    Raises:
        HaloError: the table does not cover the voltage of a point.
    """
    dvfs, own = bound.dvfs, bound.supply
    found = [f"A change of the operating point is that of {dvfs.transition.name}: {dvfs.transition.source}."]
    how = set(bound.evidence)
    if "assumed" in how:
        found.append(f"The clocks of {dvfs.name} are assumed: the table does not vouch for them.")
        found.append(
            f"The table's {own.voltages_v[0]:g} V (corner {own.corners[0]}) stands for the {dvfs.points[0].voltage_v:g}"
            f" V of the first operating point; {_SCALING}."
        )
    if "interpolated" in how:
        found.append(
            "Between corners, clocks, energies and leakage of each weight go by a straight line in their logarithm; of "
            "what a set of weights needs beyond the table, the larger ratio of the two corners counts."
        )
    if "scaled" in how and dvfs.law is not None:
        found.append(
            f"Clocks at other voltages are scaled from corner {own.corners[0]} by the alpha-power "
            f"law with Vt = {dvfs.law.threshold_v:g} V and alpha = {dvfs.law.alpha:g} ({dvfs.law.source}); {_SCALING}."
        )
    return tuple(found)


def _means(
    bound: BoundDvfs,
    column: Literal["energy_fj", "leakage_nw"],
    values: Sequence[int],
    counts: Sequence[float] | None,
    power: int,
) -> tuple[float, ...]:
    dvfs, own, rows = bound.dvfs, bound.supply, rows_of(bound.table, values)
    if dvfs.timing == "assumed":
        mean = float(np.average(own.values(column, own.voltages_v[0])[rows], weights=counts))
        first = dvfs.points[0].voltage_v
        return tuple(mean * (point.voltage_v / first) ** power for point in dvfs.points)
    return tuple(float(np.average(own.values(column, p.voltage_v)[rows], weights=counts)) for p in dvfs.points)
