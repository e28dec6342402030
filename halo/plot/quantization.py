# SPDX-License-Identifier: Apache-2.0
"""What quantization does: which weights are kept apart, which tiles run fast, and what the model loses for it."""

from __future__ import annotations

import re
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colors as mcolors
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from halo.errors import HaloError
from halo.plot.style import ACCENT, GREY, NOTE, WIDTH_IN, publication, title
from halo.quant.layer import Codebook, Float32, QuantizedLayer

_EDGES = 121
_MARKERS = "osD^v<>P"
_ALONE = "layers"  # the kind of those whose names tell none
_DASHED = (0, (4, 2))


@publication
def weight_histogram(weight: Float32, layer: QuantizedLayer, subject: str = "") -> Figure:
    """Weights of a layer by value (log scale), the limits beyond which they are outliers, and the salient ones inside.

    Args:
        weight: float32[out, in], as the model has them.
        layer: the same, quantized by HALO with a limit for the whole layer.
        subject: which layer of which model, for the title.

    Raises:
        HaloError: the layer has no sparse part, no limit for outliers, or another shape.
    """
    options = layer.details.get("options", {})
    sigmas = options.get("outlier_sigmas")
    if layer.sparse is None or sigmas is None or options.get("outlier_scope") != "layer":
        what = f"layer {layer.name!r} has no outliers by one limit"
        raise HaloError(what, "Quantize it with HALO and a number of sigmas for the layer.")
    if weight.shape != layer.shape:
        raise HaloError(f"layer {layer.name!r} has another shape", "Give its own weights.")
    mean, deviation = (float(of(weight, dtype=np.float64)) for of in (np.mean, np.std))
    low, high = mean - sigmas * deviation, mean + sigmas * deviation
    apart = weight[layer.sparse.rows, layer.sparse.columns]
    salient = apart[(apart >= low) & (apart <= high)]
    figure = Figure(figsize=(WIDTH_IN, 2.8))
    axes = figure.subplots()
    reach = 1.05 * float(np.abs(weight).max())
    edges = np.linspace(-reach, reach, _EDGES).tolist()
    axes.hist(weight.ravel(), edges, color=GREY, label="all weights")
    axes.hist(apart[(apart < low) | (apart > high)], edges, color=ACCENT, label="outliers")
    axes.hist(salient, edges, color="#2166ac", label="salient, no outliers")
    for limit, sign, side, way in ((low, "\N{MINUS SIGN}", "right", -3), (high, "+", "left", 3)):
        axes.axvline(limit, color=ACCENT, linewidth=0.9, linestyle=_DASHED)
        axes.annotate(
            f"mean {sign} {sigmas:g} σ",
            (limit, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(way, -2),
            textcoords="offset points",
            ha=side,
            va="top",
            color=ACCENT,
            fontsize=7.5,
        )
    axes.set_yscale("log")
    axes.set_xlabel("weight")
    axes.set_ylabel("weights in a bin")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    share = len(apart) / weight.size
    title(axes, f"Weights kept apart: {share:.2%}, {len(salient):,} of them salient", subject)
    return figure


@publication
def tile_class_map(layer: QuantizedLayer, subject: str = "") -> Figure:
    """The codebook of every tile of a layer, as the tiles lie in the weight matrix; dark is slow, light is fast.

    Args:
        layer: quantized in tiles.
        subject: which layer of which model, for the title.

    Raises:
        HaloError: the layer has no tiles.
    """
    if layer.tile is None or layer.tile_class is None:
        raise HaloError(f"layer {layer.name!r} has no tiles", "Quantize it with HALO.")
    rows, columns = layer.shape
    shades = _class_shades(len(layer.codebooks))
    each = np.repeat(np.repeat(layer.tile_class, layer.tile, axis=0), layer.tile, axis=1)[:rows, :columns]
    height = float(np.clip(0.6 * WIDTH_IN * rows / columns, 1.2, 5.0))
    figure = Figure(figsize=(WIDTH_IN, height + 0.9))
    axes = figure.subplots()
    norm = mcolors.BoundaryNorm(np.arange(len(shades) + 1) - 0.5, len(shades))
    axes.imshow(
        each, cmap=mcolors.ListedColormap(shades), norm=norm, extent=(0, columns, rows, 0), interpolation="nearest"
    )
    axes.set_xticks(_tile_ticks(columns, layer.tile))
    axes.set_yticks(_tile_ticks(rows, layer.tile))
    if max(layer.tile_class.shape) <= 64:  # more lines would hide the tiles
        axes.set_xticks(range(0, columns, layer.tile), minor=True)
        axes.set_yticks(range(0, rows, layer.tile), minor=True)
        axes.tick_params(which="minor", length=0)
    axes.grid(which="both", color="white", linewidth=0.6)
    axes.set_axisbelow(False)
    axes.set_xlabel("input channel")
    axes.set_ylabel("output channel")
    named = zip(layer.codebooks, layer.class_share(), shades, strict=True)
    keys = [Patch(color=shade, label=f"{_told(book)}: {share:.0%}") for book, share, shade in named]
    axes.legend(handles=keys, loc="center left", bbox_to_anchor=(1.0, 0.5))
    title(axes, f"Tiles of {layer.tile} x {layer.tile}", subject)
    return figure


@publication
def layer_profile(rows: pd.DataFrame, subject: str = "") -> Figure:
    """Noise, bits and clock of every layer over the depth of the model, one line for each kind of layer.

    Args:
        rows: ``layers.csv``; without a column ``period_ns`` clocks are not known and not drawn.
        subject: model and method, for the title.

    Raises:
        HaloError: no rows.
    """
    if rows.empty:
        raise HaloError("there is no layer to draw", "Quantize some.")
    panels = {"sqnr_db": "SQNR (dB)", "bits_per_weight": "bits per weight,\nall counted"}
    shown = rows.assign(**_places(rows["layer"]))
    if "period_ns" in rows:
        shown["clock_ghz"] = 1 / shown["period_ns"]
        panels["clock_ghz"] = "mean clock (GHz)"
    kinds = list(dict.fromkeys(shown["kind"]))
    figure = Figure(figsize=(WIDTH_IN, 0.6 + 1.35 * len(panels)))
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (column, label) in zip(all_axes, panels.items(), strict=True):
        for number, kind in enumerate(kinds):
            mine = shown[shown["kind"] == kind]
            marker = _MARKERS[number % len(_MARKERS)]
            axes.plot(
                mine["place"],
                mine[column],
                marker=marker,
                markersize=3.5,
                linewidth=0.8,
                color=f"C{number}",
                label=kind,
            )
        axes.set_ylabel(label)
    all_axes[-1].set_xlabel("layer" if kinds == [_ALONE] else "block")
    all_axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")
    title(all_axes[0], "Noise, bits and clock of each layer", subject)
    return figure


def _places(names: pd.Series) -> dict[str, list[Any]]:
    """Block and kind of each layer, from the first number in its name; without one, its place in the list."""
    found = [re.search(r"(?<![A-Za-z0-9])(\d+)(?![A-Za-z0-9])", name) for name in names]
    if not all(found):
        return {"place": list(range(len(names))), "kind": [_ALONE] * len(names)}
    return {
        "place": [int(match[1]) for match in found if match],
        "kind": [name[match.end() :].strip("._") for name, match in zip(names, found, strict=True) if match],
    }


@publication
def accuracy_trade(points: pd.DataFrame, subject: str = "") -> Figure:
    """Perplexity over bits a weight and over the mean clock, with those that none beats in both, and the knee.

    Args:
        points: columns ``label`` (written at the ends and the knee), ``family`` (colour and legend), ``bits``,
            ``clock_ghz`` (NaN: unknown) and ``perplexity``; one row a quantized model.
        subject: model and text, for the title.

    Raises:
        HaloError: no rows.
    """
    if points.empty:
        raise HaloError("there is no quantized model to draw", "Evaluate some.")
    families = list(dict.fromkeys(points["family"]))
    colours = {family: f"C{n}" for n, family in enumerate(families)}
    figure = Figure(figsize=(WIDTH_IN, 3.6))
    panels = figure.subplots(1, 2, sharey=True)
    fronts: list[int] = []
    for axes, column, less, label in (
        (panels[0], "bits", True, "bits per weight, all counted"),
        (panels[1], "clock_ghz", False, "mean clock (GHz)"),
    ):
        shown = points[points[column].notna()]
        for family in families:
            mine = shown[shown["family"] == family]
            if len(mine):
                axes.scatter(mine[column], mine["perplexity"], s=16, color=colours[family], label=family, zorder=3)
        x, y = (shown[name].to_numpy(dtype=np.float64) for name in (column, "perplexity"))
        best = pareto(x if less else -x, y)
        axes.plot(x[best], y[best], color=GREY, linewidth=0.9, linestyle=_DASHED, zorder=1)
        axes.margins(0.2, 0.12)
        fronts.append(len(best))
        knee = best[knee_of(x[best] if less else -x[best], y[best])]
        axes.scatter(x[knee], y[knee], s=70, facecolors="none", edgecolors=ACCENT, linewidths=1.0, zorder=4)
        for place in {int(best[0]), int(knee), int(best[-1])}:
            up = y[place] == y[best].max()  # where the front is steep its own points lie below
            axes.annotate(
                str(shown["label"].iloc[place]),
                (x[place], y[place]),
                xytext=(4 if x[place] == x.min() else -4, 2 if up else -5),
                textcoords="offset points",
                ha="left" if x[place] == x.min() else "right",
                va="bottom" if up else "top",
                fontsize=6.5,
                color=NOTE,
            )
        axes.set_xlabel(label)
    panels[0].set_ylabel("perplexity")
    panels[0].set_yscale("log")
    panels[0].yaxis.set_major_formatter("{x:g}")
    panels[0].yaxis.set_minor_formatter("{x:g}")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), handletextpad=0.1)
    title(panels[0], "What a quantized model loses", subject)
    marks = "Dashed: the Pareto front; ring: its knee" if max(fronts) > 1 else "Ring: the best in both"
    title(panels[1], marks, "")
    return figure


def pareto(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Points that no other beats in both, less being better, in the order of x."""
    order = np.lexsort((y, x))
    least = np.minimum.accumulate(y[order])
    first = np.append(True, least[1:] < least[:-1])
    return np.asarray(order[first], dtype=np.int64)


def knee_of(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> int:
    """Of points along a front, the one furthest below the line through its ends, both axes scaled to 1."""
    across, along = float(np.ptp(x)) or 1.0, float(np.ptp(y)) or 1.0
    return int(np.argmin((x - x.min()) / across + (y - y.min()) / along))


def _class_shades(count: int) -> list[str]:
    """Dark (slow) to light (fast), as colours run with the clock in the other figures."""
    places = np.linspace(0.15, 0.85, max(count, 2))
    return [mcolors.to_hex(shade) for shade in mpl.colormaps["viridis"](places)[:count]]


def _told(book: Codebook) -> str:
    clock = book.frequency_ghz
    at = "" if clock is None else f" at {clock:.4g} GHz"
    return f"{len(book.values)} values{at}"


def _tile_ticks(size: int, tile: int) -> list[int]:
    """Edges of tiles, at most nine."""
    step = tile
    while size / step > 8:
        step *= 2
    return list(range(0, size + 1, step))
