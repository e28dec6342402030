"""What is installed, what is missing, and how to get it."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from halo.errors import HaloError
from halo.flow.runs.assets import rtl_folder, sim_folder
from halo.flow.runs.provenance import package_versions
from halo.flow.runs.tools import Finding, FoundTool, examine
from halo.flow.simulators.runner import TOOLS_OF
from halo.version import __version__


@dataclass(frozen=True)
class Diagnosis:
    """The text to print, and whether ``halo characterize`` can run."""

    text: str
    ready: bool


def diagnose() -> Diagnosis:
    """Look for every tool and file halo uses."""
    findings = examine()
    lines = [f"halo {__version__}, Python {platform.python_version()}, {platform.platform()}", ""]
    width = max(len(f.tool.name) for f in findings)
    lines += [line for finding in findings for line in _lines(finding, width)]
    lines += ["", "packages: " + ", ".join(f"{name} {version}" for name, version in package_versions().items())]
    whole = True
    for folder in (rtl_folder, sim_folder):
        try:
            lines.append(f"files: {folder()}")
        except HaloError as error:
            lines.append(f"files: {error.what}. {error.fix}")
            whole = False
    there = {f.tool.name for f in findings if isinstance(f.outcome, FoundTool)}
    simulators = [name for name, needed in TOOLS_OF.items() if there.issuperset(needed)]
    ready = whole and all(isinstance(f.outcome, FoundTool) for f in findings if f.tool.needed)
    lines += ["", f"ready to simulate in {' and '.join(simulators)}" if simulators else "not ready to simulate"]
    lines += ["ready to characterize" if ready else "not ready to characterize"]
    return Diagnosis("\n".join(lines), ready)


def _lines(finding: Finding, width: int) -> list[str]:
    name = finding.tool.name.ljust(width)
    if isinstance(finding.outcome, FoundTool):
        return [f"  ok       {name}  {finding.outcome.version:<8} {finding.tool.use}, {finding.outcome.path}"]
    mark = "missing" if finding.tool.needed else "absent "
    return [f"  {mark}  {name}  {finding.outcome.what}", f"           {' ' * width}  {finding.outcome.fix}"]
