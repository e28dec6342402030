# SPDX-License-Identifier: Apache-2.0
"""``halo plot``.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that halo characterize, quantize or score wrote.")],
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Quantized model: layers to draw; * matches any text. Default: the layer with the lowest SQNR.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Quantized model: folder of the original model, if it has moved."),
    ] = None,
) -> None:
    """Redraw the figures of a finished run.

    \b
    Examples:
      halo plot runs/default
      halo plot q/bal --layers "model.layers.0.*"

    The old figures are kept until the new ones are complete.
    """
    from halo.plot.run import draw_run

    for path in draw_run(run, layers or (), model):
        typer.echo(path)
