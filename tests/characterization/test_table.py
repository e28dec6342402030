# SPDX-License-Identifier: Apache-2.0
"""The per-weight table against hand-worked clocks and classes, its two files, and every way it can be wrong."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo.characterization.classes import FrequencyClass, best_periods
from halo.characterization.columns import COLUMNS, NAMES
from halo.characterization.table import WeightTable, corner_rows, load_table
from halo.errors import HaloError

PERIODS = {-2: 800.0, -1: 1000.0, 0: 500.0, 1: 990.0, 2: 750.0}


def rows(corner: str = "tt", scale: float = 1.0, voltage: float = 1.8, **more: object) -> pd.DataFrame:
    period = np.array(list(PERIODS.values())) * scale
    columns: dict[str, object] = {"period_ps": period, "fmax_ghz": 1e3 / period, **more}
    return corner_rows(corner, voltage, 25.0, list(PERIODS), columns)  # type: ignore[arg-type]


def table(**more: object) -> WeightTable:
    return WeightTable(rows(**more))  # type: ignore[arg-type]


def test_columns_stand_in_the_published_order() -> None:
    published = (
        "corner voltage_v temperature_c weight delay_ps bound_ps static_ps mean_ps period_ps fmax_ghz energy_fj "
        "glitch_energy_fj leakage_nw power_uw transitions"
    )
    assert tuple(published.split()) == NAMES
    assert list(table().to_pandas().columns) == list(NAMES)
    assert all(c.meaning.endswith(".") for c in COLUMNS)


def test_csv_is_fixed_and_empty_where_not_computed() -> None:
    text = table(delay_ps=[700.0004, 899.9996, 0, 880, 650.1234567], transitions=65536, energy_fj=1234.56789).to_csv()
    lines = text.splitlines()
    assert lines[0] == ",".join(NAMES)
    assert lines[1] == "tt,1.8,25,-2,700.000,,,,800.000,1.25,1234.568,,,,65536"
    assert lines[2] == "tt,1.8,25,-1,900.000,,,,1000.000,1,1234.568,,,,65536"
    assert lines[3].split(",")[4] == "0.000"
    assert lines[4].split(",")[9] == "1.010101"
    assert text.endswith("\n") and "\r" not in text


def test_files_read_back_equal_and_write_the_same_bytes(tmp_path: Path) -> None:
    made = WeightTable(pd.concat([rows(delay_ps=math.pi * 100), rows("ss", 2 / 3, 1.62, transitions=4096)]))
    csv, parquet = made.write(tmp_path)
    for source in (tmp_path, csv, parquet):
        pd.testing.assert_frame_equal(load_table(source).to_pandas(), made.to_pandas())
        assert load_table(source).to_csv() == csv.read_text(encoding="utf-8")
    again = tmp_path / "again"
    again.mkdir()
    load_table(parquet).write(again)
    assert (again / "weights.csv").read_bytes() == csv.read_bytes()
    assert (again / "weights.parquet").read_bytes() == parquet.read_bytes()


def test_to_pandas_gives_a_copy() -> None:
    made = table()
    copy = made.to_pandas()
    copy["period_ps"] = 0.0
    assert made.to_pandas()["period_ps"].min() == 500.0


def test_fmax_is_the_clock_of_the_slowest_weight_for_each_corner() -> None:
    made = WeightTable(pd.concat([rows(), rows("ss", 2.0, 1.62)]))
    clocks = made.fmax([2, -2, 0])
    assert clocks.name == "fmax_ghz"
    assert clocks.to_dict() == {"tt": 1.25, "ss": 0.625}
    assert made.fmax([0])["tt"] == 2.0


def test_a_weight_with_no_period_at_all_is_safe_at_any_clock() -> None:
    period = np.array([800.0, 1000, 0, 990, 750])
    fmax = np.divide(1e3, period, out=np.full(5, np.nan), where=period > 0)
    made = table(period_ps=period, fmax_ghz=fmax)
    assert made.fmax([0])["tt"] == math.inf
    assert made.fmax([0, 2])["tt"] == pytest.approx(4 / 3, abs=1e-6)
    assert [c.weights for c in made.classes(targets_ghz=[1.3, 50.0])] == [(0, 2), (0,)]
    assert made.classes(5)[-1] == FrequencyClass(math.inf, (0,))


def test_classes_for_target_clocks_are_nested_and_name_their_own_clock() -> None:
    slow, middle, fast = table().classes(targets_ghz=[1.9, 1.0, 1.2])
    assert slow == FrequencyClass(1.0, (-2, -1, 0, 1, 2))
    assert middle == FrequencyClass(1.25, (-2, 0, 2))
    assert fast == FrequencyClass(2.0, (0,))


def test_two_classes_worked_by_hand() -> None:
    # Periods 500 | 750 800 | 990 1000. Fast group {500}: loss 0 + (250 + 200 + 10 + 0); {500, 750, 800}: 300 + 50 + 10.
    assert [c.weights for c in table().classes(2)] == [(-2, -1, 0, 1, 2), (-2, 0, 2)]
    assert [c.fmax_ghz for c in table().classes(3)] == [1.0, 1.25, 2.0]
    assert len(table().classes(99)) == 5


def test_classes_of_one_corner_of_several() -> None:
    made = WeightTable(pd.concat([rows(), rows("ss", 2.0, 1.62)]))
    assert made.classes(1, corner="ss") == (FrequencyClass(0.5, (-2, -1, 0, 1, 2)),)
    with pytest.raises(HaloError, match="several corners"):
        made.classes(1)
    with pytest.raises(HaloError, match="no corner 'ff'"):
        made.classes(1, corner="ff")


@given(st.lists(st.integers(1, 12).map(float), min_size=1, max_size=7), st.integers(1, 4))
def test_best_periods_lose_no_more_than_any_other_choice(periods: list[float], n: int) -> None:
    def loss(chosen: tuple[float, ...]) -> float:
        return sum(min(c for c in chosen if c >= p) - p for p in periods)

    chosen = best_periods(np.array(periods), n)
    distinct = sorted(set(periods))
    rivals = itertools.combinations(distinct[:-1], min(n, len(distinct)) - 1)
    assert chosen == sorted(chosen, reverse=True) and len(chosen) <= n
    assert loss(tuple(chosen)) == min(loss((*rival, distinct[-1])) for rival in rivals)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda t: t.fmax([]), "no weight is given"),
        (lambda t: t.fmax([7]), "no weight 7"),
        (lambda t: t.classes(), "either a number or target"),
        (lambda t: t.classes(2, targets_ghz=[1.0]), "either a number or target"),
        (lambda t: t.classes(0), "0 classes"),
        (lambda t: t.classes(targets_ghz=[]), "no target clock"),
        (lambda t: t.classes(targets_ghz=[2.5]), "no weight reaches"),
        (lambda t: FrequencyClass(1.0, ()), "ascending"),
        (lambda t: FrequencyClass(0.0, (1,)), "impossible"),
    ],
)
def test_questions_without_an_answer(call: object, what: str) -> None:
    with pytest.raises(HaloError, match=what):
        call(table())  # type: ignore[operator]


def test_clocks_are_not_made_up_where_no_period_was_computed() -> None:
    bare = WeightTable(corner_rows("tt", 1.8, 25.0, [0, 1], {"energy_fj": 3.0}))
    with pytest.raises(HaloError, match="without a period"):
        bare.fmax([0])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda f: f.drop(columns="mean_ps"), "'mean_ps' is missing"),
        (lambda f: f.assign(extra=1), "'extra' is missing or unknown"),
        (lambda f: f[[*NAMES[1:], "corner"]], "another order"),
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.assign(corner=[None, *["tt"] * 4]), "corner is empty"),
        (lambda f: f.assign(weight=[-2, None, 0, 1, 2]), "weight is empty"),
        (lambda f: f.assign(weight=[-2, 0.5, 1, 2, 3]), "weight is no whole number"),
        (lambda f: f.assign(transitions=0.5), "transitions is no whole number"),
        (lambda f: f.assign(energy_fj="much"), "energy_fj is no number"),
        (lambda f: f.assign(delay_ps=-1.0), "delay_ps is negative"),
        (lambda f: f.assign(leakage_nw=math.inf), "leakage_nw is infinite"),
        (lambda f: f.assign(delay_ps=600.0, bound_ps=599.9), "delay_ps is above bound_ps"),
        (lambda f: f.assign(energy_fj=1.0, glitch_energy_fj=1.1), "glitch_energy_fj is above"),
        (lambda f: f.assign(fmax_ghz=math.nan), "do not go together"),
        (lambda f: f.assign(fmax_ghz=1.0), "is not 1 / period_ps"),
        (lambda f: f.iloc[::-1], "do not ascend"),
        (lambda f: pd.concat([f, f]), "do not ascend"),
        (lambda f: pd.concat([f, f.assign(corner="ss").iloc[1:]]), "same weights"),
        (lambda f: f.assign(voltage_v=[1.8, 1.8, 1.8, 1.8, 1.7]), "two voltages"),
    ],
)
def test_a_broken_table_is_refused(change: object, what: str) -> None:
    with pytest.raises(HaloError, match=what):
        WeightTable(change(rows()))  # type: ignore[operator]


def test_an_exact_delay_may_equal_its_bound() -> None:
    assert table(delay_ps=600.0, bound_ps=600.0).weights == (-2, -1, 0, 1, 2)


def test_unknown_column_in_corner_rows() -> None:
    with pytest.raises(KeyError, match="speed"):
        corner_rows("tt", 1.8, 25.0, [0], {"speed": 1.0})


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("weights.csv", b"", "not a table"),
        ("weights.csv", b"a,b\n1,2\n", "'corner' is missing"),
        ("weights.csv", b"\xff\xfe\x00", "not a table"),
        ("weights.parquet", b"PAR1 but not really", "not a table"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(HaloError, match=what) as caught:
        load_table(file)
    assert caught.value.path == str(file)


def test_a_bad_value_is_refused_with_file_and_line(tmp_path: Path) -> None:
    csv, _ = table(delay_ps=1.0).write(tmp_path)
    csv.write_text(csv.read_text(encoding="utf-8").replace("1,1.000", "1,-1.000", 1), encoding="utf-8")
    with pytest.raises(HaloError, match="delay_ps is negative") as caught:
        load_table(tmp_path)
    assert (caught.value.path, caught.value.line) == (str(csv), 3)


@pytest.mark.parametrize("name", ["", "nothing.csv"])
def test_a_missing_table_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(HaloError, match=r"no table of weights here|no such file"):
        load_table(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", ["the file is damaged: it is no JSON", "Characterize again"]),
        ("[]", ["holds no JSON object"]),
        ('{"schema": 9, "halo": "7.0"}', ["was written by halo 7.0 (schema 9)", "Install the version"]),
    ],
)
def test_a_run_whose_record_cannot_be_read_is_not_taken(tmp_path: Path, text: str, words: list[str]) -> None:
    csv, _ = table().write(tmp_path)
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(HaloError) as caught:
        load_table(tmp_path)
    assert all(word in str(caught.value) for word in words) and caught.value.path == str(tmp_path / "run.json")
    assert load_table(csv).weights == (-2, -1, 0, 1, 2)


def test_a_table_shows_itself_in_a_line() -> None:
    assert repr(table()) == "<WeightTable: weights -2 to 2, corner tt>"
    both = WeightTable(pd.concat([rows(), rows("ss", 2)]))
    assert repr(both) == "<WeightTable: weights -2 to 2, corners tt, ss>"


def test_fixes_can_be_done() -> None:
    made = table(
        period_ps=[1000.0, 999.0, 998.0, 997.0, 996.03], fmax_ghz=[1.0, 1.001001, 1.002004, 1.003009, 1.003986]
    )
    with pytest.raises(HaloError, match=r"no weight reaches 9 GHz\nGive clocks up to 1\.003 GHz"):
        made.classes(targets_ghz=[9])
    assert made.classes(targets_ghz=[1.003])
    with pytest.raises(HaloError, match=r"no corner 'ff'\nName one of: tt\."):
        made.rows("ff")
    for call in (lambda: made.fmax(3), lambda: made.classes("two"), lambda: made.classes(targets_ghz=1.0)):  # type: ignore
        with pytest.raises(HaloError, match=r"WeightTable\.\w+: \w+ is "):
            call()
