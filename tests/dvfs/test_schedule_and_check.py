# SPDX-License-Identifier: Apache-2.0
"""schedule.json reads back what was written, and no planted violation escapes the check."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tables import EVEN, FOURS, PERIOD_PS, WEIGHTS, small_table

from halo.dvfs.check import check, check_points
from halo.dvfs.cost import LayerCost, Segment
from halo.dvfs.files import preset, read_dvfs
from halo.dvfs.periods import AssumedPeriods
from halo.dvfs.points import Allowed, AlphaPower, Dvfs, OperatingPoint
from halo.dvfs.schedule import (
    Schedule,
    ScheduledLayer,
    WeightSet,
    make_schedule,
    read_schedules,
    table_hash,
    write_schedules,
)
from halo.dvfs.table_points import bind, raised_dvfs, table_dvfs
from halo.dvfs.voltage import BoundDvfs
from halo.errors import HaloError

TABLE = small_table()
CLASSES = (WeightSet("all", WEIGHTS), WeightSet("even", EVEN), WeightSet("fours", FOURS))
OPERAND = WeightSet("any", WEIGHTS)
IVR = preset("ivr")
ASSUMED = AssumedPeriods()


def schedule(segments: list[tuple[int, int]], dvfs: Dvfs | None = None) -> Schedule:
    """One layer of segments (point, class) and one of attention."""
    layers = (
        ScheduledLayer("block 0 q", tuple(Segment(p, c, 100, 4) for p, c in segments), 3),
        ScheduledLayer("block 0 scores", (Segment(0, -1, 50, 2),), 8),
    )
    dvfs = dvfs or table_dvfs(TABLE, [EVEN, FOURS], None, IVR, ASSUMED).dvfs
    return Schedule("tiny, by hand", dvfs, CLASSES, OPERAND, layers, table_hash(TABLE))


def test_a_safe_schedule_has_no_violation() -> None:
    assert check(schedule([(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)]), TABLE) == ()


def test_planted_violations_are_listed() -> None:
    """The even class at the fast clock, and all weights at the middle one."""
    found = check(schedule([(2, 2), (2, 1), (1, 0), (0, 0)]), TABLE)
    assert [(v.layer, v.segment, v.tile_class, v.point, v.weight, v.proof) for v in found] == [
        ("block 0 q", 1, "even", "fast", -2, "table"),
        ("block 0 q", 2, "all", "middle", -3, "table"),
    ]
    assert [v.limit_ghz for v in found] == pytest.approx([1e3 / 800 / 1.025, 1e3 / 1000 / 1.025])
    assert str(found[0]) == (
        "layer block 0 q, segment 1: even at fast, 1.95122 GHz and 1 V: weight -2 allows 1.21951 GHz (table)"
    )


def test_operands_that_are_no_weights_have_limits_of_their_own() -> None:
    """Attention at the fast clock, where every class of weights may run."""
    made = schedule([(2, 0)])
    attention = replace(made.layers[1], segments=(Segment(2, -1, 50, 2),))
    made = replace(made, classes=(CLASSES[2],), layers=(made.layers[0], attention))
    assert [(v.layer, v.tile_class, v.weight) for v in check(made, TABLE)] == [("block 0 scores", "any", -3)]


def test_swaps_within_a_class_count_as_they_were_computed() -> None:
    """Worked by hand: an even weight rests in 800 ps, but swaps among even ones take 1.3 times as long, 1040 ps."""
    dvfs = table_dvfs(TABLE, [EVEN, FOURS], None, IVR, ASSUMED).dvfs
    slow, even, fours = dvfs.periods
    needed = replace(dvfs, periods=(slow, replace(even, ratios=(1.3,)), fours))
    found = check(schedule([(0, 1), (1, 1), (1, 2), (0, 0)], needed), TABLE)
    assert [(v.segment, v.tile_class, v.point, v.weight) for v in found] == [(1, "even", "middle", -2)]
    assert found[0].limit_ghz == pytest.approx(1 / 1.025)  # that of all weights, which hold them
    # Weights in no set whose period was computed are safe nowhere.
    found = check(schedule([(0, 1), (0, 2)], replace(dvfs, periods=(fours,))), TABLE)
    assert [(v.segment, v.tile_class, v.limit_ghz, v.proof) for v in found] == [
        (0, "even", 0.0, "none"),
        (0, "any", 0.0, "none"),
    ]
    assert "no period is known for a set with these weights" in str(found[0])


def test_a_clock_one_part_in_a_million_too_fast_is_found() -> None:
    dvfs = table_dvfs(TABLE, [], None, IVR, ASSUMED).dvfs
    slow = dvfs.points[0]
    fast = replace(dvfs, points=(replace(slow, frequency_ghz=slow.frequency_ghz * (1 + 1e-6)),))
    assert check(schedule([(0, 0)], dvfs), TABLE) == ()
    assert [v.layer for v in check(schedule([(0, 0)], fast), TABLE)] == ["block 0 q", "block 0 scores"]


def test_another_table_can_be_held_against_it() -> None:
    """Every weight of the later table is 1 % slower: all that used the full clock is unsafe."""
    made = schedule([(0, 0), (1, 1)])
    slower = small_table({"tt": (1.0, 1.01)})
    assert made.table_sha256 == table_hash(TABLE) != table_hash(slower)
    assert [v.segment for v in check(made, slower)] == [0, 1, 0]
    with pytest.raises(HaloError, match="no corner 'tt'"):
        check(made, small_table({"ss": (1.0, 1.0)}))
    with pytest.raises(HaloError, match=r"no weights at 1 V"):
        check(made, small_table({"tt": (1.1, 1.0)}))


def test_assumed_clocks_are_held_against_the_words_of_their_source() -> None:
    dvfs = read_dvfs("paper-systolic").dvfs
    made = schedule([(2, 2), (0, 0), (1, 1)], dvfs)
    found = check(made, TABLE)
    # 0 is a multiple of everything; -4 is none of 32 or 16.
    assert [(v.segment, v.weight, v.limit_ghz, v.proof) for v in found] == [
        (0, -4, 1.9, "source"),
        (2, -4, 1.9, "source"),
    ]
    assert check(replace(made, classes=(CLASSES[0], WeightSet("zero", (0,)), WeightSet("zero", (0,)))), TABLE) == ()
    assert check_points(BoundDvfs(dvfs, TABLE)) == ()


def test_points_of_a_file_that_the_table_does_not_vouch_for() -> None:
    points = (OperatingPoint("slow", 1.0, 0.9, "file"), OperatingPoint("fast", 1.0, 1.3, "file"))
    bound = bind(Dvfs("mine", points, IVR, "table", (Allowed(), Allowed(2))), TABLE, ASSUMED, [FOURS])
    found = check_points(bound)
    assert [(v.layer, v.segment, v.point, v.weight) for v in found] == [(None, None, "fast", -2)]
    assert str(found[0]) == "its weights at fast, 1.3 GHz and 1 V: weight -2 allows 1.21951 GHz (table)"
    assert check_points(replace(bound, dvfs=replace(bound.dvfs, allowed=(Allowed(), Allowed(4))))) == ()


def test_operands_that_are_no_integers() -> None:
    fp16 = WeightSet("fp16", (), limit_ghz=1.1)
    dvfs = table_dvfs(TABLE, [EVEN], None, IVR, ASSUMED).dvfs  # 0.976 and 1.22 GHz
    made = replace(schedule([(0, 0), (1, 0)], dvfs), classes=(fp16,), operand=fp16)
    found = check(made, TABLE)
    assert [(v.segment, v.weight, v.proof) for v in found] == [(1, None, "mac")]
    assert "the MAC allows 1.1 GHz (timing of its own MAC)" in str(found[0])
    for values, limit_ghz in (((), None), ((1,), 1.0)):
        with pytest.raises(HaloError, match="both weights and a limit, or neither"):
            WeightSet("x", values, limit_ghz)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=8), st.floats(0.5, 1.5))
def test_the_check_is_the_definition(segments: list[tuple[int, int]], speed: float) -> None:
    """A segment is safe where its clock times the margin is at most 1 / the longest period of its weights."""
    dvfs = table_dvfs(TABLE, [EVEN, FOURS], None, IVR, ASSUMED).dvfs
    points = tuple(replace(p, frequency_ghz=p.frequency_ghz * speed) for p in dvfs.points)
    made = schedule(segments, replace(dvfs, points=points))
    longest = [PERIOD_PS[1], PERIOD_PS[2], PERIOD_PS[4]]
    unsafe = [i for i, (p, c) in enumerate(segments) if points[p].frequency_ghz * 1.025 * longest[c] > 1e3 * (1 + 1e-9)]
    assert [v.segment for v in check(made, TABLE) if v.layer == "block 0 q"] == unsafe


def test_schedules_read_back_equal_and_write_the_same_bytes(tmp_path: Path) -> None:
    corners = small_table({"low": (1.0, 2.0), "high": (1.2, 1.0)})
    law = AlphaPower(0.5, 1.5, "by hand")
    fp16 = WeightSet("fp16", (), 0.3)
    made = (
        schedule([(0, 0), (2, 2)]),
        schedule([(0, 0)], raised_dvfs(corners, [FOURS], (), IVR, ASSUMED).dvfs),
        schedule([(0, 0)], replace(table_dvfs(TABLE, [FOURS], None, IVR, ASSUMED).dvfs, law=law)),
        replace(schedule([(2, 1)], read_dvfs("paper-gpu").dvfs), operand=fp16),
        schedule([(0, 0)], replace(table_dvfs(TABLE, [], None, IVR, ASSUMED).dvfs, allowed=(Allowed(values=(-1, 0)),))),
    )
    path = tmp_path / "schedule.json"
    write_schedules(path, made)
    assert read_schedules(path) == made
    text = path.read_bytes()
    write_schedules(path, read_schedules(path))
    assert path.read_bytes() == text
    data = json.loads(text)
    assert [s["dvfs"]["voltages"] for s in data["schedules"]] == ["iso", "raised", "iso", "raised", "iso"]
    assert [check(a, TABLE) for a in made[::2]] == [check(a, TABLE) for a in read_schedules(path)[::2]]


def test_a_schedule_is_made_of_costs() -> None:
    segments = (Segment(0, 0, 10, 1), Segment(2, 2, 20, 2))
    cost = LayerCost(segments, 1, 0, 1, 1, 1, 0.0, 1, 1, 1, 1, 1.0, "compute")
    bound = table_dvfs(TABLE, [EVEN, FOURS], None, IVR, ASSUMED)
    made = make_schedule("m", bound, CLASSES, OPERAND, [("q", cost, 3)])
    assert made.layers == (ScheduledLayer("q", segments, 3),)
    assert made.table_sha256 == table_hash(small_table())


def broken(change: Any, tmp_path: Path) -> Path:
    path = tmp_path / "schedule.json"
    write_schedules(path, [schedule([(0, 0)])])
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("keys", "value", "what"),
    [
        (["format"], "other", "holds no schedules"),
        (["schema"], 3, "written by a newer halo"),
        (["schema"], 1, "older than schema 2, the oldest that is read"),
        (["schema"], "1", "schema number '1' is not a whole number"),
        (["schedules"], {}, "schedules = {} is no list"),
        (["schedules", 0], 3, "the file, schedules 0 is no object"),
        (["schedules", 0, "table_sha256"], None, "schedules 0: table_sha256 is missing"),
        (["schedules", 0, "dvfs", "timing"], "guessed", "timing = 'guessed'"),
        (["schedules", 0, "dvfs", "periods"], None, "dvfs: periods is missing"),
        (["schedules", 0, "dvfs", "periods", 0, "ratios"], [0.5], "period of 0.5 times that of the table"),
        (["schedules", 0, "dvfs", "periods", 0, "weights"], [], "a period of no weights"),
        (["schedules", 0, "dvfs", "points", 0, "voltage_v"], None, "points 0: voltage_v is missing"),
        (["schedules", 0, "dvfs", "points", 0, "frequency_ghz"], "1", "frequency_ghz = '1' is no number"),
        (["schedules", 0, "dvfs", "points", 0, "weights"], "few", "weights are unclear"),
        (["schedules", 0, "dvfs", "points", 0, "frequency_ghz"], 9.0, "clocks of table tt do not rise"),
        (["schedules", 0, "classes", 0, "values"], [1.5], "values = 1.5 is no whole number"),
        (["schedules", 0, "layers", 0, "segments", 0, "point"], 7, "segment 0: operating point 7, of 3"),
        (["schedules", 0, "layers", 0, "segments", 0, "tile_class"], 3, "segment 0: class 3, of 3"),
        (["schedules", 0, "layers", 0, "segments", 0, "cycles"], -1, "segment 0: -1 cycles and 4 tiles"),
        (["schedules", 0, "layers", 0, "count"], 0, "never runs"),
        (["schedules", 0, "layers", 0, "segments"], [], "never runs"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, keys: list[Any], value: Any, what: str) -> None:
    def change(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        if value is None:
            del data[keys[-1]]
        else:
            data[keys[-1]] = value

    path = broken(change, tmp_path)
    with pytest.raises(HaloError, match=what) as caught:
        read_schedules(path)
    assert caught.value.path == str(path)


def test_files_of_version_0_1_0_are_refused(tmp_path: Path) -> None:
    """They carry ``version`` instead of ``schema``, and one margin where each set of weights needs its own period."""

    def change(data: Any) -> None:
        del data["schema"]
        data["version"] = 1

    with pytest.raises(HaloError, match=r"written by halo 0.1.0 \(schema 0\), older than schema 2") as caught:
        read_schedules(broken(change, tmp_path))
    assert caught.value.fix == "Score again with this version."


def test_no_file_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no such file"):
        read_schedules(tmp_path / "none.json")
    path = tmp_path / "schedule.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(HaloError, match="not JSON"):
        read_schedules(path)
    path.write_text('{"schema": 2, "format": "halo schedules", "schedules": [NaN]}', encoding="utf-8")
    with pytest.raises(HaloError, match="is no object"):
        read_schedules(path)
