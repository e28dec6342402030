# SPDX-License-Identifier: Apache-2.0
"""Operating points of a score with what weights and elements cost at them, for the integer and the FP16 MAC.

Tests: tests/flow/test_score.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from halo.arch.weights import Element, LayerWeights, TileClass
from halo.characterization.table import WeightTable
from halo.dvfs.check import check_points
from halo.dvfs.energy import assumptions, energy_fj, leakage_nw
from halo.dvfs.files import dvfs_names, preset, read_dvfs
from halo.dvfs.limits import safe_points
from halo.dvfs.periods import ELEMENT_SHARE, AssumedPeriods, Periods
from halo.dvfs.points import Allowed, Dvfs, OperatingPoint
from halo.dvfs.table_points import bind, raised_dvfs, table_dvfs
from halo.dvfs.voltage import BoundDvfs
from halo.errors import HaloError
from halo.flow.runs.provenance import read_record
from halo.flow.runs.runfolder import RECORD
from halo.flow.scoring.fp16 import fp16_mac
from halo.flow.scoring.methods import WeightFormat
from halo.progress import Progress
from halo.sourced import Parameters, Told, load_toml, read_parameters

_DATA = Path(__file__).parent / "data" / "element.toml"
_ELEMENT = ("overhead_ratio", "int8_register_bits", "fp16_register_bits")


@dataclass(frozen=True, eq=False)
class MacOperatingPoints:
    """Operating points of a kind of MAC.

    Attributes:
        bound: the points with the table of the weights.
        element: what an element costs at them besides its MACs.
        registers_fj: energy of an integer element's registers in a cycle at each point, in the table or besides it.
        mac_fj: mean energy of a floating-point MAC; None: an integer MAC, whose energies are those of the table.
        limit_ghz: highest safe clock of an element with a floating-point MAC; None likewise.
        assumptions: sentences.
        sources: parameters of all of it.
    """

    bound: BoundDvfs
    element: Element
    registers_fj: tuple[float, ...] = ()
    mac_fj: float | None = None
    limit_ghz: float | None = None
    assumptions: tuple[str, ...] = ()
    sources: Told = field(default_factory=dict)

    @property
    def dvfs(self) -> Dvfs:
        """The points alone."""
        return self.bound.dvfs

    def weights(self, own: WeightFormat) -> LayerWeights:
        """A layer's weights at these points.

        Raises:
            HaloError: a weight that the table lacks, or that no point is safe for.
        """
        return LayerWeights(
            classes=tuple(
                self._class(chosen.name, chosen.values, chosen.counts, own.passes / own.lanes) for chosen in own.sets
            ),
            share=own.share,
            tile=own.tile,
            tile_class=own.tile_class,
            stored_bits=own.stored_bits,
            sparse_share=own.sparse_share,
            operand=own.operand,
            lanes=own.lanes,
            passes=own.passes,
        )

    def _class(self, name: str, values: Sequence[int], counts: Sequence[int] | None, times: float) -> TileClass:
        """A class of operands, of which a MAC takes so many."""
        if self.mac_fj is not None:
            return TileClass(name, (), (0,), (self.mac_fj,))
        points = safe_points(self.bound, values)
        used = None if counts is None or not any(counts) else counts
        energy = energy_fj(self.bound, values, used)
        allowed = (times * e if i in points else float("nan") for i, e in enumerate(energy))
        return TileClass(name, tuple(values), points, tuple(allowed))


def integer_points(
    name: str,
    table: WeightTable,
    corner: str | None,
    sets: Sequence[Sequence[int]],
    periods: Periods,
    *,
    registered: bool = False,
    regulator: str | None = None,
    usual: str = "ivr",
) -> MacOperatingPoints:
    """Operating points of the characterized integer MAC.

    Args:
        name: ``table`` (safe clocks of the sets of weights, at the corner's voltage), ``raised`` (at rising voltages of
            the table's corners), one of ``dvfs_names`` or a file.
        table: of the weights.
        corner: of the table; None: its only one.
        sets: of weights that tiles are limited to.
        periods: what these need in an array; not asked where clocks are assumed.
        registered: the table's energies hold those of an element's registers.
        regulator: preset of what a change takes; None: what ``name`` says.
        usual: where that says nothing either.

    Raises:
        HaloError: no such points, a table without the voltage, corner or energies asked for, or a file that lets
            weights run faster than the table allows.
    """
    sources: Told = {}
    if name == "table":
        bound = table_dvfs(table, sets, corner, preset(regulator or usual), periods)
    elif name == "raised":
        if corner is not None:
            raise HaloError("one corner has no other voltages", "Leave out --corner, or --dvfs raised.")
        bound = raised_dvfs(table, sets, (), preset(regulator or usual), periods)
    else:
        if name not in dvfs_names() and not Path(name).is_file():
            fix = f"Give a file, or one of: table, raised, {', '.join(dvfs_names())}."
            raise HaloError(f"there are no operating points {name!r}", fix)
        file = read_dvfs(name)
        bound = bind(file.dvfs, table, periods, sets, () if corner is None else (corner,))
        sources = file.parameters.told("dvfs")
        violations = check_points(bound)
        if violations:
            what = f"the table does not allow what the file does: {violations[0]}"
            raise HaloError(what, "Lower the clock, raise the voltage, or allow fewer weights.", file.parameters.path)
        if regulator is not None:
            bound = replace(bound, dvfs=replace(bound.dvfs, transition=preset(regulator)))
            sources = {key: value for key, value in sources.items() if not key.startswith("dvfs.transition.")}
    figures = _figures()
    ratio, measured = figures.number("overhead_ratio"), figures.sources["overhead_ratio"]
    mean_fj = energy_fj(bound, table.weights)
    of_a_mac = ratio / (1 + ratio) if registered else ratio
    if registered:
        overhead = (
            "An element takes no energy besides its MAC, whose registers and clock pins the table holds; control "
            "is not counted"
        )
    else:
        overhead = (
            f"An element takes {ratio:g} of the mean energy of all weights in every cycle besides its MAC: {measured}"
        )
    change = bound.dvfs.transition
    for key in ("per_volt_ns", "fixed_ns", "rail_nf"):
        sources[f"dvfs.transition.{key}"] = {"value": getattr(change, key), "source": f"{change.name}: {change.source}"}
    return MacOperatingPoints(
        bound,
        Element(
            leakage_nw=leakage_nw(bound, table.weights),
            overhead_fj=tuple(0.0 if registered else ratio * fj for fj in mean_fj),
            source=overhead,
        ),
        registers_fj=tuple(of_a_mac * fj for fj in mean_fj),
        assumptions=(*assumptions(bound), *_said(periods, bound), *_raised(bound), overhead),
        sources=sources | ({} if registered else figures.told("element", _ELEMENT[:1])),
    )


def registered(table: Path) -> bool:
    """Whether the MAC of a table has registers of its own, by the record of the run; a bare table names none.

    Args:
        table: folder of ``halo characterize``, or ``weights.csv``.

    Raises:
        HaloError: a damaged record.
    """
    if not (table / RECORD).is_file():
        return False
    results = read_record(table).results
    if "registers" in results:
        return bool(results["registers"])
    return results.get("roles", {}).get("clock") is not None  # 0.1.0 counted none, and gave clocks to registers only


def _said(periods: Periods, bound: BoundDvfs) -> tuple[str, ...]:
    """How the periods of sets of weights are known, and what they are; nothing where clocks are assumed."""
    ratios = [ratio for own in bound.dvfs.periods for ratio in own.ratios]
    if not ratios:
        return ()
    if isinstance(periods, AssumedPeriods):
        return periods.assumptions
    most = f"{min(ratios):.4g} to {max(ratios):.4g} times the longest period that the table gives their weights"
    return (*periods.assumptions, f"Clock periods of the sets are {most}; schedule.json has each, by corner")


def _raised(bound: BoundDvfs) -> list[str]:
    """What a comparison over points of several voltages hides."""
    dvfs = bound.dvfs
    if dvfs.timing == "assumed" or dvfs.voltages == "iso":
        return []
    lowest, highest = dvfs.points[0], max(point.voltage_v for point in dvfs.points)
    clock = bound.clock_ghz(bound.table.weights, highest)
    return [
        f"Voltages rise with the speed of the weights: w8a8 stays at {lowest.voltage_v:g} V and "
        f"{lowest.frequency_ghz:.4g} GHz, though {clock:.4g} GHz would be safe for it at {highest:g} V"
    ]


def float_points(
    run_folder: Path, integer: MacOperatingPoints, report: Progress, *, own_clock: bool
) -> MacOperatingPoints:
    """The one operating point of the floating-point MAC, at the voltage of the slowest integer one.

    Its own clock is what its period allows where the table vouches for clocks, with what is assumed of an element's own
    gates; where clocks are assumed, the slowest of them times the measured ratio of the two MACs' periods.

    Args:
        run_folder: of the table, which names the library.
        integer: operating points of the integer MAC.
        report: told about progress.
        own_clock: False: the unit is pipelined until it keeps up with the slowest integer point, as in a tensor core,
            where fewer products a clock are what floating point costs.

    Raises:
        HaloError: a bare table, or a library that is gone or without power tables.
    """
    if not (run_folder / RECORD).is_file():
        fix = "Give the folder of halo characterize as --table, or leave out fp16."
        raise HaloError("fp16 needs the cell library of the table, and a bare table names none", fix, run_folder)
    dvfs, table = integer.dvfs, integer.bound.table
    mac = fp16_mac(run_folder, dvfs.corners[0], report)
    slow, period_ps = dvfs.points[0], (1 + ELEMENT_SHARE) * mac.period_ps
    if not own_clock:
        clock, source = (
            slow.frequency_ghz,
            "that of the slowest integer point: FP16 units are pipelined to the SMs' clock",
        )
        period_ps = 1e3 / clock
    elif dvfs.timing == "table":
        clock = 1e3 / period_ps
        source = f"{mac.source}: {mac.period_ps:,.0f} ps, and {ELEMENT_SHARE:.1%} assumed for the gates of an element"
    else:
        ratio = float(table.rows(dvfs.corners[0])["period_ps"].max()) / mac.period_ps
        clock = slow.frequency_ghz * ratio
        measured = f"times {ratio:.4f}, the period of the int8 MAC over that of the FP16 MAC"
        source = f"{slow.frequency_ghz:g} GHz {measured}; {mac.source}"
    figures = _figures()
    registers = figures.number("fp16_register_bits") / figures.number("int8_register_bits")
    said = f"An fp16 element takes {registers:.3g} times as much for its registers as an int8 one, as it has more bits"
    if not integer.element.overhead_fj[0]:
        share = figures.number("overhead_ratio")
        said += (
            f"; of the table's energy {share / (1 + share):.1%} are taken for these, as measured where they stand apart"
        )
    point = OperatingPoint("fp16", slow.voltage_v, clock, source)
    allowed = (Allowed(),) if dvfs.timing == "assumed" else ()
    return MacOperatingPoints(
        BoundDvfs(replace(dvfs, name="fp16", points=(point,), allowed=allowed), table),
        Element((mac.leakage_nw,), (registers * integer.registers_fj[0],), said),
        mac_fj=mac.energy_fj,
        limit_ghz=1e3 / period_ps,
        assumptions=(
            *(f"FP16: {sentence}" for sentence in mac.assumptions),
            said,
            f"The clock of fp16 is {clock:.4g} GHz: {source}",
        ),
        sources={
            "fp16.frequency_ghz": {"value": clock, "source": source},
            "fp16.energy_fj": {"value": mac.energy_fj, "source": f"{mac.source}; +- {mac.energy_error_fj:.2g} fJ"},
            "fp16.leakage_nw": {"value": mac.leakage_nw, "source": mac.source},
            **figures.told("element", _ELEMENT),
        },
    )


def _figures() -> Parameters:
    return read_parameters(_DATA, load_toml(_DATA), _ELEMENT, {})
