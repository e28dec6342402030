# SPDX-License-Identifier: Apache-2.0
"""``halo synth``.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halo.cli.design_options import Defines, DontUse, FileLists, Files, Includes, MaxFanout, Params, Synth, Top
from halo.cli.parse import parse_defines, parse_parameters


def command(
    files: Files = None,
    file_list: FileLists = None,
    define: Defines = None,
    include: Includes = None,
    top: Top = None,
    param: Params = None,
    synth: Synth = "structural",
    dont_use: DontUse = None,
    max_fanout: MaxFanout = None,
    *,
    liberty: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="Liberty cell library, plain or .gz. Repeat it for a corner that is split over several files.",
        ),
    ],
    run_folder: Annotated[
        Path, typer.Option("-o", "--output-folder", metavar="DIR", help="Folder to write the results to.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a finished run in DIR.")] = False,
) -> None:
    """Synthesize a design to the gates of a cell library.

    \b
    Examples:
      halo synth mac.v --param WIDTH=8 --liberty cells.lib -o runs/gates
      halo synth --synth flat --liberty cells.lib -o runs/default_flat
      halo synth --liberty cells.lib --dont-use 'XNOR*' -o runs/without_xnor
    """
    from halo.cli.progress import StageProgress
    from halo.flow.synthesis import SynthesisConfig, synthesize_into
    from halo.report.synthesis import synthesis_report
    from halo.report.text import render

    config = SynthesisConfig(
        liberty=tuple(liberty),
        run_folder=run_folder,
        files=tuple(files or ()),
        file_lists=tuple(file_list or ()),
        defines=parse_defines(define or ()),
        include_dirs=tuple(include or ()),
        top=top,
        params=parse_parameters(param or ()),
        synth=synth,
        dont_use=tuple(dont_use or ()),
        max_fanout=max_fanout,
        force=force,
    )
    with StageProgress() as report:
        run = synthesize_into(config, report)
    typer.echo(render(synthesis_report(run)))
