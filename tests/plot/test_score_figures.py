# SPDX-License-Identifier: Apache-2.0
"""Figures of scores draw the numbers they are given."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from halo.dvfs.cost import Segment
from halo.dvfs.files import read_dvfs
from halo.dvfs.schedule import Schedule, ScheduledLayer, WeightSet
from halo.errors import HaloError
from halo.plot.roofline import roofline
from halo.plot.score import energy_bars, tile_size_bars, time_against_energy, time_bars
from halo.plot.timeline import schedule_timeline

TIMES = ("time_slow_ps", "time_fast_ps", "stall_ps", "transition_ps")
BYTES = ("weight_bytes", "activation_bytes", "result_bytes")
ENERGIES = ("core_pj", "buffer_pj", "dram_pj", "static_pj", "transition_pj")


def total(model: str, method: str, *, times: tuple[int, ...], energies: tuple[int, ...]) -> dict[str, Any]:
    row: dict[str, Any] = {"model": model, "method": method, "time_ps": sum(times), "energy_pj": sum(energies)}
    return row | dict(zip(TIMES, times, strict=True)) | dict(zip(ENERGIES, energies, strict=True))


def totals() -> pd.DataFrame:
    rows = [
        total("one", "w8a8", times=(8, 0, 4, 0), energies=(5, 4, 3, 2, 0)),
        total("one", "halo", times=(1, 4, 2, 1), energies=(4, 3, 2, 1, 1)),
        total("two", "w8a8", times=(30, 0, 0, 0), energies=(50, 40, 30, 20, 0)),
        total("two", "halo", times=(5, 10, 0, 5), energies=(40, 30, 20, 10, 10)),
    ]
    whole = [*TIMES, *ENERGIES, "time_ps", "energy_pj"]
    return pd.DataFrame(rows).astype(dict.fromkeys(whole, "Int64"))


def ends(axes: Axes) -> list[float]:
    """Right ends of the stacks, one a method."""
    right: dict[int, float] = {}
    for patch in axes.patches:
        place = round(patch.get_y() + patch.get_height() / 2)
        right[place] = max(right.get(place, 0.0), patch.get_x() + patch.get_width())
    return [right[place] for place in sorted(right)]


def test_stacks_end_at_the_totals_over_the_baseline() -> None:
    one, two = time_bars(totals(), "made up", baseline="halo").axes
    assert np.allclose(ends(one), [12 / 8, 1]) and np.allclose(ends(two), [30 / 20, 1])
    assert [label.get_text() for label in one.get_yticklabels()] == ["w8a8", "halo"]
    first = next(patch for patch in two.patches if round(patch.get_y() + patch.get_height() / 2) == 1)
    assert first.get_width() == pytest.approx(5 / 20)


def test_stacks_are_seconds_and_joules_without_a_baseline() -> None:
    assert np.allclose(ends(energy_bars(totals()).axes[0]), [14e-12, 11e-12])
    brief = time_bars(totals()).axes[1]
    assert np.allclose(ends(brief), [30e-9, 20e-9]) and brief.get_xlabel() == "time (ms)"
    longer = totals()
    longer[[*TIMES, "time_ps"]] *= 10**10
    long = time_bars(longer).axes[1]
    assert np.allclose(ends(long), [0.3, 0.2]) and long.get_xlabel() == "time (s)"


def test_published_ratios_are_marked_where_there_are_any() -> None:
    published = pd.DataFrame({"w8a8": [1.35]}, index=["one"])
    one, two = time_bars(totals(), baseline="halo", published=published).axes
    assert np.asarray(one.collections[0].get_offsets())[0].tolist() == [1.35, 0] and not two.collections
    assert "1.50 (1.35)" in [text.get_text() for text in one.texts]


def test_parts_that_are_nothing_are_not_named() -> None:
    frame = totals()
    frame["transition_ps"] = 0
    texts = [text.get_text() for text in time_bars(frame).legends[0].get_texts()]
    assert texts == ["slow", "fast", "stalls"]


def test_a_missing_baseline_and_no_rows_are_refused() -> None:
    with pytest.raises(HaloError, match="'fp16' is not scored for every model"):
        time_bars(totals(), baseline="fp16")
    with pytest.raises(HaloError, match="is not scored for every model"):
        energy_bars(totals().iloc[:3], baseline="halo")
    with pytest.raises(HaloError, match="no score"):
        time_against_energy(totals().iloc[:0])


def test_tile_sizes_are_relative_to_the_smallest_of_each_variant() -> None:
    rows = [("perf", 16, 10, 4), ("perf", 64, 12, 5), ("acc", 16, 20, 8), ("acc", 64, 30, 8)]
    frame = pd.DataFrame(rows, columns=["variant", "tile", "time_ps", "energy_pj"])
    time, energy = tile_size_bars(frame, published={64: (1.02, 1.16), 128: (1.03, 1.21)}).axes
    assert [[bar.get_height() for bar in container] for container in time.containers[:2]] == [[1, 1.2], [1, 1.5]]
    assert [[bar.get_height() for bar in container] for container in energy.containers] == [[1, 1.25], [1, 1]]
    assert len(time.containers) == 3  # the bracket of 64; there is no bar of 128
    with pytest.raises(HaloError, match="lacks a tile size"):
        tile_size_bars(frame.iloc[:3])


def test_one_row_that_beats_all_is_no_front_and_far_ones_need_no_key() -> None:
    frame = pd.DataFrame({"time_ps": [1e12, 2e12, 9e12], "energy_pj": [3e12, 4e12, 9e13]})
    figure = time_against_energy(frame.assign(label=list("abc"), family=["x", "x", "far"]))
    told = figure.axes[0].get_title(loc="left")
    assert told.startswith("Time against energy; a takes the least of both; beyond the axes: c (")
    assert [text.get_text() for text in figure.legends[0].texts] == ["x"]


def test_the_front_joins_what_none_beats() -> None:
    frame = pd.DataFrame({"time_ps": [1e12, 2e12, 3e12], "energy_pj": [3e12, 4e12, 1e12]})
    figure = time_against_energy(frame.assign(label=list("abc"), family=["x", "x", "y"]), "made up")
    (axes,) = figure.axes
    assert axes.lines[0].get_xdata().tolist() == [1, 3] and axes.lines[0].get_ydata().tolist() == [3, 1]
    assert [text.get_text() for text in axes.texts] == list("abc")


@pytest.mark.parametrize("peaks", [{"only": 5.0}, {"a": 10.0, "b": 10.1, "c": 10.2, "d": 20.0}])
def test_names_of_roofs_do_not_overlap(peaks: dict[str, float]) -> None:
    frame = pd.DataFrame(
        {"label": ["x"], "role": "q", "macs": 8, "time_ps": 1, **{key: [1] for key in BYTES}},
    )
    figure = roofline(frame, peaks, 100.0)
    figure.draw_without_rendering()
    extents = [Text.get_window_extent(text) for text in figure.axes[0].texts]  # without the line to the roof
    assert len(extents) == len(peaks) + 1
    assert not any(one.overlaps(other) for one, other in combinations(extents, 2))


def test_roofline_places_each_product_once() -> None:
    frame = pd.DataFrame(
        {
            "label": "prefill",
            "role": ["q", "k", "scores"],
            "macs": [8000, 8000, 600],
            "time_ps": [1000, 1000, 300],
            "weight_bytes": [10, 10, 100],
            "activation_bytes": [20, 20, 100],
            "result_bytes": [10, 10, 100],
        }
    )
    (axes,) = roofline(frame, {"slow": 10.0, "fast": 20.0}, 100.0).axes
    placed = [np.asarray(points.get_offsets()).tolist() for points in axes.collections]
    assert placed == [[[200.0, 8.0]], [[2.0, 2.0]]]
    memory, *roofs = axes.lines
    assert np.allclose(np.divide(memory.get_ydata(), memory.get_xdata()), 0.1)
    assert [line.get_xydata()[0].tolist() for line in roofs] == [[100.0, 10.0], [200.0, 20.0]]
    assert [text.get_text() for text in axes.texts] == ["slow 10", "fast 20", "DRAM 100 GB/s"]
    with pytest.raises(HaloError, match="no product"):
        roofline(frame.iloc[:0], {"slow": 1.0}, 1.0)
    many = pd.concat([frame.assign(label=str(n)) for n in range(13)])
    with pytest.raises(HaloError, match="13 labels"):
        roofline(many, {"slow": 1.0}, 1.0)


def scheduled() -> tuple[Schedule, pd.DataFrame]:
    dvfs = read_dvfs("paper-systolic").dvfs
    layers = (
        ScheduledLayer("block 0 q", (Segment(1, 0, 2400, 1), Segment(2, 1, 3700, 1)), 2),  # 1 us each
        ScheduledLayer("block 0 scores", (Segment(0, -1, 1900, 1),), 3),
        ScheduledLayer("block 1 q", (Segment(0, 0, 1900, 1),), 1),
    )
    schedule = Schedule(
        "made", dvfs, (WeightSet("a", (16,)), WeightSet("b", (32,))), WeightSet("any", (1,)), layers, ""
    )
    rows = pd.DataFrame({"layer": [layer.name for layer in layers], "role": ["q", "scores", "q"]})
    rows["time_ps"] = [8_000_000, 3_000_000, 1_000_000]  # the first waits for half of its time
    for n, column in enumerate(ENERGIES):
        rows[column] = [8_000_000 * n, 3_000_000, 1_000_000]
    return schedule, rows


def test_timeline_steps_through_clocks_and_powers() -> None:
    clock, power = schedule_timeline(*scheduled()).axes
    first, second = (patch.get_data() for patch in clock.patches if hasattr(patch, "get_data"))
    assert first.values.tolist() == [2.4, 3.7, 2.4, 3.7] and second.values.tolist() == [1.9]
    assert np.allclose(first.edges, [0, 2e-3, 4e-3, 6e-3, 8e-3]) and np.allclose(second.edges, [8e-3, 11e-3])
    tops = [patch.get_data().values.tolist() for patch in power.patches if hasattr(patch, "get_data")]
    assert np.allclose(tops[-1], [0 + 1 + 2 + 3 + 4, 5])  # pJ over ps are watts
    assert [text.get_text() for text in clock.texts] == ["q", "scores"]


def test_timeline_needs_its_block_and_its_rows() -> None:
    schedule, rows = scheduled()
    with pytest.raises(HaloError, match="no block 0"):
        schedule_timeline(replace(schedule, layers=schedule.layers[2:]), rows)
    with pytest.raises(HaloError, match="no score of block 0 scores"):
        schedule_timeline(schedule, rows[rows["role"] != "scores"])
