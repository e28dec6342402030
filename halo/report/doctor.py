# SPDX-License-Identifier: Apache-2.0
"""What ``halo doctor`` prints: each tool and how to get it, packages, and what can run.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from halo.errors import HaloError
from halo.flow.doctor import Diagnosis
from halo.flow.runs.tools import Finding, FoundTool
from halo.report.model import Report, Section, Table


def doctor_report(found: Diagnosis) -> Report:
    """Report of what halo finds on this machine."""
    tools = Table((), [row for finding in found.tools for row in _rows(finding)], "l")
    packages = ", ".join(f"{name} {version}" for name, version in found.packages.items())
    files = [_folder(folder) for folder in found.folders]
    simulators = " and ".join(found.simulators)
    ready = [
        Section(f"ready to simulate in {simulators}" if simulators else "not ready to simulate", []),
        Section("ready to characterize" if found.ready else "not ready to characterize", []),
    ]
    title = f"halo {found.halo}, Python {found.python}, {found.platform}"
    return Report(title, [Section("", ["", tools, "", f"packages: {packages}", *files]), *ready])


def _rows(finding: Finding) -> Iterator[tuple[str, str, str]]:
    if isinstance(finding.outcome, FoundTool):
        yield "ok", finding.tool.name, f"{finding.outcome.version:<8} {finding.tool.use}, {finding.outcome.path}"
    else:
        yield "missing" if finding.tool.needed else "absent", finding.tool.name, finding.outcome.what
        yield "", "", finding.outcome.fix


def _folder(folder: Path | HaloError) -> str:
    return f"files: {folder.what}. {folder.fix}" if isinstance(folder, HaloError) else f"files: {folder}"
