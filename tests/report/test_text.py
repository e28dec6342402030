# SPDX-License-Identifier: Apache-2.0
"""The text of a report: what stands where, and how columns line up."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.report.model import Bullets, Report, Section, Table, closing, four_digits, scaled
from halo.report.text import render


def test_a_report_by_hand() -> None:
    table = Table(("method", "time", "clock"), [("w8a8", "9 s", "1.5"), ("w4", "10 s", "22")], "lrl", ("", "", "GHz"))
    body = Section("", ["first line", "", table])
    end = closing(["It is so."], [Path("run/a.csv")])
    assert render(Report("mac: done", [body, *end])).splitlines() == [
        "mac: done",
        "  first line",
        "",
        "  method  time  clock",
        "                GHz",
        "  w8a8     9 s  1.5",
        "  w4      10 s  22",
        "",
        "assumptions",
        "  - It is so.",
        "",
        "files",
        "  run/a.csv",
    ]


def test_without_a_headline_or_headings() -> None:
    one, two = Section("a", [Table((), [("x", "1")])]), Section("b", [Bullets(["y"]), "two\nlines"])
    assert render(Report("", [one, two])) == "a\n  x  1\n\nb\n  - y\n  two\n  lines"
    assert closing([], []) == [] and render(Report("t", [])) == "t"


def test_a_table_needs_one_cell_a_column() -> None:
    with pytest.raises(ValueError, match="one cell"):
        Table(("a", "b"), [("x",)])
    with pytest.raises(ValueError, match="alignment"):
        Table((), [], "c")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0015, "1.500 ms"), (12345.0, "12.35 ks"), (1.0, "1.000 s"), (0.0, "0 s")]
)
def test_si_prefixes(value: float, text: str) -> None:
    assert scaled(value, "s") == text


def test_four_digits_keep_their_zeros() -> None:
    assert [four_digits(v) for v in (0.374, 0.3666, 12.5, 999.96, 1000.0, 0.0)] == [
        *("0.3740", "0.3666", "12.50", "1000", "1000", "0"),
    ]
    assert scaled(1.5e-3, "s") == "1.500 ms"
