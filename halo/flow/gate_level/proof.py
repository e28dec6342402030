# SPDX-License-Identifier: Apache-2.0
"""``halo sim NAME --gates``: the clocked proof at gate level, in a run folder.

An element is played with transitions searched for, an array or the matrix unit whole, with the traffic of its bench
(``unit_proof``).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from halo.characterization.classes import best_periods, trailing_zeros
from halo.config import Operand, SourcesConfig
from halo.errors import HaloError
from halo.flow.gate_level.array import DEFAULTS, OPERAND_BITS, CutGates, build_array, place_element
from halo.flow.gate_level.class_period import ArrayBounds, array_bounds
from halo.flow.gate_level.trials import ErrorCurve, Trial, Trials
from halo.flow.gate_level.unit_proof import MAX_FANOUT, UNITS, UnitProof, least_weights, prove_unit
from halo.flow.runs.provenance import Recorder, RunRecord, read_record
from halo.flow.runs.runfolder import new_run
from halo.flow.simulators.benches import find_bench
from halo.flow.simulators.clocked_cycles import ClockedPlayer
from halo.flow.simulators.own_modules import OwnModules, own_modules
from halo.keywords import checked
from halo.progress import Progress, silent
from halo.units import FS_PER_PS

TRIALS = "trials.csv"
ERROR_RATES = "error_rates.csv"
CLASSES = 6
"""Frequency classes that the weights are divided into to find the fastest."""
ELEMENT = "pe"
"""The bench of the element."""
CYCLES = 100_000
"""Clocks of an element's run that must hold."""
OUTSIDE_CYCLES = 1000
"""Clocks of a weight that must fail at once, at most."""
SWAPS = 200
"""From a weight outside the class: each of eight weights is swapped in 25 times."""
PERIODS = 14
"""Points of an error curve."""
AGREED = "Swaps bring weights of the class only, so the weight bits in which they agree never move."
"""Why a class has a clock of its own."""
HOLD = "Hold times are not checked: they do not depend on the clock."
"""What is left to static timing."""
LATE = "Late: a register's data changed within its setup time before the edge, or spilled over it."
"""What is counted as late."""
_SWEEP_WORK = 350_000
"""Gates times slots of one point of the error rate."""
_SWEEP_SLOTS = (100, 1000)
"""Fewest and most slots of one point: an error rate of a per cent shows, and at most one of a per mille."""


@checked
@dataclass(frozen=True)
class GatesConfig(SourcesConfig):
    """Options of ``halo sim NAME --gates``, beside those of the user's own modules.

    Attributes:
        bench: ``pe``, ``systolic_ws``, ``systolic_os`` or ``tensor_core``.
        liberty: all files of one corner.
        run_folder: folder to write.
        weights: of the class; empty: found.
        class_of: the class of all weights that are as fast as this one; None: the fastest class.
        period_ps: clock of the class; None: calculated.
        cycles: clock cycles of the run that must hold; None: 100,000 of an element, 5,000 of an array, 500
            of the tensor unit.
        seed: of all stimuli.
        force: replace a finished run.
        dont_use: cells that synthesis must not use; ``*`` and ``?`` match as in a shell.
        signed: operands of the user's module that are signed, whatever its ports are declared.
    """

    bench: str
    liberty: tuple[Path, ...]
    run_folder: Path
    weights: tuple[int, ...] = ()
    class_of: int | None = None
    period_ps: float | None = None
    cycles: int | None = None
    seed: int = 1
    force: bool = False
    dont_use: tuple[str, ...] = ()
    signed: tuple[Operand, ...] = ()


@dataclass(frozen=True)
class ClassClock:
    """The clock of a class of weights.

    Attributes:
        weights: ascending; outside: a weight that is slower.
        rest_fs, swap_fs: periods proven with weights at rest, and with swaps in any slot.
        period_fs: what is played; gap: clocks from a swap to the first activation that it needs.
        settle: clocks from a swap to or from any other weight to the first activation.
    """

    weights: tuple[int, ...]
    outside: int
    rest_fs: int
    swap_fs: int
    period_fs: int
    gap: int
    settle: int


