# SPDX-License-Identifier: Apache-2.0
"""What is installed, what is missing, and how to get it.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from halo.errors import HaloError
from halo.flow.runs.assets import rtl_folder, sim_folder
from halo.flow.runs.provenance import package_versions
from halo.flow.runs.tools import Finding, FoundTool, examine
from halo.flow.simulators.runner import TOOLS_OF
from halo.version import __version__


@dataclass(frozen=True)
class Diagnosis:
    """What halo finds on this machine.

    Attributes:
        halo, python, platform: versions, and what they run on.
        tools: every tool, found or not.
        packages: name to version, of the Python packages that touch a number.
        folders: of halo's own RTL and testbenches, or why there is none.
        simulators: those that ``halo sim`` can use.
        ready: whether ``halo characterize`` can run.
    """

    halo: str
    python: str
    platform: str
    tools: tuple[Finding, ...]
    packages: dict[str, str]
    folders: tuple[Path | HaloError, ...]
    simulators: tuple[str, ...]
    ready: bool


def diagnose() -> Diagnosis:
    """Look for every tool and file that halo uses."""
    tools = tuple(examine())
    folders: list[Path | HaloError] = []
    for folder in (rtl_folder, sim_folder):
        try:
            folders.append(folder())
        except HaloError as error:
            folders.append(error)
    there = {finding.tool.name for finding in tools if isinstance(finding.outcome, FoundTool)}
    whole = not any(isinstance(folder, HaloError) for folder in folders)
    return Diagnosis(
        halo=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        tools=tools,
        packages=package_versions(),
        folders=tuple(folders),
        simulators=tuple(name for name, needed in TOOLS_OF.items() if there.issuperset(needed)),
        ready=whole and all(finding.tool.name in there for finding in tools if finding.tool.needed),
    )
