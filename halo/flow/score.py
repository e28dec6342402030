"""``halo score``: what a model costs on an array, method by method, and the proof that every tile is safe at its clock.

Workload, methods, operating points, costs of every way to run a layer, choice, check, files: one list of steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from halo.characterization.table import WeightTable, load_table
from halo.dvfs.check import check
from halo.dvfs.cost import LayerCost
from halo.dvfs.optimise import Objective, choose
from halo.dvfs.points import Dvfs
from halo.dvfs.schedule import Schedule, WeightSet, make_schedule, write_schedules
from halo.dvfs.sequence import run_layer, run_layers
from halo.errors import HaloError
from halo.flow.runs.provenance import Recorder
from halo.flow.runs.runfolder import RECORD, check_target, new_run
from halo.flow.scoring.machine import Machine, read_machine
from halo.flow.scoring.methods import METHODS, Method, WeightFormat, quantized_method, stated_method
from halo.flow.scoring.operating_points import MacOperatingPoints, float_points, integer_points
from halo.flow.scoring.table import SCHEDULE, LayerScore, MethodScore, VectorScore, write_scores
from halo.progress import Progress
from halo.quant.store import INDEX
from halo.sourced import Told
from halo.workload.config import LlmConfig, built_in_names, read_config
from halo.workload.footprint import peak_memory
from halo.workload.gemm import VectorOperation, Workload
from halo.workload.passes import decode, prefill

_CONTEXT = 2048
_SHOWN = 3


@dataclass(frozen=True)
class ScoreConfig:
    """Options of ``halo score``.

    Attributes:
        model: built-in name, or a folder with ``config.json``.
        table: run folder of ``halo characterize``, or its ``weights.csv``.
        run_folder: to write.
        quantized: folders of ``halo quantize``.
        methods: names of ``METHODS``; with no folder either: all.
        corner: of the table; None: its only one.
        arch: an array or device by name, or a file.
        dvfs: ``table``, ``raised``, a name or a file of operating points.
        transition: preset of what a change of the operating point takes; None: what ``dvfs`` says, or the machine's.
        phase, batch, context: the pass; context None: 2048, or the model's positions where these are fewer.
        activation_bits, kv_bits: stored, of integer methods.
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
    corner: str | None = None
    arch: str = "systolic-128"
    dvfs: str = "table"
    transition: str | None = None
    phase: Literal["prefill", "decode"] = "prefill"
    batch: int = 1
    context: int | None = None
    activation_bits: int = 8
    kv_bits: int = 8
    objective: Objective = "time"
    compute_bound: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.activation_bits <= 16:
            raise HaloError(
                f"activations of {self.activation_bits} bits", "Give 1 to 16 bits; 8 is what int8 MACs read."
            )
        if self.kv_bits not in (8, 16):
            raise HaloError(f"a cache of {self.kv_bits} bits", "Give 8 or 16.")
        labels = [*self.methods, *(folder.name for folder in self.quantized)]
        repeated = [label for i, label in enumerate(labels) if label in labels[:i]]
        if repeated:
            raise HaloError(f"{repeated[0]!r} is named twice", "Name each method once, and folders apart.")

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values."""
        values = asdict(self)
        paths = {"table": str(self.table), "run_folder": str(self.run_folder)}
        return values | paths | {"quantized": [str(path) for path in self.quantized], "methods": list(self.methods)}


def score_model(config: ScoreConfig, report: Progress, finish: Callable[[Path], object] | None = None) -> Path:
    """Score a model with each method and write the run folder; it appears when everything in it is done.

    Args:
        config: what to do.
        report: told about progress.
        finish: called with the complete folder before it takes its place, to draw the plots in it.

    Returns:
        The run folder.

    Raises:
        HaloError: bad input, or a schedule that the table does not allow.
    """
    check_target(config.run_folder, config.force)
    llm = read_config(config.model)
    context = min(_CONTEXT, llm.context) if config.context is None else config.context
    config = replace(config, context=context)
    work = (prefill if config.phase == "prefill" else decode)(llm, config.batch, context)
    machine = read_machine(config.arch)
    table = load_table(config.table)
    methods, left_out = _methods(config, work, machine)
    with new_run(config.run_folder, config.force) as folder:
        with Recorder(folder, "score", config.to_dict(), _input_files(config), report) as record:
            operations = _operations(config, table, methods, machine, record)
            scores, schedules = [], []
            for number, method in enumerate(methods):
                record.report("methods", number, len(methods))
                own, integer = operations[method.operand], operations["int8"]
                score, schedule = _Scorer(config, llm, work, machine, table, own, integer.dvfs).score(method)
                refuse_unsafe(schedule, table)
                scores.append(score)
                schedules.append(schedule)
            record.report("methods", len(methods), len(methods))
            write_scores(folder, scores)
            write_schedules(folder / SCHEDULE, schedules)
            _tell(record, config, llm, work, machine, methods, list(operations.values()), scores)
            for sentence in left_out:
                record.assume(sentence)
        if finish is not None:
            report("plots", 0, 1)
            finish(folder)
            report("plots", 1, 1)
    return config.run_folder


def _operations(
    config: ScoreConfig, table: WeightTable, methods: Sequence[Method], machine: Machine, record: Recorder
) -> dict[str, MacOperatingPoints]:
    """Operating points by operand; the integer MACs' also where no method uses them, for the others refer to them."""
    sets = list(dict.fromkeys(values for method in methods if method.operand == "int8" for values in method.sets))
    integer = integer_points(
        config.dvfs, table, config.corner, sets, regulator=config.transition, usual=machine.regulator
    )
    if all(method.operand == "int8" for method in methods):
        return {"int8": integer}
    own_clock = machine.own_float_clock
    return {"int8": integer, "fp16": float_points(config.table, integer, record.report, own_clock=own_clock)}