@dataclass(frozen=True, eq=False)
class GatesResult:
    """A finished run of ``halo sim NAME --gates``.

    Attributes:
        run_folder: where it is.
        record: its ``run.json``; ``record.results["class"]`` is the class of weights and its clock.
        trials: its ``trials.csv``, a row for each trial.
        error_rates: its ``error_rates.csv``, a row for each weight and period.
    """

    run_folder: Path
    record: RunRecord
    trials: pd.DataFrame
    error_rates: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Every trial went as it must."""
        return bool(self.trials["passed"].all())

    def to_pandas(self) -> pd.DataFrame:
        """A copy of the trials."""
        return self.trials.copy()

    def _repr_html_(self) -> str:
        return str(self.trials.to_html(index=False))


def parse_weights(text: str) -> tuple[int, ...]:
    """Weights of a list such as ``-64,0,64``.

    Raises:
        HaloError: no whole numbers.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise HaloError(f"--weights {text} is no list of whole numbers", "Write --weights=-64,0,64.") from None


def play_gates(
    config: GatesConfig, report: Progress = silent, finish: Callable[[Path], object] | None = None
) -> GatesResult:
    """Build, time and play an array, and write the run folder.

    Args:
        config: what to do.
        report: told about progress.
        finish: called with the complete folder before it takes its place, to draw the plot in it.

    Raises:
        HaloError: bad input or a missing tool.
    """
    own = own_modules(config, config.signed)
    if config.bench not in (ELEMENT, *UNITS):
        raise HaloError(
            f"{config.bench} cannot be played as gates", f"Gates are played of {ELEMENT}, {', '.join(UNITS)}."
        )
    if not config.liberty:
        raise HaloError("no Liberty library is given", "Add --liberty FILE.")
    for path in config.liberty:
        if not path.is_file():
            raise HaloError("there is no such file", "Check the path.", path)
    _require_weights(config)
    with (
        tempfile.TemporaryDirectory(prefix="halo-gates-") as scratch,
        new_run(config.run_folder, config.force) as folder,
    ):
        inputs = (*find_bench(config.bench).sources, *config.liberty, *(() if own is None else own.read))
        with Recorder(folder, "sim --gates", config.to_dict(), inputs, report) as record:
            prove = _prove_element if config.bench == ELEMENT else _prove_unit
            _trial_rows(prove(config, own, Path(scratch), folder, record)).to_csv(folder / TRIALS, index=False)
        if finish is not None and (folder / ERROR_RATES).is_file():
            report("plot", 0, 1)
            finish(folder)
            report("plot", 1, 1)
    run = config.run_folder
    rates = pd.read_csv(run / ERROR_RATES) if (run / ERROR_RATES).is_file() else _curve_rows(())
    return GatesResult(run, read_record(run), pd.read_csv(run / TRIALS), rates)


def _prove_element(
    config: GatesConfig, own: OwnModules | None, work: Path, folder: Path, record: Recorder
) -> list[Trial]:
    record.report("synthesis and delays", 0, 1)
    params, sources = place_element(dict(config.params), own, work)
    array = build_array(ELEMENT, params, config.liberty, work / ELEMENT, sources=sources, dont_use=config.dont_use)
    bounds = array_bounds(array)
    record.report("synthesis and delays", 1, 1)
    periods = bounds.at_rest_each(record.report)
    clock = _class_clock(config, bounds, periods)
    _note(record, array, folder)
    record.results["shape"] = asdict(array.shape)
    record.results["class"] = {
        "weights": list(clock.weights),
        "outside": clock.outside,
        "rest_ps": clock.rest_fs / FS_PER_PS,
        "swap_ps": clock.swap_fs / FS_PER_PS,
        "period_ps": clock.period_fs / FS_PER_PS,
        "gap": clock.gap,
        "settle": clock.settle,
    }
    record.assume(AGREED)
    record.assume(HOLD)
    record.assume("Wrong: a cycle with any wrong or unknown bit at an output port, sums where they are valid.")
    record.assume(LATE)
    trials = Trials(bounds, ClockedPlayer(array.design, array.library, work / "play"), config.seed)
    done = _trials(config, trials, clock, record)
    _curve_rows(_curves(trials, clock, periods, record)).to_csv(folder / ERROR_RATES, index=False)
    return done


