# SPDX-License-Identifier: Apache-2.0
"""The proof that no tile of a schedule runs above the safe clock of its slowest weight at its voltage.

It trusts nothing that made the schedule: each segment's weights are held against the per-weight table (or, where clocks
are assumed, against the words of their source) at the voltage of the segment's operating point. What a set of weights
needs in an array beyond the table, swaps included, is computed where the gates are known (``halo.dvfs.periods``) and
stated in the schedule, set by set: a segment's weights must lie in a set that its clock is slow enough for, and weights
in no set are safe nowhere. What a class holds is taken from the schedule; that the codes of a quantized layer keep to
it is for whoever has the codes.

Tests: tests/dvfs/test_schedule_and_check.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from halo.characterization.table import WeightTable
from halo.dvfs.limits import Limit, Proof, limit, operand_limit
from halo.dvfs.points import Dvfs
from halo.dvfs.schedule import Schedule, WeightSet
from halo.dvfs.voltage import BoundDvfs

_WORDS: dict[Proof, str] = {
    "table": "table",
    "interpolated": "table, between corners",
    "scaled": "table, scaled by the alpha-power law",
    "source": "source of the clocks",
    "mac": "timing of its own MAC",
    "none": "no period is known for a set with these weights",
}


@dataclass(frozen=True)
class Violation:
    """Weights that run, or that a file lets run, faster than they may.

    Attributes:
        layer: its name; None where a file's own operating point is wrong, whatever runs there.
        segment: position in the layer, from 0; None likewise.
        tile_class: name of the class, or the words of the file.
        point: name of the operating point.
        voltage_v, clock_ghz: of the point.
        weight: the slowest of the weights; None where the operand is no integer.
        limit_ghz: the clock that is safe for them.
        proof: what says so.
    """

    layer: str | None
    segment: int | None
    tile_class: str
    point: str
    voltage_v: float
    clock_ghz: float
    weight: int | None
    limit_ghz: float
    proof: Proof

    def __str__(self) -> str:
        place = "" if self.layer is None else f"layer {self.layer}, segment {self.segment}: "
        slowest = "the MAC" if self.weight is None else f"weight {self.weight}"
        return (
            f"{place}{self.tile_class} at {self.point}, {self.clock_ghz:.6g} GHz and {self.voltage_v:g} V: "
            f"{slowest} allows {self.limit_ghz:.6g} GHz ({_WORDS[self.proof]})"
        )


def check(schedule: Schedule, table: WeightTable) -> tuple[Violation, ...]:
    """Every segment that runs weights faster than they may, in order of time; empty: the schedule is safe.

    Args:
        schedule: whose ``table_sha256`` need not be that of the table: a later characterization may be held against it.
        table: per-weight table.

    Raises:
        HaloError: the table lacks a corner, a voltage or a weight of the schedule.
    """
    bound = BoundDvfs(schedule.dvfs, table)
    known: dict[tuple[int, int], Limit] = {}
    found = []
    for layer in schedule.layers:
        for i, segment in enumerate(layer.segments):
            key = segment.tile_class, segment.point
            weights = schedule.weights(segment)
            if key not in known:
                known[key] = _limit(bound, segment.point, weights)
            if not known[key].safe:
                found.append(_violation(schedule.dvfs, segment.point, known[key], weights.name, layer.name, i))
    return tuple(found)


def check_points(bound: BoundDvfs) -> tuple[Violation, ...]:
    """Operating points of a file at which the table does not vouch for the weights that the file allows.

    Empty for assumed clocks, which no table vouches for, and where no weights are named.

    Raises:
        HaloError: the table does not cover the voltage of a point, or has none of the weights.
    """
    dvfs = bound.dvfs
    if dvfs.timing == "assumed":
        return ()
    found = []
    for i, allowed in enumerate(dvfs.allowed):
        reached = limit(bound, i, [weight for weight in bound.table.weights if weight in allowed])
        if not reached.safe:
            found.append(_violation(dvfs, i, reached, "its weights", None, None))
    return tuple(found)


def _limit(bound: BoundDvfs, point: int, weights: WeightSet) -> Limit:
    if weights.limit_ghz is None:
        return limit(bound, point, weights.values)
    return operand_limit(bound.dvfs, point, weights.limit_ghz)


def _violation(
    dvfs: Dvfs, point: int, reached: Limit, tile_class: str, layer: str | None, segment: int | None
) -> Violation:
    at = dvfs.points[point]
    return Violation(
        layer=layer,
        segment=segment,
        tile_class=tile_class,
        point=at.name,
        voltage_v=at.voltage_v,
        clock_ghz=at.frequency_ghz,
        weight=reached.weight,
        limit_ghz=reached.clock_ghz,
        proof=reached.proof,
    )