def _methods(config: ScoreConfig, work: Workload, machine: Machine) -> tuple[list[Method], list[str]]:
    """Methods to score, and what is left out of the default ones."""
    names = list(config.methods)
    said = []
    if not names and not config.quantized:
        names = [name for name in METHODS if machine.multiplies("fp16" if name == "fp16" else "int8")]
        if len(names) < len(METHODS):
            said.append(f"Only {', '.join(names)} is scored: {machine.parameters.name} multiplies no other operands")
        if "fp16" in names and not (config.table / RECORD).is_file():
            names.remove("fp16")
            said.append("fp16 is left out: its MAC needs the cell library of the table, and a bare table names none")
    model = config.model if config.model in built_in_names() else ""
    stated = [stated_method(name, model, config.kv_bits) for name in names]
    return [*stated, *(quantized_method(path, config.kv_bits, work.gemms) for path in config.quantized)], said


def _input_files(config: ScoreConfig) -> list[Path]:
    """Files that the numbers rest on, besides those that come with halo."""
    table = config.table / "weights.csv" if config.table.is_dir() else config.table
    indices = [folder / INDEX for folder in config.quantized]
    own = [Path(config.model) / "config.json", Path(config.arch), Path(config.dvfs)]
    return [table, *indices, *(path for path in own if path.is_file())]


