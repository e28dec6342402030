# SPDX-License-Identifier: Apache-2.0
"""SCALE-Sim's compute cycles: what it reported when it was run, and a product by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from halo.arch.systolic.scalesim import Dataflow, scalesim_cycles
from halo.errors import HaloError


def test_every_run_that_was_recorded(shared: Path) -> None:
    with (shared / "reference" / "scalesim" / "compute_cycles.csv").open(encoding="utf-8") as file:
        runs = list(csv.DictReader(file))
    assert len(runs) == 14 and {run["dataflow"] for run in runs} == {"ws", "os"}
    for run in runs:
        sizes = [int(run[name]) for name in ("array_rows", "array_cols", "M", "K", "N")]
        assert scalesim_cycles(run["dataflow"], *sizes) == int(run["compute_cycles"]), run


@pytest.mark.parametrize(("dataflow", "cycles"), [("ws", 2 * 1 * 11 - 1), ("is", 2 * 2 * 9 - 1), ("os", 3 * 1 * 8 - 1)])
def test_small_numbers(dataflow: Dataflow, cycles: int) -> None:
    """5 x 4 by 4 x 3 on 2 x 4: folds of load and stream, and the last cycle's index."""
    assert scalesim_cycles(dataflow, 2, 4, 5, 4, 3) == cycles


def test_bad_input() -> None:
    with pytest.raises(HaloError, match="dataflow 'rs' is unknown"):
        scalesim_cycles("rs", 2, 2, 1, 1, 1)  # type: ignore[arg-type]
    with pytest.raises(HaloError, match="0 x 1 by 1 x 1 on 2 x 2"):
        scalesim_cycles("ws", 2, 2, 0, 1, 1)
