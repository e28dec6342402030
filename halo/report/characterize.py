# SPDX-License-Identifier: Apache-2.0
"""What ``halo characterize`` prints: clocks, weights by their trailing zeros, energy, assumptions and files.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from halo.characterization.classes import trailing_zeros
from halo.characterization.columns import column
from halo.characterization.table import WeightTable, load_table
from halo.flow.runs.provenance import RunRecord, read_record
from halo.report.model import Report, Section, Table, closing, four_digits

_LISTED = 4
_CLASS_COLUMNS = (
    ("delay_ps", "delay ps", "max", ",.1f"),
    ("bound_ps", "bound ps", "max", ",.1f"),
    ("static_ps", "static ps", "max", ",.1f"),
    ("fmax_ghz", "f_max GHz", "min", ""),
    ("energy_fj", "energy fJ", "mean", ""),
)


def characterize_report(run_folder: Path) -> Report:
    """Report of a run of ``halo characterize``.

    Raises:
        HaloError: no run folder, or damaged files.
    """
    record, table = read_record(run_folder), load_table(run_folder)
    files = sorted(path for path in run_folder.iterdir() if path.is_file())
    plots = sorted(path for path in (run_folder / "plots").glob("*") if path.is_file())
    corners = [_corner(table, corner) for corner in table.corners]
    told = record.results
    lines = [
        *([told["clock_includes"]] if "clock_includes" in told else []),
        *([_size(told)] if "area" in told else []),
    ]
    size = [Section("", ["", *lines])] if lines else []
    return Report(_headline(record, run_folder), [*size, *corners, *closing(record.assumptions, files, plots)])


def _headline(record: RunRecord, run_folder: Path) -> str:
    design = record.results.get("design") or record.config.get("top") or "MAC"
    return f"{design}: {record.command} took {record.wall_time_s:,.1f} s, written to {run_folder}"


def _size(results: Mapping[str, Any]) -> str:
    registers = f", {results['registers']:,} of them flip-flops" if results.get("registers") else ""
    return f"{sum(results['cells'].values()):,} cells{registers}; area {results['area']:,.6g} library units"


def _corner(table: WeightTable, corner: str) -> Section:
    rows = table.rows(corner)
    first = rows.iloc[0]
    transitions = rows["transitions"].dropna()
    counted = f", {int(transitions.max()):,} transitions each" if len(transitions) else ""
    known = [f"{first[name]:g} {column(name).unit}" for name in ("voltage_v", "temperature_c") if first.notna()[name]]
    conditions = f" ({', '.join(known)})" if known else ""
    title = f"{corner}{conditions}: {len(rows):,} weights{counted}"
    energy = ["", _energy(rows)] if rows["energy_fj"].notna().any() else []
    return Section(title, [*_clocks(rows), "", _classes(rows), *energy])


def _clocks(rows: pd.DataFrame) -> list[str]:
    clocked = rows[rows["fmax_ghz"].notna()]
    if clocked.empty:
        return ["no clock was computed"]
    lines = [_clock("slowest", clocked, clocked["fmax_ghz"].min())]
    others = clocked[clocked["weight"] != 0]
    if not others.empty:
        lines.append(_clock("fastest but 0", others, others["fmax_ghz"].max()))
    return lines


def _clock(label: str, rows: pd.DataFrame, clock: float) -> str:
    same = rows.loc[rows["fmax_ghz"] == clock, "weight"].to_numpy(dtype=np.int64)
    return f"{label:<14}{four_digits(clock):>9} GHz   weight{'s' if len(same) > 1 else ''} {_listed(same)}"


def _listed(weights: npt.NDArray[np.int64]) -> str:
    shown = ", ".join(str(w) for w in weights[:_LISTED])
    return shown if len(weights) <= _LISTED else f"{shown} and {len(weights) - _LISTED} more"


def _classes(rows: pd.DataFrame) -> Table:
    """One row for each number of trailing zeros: the worst of its weights, the mean of their energies."""
    zeros = trailing_zeros(rows["weight"].to_numpy(dtype=np.int64))
    shown = [column for column in _CLASS_COLUMNS if rows[column[0]].notna().any()]
    lines = []
    for z in sorted(set(zeros.tolist()), key=lambda z: (z < 0, z)):
        group = rows[zeros == z]
        values = [float(group[name].agg(how)) for name, _, how, _ in shown]
        styles = (style for _, _, _, style in shown)
        cells = ["" if np.isnan(v) else _number(v, style) for v, style in zip(values, styles, strict=True)]
        lines.append(("weight 0" if z < 0 else str(z), str(len(group)), *cells))
    return Table(("trailing zeros", "weights", *(title for _, title, _, _ in shown)), lines, "r")


def _number(value: float, style: str) -> str:
    """In the style given; without one, four digits, but never a power of ten."""
    if style or abs(value) >= 1000:
        return format(value, style or ",.0f")
    return four_digits(value)


def _energy(rows: pd.DataFrame) -> str:
    energy = float(rows["energy_fj"].mean())
    text = f"mean over all weights: {_number(energy, '')} fJ a transition"
    if rows["glitch_energy_fj"].notna().any() and energy > 0:
        text += f", {100 * float(rows['glitch_energy_fj'].mean()) / energy:.0f} % of it in glitches"
    if rows["leakage_nw"].notna().any():
        text += f"; leakage {four_digits(float(rows['leakage_nw'].mean()))} nW"
    return text