def _prove_unit(config: GatesConfig, own: OwnModules | None, work: Path, folder: Path, record: Recorder) -> list[Trial]:
    proof = UnitProof(config.bench, dict(config.params), own, config.liberty, config.dont_use, work)
    gates, clocks, done = prove_unit(
        proof, lambda *element: _chosen(config, *element), config.period_ps, config.cycles, config.seed, record
    )
    _note(record, gates, folder)
    record.results["class"] = {
        "weights": list(clocks.weights),
        "outside": clocks.outside,
        "any_ps": clocks.every.period_fs / FS_PER_PS,
        "class_ps": None if clocks.fast is None else clocks.fast.period_fs / FS_PER_PS,
        "period_ps": clocks.fast_fs / FS_PER_PS,
    }
    record.assume(HOLD)
    record.assume(f"A net has at most {MAX_FANOUT} pins: synthesis puts buffers behind those that would have more.")
    if "memory" in find_bench(config.bench).rtl:
        record.assume("The memories (memory_1r1w) are registers and multiplexers, timed and played with the rest.")
    record.assume("Wrong: a cycle in which any bit of an output port is not what the RTL shows, if that is known.")
    record.assume(LATE)
    if clocks.fast is not None:
        record.assume(AGREED)
        record.assume("While the clock changes it has the longer period of both classes.")
        record.assume(
            "From a change of the clock until the new weights are in use, products and sums in the elements need not "
            "be in time: none of them counts."
        )
    return done


def _require_weights(config: GatesConfig) -> None:
    """Check what is asked of the class before minutes are spent on the gates.

    Raises:
        HaloError: two ways to say it, weights that the design does not have, or all of them.
    """
    asked = (*config.weights, *(() if config.class_of is None else (config.class_of,)))
    if not asked:
        return
    if "CLASS_WIDTH" not in UNITS.get(config.bench, {"CLASS_WIDTH": 1}):
        raise HaloError(f"{config.bench} has no classes of weights", "Leave out the weights.")
    if config.weights and config.class_of is not None:
        raise HaloError("the weights of the class are given, and a weight that stands for it", "Leave out --class-of.")
    bits = dict(config.params).get("WEIGHT_WIDTH", DEFAULTS["WEIGHT_WIDTH"])
    if not isinstance(bits, int) or not 1 <= bits <= OPERAND_BITS:
        return  # refused with the other parameters
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    for weight in asked:
        if not least <= weight <= most:
            raise HaloError(f"{weight} is no weight of {bits} bits", f"Give weights from {least} to {most}.")
    if len(set(config.weights)) == 1 << bits:
        raise HaloError("the class holds every weight: none is outside it", "Give the faster ones alone as --weights.")


def _chosen(
    config: GatesConfig, periods: Mapping[int, int], fastest: Callable[[], tuple[int, ...]]
) -> tuple[tuple[int, ...], int]:
    """Weights of the class, and one that is slower; ``fastest`` says which, where the options do not.

    Raises:
        HaloError: weights that the design does not have, or all of them.
    """
    for weight in (*config.weights, *(() if config.class_of is None else (config.class_of,))):
        if weight not in periods:
            raise HaloError(
                f"{weight} is no weight of this design", f"Weights go from {min(periods)} to {max(periods)}."
            )
    if config.weights:
        weights = tuple(sorted(set(config.weights)))
    elif config.class_of is not None:
        weights = tuple(w for w, period in periods.items() if period <= periods[config.class_of])
    else:
        weights = fastest()
    outside = max(periods, key=lambda w: (periods[w], w))
    if outside in weights:
        raise HaloError(
            f"the class holds {outside}, one of the slowest weights: none is outside it", "Give faster --weights."
        )
    return weights, outside


def _class_clock(config: GatesConfig, bounds: ArrayBounds, periods: dict[int, int]) -> ClassClock:
    weights, outside = _chosen(config, periods, lambda: _fastest(periods))
    rest = max(bounds.at_rest(w).period_fs for w in weights)
    swap = bounds.swapping(weights).period_fs
    slower = min((p for w, p in periods.items() if w not in weights and p > rest), default=rest)
    # A swap in any slot is worth having only while the class stays faster than the weights outside.
    in_any_slot = swap < slower
    period = swap if in_any_slot else rest
    if config.period_ps is not None:
        period = round(config.period_ps * FS_PER_PS)
    settle = max(1, bounds.clocks_to_settle(period))
    return ClassClock(weights, outside, rest, swap, period, 0 if in_any_slot else settle, settle)