class _Scorer:
    """A pass through a model on a machine at some operating points."""

    def __init__(
        self,
        config: ScoreConfig,
        llm: LlmConfig,
        work: Workload,
        machine: Machine,
        table: WeightTable,
        operation: MacOperatingPoints,
        vector_dvfs: Dvfs,
    ) -> None:
        self.config, self.llm, self.work, self.machine = config, llm, work, machine
        self.table, self.operation, self.vector_dvfs = table, operation, vector_dvfs

    def score(self, method: Method) -> tuple[MethodScore, Schedule]:
        """Times and energies of a method, and the schedule that they belong to."""
        work, dvfs = self.work, self.operation.dvfs
        forms = [method.form(gemm) for gemm in work.gemms]
        options = self._options(forms, self._activation_bits(method))
        counts = [1 if self.machine.side_by_side else gemm.count for gemm in work.gemms]
        chosen = choose(options, dvfs, self.config.objective, counts)
        costs = [own[index] for own, index in zip(options, chosen, strict=True)]
        runs = run_layers(costs, dvfs, counts)
        layers = tuple(LayerScore(*parts) for parts in zip(work.gemms, costs, runs, counts, strict=True))
        return self._whole(method, forms, layers), self._schedule(method, forms, layers)

    def _options(self, forms: Sequence[WeightFormat], activation_bits: int) -> list[Sequence[LayerCost]]:
        """Ways to run each layer. Blocks are alike: layers of equal shape and form are worked out once."""
        bound = {key: self.operation.weights(form) for key, form in {id(form): form for form in forms}.items()}
        known: dict[tuple[int, str, int, int, int], Sequence[LayerCost]] = {}
        options = []
        for gemm, form in zip(self.work.gemms, forms, strict=True):
            key = (id(form), gemm.kind, gemm.m, gemm.k, gemm.n)
            if key not in known:
                known[key] = self.machine.layer_costs(
                    gemm,
                    bound[id(form)],
                    self.operation.dvfs,
                    self.operation.element,
                    activation_bits,
                    not self.config.compute_bound,
                )
            options.append(known[key])
        return options

    def _whole(self, method: Method, forms: Sequence[WeightFormat], layers: tuple[LayerScore, ...]) -> MethodScore:
        work = self.work
        stored = [
            (gemm.k * gemm.n, form.stored_bits)
            for gemm, form in zip(work.gemms, forms, strict=True)
            if gemm.kind == "linear"
        ]
        bits = sum(size * own for size, own in stored) / sum(size for size, _ in stored)
        footprint = peak_memory(
            self.llm, work, bits, method.cache.stored_bits, self._activation_bits(method), method.head.stored_bits
        )
        vectors = tuple(self._vector(operation) for operation in _merged(work.vectors))
        return MethodScore(method.label, self.operation.dvfs, layers, vectors, footprint, bits)

    def _vector(self, operation: VectorOperation) -> VectorScore:
        dvfs = self.vector_dvfs
        cost = self.machine.vector_cost(operation, dvfs, self.operation.element)
        if cost is None:
            return VectorScore(operation, None, 0, dvfs.points[0])
        run = run_layer(cost, 0, dvfs)
        if self.config.compute_bound:
            return VectorScore(operation, replace(run, compute_ps=0, static_pj=0), 0, dvfs.points[0])
        return VectorScore(operation, run, sum(segment.cycles for segment in cost.segments), dvfs.points[0])

    def _activation_bits(self, method: Method) -> int:
        return 16 if method.operand == "fp16" else self.config.activation_bits

    def _schedule(self, method: Method, forms: Sequence[WeightFormat], layers: Sequence[LayerScore]) -> Schedule:
        """The classes of all layers in one list, each once, and the segments with their places in it."""
        limit = self.operation.limit_ghz
        places: dict[WeightSet, int] = {}
        scheduled = []
        for layer, form in zip(layers, forms, strict=True):
            cost = layer.cost
            if layer.gemm.kind != "attention":
                own = [WeightSet(chosen.name, chosen.values, limit) for chosen in form.sets]
                index = [places.setdefault(weights, len(places)) for weights in own]
                moved = tuple(replace(segment, tile_class=index[segment.tile_class]) for segment in cost.segments)
            else:
                moved = tuple(replace(segment, tile_class=-1) for segment in cost.segments)
            scheduled.append((layer.gemm.name, replace(cost, segments=moved), layer.times))
        operand = WeightSet("cache", method.cache.sets[0].values, limit)
        name = f"{self.work.model} {self.work.phase}, {method.label}"
        return make_schedule(name, self.operation.dvfs, self.table, tuple(places), operand, scheduled)


def _merged(operations: Sequence[VectorOperation]) -> list[VectorOperation]:
    """Operations of one name in a block as one."""
    found: dict[tuple[int | None, str], VectorOperation] = {}
    for own in operations:
        key = own.block, own.name
        other = found.get(key)
        more = (0, 0) if other is None else (other.elements, other.operations)
        found[key] = replace(own, elements=own.elements + more[0], operations=own.operations + more[1])
    return list(found.values())


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


def _tell(
    record: Recorder,
    config: ScoreConfig,
    llm: LlmConfig,
    work: Workload,
    machine: Machine,
    methods: Sequence[Method],
    operations: Sequence[MacOperatingPoints],
    scores: Sequence[MethodScore],
) -> None:
    """Put results, parameters with their sources and assumptions into the record."""
    told: Told = {"model": {"value": llm.name, "source": llm.source}, **machine.parameters.told("arch")}
    for operation in operations:
        told |= operation.sources
    for method in methods:
        told |= method.sources
    for sentence in itertools.chain(*(o.assumptions for o in operations), *(m.assumptions for m in methods)):
        record.assume(sentence)
    for sentence in machine.assumptions:
        record.assume(sentence)
    for sentence in _assumptions(config):
        record.assume(sentence)
    points = [point for operation in operations for point in operation.dvfs.points]
    record.results |= {
        "model": llm.name,
        "macs": work.macs,
        "vector_operations": sum(vector.operations for vector in work.vectors),
        "machine": machine.parameters.name,
        "operating_points": [asdict(point) for point in points],
        "voltages": operations[0].dvfs.voltages,
        "timing": operations[0].dvfs.timing,
        "methods": {score.label: _result(score) for score in scores},
        "parameters": told,
    }


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


def _assumptions(config: ScoreConfig) -> list[str]:
    said = [
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
