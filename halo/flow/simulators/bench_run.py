# SPDX-License-Identifier: Apache-2.0
"""Run a testbench in a simulator: build or reuse the model, run the cocotb tests, collect what they report."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from halo.errors import HaloError
from halo.flow.simulators.benches import Bench, Value, find_bench
from halo.flow.simulators.duration import duration
from halo.flow.simulators.model_cache import built_model, is_built
from halo.flow.simulators.own_modules import OwnModules, Placed, place
from halo.flow.simulators.runner import RESULTS, RUN_LOG, Model, Simulator, SimulatorName, find_simulator, run_bench
from halo.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("name", "passed", "compared", "sent", "cycles", "wall_s", "message")
"""Of the table of a result: fields of ``TestRow``."""
ROWS = "bench.jsonl"
"""What the tests of a bench report (``sim/components/report.py``)."""

_FATAL = re.compile(
    r"^(?:FATAL: |\[\d+\] %Fatal: )[^:]+:\d+: (?:Assertion failed in [^:]+: )?(?P<said>.+)$", re.MULTILINE
)
"""What $fatal of the design says, in Icarus and in Verilator."""
_PROGRESS = re.compile(r"running\S* \S+ \((\d+)/(\d+)\)")


@dataclass(frozen=True)
class TestRow:
    """What one test of a bench did.

    Attributes:
        message: why it failed; empty if it passed.
        compared, sent: results compared with the model, and results due; None where the test did not get that far.
        cycles: clock cycles, or steps of a bench without a clock.
        coverage: hits by bin.
        figures: anything measured, by name.
        wall_s: seconds it ran.
    """

    __test__ = False  # to pytest this is no test

    name: str
    passed: bool
    message: str
    compared: int | None
    sent: int | None
    cycles: int | None
    coverage: dict[str, int]
    figures: dict[str, int | float]
    wall_s: float

    @property
    def cycles_per_s(self) -> float | None:
        """Speed of the simulation with its scoreboard."""
        return self.cycles / self.wall_s if self.cycles is not None and self.wall_s > 0 else None


@dataclass(frozen=True)
class SimulationResult:
    """A bench's run.

    Attributes:
        log: everything printed while simulating.
        rebuilt: the model had to be built.
        build_s: seconds until it was there.
        simulator: which one, and its version.
        values: of all parameters of the bench, and of the user's module in it.
        said: what became of the user's modules, one sentence each.
        bench: what ran: name of the bench, or of the user's top module.
        run_folder: what was written, if anything.
    """

    tests: tuple[TestRow, ...]
    log: str
    rebuilt: bool
    build_s: float
    simulator: Simulator
    values: Mapping[str, Value] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    bench: str = ""
    run_folder: Path | None = None

    @property
    def passed(self) -> bool:
        """Every test passed, and there was one."""
        return bool(self.tests) and all(test.passed for test in self.tests)

    def to_pandas(self) -> pd.DataFrame:
        """A row for each test, as in ``tests.csv``: its name, whether it passed, and what it counted."""
        import pandas as pd  # half a second that the command need not pay

        return pd.DataFrame(self.rows(), columns=[*COLUMNS])

    def rows(self) -> list[tuple[str | bool | int | float | None, ...]]:
        """A tuple a test, in the order of ``COLUMNS``."""
        return [tuple(getattr(test, name) for name in COLUMNS) for test in self.tests]

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(index=False))


def simulate(
    bench: str | Bench,
    simulator: SimulatorName,
    parameters: Mapping[str, Value] | None = None,
    *,
    workdir: Path,
    seed: int = 1,
    tests: Sequence[str] | None = None,
    max_failures: int = 0,
    settings: Mapping[str, Value] | None = None,
    waves: Path | None = None,
    sources: Sequence[Path] | None = None,
    own: OwnModules | None = None,
    limit_s: float | None = None,
    report: Progress | None = None,
) -> SimulationResult:
    """Run a bench. Not for threads: see ``halo.flow.simulators.runner``.

    Args:
        bench: a key of ``BENCHES``, or a bench that holds what is the user's.
        parameters: of its top level; the others keep their defaults.
        workdir: folder for everything the run writes; made if it is not there.
        seed: of every random choice.
        tests: names; None: all.
        max_failures: after this many failing tests the others fail without being run; 0: run them all.
        settings: reach the bench as ``cocotb.plusargs``.
        waves: FST file to record.
        sources: Verilog instead of the bench's own.
        own: modules of the user's, beside or in place of the bench's.
        limit_s: wall time that the tests may take together; None: any.
        report: told about progress.

    Raises:
        HaloError: an unknown bench, parameter or test; a value that the design refuses; a simulator that is missing or
            fails.
    """
    chosen = find_bench(bench) if isinstance(bench, str) else bench
    placed = place(chosen, parameters or {}, own, workdir)
    _require_tests(chosen, tests)
    found = find_simulator(simulator)
    model = _model(chosen, placed, simulator, sources, waves is not None)
    workdir.mkdir(parents=True, exist_ok=True)
    tell = report or silent
    count = max(1, len(chosen.tests if tests is None else tests))  # tests that are made while they run are not seen
    share = count / max(1, len(chosen.tests)) if chosen.tests_file is None else 0.0  # of tests whose time is known
    known = chosen.name if chosen.verilog is None else ""
    built_in, simulated_in = duration(known, simulator, placed.values, share, built=is_built(found, model))
    stage = f"building {chosen.name} for {simulator}{built_in}"
    tell(stage, 0, 1)
    start = time.perf_counter()
    built, rebuilt = built_model(found, model, lambda: tell(stage, 0, 1))
    build_s = time.perf_counter() - start
    tell(stage, 1, 1)
    stage = f"simulating {chosen.name}{simulated_in}"
    tell(stage, 0, count)
    (workdir / ROWS).unlink(missing_ok=True)
    run_bench(
        found,
        model,
        built,
        chosen.module,
        workdir,
        seed=seed,
        tests=tests,
        max_failures=max_failures,
        plusargs=[f"+{name}={value}" for name, value in (settings or {}).items()],
        waves=waves,
        folder=None if chosen.tests_file is None else chosen.tests_file.parent,
        limit_s=limit_s,
        watch=lambda: tell(stage, *_progress(workdir / RUN_LOG, count)),
    )
    tell(stage, count, count)
    log = (workdir / RUN_LOG).read_text(encoding="utf-8", errors="replace")
    rows = _rows(workdir, _FATAL.search(log), must_report=chosen.tests_file is None)
    return SimulationResult(rows, log, rebuilt, build_s, found, placed.values, placed.said, chosen.name)


def _model(
    bench: Bench, placed: Placed, simulator: SimulatorName, sources: Sequence[Path] | None, waves: bool
) -> Model:
    macros = [p for p in bench.parameters if p.macro]
    defines = {name: text for p in macros for name, text in p.macros(placed.built[p.name]).items()}
    given = placed.sources
    for name in {name for name, _ in given.defines} & {*defines, *(p.name for p in macros)}:
        raise HaloError(f"macro {name} belongs to bench {bench.name}", "Give yours another name.")
    parameters = {p.name: placed.built[p.name] for p in bench.parameters if not p.macro}
    own = bool(placed.said) or bench.verilog is not None
    return Model(
        tuple(sources or given.files),
        bench.toplevel,
        parameters,
        {**defines, **dict(given.defines)},
        # Warnings about the user's Verilog, whose style is not halo's to judge, do not stop Verilator.
        arguments=("-Wno-fatal",) if own and simulator == "verilator" else (),
        includes=tuple(dict.fromkeys([*given.include_dirs, *(path.parent for path in given.files)])) if own else (),
        waves=waves,
    )


def _require_tests(bench: Bench, tests: Sequence[str] | None) -> None:
    for name in tests or ():
        if name not in bench.tests:
            raise HaloError(f"bench {bench.name} has no test {name}", f"It has {', '.join(bench.tests)}.")


def _progress(log: Path, count: int) -> tuple[int, int]:
    """Tests done and tests in all, by the simulator's log; ``count`` in all as long as it says nothing."""
    found = _PROGRESS.findall(log.read_text(encoding="utf-8", errors="replace")) if log.is_file() else []
    return (int(found[-1][0]) - 1, int(found[-1][1])) if found else (0, count)


