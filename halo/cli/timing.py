# SPDX-License-Identifier: Apache-2.0
"""``halo timing``.

Tests: tests/flow/test_timing.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from halo.cli.design_options import (
    CouplingFactor,
    Defines,
    DontUse,
    FileLists,
    Files,
    Includes,
    MaxFanout,
    Netlists,
    Params,
    Spef,
    Synth,
    Top,
    WireLoad,
    WireLoadModeOption,
    WireModelOption,
)
from halo.cli.parse import parse_defines, parse_parameters, parse_ties


def command(
    files: Files = None,
    file_list: FileLists = None,
    define: Defines = None,
    include: Includes = None,
    top: Top = None,
    param: Params = None,
    tie: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Hold an input port at a constant: no path starts there. Repeatable."),
    ] = None,
    netlist: Netlists = None,
    spef: Spef = None,
    wire_load: WireLoad = None,
    wire_load_mode: WireLoadModeOption = None,
    wire_model: WireModelOption = "elmore",
    coupling_factor: CouplingFactor = 1.0,
    synth: Synth = "structural",
    dont_use: DontUse = None,
    max_fanout: MaxFanout = None,
    *,
    liberty: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="Liberty cell library, plain or .gz. Repeat it for the files of memories and other macros.",
        ),
    ],
    macro: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:PS[:PS]",
            help="Take a module of the sources as a black box with this clock-to-output delay and setup. Repeatable.",
        ),
    ] = None,
    period_ps: Annotated[
        float | None,
        typer.Option("--period", metavar="PS", help="Clock period for the slacks. Default: the shortest one found."),
    ] = None,
    paths: Annotated[
        Literal["all", "registers"],
        typer.Option(
            metavar="all|registers",
            help="Count the paths from and to ports, which lie between flip-flops of the library, or only those from "
            "register to register.",
        ),
    ] = "all",
    input_slew_ps: Annotated[
        float | None, typer.Option(metavar="PS", help="Transition of inputs and clock. Default: a flip-flop's.")
    ] = None,
    output_load_ff: Annotated[
        float | None, typer.Option(metavar="FF", help="Load of each output bit. Default: a flip-flop's data pin.")
    ] = None,
    duty_cycle: Annotated[
        float,
        typer.Option(metavar="PERCENT", help="Part of the period that the clock is high; counts with both edges."),
    ] = 50.0,
    table: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Run of halo characterize: say which of its clocks the design keeps."),
    ] = None,
    corner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Corner of the table. Needed only if it has several.")
    ] = None,
    element: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Blocks whose setup the table vouches for, for example '*.u_pe'. Repeatable.",
        ),
    ] = None,
    worst: Annotated[int, typer.Option(metavar="N", help="Paths to print, each of another block.")] = 3,
    run_folder: Annotated[
        Path, typer.Option("-o", "--output-folder", metavar="DIR", help="Folder to write the results to.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a finished run in DIR.")] = False,
) -> None:
    """Find the shortest clock period of a whole registered design.

    \b
    Examples:
      halo timing array.v --top array --liberty cells.lib -o runs/array
      halo timing array.v --top array --liberty cells.lib --liberty ram.lib --period 4000 -o runs/at_250_mhz
      halo timing array.v --top array --liberty cells.lib --macro ram:1500:200 -o runs/with_ram
      halo timing --netlist gates.v --top array --liberty cells.lib --paths registers -o runs/gates
      halo timing --netlist routed.v --spef routed.spef --liberty cells.lib -o runs/routed
      halo timing array.v --top array --liberty cells.lib --table runs/mac --element '*.u_pe' -o runs/classes

    \b
    Every path between registers is timed for setup and hold; input ports change, and output ports are taken, by a
    flip-flop of the library. A cell of a Liberty file that has clocked delays and no function (a memory) is a black
    box, whatever the sources hold of it.
    timing.csv has a row for each endpoint, paths.csv the gates on the slowest path of each block, constraints.tcl the
    same conditions for OpenSTA.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.timing import TimingConfig, time_design
    from halo.report.text import render
    from halo.report.timing import timing_report

    config = TimingConfig(
        files=tuple(files or ()),
        file_lists=tuple(file_list or ()),
        defines=parse_defines(define or ()),
        include_dirs=tuple(include or ()),
        top=top,
        params=parse_parameters(param or ()),
        ties=parse_ties(tie or ()),
        netlist=tuple(netlist or ()),
        spef=spef,
        wire_load=wire_load,
        wire_load_mode=wire_load_mode,
        wire_model=wire_model,
        coupling_factor=coupling_factor,
        synth=synth,
        dont_use=tuple(dont_use or ()),
        max_fanout=max_fanout,
        liberty=tuple(liberty),
        macros=tuple(macro or ()),
        period_ps=period_ps,
        paths=paths,
        input_slew_ps=input_slew_ps,
        output_load_ff=output_load_ff,
        duty_cycle=duty_cycle,
        table=table,
        corner=corner,
        element=tuple(element or ()),
        worst=worst,
        run_folder=run_folder,
        force=force,
    )
    with StageProgress() as report:
        result = time_design(config, report)
    typer.echo(render(timing_report(result)))
