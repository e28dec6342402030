# SPDX-License-Identifier: Apache-2.0
"""``halo sim``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from halo.cli.design_options import Defines, FileLists, Includes, Top
from halo.cli.parse import parse_defines, parse_operands, parse_parameters
from halo.errors import HaloError


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Testbench to run. Without a name, all are listed.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the testbenches, their parameters and tests.")] = False,
    simulator: Annotated[
        Literal["icarus", "verilator"],
        typer.Option(
            metavar="icarus|verilator",
            help="Icarus starts at once; Verilator builds a program first and then runs faster.",
        ),
    ] = "icarus",
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set a parameter of the design under test. Repeatable."),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.v",
            help="Verilog of your own: the module that DUT or MULTIPLIER names, or one in place of halo's. Repeatable.",
        ),
    ] = None,
    file_list: FileLists = None,
    define: Defines = None,
    include: Includes = None,
    signed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="weight|activation",
            help="Read this operand of your module as signed, whatever is declared. Repeatable.",
        ),
    ] = None,
    top: Top = None,
    bench: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.py",
            help="cocotb tests of your own, instead of those of NAME. Without NAME they run on the design of --source.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of every random choice.")] = 1,
    test: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Run only this test. Repeatable.")] = None,
    max_failures: Annotated[
        int | None, typer.Option(metavar="N", help="Stop after N failing tests. Default: run them all.")
    ] = None,
    timeout_s: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="End a simulation that takes longer. Default: 600 with --bench; the tests of halo end by themselves.",
        ),
    ] = None,
    waves: Annotated[
        Path | None, typer.Option(metavar="FILE.fst", help="Write a waveform of every signal, for GTKWave or Surfer.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE.xml", help="Write the results as JUnit XML.")] = None,
    run_folder: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output-folder",
            metavar="DIR",
            help="Keep the record and logs here. Default with --gates: runs/NAME_gates.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing results.")] = False,
    gates: Annotated[
        bool,
        typer.Option(
            "--gates",
            help="Run pe, an array or tensor_core as gates with delays, in Icarus.",
        ),
    ] = False,
    liberty: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="--gates: Liberty cell library. Repeat it for a corner that is split over several files.",
        ),
    ] = None,
    dont_use: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="--gates: keep synthesis from using these cells. Repeatable."),
    ] = None,
    period_ps: Annotated[
        float | None,
        typer.Option(
            metavar="PS",
            help="--gates: clock period. Default: the shortest that is proven safe for the weights.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(metavar="W,W,...", help="--gates: weights to run. Default: the fastest frequency class."),
    ] = None,
    class_of: Annotated[
        int | None, typer.Option(metavar="W", help="--gates: run all weights that are at least as fast as this one.")
    ] = None,
    cycles: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="--gates: number of clock cycles to run. Default: 100,000, of arrays 5,000, of tensor_core 500.",
        ),
    ] = None,
) -> None:
    """Run a testbench of the RTL in Icarus Verilog or Verilator.

    \b
    Examples:
      halo sim --list
      halo sim pe --param MULTIPLIER=booth_r4 --param PIPELINE=1
      halo sim systolic_ws --simulator verilator --param ROWS=8 --param COLUMNS=8
      halo sim pe --source my_mul.v --param MULTIPLIER=my_mul
      halo sim --bench tb_my_mac.py --source my_mac.v
      halo sim pe --test random_slots --waves pe.fst --junit pe.xml
      halo sim pe --gates --liberty cells.lib
      halo sim systolic_ws --gates --liberty cells.lib --param ROWS=2 --param COLUMNS=2 -o runs/array_gates

    The exit code is 1 if a test fails.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.simulation import SimulationConfig, run_simulation
    from halo.report.simulate import benches_report, simulation_report
    from halo.report.text import render

    if listed or (name is None and bench is None):
        typer.echo(render(benches_report()))
        return
    only_gates = {
        "--liberty": liberty,
        "--dont-use": dont_use,
        "--period-ps": period_ps,
        "--weights": weights,
        "--class-of": class_of,
    }
    only_benches = {
        "--test": test,
        "--max-failures": max_failures,
        "--timeout-s": timeout_s,
        "--waves": waves,
        "--junit": junit,
        "--bench": bench,
        "--simulator verilator": simulator != "icarus",
    }
    _refuse_options(only_benches if gates else {**only_gates, "--cycles": cycles}, gates)
    own: dict[str, Any] = {
        "files": tuple(source or ()),
        "file_lists": tuple(file_list or ()),
        "defines": parse_defines(define or ()),
        "include_dirs": tuple(include or ()),
        "top": top,
        "params": parse_parameters(param or ()),
        "signed": parse_operands(signed or ()),
    }
    if gates and name is not None:
        from halo.flow.gate_level.proof import GatesConfig, parse_weights, play_gates
        from halo.plot.error_rate import draw_error_rate
        from halo.report.gates import gates_report

        proof = GatesConfig(
            bench=name,
            liberty=tuple(liberty or ()),
            dont_use=tuple(dont_use or ()),
            run_folder=run_folder or Path("runs") / f"{name}_gates",
            **own,
            weights=parse_weights(weights) if weights is not None else (),
            class_of=class_of,
            period_ps=period_ps,
            cycles=cycles,
            seed=seed,
            force=force,
        )
        with StageProgress() as report:
            proven = play_gates(proof, report, finish=draw_error_rate)
        typer.echo(render(gates_report(proven)))
        if not proven.passed:
            raise typer.Exit(1)
        return
    config = SimulationConfig(
        bench=name,
        testbench=bench,
        simulator=simulator,
        **own,
        seed=seed,
        tests=tuple(test or ()),
        max_failures=max_failures or 0,
        timeout_s=timeout_s,
        waves=waves,
        junit=junit,
        run_folder=run_folder,
        force=force,
    )
    with StageProgress() as report:
        result = run_simulation(config, report)
    typer.echo(render(simulation_report(config, result)))
    if not result.passed:
        raise typer.Exit(1)


def _refuse_options(given: Mapping[str, object], gates: bool) -> None:
    """Refuse options that do not go with ``--gates``, or without it.

    Raises:
        HaloError: one of them has a value.
    """
    for name, value in given.items():
        if value is not None and value is not False and value != []:
            raise HaloError(f"{name} does not go {'with' if gates else 'without'} --gates", f"Leave out {name}.")
