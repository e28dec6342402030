# SPDX-License-Identifier: Apache-2.0
"""``halo inspect``.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halo.cli.parse import parse_parameters


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.v", help="Verilog or SystemVerilog source.")],
    top: Annotated[
        str | None, typer.Option(metavar="NAME", help="Top module. Needed only if several modules could be it.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set a Verilog parameter of the top module. Repeatable."),
    ] = None,
) -> None:
    """List the modules of a design and the likely roles of its ports.

    \b
    Example:
      halo inspect mac.v --param WIDTH=8
    """
    from halo.flow.inspection import inspect_design
    from halo.report.inspection import inspection_report
    from halo.report.text import render

    found = inspect_design(files, top, dict(parse_parameters(param or ())))
    typer.echo(render(inspection_report(found)))
