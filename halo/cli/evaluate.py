# SPDX-License-Identifier: Apache-2.0
"""``halo evaluate``.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def command(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|MODEL",
            help="Folder that halo quantize wrote; or a Hugging Face folder or .gguf file, measured as it is.",
        ),
    ],
    text: Annotated[Path | None, typer.Option(metavar="FILE", help="Text to predict, in UTF-8.")] = None,
    convention: Annotated[
        Literal["papers", "documents"],
        typer.Option(
            metavar="papers|documents",
            help="papers: join the lines; documents: keep the text, with a BOS token before every window.",
        ),
    ] = "papers",
    length: Annotated[
        int | None, typer.Option(metavar="N", help="Tokens per window. Default: 2048, or the model's limit if lower.")
    ] = None,
    windows: Annotated[int | None, typer.Option(metavar="N", help="Use only the first N windows.")] = None,
    activations: Annotated[
        Literal["int8", "int8-static"] | None,
        typer.Option(
            metavar="int8|int8-static",
            help="Quantize the inputs of layers, with a scale per token, or a static one per layer.",
        ),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Text to calibrate static scales on.")
    ] = None,
    kv: Annotated[
        Literal["int8", "int4"] | None,
        typer.Option(metavar="int8|int4", help="Quantize the keys and values of attention."),
    ] = None,
    rest: Annotated[
        Literal["int8", "float"] | None,
        typer.Option(
            metavar="int8|float",
            help="What the head and layers that are not in RUN compute with: int8, as halo score has it, or floating "
            "point, as in papers. Default: int8, and float for a model as it is.",
        ),
    ] = None,
    scale_bits: Annotated[
        int,
        typer.Option(metavar="16|32", help="Bits of a stored scale; 16 rounds scales to half precision."),
    ] = 32,
    tasks: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of lm-evaluation-harness tasks and groups: YAML files and their data, read offline.",
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A task or group of that folder to run; repeatable. Default: all."),
    ] = None,
    few_shot: Annotated[
        int | None,
        typer.Option(metavar="N", help="Tasks: show N examples before each question. Default: as the task says."),
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Tasks: use only the first N samples of each.")] = None,
    log_samples: Annotated[
        bool,
        typer.Option("--log-samples", help="Tasks: also write every question and answer, to samples.jsonl in DIR."),
    ] = False,
    model: Annotated[Path | None, typer.Option(metavar="MODEL", help="The original model, if it has moved.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of the tokenizer. Default: that of the model.")
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            help="Compare each prediction with that of the float model. Without, the float model's perplexity is that "
            "of an earlier evaluation where there is one, which takes half the time."
        ),
    ] = True,
    dtype: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(metavar="float32|bfloat16", help="What the model computes in; bfloat16 takes half the memory."),
    ] = "float32",
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Threads of PyTorch and BLAS. They change the last bits of results. Default: all cores.",
        ),
    ] = None,
    run_folder: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output-folder", metavar="DIR", help="Folder to write the results to. Default: print them only."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a finished run in DIR.")] = False,
) -> None:
    """Measure how much accuracy a quantized model has lost.

    \b
    Examples:
      halo evaluate q/bal --text wiki.test.raw
      halo evaluate q/bal --text stories.txt --convention documents --activations int8 --kv int8
      halo evaluate q/bal --tasks tasks --limit 100 -o runs/accuracy
      halo evaluate q/bal --tasks tasks --task mmlu --few-shot 5 --log-samples -o runs/mmlu
      halo evaluate llama.Q4_K_M.gguf --text wiki.test.raw

    Perplexity, KL divergence to the float model, and the share of predictions with the same top token. Perplexities of
    two conventions do not compare; the one used is printed. With --activations int8, and --kv as --kv-bits of halo
    score, the model measured is the one that halo score prices. Needs PyTorch.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.evaluate import EvaluateConfig, evaluate_folder
    from halo.flow.quantization.texts import TextOptions
    from halo.report.evaluate import evaluate_report
    from halo.report.text import render

    config = EvaluateConfig(
        run=run,
        text=text,
        text_options=TextOptions(convention, length, windows),
        activations=activations,
        calibration=calibration,
        kv=kv,
        rest=rest,
        scale_bits=scale_bits,
        model=model,
        tokenizer=tokenizer,
        compare=compare,
        dtype=dtype,
        threads=threads,
        tasks=tasks,
        task=tuple(task or ()),
        few_shot=few_shot,
        limit=limit,
        log_samples=log_samples,
        run_folder=run_folder,
        force=force,
    )
    with StageProgress() as report:
        found = evaluate_folder(config, report)
    typer.echo(render(evaluate_report(found)))
