# SPDX-License-Identifier: Apache-2.0
"""The columns of score.csv: declared once, found by their headers."""

from __future__ import annotations

import pytest

from halo.flow.scoring.columns import COLUMNS, POINT, column, headers, is_header, summed_headers


def test_headers_of_two_points() -> None:
    assert headers(["slow", "fast"])[7:15] == [
        *("cycles", "cycles_slow", "cycles_fast", "compute_ps", "time_slow_ps", "time_fast_ps"),
        *("stall_ps", "transition_ps"),
    ]
    assert len(headers(["slow", "fast"])) == len(COLUMNS) + 2 == len(headers([])) + 4


def test_each_header_leads_to_its_declaration() -> None:
    for header in headers(["slow", "fast"]):
        assert column(header).name in (header, header.replace("slow", POINT).replace("fast", POINT))
    assert column("time_ps").name == "time_ps" and column("time_middle1_ps").name == f"time_{POINT}_ps"
    assert column("cycles").name == "cycles" and column("cycles_fp16").name == f"cycles_{POINT}"
    assert not is_header("watts") and not is_header("cycles_")
    with pytest.raises(KeyError):
        column("watts")


def test_units_stand_in_the_names_and_sums_are_whole() -> None:
    for own in COLUMNS:
        assert own.meaning.endswith(".")
        for unit, ending in (("ps", "_ps"), ("pJ", "_pj"), ("B", "_bytes")):
            assert (own.unit == unit) == own.name.endswith(ending)
        assert own.kind == "whole" or not own.summed
    assert set(summed_headers(["slow"])) < set(headers(["slow"]))
