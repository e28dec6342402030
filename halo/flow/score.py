# SPDX-License-Identifier: Apache-2.0
"""``halo score``: what a model costs on an array, method by method, and the proof that every tile is safe at its clock.

Workload, methods, operating points, costs of every way to run a layer, choice, check, files: one list of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from halo.characterization.table import WeightTable
from halo.dvfs.check import check
from halo.dvfs.optimise import Objective
from halo.dvfs.schedule import Schedule, write_schedules
from halo.errors import HaloError
from halo.flow.runs.provenance import Recorder, read_record
from halo.flow.runs.runfolder import RECORD, check_target, new_run
from halo.flow.scoring.machine import Machine, SystolicMachine, read_machine
from halo.flow.scoring.macs import Equal, ScoredMac, require_methods, scored_macs
from halo.flow.scoring.methods import Method, quantized_method, stated_method
from halo.flow.scoring.operating_points import MacOperatingPoints, float_points, integer_points, registered
from halo.flow.scoring.scorer import Scorer
from halo.flow.scoring.stated import METHODS, Operand
from halo.flow.scoring.table import SCHEDULE, MethodScore, read_scores, write_scores
from halo.keywords import checked
from halo.progress import Progress
from halo.quant.layer import require_scale_bits
from halo.quant.store import INDEX
from halo.sourced import Told
from halo.workload.config import built_in_names, read_config
from halo.workload.gemm import Workload
from halo.workload.passes import decode, prefill

_CONTEXT = 2048
_MODES = 2
"""Runs that an element may have: one for each of its modes."""
_SHOWN = 3
_SHOWN_ROWS = 60


@checked
@dataclass(frozen=True)
class ScoreConfig:
    """Options of ``halo score``.

    Attributes:
        model: built-in name, or a folder with ``config.json``.
        table: run folder of ``halo characterize``, or its ``weights.csv``.
        run_folder: to write.
        quantized: folders of ``halo quantize``.
        methods: names of ``METHODS``; with no folder either: all.
        macs: methods (or folders' names) with tables of their own, instead of ``table``; twice for an element that
            takes pairs of weights as well as whole ones: a run of each.
        equal: what arrays of these MACs have in common with that of ``table``'s: ``size`` (the number of elements),
            ``area`` (of the MACs) or ``power`` (of the MACs with any weights, at the clock safe for all).
        corner: of the table; None: its only one.
        arch: an array or device by name, or a file.
        dvfs: ``table``, ``raised``, a name or a file of operating points.
        transition: preset of what a change of the operating point takes; None: what ``dvfs`` says, or the machine's.
        phase, batch, context: the pass; context None: 2048, or the model's positions where these are fewer.
        activation_bits, kv_bits: stored, of integer methods; scales of the cache come on top.
        scale_bits: of a stored scale of weights in ``quantized``: 32 or 16.
        objective: what operating points are chosen for.
        compute_bound: memory takes no time.
        force: replace a finished run.

    Raises:
        HaloError: a value is out of range, or named twice.
    """

    model: str
    table: Path
    run_folder: Path
    quantized: tuple[Path, ...] = ()
    methods: tuple[str, ...] = ()
    macs: tuple[tuple[str, Path], ...] = ()
    equal: Equal = "size"
    corner: str | None = None
    arch: str = "systolic-128"
    dvfs: str = "table"
    transition: str | None = None
    phase: Literal["prefill", "decode"] = "prefill"
    batch: int = 1
    context: int | None = None
    activation_bits: int = 8
    kv_bits: int = 8
    scale_bits: int = 32
    objective: Objective = "time"
    compute_bound: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.activation_bits <= 16:
            raise HaloError(
                f"activations of {self.activation_bits} bits", "Give 1 to 16 bits; 8 is what int8 MACs read."
            )
        if self.kv_bits not in (4, 8, 16):
            raise HaloError(f"a cache of {self.kv_bits} bits", "Give 4, 8 or 16.")
        require_scale_bits(self.scale_bits)
        labels = [*self.methods, *(folder.name for folder in self.quantized)]
        repeated = [label for i, label in enumerate(labels) if label in labels[:i]]
        if repeated:
            raise HaloError(f"{repeated[0]!r} is named twice", "Name each method once, and folders apart.")
        for label, paths in self.macs_of().items():
            if len(paths) > _MODES:
                raise HaloError(f"--mac {label} is given {len(paths)} times", "Give each method one MAC.")
        if self.equal != "size" and not self.macs:
            raise HaloError(f"--equal {self.equal} compares nothing", "Name a MAC with --mac METHOD=RUN.")

    def macs_of(self) -> dict[str, tuple[Path, ...]]:
        """Tables of the methods that have some of their own."""
        return {label: tuple(path for own, path in self.macs if own == label) for label, _ in self.macs}

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values."""
        values = asdict(self)
        paths = {
            "table": str(self.table),
            "run_folder": str(self.run_folder),
            "macs": {label: ",".join(map(str, paths)) for label, paths in self.macs_of().items()},
        }
        return values | paths | {"quantized": [str(path) for path in self.quantized], "methods": list(self.methods)}


@dataclass(frozen=True, eq=False)
class ScoreResult:
    """What ``halo score`` found.

    Attributes:
        rows: of ``score.csv``, with the columns of ``halo.flow.scoring.columns``.
        schedules: of each method, in the same order; each is safe by the table.
        assumptions: what the numbers rest on, one sentence each.
        folder: the run folder; None where it was not kept.
    """

    rows: pd.DataFrame
    schedules: tuple[Schedule, ...]
    assumptions: tuple[str, ...]
    folder: Path | None

    def to_pandas(self) -> pd.DataFrame:
        """A copy of the rows."""
        return self.rows.copy()

    def _repr_html_(self) -> str:
        """The rows as a notebook shows a DataFrame."""
        return self.rows.to_html(max_rows=_SHOWN_ROWS, index=False)


def score_model(config: ScoreConfig, report: Progress, finish: Callable[[Path], object] | None = None) -> ScoreResult:
    """Score a model with each method and write the run folder; it appears when everything in it is done.

    Args:
        config: what to do.
        report: told about progress.
        finish: called with the complete folder before it takes its place, to draw the plots in it.

    Raises:
        HaloError: bad input, or a schedule that the table does not allow.
    """
    check_target(config.run_folder, config.force)
    llm = read_config(config.model)
    context = min(_CONTEXT, llm.context) if config.context is None else config.context
    config = replace(config, context=context)
    workload = (prefill if config.phase == "prefill" else decode)(llm, config.batch, context)
    machine = read_machine(config.arch)
    others = config.macs_of()
    macs = scored_macs(config.table, others, machine, config.equal, config.corner)
    methods, left_out = _methods(config, workload, machine)
    require_methods(others, [method.label for method in methods])
    own = {method.label: macs[others.get(method.label, (config.table,))] for method in methods}
    _require_whole(config.dvfs, own.values())
    methods = [own[method.label].modes.method(method) for method in methods]
    with new_run(config.run_folder, config.force) as folder:
        with Recorder(folder, "score", config.to_dict(), _input_files(config), report) as record:
            scorers = {
                mac.runs: Scorer(
                    llm=llm,
                    workload=workload,
                    machine=mac.machine,
                    points=_operating_points(config, mac, [m for m in methods if own[m.label] is mac], record),
                    objective=config.objective,
                    activation_bits=config.activation_bits,
                    memory_time=not config.compute_bound,
                )
                for mac in dict.fromkeys(own.values())
            }
            scores, schedules = [], []
            for number, method in enumerate(methods):
                record.report("methods", number, len(methods))
                mac = own[method.label]
                score, schedule = scorers[mac.runs].score(method)
                refuse_unsafe(schedule, mac.table)
                scores.append(score)
                schedules.append(schedule)
            record.report("methods", len(methods), len(methods))
            write_scores(folder, scores)
            write_schedules(folder / SCHEDULE, schedules)
            for sentence in (*_assumptions(config, methods, scorers, macs.values()), *left_out):
                record.assume(sentence)
            record.results |= _results(methods, scorers, scores)
            if config.macs:
                record.results["macs_of_methods"] = {label: _mac(mac) for label, mac in own.items()}
        if finish is not None:
            report("plots", 0, 1)
            finish(folder)
            report("plots", 1, 1)
    return ScoreResult(
        rows=read_scores(config.run_folder),
        schedules=tuple(schedules),
        assumptions=tuple(read_record(config.run_folder).assumptions),
        folder=config.run_folder,
    )


def _require_whole(dvfs: str, macs: Iterable[ScoredMac]) -> None:
    """Check that operating points of a file name weights that the elements take.

    Raises:
        HaloError: they take parts or pairs.
    """
    for mac in macs:
        if set(mac.forms) != {"whole"} and dvfs not in ("table", "raised"):
            what = f"operating points of a file are for weights, and elements of {mac.path} take parts or pairs of them"
            raise HaloError(what, "Take --dvfs table or raised.")


def _operating_points(
    config: ScoreConfig, mac: ScoredMac, methods: list[Method], record: Recorder
) -> dict[Operand, MacOperatingPoints]:
    """Operating points of a MAC by operand; the integer MACs' also where no method uses them: others refer to them."""
    sets = list(dict.fromkeys(values for method in methods if method.operand == "int8" for values in method.sets))
    integer = integer_points(
        config.dvfs,
        mac.table,
        config.corner,
        sets,
        mac.periods(record.report),
        registered=registered(mac.path),
        regulator=config.transition,
        usual=mac.machine.regulator,
    )
    if all(method.operand == "int8" for method in methods):
        return {"int8": integer}
    own_clock = mac.machine.own_float_clock
    return {"int8": integer, "fp16": float_points(mac.path, integer, record.report, own_clock=own_clock)}


def _methods(config: ScoreConfig, workload: Workload, machine: Machine) -> tuple[list[Method], list[str]]:
    """Methods to score, and what is left out of the default ones."""
    names = list(config.methods)
    said = []
    if not names and not config.quantized:
        names = [name for name, stated in METHODS.items() if machine.multiplies(stated.operand)]
        if len(names) < len(METHODS):
            said.append(f"Only {', '.join(names)} is scored: {machine.parameters.name} multiplies no other operands")
        if not (config.table / RECORD).is_file():
            for name in [name for name in names if METHODS[name].operand == "fp16"]:
                names.remove(name)
                said.append(
                    f"{name} is left out: its MAC needs the cell library of the table, and a bare table names none"
                )
    model = config.model if config.model in built_in_names() else ""
    stated = [stated_method(name, model, config.kv_bits) for name in names]
    bits = config.kv_bits, config.scale_bits
    return [*stated, *(quantized_method(path, *bits, workload.gemms) for path in config.quantized)], said


def _input_files(config: ScoreConfig) -> list[Path]:
    """Files that the numbers rest on, besides those that come with halo."""
    macs = (config.table, *(path for _, path in config.macs))
    tables = [path / "weights.csv" if path.is_dir() else path for path in macs]
    indices = [folder / INDEX for folder in config.quantized]
    own = [Path(config.model) / "config.json", Path(config.arch), Path(config.dvfs)]
    return [*dict.fromkeys(tables), *indices, *(path for path in own if path.is_file())]


def refuse_unsafe(schedule: Schedule, table: WeightTable) -> None:
    """Hold a schedule against the table.

    Raises:
        HaloError: a segment runs weights faster than they may; the first ones are named.
    """
    violations = check(schedule, table)
    if violations:
        what = "; ".join(str(violation) for violation in violations[:_SHOWN])
        more = f" and {len(violations) - _SHOWN} more" if len(violations) > _SHOWN else ""
        raise HaloError(f"unsafe schedule of {schedule.name}: {what}{more}", "Report this with the files you gave.")


def _results(
    methods: list[Method], scorers: Mapping[tuple[Path, ...], Scorer], scores: list[MethodScore]
) -> dict[str, Any]:
    """Results and parameters, each of these with its source, as ``run.json`` has them."""
    scorer = next(iter(scorers.values()))
    llm, workload, machine = scorer.llm, scorer.workload, scorer.machine
    sets = [points for each in scorers.values() for points in each.points.values()]
    told: Told = {"model": {"value": llm.name, "source": llm.source}, **machine.parameters.told("arch")}
    for points in sets:
        told |= points.sources
    for method in methods:
        told |= method.sources
    return {
        "model": llm.name,
        "macs": workload.macs,
        "vector_operations": sum(vector.operations for vector in workload.vectors),
        "machine": machine.parameters.name,
        "operating_points": [asdict(point) for points in sets for point in points.dvfs.points],
        "voltages": sets[0].dvfs.voltages,
        "timing": sets[0].dvfs.timing,
        "methods": {score.label: _result(score) for score in scores},
        "parameters": told,
    }


def _mac(mac: ScoredMac) -> dict[str, Any]:
    arch = mac.machine.arch if isinstance(mac.machine, SystolicMachine) else None
    size = {} if arch is None else {"rows": arch.rows, "columns": arch.columns}
    return {"table": ",".join(map(str, mac.runs)), "lanes": 2 if "pairs" in mac.forms else 1, **size}


def _result(score: MethodScore) -> dict[str, Any]:
    return {
        "time_ps": score.time_ps,
        "energy_pj": score.energy_pj,
        "edp_js": score.edp_js,
        "memory_bound_share": score.memory_share,
        "utilisation": score.utilisation,
        "mean_clock_ghz": score.mean_clock_ghz,
        "weight_bits": score.weight_bits,
        "weights_bytes": score.footprint.weights_bytes,
        "kv_cache_bytes": score.footprint.kv_cache_bytes,
        "activations_bytes": score.footprint.activations_bytes,
    }


def _assumptions(
    config: ScoreConfig, methods: list[Method], scorers: Mapping[tuple[Path, ...], Scorer], macs: Iterable[ScoredMac]
) -> list[str]:
    said = []
    for (path, *_), own in scorers.items():
        sentences = [sentence for points in own.points.values() for sentence in points.assumptions]
        said += sentences if len(scorers) == 1 else [f"{path}: {sentence}" for sentence in sentences]
    said += [sentence for mac in macs for sentence in mac.said]
    said += [sentence for method in methods for sentence in method.assumptions]
    said += next(iter(scorers.values())).machine.assumptions
    said += [
        "A pass follows another of its kind: the first change of the operating point is that from its last layer",
        "Energies of buffers and DRAM are those of the file of the array or device, whatever the library of the table",
        f"Operating points are chosen for the least {config.objective}",
    ]
    if (config.activation_bits, config.kv_bits) != (8, 8):
        stored = f"Activations of {config.activation_bits} bits and a cache of {config.kv_bits} are what is stored"
        said.append(f"{stored}; int8 MACs read 8")
    if config.compute_bound:
        said.append("Compute-bound: memory, the sparse unit and vector operations take no time; their energy counts")
    return said
