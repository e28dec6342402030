# SPDX-License-Identifier: Apache-2.0
"""What ``halo explore`` prints: the front, what does not count, and the chosen design.

Tests: tests/report/test_explore.py.
"""

from __future__ import annotations

import pandas as pd

from halo.flow.explore import CHOSEN, ExploreResult
from halo.report.model import Report, Section, Table, closing

_ROWS = 20
_REASON = 240


def explore_report(run: ExploreResult) -> Report:
    """Report of a run of ``halo explore``."""
    frame = run.frame
    counting = frame[frame["reason"] == ""]
    title = f"{len(frame):,} candidates, {len(counting):,} of them proven, {int(frame['pareto'].sum()):,} on the front"
    head = [f"{run.new:,} evaluated now, {len(frame) - run.new:,} known from earlier runs", f"chosen: {run.chosen}"]
    sections = [Section("", head), _front(counting)]
    failed = frame[frame["reason"] != ""]
    if len(failed):
        sections.append(_failed(failed))
    files = sorted(path for path in run.run_folder.iterdir() if path.is_file())
    plots = sorted((run.run_folder / "plots").glob("*.png"))
    return Report(title, [*sections, *closing(run.assumptions, [*files, run.run_folder / CHOSEN], plots)])


def _front(counting: pd.DataFrame) -> Section:
    front = counting[counting["pareto"]]
    rows = [
        (
            str(row["candidate"]),
            str(row["kind"]).replace("_", "-"),
            f"{row['area_um2']:,.4g}" if row["area_um2"] < 1e4 else f"{row['area_um2']:,.0f}",
            f"{row['period_all_ps']:,.0f}",
            f"{row['period_class_ps']:,.0f}",
            f"{row['energy_all_fj']:,.0f}",
            f"{row['energy_class_fj']:,.0f}",
            f"{row['macs_per_s_um2_all'] / 1e3:,.4g}",
            f"{row['macs_per_s_um2_class'] / 1e3:,.4g}",
        )
        for _, row in front.head(_ROWS).iterrows()
    ]
    table = Table(
        ("candidate", "kind", "area", "clock", "class", "energy", "class", "MAC/s/area", "class"),
        rows,
        "llr",
        ("", "", "um2", "ps", "ps", "fJ", "fJ", "10^3", "10^3"),
    )
    more = len(front) - _ROWS
    return Section("front, best first", [table, *([f"and {more} more in candidates.csv"] if more > 0 else [])])


def _failed(failed: pd.DataFrame) -> Section:
    rows = [
        (str(row["candidate"]), reason if len(reason := str(row["reason"])) <= _REASON else f"{reason[:_REASON]}...")
        for _, row in failed.head(_ROWS).iterrows()
    ]
    return Section("do not count", [Table(("candidate", "reason"), rows, "ll")])
