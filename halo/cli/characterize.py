# SPDX-License-Identifier: Apache-2.0
"""``halo characterize``.

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
    CouplingFactor,
    Defines,
    DontUse,
    FileLists,
    Files,
    Includes,
    Netlists,
    Output,
    Params,
    Signed,
    Synth,
    Ties,
    Top,
    Unsigned,
    Weight,
    WireLoad,
    WireLoadModeOption,
    WireModelOption,
)
from halo.cli.parse import parse_corners, parse_defines, parse_operands, parse_parameters, parse_spef, parse_ties
from halo.config import CharacterizeConfig, SdfCorner, TimingMethod


def command(
    files: Files = None,
    file_list: FileLists = None,
    define: Defines = None,
    include: Includes = None,
    liberty: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Liberty cell library, plain or .gz. Repeat it for a corner that is split over several files.",
        ),
    ] = None,
    corner: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE[,FILE...]", help="A named corner, instead of --liberty. Repeat it for each corner."
        ),
    ] = None,
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
    sdf: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Delays of the netlist from another timer. Without it, they are calculated."),
    ] = None,
    sdf_corner: Annotated[
        SdfCorner,
        typer.Option(metavar="min|typ|max", help="Which value to take from the min:typ:max triples of the SDF."),
    ] = "max",
    sdf_instance: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Path of the netlist's top in the design of the SDF, such as core/mac."),
    ] = None,
    spef: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="Wires of the gate-level netlist, extracted from a layout (SPEF, plain or .gz): for all corners, or "
            "for the one named. Without it: no wires.",
        ),
    ] = None,
    wire_load: WireLoad = None,
    wire_load_mode: WireLoadModeOption = None,
    wire_model: WireModelOption = "elmore",
    coupling_factor: CouplingFactor = 1.0,
    synth: Synth = "structural",
    dont_use: DontUse = None,
    method: Annotated[
        TimingMethod,
        typer.Option(
            metavar="exact|bound|static",
            help="Simulate every transition, compute an upper bound in seconds, or use static timing.",
        ),
    ] = "exact",
    stimulus: Annotated[
        str,
        typer.Option(
            metavar="all|random:N|FILE",
            help="Activation transitions to simulate: all of them, N random ones, or a trace from a file.",
        ),
    ] = "all",
    weights: Annotated[
        str,
        typer.Option(
            metavar="all|A:B|random:N|LIST|FILE",
            help="Weight values to exercise: all, a range, N random ones, values with commas, or a file of values.",
        ),
    ] = "all",
    activations: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Histogram (.csv, .npz) or trace of activations to average the energy over. Default: uniform.",
        ),
    ] = None,
    input_slew_ps: Annotated[
        float | None,
        typer.Option(metavar="X", help="Slew at the input ports. Default: derived from the library; see run.json."),
    ] = None,
    output_load_ff: Annotated[
        float | None,
        typer.Option(metavar="X", help="Load on the output ports. Default: derived from the library; see run.json."),
    ] = None,
    margin_ps: Annotated[float, typer.Option(metavar="X", help="Margin added to every clock period.")] = 0.0,
    duty_cycle: Annotated[
        float,
        typer.Option(
            metavar="PERCENT",
            help="Part of the period that the clock is high. It counts where flip-flops use both clock edges.",
        ),
    ] = CharacterizeConfig.duty_cycle,
    case_slews: Annotated[
        bool,
        typer.Option(
            "--case-slews",
            help="Recalculate slews and delays for each weight, as static timing does: bound and period get tighter.",
        ),
    ] = False,
    register_overhead: Annotated[
        bool, typer.Option(help="Count clk-to-Q and setup of a library flip-flop at ports that have no register.")
    ] = True,
    psum_samples: Annotated[
        int, typer.Option(metavar="N", help="Number of accumulation steps that the exact method simulates.")
    ] = CharacterizeConfig.psum_samples,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of every random choice.")] = CharacterizeConfig.seed,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of threads. Default: all cores. Results do not depend on it."),
    ] = None,
    *,
    run_folder: Annotated[
        Path, typer.Option("-o", "--output-folder", metavar="DIR", help="Folder to write the results to.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a finished run in DIR.")] = False,
) -> None:
    """Find delay, clock and energy of a MAC for every weight value.

    \b
    Examples:
      halo characterize --liberty cells.lib -o runs/default
      halo characterize mac.v --weight w --activation a --liberty cells.lib -o runs/mac
      halo characterize mac.v --corner ss=ss.lib --corner tt=tt.lib -o runs/corners
      halo characterize --liberty cells.lib --dont-use 'XNOR*' --dont-use AOI22X1 -o runs/without
      halo characterize --liberty cells.lib --method bound --case-slews -o runs/tighter
      halo characterize --netlist gates.v --sdf signoff.sdf --liberty cells.lib -o runs/signoff
      halo characterize --netlist gates.v --sdf signoff.sdf --sdf-corner typ --liberty cells.lib -o runs/typical
      halo characterize --netlist routed.v --spef routed.spef --liberty cells.lib -o runs/routed

    \b
    DIR appears only when the run is complete.
    ¹ Found automatically if only one assignment of the ports makes sense.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.characterize import characterize
    from halo.plot.run import draw_run
    from halo.report.characterize import characterize_report
    from halo.report.text import render

    corners = parse_corners(liberty or (), corner or ())
    every_spef, corner_spef = parse_spef(spef or (), corners)
    config = CharacterizeConfig(
        corners=corners,
        run_folder=run_folder,
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
        sdf=sdf,
        sdf_corner=sdf_corner,
        sdf_instance=sdf_instance,
        spef=every_spef,
        corner_spef=corner_spef,
        wire_load=wire_load,
        wire_load_mode=wire_load_mode,
        wire_model=wire_model,
        coupling_factor=coupling_factor,
        synth=synth,
        dont_use=tuple(dont_use or ()),
        method=method,
        stimulus=stimulus,
        weights=weights,
        activations=activations,
        input_slew_ps=input_slew_ps,
        output_load_ff=output_load_ff,
        margin_ps=margin_ps,
        duty_cycle=duty_cycle,
        case_slews=case_slews,
        register_overhead=register_overhead,
        psum_samples=psum_samples,
        seed=seed,
        jobs=jobs,
        force=force,
    )
    config.require_files()
    with StageProgress() as report:
        run = characterize(config, report, finish=draw_run)
    typer.echo(render(characterize_report(run)))
