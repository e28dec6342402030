# SPDX-License-Identifier: Apache-2.0
"""The commands as Python functions: ``halo.characterize``, ``halo.quantize``, ``halo.score`` and the others.

Each takes its options as keywords, or the configuration object that the command line builds:

    table = halo.characterize("mac.v", liberty="cells.lib", run_folder="runs/mac")
    scores = halo.score("llama2-7b", table="runs/mac", phase="decode")

``report`` is called as ``report(stage, done, total)`` while the work goes on. Where ``run_folder`` may be left out,
nothing is kept on disk. Every function raises ``HaloError`` for bad input, a missing tool, or a folder that cannot be
written; its two parts say what is wrong and what to do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack, overload

from halo.characterization.table import WeightTable, load_table
from halo.config import CharacterizeConfig, one_corner
from halo.dvfs.check import Violation, check
from halo.dvfs.schedule import Schedule
from halo.errors import HaloError
from halo.flow.characterize import characterize as run_characterization
from halo.flow.compare import MULTIPLES, CompareConfig, CompareResult
from halo.flow.compare import compare as run_comparison
from halo.flow.crosscheck import CrosscheckConfig, CrosscheckResult
from halo.flow.crosscheck import crosscheck as run_crosscheck
from halo.flow.evaluate import EvaluateConfig, EvaluateResult, evaluate_folder
from halo.flow.explore import ExploreConfig, ExploreResult
from halo.flow.explore import explore as run_exploration
from halo.flow.gate_level.proof import GatesConfig, GatesResult, play_gates
from halo.flow.quantization.texts import TextOptions
from halo.flow.quantize import QuantizeConfig, QuantizeResult, quantize_model
from halo.flow.runs.provenance import RunRecord, read_record
from halo.flow.score import ScoreConfig, ScoreResult, score_model
from halo.flow.simulation import SimulationConfig, run_simulation
from halo.flow.simulators.bench_run import SimulationResult
from halo.flow.synthesis import SynthesisConfig, SynthesisRun, synthesize_into
from halo.flow.timing import TimingConfig, TimingResult
from halo.flow.timing import time_design as run_timing
from halo.keywords import check_names, configuration, configure, fitted, option_names, refuse_options, signed
from halo.options import (
    CharacterizeOptions,
    CrosscheckOptions,
    EvaluateOptions,
    ExploreOptions,
    GatesOptions,
    PathLike,
    QuantizeOptions,
    ScoreOptions,
    SimulateOptions,
    SynthesizeOptions,
    TimeDesignOptions,
)
from halo.progress import Progress, silent

CONFIGS: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "CharacterizeOptions": (CharacterizeConfig, ("files", "corners", "run_folder")),
    "SynthesizeOptions": (SynthesisConfig, ("files", "run_folder")),
    "TimeDesignOptions": (TimingConfig, ("files", "run_folder")),
    "ExploreOptions": (ExploreConfig, ("candidates", "run_folder")),
    "CrosscheckOptions": (CrosscheckConfig, ("run",)),
    "SimulateOptions": (SimulationConfig, ("bench",)),
    "GatesOptions": (GatesConfig, ("bench", "run_folder")),
    "QuantizeOptions": (QuantizeConfig, ("model", "run_folder")),
    "EvaluateOptions": (EvaluateConfig, ("run",)),
    "ScoreOptions": (ScoreConfig, ("model", "run_folder")),
}
"""For each class in ``halo.options``: the configuration, and the fields that are parameters of the function itself."""


@overload
def characterize(config: CharacterizeConfig, /, *, report: Progress = ...) -> WeightTable: ...
@overload
def characterize(
    *files: PathLike,
    liberty: PathLike | Sequence[PathLike] = ...,
    corners: Mapping[str, PathLike | Sequence[PathLike]] | None = ...,
    run_folder: PathLike | None = ...,
    report: Progress = ...,
    **options: Unpack[CharacterizeOptions],
) -> WeightTable: ...
@signed(CharacterizeConfig, without=("files", "corners", "run_folder"))
def characterize(
    *files: PathLike | CharacterizeConfig,
    liberty: PathLike | Sequence[PathLike] = (),
    corners: Mapping[str, PathLike | Sequence[PathLike]] | None = None,
    run_folder: PathLike | None = None,
    report: Progress = silent,
    **options: Any,
) -> WeightTable:
    """Delay, clock and energy of a MAC for every weight value, as ``halo characterize`` computes them.

    Args:
        files: Verilog sources; none: the default MAC, or ``netlist``.
        liberty: the Liberty file, or files, of one corner.
        corners: instead, Liberty files by corner name.
        run_folder: keep everything there, figures included; None: keep nothing but the table.
        report: told about progress.
        options: see ``halo.config.CharacterizeConfig``.

    Returns:
        The table, one row for each corner and weight.
    """
    if len(files) == 1 and isinstance(files[0], CharacterizeConfig):
        refuse_options(
            "halo.characterize", {**options, **_given(liberty=liberty, corners=corners, run_folder=run_folder)}
        )
        return load_table(run_characterization(files[0], report, _figures))
    with _folder("halo.characterize", run_folder) as folder:
        config = characterize_config(files, liberty, corners, folder, options)
        finish = None if run_folder is None else _figures
        return load_table(run_characterization(config, report, finish))


def characterize_config(
    files: Sequence[Any],
    liberty: PathLike | Sequence[PathLike],
    corners: Mapping[str, PathLike | Sequence[PathLike]] | None,
    run_folder: Path,
    options: Mapping[str, Any],
) -> CharacterizeConfig:
    """The configuration that ``characterize`` runs, its files checked."""
    function = "halo.characterize"
    names = option_names(CharacterizeConfig)
    check_names(function, options, ["liberty", *(name for name in names if name != "files")])
    paths = fitted(function, "liberty", tuple[Path, ...], liberty)
    by_name = fitted(function, "corners", Mapping | None, corners) or {}
    if by_name and paths:
        fix = "Give liberty for one corner, or corners={'tt': 'tt.lib', 'ss': 'ss.lib'} for several."
        raise HaloError("liberty and corners are both given", fix)
    chosen = tuple((name, fitted(function, f"corner {name}", tuple[Path, ...], own)) for name, own in by_name.items())
    if paths:
        chosen = (one_corner(paths),)
    given = {**options, "files": files, "corners": chosen, "run_folder": run_folder}
    config = configure(function, CharacterizeConfig, given)
    config.require_files()
    return config


@overload
def synthesize(config: SynthesisConfig, /, *, report: Progress = ...) -> SynthesisRun: ...
@overload
def synthesize(
    *files: PathLike, run_folder: PathLike, report: Progress = ..., **options: Unpack[SynthesizeOptions]
) -> SynthesisRun: ...
@signed(SynthesisConfig, without=("files", "run_folder"))
def synthesize(
    *files: PathLike | SynthesisConfig, run_folder: PathLike | None = None, report: Progress = silent, **options: Any
) -> SynthesisRun:
    """Map Verilog to a library's cells, as ``halo synth`` does.

    Args:
        files: Verilog sources; none: the default MAC.
        run_folder: to write.
        report: told about progress.
        options: see ``halo.flow.synthesis.SynthesisConfig``.

    Returns:
        Cells and area, and where the netlist is.
    """
    own = files[0] if len(files) == 1 and isinstance(files[0], SynthesisConfig) else None
    given = {**options, **_given(files=files if own is None else (), run_folder=run_folder)}
    config = configuration("halo.synthesize", SynthesisConfig, own, given)
    return synthesize_into(config, report)


@overload
def explore(config: ExploreConfig, /, *, report: Progress = ...) -> ExploreResult: ...
@overload
def explore(
    *candidates: PathLike, run_folder: PathLike, report: Progress = ..., **options: Unpack[ExploreOptions]
) -> ExploreResult: ...
@signed(ExploreConfig, without=("candidates", "run_folder"))
def explore(
    *candidates: PathLike | ExploreConfig, run_folder: PathLike | None = None, report: Progress = silent, **options: Any
) -> ExploreResult:
    """Search MAC structures for throughput per area and energy under a library, as ``halo explore`` does.

    Args:
        candidates: Verilog of your own that takes part, a candidate each.
        run_folder: to write, figures included.
        report: told about progress.
        options: see ``halo.flow.explore.ExploreConfig``.

    Returns:
        A row for each candidate, and where the chosen design is.
    """
    own = candidates[0] if len(candidates) == 1 and isinstance(candidates[0], ExploreConfig) else None
    given = {**options, **_given(candidates=candidates if own is None else (), run_folder=run_folder)}
    return run_exploration(configuration("halo.explore", ExploreConfig, own, given), report, _figures)


@overload
def time_design(config: TimingConfig, /, *, report: Progress = ...) -> TimingResult: ...
@overload
def time_design(
    *files: PathLike, run_folder: PathLike, report: Progress = ..., **options: Unpack[TimeDesignOptions]
) -> TimingResult: ...
@signed(TimingConfig, without=("files", "run_folder"))
def time_design(
    *files: PathLike | TimingConfig, run_folder: PathLike | None = None, report: Progress = silent, **options: Any
) -> TimingResult:
    """Shortest clock period of a whole registered design by static timing, as ``halo timing`` finds it.

    Args:
        files: Verilog sources; none with ``netlist``.
        run_folder: to write.
        report: told about progress.
        options: see ``halo.flow.timing.TimingConfig``.

    Returns:
        The period, a row for each endpoint and block, the slowest paths, and the clocks of a table that are kept.
    """
    own = files[0] if len(files) == 1 and isinstance(files[0], TimingConfig) else None
    given = {**options, **_given(files=files if own is None else (), run_folder=run_folder)}
    return run_timing(configuration("halo.time_design", TimingConfig, own, given), report)


@overload
def simulate(config: SimulationConfig, /, *, report: Progress = ...) -> SimulationResult: ...
@overload
def simulate(
    bench: str | None = None, *, report: Progress = ..., **options: Unpack[SimulateOptions]
) -> SimulationResult: ...
@signed(SimulationConfig)
def simulate(
    bench: str | SimulationConfig | None = None, *, report: Progress = silent, **options: Any
) -> SimulationResult:
    """Run a testbench of the RTL in Icarus Verilog or Verilator, as ``halo sim`` does.

    Args:
        bench: name of the testbench; ``halo sim --list`` shows them. None: ``testbench`` runs on ``files``.
        report: told about progress.
        options: see ``halo.flow.simulation.SimulationConfig``.

    Returns:
        The tests with their figures and coverage; ``passed`` says whether all of them passed.
    """
    return run_simulation(configuration("halo.simulate", SimulationConfig, bench, options, "bench"), report)


@overload
def simulate_gates(config: GatesConfig, /, *, report: Progress = ...) -> GatesResult: ...
@overload
def simulate_gates(
    bench: str, *, run_folder: PathLike, report: Progress = ..., **options: Unpack[GatesOptions]
) -> GatesResult: ...
@signed(GatesConfig)
def simulate_gates(
    bench: str | GatesConfig, *, run_folder: PathLike | None = None, report: Progress = silent, **options: Any
) -> GatesResult:
    """Play an element, an array or the tensor unit as gates with delays, as ``halo sim NAME --gates`` does.

    Args:
        bench: ``pe``, ``systolic_ws``, ``systolic_os`` or ``tensor_core``.
        run_folder: to write.
        report: told about progress.
        options: see ``halo.flow.gate_level.proof.GatesConfig``.

    Returns:
        The trials, the error rates and the record; ``passed`` says whether every trial went as it must.
    """
    given = {**options, **_given(run_folder=run_folder)}
    config = configuration("halo.simulate_gates", GatesConfig, bench, given, "bench")
    return play_gates(config, report, _error_rate)


@overload
def crosscheck(config: CrosscheckConfig, /, *, report: Progress = ...) -> CrosscheckResult: ...
@overload
def crosscheck(run: PathLike, *, report: Progress = ..., **options: Unpack[CrosscheckOptions]) -> CrosscheckResult: ...
@signed(CrosscheckConfig)
def crosscheck(run: PathLike | CrosscheckConfig, *, report: Progress = silent, **options: Any) -> CrosscheckResult:
    """Compare a run of ``characterize`` with Icarus Verilog, transition by transition, as ``halo crosscheck`` does.

    Args:
        run: run folder of ``characterize``.
        report: told about progress.
        options: see ``halo.flow.crosscheck.CrosscheckConfig``; ``run_folder`` among them keeps the transitions.

    Returns:
        Every transition, how many are equal, and the first that is not.
    """
    return run_crosscheck(configuration("halo.crosscheck", CrosscheckConfig, run, options, "run"), report)


def compare(
    *runs: PathLike, multiples: Sequence[int] = MULTIPLES, csv: PathLike | None = None, force: bool = False
) -> CompareResult:
    """Runs of ``characterize`` side by side, as ``halo compare`` shows them.

    Args:
        runs: run folders of ``characterize``.
        multiples: classes of weights beside that of all: the multiples of each of these numbers.
        csv: file to write; None: none.
        force: replace it.

    Returns:
        A row for each run, corner and class: cells, area, clock period, energy and throughput per area.
    """
    given = {"runs": runs, "multiples": multiples, "csv": csv, "force": force}
    return run_comparison(configure("halo.compare", CompareConfig, given))


@overload
def quantize(config: QuantizeConfig, /, *, report: Progress = ...) -> QuantizeResult: ...
@overload
def quantize(
    model: PathLike, *, run_folder: PathLike, report: Progress = ..., **options: Unpack[QuantizeOptions]
) -> QuantizeResult: ...
@signed(QuantizeConfig)
def quantize(
    model: PathLike | QuantizeConfig, *, run_folder: PathLike | None = None, report: Progress = silent, **options: Any
) -> QuantizeResult:
    """Quantize the linear layers of a model, as ``halo quantize`` does.

    Args:
        model: Hugging Face folder, ``.gguf`` file, or matrices in an ``.npz`` or ``.safetensors`` file.
        run_folder: to write.
        report: told about progress.
        options: see ``halo.flow.quantize.QuantizeConfig``; ``options`` among them says which method, as
            ``halo.quant.GptqOptions(bits=4)``; without them it is HALO. ``text_options`` say how the calibration text
            is read.

    Returns:
        The rows of ``layers.csv`` and the record of the run; ``layer`` of it reads a quantized layer.
    """
    given = {**options, **_given(run_folder=run_folder)}
    _refuse_tables("halo.quantize", given)
    _refuse_inner_options("halo.quantize", QuantizeConfig, given)
    return quantize_model(configuration("halo.quantize", QuantizeConfig, model, given, "model"), report)


@overload
def evaluate(config: EvaluateConfig, /, *, report: Progress = ...) -> EvaluateResult: ...
@overload
def evaluate(run: PathLike, *, report: Progress = ..., **options: Unpack[EvaluateOptions]) -> EvaluateResult: ...
@signed(EvaluateConfig)
def evaluate(run: PathLike | EvaluateConfig, *, report: Progress = silent, **options: Any) -> EvaluateResult:
    """Measure what quantization does to a model's predictions, as ``halo evaluate`` does. Needs PyTorch.

    Args:
        run: folder of ``quantize``; or a model, to be measured as it is.
        report: told about progress.
        options: see ``halo.flow.evaluate.EvaluateConfig``.

    Returns:
        Perplexity, KL divergence and shares of equal predictions; and the figures of tasks, where some are given.
    """
    _refuse_inner_options("halo.evaluate", EvaluateConfig, options)
    return evaluate_folder(configuration("halo.evaluate", EvaluateConfig, run, options, "run"), report)


@overload
def score(config: ScoreConfig, /, *, report: Progress = ...) -> ScoreResult: ...
@overload
def score(
    model: PathLike, *, run_folder: PathLike | None = ..., report: Progress = ..., **options: Unpack[ScoreOptions]
) -> ScoreResult: ...
@signed(ScoreConfig)
def score(
    model: PathLike | ScoreConfig, *, run_folder: PathLike | None = None, report: Progress = silent, **options: Any
) -> ScoreResult:
    """Time, energy and memory of a quantized language model on an array or a GPU, as ``halo score`` computes them.

    Args:
        model: built-in name, or a folder with ``config.json``.
        run_folder: keep everything there, figures included; None: keep nothing but the result.
        report: told about progress.
        options: see ``halo.flow.score.ScoreConfig``.

    Returns:
        The rows of ``score.csv``, the schedules and the assumptions.
    """
    _refuse_tables("halo.score", options)
    with _folder("halo.score", run_folder) as folder:
        if isinstance(model, ScoreConfig):
            refuse_options("halo.score", {**options, **_given(run_folder=run_folder)})
            return score_model(model, report, _figures)
        config = configure("halo.score", ScoreConfig, {"model": model, "run_folder": folder, **options})
        if run_folder is not None:
            return score_model(config, report, _figures)
        return replace(score_model(config, report), folder=None)


def read_run(run_folder: PathLike) -> RunRecord:
    """Read ``run.json`` of a run folder: options, input files, versions, assumptions and results.

    Args:
        run_folder: that any command wrote.
    """
    return read_record(fitted("halo.read_run", "run_folder", Path, run_folder))


def check_schedule(schedule: Schedule, table: WeightTable) -> tuple[Violation, ...]:
    """Prove that a schedule runs no tile above the clock of its slowest weight.

    Args:
        schedule: of a scored method, as ``halo.read_schedules`` gives it.
        table: the per-weight table that it rests on.

    Returns:
        What is unsafe; empty: nothing.
    """
    own = fitted("halo.check_schedule", "schedule", Schedule, schedule)
    return check(own, fitted("halo.check_schedule", "table", WeightTable, table))


def _refuse_tables(function: str, options: Mapping[str, Any]) -> None:
    """Say where a table that was read stands on disk: a run names its files with their hashes."""
    if isinstance(options.get("table"), WeightTable):
        fix = "Give the folder or file that it was read from; WeightTable.write(folder) writes one."
        raise HaloError(f"{function}: table is a WeightTable, where a path is needed", fix)


def _refuse_inner_options(function: str, config: type, options: Mapping[str, Any]) -> None:
    """Say where an option of a method or a text belongs, which the command line has beside the others.

    Raises:
        HaloError: one is given as a keyword.
    """
    from halo.quant.quantizers import QUANTIZERS, options_class, owners_of

    known = option_names(config)
    for name, value in options.items():
        if name in known:
            continue
        if name in option_names(TextOptions):
            fix = f"Write text_options=halo.TextOptions({name}={value!r})."
            raise HaloError(f"{function}: {name} is an option of texts", fix)
        if "options" not in known:
            continue
        if name == "method" and value in QUANTIZERS:
            fix = f"Write options=halo.quant.{options_class(value)}()."
            raise HaloError(f"{function}: the class of options says which method", fix)
        owners = owners_of("clock_ghz" if name == "clock" else name)
        if owners:
            own = options_class("halo" if "halo" in owners else owners[0])
            fix = f"Write options=halo.quant.{own}({'clock_ghz' if name == 'clock' else name}={value!r})."
            raise HaloError(f"{function}: {name} is an option of a method ({', '.join(owners)})", fix)


def _given(**values: Any) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in values.items() if value is not None and value != ()}


@contextmanager
def _folder(function: str, run_folder: PathLike | None) -> Iterator[Path]:
    """The folder to write; a temporary one where none is asked for."""
    if run_folder is not None:
        yield fitted(function, "run_folder", Path, run_folder)
        return
    with tempfile.TemporaryDirectory(prefix="halo-") as scratch:
        yield Path(scratch) / "run"


def _figures(run_folder: Path) -> object:
    from halo.plot.run import draw_run

    return draw_run(run_folder)


def _error_rate(run_folder: Path) -> object:
    from halo.plot.error_rate import draw_error_rate

    return draw_error_rate(run_folder)
