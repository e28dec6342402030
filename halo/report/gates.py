# SPDX-License-Identifier: Apache-2.0
"""What ``halo sim NAME --gates`` prints: the class, its clock and every trial.

Tests: tests/flow/gate_level/test_proof.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from halo.flow.gate_level.proof import GatesResult
from halo.report.model import Block, Report, Section, Table, closing

_HEAD = ("trial", "period ps", "cycles", "wrong", "late", "needed ps", "as it must")


def gates_report(run: GatesResult) -> Report:
    """Report of a run of ``halo sim NAME --gates``."""
    results, clock = run.record.results, run.record.results["class"]
    trials = [
        (
            str(row["trial"]),
            f"{row['period_ps']:,.1f}",
            *(f"{row[name]:,}" for name in ("cycles", "wrong", "late")),
            f"{row['needed_ps']:,.1f}",
            "yes" if row["passed"] else "NO",
        )
        for _, row in run.trials.iterrows()
    ]
    blocks: list[Block] = [*_clocks(clock), "", Table(_HEAD, trials, "lrrrrrl")]
    files = sorted(path for path in run.run_folder.rglob("*") if path.is_file())
    title = f"{results['design']}: {results['gates']:,} gates, {results['registers']:,} registers"
    return Report(title, [Section("", blocks), *closing(run.record.assumptions, files)])


def _clocks(clock: Mapping[str, Any]) -> list[str]:
    """The class and the periods that were calculated, of an element or of a whole unit."""
    said = f"class of {len(clock['weights'])} weights: {', '.join(str(w) for w in clock['weights'])}"
    played = f"{clock['period_ps']:,.1f} ps"
    if "rest_ps" in clock:
        return [
            said,
            f"proven periods: {clock['rest_ps']:,.1f} ps with weights at rest, {clock['swap_ps']:,.1f} ps with a swap "
            f"in any slot; played at {played}, {clock['gap']} clocks from a swap to its first activation",
            f"swap to or from another class: {clock['settle']} clocks until an activation that counts",
        ]
    if clock["class_ps"] is None:
        return [f"proven period: {clock['any_ps']:,.1f} ps; played at {played}"]
    return [
        said,
        f"proven periods: {clock['any_ps']:,.1f} ps with any weight (class 0), {clock['class_ps']:,.1f} ps with those "
        f"of the class, swapped in any slot (class 1), which is played at {played}",
    ]
