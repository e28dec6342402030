# SPDX-License-Identifier: Apache-2.0
"""Signals of a recorded simulation (FST, VCD) over time, as a wave viewer shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from halo.errors import HaloError
from halo.plot.style import ACCENT, GREY, NOTE, WIDTH_IN, publication

Radix = Literal["signed", "unsigned", "hex"]
Change = tuple[float, int | str]
"""A time in ns and the value from then on; text where a bit is x or z."""

_HIGH, _LOW = 0.36, -0.36
_FILL = "#e9eef5"
_LETTERS_PER_WIDTH = 118
"""Characters of a value's size that fit side by side on the axes."""


@dataclass(frozen=True)
class Trace:
    """One row of the picture.

    Attributes:
        name: full name in the recording, such as ``systolic_ws.clk_i``; the end of it is enough where it is unique.
        label: shown at the left; empty: the name's last part.
        bits: (high, low) of the bits to show, such as one lane of a packed vector; None: all.
        radix: how a vector's values are written.
    """

    name: str
    label: str = ""
    bits: tuple[int, int] | None = None
    radix: Radix = "signed"


@publication
def draw_waves(path: Path, traces: Sequence[Trace | str], start_ns: float, end_ns: float, subject: str = "") -> Figure:
    """Draw some signals of a recording.

    Args:
        path: FST or VCD file, as ``halo sim --waves`` writes it.
        traces: rows, top to bottom; a plain name is a row with the defaults.
        start_ns, end_ns: the window.
        subject: title.

    Raises:
        HaloError: the file cannot be read, a name is unknown or has several meanings, or the window is empty.
    """
    if not start_ns < end_ns:
        raise HaloError(f"the window from {start_ns:g} to {end_ns:g} ns is empty", "Give a start before the end.", path)
    rows = [trace if isinstance(trace, Trace) else Trace(trace) for trace in traces]
    recorded = [read_changes(path, trace) for trace in rows]
    figure = Figure(figsize=(WIDTH_IN, 0.55 + 0.25 * len(rows)))
    axes = figure.subplots()
    for y, (trace, (width, changes)) in enumerate(zip(rows, recorded, strict=True)):
        shown = list(_within(changes, start_ns, end_ns))
        if width == 1:
            _draw_bit(axes, y, shown)
        else:
            _draw_vector(axes, y, shown, width, trace.radix, end_ns - start_ns)
    axes.set_yticks(range(len(rows)), [trace.label or trace.name.rpartition(".")[2] for trace in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(start_ns, end_ns)
    axes.set_xlabel("time (ns)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.set_title(subject)
    return figure


def read_changes(path: Path, trace: Trace) -> tuple[int, list[Change]]:
    """Width in bits of a trace, and its values in order of time.

    Raises:
        HaloError: as for ``draw_waves``.
    """
    import pywellen

    if not path.is_file():
        raise HaloError("there is no such recording", "Write one with halo sim --waves.", path)
    try:
        waveform = pywellen.Waveform(str(path))
    except (RuntimeError, OSError, ValueError) as error:
        raise HaloError(f"this recording cannot be read: {error}", "Give an FST or VCD file.", path) from error
    variable = _variable(waveform, trace.name, path)
    width = int(variable.bitwidth or 1)
    high, low = trace.bits or (width - 1, 0)
    if not width > high >= low >= 0:
        raise HaloError(f"{trace.name} has no bits {high} to {low}, only {width}", "Correct the range.", path)
    scale = float(waveform.timescale.factor) * _NS[str(waveform.timescale.unit)]
    changes = [(scale * time, _part(value, width, high, low)) for time, value in variable.signal]
    return high - low + 1, changes


_NS = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0, "ps": 1e-3, "fs": 1e-6}


def _variable(waveform: Any, name: str, path: Path) -> Any:
    variables = {str(v.full_name): v for v in waveform.all_vars()}
    if name in variables:
        return variables[name]
    found = sorted(full for full in variables if full.endswith(f".{name}"))
    shortest = [full for full in found if full.count(".") == min(f.count(".") for f in found)]
    if len(shortest) == 1:
        return variables[shortest[0]]
    if shortest:
        raise HaloError(f"{name} could be {shortest[0]} or {shortest[1]}", "Write more of the name.", path)
    listed = ", ".join(sorted(variables, key=lambda full: (full.count("."), full))[:8])
    raise HaloError(f"no signal {name} is recorded", f"There are {listed} and others.", path)


def _part(value: int | str, width: int, high: int, low: int) -> int | str:
    if isinstance(value, str):
        text = value.rjust(width, "0" if value[:1] == "1" else value[:1] or "x")
        part = text[width - 1 - high : width - low]
        return int(part, 2) if set(part) <= {"0", "1"} else part
    return value >> low & (1 << (high - low + 1)) - 1


def _within(changes: Sequence[Change], start: float, end: float) -> list[tuple[float, float, int | str]]:
    """(from, to, value) of the stretches that a window shows, equal neighbours joined."""
    stretches: list[tuple[float, float, int | str]] = []
    for i, (time, value) in enumerate(changes):
        until = changes[i + 1][0] if i + 1 < len(changes) else end
        first, last = max(time, start), min(until, end)
        if first >= last:
            continue
        if stretches and stretches[-1][2] == value and stretches[-1][1] == first:
            first = stretches.pop()[0]
        stretches.append((first, last, value))
    return stretches


def _draw_bit(axes: Axes, y: int, stretches: Sequence[tuple[float, float, int | str]]) -> None:
    times: list[float] = []
    levels: list[float] = []
    for first, last, value in stretches:
        if isinstance(value, str):
            axes.fill_between([first, last], y + _LOW, y + _HIGH, color=ACCENT, alpha=0.25, linewidth=0)
        level = y if isinstance(value, str) else y - _HIGH if value else y - _LOW
        times += [first, last]
        levels += [level, level]
    axes.plot(times, levels, color=NOTE, linewidth=0.9)


def _draw_vector(
    axes: Axes, y: int, stretches: Sequence[tuple[float, float, int | str]], width: int, radix: Radix, window: float
) -> None:
    slope = window / 400
    for first, last, value in stretches:
        lean = min(slope, (last - first) / 2)
        unknown = isinstance(value, str)
        axes.fill(
            [first, first + lean, last - lean, last, last - lean, first + lean],
            [y, y - _HIGH, y - _HIGH, y, y - _LOW, y - _LOW],
            facecolor="#f3d9dc" if unknown else _FILL,
            edgecolor=ACCENT if unknown else GREY,
            linewidth=0.6,
        )
        text = _written(value, width, radix)
        if (last - first) / window * _LETTERS_PER_WIDTH >= len(text) + 0.4:
            axes.text((first + last) / 2, y, text, ha="center", va="center_baseline", fontsize=6.0, color="black")


def _written(value: int | str, width: int, radix: Radix) -> str:
    if isinstance(value, str):
        return "x" if "x" in value.lower() else "z"
    if radix == "hex":
        return f"{value:0{-(-width // 4)}x}"
    if radix == "signed" and value >> (width - 1):
        return f"\N{MINUS SIGN}{(1 << width) - value}"
    return str(value)
