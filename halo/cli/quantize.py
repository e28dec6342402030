"""``halo quantize``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def command(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="Hugging Face folder, .gguf, or matrices in .npy, .npz, .safetensors."),
    ],
    method: Annotated[
        Literal["rtn", "left-aligned", "smoothquant", "gptq", "awq", "squeezellm", "halo"],
        typer.Option(metavar="rtn|left-aligned|smoothquant|gptq|awq|squeezellm|halo", help="How weights are rounded."),
    ] = "halo",
    table: Annotated[
        Path | None, typer.Option(metavar="RUN|weights.csv", help="Weights of the MAC: needed by halo, clocks for all.")
    ] = None,
    corner: Annotated[str | None, typer.Option(metavar="NAME", help="Of the table, where there are several.")] = None,
    bits: Annotated[
        int | None, typer.Option(metavar="N", help="Of a weight; none: 8 for smoothquant, else 4. Not for halo.")
    ] = None,
    group: Annotated[
        int | None, typer.Option(metavar="N", help="Input channels that share a scale; none: an output channel.")
    ] = None,
    asymmetric: Annotated[bool, typer.Option("--asymmetric", help="With zero points.")] = False,
    alpha: Annotated[float, typer.Option(metavar="X", help="smoothquant: strength, 0 to 1.")] = 0.5,
    act_order: Annotated[bool, typer.Option("--act-order", help="gptq: columns by descending activations.")] = False,
    align_left: Annotated[
        bool, typer.Option("--align-left", help="gptq: codes in the upper bits, where they are fast.")
    ] = False,
    tile: Annotated[int, typer.Option(metavar="N", help="halo: side of a tile, such as that of the array.")] = 128,
    pad: Annotated[bool, typer.Option("--pad", help="halo: allow tiles larger than a layer.")] = False,
    variant: Annotated[
        Literal["perf", "bal", "acc"],
        typer.Option(
            metavar="perf|bal|acc",
            help="halo: all tiles fast; as many as the knee of error over clock allows; all but those that carry the "
            "loss.",
        ),
    ] = "bal",
    share: Annotated[
        float, typer.Option(metavar="X", help="halo, acc: of the loss, carried by the tiles that stay slow, 0 to 1.")
    ] = 0.95,
    criterion: Annotated[
        Literal["loss", "sensitivity"],
        typer.Option(
            metavar="loss|sensitivity",
            help="halo: tiles turn fast in the order of the loss added for each nanosecond saved; or of their mean "
            "Fisher, as in the paper.",
        ),
    ] = "loss",
    balance: Annotated[
        Literal["model", "layer"],
        typer.Option(
            metavar="model|layer",
            help="halo, loss: knee or share over all layers, which needs Fisher information; or in each, as the "
            "paper's.",
        ),
    ] = "model",
    outlier_sigmas: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="halo: weights so many standard deviations from the mean are kept apart in int8; 0: none are.",
        ),
    ] = 3.0,
    outlier_scope: Annotated[
        Literal["layer", "channel"],
        typer.Option(metavar="layer|channel", help="halo: mean and deviation are of all weights; or of an output."),
    ] = "layer",
    salient_share: Annotated[
        float,
        typer.Option(metavar="X", help="halo: weights of largest Fisher kept apart, as a share; 0.0005 is 0.05 %."),
    ] = 0.0005,
    scale: Annotated[
        Literal["row", "tile", "channel"],
        typer.Option(
            metavar="row|tile|channel",
            help="halo: weights that share a scale: of one output in a tile; a tile; an output.",
        ),
    ] = "row",
    codebooks: Annotated[
        Literal["best", "class"],
        typer.Option(metavar="best|class", help="halo: the best 16 and 8 values of a clock; or all that are as fast."),
    ] = "best",
    clock: Annotated[
        list[float] | None, typer.Option(metavar="GHZ", help="halo, class: clocks; none: of INT4 << 4 and INT3 << 5.")
    ] = None,
    feedback: Annotated[
        bool, typer.Option(help="halo: with a calibration text, let later weights absorb the error of earlier ones.")
    ] = True,
    fisher: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="halo, squeezellm: which weights matter, fisher.safetensors of another run; none: from the "
            "calibration text, else a stand-in.",
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="TEXT",
            help="Shows which inputs the layers see: needed by smoothquant, gptq and awq; needs PyTorch.",
        ),
    ] = None,
    convention: Annotated[
        Literal["papers", "documents"],
        typer.Option(metavar="papers|documents", help="Text: lines joined; or as it is, BOS before every window."),
    ] = "papers",
    length: Annotated[int | None, typer.Option(metavar="N", help="Text: tokens a window; none: 2048 at most.")] = None,
    windows: Annotated[int, typer.Option(metavar="N", min=1, help="Text: the first N windows.")] = 128,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Of PyTorch; changes last bits.")] = 1,
    layers: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only layers of such a name; * stands for any text.")
    ] = None,
    export: Annotated[
        Literal["w8a8"] | None, typer.Option(metavar="w8a8", help="Also as an int8 compressed-tensors checkpoint.")
    ] = None,
    *,
    run_folder: Annotated[Path, typer.Option("-o", "--output-folder", metavar="DIR", help="Folder to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a finished or unfinished run in DIR.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run of the same options.")
    ] = False,
) -> None:
    """Round the layers of a model to fast weights.

    \b
    Examples:
      halo quantize llama --table runs/default --fisher fisher.safetensors -o q/bal
      halo quantize llama --table runs/default --calibration text.txt --tile 64 --variant acc -o q/acc --export w8a8
      halo quantize llama --method left-aligned --bits 4 --group 128 --table runs/default -o q/int4
      halo quantize llama --method gptq --calibration text.txt --layers "*.mlp.*" -o q/gptq --resume

    \b
    DIR appears only when everything is done; finished layers of an interrupted run wait in DIR.partial.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.quantization.methods import MethodOptions
    from halo.flow.quantize import QuantizeConfig, TextOptions, quantize_model
    from halo.quant.halo_method import HaloOptions
    from halo.report.quantize import quantize_report
    from halo.report.text import render

    options = MethodOptions(
        method=method,
        bits=bits,
        group=group,
        symmetric=not asymmetric,
        alpha=alpha,
        act_order=act_order,
        align_left=align_left,
        halo=HaloOptions(
            tile=tile,
            variant=variant,
            share=share,
            criterion=criterion,
            balance=balance,
            scale=scale,
            outlier_sigmas=outlier_sigmas or None,
            outlier_scope=outlier_scope,
            salient_share=salient_share,
            pad=pad,
        ),
        codebooks=codebooks,
        targets_ghz=tuple(sorted(clock or ())),
        feedback=feedback,
    )
    config = QuantizeConfig(
        model=model,
        run_folder=run_folder,
        options=options,
        table=table,
        corner=corner,
        fisher=fisher,
        calibration=calibration,
        text=TextOptions(convention, length, windows),
        threads=threads,
        layers=tuple(layers or ()),
        export=export,
        force=force,
        resume=resume,
    )
    with StageProgress() as report:
        run = quantize_model(config, report)
    typer.echo(render(quantize_report(run)))
