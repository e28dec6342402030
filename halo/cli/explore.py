# SPDX-License-Identifier: Apache-2.0
"""``halo explore``.

Tests: tests/cli/test_explore.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halo.cli.design_options import Accumulator, Activation, Clock, DontUse, Output, Signed, Top, Weight
from halo.cli.parse import parse_operands


def command(
    liberty: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Liberty cell library, plain or .gz. Repeat it for a corner of several."),
    ],
    candidate: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.v", help="Verilog of your own that takes part: a multiplier, or a MAC. Repeatable."),
    ] = None,
    top: Top = None,
    weight: Weight = None,
    activation: Activation = None,
    accumulator: Accumulator = None,
    output: Output = None,
    clock: Clock = None,
    signed: Signed = None,
    class_weights: Annotated[
        str,
        typer.Option(
            metavar="int4|int3|LIST",
            help="Weights that should be fast: multiples of 16, multiples of 32, or values with commas.",
        ),
    ] = "int4",
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|RUN",
            help="Price the error of rounding real weights: a CSV of weights and counts, or a run of halo quantize.",
        ),
    ] = None,
    budget: Annotated[int, typer.Option(metavar="N", help="Structures to try; 0: only your own candidates.")] = 120,
    dont_use: DontUse = None,
    samples: Annotated[int, typer.Option(metavar="N", help="Transitions a weight behind each energy.")] = 128,
    choose: Annotated[
        str,
        typer.Option(
            metavar="throughput|class-throughput|energy|class-energy|NAME",
            help="Design to write out: the best for any weight or for the class, or the candidate of that name.",
        ),
    ] = "throughput",
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of processes. Default: all cores. Results do not depend on it."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Evaluate on the workers of a Dask cluster, such as tcp://host:8786."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of every random choice.")] = 1,
    *,
    run_folder: Annotated[
        Path, typer.Option("-o", "--output-folder", metavar="DIR", help="Folder to write the results to.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a finished run in DIR.")] = False,
) -> None:
    """Search MAC structures for throughput per area and energy under a library.

    \b
    Examples:
      halo explore --liberty cells.lib -o runs/macs
      halo explore --liberty cells.lib --choose class-throughput -o runs/macs --force
      halo explore --liberty cells.lib --class-weights int3 --budget 300 -o runs/int3
      halo explore --liberty cells.lib --candidate mine.v --budget 40 -o runs/against_mine
      halo explore --liberty cells.lib --scheduler tcp://host:8786 -o runs/cluster

    \b
    Multiplier, registers, form of the partial sum, order of the rows, width of the weight and kind of synthesis vary.
    Each candidate is synthesized, compared at its gates with psum + weight * activation, timed for every weight, and
    simulated for its energy. candidates.csv has a row for each, and the reason where one does not count; chosen/ has
    the Verilog of one and its run of halo characterize.
    What is evaluated once is kept: a run that is repeated, or goes on after it was killed, takes seconds for it.
    ¹ Found automatically if only one assignment of the ports makes sense.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.explore import ExploreConfig, explore
    from halo.plot.run import draw_run
    from halo.report.explore import explore_report
    from halo.report.text import render

    config = ExploreConfig(
        liberty=tuple(liberty),
        run_folder=run_folder,
        candidates=tuple(candidate or ()),
        top=top,
        weight=weight,
        activation=activation,
        accumulator=accumulator,
        output=output,
        clock=clock,
        signed=parse_operands(signed or ()),
        class_weights=class_weights,
        weights=weights,
        budget=budget,
        dont_use=tuple(dont_use or ()),
        samples=samples,
        choose=choose,
        jobs=jobs,
        scheduler=scheduler,
        seed=seed,
        force=force,
    )
    with StageProgress() as report:
        result = explore(config, report, finish=draw_run)
    typer.echo(render(explore_report(result)))
