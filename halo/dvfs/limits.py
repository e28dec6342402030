# SPDX-License-Identifier: Apache-2.0
"""Which weights are safe at which operating point, and what limits them.

Tests: tests/dvfs/test_table_points.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from halo.dvfs.points import Allowed, Dvfs
from halo.dvfs.voltage import BoundDvfs, rows_of
from halo.errors import HaloError

Proof = Literal["table", "interpolated", "scaled", "source", "mac", "none"]
ROUNDING = 1 + 1e-9
"""Clocks that differ by less are the same, written in two ways."""


@dataclass(frozen=True)
class Limit:
    """What a set of weights allows at an operating point.

    Attributes:
        weight: the slowest of them; None for an operand that is no integer of the table.
        clock_ghz: the highest clock that is safe for all of them at the voltage of the point, swaps included (0: no set
            of the operating points holds them); where the source decides, the clock of its fastest point that takes
            the weight (0: none does).
        safe: whether the point's clock keeps the limit.
        proof: ``table`` at the voltage of a corner; ``interpolated`` and ``scaled`` as ``halo.dvfs.voltage`` has them;
            ``source`` where the words of the source decide; ``mac``, the timing of another MAC; ``none`` where no set
            holds the weights.
    """

    weight: int | None
    clock_ghz: float
    safe: bool
    proof: Proof


def limit(bound: BoundDvfs, point: int, values: Sequence[int]) -> Limit:
    """What limits a set of weights at an operating point.

    With timing ``assumed`` it is what the source allows; the table is not asked. With ``table`` it is the clock that
    the table allows a computed set of weights that holds them, by the ratio of that set (``BoundDvfs.clock_ghz``), and
    the source's words where it has any: both must agree.

    Args:
        bound: operating points and their table.
        point: index.
        values: weights, at least one.

    Raises:
        HaloError: a weight that the table lacks, or a voltage that it does not cover.
    """
    dvfs, rows = bound.dvfs, rows_of(bound.table, values)
    if dvfs.timing == "assumed":
        _check_words(dvfs)
    if dvfs.allowed:
        refused = [value for value in values if value not in dvfs.allowed[point]]
        if refused or dvfs.timing == "assumed":
            clock, worst = min((_source_clock(dvfs, value), value) for value in refused or values)
            return Limit(worst, clock, not refused, "source")
    at = dvfs.points[point]
    slowest = int(np.argmin(bound.supply.clocks_ghz(at.voltage_v)[rows]))
    clock = bound.clock_ghz(values, at.voltage_v)
    safe = at.frequency_ghz <= clock * ROUNDING
    return Limit(int(values[slowest]), clock, safe, bound.supply.evidence(at.voltage_v) if clock else "none")


def operand_limit(dvfs: Dvfs, point: int, limit_ghz: float) -> Limit:
    """The same for operands that are no integers of the table (FP16), from the safe clock of their own MAC.

    Where clocks are assumed, such operands may run where the source allows every weight.

    Args:
        dvfs: operating points.
        point: index.
        limit_ghz: safe clock of an element with that MAC at the lowest voltage of the points.

    Raises:
        HaloError: assumed clocks without words for their weights.
    """
    if dvfs.timing == "assumed":
        _check_words(dvfs)
        clocks = [p.frequency_ghz for p, allowed in zip(dvfs.points, dvfs.allowed, strict=True) if allowed == Allowed()]
        return Limit(None, max(clocks, default=0.0), dvfs.allowed[point] == Allowed(), "source")
    return Limit(None, limit_ghz, dvfs.points[point].frequency_ghz <= limit_ghz * ROUNDING, "mac")


def safe_points(bound: BoundDvfs, values: Sequence[int]) -> tuple[int, ...]:
    """Indices of the operating points at which every one of the weights is safe, ascending, at least one.

    Raises:
        HaloError: no point is safe, a weight that the table lacks, or a voltage that it does not cover.
    """
    dvfs = bound.dvfs
    limits = [limit(bound, i, values) for i in range(len(dvfs.points))]
    safe = tuple(i for i, found in enumerate(limits) if found.safe)
    if not safe:
        point, found = dvfs.points[0], limits[0]
        what = (
            f"no operating point of {dvfs.name} is safe for weight {found.weight}: it allows {found.clock_ghz:.4g} GHz "
            f"at {point.voltage_v:g} V, and {point.name} runs at {point.frequency_ghz:g} GHz"
        )
        raise HaloError(what, "Add a slower point that is safe for every weight.")
    return safe


def _check_words(dvfs: Dvfs) -> None:
    if not dvfs.allowed:
        raise HaloError(f"{dvfs.name} assumes its clocks and says no weights", "Say the weights of each point.")


def _source_clock(dvfs: Dvfs, value: int) -> float:
    """Clock of the fastest point at which the source allows a weight; 0 where there is none."""
    clocks = [p.frequency_ghz for p, allowed in zip(dvfs.points, dvfs.allowed, strict=True) if value in allowed]
    return max(clocks, default=0.0)
