# SPDX-License-Identifier: Apache-2.0
"""One look for all figures: size, type, and colour by the trailing zeros of the weight.

Tests: tests/plot/test_figures.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib import colors as mcolors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

P = ParamSpec("P")

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.dpi": 200.0,
    "savefig.dpi": 200.0,
    "figure.constrained_layout.use": True,
}
WIDTH_IN = 7.16
"""Text width of a two-column journal page, inches."""

GREY = "#8a8a8a"
ACCENT = "#b2182b"
NOTE = "#5a5a5a"


def publication(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the style above, and leave matplotlib's own settings as they were."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


def zero_colours(zeros: npt.NDArray[np.int64]) -> dict[int, Any]:
    """A colour for each number of trailing zeros that occurs, dark (odd) to light; grey for the weight zero (-1)."""
    present = [int(z) for z in np.unique(zeros) if z >= 0]
    shades = mpl.colormaps["viridis"](np.linspace(0.0, 0.93, max(len(present), 2)))
    return {**({-1: GREY} if -1 in zeros else {}), **{z: shades[i] for i, z in enumerate(present)}}


def lighter(colour: Any) -> str:
    """The colour mixed with white; opaque, so that no grid line shines through."""
    red, green, blue = mcolors.to_rgb(colour)
    return mcolors.to_hex((0.35 * red + 0.65, 0.35 * green + 0.65, 0.35 * blue + 0.65))


def zeros_legend(figure: Figure, colours: dict[int, Any]) -> None:
    """Name the colours below the axes, in one row from the left."""
    order = sorted(colours, key=lambda z: (z < 0, z))
    handles = [Line2D([], [], marker="o", linestyle="", markersize=4, color=colours[z]) for z in order]
    labels = ["weight 0" if z < 0 else f"{z}" for z in order]
    figure.legend(
        [Line2D([], [], linestyle=""), *handles],
        ["trailing zeros:", *labels],
        loc="outside lower left",
        ncols=len(order) + 1,
        columnspacing=0.9 if len(order) < 12 else 0.4,
        handletextpad=0.1,
    )


def weight_axis(axes: Axes, weights: npt.NDArray[np.int64]) -> None:
    """Label and scale an x axis of weight values."""
    reach = max(1.0, 0.012 * float(weights.max() - weights.min()))
    axes.set_xlim(float(weights.min()) - reach, float(weights.max()) + reach)
    axes.set_xticks(weight_ticks(weights))
    axes.set_xlabel("weight value")


def title(axes: Axes, what: str, subject: str) -> None:
    """What the figure shows, and below it what was characterized."""
    axes.set_title(f"{what}\n{subject}" if subject else what)


def signed(value: float) -> str:
    """The number with a true minus sign, as the axes write it."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def weight_ticks(weights: npt.NDArray[np.int64]) -> list[int]:
    """Ticks at multiples of a power of two, seventeen at most, so that the fast weights stand on ticks."""
    low, high = int(weights.min()), int(weights.max())
    step = 1
    while (high - low) / step > 16:
        step *= 2
    return [w for w in range(-(-low // step) * step, high + 1, step)]
