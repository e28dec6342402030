# SPDX-License-Identifier: Apache-2.0
"""Columns of a per-weight table at any voltage: between corners of one process and temperature, or by a law from one.

Between two corners each weight's clock goes by a straight line in its logarithm, so weights that slow down differently
keep doing so. Delay falls with voltage along a convex curve, in its logarithm too, and a chord lies above such a curve:
a clock between corners errs to the safe side, the more the further they are apart. From a single corner the alpha-power
law scales all weights alike, which is not quite so, and it is as good as its two numbers: what comes of it is marked
``scaled``. Energies go with the square of the voltage there, a fair estimate, and leakage with the voltage, which is a
floor: it grows many times faster.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from halo.characterization.table import WeightTable
from halo.dvfs.points import AlphaPower, Dvfs
from halo.errors import HaloError

F64 = npt.NDArray[np.float64]
Evidence = Literal["table", "interpolated", "scaled"]
_SAME = 1e-9  # volts, relative clocks: what two ways to write a number may differ


@dataclass(frozen=True, eq=False)
class Supply:
    """A per-weight table along its supply voltage.

    Attributes:
        table: the table.
        corners: names, by rising voltage; all of one temperature.
        voltages_v: of the corners.
        law: what leads to other voltages where there is one corner.
    """

    table: WeightTable
    corners: tuple[str, ...]
    voltages_v: tuple[float, ...]
    law: AlphaPower | None

    @property
    def known(self) -> str:
        """Voltages with their corners, for messages."""
        return ", ".join(f"{v:g} V ({c})" for c, v in zip(self.corners, self.voltages_v, strict=True))

    def has(self, voltage_v: float) -> bool:
        """Whether it is the voltage of a corner."""
        return any(abs(voltage_v - v) < _SAME for v in self.voltages_v)

    def evidence(self, voltage_v: float) -> Evidence:
        """How what holds at a voltage is known.

        Raises:
            HaloError: it is not known.
        """
        if self.has(voltage_v):
            return "table"
        if len(self.corners) > 1 and self.voltages_v[0] < voltage_v < self.voltages_v[-1]:
            return "interpolated"
        law = self.law if len(self.corners) == 1 else None
        if law is not None and voltage_v > law.threshold_v and self.voltages_v[0] > law.threshold_v:
            return "scaled"
        fix = f"Available: {self.known}; or characterize that corner too."
        raise HaloError(f"the table has no weights at {voltage_v:g} V", fix)

    def clocks_ghz(self, voltage_v: float) -> F64:
        """Highest safe clock of every weight of the table, float64[W]; infinite where nothing takes time.

        Raises:
            HaloError: nothing is known at that voltage, or periods were not computed.
        """
        if self.evidence(voltage_v) == "scaled":
            assert self.law is not None
            return _clocks(self.table, self.corners[0]) * _speed(self.law, self.voltages_v[0], voltage_v)
        low, high, part = self._between(voltage_v)
        return _mixed(_clocks(self.table, low), _clocks(self.table, high), part)

    def values(self, column: Literal["energy_fj", "leakage_nw"], voltage_v: float) -> F64:
        """Energy or leakage of every weight of the table, float64[W].

        Raises:
            HaloError: nothing is known at that voltage, or the column was not computed.
        """
        if self.evidence(voltage_v) == "scaled":
            power = 2 if column == "energy_fj" else 1
            return _column(self.table, self.corners[0], column) * (voltage_v / self.voltages_v[0]) ** power
        low, high, part = self._between(voltage_v)
        return _mixed(_column(self.table, low, column), _column(self.table, high, column), part)

    def beside(self, voltage_v: float) -> tuple[str, ...]:
        """The corners that what holds at a voltage comes from: its own, the two on both sides, or that of the law.

        Raises:
            HaloError: nothing is known at that voltage.
        """
        if self.evidence(voltage_v) == "scaled":
            return self.corners
        return tuple(dict.fromkeys(self._between(voltage_v)[:2]))

    def _between(self, voltage_v: float) -> tuple[str, str, float]:
        """The corners on both sides, and how far from the first to the second; the same one twice where it is exact."""
        i = int(np.searchsorted(self.voltages_v, voltage_v - _SAME))
        if abs(self.voltages_v[i] - voltage_v) < _SAME:
            return self.corners[i], self.corners[i], 0.0
        below, above = self.voltages_v[i - 1], self.voltages_v[i]
        return self.corners[i - 1], self.corners[i], (voltage_v - below) / (above - below)


def supply(table: WeightTable, corners: Sequence[str] = (), law: AlphaPower | None = None) -> Supply:
    """The table along its voltage.

    Args:
        table: per-weight table.
        corners: of one process (only their names tell) and one temperature; empty: all.
        law: only with one corner.

    Raises:
        HaloError: no such corner, one without a voltage, two temperatures, two corners of one voltage, or a law beside
            several corners.
    """
    names = tuple(dict.fromkeys(corners)) or table.corners
    first = [table.rows(name).iloc[0] for name in names]
    found = sorted((float(row["voltage_v"]), name) for name, row in zip(names, first, strict=True))
    if unknown := [name for voltage, name in found if math.isnan(voltage)]:
        fix = "Add nom_voltage to its Liberty file and characterize again."
        raise HaloError(f"corner {unknown[0]} has no voltage: its library names none", fix)
    if len({float(row["temperature_c"]) for row in first if row.notna()["temperature_c"]}) > 1:
        raise HaloError("the corners differ in temperature", f"Name those of one among: {', '.join(names)}.")
    for (below, one), (above, other) in itertools.pairwise(found):
        if above - below < _SAME:
            fix = "Name corners of one process, each of another voltage."
            raise HaloError(f"the corners {one} and {other} are both of {below:g} V", fix)
    if law is not None and len(found) > 1:
        raise HaloError("an alpha-power law beside several corners", "Leave it out: their own clocks decide.")
    return Supply(table, tuple(n for _, n in found), tuple(v for v, _ in found), law)


@dataclass(frozen=True, eq=False)
class BoundDvfs:
    """Operating points with the per-weight table that they refer to.

    Attributes:
        dvfs: the points; its ``corners`` are of the table.
        table: the table.
    """

    dvfs: Dvfs
    table: WeightTable

    @cached_property
    def supply(self) -> Supply:
        """The table along its voltage; with timing ``assumed``, the one corner that stands for the first point.

        Raises:
            HaloError: the table lacks a corner, or its corners cannot be told apart.
        """
        if self.dvfs.timing == "assumed":
            named = self.dvfs.corners[0] if self.dvfs.corners else None
            return supply(self.table, [str(self.table.rows(named)["corner"].iloc[0])])
        return supply(self.table, self.dvfs.corners, self.dvfs.law)

    def clock_ghz(self, weights: Collection[int], voltage_v: float) -> float:
        """Highest clock at which any swap among some weights is safe; 0 where no computed set holds them all.

        It is that of the fastest set in ``dvfs.periods`` that holds them: the clock that the table allows its slowest
        weight, by the set's ratio. Between corners the larger ratio of both sides counts.

        Args:
            weights: at least one.
            voltage_v: a voltage that the table covers.

        Raises:
            HaloError: the table lacks a weight, or does not cover the voltage.
        """
        rows_of(self.table, [*weights])
        clocks = self.supply.clocks_ghz(voltage_v)
        at = [self.dvfs.corners.index(corner) for corner in self.supply.beside(voltage_v)]
        found = 0.0
        for own in self.dvfs.periods:
            if own.members.issuperset(weights):
                slowest = float(clocks[rows_of(self.table, own.weights)].min())
                found = max(found, slowest / max(own.ratios[i] for i in at))
        return found

    @property
    def evidence(self) -> tuple[Evidence | Literal["assumed"], ...]:
        """How the limits at each operating point are known.

        Raises:
            HaloError: the table does not cover the voltage of a point.
        """
        if self.dvfs.timing == "assumed":
            return tuple("assumed" for _ in self.dvfs.points)
        return tuple(self.supply.evidence(point.voltage_v) for point in self.dvfs.points)


def rows_of(table: WeightTable, values: Sequence[int]) -> npt.NDArray[np.int64]:
    """Positions of weights in the table, int64[n].

    Raises:
        HaloError: no weight, or one that the table lacks.
    """
    known = {weight: i for i, weight in enumerate(table.weights)}
    missing = [value for value in values if value not in known]
    if missing or not len(values):
        if not len(values):
            raise HaloError("no weight is given", "Name at least one weight.")
        first, last = table.weights[0], table.weights[-1]
        holes = last - first + 1 - len(table.weights)
        if holes and first < missing[0] < last:
            raise HaloError(
                f"the table has no weight {missing[0]}: {holes} of the values from {first} to {last} have no row",
                "Take weights.csv as halo characterize wrote it, or characterize all weights: without --weights.",
            )
        raise HaloError(
            f"the table has no weight {missing[0]}: its weights run from {first} to {last}",
            "Give the table of a MAC whose weight port holds all values in use; codes of int8 take a signed 8-bit one.",
        )
    return np.array([known[value] for value in values], np.int64)


def _speed(law: AlphaPower, from_v: float, to_v: float) -> float:
    """Factor on clocks from one voltage to another."""
    return float(((to_v - law.threshold_v) / (from_v - law.threshold_v)) ** law.alpha * from_v / to_v)


def _clocks(table: WeightTable, corner: str) -> F64:
    period = _column(table, corner, "period_ps")
    clock = table.rows(corner)["fmax_ghz"].to_numpy(np.float64)
    return np.where(period == 0.0, np.inf, clock)


def _column(table: WeightTable, corner: str, column: str) -> F64:
    values = table.rows(corner)[column].to_numpy(np.float64)
    if np.isnan(values).any():
        what = f"corner {corner} has weights without {column}"
        raise HaloError(what, "Characterize with --method exact, and a library that states it.")
    return values


def _mixed(low: F64, high: F64, part: float) -> F64:
    """A straight line in the logarithm; where an end has none (0 or infinite) the lower of the two."""
    if part == 0.0:
        return low
    plain = (low > 0) & (high > 0) & np.isfinite(low) & np.isfinite(high)
    ends = np.where(plain, low, 1.0), np.where(plain, high, 1.0)
    return np.where(plain, ends[0] * (ends[1] / ends[0]) ** part, np.minimum(low, high))
