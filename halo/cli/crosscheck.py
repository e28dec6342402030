"""``halo crosscheck``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of halo characterize.")],
    samples: Annotated[int, typer.Option(metavar="N", min=1, help="Transitions to play, over all weights.")] = 2000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Which transitions.")] = 1,
) -> None:
    """Check a run against Icarus Verilog, transition by transition.

    \b
    Example:
      halo crosscheck runs/default --samples 2000

    Settling time and toggle count of each sampled transition must be equal. The first that differs is shown in full,
    and the exit code is 1.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.crosscheck import crosscheck
    from halo.report.crosscheck import crosscheck_report
    from halo.report.text import render

    with StageProgress() as report:
        result = crosscheck(run, samples, seed, report)
    typer.echo(render(crosscheck_report(result)))
    if result.equal != result.compared:
        raise typer.Exit(1)
