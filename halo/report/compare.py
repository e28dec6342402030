# SPDX-License-Identifier: Apache-2.0
"""What ``halo compare`` prints: runs side by side.

Tests: tests/flow/test_compare.py.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from halo.flow.compare import CompareResult
from halo.report.model import Report, Section, Table, closing, four_digits

_HEAD = (
    "run",
    "top",
    "corner",
    "weights",
    "number",
    "cells",
    "registers",
    "area",
    "period",
    "energy",
    "throughput",
    "energy x",
)
_UNITS = ("", "", "", "", "", "", "", "um2", "ps", "fJ/MAC", "MAC/s/um2", "period pJ ns")


def compare_report(result: CompareResult) -> Report:
    """Report of ``halo compare``; a dash where a run does not know a number."""
    lines = [
        (
            *(str(row[name]) for name in ("run", "top", "corner", "weights")),
            *(_text(row[name], ",.0f") for name in ("count", "cells", "registers")),
            _text(row["area_um2"], ",.5g"),
            _text(row["period_ps"], ",.1f"),
            _text(row["energy_fj"], ",.5g"),
            _density(row["macs_per_s_um2"]),
            _text(row["energy_period_pj_ns"], ""),
        )
        for _, row in result.rows.iterrows()
    ]
    table = Table(_HEAD, lines, "llllr", _UNITS)
    return Report("", [Section("", [table]), *closing(result.assumptions, [] if result.csv is None else [result.csv])])


def _text(value: Any, style: str) -> str:
    if pd.isna(value):
        return "-"
    return format(value, style) if style else four_digits(float(value))


def _density(value: Any) -> str:
    if pd.isna(value):
        return "-"
    return f"{value / 1e6:,.4g} M" if value >= 1e6 else f"{value / 1e3:,.4g} k"
