# SPDX-License-Identifier: Apache-2.0
"""Rows of ``candidates.csv`` from figures, the front, and the choice of one design.

Tests: tests/flow/exploring/test_rows.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from halo.errors import HaloError
from halo.flow.exploring.candidate import Candidate
from halo.flow.exploring.codebook import Histogram, rounding_error
from halo.flow.exploring.columns import NAMES
from halo.flow.exploring.evaluation import Figures
from halo.flow.exploring.pareto import front
from halo.flow.exploring.search import Objectives

AWARE = 1.15
"""Ratio of clocks from which a design counts as weight-aware."""
OBJECTIVES = ("throughput", "class-throughput", "energy", "class-energy")
_COLUMNS = {
    "throughput": ("macs_per_s_um2_all", False),
    "class-throughput": ("macs_per_s_um2_class", False),
    "energy": ("energy_all_fj", True),
    "class-energy": ("energy_class_fj", True),
}
_COUNTS = ("cells", "registers", "clocks", "passes_all", "passes_class", "macs_class", "fast_weights")


def row(candidate: Candidate, figures: Figures, library: str, weights: Histogram | None) -> dict[str, Any]:
    """One row; ``pareto`` and ``chosen`` are still open."""
    f = figures
    values: dict[str, Any] = dict.fromkeys(NAMES)
    values |= asdict(candidate.structure) | {
        "candidate": candidate.name,
        "kind": kind(f),
        "library": library,
        "area_um2": f.area,
        "file": candidate.file,
        "pareto": False,
        "chosen": False,
    }
    values |= {name: getattr(f, name) for name in NAMES if hasattr(f, name)}
    if f.periods_ps and f.period_class_ps is not None and f.period_all_ps is not None and f.area:
        fast = [w for w, p in zip(_held(f), f.periods_ps, strict=True) if p <= f.period_class_ps]
        if f.macs_class > 1:  # others keep the clock, and take an element for themselves
            fast = list(range(-8, 8))
        found = objectives(f)
        values |= {
            "clock_ratio": round(f.period_all_ps / f.period_class_ps, 4),
            "macs_per_s_um2_all": round(found[0], 3),
            "macs_per_s_um2_class": round(found[1], 3),
            "fast_weights": len(fast),
            "error": None if weights is None else round(rounding_error(weights, fast), 6),
        }
    return values


def kind(figures: Figures) -> str:
    """Conventional, weight_aware, low_bit or pairs; empty where nothing is known."""
    f = figures
    if f.passes_all is None or f.period_all_ps is None or f.period_class_ps is None:
        return ""
    if f.passes_all > 1:
        return "low_bit"
    if f.macs_class > 1:
        return "pairs"
    return "weight_aware" if f.period_all_ps >= AWARE * f.period_class_ps else "conventional"


def objectives(figures: Figures) -> Objectives:
    """What a search trades against each other.

    Args:
        figures: of a candidate that counts.
    """
    f = figures
    assert f.area and f.period_all_ps and f.period_class_ps and f.passes_all and f.passes_class
    assert f.energy_all_fj is not None and f.energy_class_fj is not None
    return (
        1e12 / (f.period_all_ps * f.passes_all * f.area),
        1e12 * f.macs_class / (f.period_class_ps * f.passes_class * f.area),
        f.energy_all_fj,
        f.energy_class_fj,
    )


def table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """All rows, those on the front marked; by throughput with any weight, those that do not count last."""
    frame = pd.DataFrame(rows, columns=list(NAMES))
    counts = frame["reason"] == ""
    costs = np.column_stack(
        [
            np.where(counts, frame[name].astype(float), np.nan) * (1 if least else -1)
            for name, least in _COLUMNS.values()
        ]
    )
    frame["pareto"] = front(costs)
    for name in _COUNTS:
        frame[name] = frame[name].astype("Int64")
    frame["counts"] = counts
    frame = frame.sort_values(
        ["counts", "macs_per_s_um2_all", "candidate"], ascending=[False, False, True], kind="stable"
    )
    return frame.drop(columns="counts").reset_index(drop=True)


def periods(found: Sequence[tuple[Candidate, Figures]], frame: pd.DataFrame) -> pd.DataFrame:
    """Period of each weight that the ports of a candidate hold, for those of a table that count, in its order."""
    known = {candidate.name: figures for candidate, figures in found}
    names = [name for name in frame["candidate"] if not known[name].reason]
    parts = [
        pd.DataFrame({"candidate": name, "weight": _held(known[name]), "period_ps": known[name].periods_ps})
        for name in names
    ]
    return pd.concat(parts, ignore_index=True)


def choose(frame: pd.DataFrame, wanted: str) -> int:
    """Index of the row that is best by an objective, or has that name.

    Raises:
        HaloError: no row counts, or the name is none of one that does.
    """
    counting = frame[frame["reason"] == ""]
    if counting.empty:
        some = "; ".join(dict.fromkeys(frame["reason"].head(3)))
        raise HaloError(f"no candidate counts: {some}", "Try other options, or mend the candidate's Verilog.")
    if wanted in _COLUMNS:
        name, least = _COLUMNS[wanted]
        best = counting[counting["pareto"]][name].astype(float)
        values = best.to_numpy()
        return int(best.index.to_numpy()[values.argmin() if least else values.argmax()])
    found = counting.index[counting["candidate"] == wanted]
    if not len(found):
        raise HaloError(
            f"no candidate that counts is called {wanted}",
            f"Choose one of {', '.join(OBJECTIVES)}, or a name from candidates.csv such as "
            f"{counting['candidate'].iloc[0]}.",
        )
    return int(found[0])


def _held(figures: Figures) -> range:
    """The weights that the periods belong to: all that so many bits hold, signed."""
    half = len(figures.periods_ps) // 2
    return range(-half, half)
