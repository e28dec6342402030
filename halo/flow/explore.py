# SPDX-License-Identifier: Apache-2.0
"""``halo explore``: MAC structures under a cell library, searched for throughput per area and energy.

Tests: tests/flow/exploring/test_exploring.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halo.config import IDENTIFIER, PORT, Operand, Synthesis, one_corner
from halo.errors import HaloError
from halo.flow.characterize import characterize
from halo.flow.exploring.adder_delays import adder_delays
from halo.flow.exploring.candidate import Candidate, Conditions, Keys
from halo.flow.exploring.chosen import settle, write_verilog
from halo.flow.exploring.codebook import Histogram, class_weights, read_weights, trailing_zeros, weights_file
from halo.flow.exploring.evaluation import Figures
from halo.flow.exploring.placing import variants
from halo.flow.exploring.rows import choose, objectives, periods, row, table
from halo.flow.exploring.search import Objectives, search
from halo.flow.exploring.space import Space, Structure
from halo.flow.exploring.store import load, store
from halo.flow.exploring.workers import Workers, workers
from halo.flow.runs.assets import element_sources
from halo.flow.runs.provenance import Recorder
from halo.flow.runs.runfolder import new_run
from halo.keywords import checked
from halo.liberty import read_corner
from halo.progress import Progress, silent
from halo.version import __version__

if TYPE_CHECKING:
    import pandas as pd

CSV, PARQUET, PERIODS, CHOSEN = "candidates.csv", "candidates.parquet", "periods.csv", "chosen"
_TOOLS = ("pyosys", "numpy")
"""Packages whose versions an evaluation depends on."""
ASSUMPTIONS = (
    "Wires have no capacitance and no delay.",
    "Clock periods are those of static timing with the bits of the weight held: clk-to-Q, setup and the register of "
    "the partial sum are in them. The weight stands still while the activation changes.",
    "Area is that of the element's cells with its registers; what passes weights and valid bits on is not part of it. "
    "A candidate with a clock is taken as it is: operands without registers of their own cost it none.",
    "An element of fewer weight bits takes several passes for a weight of eight, each of a signed digit: of two "
    "4-bit digits, the weights 120 to 127 have none and are rounded to 119.",
    "A sum may lack a number that depends on the weight alone, which whoever holds the weights adds once for a whole "
    "column (column function). The sum of two words is added up once at the edge of an array. "
    "Neither is part of area and energy.",
)


@checked
@dataclass(frozen=True, kw_only=True)
class ExploreConfig:
    """Options of ``halo explore``.

    Attributes:
        liberty: all files of one corner.
        run_folder: folder to write.
        candidates: Verilog of the user's, a candidate each, beside the structures of halo.
        top, weight, activation, accumulator, output, clock: of the user's Verilog; None: found where only one reading
            fits.
        signed: its operands that are signed whatever is declared.
        class_weights: the weights that should be fast: ``int4`` (multiples of 16), ``int3`` (of 32), or values with
            commas.
        weights: real weights, to price the error of rounding them: a CSV of weights and their counts, or a run of
            ``halo quantize``, whose integers count.
        budget: number of structures to try; 0: none, only ``candidates``.
        dont_use: cells to avoid; ``*`` and ``?`` match as in a shell.
        samples: transitions a weight behind an energy.
        choose: ``throughput``, ``class-throughput``, ``energy``, ``class-energy``, or a candidate's name.
        jobs: processes; None: all cores. Never changes a result.
        scheduler: address of a Dask scheduler whose workers evaluate instead.
        seed: of every random choice.
        force: replace a finished run.

    Raises:
        HaloError: a value is out of range, or two options contradict each other.
    """

    liberty: tuple[Path, ...]
    run_folder: Path
    candidates: tuple[Path, ...] = ()
    top: str | None = None
    weight: str | None = None
    activation: str | None = None
    accumulator: str | None = None
    output: str | None = None
    clock: str | None = None
    signed: tuple[Operand, ...] = ()
    class_weights: str = "int4"
    weights: Path | None = None
    budget: int = 120
    dont_use: tuple[str, ...] = ()
    samples: int = 128
    choose: str = "throughput"
    jobs: int | None = None
    scheduler: str | None = None
    seed: int = 1
    force: bool = False

    def __post_init__(self) -> None:
        if not self.liberty:
            raise HaloError("no Liberty library is given", "Add --liberty FILE.")
        if not self.budget and not self.candidates:
            raise HaloError("there is nothing to try", "Give a --budget of 1 or more, or --candidate FILE.v.")
        if self.roles and not self.candidates:
            name = self.roles[0][0]
            raise HaloError(f"{name} names a part of the user's Verilog, and none is given", "Add --candidate FILE.v.")
        for name, value in self.roles:
            if not (IDENTIFIER if name == "top" else PORT).match(value):
                raise HaloError(f"{value!r} is no name of a {'module' if name == 'top' else 'port'}", "Check the name.")
        class_weights(self.class_weights)

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """What the options name of the user's Verilog."""
        names = ("top", "weight", "activation", "accumulator", "output", "clock")
        return tuple((name, getattr(self, name)) for name in names if getattr(self, name) is not None)

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values."""
        return {field.name: _json(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True)
class ExploreResult:
    """A finished search.

    Attributes:
        run_folder: where it is.
        frame: the rows of ``candidates.csv``.
        chosen: name of the candidate in ``chosen``.
        assumptions: one sentence each.
        new: candidates that were evaluated; the others were known from earlier runs.
    """

    run_folder: Path
    frame: pd.DataFrame
    chosen: str
    assumptions: tuple[str, ...]
    new: int

    def to_pandas(self) -> pd.DataFrame:
        """A row for each candidate, as in ``candidates.csv``."""
        return self.frame.copy()

    def _repr_html_(self) -> str:
        return str(self.frame.to_html(index=False))


def explore(config: ExploreConfig, report: Progress, finish: Callable[[Path], object] | None = None) -> ExploreResult:
    """Search, and write the run folder.

    Args:
        config: what to do.
        report: told about progress.
        finish: called with the complete folder before it takes its place, to draw the plots in it.

    Raises:
        HaloError: bad input, no candidate that counts, or a folder that cannot be written.
    """
    _require_files(config)
    conditions = Conditions(
        liberty=tuple(map(str, config.liberty)),
        class_weights=class_weights(config.class_weights),
        dont_use=config.dont_use,
        samples=config.samples,
        seed=config.seed,
    )
    with new_run(config.run_folder, config.force) as folder:
        result = _searched(config, conditions, folder, report)
        if finish is not None:
            report("plots", 0, 1)
            finish(folder)
            report("plots", 1, 1)
    return result


def _searched(config: ExploreConfig, conditions: Conditions, folder: Path, report: Progress) -> ExploreResult:
    """Everything but the plots."""
    known = None if config.weights is None else read_weights(config.weights)
    weights = [] if config.weights is None else [weights_file(config.weights)]
    inputs = [*config.liberty, *config.candidates, *weights, *element_sources()]
    with Recorder(folder, "explore", config.to_dict(), dict.fromkeys(inputs), report) as record:
        record.report("library", 0, 1)
        library = read_corner(config.liberty)
        record.also_read(library.paths)
        record.report("library", 1, 1)
        jobs = config.jobs or os.cpu_count() or 1
        with workers(conditions, jobs, config.scheduler) as pool:
            tried = _Tried(config, conditions, pool, record)
            tried.files([one for path in config.candidates for one in _own(config, path)])
            if config.budget:
                search(config.budget, _space(config, conditions, record), config.seed, tried.structures)
        frame = _rows(tried.found, one_corner(config.liberty)[0], known)
        best = choose(frame, config.choose)
        frame["chosen"] = frame.index == best
        name = str(frame["candidate"][best])
        frame.to_csv(folder / CSV, index=False)
        frame.to_parquet(folder / PARQUET, index=False)
        periods(tried.found, frame).to_csv(folder / PERIODS, index=False)
        record.wrote(CSV, PARQUET, PERIODS)
        for sentence in ASSUMPTIONS:
            record.assume(sentence)
        record.assume(
            f"Energies are those of {config.samples} seeded transitions a weight, by event simulation with glitches."
        )
        counting = int((frame["reason"] == "").sum())
        record.results.update(candidates=len(frame), counting=counting, evaluated=tried.new, chosen=name)
        record.report("chosen design", 0, 1)
        one = next(candidate for candidate, _ in tried.found if candidate.name == name)
        _characterized(one, conditions, folder, config)
        record.report("chosen design", 1, 1)
    return ExploreResult(config.run_folder, frame, name, record.assumptions, tried.new)


def _space(config: ExploreConfig, conditions: Conditions, record: Recorder) -> Space:
    """Orders of rows are chosen by the delays of the library's adders."""
    record.report("adders", 0, 1)
    known: list[tuple[Synthesis, tuple[float, ...]]] = []
    modes: tuple[Synthesis, ...] = ("structural", "adders")
    for mode in modes:
        try:
            delays = adder_delays(config.liberty, mode, config.dont_use)
        except HaloError as error:  # candidates of this kind say so, too
            record.log(f"no delays of adders, --synth {mode}: {error.what}")
            continue
        record.log(f"delays of adders, --synth {mode}: {delays}")
        known += [(mode, delays), ("flat", delays)] if mode == "structural" else [(mode, delays)]
    record.report("adders", 1, 1)
    return Space(trailing_zeros(conditions.class_weights), tuple(known))


