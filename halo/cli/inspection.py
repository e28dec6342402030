# SPDX-License-Identifier: Apache-2.0
"""``halo inspect``.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halo.cli.design_options import (
    Accumulator,
    Activation,
    Clock,
    Defines,
    FileLists,
    Files,
    Includes,
    Netlists,
    Output,
    Params,
    Signed,
    Ties,
    Top,
    Unsigned,
    Weight,
)
from halo.cli.parse import parse_defines, parse_operands, parse_parameters, parse_ties


def command(
    files: Files = None,
    file_list: FileLists = None,
    define: Defines = None,
    include: Includes = None,
    top: Top = None,
    weight: Weight = None,
    activation: Activation = None,
    accumulator: Accumulator = None,
    output: Output = None,
    clock: Clock = None,
    signed: Signed = None,
    unsigned: Unsigned = None,
    param: Params = None,
    tie: Ties = None,
    netlist: Netlists = None,
    liberty: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Liberty cell library of the netlist: its clocks and resets are then seen."),
    ] = None,
) -> None:
    """List the modules of a design and how its ports are read.

    \b
    Examples:
      halo inspect mac.v --param WIDTH=8
      halo inspect -f dot.f --weight 'w[3:0]' --activation 'a[3:0]' --tie 'w[7:4]=any' --tie 'a[7:4]=any'

    \b
    The options are those of halo characterize.
    ¹ Found automatically if only one assignment of the ports makes sense.
    """
    from halo.flow.inspection import InspectionConfig, inspect_design
    from halo.report.inspection import inspection_report
    from halo.report.text import render

    config = InspectionConfig(
        files=tuple(files or ()),
        file_lists=tuple(file_list or ()),
        defines=parse_defines(define or ()),
        include_dirs=tuple(include or ()),
        top=top,
        weight=weight,
        activation=activation,
        accumulator=accumulator,
        output=output,
        clock=clock,
        signed=parse_operands(signed or ()),
        unsigned=parse_operands(unsigned or ()),
        params=parse_parameters(param or ()),
        ties=parse_ties(tie or ()),
        netlist=tuple(netlist or ()),
        liberty=tuple(liberty or ()),
    )
    typer.echo(render(inspection_report(inspect_design(config))))
