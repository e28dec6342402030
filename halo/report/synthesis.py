"""What ``halo synth`` tells: cells, area, warnings and where the netlist is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from halo.flow.runs.provenance import read_record
from halo.report.model import File, Report, Section

_LISTED = 12


def synthesis_report(run_folder: Path) -> Report:
    """Report of a run of ``halo synth``.

    Raises:
        HaloError: no such run.
    """
    results = read_record(run_folder).results
    cells: Mapping[str, int] = results["cells"]
    most = sorted(cells.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{count} {name}" for name, count in most[:_LISTED])
    rest = f" and {len(most) - _LISTED} kinds more" if len(most) > _LISTED else ""
    warnings = [f"warning: {text}" for text in results["warnings"]]
    title = f"{results['design']}: {sum(cells.values()):,} cells, area {results['area']:,.6g} library units"
    return Report(title, [Section("", [f"{listed}{rest}", *warnings, File(run_folder / "netlist.v")])])