def _rows(workdir: Path, fatal: re.Match[str] | None, *, must_report: bool) -> tuple[TestRow, ...]:
    """cocotb's verdicts joined with what the tests wrote.

    A test of halo's that reports nothing has proved nothing: it failed. Where the design itself ended the simulation,
    cocotb only knows that it ended: the last test says why.
    """
    path = workdir / ROWS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    reported = {row["test"]: row for row in map(json.loads, lines)}
    rows = []
    for case in ElementTree.parse(workdir / RESULTS).getroot().iter("testcase"):
        name = case.attrib["name"]
        row = reported.get(name)
        message = _message(case)
        if not message and row is None and must_report:
            message = "the test reported nothing"
        known = row or {}
        rows.append(
            TestRow(
                name=name,
                passed=not message,
                message=message,
                compared=known.get("compared"),
                sent=known.get("sent"),
                cycles=known.get("cycles"),
                coverage=known.get("coverage", {}),
                figures=known.get("figures", {}),
                wall_s=float(case.attrib.get("time", 0)),
            )
        )
    if fatal is not None and rows and not rows[-1].passed:
        rows[-1] = replace(rows[-1], message=fatal["said"])
    return tuple(rows)


def _message(case: ElementTree.Element) -> str:
    """Why a test case failed; empty if it passed."""
    for kind in ("failure", "error"):
        found = case.find(kind)
        if found is not None:
            return found.attrib.get("message") or found.attrib.get("type") or kind
    return ""
