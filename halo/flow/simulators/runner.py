# SPDX-License-Identifier: Apache-2.0
"""Start Icarus Verilog and Verilator through cocotb's runners: the one place that builds models and runs benches.

Not for threads: cocotb's runners look for their programs on this process's PATH and copy its environment and
``sys.path``, so both are set for the time of a build or run, and put back. Processes do not disturb each other.

Tests: tests/flow/simulators/test_bench_run.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from halo.errors import HaloError
from halo.flow.runs.assets import sim_folder
from halo.flow.runs.tools import LIBPYTHON, FoundTool, find_tool
from halo.processes import TooLongError, run_child

if TYPE_CHECKING:
    from cocotb_tools.runner import Runner

SimulatorName = Literal["icarus", "verilator"]
TOOLS_OF: dict[SimulatorName, tuple[str, ...]] = {
    "icarus": ("iverilog", "vvp", LIBPYTHON),
    "verilator": ("verilator", "c++", "make", "perl", LIBPYTHON),
}
_PLACE = r"^(?:%Error[^:\n]*: )?(?P<path>[^:\n]+):(?P<line>\d+):(?:\d+:)? (?:error: )?"
_IN_THE_VERILOG = (
    (_PLACE + r"(?P<what>Unknown module type.*|Cannot find file containing module.*)", "Add the file that holds it."),
    (_PLACE + r"(?P<what>.*)", "Correct the Verilog there."),
)
"""Complaints of Icarus and Verilator about a line, and what helps."""
_EVERYTHING_VISIBLE = "--public-flat-rw"
_KNOWN = "cocotb>=2.1,<2.2"
"""Releases whose runners have the methods that are replaced here."""
BUILD_LOG, RUN_LOG, RESULTS = "build.log", "simulation.log", "results.xml"

_OURS = re.compile(
    r"COCOTB_|GPI_|PYGPI_|(WAVES|GUI|PYTEST_CURRENT_TEST|VERILATOR_ROOT|MAKEFLAGS|MAKELEVEL|LIBPYTHON_LOC)$"
)
"""Variables that steer cocotb, Verilator or make: what runs must depend on halo's arguments only."""


