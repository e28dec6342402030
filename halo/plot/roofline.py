# SPDX-License-Identifier: Apache-2.0
"""Each product of a model under the roofs of its array: the clocks above, the memory to the left.

Tests: tests/plot/test_score_figures.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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
    middle = float(np.sqrt(left * highest / slope))
    axes.annotate(
        f"DRAM: {bandwidth_gb_s:g} GB/s",
        (middle, middle * slope),
        xytext=(8, -8),
        textcoords="offset points",
        va="top",
        fontsize=7,
        color=NOTE,
    )
    for peak in peaks.values():
        axes.plot([peak / slope, right], [peak, peak], color=NOTE, linewidth=1.1)
    axes.annotate(
        "peaks: " + ", ".join(f"{name} {peak:.3g}" for name, peak in peaks.items()),
        (right, highest),
        xytext=(-2, 9),
        textcoords="offset points",
        ha="right",
        fontsize=7,
        color=NOTE,
    )
    for kind, (colour, roles) in _KINDS.items():
        for label, mark in zip(labels, MARKS, strict=False):
            mine = (shown["role"].isin(roles) & (shown["label"] == label)).to_numpy()
            if mine.any():
                points = np.unique(np.column_stack([intensity[mine], rate[mine]]), axis=0)
                axes.scatter(
                    points[:, 0],
                    points[:, 1],
                    s=20,
                    marker=mark,
                    color=colour,
                    label=kind,
                    linewidths=0,
                    alpha=0.85,
                    zorder=3,
                )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(top=3 * highest)
    axes.set_xlabel("multiply-accumulates a byte from and to DRAM")
    axes.set_ylabel("multiply-accumulates a second (1e12)")
    kinds = [kind for kind, (_, roles) in _KINDS.items() if shown["role"].isin(roles).any()]
    handles = [Line2D([], [], marker="o", linestyle="", markersize=4, color=_KINDS[kind][0]) for kind in kinds]
    handles += [Line2D([], [], marker=MARKS[n], linestyle="", markersize=4, color=GREY) for n in range(len(labels))]
    figure.legend(handles, [*kinds, *labels], loc="outside lower left", ncols=min(5, len(handles)), handletextpad=0.1)
    title(axes, "Roofline: each product of the model", subject)
    return figure
