# SPDX-License-Identifier: Apache-2.0
"""Operating points that a per-weight table vouches for: one clock a set of weights, at one voltage or at rising ones.

A weight's period in the table is that of the MAC with the weight at rest. An element of an array needs a little more
when weights are swapped within a class, and much more with multipliers whose weight bits take part in every row:
``halo.flow.gate_level.class_period`` proves the figure for a design. ``margin`` is that factor
on the period; every clock made here keeps it, and what is safe counts it as required.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from halo.characterization.table import WeightTable
from halo.dvfs.points import Dvfs, OperatingPoint, Transition
from halo.dvfs.voltage import BoundDvfs, Supply, rows_of, supply
from halo.errors import HaloError

MARGIN = 1.025
"""Covers an element of the default array, which needs up to 2.5 % more than the period of the table."""


def table_dvfs(
    table: WeightTable,
    books: Sequence[Sequence[int]],
    corner: str | None,
    transition: Transition,
    margin: float,
) -> BoundDvfs:
    """Operating points at the voltage of one corner: one for each distinct safe clock of the sets of weights.

    Args:
        table: per-weight table.
        books: sets of weights; that of all weights is added and gives the first point.
        corner: of the table; None: its only one.
        transition: between the points.
        margin: factor on the table's period, 1 or more, such as ``MARGIN``.

    Raises:
        HaloError: no such corner, a weight that the table lacks, or no periods.
    """
    name = str(table.rows(corner)["corner"].iloc[0])
    along = supply(table, [name])
    voltage = along.voltages_v[0]
    clocks = along.clocks_ghz(voltage) / margin
    limits = sorted({float(clocks[rows_of(table, book)].min()) for book in [table.weights, *books]})
    if not np.isfinite(limits[0]):
        raise HaloError("every weight has period 0", "Characterize with register overhead, which gives a period.")
    finite = [limit for limit in limits if np.isfinite(limit)]
    source = f"table, corner {name}, margin {margin:g} on the period"
    points = [OperatingPoint(n, voltage, f, source) for n, f in zip(_names(len(finite)), finite, strict=True)]
    dvfs = Dvfs(f"table {name}", tuple(points), transition, "table", corners=(name,), margin=margin)
    return BoundDvfs(dvfs, table)


def raised_dvfs(
    table: WeightTable,
    books: Sequence[Sequence[int]],
    corners: Sequence[str],
    transition: Transition,
    margin: float,
) -> BoundDvfs:
    """Operating points whose voltage rises with the speed of their weights, as in the paper: slow, middle, fast.

    The sets of weights are put in order of their clocks at the lowest voltage (equal ones are one); the first runs
    there, the last at the highest voltage, the others at equal steps between, each at the clock of its set there.

    Args:
        table, books, transition, margin: as ``table_dvfs``.
        corners: of one process and temperature; their lowest voltage is that of the first point. Empty: all.

    Raises:
        HaloError: as ``table_dvfs``, or there is one voltage only.
    """
    along = supply(table, corners)
    lowest, highest = along.voltages_v[0], along.voltages_v[-1]
    if highest == lowest:
        fix = "Characterize a corner for each voltage: --corner NAME=FILE. Or write a file of points with a [law]."
        raise HaloError(f"the table has one voltage, {lowest:g} V, and none to rise to", fix)
    clocks = along.clocks_ghz(lowest)
    sets: dict[float, Sequence[int]] = {}
    for book in [table.weights, *books]:
        sets.setdefault(float(clocks[rows_of(table, book)].min()), book)
    order = [sets[clock] for clock in sorted(sets) if np.isfinite(clock)]
    if not order or len(order) == 1:
        fix = "Take the points of the table at one voltage: there is one clock."
        raise HaloError("no set of weights is faster than all weights", fix)
    points = []
    for i, (name, book) in enumerate(zip(_names(len(order)), order, strict=True)):
        voltage = round(lowest + (highest - lowest) * i / (len(order) - 1), 6)
        clock = float(along.clocks_ghz(voltage)[rows_of(table, book)].min()) / margin
        points.append(OperatingPoint(name, voltage, clock, _source(along, voltage, margin)))
    name = f"raised {', '.join(along.corners)}"
    dvfs = Dvfs(name, tuple(points), transition, "table", corners=along.corners, margin=margin)
    return BoundDvfs(dvfs, table)


def bind(dvfs: Dvfs, table: WeightTable, corners: Sequence[str] = ()) -> BoundDvfs:
    """A file's operating points with the corners of the table that they refer to.

    Args:
        dvfs: from a file.
        table: per-weight table.
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
    return BoundDvfs(replace(dvfs, corners=along.corners), table)


def _names(count: int) -> tuple[str, ...]:
    """Names of points from the slowest to the fastest."""
    if count == 1:
        return ("slow",)
    middle = ["middle"] if count == 3 else [f"middle{i}" for i in range(1, count - 1)]
    return ("slow", *middle, "fast")


def _source(along: Supply, voltage_v: float, margin: float) -> str:
    return f"{along.evidence(voltage_v)}, corners {', '.join(along.corners)}, margin {margin:g} on the period"
