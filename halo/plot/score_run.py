# SPDX-License-Identifier: Apache-2.0
"""All figures of a run of ``halo score``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from halo.dvfs.schedule import Schedule, read_schedules
from halo.flow.runs.provenance import read_record
from halo.flow.scoring.machine import Machine, SystolicMachine, read_machine
from halo.flow.scoring.stated import METHODS, Operand
from halo.flow.scoring.table import SCHEDULE, TOTAL, VECTOR, read_scores
from halo.plot.roofline import MARKS, roofline
from halo.plot.score import energy_bars, time_against_energy, time_bars
from halo.plot.timeline import schedule_timeline
from halo.workload.gemm import block_of


def score_figures(run_folder: Path) -> dict[str, Figure]:
    """The figures by file name without ending.

    ``time``, ``energy``, ``time_against_energy``, ``roofline`` (of the first twelve methods), and ``timeline.METHOD``
    for each method that changes its operating point in the first block.

    Raises:
        HaloError: no scored run, or damaged files.
    """
    record = read_record(run_folder)
    config = record.config
    scores, schedules = read_scores(run_folder), read_schedules(run_folder / SCHEDULE)
    machine = read_machine(config["arch"])
    model = Path(config["model"]).name
    subject = f"{machine.parameters.name}, {config['phase']}, batch {config['batch']}, context {config['context']}"
    totals = scores[scores["role"] == TOTAL].assign(model=model)
    totals = totals.assign(label=totals["method"], family=[_family(method, config) for method in totals["method"]])
    products = scores[~scores["role"].isin((TOTAL, VECTOR))]
    methods = list(totals["method"])
    told = products[products["method"].isin(methods[: len(MARKS)])]
    figures = {
        "time": time_bars(totals, subject),
        "energy": energy_bars(totals, subject),
        "time_against_energy": time_against_energy(totals, f"{model}, {subject}"),
        "roofline": roofline(
            told.assign(label=told["method"]),
            *roofs(machine, schedules, _sizes(machine, methods, record.results.get("macs_of_methods", {}))),
            f"{model}, {subject}",
        ),
    }
    for method, schedule in zip(methods, schedules, strict=True):
        first = [segment.point for layer in schedule.layers if block_of(layer.name) == 0 for segment in layer.segments]
        if len(set(first)) > 1:
            rows = products[products["method"] == method]
            figures[f"timeline.{method}"] = schedule_timeline(schedule, rows, f"{model}, {method}, {subject}")
    return figures


def _family(method: str, config: Mapping[str, Any]) -> str:
    """What a method is coloured by; ``config``: of the run, which names its folders."""
    folder = any(Path(path).name == method for path in config["quantized"])
    return "quantized folder" if folder else METHODS[method].family


def _sizes(machine: Machine, methods: Sequence[str], macs: Mapping[str, Mapping[str, Any]]) -> list[float]:
    """MACs a clock of each method's own array over those of the machine; 1 where it runs on the machine's."""
    own = [macs.get(method, {}) for method in methods]
    if not isinstance(machine, SystolicMachine):
        return [1.0] * len(own)
    elements = machine.arch.elements
    return [mac.get("lanes", 1) * mac["rows"] * mac["columns"] / elements if "rows" in mac else 1.0 for mac in own]


def roofs(
    machine: Machine | str, schedules: Sequence[Schedule], sizes: Sequence[float] = ()
) -> tuple[dict[str, float], float]:
    """Multiply-accumulates a second (1e12) at every operating point, and the bandwidth of DRAM (GB/s).

    Points of one name on several MACs have the roof of the highest.

    Args:
        machine: an array or GPU, or its name or file.
        schedules: with the operating points.
        sizes: of the array that each schedule runs on, as a multiple of the machine's; empty: all on the machine's.
    """
    if isinstance(machine, str):
        machine = read_machine(machine)
    peaks: dict[str, float] = {}
    for schedule, size in zip(schedules, sizes or [1.0] * len(schedules), strict=True):
        operand: Operand = "int8" if any(weights.values for weights in schedule.classes) else "fp16"
        for point in schedule.dvfs.points:
            peak = 1e-12 * size * machine.peak_macs(operand, point.frequency_ghz)
            peaks[point.name] = max(peak, peaks.get(point.name, 0.0))
    return peaks, machine.bandwidth_gb_s
