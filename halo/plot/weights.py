# SPDX-License-Identifier: Apache-2.0
"""Clock and energy of each weight, over the weight's value.

Tests: tests/plot/test_figures.py.
"""

from __future__ import annotations

from functools import partial
from textwrap import fill

import numpy as np
from matplotlib import colors as mcolors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import StrMethodFormatter

from halo.characterization.classes import trailing_zeros
from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.plot.style import (
    ACCENT,
    GREY,
    NOTE,
    WIDTH_IN,
    lighter,
    publication,
    title,
    weight_axis,
    zero_colours,
    zeros_legend,
)


@publication
def frequency_per_weight(table: WeightTable, corner: str | None = None, subject: str = "", note: str = "") -> Figure:
    """Highest safe clock (GHz) of each weight, coloured by trailing zeros; stems start at the clock safe for all.

    The right axis counts in that clock. The weight zero, which may be far faster than any other, is named at the top
    edge where it would squeeze the rest.

    Args:
        table: the weights.
        corner: which one; may be left out where there is only one.
        subject: what was characterized, for the title.
        note: what the clock rests on and includes, written below.

    Raises:
        HaloError: no frequencies in the table.
    """
    rows = table.rows(corner)
    weights = rows["weight"].to_numpy(dtype=np.int64)
    clocks = rows["fmax_ghz"].to_numpy(dtype=np.float64)
    shown = np.isfinite(clocks) & (weights != 0)
    if not shown.any():
        raise HaloError("the table holds no clocks to draw", "Characterize with any --method.")
    zeros = trailing_zeros(weights)
    colours = zero_colours(zeros)
    shades = np.array([mcolors.to_hex(colours[int(z)]) for z in zeros])
    slowest, fastest = float(np.nanmin(clocks)), float(clocks[shown].max())
    span = max(fastest - slowest, 0.02 * slowest)
    figure = Figure(figsize=(WIDTH_IN, 3.3 if note else 3.0))
    axes = figure.subplots()
    zero = rows.loc[rows["weight"] == 0, ["fmax_ghz", "period_ps"]]
    if not zero.empty:
        clock, period = float(zero["fmax_ghz"].iloc[0]), float(zero["period_ps"].iloc[0])
        if clock <= fastest + 0.3 * span:
            shown |= weights == 0
            fastest = max(fastest, clock)
        elif clock > 0 or period == 0:
            _mark_zero(axes, f"weight 0: {clock:,.4g} GHz" if clock > 0 else "weight 0: any clock")
    axes.axhline(slowest, color=ACCENT, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    axes.vlines(weights[shown], slowest, clocks[shown], colors=list(shades[shown]), linewidth=1.0, zorder=2)
    axes.scatter(weights[shown], clocks[shown], s=9, c=list(shades[shown]), linewidths=0, zorder=3)
    axes.set_ylim(slowest - 0.14 * span, fastest + 0.08 * span)
    axes.annotate(
        f"safe for every weight: {slowest:.4g} GHz",
        (1.0, slowest),
        xycoords=("axes fraction", "data"),
        xytext=(-2, -3),
        textcoords="offset points",
        ha="right",
        va="top",
        color=ACCENT,
        fontsize=7.5,
    )
    weight_axis(axes, weights)
    axes.set_ylabel("highest safe clock (GHz)")
    relative = axes.secondary_yaxis(
        "right", functions=(partial(np.multiply, 1 / slowest), partial(np.multiply, slowest))
    )
    relative.set_ylabel("× the clock safe for all")
    if note:
        axes.annotate(
            fill(note, 115),
            (0.0, 0.0),
            xycoords="axes fraction",
            xytext=(0, -32),
            textcoords="offset points",
            va="top",
            color=NOTE,
            fontsize=6.5,
        )
    title(axes, "Clock per weight", subject)
    zeros_legend(figure, colours)
    return figure


@publication
def energy_per_weight(table: WeightTable, corner: str | None = None, subject: str = "") -> Figure:
    """Mean energy of a transition (fJ or pJ) for each weight, with the share of glitches as a lighter top.

    Args:
        table: the weights.
        corner: which one; may be left out where there is only one.
        subject: what was characterized, for the title.

    Raises:
        HaloError: no energies in the table.
    """
    rows = table.rows(corner)
    rows = rows[rows["energy_fj"].notna()]
    if rows.empty:
        raise HaloError(
            "the table holds no energies to draw", "Characterize with --method exact and a library with power tables."
        )
    weights, energy = rows["weight"].to_numpy(dtype=np.int64), rows["energy_fj"].to_numpy(dtype=np.float64)
    glitches = rows["glitch_energy_fj"].fillna(0.0).to_numpy(dtype=np.float64)
    unit, scale = ("pJ", 1e-3) if energy.max() >= 1e4 else ("fJ", 1.0)
    energy, glitches = energy * scale, glitches * scale
    zeros = trailing_zeros(weights)
    colours = zero_colours(zeros)
    shades = [colours[int(z)] for z in zeros]
    figure = Figure(figsize=(WIDTH_IN, 3.0))
    axes = figure.subplots()
    axes.bar(weights, energy - glitches, width=1.0, color=shades, linewidth=0)
    if rows["glitch_energy_fj"].notna().any():
        tops = [lighter(shade) for shade in shades]
        axes.bar(weights, glitches, width=1.0, bottom=energy - glitches, color=tops, linewidth=0)
        keys = [Patch(color="#444444", label="needed changes"), Patch(color=lighter("#444444"), label="glitches")]
        axes.legend(
            handles=keys, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, handlelength=1.0, borderaxespad=0.2
        )
    weight_axis(axes, weights)
    axes.set_ylim(0.0, 1.05 * max(float(energy.max()), 1e-9))
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.set_ylabel(f"mean energy of a transition ({unit})")
    title(axes, "Energy per weight", subject)
    zeros_legend(figure, colours)
    return figure


def _mark_zero(axes: Axes, text: str) -> None:
    """An arrowhead at the top edge: the value lies above the axis."""
    place = (0.0, 1.0)
    axes.plot(*place, marker="^", markersize=5, color=GREY, transform=axes.get_xaxis_transform(), clip_on=False)
    axes.annotate(
        text,
        place,
        xycoords=("data", "axes fraction"),
        xytext=(5, -2),
        textcoords="offset points",
        color=GREY,
        va="top",
        fontsize=7.5,
    )
