# SPDX-License-Identifier: Apache-2.0
"""``halo compare``.

Tests: tests/flow/test_compare.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders that halo characterize wrote.")],
    multiples: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            help="Also show the weights that are multiples of N as a class. Repeatable. Default: 16 and 32.",
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the rows to this file, without rounding.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
) -> None:
    """Show runs side by side: cells, area, clock period, energy and throughput per area.

    \b
    Examples:
      halo compare runs/default runs/booth
      halo compare runs/* --multiples 8 --multiples 64
      halo compare runs/default runs/booth --csv compared.csv

    Periods are those of the slowest weight, of all and of each class; energies are means over its weights.
    """
    from halo.flow.compare import MULTIPLES, CompareConfig, compare
    from halo.report.compare import compare_report
    from halo.report.text import render

    result = compare(CompareConfig(tuple(runs), tuple(multiples or MULTIPLES), csv, force))
    typer.echo(render(compare_report(result)))
