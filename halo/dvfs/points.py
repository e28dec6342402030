# SPDX-License-Identifier: Apache-2.0
"""Operating points: voltage and clock, with the place they come from, and what a change from one to another takes.

Tests: tests/dvfs/test_table_points.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from halo.dvfs.periods import ClassPeriod
from halo.errors import HaloError


@dataclass(frozen=True)
class OperatingPoint:
    """A voltage with a clock.

    Attributes:
        name: such as ``slow``.
        voltage_v: supply of the array.
        frequency_ghz: its clock.
        source: where they come from, in words.

    Raises:
        HaloError: a number that is not positive.
    """

    name: str
    voltage_v: float
    frequency_ghz: float
    source: str

    def __post_init__(self) -> None:
        if not (0 < self.voltage_v < 100 and 0 < self.frequency_ghz < 1000):
            what = f"operating point {self.name!r} of {self.voltage_v:g} V and {self.frequency_ghz:g} GHz"
            raise HaloError(what, "Give positive numbers, in volts and gigahertz.")


@dataclass(frozen=True)
class Transition:
    """What a change of the operating point takes.

    Attributes:
        name: of the regulator, such as ``ivr``.
        per_volt_ns: time per volt of change.
        fixed_ns: time of any change (relock of the clock, or the whole of it).
        rail_nf: capacitance of the rail, charged from one voltage to the other.
        source: where the numbers come from, in words.
    """

    name: str
    per_volt_ns: float
    fixed_ns: float
    rail_nf: float
    source: str

    def time_ps(self, before: OperatingPoint, after: OperatingPoint) -> int:
        """Picoseconds from one point to the other; 0 where nothing changes."""
        if (before.voltage_v, before.frequency_ghz) == (after.voltage_v, after.frequency_ghz):
            return 0
        return round(1e3 * (self.fixed_ns + self.per_volt_ns * abs(after.voltage_v - before.voltage_v)))

    def energy_pj(self, before: OperatingPoint, after: OperatingPoint) -> int:
        """Picojoules to move the rail, 0.5 C |V2^2 - V1^2|; leakage while waiting is counted by who knows it."""
        return round(500 * self.rail_nf * abs(after.voltage_v**2 - before.voltage_v**2))


@dataclass(frozen=True)
class Allowed:
    """Weights that a source allows at an operating point, in its own words.

    Attributes:
        multiple_of: every multiple of it; 1 allows all.
        values: instead, these, ascending; None: all multiples.
    """

    multiple_of: int = 1
    values: tuple[int, ...] | None = None

    def __contains__(self, weight: int) -> bool:
        return weight % self.multiple_of == 0 if self.values is None else weight in self.values


@dataclass(frozen=True)
class AlphaPower:
    """The alpha-power law of Sakurai and Newton: clock ~ (V - Vt)^alpha / V, one factor for every weight.

    Attributes:
        threshold_v: Vt.
        alpha: velocity saturation, 1 to 2.
        source: where the numbers come from, in words.

    Raises:
        HaloError: numbers that cannot be.
    """

    threshold_v: float
    alpha: float
    source: str

    def __post_init__(self) -> None:
        if not (0 <= self.threshold_v < 100 and 1 <= self.alpha <= 2):
            what = f"an alpha-power law with Vt = {self.threshold_v} V and alpha = {self.alpha}"
            raise HaloError(what, "Give a threshold of 0 V or more and an alpha from 1 to 2.")


@dataclass(frozen=True)
class Dvfs:
    """Operating points with the way between them, and with what tells which weights are safe at each.

    Attributes:
        name: of the file or rule they come from.
        points: by rising clock; the first is safe for every weight.
        transition: between them.
        timing: ``table`` where the per-weight table vouches for the clocks; ``assumed`` where only a source says so.
        allowed: for each point, the weights that the source allows; empty: the table alone decides.
        corners: of the table: with ``table`` those that vouch for the clocks, of one process and temperature; with
            ``assumed`` the one whose energies stand for the first point. Empty: the table's only one.
        periods: with ``table``, sets of weights with what each needs; weights in none of them are safe at no point.
        law: with ``table`` and one corner, what carries it to other voltages.
        voltages: ``iso`` where all points share a voltage, ``raised`` where faster points have a higher one.

    Raises:
        HaloError: no points, two of one name, clocks that do not rise, or periods of other corners.
    """

    name: str
    points: tuple[OperatingPoint, ...]
    transition: Transition
    timing: Literal["table", "assumed"]
    allowed: tuple[Allowed, ...] = ()
    corners: tuple[str, ...] = ()
    periods: tuple[ClassPeriod, ...] = ()
    law: AlphaPower | None = None

    def __post_init__(self) -> None:
        clocks = [point.frequency_ghz for point in self.points]
        if not clocks or any(b < a for a, b in itertools.pairwise(clocks)):
            raise HaloError(
                f"the clocks of {self.name} do not rise", "Order the points from the slowest to the fastest."
            )
        names = [point.name for point in self.points]
        if len(set(names)) < len(names):
            raise HaloError(f"two operating points of {self.name} share a name", "Name them apart.")
        if any(len(own.ratios) != len(self.corners) for own in self.periods):
            raise HaloError(f"a set of weights of {self.name} has not one ratio a corner", "Give one for each corner.")
        if len(self.allowed) not in (0, len(self.points)):
            raise HaloError(f"not every operating point of {self.name} says its weights", "Say them for all or none.")

    @property
    def voltages(self) -> Literal["iso", "raised"]:
        """Whether all points share a voltage."""
        return "iso" if len({point.voltage_v for point in self.points}) == 1 else "raised"


def period_ps(cycles: int, point: OperatingPoint) -> int:
    """Whole picoseconds that so many cycles take, rounded once."""
    return round(cycles * 1e3 / point.frequency_ghz)


def change_ps(points: Sequence[OperatingPoint], order: Sequence[int], transition: Transition) -> int:
    """Picoseconds of all changes along a sequence of points."""
    return sum(transition.time_ps(points[a], points[b]) for a, b in itertools.pairwise(order))
