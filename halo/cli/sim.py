"""``halo sim``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from halo.cli.parse import parse_parameters
from halo.errors import HaloError


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Testbench; none: list them.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the testbenches with their parameters.")] = False,
    simulator: Annotated[
        Literal["icarus", "verilator"],
        typer.Option(metavar="icarus|verilator", help="Starts at once; or builds a fast program first."),
    ] = "icarus",
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Parameter of the testbench's top level.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of every random choice.")] = 1,
    test: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this test; several are possible.")
    ] = None,
    waves: Annotated[
        Path | None, typer.Option(metavar="FILE.fst", help="Record every signal, for GTKWave or Surfer.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE.xml", help="Write the results as JUnit XML.")] = None,
    run_folder: Annotated[
        Path | None,
        typer.Option("-o", "--output-folder", metavar="DIR", help="Keep run.json and logs; --gates: runs/NAME_gates."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what stands there.")] = False,
    gates: Annotated[
        bool, typer.Option("--gates", help="Play pe or systolic_ws as gates with delays, at a clock (Icarus).")
    ] = False,
    liberty: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="--gates: Liberty file; several are the files of one corner."),
    ] = None,
    dont_use: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="--gates: cells that synthesis must not use.")
    ] = None,
    period_ps: Annotated[
        float | None, typer.Option(metavar="PS", min=0.0, help="--gates: clock period; none: the class's proven one.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="W,W,...", help="--gates: weights of the class; none: the fastest class.")
    ] = None,
    class_of: Annotated[
        int | None, typer.Option(metavar="W", help="--gates: the class of all weights as fast as this one.")
    ] = None,
    cycles: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="--gates: clocks without a wrong result; none: 100,000, a mesh 5,000."),
    ] = None,
) -> None:
    """Run a testbench of the RTL in Icarus Verilog or Verilator.

    \b
    Examples:
      halo sim --list
      halo sim pe --param MULTIPLIER=booth_r4 --param PIPELINE=1
      halo sim systolic_ws --simulator verilator --param ROWS=8 --param COLUMNS=8
      halo sim pe --test random_slots --waves pe.fst --junit pe.xml
      halo sim pe --gates --liberty cells.lib
      halo sim systolic_ws --gates --liberty cells.lib --param ROWS=2 --param COLUMNS=2 -o runs/mesh_gates

    Exit code 1 when a test fails.
    """
    from halo.cli.progress import StageProgress
    from halo.flow.simulation import SimulationConfig, run_simulation
    from halo.report.simulate import benches_report, simulation_report
    from halo.report.text import render

    if listed or name is None:
        typer.echo(render(benches_report()))
        return
    only_gates = {
        "--liberty": liberty,
        "--dont-use": dont_use,
        "--period-ps": period_ps,
        "--weights": weights,
        "--class-of": class_of,
    }
    only_benches = {"--test": test, "--waves": waves, "--junit": junit, "--simulator verilator": simulator != "icarus"}
    _refuse_options(only_benches if gates else {**only_gates, "--cycles": cycles}, gates)
    if gates:
        from halo.flow.gate_level.proof import GatesConfig, parse_weights, play_gates
        from halo.plot.error_rate import draw_error_rate
        from halo.report.gates import gates_report

        proof = GatesConfig(
            bench=name,
            liberty=tuple(liberty or ()),
            dont_use=tuple(dont_use or ()),
            run_folder=run_folder or Path("runs") / f"{name}_gates",
            params=parse_parameters(param or ()),
            weights=parse_weights(weights) if weights is not None else (),
            class_of=class_of,
            period_ps=period_ps,
            cycles=cycles,
            seed=seed,
            force=force,
        )
        with StageProgress() as report:
            proven = play_gates(proof, report, finish=draw_error_rate)
        typer.echo(render(gates_report(proof.run_folder)))
        if not proven:
            raise typer.Exit(1)
        return
    config = SimulationConfig(
        bench=name,
        simulator=simulator,
        params=parse_parameters(param or ()),
        seed=seed,
        tests=tuple(test or ()),
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
