# SPDX-License-Identifier: Apache-2.0
"""Figures show the numbers they are given: read back from the artists, not from pixels. All data are made up."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection, QuadMesh
from matplotlib.figure import Figure
from synthetic_run import SUBJECT, WEIGHTS, corner, write_run

from halo.characterization.histograms import Histograms, load_histograms, write_histograms
from halo.characterization.table import WeightTable, corner_rows
from halo.errors import HaloError
from halo.flow.runs.provenance import Recorder, read_record
from halo.plot.delays import delay_histograms, delay_map, telling_weights
from halo.plot.run import clock_note, draw_run, subject_of
from halo.plot.style import weight_ticks
from halo.plot.voltage import delay_across_voltage
from halo.plot.weights import energy_per_weight, frequency_per_weight


@pytest.fixture(scope="module")
def one() -> tuple[WeightTable, Histograms]:
    rows, histograms = corner()
    return WeightTable(rows), histograms


def texts(figure: Figure) -> str:
    return "\n".join(t.get_text() for t in figure.findobj(mpl.text.Text))


def artist(figure: Figure, kind: type, axes: int = 0) -> Any:
    return next(c for c in figure.axes[axes].collections if isinstance(c, kind))


def test_frequency_shows_every_clock_and_names_the_zero(one: tuple[WeightTable, Histograms]) -> None:
    table, _ = one
    figure = frequency_per_weight(table, subject=SUBJECT, note="The clock period rests on a guess.")
    points = artist(figure, PathCollection).get_offsets()
    expected = table.rows().query("weight != 0")
    np.testing.assert_allclose(points, expected[["weight", "fmax_ghz"]], rtol=1e-6)
    assert len(artist(figure, LineCollection).get_segments()) == 255
    said = texts(figure)
    assert f"safe for every weight: {expected['fmax_ghz'].min():.4g} GHz" in said
    assert "weight 0: 3.333 GHz" in said
    assert SUBJECT in said and "(GHz)" in said and "rests on a guess" in said
    low, high = figure.axes[0].get_ylim()
    assert low < expected["fmax_ghz"].min() and expected["fmax_ghz"].max() < high < 1.0
    figure.draw_without_rendering()
    relative = figure.axes[0].child_axes[0]
    np.testing.assert_allclose(relative.get_ylim(), np.array([low, high]) / expected["fmax_ghz"].min())


def test_fast_clocks_are_given_in_ghz() -> None:
    fmax = np.array([1.9, 2.4, 3.7])
    table = WeightTable(corner_rows("tt", 0.8, 25.0, [-3, 1, 64], {"period_ps": 1e3 / fmax, "fmax_ghz": fmax}))
    figure = frequency_per_weight(table)
    assert "safe for every weight: 1.9 GHz" in texts(figure)
    np.testing.assert_allclose(artist(figure, PathCollection).get_offsets()[:, 1], fmax)


def test_frequency_with_a_zero_that_never_moves_or_hardly_differs() -> None:
    period = np.array([1000.0, 0.0, 800.0])
    fmax = np.array([1.0, np.nan, 1.25])
    still = WeightTable(corner_rows("tt", 1.0, 25.0, [-1, 0, 2], {"period_ps": period, "fmax_ghz": fmax}))
    assert "weight 0: any clock" in texts(frequency_per_weight(still))
    period[1], fmax[1] = 900.0, 1 / 0.9
    near = WeightTable(corner_rows("tt", 1.0, 25.0, [-1, 0, 2], {"period_ps": period, "fmax_ghz": fmax}))
    assert len(artist(frequency_per_weight(near), PathCollection).get_offsets()) == 3


def test_energy_bars_add_up_and_start_at_zero(one: tuple[WeightTable, Histograms]) -> None:
    table, _ = one
    figure = energy_per_weight(table)
    bars = figure.axes[0].patches
    heights = np.array([bar.get_height() for bar in bars])  # type: ignore[attr-defined]
    np.testing.assert_allclose(heights[:256] + heights[256:], table.rows()["energy_fj"], rtol=1e-9)
    np.testing.assert_allclose(heights[256:], table.rows()["glitch_energy_fj"], rtol=1e-9)
    assert figure.axes[0].get_ylim()[0] == 0.0 and "(fJ)" in texts(figure)
    large = energy_per_weight(WeightTable(table.rows().assign(energy_fj=table.rows()["energy_fj"] * 100)))
    assert "(pJ)" in texts(large)
    total = large.axes[0].patches[5].get_height() + large.axes[0].patches[261].get_height()  # type: ignore[attr-defined]
    assert total == pytest.approx(table.rows()["energy_fj"][5] * 100 / 1e3)
    without = WeightTable(table.rows().assign(glitch_energy_fj=np.nan))
    assert len(energy_per_weight(without).axes[0].patches) == 256


def test_histograms_are_shares_of_all_transitions_with_the_maximum_marked(
    one: tuple[WeightTable, Histograms],
) -> None:
    table, histograms = one
    figure = delay_histograms(table, histograms, (-91, 64))
    for axes, weight in zip(figure.axes, (-91, 64), strict=True):
        heights = np.array([bar.get_height() for bar in axes.patches])  # type: ignore[attr-defined]
        np.testing.assert_allclose(heights, 100 * histograms.histogram[histograms.row(weight)] / 65536)
        marked = table.rows().set_index("weight").at[weight, "delay_ps"]
        assert any(line.get_xdata()[0] == marked for line in axes.lines)  # type: ignore[index]
    said = texts(figure)
    assert "weight \N{MINUS SIGN}91 (0 trailing zeros)" in said and "change no output" in said
    assert "Settling times of 65,536 transitions per weight" in said and f"bound {1.02 * marked:,.0f} ps" in said
    assert "settling time of a transition (ps)" in said


def test_bounds_are_called_bounds(one: tuple[WeightTable, Histograms]) -> None:
    table, histograms = one
    bounds = WeightTable(table.rows().assign(delay_ps=np.nan, mean_ps=np.nan))
    said = texts(delay_histograms(bounds, histograms, (3,)))
    assert "bound " in said and "settle bound of a transition (ps)" in said and "max " not in said
    assert "largest settle bound (ps)\n65,536 transitions per weight" in texts(delay_map(bounds, histograms))


def test_a_sampled_map_says_how_many_transitions_stand_behind_it(one: tuple[WeightTable, Histograms]) -> None:
    table, histograms = one
    sampled = WeightTable(table.rows().assign(transitions=512))
    assert "largest settling time (ps)\n512 transitions per weight" in texts(delay_map(sampled, histograms))
    assert "Settling times of 512 transitions per weight" in texts(delay_histograms(sampled, histograms, (3,)))


def test_map_shows_delays_and_leaves_quiet_weights_out(one: tuple[WeightTable, Histograms]) -> None:
    table, histograms = one
    worst = histograms.worst_by_next_ps
    figure = delay_map(table, histograms)
    shown = artist(figure, QuadMesh).get_array()
    np.testing.assert_array_equal(shown.filled(0.0), worst)
    assert shown.mask[WEIGHTS == 0].all() and not shown.mask[WEIGHTS != 0].any()
    said = texts(figure)
    assert "no output changes" in said and "not sampled" not in said
    old = replace(histograms, worst_by_next_ps=np.where(worst > 0, worst, np.nan).astype(np.float32))
    assert texts(delay_map(table, old)) == said, "a stimulus that is complete leaves nothing out"
    busy = replace(histograms, worst_by_next_ps=worst + 5)
    assert "no output changes" not in texts(delay_map(table, busy))


def test_map_tells_what_was_not_sampled_from_what_is_quiet(one: tuple[WeightTable, Histograms]) -> None:
    table, histograms = one
    worst = histograms.worst_by_next_ps.copy()
    worst[WEIGHTS != 0, 7] = np.nan
    holed = replace(histograms, worst_by_next_ps=worst)
    figure = delay_map(WeightTable(table.rows().assign(transitions=512)), holed)
    moved, quiet = (m.get_array() for m in figure.axes[0].collections if isinstance(m, QuadMesh))
    np.testing.assert_array_equal(~np.ma.getmaskarray(moved), worst > 0)
    np.testing.assert_array_equal(~np.ma.getmaskarray(quiet), worst == 0)
    assert "no output changes" in texts(figure) and "not sampled" in texts(figure)


def test_telling_weights_are_the_slowest_of_their_kind(one: tuple[WeightTable, Histograms]) -> None:
    table, _ = one
    chosen = telling_weights(table)
    assert [bin(w & 0xFF)[::-1].index("1") for w in chosen] == [0, 2, 5, 7]
    delays = table.rows().set_index("weight")["delay_ps"]
    assert delays[chosen[0]] == delays.max()
    assert telling_weights(WeightTable(corner_rows("tt", 1.0, 25.0, [0, 1], {}))) == ()


def test_voltage_figure_shows_how_far_one_factor_is_off() -> None:
    tables = [corner("slow", 1.28, -40.0, 7.5, 900.0)[0], corner("mid", 1.4, -40.0, 4.0, 300.0)[0], corner()[0]]
    table = WeightTable(pd.concat(tables))
    figure = delay_across_voltage(table, SUBJECT)
    left, right = figure.axes
    assert {len(line.get_xdata()) for line in left.lines} == {1, 2}  # type: ignore[arg-type]
    ratio = (table.rows("slow")["delay_ps"] / table.rows("tt")["delay_ps"])[WEIGHTS != 0]
    shown = np.asarray(right.collections[0].get_offsets())[:, 1]
    np.testing.assert_allclose(shown, 100 * (ratio / ratio.median() - 1), atol=1e-9)
    assert "slow" in texts(figure) and "×1" in texts(figure)


@pytest.mark.parametrize(
    ("draw", "what"),
    [
        (lambda t, h: frequency_per_weight(t.__class__(corner_rows("x", 1.0, 0.0, [1], {}))), "no clocks"),
        (lambda t, h: energy_per_weight(t.__class__(corner_rows("x", 1.0, 0.0, [1], {}))), "no energies"),
        (lambda t, h: delay_histograms(t, h, ()), "no weight is given"),
        (lambda t, h: delay_histograms(t, h, (500,)), "no histogram of weight 500"),
        (lambda t, h: delay_across_voltage(t), "one voltage only"),
        (
            lambda t, h: delay_map(
                t, Histograms(h.weights, h.histogram, h.bin_edges_ps, h.worst_by_next_ps * np.nan, h.activations)
            ),
            "no delays by next activation",
        ),
        (lambda t, h: Histograms(h.weights[1:], h.histogram, h.bin_edges_ps, h.worst_by_next_ps, h.activations), "fit"),
    ],
)
def test_figures_that_cannot_be_drawn(one: tuple[WeightTable, Histograms], draw: Any, what: str) -> None:
    with pytest.raises(HaloError, match=what):
        draw(*one)


def test_the_style_stays_inside_the_figures(one: tuple[WeightTable, Histograms]) -> None:
    before = dict(mpl.rcParams)
    frequency_per_weight(one[0])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(("low", "high", "step"), [(-128, 127, 16), (0, 255, 16), (-8, 7, 1), (-2048, 2047, 256)])
def test_ticks_stand_on_powers_of_two(low: int, high: int, step: int) -> None:
    ticks = weight_ticks(np.arange(low, high + 1))
    assert 0 in ticks and set(np.diff(ticks)) == {step}


def test_the_clock_is_explained_in_the_words_of_the_run(tmp_path: Path) -> None:
    with Recorder(tmp_path, "characterize", {}, ()) as record:
        record.results["design"] = "mac"
        said = "The clock period rests on the settle bound."
        record.results["clock"] = {
            "ss": [said, "The period includes DFF: clk-to-Q 9 ps."],
            "tt": [said, "The period includes DFF: clk-to-Q 5 ps."],
        }
    read = read_record(tmp_path)
    assert clock_note(read, "tt") == (
        "The clock period rests on the settle bound. The period includes DFF: clk-to-Q 5 ps."
    )
    assert clock_note(read, "none") == ""
    table = WeightTable(corner("ss", 1.62, -40.0)[0])
    assert subject_of(read, table, "ss") == "mac, ss, 1.62 V, \N{MINUS SIGN}40 °C"


def test_draw_all_redraws_the_same_bytes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", corner())
    paths = draw_run(run)
    assert [p.name for p in paths] == [
        "frequency_per_weight.png",
        "energy_per_weight.png",
        "delay_histograms.png",
        "delay_map.png",
    ]
    first = {p: p.read_bytes() for p in paths}
    assert all(content.startswith(b"\x89PNG") for content in first.values())
    (run / "plots" / "stale.png").touch()
    assert {p: p.read_bytes() for p in draw_run(run)} == first
    assert set((run / "plots").iterdir()) == set(paths)


def test_a_table_with_rows_deleted_is_not_drawn(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", corner())
    table, record = run / "weights.csv", json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["results"]["files"] = {table.name: hashlib.sha256(table.read_bytes()).hexdigest()}
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert draw_run(run)
    table.write_text("".join(table.read_text(encoding="utf-8").splitlines(keepends=True)[:-2]), encoding="utf-8")
    with pytest.raises(HaloError, match=r"weights\.csv is not the one that its run wrote"):
        draw_run(run)


def test_draw_all_draws_only_what_was_computed(tmp_path: Path) -> None:
    rows, histograms = corner("ss", 1.62, -40.0, 2.0)
    empty = {name: np.nan for name in ("energy_fj", "glitch_energy_fj", "power_uw")}
    run = write_run(tmp_path / "run", (corner()[0].assign(**empty), corner()[1]), (rows.assign(**empty), histograms))
    (run / "histograms.npz").unlink()
    assert [p.name for p in draw_run(run)] == [
        "frequency_per_weight.tt.png",
        "frequency_per_weight.ss.png",
        "delay_across_voltage.png",
    ]


def test_a_failed_redraw_keeps_the_old_plots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", corner())
    (run / "plots").mkdir()
    (run / "plots" / "old.png").touch()
    monkeypatch.setattr(Figure, "savefig", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(HaloError, match="No space left"):
        draw_run(run)
    assert [p.name for p in (run / "plots").iterdir()] == ["old.png"]
    assert {p.name for p in run.iterdir()} == {
        "weights.csv",
        "weights.parquet",
        "histograms.npz",
        "run.json",
        "log.txt",
        "plots",
    }


def test_histograms_read_back_equal_and_write_the_same_bytes(tmp_path: Path) -> None:
    made = {"tt": corner()[1], "ss_1p62": corner("ss_1p62", 1.62, 0.0, 2.0)[1]}
    write_histograms(tmp_path / "a.npz", made)
    write_histograms(tmp_path / "b.npz", made)
    read = load_histograms(tmp_path / "a.npz")
    assert list(read) == ["tt", "ss_1p62"]
    np.testing.assert_array_equal(read["ss_1p62"].histogram, made["ss_1p62"].histogram)
    np.testing.assert_array_equal(read["tt"].worst_by_next_ps, made["tt"].worst_by_next_ps)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", None])
def test_files_that_are_no_histograms(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "histograms.npz"
    if content is None:
        np.savez(path, **{"tt/weights": np.arange(3)})  # type: ignore[arg-type]
    else:
        path.write_bytes(content)
    with pytest.raises(HaloError, match="no histograms"):
        load_histograms(path)
    with pytest.raises(HaloError, match="no histograms"):
        load_histograms(tmp_path / "absent.npz")
