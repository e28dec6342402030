# SPDX-License-Identifier: Apache-2.0
"""What ``halo synth`` prints: cells, area, warnings and where the netlist is.

Tests: tests/flow/test_synthesis.py.
"""

from __future__ import annotations

from halo.flow.synthesis import SynthesisRun
from halo.report.model import File, Report, Section

_LISTED = 12


def synthesis_report(run: SynthesisRun) -> Report:
    """Report of a run of ``halo synth``."""
    listed = ", ".join(f"{count} {cell}" for cell, count in run.by_count[:_LISTED])
    rest = f" and {len(run.cells) - _LISTED} kinds more" if len(run.cells) > _LISTED else ""
    warnings = [f"warning: {text}" for text in run.warnings]
    title = f"{run.top}: {sum(run.cells.values()):,} cells, area {run.area:,.6g} library units"
    buffers = [] if run.buffering is None else [run.buffering]
    return Report(title, [Section("", [f"{listed}{rest}", *buffers, *warnings, File(run.netlist)])])
