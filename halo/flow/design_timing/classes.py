# SPDX-License-Identifier: Apache-2.0
"""Which clocks of a per-weight table a design keeps, outside of the elements that the table was made for.

Static timing takes every weight at once, and every path as if it were used. The table knows better for the MAC: it
limits its paths weight by weight. So the blocks that hold the MAC and its registers are left to the table, where they
are named, and the rest of the design is held against each clock.

Tests: tests/flow/test_timing.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from halo.characterization.table import load_table
from halo.dvfs.files import preset
from halo.dvfs.periods import AssumedPeriods
from halo.dvfs.table_points import table_dvfs
from halo.flow.design_timing.blocks import require_match
from halo.flow.design_timing.columns import CLASS_COLUMNS
from halo.flow.gate_level.table_periods import table_periods
from halo.flow.runs.provenance import read_record
from halo.flow.runs.runfolder import RECORD
from halo.flow.scoring.methods import stated_method
from halo.flow.scoring.stated import METHODS
from halo.progress import Progress
from halo.timing.static.design import DesignTiming

_KV_BITS = 8
_ALL = "all weights"


def class_rows(
    timing: DesignTiming,
    endpoints: pd.DataFrame,
    run: Path,
    corner: str | None,
    element: Sequence[str],
    report: Progress,
) -> tuple[pd.DataFrame, list[str]]:
    """A row for each clock of the table, the slowest first, and what they rest on.

    Clocks are those of ``halo score --dvfs table``: of all weights and of the value sets of its integer methods.

    Args:
        timing: of the design.
        endpoints: its rows.
        run: of ``halo characterize``, or its table.
        corner: of the table; None: its only one.
        element: blocks, as shell patterns, whose setup the table vouches for.
        report: told about progress.

    Raises:
        HaloError: no table, several corners, or a pattern that no block matches.
    """
    table = load_table(run)
    known = set(table.weights)
    sets: dict[str, tuple[int, ...]] = {_ALL: tuple(table.weights)}
    for name, stated in METHODS.items():
        if stated.operand == "int8":
            chosen = (own for own in stated_method(name, "", _KV_BITS).blocks.sets if known.issuperset(own.values))
            sets |= {own.name: own.values for own in chosen}
    periods = table_periods(run, report)
    bound = table_dvfs(table, list(sets.values()), corner, preset("ivr"), periods)
    clocks = {name: bound.clock_ghz(values, bound.dvfs.points[0].voltage_v) for name, values in sets.items()}
    vouched = _vouched(endpoints, element)
    counted = endpoints[~vouched]
    ours = np.isin(np.array(timing.ends.name), counted["endpoint"].to_numpy())
    theirs = np.isin(np.array(timing.ends.name), endpoints["endpoint"].to_numpy())
    rows = []
    for point in bound.dvfs.points:
        period_s = 1e-9 / point.frequency_ghz
        setup, hold = (timing.worst(paths, period_s)[0] for paths in (timing.late, timing.early))
        late, early = _least(setup, ours), _least(hold, theirs)
        at, slack = ("", float("nan")) if late is None else (timing.ends.name[late], float(setup[late]) * 1e12)
        first = ("", float("nan")) if early is None else (timing.ends.name[early], float(hold[early]) * 1e12)
        hold_at, hold_slack = first
        setup_kept, hold_kept = not slack < 0, not hold_slack < 0
        rows.append(
            {
                "class": point.name,
                "weights": "; ".join(n for n, c in clocks.items() if np.isclose(c, point.frequency_ghz, rtol=1e-9)),
                "period_ps": period_s * 1e12,
                "period_basis": "assumed" if isinstance(periods, AssumedPeriods) else "computed",
                "setup_slack_ps": slack,
                "setup_endpoint": at,
                "hold_slack_ps": hold_slack,
                "hold_endpoint": hold_at,
                "setup_kept": setup_kept,
                "hold_kept": hold_kept,
                "kept": setup_kept and hold_kept,
            }
        )
    return pd.DataFrame(rows, columns=[column.name for column in CLASS_COLUMNS]), [
        f"Clocks are those that halo score keeps with {run}: {periods.source}.",
        *periods.assumptions,
        *_said(vouched, element),
        *_libraries(timing, run),
    ]


def _least(slack: np.ndarray, counted: np.ndarray) -> int | None:
    """Index of the least slack of the endpoints that count; None where there is none."""
    values = np.where(counted & ~np.isnan(slack), slack, np.inf)
    return None if not len(values) or np.isinf(values.min()) else int(values.argmin())


def _vouched(endpoints: pd.DataFrame, element: Sequence[str]) -> np.ndarray:
    """Endpoints in blocks that match a pattern: bool[rows]."""
    blocks = endpoints["block"].unique()
    found = set().union(*(require_match(pattern, list(blocks)) for pattern in element))
    return endpoints["block"].isin(found).to_numpy()


def _said(vouched: np.ndarray, element: Sequence[str]) -> list[str]:
    if element:
        return [
            f"The setup of {int(vouched.sum())} endpoints in the blocks {', '.join(element)} is what the table vouches "
            "for: they are left out of the setup of its clocks, and hold there counts."
        ]
    return ["No element is named: the paths through the MAC count for its clocks as if any weight could take any path."]


def _libraries(timing: DesignTiming, run: Path) -> list[str]:
    """A sentence where the table was made with other Liberty files than the design was timed with."""
    if not (run / RECORD).is_file():
        return ["The table names no library: whether it is of the design's cells is not known."]
    known = {file.sha256 for file in read_record(run).inputs}
    if set(timing.library.sha256) & known:
        return []
    return ["The table was made with other Liberty files than those of the design."]