@dataclass(frozen=True)
class Simulator:
    """A simulator that is installed, with everything it needs.

    Attributes:
        tools: its programs, and Python's library; the first one's version is the simulator's.
        make: variables for make.
    """

    name: SimulatorName
    tools: tuple[FoundTool, ...]
    make: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Version of the simulator, as it prints it."""
        return self.tools[0].version


@dataclass(frozen=True)
class Model:
    """What to build.

    Attributes:
        toplevel: module.
        parameters: of the top level.
        defines: Verilog macros.
        arguments: further arguments for the compiler.
        includes: folders in which an ``include`` is looked for.
        timescale: unit and precision where the sources state none.
        waves: able to record waves.
    """

    sources: tuple[Path, ...]
    toplevel: str
    parameters: Mapping[str, int | str]
    defines: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    includes: tuple[Path, ...] = ()
    timescale: tuple[str, str] = ("1ns", "1ps")
    waves: bool = False

    def product(self, simulator: SimulatorName) -> str:
        """Name of the file that a build makes."""
        return "sim.vvp" if simulator == "icarus" else self.toplevel


def find_simulator(name: SimulatorName) -> Simulator:
    """Find a simulator and what it needs.

    Raises:
        HaloError: something is missing or too old; the fix says how to get it.
    """
    tools = tuple(find_tool(tool) for tool in TOOLS_OF[name])
    return Simulator(name, tools, _make_variables(tools[0]) if name == "verilator" else ())


def build_model(simulator: Simulator, model: Model, folder: Path, watch: Callable[[], None] | None = None) -> None:
    """Build in a folder, which holds ``model.product`` and BUILD_LOG afterwards.

    It may hold object files of Verilator's run-time library, from another build of the same simulator.

    Args:
        folder: otherwise empty.
        watch: called several times a second.

    Raises:
        HaloError: the Verilog does not elaborate, or the tools fail.
    """
    arguments = [*model.arguments, *_compiler_arguments(simulator, model, folder)]
    with _environment(simulator):
        runner = _runner(simulator.name, watch)
        try:
            runner.build(
                sources=[path.resolve() for path in model.sources],
                hdl_toplevel=model.toplevel,
                defines=model.defines,
                includes=[path.resolve() for path in model.includes],
                parameters={name: _literal(value) for name, value in model.parameters.items()},
                build_args=arguments,
                build_dir=folder,
                timescale=model.timescale,
                waves=model.waves,
                always=True,
                log_file=folder / BUILD_LOG,
            )
        except (RuntimeError, ValueError) as error:
            raise _build_failure(simulator, folder, error) from error


def run_bench(
    simulator: Simulator,
    model: Model,
    built: Path,
    module: str,
    workdir: Path,
    *,
    seed: int | None = None,
    tests: Sequence[str] | None = None,
    max_failures: int = 0,
    plusargs: Sequence[str] = (),
    waves: Path | None = None,
    folder: Path | None = None,
    limit_s: float | None = None,
    watch: Callable[[], None] | None = None,
) -> None:
    """Run a cocotb module on a built model; RESULTS and RUN_LOG appear in ``workdir``. Failing tests are results.

    Args:
        built: folder that ``build_model`` filled.
        tests: names; None: all.
        max_failures: after this many failing tests the others fail without being run; 0: run them all.
        waves: FST file to record, of a model built with ``waves``.
        folder: where the module lies, if not in ``sim/``; what lies there is imported before ``sim/`` is looked at.
        limit_s: wall time that all tests may take together; None: any.

    Raises:
        HaloError: the simulation ended without results, or took too long.
    """
    recording: list[str] = [] if waves is None else [f"+dumpfile_path={waves.resolve()}"]
    arguments = ["--trace-file", str(waves.resolve())] if waves is not None and simulator.name == "verilator" else []
    with _environment(simulator, folder):
        runner = _runner(simulator.name, watch, limit_s)
        try:
            runner.test(
                test_module=module,
                hdl_toplevel=model.toplevel,
                hdl_toplevel_lang="verilog",
                build_dir=built,
                test_dir=workdir,
                results_xml=str((workdir / RESULTS).resolve()),
                seed=seed,
                test_filter=None if tests is None else rf"\.({'|'.join(map(re.escape, tests))})(/.*)?$",
                test_args=arguments,
                extra_env={"COCOTB_MAX_FAILURES": str(max_failures)},
                plusargs=[*plusargs, *(recording if simulator.name == "icarus" else [])],
                waves=waves is not None,
                log_file=workdir / RUN_LOG,
            )
        except TooLongError:
            raise _still_running(workdir / RUN_LOG, limit_s or 0.0) from None
        except (RuntimeError, ValueError) as error:
            ended: Exception | None = error
        else:
            ended = None
    if not (workdir / RESULTS).is_file():
        raise _run_failure(simulator, workdir / RUN_LOG, ended) from ended


def _compiler_arguments(simulator: Simulator, model: Model, folder: Path) -> list[str]:
    if simulator.name == "icarus":
        return []
    visible = folder / "visible.vlt"
    visible.write_text(f'`verilator_config\npublic_flat_rw -module "{model.toplevel}" -var "*"\n', encoding="utf-8")
    return [str(visible), *(["--trace-fst"] if model.waves else [])]


def _literal(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _make_variables(verilator: FoundTool) -> tuple[str, ...]:
    """Variables for make that put Verilator's makefile right.

    A Verilator that was packaged for no particular compiler lacks the option that takes in the precompiled header, and
    the one that lets a model wait.
    """
    root = subprocess.run(
        [verilator.path, "--getenv", "VERILATOR_ROOT"], env=verilator.environment, capture_output=True, text=True
    ).stdout.strip()
    makefile = Path(root) / "include" / "verilated.mk"
    text = makefile.read_text(encoding="utf-8") if root and makefile.is_file() else ""
    options = {"CFG_CXXFLAGS_PCH_I": "-include", "CFG_CXXFLAGS_COROUTINES": "-fcoroutines"}
    lacking = [name for name in options if re.search(rf"^{name} *= *$", text, re.MULTILINE)]
    return tuple(f"{name}={options[name]}" for name in lacking)


def _runner(name: SimulatorName, watch: Callable[[], None] | None, limit_s: float | None = None) -> Runner:
    from cocotb_tools.runner import Icarus, Verilator

    for kind, methods in ((Icarus, ("_execute_cmds",)), (Verilator, ("_execute_cmds", "_build_command"))):
        for method in methods:
            if not callable(getattr(kind, method, None)):
                raise _unknown_cocotb(f"its runner of {kind.__name__} has no {method}")

    class Watched:
        """Starts each command in a process group of its own, so that nothing outlives an interrupted run."""

        env: dict[str, str]

        def _execute_cmds(self, cmds: Sequence[Sequence[str]], cwd: str, stdout: TextIO | None = None) -> None:
            for command in cmds:
                _execute(command, cwd, self.env, stdout, watch, limit_s)

    class WatchedIcarus(Watched, Icarus):  # type: ignore[misc]
        pass

    class WatchedVerilator(Watched, Verilator):  # type: ignore[misc]
        def _build_command(self) -> Any:
            """Show the bench the top level only: with every signal visible a build takes four times as long."""
            commands = super()._build_command()
            if len(commands) != 2 or _EVERYTHING_VISIBLE not in commands[0]:
                raise _unknown_cocotb(f"it does not call Verilator once with {_EVERYTHING_VISIBLE}, and make")
            verilate, make = commands
            verilate.remove(_EVERYTHING_VISIBLE)
            # Parts of the run-time library that are there already must be newer than the makefile to be taken.
            library = [str(path) for path in self.build_dir.glob("verilated*.o")]
            return [verilate, *([["touch", *library]] if library else []), make]

    return WatchedIcarus() if name == "icarus" else WatchedVerilator()


def _unknown_cocotb(reason: str) -> HaloError:
    """Another cocotb than those that are known, where the runners are changed from inside."""
    version = metadata.version("cocotb")
    return HaloError(f"cocotb {version} is not one that halo can start: {reason}", f"Run: pip install '{_KNOWN}'.")


def _execute(
    command: Sequence[str],
    cwd: str,
    env: Mapping[str, str],
    stdout: TextIO | None,
    watch: Callable[[], None] | None,
    limit_s: float | None,
) -> None:
    stderr = None if stdout is None else subprocess.STDOUT
    code = run_child(command, cwd=cwd, env=env, stdout=stdout, stderr=stderr, limit_s=limit_s, watch=watch)
    if code != 0:
        raise RuntimeError(f"{command[0]} ended with code {code}")


@contextmanager
def _environment(simulator: Simulator, folder: Path | None = None) -> Iterator[None]:
    """Let cocotb's runner find the tools that halo found, and the simulator's Python find the bench.

    The runner takes both from this process: PATH from ``os.environ``, PYTHONPATH from ``sys.path``.
    """
    before, path_before, sim = dict(os.environ), list(sys.path), str(sim_folder())
    folders = [str(tool.path.parent) for tool in simulator.tools if tool.name != LIBPYTHON]
    for name in [name for name in os.environ if _OURS.match(name)]:
        del os.environ[name]
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys([*folders, before.get("PATH", os.defpath)]))
    if simulator.make:
        os.environ["MAKEFLAGS"] = " ".join(simulator.make)
    sys.path[:] = [*([] if folder is None else [str(folder.resolve())]), *sys.path, sim]
    try:
        yield
    finally:
        sys.path[:] = path_before
        os.environ.clear()
        os.environ.update(before)


def _build_failure(simulator: Simulator, folder: Path, error: BaseException) -> HaloError:
    log = folder / BUILD_LOG
    text = log.read_text(errors="replace") if log.is_file() else ""
    wrong = re.search(r"parameter_([A-Z][A-Z0-9_]*?)_must_(\w+)", text)
    if wrong is not None:
        return HaloError(f"parameter {wrong[1]} must {wrong[2].replace('_', ' ')}", "Choose another value.")
    header = re.search(r"fatal error: (lz4|zlib)\.h", text)
    if header is not None:
        return HaloError(
            f"Verilator cannot record waves: {header[1]}.h is not there", "Run: apt-get install liblz4-dev zlib1g-dev."
        )
    for pattern, fix in _IN_THE_VERILOG:
        place = re.search(pattern, text, re.MULTILINE)
        if place is not None:
            return HaloError(place["what"].strip(), fix, place["path"], int(place["line"]))
    return _failure(simulator, log, error)


def _run_failure(simulator: Simulator, log: Path, error: BaseException | None) -> HaloError:
    """Why there are no results: mostly tests that Python cannot import."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    _, raised, trace = text.rpartition("Traceback (most recent call last):\n")
    said = [line for line in trace.splitlines() if line and not line.startswith(" ")]
    places = re.findall(r'^  File "([^"]+)", line (\d+)', trace, re.MULTILINE)
    if not raised or not said or not places:
        return _failure(simulator, log, error or RuntimeError("it ended without results"))
    path, line = places[-1]
    place = () if "cocotb" in Path(path).parts else (path, int(line))
    fix = "Correct the tests: they must be importable, and async functions under @cocotb.test()."
    return HaloError(f"cocotb cannot start the tests: {said[-1]}", fix, *place)


def _still_running(log: Path, limit_s: float) -> HaloError:
    """A bench that does not end, and the test that it is in."""
    found = re.findall(r"running\S* (\S+) \(\d+/\d+\)", log.read_text(errors="replace")) if log.is_file() else []
    test = f"test {found[-1].rpartition('.')[2]}" if found else "the simulation"
    return HaloError(
        f"{test} has not ended: all tests together may take {limit_s:,.0f} s",
        f"Let it wait for something that comes, or give it more time: --timeout-s {10 * limit_s:.0f}.",
    )


def _failure(simulator: Simulator, log: Path, error: BaseException) -> HaloError:
    """What went wrong, by the first complaint in a log."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()] if log.is_file() else []
    complaints = [line for line in lines if "error" in line.lower()] or lines[-1:] or [str(error)]
    program = {"icarus": "Icarus", "verilator": "Verilator"}[simulator.name]
    return HaloError(f"the simulation in {program} failed: {complaints[0]}", "Run halo doctor to check the tools.")