def _fastest(periods: Mapping[int, int]) -> tuple[int, ...]:
    """The fastest class that is of use, with weights at rest."""
    known = np.array(list(periods.values()), np.float64)
    levels = best_periods(known, CLASSES)
    limit = next(level for level in levels[::-1] if np.count_nonzero(known <= level) >= least_weights(len(known)))
    return tuple(w for w, period in periods.items() if period <= limit)


def _note(record: Recorder, gates: CutGates, folder: Path) -> None:
    shutil.copyfile(gates.synthesis.netlist_verilog, folder / "netlist.v")
    record.tools["yosys"] = gates.synthesis.yosys_version
    record.results.update(
        design=gates.synthesis.top,
        gates=gates.design.clocked.gates,
        registers=len(gates.design.state),
        area=gates.synthesis.area,
    )
    for sentence in gates.assumptions:
        record.assume(sentence)


def _trials(config: GatesConfig, trials: Trials, clock: ClassClock, record: Recorder) -> list[Trial]:
    slots = config.cycles or CYCLES
    steps: list[Callable[[], list[Trial]]] = [
        lambda: [trials.holds(clock.weights, clock.period_fs, slots, clock.gap)],
        lambda: trials.shortened(clock.weights, clock.period_fs, clock.gap),
        lambda: [trials.outside(clock.outside, clock.period_fs, min(slots, OUTSIDE_CYCLES))],
        lambda: [trials.swaps(clock.weights, clock.outside, clock.period_fs, clock.settle, SWAPS)],
    ]
    done: list[Trial] = []
    for i, step in enumerate(steps):
        record.report("trials", i, len(steps))
        done += step()
    record.report("trials", len(steps), len(steps))
    return done


def _curves(trials: Trials, clock: ClassClock, periods: dict[int, int], record: Recorder) -> list[ErrorCurve]:
    """Error rates of the slowest weight of the class, of the one outside, and of two between.

    Those between are the slowest with two other numbers of trailing zeros.
    """
    weights = [max(clock.weights, key=lambda w: (periods[w], w)), clock.outside]
    values = np.array([w for w in periods if w not in clock.weights], np.int64)
    zeros = trailing_zeros(values)
    known = trailing_zeros(weights)
    others = [z for z in np.unique(zeros)[::-1] if z >= 0 and z not in known]
    for z in others[:: max(1, len(others) // 2)][:2]:
        weights.insert(-1, max(values[zeros == z].tolist(), key=lambda w: (periods[w], w)))
    longest = max(trials.bounds.at_rest(w).period_fs for w in weights)
    least = 2 * int(trials.array.design.timed.launch_fs.max()) + 2
    grid = np.linspace(max(0.5 * clock.rest_fs, least), 1.02 * longest, PERIODS).astype(np.int64).tolist()
    slots = int(np.clip(_SWEEP_WORK // trials.array.design.clocked.gates, *_SWEEP_SLOTS))
    curves = []
    for i, weight in enumerate(weights):
        record.report("error rates", i, len(weights))
        curves.append(trials.error_curve(weight, grid, slots))
    record.report("error rates", len(weights), len(weights))
    return curves


def _trial_rows(trials: Sequence[Trial]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": trial.name,
            "must_hold": trial.must_hold,
            "period_ps": trial.played.period_fs / FS_PER_PS,
            "cycles": trial.played.cycles,
            "wrong": trial.played.wrong,
            "late": trial.played.late,
            "needed_ps": trial.played.needed_fs / FS_PER_PS,
            "passed": trial.passed,
        }
        for trial in trials
    )


def _curve_rows(curves: Sequence[ErrorCurve]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "weight": curve.weight,
            "period_ps": played.period_fs / FS_PER_PS,
            "cycles": played.cycles,
            "wrong": played.wrong,
            "late": played.late,
            "error_rate": played.error_rate,
            "bound_ps": curve.bound_fs / FS_PER_PS,
            "slowest_ps": curve.slowest_fs / FS_PER_PS,
        }
        for curve in curves
        for played in curve.played
    )
