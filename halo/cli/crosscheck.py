# SPDX-License-Identifier: Apache-2.0
"""``halo crosscheck``.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that halo characterize wrote.")],
    samples: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Number of transitions to compare, over all corners and weights, and of random inputs of the RTL.",
        ),
    ] = 2000,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed that selects the transitions.")] = 1,
    run_folder: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output-folder", metavar="DIR", help="Folder to keep every transition, the record and the log in."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a finished run in DIR.")] = False,
) -> None:
    """Check a run against Icarus Verilog: its transitions, and its gates against the RTL.

    \b
    Examples:
      halo crosscheck runs/default --samples 2000
      halo crosscheck runs/default --samples 50000 -o runs/default_checked

    Settling time and toggle count of each sampled transition must be equal. The RTL is also simulated beside the gates,
    with corner values and random ones: Icarus (or Verilator, where Icarus does not read the source) sees a mistake of
    the front end that synthesis and its proof of equivalence share. The first difference is shown in full, and the exit
    code is 1.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.crosscheck import CrosscheckConfig, crosscheck
    from halo.report.crosscheck import crosscheck_report
    from halo.report.text import render

    config = CrosscheckConfig(run, samples, seed, run_folder, force)
    with StageProgress() as report:
        result = crosscheck(config, report)
    typer.echo(render(crosscheck_report(result)))
    if not result.passed:
        raise typer.Exit(1)