class _Tried:
    """Candidates and what is known of them, in the order in which they were asked for."""

    def __init__(self, config: ExploreConfig, conditions: Conditions, pool: Workers, record: Recorder) -> None:
        self._pool = pool
        self._record = record
        self._total = config.budget
        versions = {name: metadata.version(name) for name in _TOOLS} | {"halo": __version__}
        self._keys = Keys(conditions, versions)
        self.found: list[tuple[Candidate, Figures]] = []
        self.new = 0

    def files(self, candidates: Sequence[Candidate]) -> None:
        """Evaluate candidates from files."""
        self._total += len(candidates)
        self._evaluate(candidates)

    def structures(self, structures: Sequence[Structure]) -> list[Objectives | None]:
        """Evaluate structures of halo's."""
        return [None if f.reason else objectives(f) for f in self._evaluate([Candidate.of(s) for s in structures])]

    def _evaluate(self, candidates: Sequence[Candidate]) -> list[Figures]:
        keys = [self._keys.of(one) for one in candidates]
        known = {number: stored for number, key in enumerate(keys) if (stored := load(key)) is not None}
        missing = [number for number in range(len(candidates)) if number not in known]
        self._record.report("candidates", len(self.found) + len(known), self._total)

        def done(place: int, figures: Figures, keep: bool) -> None:
            number = missing[place]
            known[number] = figures
            self.new += 1
            if keep:
                store(keys[number], figures)
            self._record.log(f"{candidates[number].name}: {figures.reason or figures.proven}")
            self._record.report("candidates", len(self.found) + len(known), self._total)

        self._pool.evaluate([candidates[number] for number in missing], done)
        figures = [known[number] for number in range(len(candidates))]
        self.found += zip(candidates, figures, strict=True)
        return figures


