# SPDX-License-Identifier: Apache-2.0
"""``halo sim``: a testbench run, its table, and the files asked for.

Tests: tests/cli/test_sim.py.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

from halo.config import Operand, SourcesConfig
from halo.errors import HaloError
from halo.flow.runs.provenance import Recorder
from halo.flow.runs.runfolder import check_file, check_target, new_file, new_run
from halo.flow.simulators.bench_run import COLUMNS, SimulationResult, simulate
from halo.flow.simulators.benches import BENCHES, Bench, find_bench
from halo.flow.simulators.own_bench import own_design, with_tests
from halo.flow.simulators.own_modules import OwnModules, own_modules
from halo.flow.simulators.runner import RUN_LOG, SimulatorName
from halo.keywords import checked
from halo.progress import Progress

TESTS = "tests.csv"
"""One row for each test."""
TIMEOUT_S = 600.0
"""What tests of the user's may take where no limit is given: one that waits for ever would never be noticed."""


@checked
@dataclass(frozen=True)
class SimulationConfig(SourcesConfig):
    """Options of ``halo sim``, beside those of the user's own modules (``halo.flow.simulators.own_modules``).

    Attributes:
        bench: a key of ``BENCHES``; None: the files hold the design, and ``testbench`` its tests.
        simulator: ``icarus`` or ``verilator``.
        seed: of every random choice.
        tests: names; empty: all.
        max_failures: after this many failing tests the others fail without being run; 0: run them all.
        waves: FST file to write, if any.
        junit: XML file to write, if any.
        run_folder: folder to write, if any.
        force: replace what stands there.
        signed: operands of the user's module that are signed, whatever its ports are declared.
        testbench: Python file with cocotb tests that run instead of the bench's.
        timeout_s: wall time that the tests may take together; None: 600 s with ``testbench``, and any for the tests
            that come with halo, which end by themselves.
    """

    bench: str | None = None
    simulator: SimulatorName = "icarus"
    seed: int = 1
    tests: tuple[str, ...] = ()
    max_failures: int = 0
    waves: Path | None = None
    junit: Path | None = None
    run_folder: Path | None = None
    force: bool = False
    signed: tuple[Operand, ...] = ()
    testbench: Path | None = None
    timeout_s: float | None = None


def run_simulation(config: SimulationConfig, report: Progress) -> SimulationResult:
    """Run a bench and write the files asked for, also where tests fail: that is a result.

    A run folder holds ``tests.csv``, ``simulation.log``, ``run.json`` and ``log.txt``.

    Raises:
        HaloError: bad input, a simulator that is missing or fails, or a place that cannot be written.
    """
    bench, own, inputs = _design(config)
    for path in (config.waves, config.junit):
        if path is not None:
            check_file(path, config.force)
    if config.waves is not None and config.waves.suffix != ".fst":
        raise HaloError(
            f"waves are written in the form FST, and {config.waves.name} does not end in .fst",
            "Name the file as in waves.fst; fst2vcd, which comes with GTKWave, makes VCD of it.",
            config.waves,
        )
    if config.run_folder is not None:
        check_target(config.run_folder, config.force)

    def run(workdir: Path, report: Progress) -> SimulationResult:
        waves = None if config.waves is None else workdir / "waves.fst"
        result = simulate(
            bench,
            config.simulator,
            dict(config.params),
            workdir=workdir,
            seed=config.seed,
            tests=config.tests or None,
            max_failures=config.max_failures,
            waves=waves,
            own=own,
            limit_s=config.timeout_s or (None if config.testbench is None else TIMEOUT_S),
            report=report,
        )
        if waves is not None and config.waves is not None:
            with new_file(config.waves, config.force) as file:
                shutil.copyfile(waves, file)
        if config.junit is not None:
            with new_file(config.junit, config.force) as file:
                junit(config, result).write(file, encoding="utf-8", xml_declaration=True)
        return result

    if config.run_folder is None:
        with tempfile.TemporaryDirectory(prefix="halo-sim-") as folder:
            return run(Path(folder), report)
    with (
        new_run(config.run_folder, config.force) as target,
        Recorder(target, "sim", config.to_dict(), inputs, report) as record,
        tempfile.TemporaryDirectory(prefix="halo-sim-") as scratch,
    ):
        result = run(Path(scratch), record.report)
        shutil.copyfile(Path(scratch) / RUN_LOG, target / RUN_LOG)
        record.tools[result.simulator.tools[0].name] = result.simulator.version
        record.results.update(values=dict(result.values), tests=[asdict(test) for test in result.tests])
        with (target / TESTS).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *result.rows()])
    return replace(result, run_folder=config.run_folder)


def _design(config: SimulationConfig) -> tuple[Bench, OwnModules | None, tuple[Path, ...]]:
    """The bench, the user's modules for it, and all files that are read."""
    if config.bench is None:
        if config.testbench is None:
            raise HaloError("no bench is named", f"Choose one of {', '.join(BENCHES)}, or give tests of your own.")
        bench, read = own_design(config, config.testbench)
        return bench, None, (*read, config.testbench)
    bench = find_bench(config.bench)
    own = own_modules(config, config.signed)
    read = (*bench.sources, *(() if own is None else own.read))
    if config.testbench is None:
        return bench, own, read
    return with_tests(bench, config.testbench), own, (*read, config.testbench)


def junit(config: SimulationConfig, result: SimulationResult) -> ElementTree.ElementTree[ElementTree.Element]:
    """The result as JUnit XML: one suite, a test case a test, its numbers as output."""
    failed = sum(not test.passed for test in result.tests)
    counts = {"tests": str(len(result.tests)), "failures": str(failed), "errors": "0", "skipped": "0"}
    counts["time"] = f"{sum(test.wall_s for test in result.tests):.3f}"
    root = ElementTree.Element("testsuites", {"name": "halo sim", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": result.bench, **counts})
    properties = ElementTree.SubElement(suite, "properties")
    facts = {"simulator": result.simulator.name, "version": result.simulator.version, "seed": config.seed}
    for name, value in {**facts, **result.values}.items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": str(value)})
    for test in result.tests:
        about = {"classname": f"halo.sim.{result.bench}", "name": test.name, "time": f"{test.wall_s:.3f}"}
        case = ElementTree.SubElement(suite, "testcase", about)
        if not test.passed:
            text = _printable(test.message)
            ElementTree.SubElement(case, "failure", {"message": text.splitlines()[0], "type": "failure"}).text = text
        numbers = {"compared": test.compared, "sent": test.sent, "cycles": test.cycles, **test.figures, **test.coverage}
        said = "".join(f"{name} = {value}\n" for name, value in numbers.items() if value is not None)
        ElementTree.SubElement(case, "system-out").text = _printable(said)
    ElementTree.indent(root)
    return ElementTree.ElementTree(root)


def _printable(text: str) -> str:
    """What XML can hold."""
    return "".join(c if c in "\t\n" or c.isprintable() else "?" for c in text)
