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
from halo.arch.systolic.registers import multiplier_registers
from halo.characterization.table import WeightTable, load_table
from halo.dvfs.periods import Periods
from halo.errors import HaloError
from halo.flow.gate_level.table_periods import table_periods
from halo.flow.runs.provenance import read_record
from halo.flow.runs.runfolder import RECORD
from halo.flow.scoring.element_modes import BothPeriods, Form, Modes, form_of, joined
from halo.flow.scoring.machine import Machine, SystolicMachine
from halo.flow.scoring.operating_points import registered
from halo.progress import Progress

Equal = Literal["size", "area", "power"]
"""What arrays of different MACs have in common: the number of elements, the area of their MACs, or its power."""


@dataclass(frozen=True, eq=False)
class ScoredMac:
    """A characterized MAC with the machine that is made of it.

    Attributes:
        runs: paths of its tables, as given; of an element that takes pairs of weights as well as whole ones, both.
        table: its weights; pairs as ``element_modes`` has them.
        machine: with as many elements as ``equal`` allows, and the registers inside a MAC counted.
        forms: what its elements take.
        said: sentences about their number and registers.
    """

    runs: tuple[Path, ...]
    table: WeightTable
    machine: Machine
    forms: tuple[Form, ...]
    said: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Its run; the first one of two."""
        return self.runs[0]

    @property
    def modes(self) -> Modes:
        """What its elements hold."""
        return Modes(frozenset(self.forms), str(self.path))

    def periods(self, report: Progress) -> Periods:
        """What knows the periods of sets of its weights.

        Raises:
            HaloError: as ``table_periods``.
        """
        own = {
            form: table_periods(path, report, self.machine.element)
            for form, path in zip(self.forms, self.runs, strict=True)
        }
        return next(iter(own.values())) if len(own) == 1 else BothPeriods(own["whole"], own["pairs"])


def scored_macs(
    default: Path, others: Mapping[str, Sequence[Path]], machine: Machine, equal: Equal, corner: str | None
) -> dict[tuple[Path, ...], ScoredMac]:
    """The MACs of a score by the paths of their tables, that of all other methods first.

    Args:
        default: table of the methods that ``others`` does not name; the machine's file describes an array of its MACs.
        others: tables by method; two of an element that takes pairs of weights and whole ones.
        machine: as its file has it.
        equal: what arrays have in common.
        corner: of the tables; None: their only one.

    Raises:
        HaloError: a table cannot be read, or lacks what ``equal`` compares, or the machine is no array.
    """
    first = _mac((default,), "", machine)
    macs = {first.runs: first}
    for label, runs in others.items():
        own = tuple(runs)
        if own in macs:
            continue
        path, found = own[0], _mac(own, label, machine)
        macs[own] = found
        if equal == "size":
            continue
        if not isinstance(machine, SystolicMachine):
            raise HaloError(
                f"{machine.parameters.name} is no array: it has the MACs that it has",
                "Leave out --equal, or take an array for --arch.",
            )
        if registered(path) != registered(default):
            fix = "Compare tops of one kind, such as mac_element with its parameters."
            raise HaloError(f"only one of {default} and {path} has registers: they do not cost alike", fix)
        has, needs = (_cost(mac, equal, corner) for mac in (first, found))
        assert isinstance(found.machine, SystolicMachine)
        sized = resized(found.machine, has / needs)
        sentence = _sentence(first, sized, path, equal, needs / has)
        macs[own] = replace(found, machine=sized, said=(sentence, *found.said))
    return macs


def _mac(runs: tuple[Path, ...], label: str, machine: Machine) -> ScoredMac:
    """A MAC of one run, or of one for each mode of its elements; its array is as large as the machine's.

    Raises:
        HaloError: two runs that are not the two modes of an element, or a table that cannot be read.
    """
    tables = [load_table(path) for path in runs]
    forms = tuple(form_of(path, table) for path, table in zip(runs, tables, strict=True))
    table = tables[0]
    if len(runs) > 1:
        if sorted(forms) != ["pairs", "whole"] or len({_gates(path) for path in runs}) > 1:
            fix = "Give each method one MAC; of an element that takes pairs, one run of pairs and one of whole weights."
            raise HaloError(f"--mac {label} is given twice, with runs that are no two modes of one element", fix)
        whole = forms.index("whole")
        table = joined(tables[whole], tables[1 - whole])
    inside = multiplier_clocks(runs[0])
    if inside is None or not inside or not isinstance(machine, SystolicMachine):
        return ScoredMac(runs, table, machine, forms)
    longer = replace(machine, arch=replace(machine.arch, pipeline=inside))
    clocks = f"{inside} clock{'s' * (inside > 1)}"
    said = f"The array of {runs[0]} takes {clocks} more to fill and to drain: registers inside the MAC"
    return ScoredMac(runs, table, longer, forms, (said,))


def multiplier_clocks(path: Path) -> int | None:
    """Registers on the way through the multiplier of a run's MAC, besides those of operand and sum; None: not known.

    As the gates have it: registers from activation to result, less those from partial sum to result and the one of the
    activation, which every element has. Runs from before that was recorded have the parameter PIPELINE, or nothing.

    Raises:
        HaloError: a damaged record.
    """
    if not (path / RECORD).is_file():
        return None
    record = read_record(path)
    clocks = record.results.get("clocks")
    if isinstance(clocks, dict) and "activation" in clocks:
        return max(0, int(clocks["activation"]) - int(clocks.get("accumulator", 0)) - 1)
    pipeline = dict(record.config.get("params", ())).get("PIPELINE")
    return None if pipeline is None else multiplier_registers(int(pipeline))


def _gates(path: Path) -> object:
    """What two runs of one element have in common: its gates."""
    if not (path / RECORD).is_file():
        return path
    results = read_record(path).results
    return results.get("design"), results.get("area"), str(results.get("cells"))


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


def require_methods(macs: Mapping[str, Sequence[Path]], labels: Sequence[str]) -> None:
    """Check that every MAC is one of a method that is scored.

    Raises:
        HaloError: it is not.
    """
    for label in macs:
        if label not in labels:
            raise HaloError(f"--mac {label} names no method that is scored", f"Scored are: {', '.join(labels)}.")
