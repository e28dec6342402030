# SPDX-License-Identifier: Apache-2.0
"""``halo quantize``. The options of the methods are those that ``halo.quant.quantizers`` has, and so is their help.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

from halo.quant.quantizers import QUANTIZERS, Quantizer, names_where, options_of, owners_of

_FISHER = ", ".join(row.name for row in QUANTIZERS.values() if row.fisher)
_NEEDY = names_where(row for row in QUANTIZERS.values() if row.inputs == "needs")
_TABLED = names_where(row for row in QUANTIZERS.values() if row.table)


def _command(
    context: typer.Context,
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="Hugging Face folder, .gguf file, or matrices in .npy, .npz or .safetensors."
        ),
    ],
    method: Annotated[str, typer.Option(metavar="|".join(QUANTIZERS), help="Quantization method.")] = "halo",
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|weights.csv", help=f"Characterized MAC. {_TABLED} needs it; the others report clocks with it."
        ),
    ] = None,
    corner: Annotated[str | None, typer.Option(metavar="NAME", help="Corner of the table, if it has several.")] = None,
    fisher: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"{_FISHER}: how much each weight matters, as fisher.safetensors of another run. Default: from the "
            "calibration text, if one is given.",
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="TEXT",
            help=f"Text to calibrate on; needs PyTorch. Required for {_NEEDY}.",
        ),
    ] = None,
    convention: Annotated[
        Literal["papers", "documents"],
        typer.Option(
            metavar="papers|documents", help="Text: join its lines; or keep it, with BOS before every window."
        ),
    ] = "papers",
    length: Annotated[
        int | None, typer.Option(metavar="N", help="Text: tokens per window. Default: at most 2048.")
    ] = None,
    windows: Annotated[int, typer.Option(metavar="N", help="Text: use the first N windows.")] = 128,
    threads: Annotated[
        int, typer.Option(metavar="N", help="Threads of PyTorch and BLAS. They change the last bits of results.")
    ] = 1,
    dtype: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(
            metavar="float32|bfloat16", help="Text: what the model computes in; bfloat16 takes half the memory."
        ),
    ] = "float32",
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Text: folder of the tokenizer. Default: that of the model.")
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Quantize only these layers; * matches any text. Repeatable."),
    ] = None,
    export: Annotated[
        Literal["w8a8"] | None, typer.Option(metavar="w8a8", help="Also write an int8 compressed-tensors checkpoint.")
    ] = None,
    *,
    run_folder: Annotated[
        Path, typer.Option("-o", "--output-folder", metavar="DIR", help="Folder to write the results to.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a finished or unfinished run in DIR.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run that had the same options.")
    ] = False,
    **of_methods: Any,
) -> None:
    """Quantize a language model to weights that are fast in the MAC.

    \b
    Examples:
      halo quantize llama --table runs/default --fisher fisher.safetensors -o q/bal
      halo quantize llama --table runs/default --calibration text.txt --tile 64 --variant acc -o q/acc --export w8a8
      halo quantize llama --method left-aligned --bits 4 --group 128 --table runs/default -o q/int4
      halo quantize llama --method gptq --calibration text.txt --layers "*.mlp.*" -o q/gptq --resume

    \b
    DIR appears only when the run is complete; finished layers of an interrupted run wait in DIR.partial.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.quantization.texts import TextOptions
    from halo.flow.quantize import QuantizeConfig, quantize_model
    from halo.report.quantize import quantize_report
    from halo.report.text import render

    config = QuantizeConfig(
        model=model,
        run_folder=run_folder,
        options=options_of(method, _given(context, of_methods)),
        table=table,
        corner=corner,
        fisher=fisher,
        calibration=calibration,
        text_options=TextOptions(convention, length, windows),
        threads=threads,
        dtype=dtype,
        tokenizer=tokenizer,
        layers=tuple(layers or ()),
        export=export,
        force=force,
        resume=resume,
    )
    with StageProgress() as report:
        run = quantize_model(config, report)
    typer.echo(render(quantize_report(run)))


