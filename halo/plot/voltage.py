# SPDX-License-Identifier: Apache-2.0
"""How the weights' delays move with the supply voltage, corner by corner.

Tests: tests/plot/test_figures.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from matplotlib import colors as mcolors
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from halo.characterization.classes import trailing_zeros
from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.plot.style import WIDTH_IN, publication, title, zero_colours, zeros_legend

FloatArray = npt.NDArray[np.float64]


@publication
def delay_across_voltage(table: WeightTable, subject: str = "") -> Figure:
    """Left: delay (ns) of the slowest weight of each number of trailing zeros, over the corner's voltage.

    Right: how far (%) the delay of every weight lies from what one scale factor (the median ratio, written below) makes
    of its delay in the corner of the highest voltage. Were one factor enough, each column would be a point at zero.

    Corners are joined by lines where they differ in voltage only, as far as the table can tell: one temperature, no
    voltage twice, delay falling with voltage.

    Raises:
        HaloError: fewer than two voltages, or no delays.
    """
    known = [c for c in table.corners if table.rows(c)["voltage_v"].notna().all()]
    corners = sorted(known, key=lambda c: float(table.rows(c)["voltage_v"].iloc[0]))
    voltages = np.array([float(table.rows(c)["voltage_v"].iloc[0]) for c in corners])
    if len(np.unique(voltages)) < 2:
        raise HaloError("the table holds one voltage only", "Characterize several corners.")
    kind, delays = _delays(table, corners)
    weights = np.array(table.weights, dtype=np.int64)
    usable = np.isfinite(delays).all(axis=0) & (delays > 0).all(axis=0)
    if not usable.any():
        raise HaloError("the table holds no delays", "Characterize with any --method.")
    delays, weights = delays[:, usable], weights[usable]
    zeros = trailing_zeros(weights)
    colours = zero_colours(zeros)
    temperatures = np.array([float(table.rows(c)["temperature_c"].iloc[0]) for c in corners])
    groups = _joined(voltages, temperatures, delays.max(axis=1))

    many = len(corners) > 3
    figure = Figure(figsize=(WIDTH_IN, 4.0 if many else 3.3))
    left, right = figure.subplots(1, 2)
    for z, colour in colours.items():
        slowest = delays[:, zeros == z].max(axis=1) / 1e3
        for group in groups:
            left.plot(voltages[group], slowest[group], color=colour, linewidth=1.0, marker="o", markersize=3)
    for name, voltage, slowest_ps in zip(corners, voltages, delays.max(axis=1), strict=True):
        place = {"xytext": (0, 5), "textcoords": "offset points", "ha": "left", "va": "bottom"}
        left.annotate(name, (voltage, slowest_ps / 1e3), rotation=50, rotation_mode="anchor", fontsize=6.5, **place)
    left.set_yscale("log")
    left.set_ylim(0.85 * delays.min() / 1e3, 3.6 * delays.max() / 1e3)
    left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.yaxis.set_minor_formatter(NullFormatter())
    left.set_ylabel(f"{kind} of the slowest weight (ns)")
    reach = 0.06 * (voltages[-1] - voltages[0])
    left.set_xlim(voltages[0] - reach, voltages[-1] + reach)
    left.set_xlabel("supply (V)")
    title(left, "Delay across corners", subject)

    ratio = delays / delays[-1]
    median = np.median(ratio, axis=1)
    deviation = 100.0 * (ratio / median[:, None] - 1.0)
    shift = 0.5 * (zeros / max(int(zeros.max()), 1) - 0.5)
    for i in range(len(corners)):
        right.scatter(i + shift, deviation[i], s=6, c=[mcolors.to_hex(colours[int(z)]) for z in zeros], linewidths=0)
    right.set_ylim(min(float(deviation.min()), -0.1) * 1.12, max(float(deviation.max()), 0.1) * 1.12)
    right.set_ylabel("deviation from one scale factor (%)")
    right.set_xlim(-0.5, len(corners) - 0.5)
    labels = [f"{name}\n×{factor:.3g}" for name, factor in zip(corners, median, strict=True)]
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if many else {}
    right.set_xticks(range(len(corners)), labels, fontsize=6.5, **turned)
    right.set_xlabel("× median delay over that of the last corner")
    title(right, "Error of one scale factor per corner", "")
    zeros_legend(figure, colours)
    return figure


def _delays(table: WeightTable, corners: Sequence[str]) -> tuple[str, FloatArray]:
    """The best delay that every corner has, what it is called, and its values float64[corners, W]."""
    rows = [table.rows(corner) for corner in corners]
    for column, kind in (("delay_ps", "delay"), ("bound_ps", "settle bound"), ("static_ps", "static delay")):
        if all(one[column].notna().any() for one in rows):
            return kind, np.stack([one[column].to_numpy(dtype=np.float64) for one in rows])
    raise HaloError("the table holds no delays", "Characterize with any --method.")


def _joined(voltages: FloatArray, temperatures: FloatArray, slowest: FloatArray) -> list[npt.NDArray[np.int64]]:
    """Corner indices to join by a line; a corner that fits no line stands alone."""
    groups: list[npt.NDArray[np.int64]] = []
    for temperature in np.unique(temperatures):
        group = np.flatnonzero(temperatures == temperature)
        joined = all(voltages[a] < voltages[b] and slowest[a] > slowest[b] for a, b in pairwise(group))
        groups.extend([group] if joined else [np.array([i]) for i in group])
    return groups
