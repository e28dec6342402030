# SPDX-License-Identifier: Apache-2.0
"""Operating points that a per-weight table vouches for: one clock a set of weights, at one voltage or at rising ones.

A weight's period in the table is that of the MAC with the weight at rest. What a set of weights needs in an array,
where they are swapped for one another, is for ``halo.dvfs.periods.Periods`` to say, set by set and corner by corner;
every clock made here keeps it, and what is safe counts it as required.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from halo.characterization.table import WeightTable
from halo.dvfs.limits import ROUNDING
from halo.dvfs.periods import ClassPeriod, Periods
from halo.dvfs.points import Dvfs, OperatingPoint, Transition
from halo.dvfs.voltage import BoundDvfs, Supply, rows_of, supply
from halo.errors import HaloError


def table_dvfs(
    table: WeightTable,
    books: Sequence[Sequence[int]],
    corner: str | None,
    transition: Transition,
    periods: Periods,
) -> BoundDvfs:
    """Operating points at the voltage of one corner: one for each distinct safe clock of the sets of weights.

    Args:
        table: per-weight table.
        books: sets of weights; that of all weights is added and gives the first point.
        corner: of the table; None: its only one.
        transition: between the points.
        periods: what the sets need in an array.

    Raises:
        HaloError: no such corner, a weight that the table lacks, or no periods.
    """
    name = str(table.rows(corner)["corner"].iloc[0])
    along = supply(table, [name])
    voltage = along.voltages_v[0]
    sets = class_periods(along, [table.weights, *books], periods)
    limits = _distinct([_clock_ghz(along, own, voltage) for own in sets])
    if not np.isfinite(limits[0]):
        raise HaloError("every weight has period 0", "Characterize with register overhead, which gives a period.")
    finite = [limit for limit in limits if np.isfinite(limit)]
    source = f"table, corner {name}; {periods.source}"
    points = [OperatingPoint(n, voltage, f, source) for n, f in zip(_names(len(finite)), finite, strict=True)]
    return BoundDvfs(Dvfs(f"table {name}", tuple(points), transition, "table", corners=(name,), periods=sets), table)


def raised_dvfs(
    table: WeightTable,
    books: Sequence[Sequence[int]],
    corners: Sequence[str],
    transition: Transition,
    periods: Periods,
) -> BoundDvfs:
    """Operating points whose voltage rises with the speed of their weights, as in the paper: slow, middle, fast.

    The sets of weights are put in order of their clocks at the lowest voltage (equal ones are one); the first runs
    there, the last at the highest voltage, the others at equal steps between, each at the clock of its set there.

    Args:
        table, books, transition, periods: as ``table_dvfs``.
        corners: of one process and temperature; their lowest voltage is that of the first point. Empty: all.

    Raises:
        HaloError: as ``table_dvfs``, or there is one voltage only.
    """
    along = supply(table, corners)
    lowest, highest = along.voltages_v[0], along.voltages_v[-1]
    if highest == lowest:
        fix = "Characterize a corner for each voltage: --corner NAME=FILE. Or write a file of points with a [law]."
        raise HaloError(f"the table has one voltage, {lowest:g} V, and none to rise to", fix)
    sets = class_periods(along, [table.weights, *books], periods)
    clocks = [_clock_ghz(along, own, lowest) for own in sets]
    order = [sets[clocks.index(clock)] for clock in _distinct(clocks) if np.isfinite(clock)]
    if not order or len(order) == 1:
        fix = "Take the points of the table at one voltage: there is one clock."
        raise HaloError("no set of weights is faster than all weights", fix)
    points = []
    for i, (name, own) in enumerate(zip(_names(len(order)), order, strict=True)):
        voltage = round(lowest + (highest - lowest) * i / (len(order) - 1), 6)
        source = f"{along.evidence(voltage)}, corners {', '.join(along.corners)}; {periods.source}"
        points.append(OperatingPoint(name, voltage, _clock_ghz(along, own, voltage), source))
    name = f"raised {', '.join(along.corners)}"
    return BoundDvfs(Dvfs(name, tuple(points), transition, "table", corners=along.corners, periods=sets), table)


def bind(
    dvfs: Dvfs,
    table: WeightTable,
    periods: Periods,
    books: Sequence[Sequence[int]] = (),
    corners: Sequence[str] = (),
) -> BoundDvfs:
    """A file's operating points with the corners of the table that they refer to, and what sets of weights need there.

    Args:
        dvfs: from a file.
        table: per-weight table.
        periods: what the sets need in an array; not asked with timing ``assumed``.
        books: sets of weights beside those that the file names.
        corners: with timing ``table`` those whose voltages the points have; with ``assumed`` the one whose energies
            stand for the first point. Empty: all of the table; with ``assumed`` its only one.

    Raises:
        HaloError: timing ``table`` and a voltage that is no corner's and that no law of the file leads to, or corners
            that cannot be told apart.
    """
    if dvfs.timing == "assumed":
        chosen = [*corners] or [*table.corners]
        if len(chosen) > 1:
            raise HaloError("the table has several corners", f"Name one of: {', '.join(chosen)}.")
        return BoundDvfs(replace(dvfs, corners=(str(table.rows(chosen[0])["corner"].iloc[0]),)), table)
    along = supply(table, corners, dvfs.law)
    for point in dvfs.points:
        if dvfs.law is not None:
            along.evidence(point.voltage_v)
        elif not along.has(point.voltage_v):
            what = f"operating point {point.name!r} is at {point.voltage_v:g} V, where the table has no corner"
            raise HaloError(what, f"Available: {along.known}; or characterize that corner too.")
    named = [[weight for weight in table.weights if weight in allowed] for allowed in dvfs.allowed]
    sets = class_periods(along, [table.weights, *filter(None, named), *books], periods)
    return BoundDvfs(replace(dvfs, corners=along.corners, periods=sets), table)


def class_periods(along: Supply, books: Sequence[Sequence[int]], periods: Periods) -> tuple[ClassPeriod, ...]:
    """What each set of weights needs at the corners of a table, each set once; never less than the table's period.

    Raises:
        HaloError: a weight that the table lacks, or a period that cannot be computed.
    """
    found = []
    for weights in dict.fromkeys(tuple(sorted(set(book))) for book in books):
        rows, ratios = rows_of(along.table, weights), []
        for corner, voltage in zip(along.corners, along.voltages_v, strict=True):
            table_ps = 1e3 / float(along.clocks_ghz(voltage)[rows].min())
            needed = periods.period_ps(weights, corner, table_ps)
            if table_ps == 0 and needed > 0:
                what = f"the table gives weights no time at all that need {needed:.4g} ps when they are swapped"
                raise HaloError(what, "Characterize with register overhead, which gives every weight a period.")
            ratios.append(1.0 if table_ps == 0 else max(1.0, needed / table_ps))
        found.append(ClassPeriod(weights, tuple(ratios), periods.source))
    return tuple(found)


def _clock_ghz(along: Supply, own: ClassPeriod, voltage_v: float) -> float:
    """Highest clock that is safe for a set at a voltage, as ``BoundDvfs.clock_ghz`` has it."""
    ratio = max(own.ratios[along.corners.index(corner)] for corner in along.beside(voltage_v))
    return float(along.clocks_ghz(voltage_v)[rows_of(along.table, own.weights)].min()) / ratio


def _distinct(clocks: Sequence[float]) -> list[float]:
    """Clocks ascending, of equal ones the lowest: sets with the same period have it by way of different ratios."""
    found: list[float] = []
    for clock in sorted(clocks):
        if not found or clock > found[-1] * ROUNDING:
            found.append(clock)
    return found


def _names(count: int) -> tuple[str, ...]:
    """Names of points from the slowest to the fastest."""
    if count == 1:
        return ("slow",)
    middle = ["middle"] if count == 3 else [f"middle{i}" for i in range(1, count - 1)]
    return ("slow", *middle, "fast")
