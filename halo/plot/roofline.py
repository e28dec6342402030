# SPDX-License-Identifier: Apache-2.0
"""Each product of a model under the roofs of its array: the clocks above, the memory to the left.

Tests: tests/plot/test_score_figures.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from halo.errors import HaloError
from halo.plot.style import GREY, NOTE, WIDTH_IN, publication, title

_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "attention projections": ("#31688e", ("q", "k", "v", "qkv", "o")),
    "MLP": ("#35b779", ("gate", "up", "gate_up", "down")),
    "attention": ("#d9a441", ("scores", "values")),
    "head": ("#b2182b", ("head",)),
}
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "h")
"""Shapes of points, one a label."""

_LINE = 9.0  # points between names of roofs
_BYTES = ["weight_bytes", "activation_bytes", "result_bytes"]


@publication
def roofline(layers: pd.DataFrame, peaks: Mapping[str, float], bandwidth_gb_s: float, subject: str = "") -> Figure:
    """Multiply-accumulates a second over those a byte of DRAM traffic, log-log; equal products fall on one point.

    Args:
        layers: rows of products of ``score.csv``, with a column ``label`` (method or phase) that gives the mark.
        peaks: name of each roof (an operating point) to its multiply-accumulates a second, in 1e12.
        bandwidth_gb_s: of DRAM.
        subject: model and array, for the title.

    Raises:
        HaloError: no product that moves data, or more labels than there are marks.
    """
    traffic = layers[_BYTES].astype(float).sum(axis=1)
    shown = layers[traffic > 0].assign(traffic=traffic)
    if shown.empty:
        raise HaloError("there is no product that moves data", "Score a model with memory.")
    labels = list(dict.fromkeys(shown["label"]))
    if len(labels) > len(MARKS):
        raise HaloError(f"{len(labels)} labels are too many to tell apart", f"Draw at most {len(MARKS)}.")
    intensity = (shown["macs"].astype(float) / shown["traffic"]).to_numpy()
    rate = (shown["macs"].astype(float) / shown["time_ps"].astype(float)).to_numpy()
    figure = Figure(figsize=(WIDTH_IN, 3.9))
    axes = figure.subplots()
    left, right = 0.5 * intensity.min(), 2.5 * max(intensity.max(), 1e3 * max(peaks.values()) / bandwidth_gb_s)
    highest = max(peaks.values())
    slope = bandwidth_gb_s * 1e-3  # 1e12 a second for each a byte
    axes.plot([left, highest / slope], [left * slope, highest], color=NOTE, linewidth=1.1)
    for peak in peaks.values():
        axes.plot([peak / slope, right], [peak, peak], color=NOTE, linewidth=1.1)
    for kind, (colour, roles) in _KINDS.items():
        for label, mark in zip(labels, MARKS, strict=False):
            mine = (shown["role"].isin(roles) & (shown["label"] == label)).to_numpy()
            if mine.any():
                points = np.unique(np.column_stack([intensity[mine], rate[mine]]), axis=0)
                axes.scatter(
                    points[:, 0],
                    points[:, 1],
                    s=30,
                    marker=mark,
                    facecolors="none",  # equal products of several methods stay visible
                    edgecolors=colour,
                    label=kind,
                    linewidths=1.0,
                    zorder=3,
                )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(top=3 * highest)
    axes.set_xlabel("multiply-accumulates per byte of DRAM traffic")
    axes.set_ylabel("10¹² multiply-accumulates per second")
    kinds = [kind for kind, (_, roles) in _KINDS.items() if shown["role"].isin(roles).any()]
    handles = [Line2D([], [], marker="o", linestyle="", markersize=4, color=_KINDS[kind][0]) for kind in kinds]
    figure.legend(handles, kinds, loc="outside lower left", ncols=len(kinds), handletextpad=0.1)
    shapes = MARKS[: len(labels)]
    handles = [Line2D([], [], marker=m, linestyle="", markersize=4.5, color=GREY, fillstyle="none") for m in shapes]
    figure.legend(handles, labels, loc="outside right upper", handletextpad=0.1)
    title(axes, "Roofline: each product of the model", subject)
    _name_roofs(axes, peaks, (left, highest / slope), bandwidth_gb_s)
    return figure


def _name_roofs(axes: Axes, peaks: Mapping[str, float], sloped: tuple[float, float], bandwidth_gb_s: float) -> None:
    """Names beside the ends of the level roofs, moved apart where these are close, and along the sloped one.

    Args:
        sloped: where the roof of the memory begins and ends, in multiply-accumulates per byte.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    names = sorted(peaks, key=lambda name: peaks[name])
    right = axes.get_xlim()[1]
    point = 72 / figure.dpi  # the axes are not placed yet: near enough for how far names are apart
    ends = point * axes.transData.transform([(right, peaks[name]) for name in names])[:, 1]
    wanted = np.arange(len(names)) * _LINE
    places = wanted + np.maximum.accumulate(ends - wanted)
    places -= (places - ends).mean()
    for name, height, place in zip(names, ends, places, strict=True):
        axes.annotate(
            f"{name} {peaks[name]:.3g}",
            (1.0, peaks[name]),
            xycoords=("axes fraction", "data"),
            xytext=(12, place - height),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=NOTE,
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": NOTE, "shrinkA": 0, "shrinkB": 0},
        )
    middle = float(np.sqrt(sloped[0] * sloped[1]))
    axes.text(
        middle,
        middle * bandwidth_gb_s * 1e-3,
        f"DRAM {bandwidth_gb_s:g} GB/s",
        transform=offset_copy(axes.transData, figure, -3, 3, units="points"),
        ha="center",
        va="bottom",
        rotation=float(np.degrees(np.arctan2(bandwidth_gb_s * 1e-3, 1.0))),
        rotation_mode="anchor",
        transform_rotates_text=True,
        fontsize=7,
        color=NOTE,
    )
