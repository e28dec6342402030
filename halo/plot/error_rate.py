# SPDX-License-Identifier: Apache-2.0
"""How often results are wrong when the clock is too fast for a weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from halo.characterization.classes import trailing_zeros
from halo.errors import HaloError
from halo.plot.style import ACCENT, NOTE, WIDTH_IN, publication, signed, title, zero_colours


@publication
def error_rate(rates: pd.DataFrame, class_period_ps: float | None = None, subject: str = "") -> Figure:
    """Share of wrong results (%) over the clock period (ns), one line per weight.

    Below, for each weight: from the slowest transition found (filled) to the settle bound (open), registers included.

    Args:
        rates: columns ``weight``, ``period_ps``, ``error_rate``, ``bound_ps`` and ``slowest_ps`` (NaN: unknown).
        class_period_ps: period of the frequency class, drawn as a line.
        subject: what was played, for the title.

    Raises:
        HaloError: no rows.
    """
    if rates.empty:
        raise HaloError("there are no error rates to draw", "Play some clock periods.")
    weights = list(dict.fromkeys(int(w) for w in rates["weight"]))
    zeros = trailing_zeros(np.array(weights))
    palette = zero_colours(zeros)
    repeated = len(set(zeros.tolist())) < len(zeros)
    colours = [f"C{i}" for i in range(len(weights))] if repeated else [palette[int(z)] for z in zeros]
    figure = Figure(figsize=(WIDTH_IN, 3.6))
    axes, marks = figure.subplots(2, 1, sharex=True, height_ratios=(4, 0.35 + 0.25 * len(weights)))
    for place, (weight, colour) in enumerate(zip(weights, colours, strict=True)):
        rows = rates[rates["weight"] == weight].sort_values("period_ps")
        period = rows["period_ps"].to_numpy(dtype=np.float64) / 1e3
        rate = 100.0 * rows["error_rate"].to_numpy(dtype=np.float64)
        axes.plot(period, rate, color=colour, linewidth=1.2, marker="o", markersize=3, label=f"weight {signed(weight)}")
        slowest, bound = (float(rows[name].iloc[0]) / 1e3 for name in ("slowest_ps", "bound_ps"))
        if np.isfinite(slowest):
            marks.plot([slowest, bound], [-place, -place], color=colour, linewidth=1.0)
            marks.plot(slowest, -place, marker="o", markersize=4, color=colour)
        marks.plot(bound, -place, marker="o", markersize=4, color=colour, markerfacecolor="white")
    if class_period_ps is not None:
        for panel in (axes, marks):
            panel.axvline(class_period_ps / 1e3, color=ACCENT, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        axes.annotate(
            f"class clock {class_period_ps / 1e3:.3f} ns",
            (class_period_ps / 1e3, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -2),
            textcoords="offset points",
            va="top",
            color=ACCENT,
            fontsize=7.5,
        )
    axes.set_ylim(-3.0, 103.0)
    axes.set_ylabel("wrong results (%)")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    marks.set_ylim(0.6 - len(weights), 0.6)
    marks.set_yticks([])
    marks.set_xlabel("clock period (ns)")
    marks.annotate(
        "● slowest found\n○ settle bound" if rates["slowest_ps"].notna().any() else "○ settle bound",
        (1.0, 0.5),
        xycoords="axes fraction",
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        color=NOTE,
        fontsize=7.0,
    )
    title(axes, "Wrong results over the clock period", subject)
    return figure


def draw_error_rate(run_folder: Path) -> Path:
    """Draw the figure of a gate-level run into its folder.

    Raises:
        HaloError: no such run.
    """
    from halo.flow.gate_level.proof import ERROR_RATES
    from halo.flow.runs.provenance import read_record

    record = read_record(run_folder)
    rates = pd.read_csv(run_folder / ERROR_RATES)
    path = run_folder / "plots" / "error_rate.png"
    path.parent.mkdir(exist_ok=True)
    subject = f"{record.results['design']}, {record.results['gates']:,} gates with delays"
    error_rate(rates, record.results["class"]["period_ps"], subject).savefig(path)
    return path
