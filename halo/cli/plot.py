"""``halo plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of halo characterize, quantize or score.")],
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="quantize: layers whose weights and tiles are drawn; none: that of least SQNR. * stands for any text.",
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="quantize: its folder; none: where it was when quantized.")
    ] = None,
) -> None:
    """Redraw the figures of a finished run.

    \b
    Examples:
      halo plot runs/default
      halo plot q/bal --layers "model.layers.0.*"

    The old figures stay until the new ones are complete.
    """
    from halo.plot.run import draw_run

    for path in draw_run(run, layers or (), model):
        typer.echo(path)
