"""The Python face of ``halo characterize`` and ``halo score``: files and options in, a table out."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import pandas as pd

from halo.characterization.table import WeightTable, load_table
from halo.config import CharacterizeConfig, Method, Synthesis, parse_corners
from halo.flow.characterize import characterize as run_characterization
from halo.flow.score import ScoreConfig, score_model
from halo.flow.scoring.table import read_scores
from halo.plot.run import draw_all
from halo.progress import Progress, silent

PathLike = str | Path


class Options(TypedDict, total=False):
    """Options of ``characterize``; meanings and defaults as in ``halo.config.CharacterizeConfig``."""

    top: str | None
    weight: str | None
    activation: str | None
    accumulator: str | None
    output: str | None
    clock: str | None
    params: Mapping[str, int | str]
    ties: Mapping[str, int]
    netlist: PathLike | None
    sdf: PathLike | None
    synth: Synthesis
    method: Method
    stimulus: str
    activations: PathLike | None
    input_slew_ps: float | None
    output_load_ff: float | None
    margin_ps: float
    register_overhead: bool
    psum_samples: int
    seed: int
    jobs: int | None
    force: bool


class ScoreOptions(TypedDict, total=False):
    """Options of ``score``; meanings and defaults as in ``halo.flow.score.ScoreConfig``."""

    corner: str | None
    arch: str
    dvfs: str
    transition: str | None
    phase: Literal["prefill", "decode"]
    batch: int
    context: int | None
    activation_bits: int
    kv_bits: int
    objective: Literal["time", "energy", "edp"]
    compute_bound: bool
    force: bool


def characterize(
    *files: PathLike,
    liberty: PathLike | Sequence[PathLike] = (),
    corners: Mapping[str, PathLike | Sequence[PathLike]] | None = None,
    run_folder: PathLike | None = None,
    report: Progress | None = None,
    **options: Unpack[Options],
) -> WeightTable:
    """Characterize a MAC and return its table.

    Args:
        files: Verilog sources; none: the default MAC (or ``netlist``).
        liberty: the Liberty file, or files, of one corner.
        corners: instead, Liberty files by corner name.
        run_folder: keep everything there, plots included; None: keep nothing but the table.
        report: called as ``report(stage, done, total)`` while the run goes on.
        options: see ``Options``.

    Raises:
        HaloError: bad input, a missing tool, or a folder that cannot be written.
    """
    if corners and not liberty:
        chosen = tuple((name, _paths(paths)) for name, paths in corners.items())
    else:
        chosen = parse_corners(_paths(liberty), corners or ())
    with tempfile.TemporaryDirectory(prefix="halo-") as scratch:
        config = CharacterizeConfig.from_dict(
            {
                **options,
                "params": list(options.get("params", {}).items()),
                "ties": list(options.get("ties", {}).items()),
                "files": files,
                "corners": chosen,
                "run_folder": run_folder if run_folder is not None else Path(scratch) / "run",
            }
        )
        config.require_files()
        finish = draw_all if run_folder is not None else None
        return load_table(run_characterization(config, report or silent, finish))


def score(
    model: PathLike,
    *,
    table: PathLike,
    methods: Sequence[str] = (),
    quantized: PathLike | Sequence[PathLike] = (),
    run_folder: PathLike | None = None,
    report: Progress | None = None,
    **options: Unpack[ScoreOptions],
) -> pd.DataFrame:
    """Score a model on an array or a GPU and return the rows of ``score.csv``.

    Args:
        model: built-in name, or a folder with ``config.json``.
        table: run folder of ``characterize``, or its ``weights.csv``.
        methods: names; with no quantized folder either: all.
        quantized: folders of ``halo quantize``.
        run_folder: keep everything there, plots included; None: keep nothing but the rows.
        report: called as ``report(stage, done, total)`` while the run goes on.
        options: see ``ScoreOptions``.

    Raises:
        HaloError: bad input, a schedule that the table does not allow, or a folder that cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="halo-") as scratch:
        config = ScoreConfig(
            str(model),
            Path(table),
            Path(run_folder) if run_folder is not None else Path(scratch) / "run",
            quantized=_paths(quantized),
            methods=tuple(methods),
            **options,
        )
        return read_scores(score_model(config, report or silent, draw_all if run_folder is not None else None))


def _paths(paths: PathLike | Sequence[PathLike]) -> tuple[Path, ...]:
    return (Path(paths),) if isinstance(paths, str | Path) else tuple(Path(p) for p in paths)