def _own(config: ExploreConfig, path: Path) -> list[Candidate]:
    """Candidates from a file: as it is, or with what may stand around a multiplier."""
    plain = Structure(multiplier="external", correction=0, carry_save=0)
    one = Candidate(name=path.stem, structure=plain, file=str(path), roles=config.roles, signed=config.signed)
    ways = variants(one)
    if len(ways) == 1:
        return [one]
    return [
        replace(
            one,
            name=f"{path.stem}-{'cs' if words else 'cp'}-p{cut}",
            structure=replace(plain, carry_save=words, pipeline=cut),
        )
        for words, cut in ways
    ]


def _rows(found: Sequence[tuple[Candidate, Figures]], library: str, weights: Histogram | None) -> pd.DataFrame:
    return table([row(candidate, figures, library, weights) for candidate, figures in found])


def _characterized(candidate: Candidate, conditions: Conditions, folder: Path, config: ExploreConfig) -> None:
    """Write ``chosen``: the Verilog, and its run of ``halo characterize``."""
    built = folder / CHOSEN
    for own in write_verilog(candidate, conditions, built, config.jobs):
        characterize(own, silent)
        settle(own.run_folder, built, config.run_folder.resolve() / CHOSEN)


def _require_files(config: ExploreConfig) -> None:
    weights = config.weights if config.weights is not None and not config.weights.is_dir() else None
    for path in (*config.liberty, *config.candidates, *([weights] if weights is not None else [])):
        if path.is_dir():
            raise HaloError("this is a folder where a file is expected", "Give the path of a file.", path)
        if not path.is_file():
            raise HaloError("there is no such file", "Check the path.", path)


def _json(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return [_json(item) for item in value] if isinstance(value, tuple) else value
