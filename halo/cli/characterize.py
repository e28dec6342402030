"""``halo characterize``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halo.cli.parse import parse_corners, parse_parameters, parse_ties
from halo.config import CharacterizeConfig, SdfCorner, Synthesis, TimingMethod


def command(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE.v", help="Verilog; none: the default MAC.")
    ] = None,
    liberty: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Liberty file, plain or .gz; several are the files of one corner."),
    ] = None,
    corner: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE[,FILE...]", help="Instead: one of several corners.")
    ] = None,
    top: Annotated[str | None, typer.Option(metavar="NAME", help="Top module, where several could be.")] = None,
    weight: Annotated[str | None, typer.Option(metavar="PORT", help="The weight's input port. ¹")] = None,
    activation: Annotated[str | None, typer.Option(metavar="PORT", help="The activation's input port. ¹")] = None,
    accumulator: Annotated[str | None, typer.Option(metavar="PORT", help="The partial sum's input port. ¹")] = None,
    output: Annotated[str | None, typer.Option(metavar="PORT", help="The result's output port. ¹")] = None,
    clock: Annotated[str | None, typer.Option(metavar="PORT", help="The clock of a registered top. ¹")] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Verilog parameter of the top module.")
    ] = None,
    tie: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Hold another input port at a value.")
    ] = None,
    netlist: Annotated[
        Path | None, typer.Option(metavar="FILE.v", help="Your own gate netlist instead of synthesis.")
    ] = None,
    sdf: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its delays by another timer; none: calculated.")
    ] = None,
    sdf_corner: Annotated[
        SdfCorner, typer.Option(metavar="min|typ|max", help="Value of the SDF's triples (min:typ:max).")
    ] = "max",
    synth: Annotated[
        Synthesis,
        typer.Option(metavar="structural|flat", help="Keep the source's structure, or let ABC restructure across it."),
    ] = "structural",
    dont_use: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Cells that synthesis must not use, as in 'XNOR*'; several are possible."),
    ] = None,
    method: Annotated[
        TimingMethod,
        typer.Option(
            metavar="exact|bound|static", help="Simulate every transition; a sound bound in seconds; or static timing."
        ),
    ] = "exact",
    stimulus: Annotated[
        str, typer.Option(metavar="all|random:N|FILE", help="Activation transitions: every one, seeded, a trace.")
    ] = "all",
    activations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Histogram (.csv, .npz) or trace that weights the energy; none: uniform."),
    ] = None,
    input_slew_ps: Annotated[
        float | None, typer.Option(metavar="X", help="Slew at the inputs; none: from the library, see run.json.")
    ] = None,
    output_load_ff: Annotated[
        float | None, typer.Option(metavar="X", help="Load at the outputs; none: from the library, see run.json.")
    ] = None,
    margin_ps: Annotated[float, typer.Option(metavar="X", help="Added to every clock period.")] = 0.0,
    register_overhead: Annotated[
        bool, typer.Option(help="Charge ports without a register the library flip-flop's clk-to-Q and setup.")
    ] = True,
    psum_samples: Annotated[
        int, typer.Option(metavar="N", help="Partial-sum steps of the exact method's accumulations.")
    ] = CharacterizeConfig.psum_samples,
    seed: Annotated[int, typer.Option(metavar="N", help="Of every random choice.")] = CharacterizeConfig.seed,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Threads; none: all cores. Never changes a number.")
    ] = None,
    *,
    run_folder: Annotated[Path, typer.Option("-o", "--output-folder", metavar="DIR", help="Run folder to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a finished run in DIR.")] = False,
) -> None:
    """Find delay, clock and energy of a MAC for every weight value.

    \b
    Examples:
      halo characterize --liberty cells.lib -o runs/default
      halo characterize mac.v --weight w --activation a --liberty cells.lib -o runs/mac
      halo characterize mac.v --corner ss=ss.lib --corner tt=tt.lib -o runs/corners
      halo characterize --liberty cells.lib --dont-use 'XNOR*' --dont-use AOI22X1 -o runs/without
      halo characterize --netlist gates.v --sdf signoff.sdf --liberty cells.lib -o runs/signoff
      halo characterize --netlist gates.v --sdf signoff.sdf --sdf-corner typ --liberty cells.lib -o runs/typical

    \b
    DIR appears only when everything is done.
    ¹ Found by itself where only one reading of the ports fits.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.characterize import characterize
    from halo.plot.run import draw_run
    from halo.report.characterize import characterize_report
    from halo.report.text import render

    config = CharacterizeConfig(
        corners=parse_corners(liberty or (), corner or ()),
        run_folder=run_folder,
        files=tuple(files or ()),
        top=top,
        weight=weight,
        activation=activation,
        accumulator=accumulator,
        output=output,
        clock=clock,
        params=parse_parameters(param or ()),
        ties=parse_ties(tie or ()),
        netlist=netlist,
        sdf=sdf,
        sdf_corner=sdf_corner,
        synth=synth,
        dont_use=tuple(dont_use or ()),
        method=method,
        stimulus=stimulus,
        activations=activations,
        input_slew_ps=input_slew_ps,
        output_load_ff=output_load_ff,
        margin_ps=margin_ps,
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
