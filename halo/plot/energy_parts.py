# SPDX-License-Identifier: Apache-2.0
"""Where the energy of an array goes, beside what a table of its weights says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from halo.errors import HaloError
from halo.plot.style import ACCENT, GREY, NOTE, WIDTH_IN, publication, signed


@publication
def energy_parts(streams: Mapping[str, Mapping[str, float]], subject: str = "") -> Figure:
    """Energy of a multiply-accumulate (fJ), step by step from the table to the whole array, one panel a stream.

    Each bar starts where the one above it ends; the last is the sum, what a simulation of all gates found.

    Args:
        streams: for each operand stream its parts in order, as ``ArrayEnergy.per_mac_fj`` gives them. The first part
            is what the table says.
        subject: what was simulated, for the title.

    Raises:
        HaloError: no streams, or streams with different parts.
    """
    names = [tuple(parts) for parts in streams.values()]
    if not names or not names[0] or set(names) != {names[0]}:
        raise HaloError("there are no energies to draw, or of different parts", "Give the same parts for each stream.")
    labels = [*names[0], "simulated"]
    reached = [0.0, *(float(end) for parts in streams.values() for end in np.cumsum(list(parts.values())))]
    scale, unit = (1e-3, "pJ") if max(reached) >= 1e4 else (1.0, "fJ")
    figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.24 * len(labels)))
    panels = figure.subplots(1, len(streams), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (stream, parts) in zip(panels, streams.items(), strict=True):
        values = scale * np.array(list(parts.values()))
        ends = np.cumsum(values)
        whole = float(ends[-1])
        lengths = [*values, whole]
        starts = [0.0, *ends[:-1], 0.0]
        colours = [NOTE, *(ACCENT if value > 0 else "#2166ac" for value in values[1:]), NOTE]
        axes.barh(range(len(labels)), lengths, left=starts, color=colours, height=0.62)
        for y, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            sign = "+" if 0 < y < len(labels) - 1 and length >= 0 else ""
            axes.annotate(
                f"{sign}{signed(float(f'{length:.3g}'))}",
                (max(start, start + length), y),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.0,
            )
        for y, end in enumerate(ends):
            axes.plot([end, end], [y - 0.31, y + 1.31], color=GREY, linewidth=0.6)
        axes.grid(visible=False, axis="y")
        axes.set_title(stream)
        axes.set_xlabel(f"energy of a multiply-accumulate ({unit})")
    panels[0].set_xlim(1.2 * scale * min(reached), 1.24 * scale * max(reached))
    panels[0].set_yticks(range(len(labels)), labels)
    panels[0].invert_yaxis()
    figure.suptitle(
        "\n".join(filter(None, ("What a table of weights leaves out", subject))), x=0.01, ha="left", fontsize=9.0
    )
    return figure
