# SPDX-License-Identifier: Apache-2.0
"""``halo compare``: finished runs of ``halo characterize`` side by side, by area, clock and energy.

Tests: tests/flow/test_compare.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from halo.characterization.table import WeightTable, load_table
from halo.errors import HaloError
from halo.flow.runs.provenance import RunRecord, read_record
from halo.flow.runs.runfolder import RECORD, new_file
from halo.keywords import checked

if TYPE_CHECKING:
    import pandas as pd

MULTIPLES = (16, 32)
ALL = "all"
COLUMNS = (
    "run",
    "top",
    "corner",
    "weights",
    "count",
    "cells",
    "registers",
    "area_um2",
    "period_ps",
    "energy_fj",
    "macs_per_s_um2",
    "energy_period_pj_ns",
)
"""Columns of the CSV: a row for each run, corner and set of weights."""


@checked
@dataclass(frozen=True)
class CompareConfig:
    """Options of ``halo compare``.

    Attributes:
        runs: folders of ``halo characterize``.
        multiples: sets of weights beside that of all: the multiples of each of these numbers, 0 included.
        csv: file to write, if any.
        force: replace it.

    Raises:
        HaloError: no run, or a number below 2.
    """

    runs: tuple[Path, ...]
    multiples: tuple[int, ...] = MULTIPLES
    csv: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        if not self.runs:
            raise HaloError("no run is given", "Give folders of halo characterize.")
        for number in self.multiples:
            if number < 2:
                raise HaloError(f"multiples of {number} are no class of weights", "Give 2 or more, such as 16.")


@dataclass(frozen=True, eq=False)
class CompareResult:
    """Runs side by side.

    Attributes:
        rows: ``COLUMNS``, a row for each run, corner and set of weights; empty where a run does not know a number.
        assumptions: what to know before comparing them, one sentence each.
        csv: what was written, if anything.
    """

    rows: pd.DataFrame
    assumptions: tuple[str, ...]
    csv: Path | None = None

    def to_pandas(self) -> pd.DataFrame:
        """A copy of the rows."""
        return self.rows.copy()

    def _repr_html_(self) -> str:
        return str(self.rows.to_html(index=False))


def compare(config: CompareConfig) -> CompareResult:
    """Read the runs, and write the CSV where one is asked for.

    A period is that of the slowest weight of the set, an energy the mean over the set. There is one MAC a clock, so
    that MAC/s per um2 is 1 / (period x area).

    Raises:
        HaloError: a folder is no run of ``halo characterize``, or the CSV cannot be written.
    """
    import pandas as pd

    records = [_record(run) for run in config.runs]
    rows = [
        row for run, record in zip(config.runs, records, strict=True) for row in _rows(run, record, config.multiples)
    ]
    found = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"cells": "Int64", "registers": "Int64"})
    if config.csv is not None:
        with new_file(config.csv, config.force) as file:
            found.to_csv(file, index=False)
    return CompareResult(found, tuple(_assumptions(config.runs, records, found)), config.csv)


def _record(run: Path) -> RunRecord:
    record = read_record(run)
    if record.command != "characterize":
        raise HaloError(f"this run is of halo {record.command}", "Give a folder of halo characterize.", run / RECORD)
    return record


def _rows(run: Path, record: RunRecord, multiples: Sequence[int]) -> list[tuple[object, ...]]:
    table, results = load_table(run), record.results
    cells = sum(results["cells"].values()) if "cells" in results else None
    area = results.get("area")
    rows: list[tuple[object, ...]] = []
    for corner in table.corners:
        for name, count, period, energy in _sets(table, corner, multiples):
            density = 1e12 / (period * area) if area and period > 0 else np.nan
            both = energy * period * 1e-6
            known = (cells, results.get("registers"), area)
            rows.append((str(run), results.get("design"), corner, name, count, *known, period, energy, density, both))
    return rows


def _sets(table: WeightTable, corner: str, multiples: Sequence[int]) -> list[tuple[str, int, float, float]]:
    """Name, number, period in ps and mean energy in fJ of all weights of a table, and of sets of multiples."""
    rows = table.rows(corner)
    weights = rows["weight"].to_numpy(dtype=np.int64)
    chosen = [(ALL, np.ones(len(rows), np.bool_))]
    chosen += [
        (f"multiples of {n}", weights % n == 0) for n in multiples if np.any((weights % n == 0) & (weights != 0))
    ]
    return [
        (name, int(mask.sum()), float(rows.loc[mask, "period_ps"].max()), float(rows.loc[mask, "energy_fj"].mean()))
        for name, mask in chosen
    ]


def _assumptions(runs: Sequence[Path], records: Sequence[RunRecord], rows: pd.DataFrame) -> list[str]:
    said = ["Areas are those of the cells, in the library's unit taken for um2, without wires and clock tree."]
    bases: dict[str, list[str]] = {}
    for run, record in zip(runs, records, strict=True):
        for sentences in record.results.get("clock", {}).values():
            bases.setdefault(" ".join(sentences), []).append(str(run))
    said += [
        sentence if len(bases) == 1 else f"{', '.join(dict.fromkeys(named))}: {sentence}"
        for sentence, named in bases.items()
    ]
    if (rows["registers"] > 0).any() and (rows["registers"] == 0).any():
        said.append(
            "Tops without registers lack the area and the energy of an element's registers; the others hold them."
        )
    if rows["energy_fj"].isna().any():
        said.append("Runs without the exact method have no energy.")
    return said
