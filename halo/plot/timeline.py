# SPDX-License-Identifier: Apache-2.0
"""A schedule over time: the clock of every segment, and what the array draws in every layer.

Tests: tests/plot/test_score_figures.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from halo.dvfs.points import period_ps
from halo.dvfs.schedule import Schedule, ScheduledLayer
from halo.errors import HaloError
from halo.plot.score import ENERGY_PARTS
from halo.plot.style import NOTE, WIDTH_IN, publication, title
from halo.workload.gemm import block_of

Floats = npt.NDArray[np.float64]
_MILLI = 1e-9  # seconds a picosecond, times 1000


@publication
def schedule_timeline(schedule: Schedule, rows: pd.DataFrame, subject: str = "") -> Figure:
    """The first block. Above: clock over time, segment by segment. Below: mean power of each layer, by where it goes.

    When a layer waits is not recorded, so its stalls and changes of the clock are spread over its segments.

    Args:
        schedule: of one method.
        rows: the products of this method in ``score.csv``.
        subject: model, method and array, for the title.

    Raises:
        HaloError: no layer of a first block, or rows of another schedule.
    """
    layers = [layer for layer in schedule.layers if block_of(layer.name) == 0]
    if not layers:
        names = ", ".join(layer.name for layer in schedule.layers[:3])
        raise HaloError("the schedule has no block 0", f"Give the schedule of a whole model. It begins with: {names}.")
    named = rows.set_index("layer")
    missing = [layer.name for layer in layers if layer.name not in named.index]
    if missing:
        raise HaloError(f"there is no score of {missing[0]}", "Give the rows of the schedule's own method.")
    shown = named.loc[[layer.name for layer in layers]]
    times = shown["time_ps"].astype(float).to_numpy()
    edges = np.concatenate([[0.0], np.cumsum(times * _MILLI)])
    figure = Figure(figsize=(WIDTH_IN, 3.8))
    clock, power = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.3))
    highest = max(point.frequency_ghz for point in schedule.dvfs.points)
    for number, (layer, role) in enumerate(zip(layers, shown["role"], strict=True)):
        start, end = edges[number], edges[number + 1]
        steps, clocks = _steps(layer, schedule, end - start)
        clock.stairs(clocks, start + steps, baseline=None, color="#31688e", linewidth=0.9)
        for axes in (clock, power):
            if number % 2:
                axes.axvspan(start, end, color="#f2f2f2", linewidth=0, zorder=0)
        place, size = ((start + end) / 2, 1.12 * highest), 6.5
        clock.annotate(role, place, ha="center", va="bottom", rotation=90, fontsize=size, color=NOTE)
    below = np.zeros(len(layers))
    for column, (name, colour) in ENERGY_PARTS.items():
        watts = shown[column].astype(float).to_numpy() / times  # pJ / ps
        if watts.any():
            power.stairs(below + watts, edges, baseline=below, fill=True, color=colour, label=name)
        below = below + watts
    clock.set_ylim(0, 1.65 * highest)
    clock.locator_params(axis="y", nbins=5)
    clock.set_ylabel("clock (GHz)")
    power.set_ylabel("power (W)")
    power.set_xlabel("time (ms)")
    power.set_xlim(0, edges[-1])
    power.set_ylim(bottom=0)
    handles, labels = power.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels))
    title(clock, "Clock over block 0, and the mean power of each product", subject)
    return figure


def _steps(layer: ScheduledLayer, schedule: Schedule, lasts: float) -> tuple[Floats, Floats]:
    """Edges (from 0 to ``lasts``) and clocks (GHz) of a layer's segments, neighbours at one clock put together."""
    points = schedule.dvfs.points
    clocks = np.array([points[segment.point].frequency_ghz for segment in layer.segments])
    times = np.array([period_ps(segment.cycles, points[segment.point]) for segment in layer.segments], dtype=np.float64)
    if len(set(clocks.tolist())) == 1:
        return np.array([0.0, lasts]), clocks[:1]
    edges = np.concatenate([[0.0], np.cumsum(np.tile(times, layer.count))])
    return edges / edges[-1] * lasts, np.tile(clocks, layer.count)
