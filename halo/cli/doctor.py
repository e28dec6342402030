# SPDX-License-Identifier: Apache-2.0
"""``halo doctor``.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

import typer


def command() -> None:
    """Check which tools are installed, and how to get the others.

    \b
    Example:
      halo doctor

    The exit code is 2 if something that `halo characterize` needs is missing.
    """
    from halo.flow.doctor import diagnose
    from halo.report.doctor import doctor_report
    from halo.report.text import render

    diagnosis = diagnose()
    typer.echo(render(doctor_report(diagnosis)))
    if not diagnosis.ready:
        raise typer.Exit(2)
