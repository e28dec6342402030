# SPDX-License-Identifier: Apache-2.0
"""What ``halo timing`` prints: the shortest period, the slowest blocks and their paths, and the clocks of a table.

Tests: tests/flow/test_timing.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from halo.flow.timing import TimingResult
from halo.report.model import Report, Section, Table, closing

_BLOCKS = 12
_NAME = 56


def timing_report(run: TimingResult) -> Report:
    """Report of a run of ``halo timing``."""
    title = (
        f"{run.design}: shortest clock period {_ps(run.period_ps)} ps ({1e3 * run.fmax_ghz:,.4g} MHz), "
        f"worst hold slack {_ps(run.hold_slack_ps)} ps"
    )
    head = [run.clock, f"{run.gates:,} gates, {run.registers:,} registers, {len(run.endpoints):,} endpoints"]
    if run.asked_ps != run.period_ps:
        slack = run.asked_ps - run.period_ps
        head.append(f"at {_ps(run.asked_ps)} ps: setup is {'kept' if slack >= 0 else 'NOT kept'}")
    sections = [Section("", head), _blocks(run.blocks), *_paths(run)]
    if run.classes is not None:
        sections.append(_classes(run.classes))
    files = sorted(path for path in run.run_folder.iterdir() if path.is_file())
    return Report(title, [*sections, *closing(run.assumptions, files)])


def _blocks(blocks: pd.DataFrame) -> Section:
    rows = [
        (
            _short(row["block"]),
            f"{row['endpoints']:,}",
            _ps(row["period_ps"]),
            _ps(row["slack_ps"]),
            _ps(row["hold_slack_ps"]),
            _short(row["endpoint"].removeprefix(f"{row['block']}.")),
            _short(row["startpoint"]),
        )
        for _, row in blocks.head(_BLOCKS).iterrows()
    ]
    table = Table(
        ("block", "ends", "period", "slack", "hold slack", "slowest endpoint", "from"),
        rows,
        "lrrrrl",
        ("", "", "ps", "ps", "ps", "", ""),
    )
    more = len(blocks) - _BLOCKS
    return Section("slowest blocks", [table, *([f"and {more} blocks more"] if more > 0 else [])])


def _paths(run: TimingResult) -> Iterator[Section]:
    for number, row in run.blocks.head(run.worst).iterrows():
        steps = run.paths[run.paths["block"] == row["block"]]
        rows = [
            (
                _short(step["instance"]) or "(port)",
                step["cell"],
                f"{step['input']} > {step['output']}" if step["cell"] else "",
                step["edge"],
                _short(step["net"]),
                f"{step['fanout']:,}",
                f"{step['load_ff']:,.4g}",
                f"{step['delay_ps']:,.1f}",
                f"{step['arrival_ps']:,.1f}",
            )
            for _, step in steps.iterrows()
        ]
        end = run.endpoints[run.endpoints["endpoint"] == row["endpoint"]].iloc[0]
        table = Table(
            ("instance", "cell", "pins", "edge", "net", "fan-out", "load", "delay", "arrival"),
            rows,
            "lllllrrrr",
            ("", "", "", "", "", "", "fF", "ps", "ps"),
        )
        last = (
            f"setup {end['setup_ps']:,.1f} ps, launched at the {end['launch']}, taken at the {end['capture']} of the "
            f"clock: period {_ps(end['period_ps'])} ps"
        )
        yield Section(f"path {int(str(number)) + 1}: to {row['endpoint']}", [table, last])


def _classes(classes: pd.DataFrame) -> Section:
    rows = [
        (
            row["class"],
            row["weights"],
            _ps(row["period_ps"]),
            _ps(row["setup_slack_ps"]),
            _ps(row["hold_slack_ps"]),
            row["period_basis"],
            "yes" if row["kept"] else "NO",
            _short(row["setup_endpoint"]),
        )
        for _, row in classes.iterrows()
    ]
    head = ("class", "weights", "period", "setup slack", "hold slack", "period is", "kept", "least setup at")
    table = Table(head, rows, "llrrrlll", ("", "", "ps", "ps", "ps", "", "", ""))
    bare = (classes["period_basis"] == "assumed").any()
    said = ["Kept is a clock that the design allows. These clocks are assumed: weights may need longer when swapped."]
    return Section("clocks of the table", [table, *(said if bare else [])])


def _ps(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.1f}"


def _short(name: str) -> str:
    """A long hierarchical name by its end."""
    return name if len(name) <= _NAME else f"...{name[3 - _NAME :]}"
