# SPDX-License-Identifier: Apache-2.0
"""Where in time the transitions of a weight settle: histograms, and a map over weight and next activation.

Tests: tests/plot/test_figures.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from halo.characterization.classes import trailing_zeros
from halo.characterization.histograms import Histograms
from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.plot.style import ACCENT, NOTE, WIDTH_IN, publication, signed, title, weight_ticks, zero_colours

QUIET = "#c9c9c9"


@publication
def delay_histograms(
    table: WeightTable, histograms: Histograms, weights: Sequence[int], corner: str | None = None, subject: str = ""
) -> Figure:
    """Share of a weight's transitions over their settling time (ps), one panel per weight, maximum and bound marked.

    Args:
        table: where maximum (``delay_ps``), settle bound and number of transitions are read.
        histograms: of the same corner.
        weights: one panel each, top to bottom.
        corner: which one; may be left out where there is only one.
        subject: what was characterized, for the title.

    Raises:
        HaloError: no weights, or one without a histogram.
    """
    if not weights:
        raise HaloError("no weight is given", "Name the weights to draw.")
    edges = histograms.bin_edges_ps
    width = np.diff(edges)
    counts = {weight: histograms.histogram[histograms.row(weight)] for weight in weights}
    colours = zero_colours(trailing_zeros(histograms.weights))
    latest = max((float(edges[1:][c > 0].max()) for c in counts.values() if c.any()), default=float(edges[-1]))
    earliest = min((float(edges[:-1][c > 0].min()) for c in counts.values() if c.any()), default=0.0)
    figure = Figure(figsize=(WIDTH_IN, 0.75 + 0.95 * len(weights)))
    panels = figure.subplots(len(weights), 1, sharex=True, squeeze=False)[:, 0]
    for axes, weight in zip(panels, weights, strict=True):
        maximum, bound, transitions = _facts(table, corner, weight)
        zeros = int(trailing_zeros([weight])[0])
        share = 100.0 * counts[weight] / max(transitions or int(counts[weight].sum()), 1)
        axes.bar(edges[:-1], share, width=width, align="edge", color=colours[zeros], linewidth=0)
        latest = max([latest, *(time for time in (maximum, bound) if not np.isnan(time))])
        _mark(axes, maximum, "max", ACCENT)
        _mark(axes, bound, "bound", NOTE, height=0.68)
        still = 100.0 - float(share.sum())
        quiet = f"\n{still:.0f} % change no output" if still >= 0.5 else ""
        kind = "" if zeros < 0 else f" ({zeros} trailing zero{'' if zeros == 1 else 's'})"
        axes.text(
            0.008,
            0.94,
            f"weight {signed(weight)}{kind}{quiet}",
            transform=axes.transAxes,
            va="top",
            fontsize=7.5,
            linespacing=1.4,
        )
        axes.set_ylim(0.0, 1.5 * max(float(share.max()), 1e-9))
        axes.locator_params(axis="y", nbins=3)
    reach = latest - earliest
    panels[-1].set_xlim(max(0.0, earliest - 0.05 * reach), latest + 0.19 * reach)
    panels[-1].set_xlabel(f"{_quantity(table, corner)} of a transition (ps)")
    figure.supylabel("share of transitions (%)", fontsize=8.0)
    counted = _facts(table, corner, weights[0])[2]
    title(panels[0], f"Settling times of {counted:,} transitions per weight" if counted else "Settling times", subject)
    return figure


@publication
def delay_map(table: WeightTable, histograms: Histograms, corner: str | None = None, subject: str = "") -> Figure:
    """Largest settling time (ps) over weight and next activation.

    Grey: transitions were simulated and changed no output. White: none of the sampled transitions ends there.

    Args:
        table: tells exact settling times from bounds, and of how many transitions a point is the largest.
        histograms: of the same corner.
        corner: which one; may be left out where there is only one.
        subject: what was characterized, for the title.

    Raises:
        HaloError: nothing was recorded by next activation.
    """
    worst = histograms.worst_by_next_ps
    weights, activations = histograms.weights, histograms.activations
    counted = _facts(table, corner, int(weights[0]))[2]
    complete = counted == len(activations) ** 2
    if complete:
        worst = np.nan_to_num(worst, nan=0.0)  # in files of 0.1.0 a quiet activation is NaN as well
    moved = np.ma.masked_invalid(np.where(worst > 0, worst, np.nan))
    if moved.count() == 0:
        raise HaloError("no delays by next activation were recorded", "Characterize with --method exact.")
    figure = Figure(figsize=(4.4, 3.7))
    axes = figure.subplots()
    axes.grid(visible=False)
    mesh = axes.pcolormesh(activations, weights, moved, cmap="magma", shading="nearest", rasterized=True)
    keys = []
    if (worst == 0).any():
        quiet = np.ma.masked_where(worst != 0, worst)
        axes.pcolormesh(activations, weights, quiet, cmap=ListedColormap([QUIET]), shading="nearest", rasterized=True)
        keys.append(Patch(facecolor=QUIET, label="no output changes"))
    if np.isnan(worst).any():
        keys.append(Patch(facecolor="white", edgecolor=NOTE, linewidth=0.5, label="not sampled"))
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)
    of = f"\n{counted:,} transitions per weight" if counted else ""
    bar.set_label(f"largest {_quantity(table, corner)} (ps){of}")
    bar.outline.set_linewidth(0.5)
    axes.set_xticks(weight_ticks(activations)[::2])
    axes.set_yticks(weight_ticks(weights)[::2])
    axes.set_xlabel("next activation")
    axes.set_ylabel("weight value")
    if keys:
        figure.legend(handles=keys, loc="outside lower right", handlelength=1.0, ncols=len(keys))
    title(axes, "Delay over weight and next activation", subject)
    return figure


def telling_weights(table: WeightTable, corner: str | None = None) -> tuple[int, ...]:
    """Up to four weights that span the range: the slowest of each of up to four numbers of trailing zeros.

    Raises:
        HaloError: no such corner.
    """
    rows = table.rows(corner)
    delay = rows["delay_ps"].fillna(rows["bound_ps"]).to_numpy(dtype=np.float64)
    weights = rows["weight"].to_numpy(dtype=np.int64)
    zeros = trailing_zeros(weights)
    usable = ~np.isnan(delay) & (zeros >= 0)
    if not usable.any():
        return ()
    steps = np.unique(zeros[usable])
    chosen = steps[np.unique(np.linspace(0, len(steps) - 1, 4).round().astype(int))]
    found = [int(weights[usable & (zeros == z)][np.argmax(delay[usable & (zeros == z)])]) for z in chosen]
    return tuple(sorted(found, key=lambda w: -float(delay[weights == w][0])))


def _mark(axes: Axes, time_ps: float, name: str, colour: str, height: float = 1.0) -> None:
    """A named line at a time, as high as the part of the panel given; nothing where the time is unknown."""
    if np.isnan(time_ps):
        return
    axes.axvline(time_ps, ymax=height, color=colour, linewidth=1.0, linestyle="-" if height == 1.0 else (0, (4, 2)))
    axes.annotate(
        f"{name} {time_ps:,.0f} ps",
        (time_ps, height - 0.05),
        xycoords=("data", "axes fraction"),
        xytext=(3, 0),
        textcoords="offset points",
        va="top",
        color=colour,
        fontsize=7.5,
    )


def _facts(table: WeightTable, corner: str | None, weight: int) -> tuple[float, float, int]:
    """Largest settling time and settle bound (ps, NaN if unknown), and how many transitions (0 if unknown)."""
    row = table.rows(corner)
    row = row[row["weight"] == weight]
    counted = row["transitions"].fillna(0).iloc[0]
    return float(row["delay_ps"].iloc[0]), float(row["bound_ps"].iloc[0]), int(counted)


def _quantity(table: WeightTable, corner: str | None) -> str:
    """What the histograms of this corner count: exact settling times, or bounds where nothing exact was computed."""
    return "settling time" if table.rows(corner)["delay_ps"].notna().any() else "settle bound"
