# SPDX-License-Identifier: Apache-2.0
"""Figures of a search for MACs: throughput per area against energy, and the ratio of clocks against throughput.

Tests: tests/plot/test_explore.py.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from halo.flow.explore import PARQUET
from halo.flow.exploring.pareto import front
from halo.flow.runs.provenance import read_record, require_own
from halo.plot.style import ACCENT, GREY, WIDTH_IN, publication, title

KINDS = {
    "conventional": ("#2166ac", "o"),
    "weight_aware": ("#d6604d", "^"),
    "low_bit": ("#4d9221", "s"),
    "pairs": ("#762a83", "D"),
}
"""Colour and marker of each kind."""


def exploration_figures(run_folder: Path) -> dict[str, Figure]:
    """The figures of a run of ``halo explore`` by file name without ending.

    Raises:
        HaloError: no such run, or its table is not the one that it wrote.
    """
    record = read_record(run_folder)
    require_own(record, run_folder, fix="Explore again, or put back the file that the run wrote.")
    frame = pd.read_parquet(run_folder / PARQUET)
    subject = f"{frame['library'].iloc[0]}, class {record.config['class_weights']}"
    return {
        "throughput_and_energy": throughput_and_energy(frame, subject),
        "clock_ratio": clock_ratio(frame, subject),
    }


@publication
def throughput_and_energy(frame: pd.DataFrame, subject: str) -> Figure:
    """Throughput per area against energy, for any weight and for the class; a line joins what is best in these two.

    Args:
        frame: the rows of ``candidates.csv``.
        subject: library and class, for the title.
    """
    counting = frame[frame["reason"] == ""]
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH_IN, 0.5 * WIDTH_IN), sharey=True, sharex=True)
    for axis, which, what in zip(
        axes, ("all", "class"), ("any weight of eight bits", "weights of the class"), strict=True
    ):
        x, y = counting[f"macs_per_s_um2_{which}"] / 1e3, counting[f"energy_{which}_fj"] / 1e3
        _points(axis, counting, x, y)
        best = front(pd.DataFrame({"x": -x, "y": y}).to_numpy())
        line = pd.DataFrame({"x": x[best], "y": y[best]}).sort_values("x")
        axis.plot(line["x"], line["y"], color=GREY, linewidth=0.8, zorder=1)
        axis.set_xlabel("throughput per area, 10³ MAC/(s·µm²)")
        title(axis, what.capitalize(), subject)
    axes[0].set_ylabel("energy a MAC, pJ")
    _legend(figure, counting)
    return figure


@publication
def clock_ratio(frame: pd.DataFrame, subject: str) -> Figure:
    """The clock of the class over that of all weights, against throughput per area with any weight.

    Args:
        frame: the rows of ``candidates.csv``.
        subject: library and class, for the title.
    """
    counting = frame[frame["reason"] == ""]
    figure, axis = plt.subplots(figsize=(0.6 * WIDTH_IN, 0.45 * WIDTH_IN))
    _points(axis, counting, counting["macs_per_s_um2_all"] / 1e3, counting["clock_ratio"])
    axis.set_xlabel("throughput per area with any weight, 10³ MAC/(s·µm²)")
    axis.set_ylabel("clock of the class / of all weights")
    title(axis, "What the class's clock gains", subject)
    _legend(figure, counting, columns=2)
    return figure


def _points(axis: Axes, frame: pd.DataFrame, x: pd.Series, y: pd.Series) -> None:
    for kind, (colour, marker) in KINDS.items():
        own = frame["kind"] == kind
        for on_front, alpha in ((False, 0.35), (True, 1.0)):
            shown = own & (frame["pareto"] == on_front)
            axis.scatter(
                x[shown], y[shown], s=16 if on_front else 9, marker=marker, color=colour, alpha=alpha, linewidths=0
            )
    chosen = frame["chosen"]
    axis.scatter(x[chosen], y[chosen], s=60, facecolors="none", edgecolors=ACCENT, linewidths=1.0)


def _legend(figure: Figure, frame: pd.DataFrame, columns: int = 4) -> None:
    kinds = [kind for kind in KINDS if (frame["kind"] == kind).any()]
    handles = [Line2D([], [], linestyle="", marker=KINDS[k][1], color=KINDS[k][0], markersize=4) for k in kinds]
    ring = Line2D([], [], linestyle="", marker="o", markersize=7, markerfacecolor="none", color=ACCENT)
    names = [*(kind.replace("_", "-") for kind in kinds), "chosen (pale: another design is better in all)"]
    figure.legend([*handles, ring], names, loc="outside lower left", ncols=columns, handletextpad=0.2)
