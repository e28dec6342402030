# SPDX-License-Identifier: Apache-2.0
"""Operating points from a table, which weights are safe at each, and what a MAC costs there: worked by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from small_tables import EVEN, FOURS, WEIGHTS, small_table

from halo.dvfs.energy import assumptions, energy_fj, leakage_nw
from halo.dvfs.files import preset, read_dvfs
from halo.dvfs.limits import limit, operand_limit, safe_points
from halo.dvfs.periods import AssumedPeriods, ClassPeriod
from halo.dvfs.points import Allowed, AlphaPower, Dvfs, OperatingPoint
from halo.dvfs.table_points import bind, raised_dvfs, table_dvfs
from halo.dvfs.voltage import BoundDvfs
from halo.errors import HaloError

IVR = preset("ivr")
CORNERS = {"low": (1.0, 2.0), "high": (1.2, 1.0)}
LAW = AlphaPower(0.5, 1.5, "by hand")
ASSUMED = AssumedPeriods()


class ByHand:
    """What each set needs over the table, by corner; sets that are not named need nothing more."""

    source = "by hand"
    assumptions = ()

    def __init__(self, ratios: Mapping[tuple[tuple[int, ...], str], float] | None = None, others: float = 1.0) -> None:
        self.ratios, self.others = dict(ratios or {}), others

    def period_ps(self, weights: Sequence[int], corner: str, table_ps: float) -> float:
        return table_ps * self.ratios.get((tuple(weights), corner), self.others)


NOTHING = ByHand()


def own(timing: str, *points: tuple[float, float, Allowed]) -> Dvfs:
    """Points of (voltage, clock, allowed weights)."""
    made = tuple(OperatingPoint(f"p{i}", v, f, "by hand") for i, (v, f, _) in enumerate(points))
    allowed = tuple(a for _, _, a in points)
    return Dvfs("mine", made, IVR, "table" if timing == "table" else "assumed", allowed)


def test_one_point_for_each_distinct_clock() -> None:
    table = small_table()
    bound = table_dvfs(table, [FOURS, EVEN, (-4,), (1, 2)], None, IVR, ByHand(others=1.25))
    dvfs = bound.dvfs
    # 1000, 800 and 500 ps, times 1.25; (-4,) runs as fast as (-4, 0), and (1, 2) as slowly as all.
    assert [p.frequency_ghz for p in dvfs.points] == pytest.approx([0.8, 1.0, 1.6], rel=1e-12)
    assert [p.name for p in dvfs.points] == ["slow", "middle", "fast"]
    assert {p.voltage_v for p in dvfs.points} == {1.0}
    assert (dvfs.timing, dvfs.voltages, dvfs.corners) == ("table", "iso", ("tt",))
    assert safe_points(bound, WEIGHTS) == (0,)
    assert safe_points(bound, EVEN) == (0, 1)
    assert safe_points(bound, FOURS) == (0, 1, 2)
    assert [p.name for p in table_dvfs(table, [], None, IVR, ASSUMED).dvfs.points] == ["slow"]
    assert len(table_dvfs(table, [EVEN], None, IVR, ASSUMED).dvfs.points) == 2
    assert set(bound.evidence) == {"table"}


def test_more_clocks_have_names_of_their_own() -> None:
    table = small_table()
    frame = table.to_pandas()
    frame.loc[frame["weight"] == 0, ["period_ps", "fmax_ghz"]] = [400.0, 2.5]
    names = [p.name for p in table_dvfs(type(table)(frame), [EVEN, FOURS, (0,)], None, IVR, ASSUMED).dvfs.points]
    assert names == ["slow", "middle1", "middle2", "fast"]


def test_each_set_has_the_clock_that_it_needs_itself() -> None:
    """Worked by hand: all weights need 2 % more than 1000 ps, fours 80 % more than 500 ps: they gain little."""
    table = small_table()
    needs = ByHand({(WEIGHTS, "tt"): 1.02, (EVEN, "tt"): 1.05, (FOURS, "tt"): 1.8})
    bound = table_dvfs(table, [EVEN, FOURS], None, IVR, needs)
    assert [p.frequency_ghz for p in bound.dvfs.points] == pytest.approx([1 / 1.02, 1 / 0.9, 1 / 0.84])
    # Fours alone would need 900 ps; as part of the even weights 840 ps are proven for them.
    assert [safe_points(bound, values) for values in (WEIGHTS, EVEN, FOURS)] == [(0,), (0, 1, 2), (0, 1, 2)]
    found = limit(bound, 2, (1, 2))  # a set of its own was not computed: that of all weights holds it
    assert (found.weight, found.safe, found.proof) == (1, False, "table")
    assert found.clock_ghz == pytest.approx(1 / 1.02)
    with pytest.raises(HaloError, match=r"weight -3: it allows 0.9804 GHz at 1 V, and p0 runs at 1 GHz"):
        safe_points(bind(own("table", (1.0, 1.0, Allowed())), table, needs), WEIGHTS)
    one = replace(bound, dvfs=replace(bound.dvfs, periods=bound.dvfs.periods[-1:]))
    none = limit(one, 0, (-4, 1))
    assert (none.clock_ghz, none.safe, none.proof) == (0.0, False, "none")


def test_no_set_is_faster_than_the_table_and_equal_periods_are_one_point() -> None:
    """Sets whose ratios lead to one period (1200 ps) have one clock, though the quotients round differently."""
    needs = ByHand({(EVEN, "tt"): 1.5, (FOURS, "tt"): 2.4, (WEIGHTS, "tt"): 1.2})
    bound = table_dvfs(small_table(), [EVEN, FOURS, (0,)], None, IVR, needs)
    assert [p.frequency_ghz for p in bound.dvfs.points] == pytest.approx([1 / 1.2, 2.0])
    faster = table_dvfs(small_table(), [], None, IVR, ByHand(others=0.9))
    assert faster.dvfs.points[0].frequency_ghz == pytest.approx(1.0) and faster.dvfs.periods[0].ratios == (1.0,)


def test_between_corners_the_larger_ratio_counts() -> None:
    table = small_table(CORNERS)
    needs = ByHand({(FOURS, "low"): 1.1, (FOURS, "high"): 1.3})
    bound = bind(own("table", (1.0, 0.2, Allowed()), (1.2, 1.5, Allowed(4))), table, needs)
    between = 1e3 / (1000 * 500) ** 0.5 / 1.3
    assert [bound.clock_ghz(FOURS, v) for v in (1.0, 1.1, 1.2)] == pytest.approx([1 / 1.1, between, 2 / 1.3])
    raised = raised_dvfs(table, [FOURS], (), IVR, needs)
    assert [p.frequency_ghz for p in raised.dvfs.points] == pytest.approx([0.25, 2 / 1.3])


def test_a_bare_table_says_that_its_periods_are_assumed() -> None:
    bound = table_dvfs(small_table(), [FOURS], None, IVR, ASSUMED)
    assert [p.frequency_ghz for p in bound.dvfs.points] == pytest.approx([1 / 1.025, 2 / 1.025])
    assert all("assumed: 1.025 times" in p.source for p in bound.dvfs.points)
    assert ASSUMED.assumptions[0].startswith("ASSUMED, not computed")


def test_raised_voltages_between_corners() -> None:
    table = small_table(CORNERS)
    bound = raised_dvfs(table, [FOURS, EVEN], (), IVR, NOTHING)
    dvfs = bound.dvfs
    assert [(p.name, p.voltage_v) for p in dvfs.points] == [("slow", 1.0), ("middle", 1.1), ("fast", 1.2)]
    middle = 1e3 / (1600 * 800) ** 0.5
    assert [p.frequency_ghz for p in dvfs.points] == pytest.approx([0.25, middle, 2.0], rel=1e-6)
    assert (dvfs.voltages, dvfs.corners) == ("raised", ("low", "high"))
    assert bound.evidence == ("table", "interpolated", "table")
    assert safe_points(bound, WEIGHTS) == (0,)
    assert safe_points(bound, EVEN) == (0, 1)
    assert safe_points(bound, FOURS) == (0, 1, 2)
    assert energy_fj(bound, [0]) == pytest.approx((10.0, 12.0, 14.4))
    assert any("straight line" in text for text in assumptions(bound))


def test_voltages_rise_only_where_there_is_something_to_rise_to() -> None:
    with pytest.raises(HaloError, match=r"one voltage, 1 V, and none to rise to"):
        raised_dvfs(small_table(), [FOURS], ["tt"], IVR, ASSUMED)
    with pytest.raises(HaloError, match="no set of weights is faster"):
        raised_dvfs(small_table(CORNERS), [(1,)], (), IVR, ASSUMED)


def test_a_files_voltages_are_those_of_corners() -> None:
    table = small_table(CORNERS)
    bound = bind(own("table", (1.0, 0.2, Allowed()), (1.2, 1.9, Allowed(4))), table, NOTHING)
    assert bound.dvfs.corners == ("low", "high")
    assert safe_points(bound, FOURS) == (0, 1)
    with pytest.raises(HaloError, match=r"'p1' is at 1.1 V, where the table has no corner") as caught:
        bind(own("table", (1.0, 0.2, Allowed()), (1.1, 1.9, Allowed(4))), table, NOTHING)
    assert "1 V (low), 1.2 V (high)" in caught.value.fix
    with pytest.raises(HaloError, match=r"'p1' is at 1.2 V"):
        bind(own("table", (1.0, 0.2, Allowed()), (1.2, 1.9, Allowed(4))), table, NOTHING, corners=["low"])


def test_a_files_law_leads_to_other_voltages() -> None:
    table = small_table()
    slow, fast = (1.0, 0.9, Allowed()), (1.2, 2.7, Allowed(4))  # 2 GHz 1.4^1.5 / 1.2 = 2.761 GHz
    bound = bind(replace(own("table", slow, fast), law=LAW), table, NOTHING)
    assert bound.evidence == ("table", "scaled")
    assert safe_points(bound, FOURS) == (0, 1)
    assert limit(bound, 1, FOURS).proof == "scaled"
    assert any("Vt = 0.5 V and alpha = 1.5 (by hand)" in text for text in assumptions(bound))
    assert safe_points(bind(replace(own("table", slow, (1.2, 2.8, Allowed(4))), law=LAW), table, NOTHING), FOURS) == (
        0,
    )
    with pytest.raises(HaloError, match=r"no weights at 0.45 V"):
        bind(replace(own("table", (0.45, 0.01, Allowed()), fast), law=LAW), table, NOTHING)
    with pytest.raises(HaloError, match="beside several corners"):
        bind(replace(own("table", slow, fast), law=LAW), small_table(CORNERS), NOTHING)


def test_with_a_table_the_file_can_only_forbid() -> None:
    table = small_table()
    bound = bind(own("table", (1.0, 0.5, Allowed()), (1.0, 1.2, Allowed(values=(-4,)))), table, NOTHING)
    assert safe_points(bound, [-4]) == (0, 1)
    assert safe_points(bound, FOURS) == (0,)  # 0 is fast enough, but not named
    found = limit(bound, 1, FOURS)
    assert (found.weight, found.clock_ghz, found.safe, found.proof) == (0, 0.5, False, "source")


def test_assumed_points_follow_their_source_alone() -> None:
    table = small_table()
    bound = BoundDvfs(own("assumed", (1.0, 5.0, Allowed()), (1.1, 9.0, Allowed(4))), table)
    assert safe_points(bound, WEIGHTS) == (0,)
    assert safe_points(bound, FOURS) == (0, 1)
    assert bound.evidence == ("assumed", "assumed")
    found = limit(bound, 1, EVEN)
    assert (found.weight, found.clock_ghz, found.safe, found.proof) == (-2, 5.0, False, "source")
    with pytest.raises(HaloError, match="says no weights"):
        safe_points(BoundDvfs(replace(bound.dvfs, allowed=()), table), FOURS)
    with pytest.raises(HaloError, match="for weight 1: it allows 0 GHz"):
        safe_points(BoundDvfs(own("assumed", (1.0, 5.0, Allowed(4))), table), [1])


def test_operands_that_are_no_integers() -> None:
    assumed = own("assumed", (1.0, 5.0, Allowed()), (1.1, 9.0, Allowed(4)))
    assert [operand_limit(assumed, i, 0.1).safe for i in (0, 1)] == [True, False]
    proven = own("table", (1.0, 0.5, Allowed()), (1.0, 1.2, Allowed()))
    assert [operand_limit(proven, i, 0.6).safe for i in (0, 1)] == [True, False]
    assert not operand_limit(proven, 0, 0.49).safe
    assert operand_limit(proven, 0, 0.6).proof == "mac"


def test_energies_of_assumed_voltages_are_said_to_be() -> None:
    table = small_table()
    dvfs = own("assumed", (0.8, 5.0, Allowed()), (1.2, 9.0, Allowed(4)))
    bound = BoundDvfs(dvfs, table)
    # Weights 1 and 3 cost 11 and 13 fJ at the table's voltage, which stands for 0.8 V; (1.2 / 0.8)^2 = 2.25.
    assert energy_fj(bound, [1, 3]) == pytest.approx((12.0, 27.0))
    assert energy_fj(bound, [1, 3], counts=[3, 1]) == pytest.approx((11.5, 25.875))
    assert leakage_nw(bound, [1, 3]) == pytest.approx((5.0, 7.5))
    said = " ".join(assumptions(bound))
    assert "1 V (corner tt) stands for the 0.8 V" in said and "are assumed" in said
    several = small_table(CORNERS)
    with pytest.raises(HaloError, match="several corners"):
        energy_fj(BoundDvfs(dvfs, several), [1])
    with pytest.raises(HaloError, match="several corners"):
        bind(dvfs, several, NOTHING)
    assert energy_fj(bind(dvfs, several, NOTHING, corners=["high"]), [1]) == pytest.approx((15.4, 34.65))
    assert not any("assumed" in text for text in assumptions(table_dvfs(table, [], None, IVR, NOTHING)))


def test_the_papers_sets_at_the_papers_points() -> None:
    dvfs = read_dvfs("paper-systolic").dvfs
    assert 32 in dvfs.allowed[2] and 16 not in dvfs.allowed[2] and 16 in dvfs.allowed[1] and 1 not in dvfs.allowed[1]


@pytest.mark.parametrize("ratio", [0.9, -1.0, float("nan"), float("inf")])
def test_impossible_ratios(ratio: float) -> None:
    with pytest.raises(HaloError, match="times that of the table"):
        ClassPeriod(FOURS, (ratio,), "by hand")
    with pytest.raises(HaloError, match="not one ratio a corner"):
        replace(own("table", (1.0, 0.2, Allowed())), periods=(ClassPeriod(FOURS, (1.0,), "by hand"),))