def _fields() -> Iterator[tuple[Quantizer, dataclasses.Field[Any]]]:
    """Every option of a method that the command line has, by the first method that has it."""
    seen = set()
    for row in QUANTIZERS.values():
        for field in dataclasses.fields(row.options):
            if field.metadata and field.name not in seen:
                seen.add(field.name)
                yield row, field


def _help(field: dataclasses.Field[Any]) -> str:
    """What an option does, which methods have it, and what they take where it is left out and they differ."""
    owners = owners_of(field.name)
    others = [name for name in QUANTIZERS if name not in owners]
    said: str = field.metadata["help"]
    usual, unusual = _defaults(field.name)
    if unusual:
        said += ". Default: " + "".join(f"{value} for {names}, " for value, names in unusual.items()) + f"else {usual}"
    if len(others) <= 2:
        return f"{said[0].upper()}{said[1:]}." + (f" Not for {' and '.join(others)}." if others else "")
    return f"{', '.join(owners)}: {said}."


def _defaults(name: str) -> tuple[Any, dict[Any, str]]:
    """The default of an option with most of the methods, and names of the methods by the other defaults."""
    by_value: dict[Any, list[Quantizer]] = {}
    for row in QUANTIZERS.values():
        for field in dataclasses.fields(row.options):
            if field.name == name:
                by_value.setdefault(field.default, []).append(row)
    usual = max(by_value, key=lambda value: len(by_value[value]))
    return usual, {value: names_where(rows) for value, rows in by_value.items() if value != usual}


_TYPES = {row.name: get_type_hints(row.options) for row in QUANTIZERS.values()}
"""Of every method's options, read once: every command waits for this."""


def _parameter(row: Quantizer, field: dataclasses.Field[Any]) -> inspect.Parameter:
    """The parameter of the command for an option of a method."""
    kind = _TYPES[row.name][field.name]
    flag = "--" + (field.metadata["flag"] or field.name).replace("_", "-")
    usual, unusual = _defaults(field.name)
    default = None if unusual else usual
    metavar: str | None
    if kind is bool:
        flags, metavar = ((flag, f"--no-{flag[2:]}") if default else (flag,)), None
    elif get_origin(kind) is Literal:
        flags, metavar = (flag,), "|".join(get_args(kind))
    elif get_origin(kind) is tuple:
        kind, default = list[get_args(kind)[0]] | None, None  # type: ignore[misc]
        flags, metavar = (flag,), "N"
    else:
        plain = next(part for part in get_args(kind) or (kind,) if part is not type(None))
        kind = plain if default is not None else plain | None
        flags, metavar = (flag,), "N" if plain is int else "X"
    shown = typer.Option(*flags, metavar=field.metadata["metavar"] or metavar, help=_help(field))
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, shown]
    )


def _given(context: typer.Context, values: dict[str, Any]) -> dict[str, Any]:
    """The options of methods that were given, whatever they say; a default asks for nothing."""
    given = {}
    for _, field in _fields():
        source = context.get_parameter_source(field.name)
        if source is None or source.name not in ("COMMANDLINE", "ENVIRONMENT"):
            continue
        value = values[field.name]
        if isinstance(value, list):
            value = tuple(value)
        absent = field.metadata["absent"]
        given[field.name] = None if absent is not None and value == absent else value
    return given


def _with_options_of_methods(function: Callable[..., None]) -> Callable[..., None]:
    """The command with its ``**of_methods`` replaced by a parameter for each option of a method, after ``corner``."""
    signature = inspect.signature(function, eval_str=True)
    fixed = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    place = 1 + next(i for i, p in enumerate(fixed) if p.name == "corner")
    parameters = [*fixed[:place], *(_parameter(row, field) for row, field in _fields()), *fixed[place:]]
    named = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]

    def command(**values: Any) -> None:
        function(**values)

    command.__doc__ = function.__doc__
    command.__annotations__ = {p.name: p.annotation for p in named}
    command.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]
    return command


command = _with_options_of_methods(_command)
