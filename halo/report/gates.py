# SPDX-License-Identifier: Apache-2.0
"""What ``halo sim NAME --gates`` prints: the class, its clock and every trial.

Tests: tests/flow/gate_level/test_proof.py.
"""

from __future__ import annotations

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
    blocks: list[Block] = [
        f"class of {len(clock['weights'])} weights: {', '.join(str(w) for w in clock['weights'])}",
        f"proven periods: {clock['rest_ps']:,.1f} ps with weights at rest, {clock['swap_ps']:,.1f} ps with a swap in "
        f"any slot; played at {clock['period_ps']:,.1f} ps, {clock['gap']} clocks from a swap to its first activation",
        f"swap to or from another class: {clock['settle']} clocks until an activation that counts",
        "",
        Table(_HEAD, trials, "lrrrrrl"),
    ]
    files = sorted(path for path in run.run_folder.rglob("*") if path.is_file())
    title = f"{results['design']}: {results['gates']:,} gates, {results['registers']:,} registers"
    return Report(title, [Section("", blocks), *closing(run.record.assumptions, files)])
