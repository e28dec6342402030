# SPDX-License-Identifier: Apache-2.0
"""What ``halo sim`` prints: the table of tests, the coverage, what failed; and the list of benches.

Tests: tests/cli/test_sim.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from halo.flow.simulation import SimulationConfig
from halo.flow.simulators.bench_run import SimulationResult, TestRow
from halo.flow.simulators.benches import BENCHES, Bench, Parameter
from halo.report.model import Block, File, Report, Section, Table

_PROGRAMS = {"icarus": "Icarus Verilog", "verilator": "Verilator"}
_HEAD = ("test", "result", "compared", "cycles", "coverage", "cycles/s", "seconds")


def simulation_report(config: SimulationConfig, result: SimulationResult) -> Report:
    """Report of a run: its tests, what failed, and what was written."""
    values = "".join(f"{name}={value}, " for name, value in result.values.items())
    built = f"built in {result.build_s:.1f} s" if result.rebuilt else "taken from the cache, nothing was built"
    program = f"{_PROGRAMS[result.simulator.name]} {result.simulator.version}"
    blocks: list[Block] = [
        *result.said,
        f"model {built}",
        "",
        Table(_HEAD, [_cells(test) for test in result.tests], "llr"),
    ]
    blocks += [
        f"{test.name}: {name} = {value:,}" for test in result.tests for name, value in test.figures.items() if value
    ]
    sections = [Section("", blocks), Section("hits of each bin over all tests", _coverage(result.tests))]
    sections += [
        Section(f"{test.name} failed: {test.message.splitlines()[0]}", []) for test in result.tests if not test.passed
    ]
    written = [File(path) for path in (config.waves, config.junit, config.run_folder) if path is not None]
    if written:
        sections.append(Section("files", written))
    return Report(f"{result.bench} in {program}: {values}seed {config.seed}", sections)


def benches_report() -> Report:
    """Every bench with its parameters and tests."""
    return Report("", [_bench(bench) for bench in BENCHES.values()])


def _bench(bench: Bench) -> Section:
    rows = [(p.name, str(p.default), "; ".join([p.meaning, *_one_of(p)])) for p in bench.parameters]
    table = [Table((), rows, "l")] if rows else []
    return Section(f"{bench.name}: {bench.description}", [*table, f"tests: {', '.join(bench.tests)}"])


def _coverage(tests: Iterable[TestRow]) -> list[str]:
    """A line for each group of bins (``weight.zero`` and ``weight.one`` are one), or that there are none."""
    groups: dict[str, Counter[str]] = {}
    for test in tests:
        for name, hits in test.coverage.items():
            group, _, value = name.rpartition(".")
            groups.setdefault(group or "events", Counter())[value] += hits
    rows = [f"{group}: {', '.join(f'{bin} {hits:,}' for bin, hits in bins.items())}" for group, bins in groups.items()]
    return rows or ["none"]


def _cells(test: TestRow) -> tuple[str, ...]:
    hit = sum(hits > 0 for hits in test.coverage.values())
    speed = test.cycles_per_s
    return (
        test.name,
        "passed" if test.passed else "FAILED",
        "" if test.compared is None else f"{test.compared:,}",
        "" if test.cycles is None else f"{test.cycles:,}",
        f"{hit}/{len(test.coverage)}" if test.coverage else "",
        "" if speed is None else f"{speed:,.0f}",
        f"{test.wall_s:.2f}",
    )


def _one_of(parameter: Parameter) -> list[str]:
    own = ", or a module of --source" if parameter.names_module else ""
    return [f"one of {', '.join(parameter.choices)}{own}"] if parameter.choices else []
