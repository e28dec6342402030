# SPDX-License-Identifier: Apache-2.0
"""Scores of models as bars and points: time and energy by method, by tile size, and against each other.

Tests: tests/plot/test_score_figures.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colors as mcolors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from halo.errors import HaloError
from halo.plot.quantization import pareto
from halo.plot.style import ACCENT, GREY, NOTE, WIDTH_IN, publication, title

ENERGY_PARTS: Mapping[str, tuple[str, str]] = {
    "core_pj": ("MACs and registers", "#31688e"),
    "buffer_pj": ("buffers", "#6dbfb8"),
    "dram_pj": ("DRAM", "#d9a441"),
    "static_pj": ("static", GREY),
    "transition_pj": ("transitions", ACCENT),
}
"""Column of ``score.csv`` to its name and colour."""

Floats = npt.NDArray[np.float64]

_TIME_AT = re.compile(r"time_(.+)_ps")
_DASHED = (0, (4, 2))
_PICO = 1e-12
_FAR = 2.0
_PLACES = tuple((x, y) for y in (2, -2, 12, -12, 22, -22) for x in (4, -4))
"""Of a label about its point, in points; best first; left before right where another point is close on the right."""
_NEAR = 25  # pixels


@publication
def time_bars(
    totals: pd.DataFrame, subject: str = "", *, baseline: str | None = None, published: pd.DataFrame | None = None
) -> Figure:
    """Execution time of each method, stacked by operating point, stalls and transitions; one panel a model.

    Args:
        totals: the ``total`` rows of ``score.csv``, with a column ``model``.
        subject: array, phase, batch and context, for the title.
        baseline: method that is 1; None: seconds, or milliseconds where all are short.
        published: ratios to the baseline to mark, one row a model and one column a method; NaN: none.

    Raises:
        HaloError: no rows, or no row of the baseline for a model.
    """
    points = [column for column in totals.columns if _TIME_AT.fullmatch(column)]
    shades = mpl.colormaps["viridis"](np.linspace(0.15, 0.85, max(len(points), 2)))
    parts = {
        column: (column.removeprefix("time_").removesuffix("_ps"), mcolors.to_hex(shade))
        for column, shade in zip(points, shades, strict=False)
    }
    parts |= {"stall_ps": ("stalls", "#cfcfcf"), "transition_ps": ("transitions", ACCENT)}
    what = "Execution time" if baseline is None else f"Execution time, {baseline} = 1"
    unit, scale = _time_unit(totals)
    return _bars(totals, "time_ps", parts, what, f"time ({unit})", scale, subject, baseline, published)


@publication
def energy_bars(
    totals: pd.DataFrame, subject: str = "", *, baseline: str | None = None, published: pd.DataFrame | None = None
) -> Figure:
    """Energy of each method, stacked by where it goes; one panel a model.

    Args:
        totals, subject, baseline, published: as in ``time_bars``.
    """
    what = "Energy" if baseline is None else f"Energy, {baseline} = 1"
    return _bars(totals, "energy_pj", ENERGY_PARTS, what, "energy (J)", _PICO, subject, baseline, published)


@publication
def tile_size_bars(
    totals: pd.DataFrame, subject: str = "", *, published: Mapping[int, tuple[float, float]] | None = None
) -> Figure:
    """Time and energy over the side of the tiles, the smallest being 1; one group of bars a side, one bar a variant.

    Args:
        totals: the ``total`` rows of ``score.csv`` with columns ``variant`` and ``tile``.
        subject: model and array, for the title.
        published: side to the least and the largest ratio of time reported, drawn as a bracket.

    Raises:
        HaloError: no rows, or variants that lack a side.
    """
    _require_rows(totals)
    sides, variants = sorted(set(totals["tile"])), list(dict.fromkeys(totals["variant"]))
    wide = {column: totals.pivot(index="variant", columns="tile", values=column) for column in ("time_ps", "energy_pj")}
    if any(frame.isna().any(axis=None) for frame in wide.values()):
        raise HaloError("a variant lacks a tile size", "Score every variant with the same tile sizes.")
    figure = Figure(figsize=(WIDTH_IN, 2.6))
    panels = figure.subplots(1, 2, sharey=True)
    width = 0.8 / len(variants)
    shades = mpl.colormaps["viridis"](np.linspace(0.15, 0.85, max(len(variants), 2)))
    for axes, (column, name) in zip(panels, {"time_ps": "time", "energy_pj": "energy"}.items(), strict=True):
        for number, (variant, shade) in enumerate(zip(variants, shades, strict=False)):
            values = wide[column].loc[variant].astype(float)
            places = np.arange(len(sides)) + (number - (len(variants) - 1) / 2) * width
            axes.bar(places, values / values[sides[0]], 0.9 * width, color=mcolors.to_hex(shade), label=variant)
        axes.axhline(1.0, color=NOTE, linewidth=0.7)
        axes.set_xticks(range(len(sides)), [f"{side} x {side}" for side in sides])
        axes.set_xlabel("tile")
        axes.grid(visible=False, axis="x")
        title(axes, f"{name.capitalize()}, {sides[0]} x {sides[0]} = 1", "")
    for side, (least, most) in (published or {}).items():
        if side in sides:
            panels[0].errorbar(
                sides.index(side), (least + most) / 2, (most - least) / 2, color=ACCENT, capsize=4, linewidth=1.0
            )
    handles, labels = panels[0].get_legend_handles_labels()
    if published:
        handles, labels = [*handles, Line2D([], [], color=ACCENT)], [*labels, "published, least to most"]
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels))
    figure.suptitle(subject, x=0.01, ha="left", fontsize=9)
    return figure


@publication
def time_against_energy(totals: pd.DataFrame, subject: str = "") -> Figure:
    """Energy over time, each row a labelled point, with those that none beats in both joined.

    Rows of more than twice the median time or energy stand in the title, so that the others can be told apart.

    Args:
        totals: columns ``label``, ``family`` (colour and legend), ``time_ps`` and ``energy_pj``.
        subject: model, phase and array, for the title.

    Raises:
        HaloError: no rows.
    """
    _require_rows(totals)
    figure = Figure(figsize=(WIDTH_IN, 3.8))
    axes = figure.subplots()
    unit, scale = _time_unit(totals)
    time = totals["time_ps"].to_numpy(dtype=np.float64) * scale
    energy = totals["energy_pj"].to_numpy(dtype=np.float64) * _PICO
    near = (time <= _FAR * np.median(time)) & (energy <= _FAR * np.median(energy))
    families = list(dict.fromkeys(totals["family"]))
    for number, family in enumerate(families):
        mine = (totals["family"] == family).to_numpy() & near
        if mine.any():
            axes.scatter(time[mine], energy[mine], s=20, color=f"C{number}", label=family, zorder=3)
    best = pareto(time, energy)
    axes.plot(time[best], energy[best], color=GREY, linewidth=0.9, linestyle=_DASHED, zorder=1)
    axes.margins(0.28, 0.12)
    axes.set_xlabel(f"time ({unit})")
    axes.set_ylabel("energy (J)")
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=len(names), handletextpad=0.1)
    beyond = [
        f"{label} ({t:.3g} {unit}, {e:,.4g} J)"
        for label, t, e in zip(totals["label"][~near], time[~near], energy[~near], strict=True)
    ]
    alone = f"{totals['label'].iloc[best[0]]} takes the least of both"
    what = f"Time against energy; {'dashed: the Pareto front' if len(best) > 1 else alone}"
    title(axes, f"{what}; beyond the axes: {', '.join(beyond)}" if beyond else what, subject)
    _annotate(axes, time[near], energy[near], totals["label"][near])
    return figure


def _bars(
    totals: pd.DataFrame,
    whole: str,
    parts: Mapping[str, tuple[str, str]],
    what: str,
    unit: str,
    factor: float,
    subject: str,
    baseline: str | None,
    published: pd.DataFrame | None,
) -> Figure:
    """Stacked horizontal bars, methods downwards in the order of their first row, a panel a model."""
    _require_rows(totals)
    models, methods = (list(dict.fromkeys(totals[column])) for column in ("model", "method"))
    figure = Figure(figsize=(WIDTH_IN, 1.1 + 0.2 * max(len(methods), 5)))
    panels = figure.subplots(1, len(models), sharex=True, sharey=True, squeeze=False)[0]
    furthest = 0.0
    shown = {column: told for column, told in parts.items() if totals[column].astype(float).sum() > 0}
    for axes, model in zip(panels, models, strict=True):
        mine = totals[totals["model"] == model].set_index("method").reindex(methods)
        scale = factor if baseline is None else 1 / _value(mine, baseline, whole)
        left = np.zeros(len(methods))
        for column, (name, colour) in shown.items():
            length = mine[column].astype(float).fillna(0).to_numpy() * scale
            axes.barh(range(len(methods)), length, 0.72, left, color=colour, label=name)
            left += length
        marks = np.full(len(methods), np.nan)
        if published is not None and model in published.index:
            marks = published.loc[model].reindex(methods).to_numpy(dtype=np.float64)
            axes.scatter(marks, range(len(methods)), marker="D", s=13, color="white", edgecolors="black", zorder=4)
        ends = np.fmax(left, marks)
        for place, (length, mark, end) in enumerate(zip(left, marks, ends, strict=True)):
            told = f"{length:,.0f}" if length >= 100 else f"{length:#.3g}" if baseline is None else f"{length:.2f}"
            axes.annotate(
                told if np.isnan(mark) else f"{told} ({mark:.2f})",
                (end, place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=6,
                color=NOTE,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            )
        if baseline is not None:
            axes.axvline(1.0, color=NOTE, linewidth=0.7, linestyle=_DASHED)
        furthest = max(furthest, float(ends.max()))
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(unit if baseline is None else f"{whole.split('_', maxsplit=1)[0]} / {baseline}")
        title(axes, model, "")
    panels[0].set_xlim(0, (1.1 + 0.11 * len(models)) * furthest)
    panels[0].set_yticks(range(len(methods)), methods)
    panels[0].set_ylim(len(methods) - 0.4, -0.6)
    handles, labels = panels[0].get_legend_handles_labels()
    if published is not None:
        mark = Line2D([], [], marker="D", linestyle="", markersize=4, color="white", markeredgecolor="black")
        handles, labels = [*handles, mark], [*labels, "published, in brackets"]
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels))
    figure.suptitle(f"{what}\n{subject}" if subject else what, x=0.01, ha="left", fontsize=9)
    return figure


def _time_unit(totals: pd.DataFrame) -> tuple[str, float]:
    """The unit in which times are drawn, and how many of it a picosecond is."""
    return ("ms", 1e-9) if totals["time_ps"].astype(float).max() < 1e11 else ("s", _PICO)


def _value(rows: pd.DataFrame, method: str, column: str) -> float:
    value = float(rows[column].astype(float).get(method, np.nan))
    if not value > 0:
        raise HaloError(f"method {method!r} is not scored for every model", "Score it too, or take another baseline.")
    return value


def _annotate(axes: Axes, x: Floats, y: Floats, labels: Iterable[str]) -> None:
    """Write each label beside its point, in the first free place."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # places the axes, so that texts have their final extents
    pixels = np.asarray(axes.transData.transform(np.column_stack([x, y])), dtype=np.float64)
    taken: list[Bbox] = [Bbox.from_extents(px - 4, py - 4, px + 4, py + 4) for px, py in pixels]
    inside = axes.get_window_extent()
    for across, up, label, pixel in zip(x, y, labels, pixels, strict=True):
        away = pixels - pixel
        crowded = ((away[:, 0] > 0) & (away[:, 0] < _NEAR) & (np.abs(away[:, 1]) < _NEAR)).any()
        for side, height in _PLACES:
            place = (-side if crowded else side, height)
            text = axes.annotate(
                label,
                (across, up),
                xytext=place,
                textcoords="offset points",
                ha="left" if place[0] > 0 else "right",
                va="bottom" if height > 0 else "top",
                fontsize=6.5,
                color=NOTE,
            )
            extent = text.get_window_extent()
            within = inside.x0 <= extent.x0 and extent.x1 <= inside.x1
            if (within and not extent.count_overlaps(taken)) or (side, height) == _PLACES[-1]:
                taken.append(extent)
                if abs(height) > 2:  # too far to be told apart from other labels
                    line = {"arrowstyle": "-", "linewidth": 0.4, "color": NOTE, "shrinkA": 0, "shrinkB": 2}
                    axes.annotate("", (across, up), place, textcoords="offset points", arrowprops=line)
                break
            text.remove()


def _require_rows(totals: pd.DataFrame) -> None:
    if totals.empty:
        raise HaloError("there is no score to draw", "Score a model first.")
