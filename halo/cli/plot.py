"""``halo plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of halo characterize.")]) -> None:
    """Draw the figures of a run again.

    \b
    Example:
      halo plot runs/default

    The old figures stay until the new ones are complete.
    """
    from halo.plot.run import draw_all

    for path in draw_all(run):
        typer.echo(path)
