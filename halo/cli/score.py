# SPDX-License-Identifier: Apache-2.0
"""``halo score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from halo.cli import data_names
from halo.cli.parse import parse_macs


def command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help=f"{', '.join(data_names.models())}, or a folder with config.json.",
        ),
    ],
    quantized: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Model quantized by halo quantize. Repeatable.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(data_names.methods())}; repeatable. Without --method and --quantized, all of them.",
        ),
    ] = None,
    *,
    table: Annotated[
        Path, typer.Option(metavar="RUN|weights.csv", help="Characterized MAC: a run folder or its weights.csv.")
    ],
    mac: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD=RUN",
            help="Run this method (or folder's name) on another MAC than --table's. Repeatable; twice for one method "
            "where its elements take pairs of weights: a run of pairs and one of whole weights.",
        ),
    ] = None,
    equal: Annotated[
        Literal["size", "area", "power"],
        typer.Option(
            metavar="size|area|power",
            help="What the arrays of these MACs share with that of --table: the number of elements, the area of their "
            "MACs, or their power.",
        ),
    ] = "size",
    corner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Corner of the table. Needed only if it has several.")
    ] = None,
    arch: Annotated[
        str,
        typer.Option(
            metavar="FILE|NAME", help=f"{', '.join((*data_names.arrays(), *data_names.devices()))}, or a file."
        ),
    ] = "systolic-128",
    dvfs: Annotated[
        str,
        typer.Option(
            metavar="FILE|NAME",
            help="table (one voltage), raised (the voltages of its corners), "
            f"{', '.join(data_names.operating_points())}, or a file.",
        ),
    ] = "table",
    transition: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(data_names.transitions()),
            help="What sets the time and energy of a clock change. Default: as --dvfs says, else ivr, or gpu_driver "
            "on a GPU.",
        ),
    ] = None,
    phase: Annotated[
        Literal["prefill", "decode"],
        typer.Option(metavar="prefill|decode", help="Process a whole prompt, or generate one more token."),
    ] = "prefill",
    batch: Annotated[int, typer.Option(metavar="B", help="Number of sequences.")] = 1,
    context: Annotated[
        int | None, typer.Option(metavar="S", help="Tokens per sequence. Default: 2048, or the model's limit if lower.")
    ] = None,
    activation_bits: Annotated[
        int, typer.Option(metavar="N", help="Bits of a stored activation; fp16 always has 16.")
    ] = 8,
    kv_bits: Annotated[
        int,
        typer.Option(metavar="4|8|16", help="Bits of a value in the KV cache, before its scales; fp16 always has 16."),
    ] = 8,
    scale_bits: Annotated[
        int, typer.Option(metavar="16|32", help="Bits of a stored scale of the weights in --quantized.")
    ] = 32,
    objective: Annotated[
        Literal["time", "energy", "edp"],
        typer.Option(metavar="time|energy|edp", help="What to minimize when choosing operating points."),
    ] = "time",
    compute_bound: Annotated[
        bool, typer.Option("--compute-bound", help="Ignore the time that memory takes, as the paper does.")
    ] = False,
    run_folder: Annotated[
        Path, typer.Option("-o", "--output-folder", metavar="DIR", help="Folder to write the results to.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a finished run in DIR.")] = False,
) -> None:
    """Estimate a model's time and energy on an array or a GPU.

    \b
    Examples:
      halo score llama2-7b --table runs/default -o runs/score
      halo score llama2-7b --table runs/default --phase decode --batch 8 --method w8a8 --method halo-bal -o runs/decode
      halo score llama2-7b --table runs/default --arch a100-80 --objective energy -o runs/gpu
      halo score llama2-7b --table runs/booth --mac halo-perf=runs/aware --equal area -o runs/macs
      halo score llama --quantized q/bal --quantized q/int4 --method w8a8 --table runs/default -o runs/mine

    \b
    DIR appears only when the run is complete.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.score import ScoreConfig, score_model
    from halo.plot.run import draw_run
    from halo.report.score import score_report
    from halo.report.text import render

    config = ScoreConfig(
        model=model,
        table=table,
        run_folder=run_folder,
        quantized=tuple(quantized or ()),
        methods=tuple(method or ()),
        macs=parse_macs(mac or ()),
        equal=equal,
        corner=corner,
        arch=arch,
        dvfs=dvfs,
        transition=transition,
        phase=phase,
        batch=batch,
        context=context,
        activation_bits=activation_bits,
        kv_bits=kv_bits,
        scale_bits=scale_bits,
        objective=objective,
        compute_bound=compute_bound,
        force=force,
    )
    with StageProgress() as report:
        score_model(config, report, draw_run)
    typer.echo(render(score_report(run_folder)))
