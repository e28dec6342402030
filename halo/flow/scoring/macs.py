# SPDX-License-Identifier: Apache-2.0
"""Which MAC each method of a score runs on, and how many of them an array of the same size, area or power has.

A comparison of methods on one MAC says what a method is worth there. Each method on the MAC that suits it, in arrays
that cost the same, says what is worth building.

Tests: tests/flow/scoring/test_macs.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from halo.arch.systolic.array import check_buffers
from halo.characterization.table import WeightTable, load_table
from halo.errors import HaloError
from halo.flow.runs.provenance import read_record
from halo.flow.runs.runfolder import RECORD
from halo.flow.scoring.machine import Machine, SystolicMachine
from halo.flow.scoring.operating_points import registered

Equal = Literal["size", "area", "power"]
"""What arrays of different MACs have in common: the number of elements, the area of their MACs, or its power."""


@dataclass(frozen=True, eq=False)
class ScoredMac:
    """A characterized MAC with the machine that is made of it.

    Attributes:
        path: of its table, as given.
        table: its weights.
        machine: with as many elements as ``equal`` allows.
        said: a sentence about their number; None: as the machine's file has it.
    """

    path: Path
    table: WeightTable
    machine: Machine
    said: str | None = None


def scored_macs(
    default: Path, others: Mapping[str, Path], machine: Machine, equal: Equal, corner: str | None
) -> dict[Path, ScoredMac]:
    """The MACs of a score by the path of their table, that of all other methods first.

    Args:
        default: table of the methods that ``others`` does not name; the machine's file describes an array of its MACs.
        others: tables by method.
        machine: as its file has it.
        equal: what arrays have in common.
        corner: of the tables; None: their only one.

    Raises:
        HaloError: a table cannot be read, or lacks what ``equal`` compares, or the machine is no array.
    """
    first = ScoredMac(default, load_table(default), machine)
    macs = {default: first}
    for path in others.values():
        if path in macs:
            continue
        table = load_table(path)
        if equal == "size":
            macs[path] = ScoredMac(path, table, machine)
            continue
        if not isinstance(machine, SystolicMachine):
            raise HaloError(
                f"{machine.parameters.name} is no array: it has the MACs that it has",
                "Leave out --equal, or take an array for --arch.",
            )
        if registered(path) != registered(default):
            fix = "Compare tops of one kind, such as mac_element with its parameters."
            raise HaloError(f"only one of {default} and {path} has registers: they do not cost alike", fix)
        has, needs = (_cost(mac, equal, corner) for mac in (first, ScoredMac(path, table, machine)))
        sized = resized(machine, has / needs)
        macs[path] = ScoredMac(path, table, sized, _sentence(first, sized, path, equal, needs / has))
    return macs


def resized(machine: SystolicMachine, factor: float) -> SystolicMachine:
    """An array with about ``factor`` times as many elements, never more, in about the same shape; its buffers stay.

    Raises:
        HaloError: not even one element is left, or the buffers do not serve so many.
    """
    arch = machine.arch
    elements = math.floor(arch.elements * factor * (1 + 1e-9))
    rows = max(1, math.floor(arch.rows * math.sqrt(factor) * (1 + 1e-9)))
    columns = elements // rows
    if columns < 1:
        raise HaloError(f"an array of equal cost would have {elements} elements", "Take a larger array for --arch.")
    larger = replace(arch, rows=rows, columns=columns)
    check_buffers(larger, arch.parameters.path)
    return replace(machine, arch=larger)


def _cost(mac: ScoredMac, equal: Equal, corner: str | None) -> float:
    """Of one MAC: its area in the library's units, or its power in uW at the clock that any weight may have."""
    if equal == "power":
        rows = mac.table.rows(corner)
        if rows[["energy_fj", "leakage_nw", "period_ps"]].isna().to_numpy().any():
            raise HaloError("arrays of equal power need energies", "Characterize with --method exact.", mac.path)
        energy_fj, period_ps = float(rows["energy_fj"].mean()), float(rows["period_ps"].max())
        return 1e3 * energy_fj / period_ps + 1e-3 * float(rows["leakage_nw"].mean())
    if not (mac.path / RECORD).is_file():
        fix = "Give the folder of halo characterize instead of its weights.csv."
        raise HaloError("arrays of equal area need the MAC's area, which a bare table lacks", fix, mac.path)
    area = read_record(mac.path).results.get("area")
    if not isinstance(area, int | float) or area <= 0:
        fix = "Characterize from Verilog, with a library that states areas, or take --equal size."
        raise HaloError("arrays of equal area need the MAC's area, which this run did not record", fix, mac.path)
    return float(area)


def _sentence(first: ScoredMac, sized: SystolicMachine, path: Path, equal: Equal, each: float) -> str:
    """How many MACs of a kind cost as much as the array of the first."""
    assert isinstance(first.machine, SystolicMachine)
    before, after = first.machine.arch, sized.arch
    share = each * after.elements / before.elements
    return (
        f"The array of {path} has {after.rows} x {after.columns} elements: {share:.1%} of the {equal} of the MACs of "
        f"{before.rows} x {before.columns} elements of {first.path}; buffers, memory and controllers are the same"
    )


def require_methods(macs: Mapping[str, Path], labels: Sequence[str]) -> None:
    """Check that every MAC is one of a method that is scored.

    Raises:
        HaloError: it is not.
    """
    for label in macs:
        if label not in labels:
            raise HaloError(f"--mac {label} names no method that is scored", f"Scored are: {', '.join(labels)}.")
