"""All figures of a run of ``halo score``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from halo.arch.systolic.array import SystolicArch
from halo.dvfs.schedule import Schedule, read_schedules
from halo.flow.runs.provenance import read_record
from halo.flow.scoring.machine import Machine, read_machine
from halo.flow.scoring.methods import METHODS
from halo.flow.scoring.table import SCHEDULE, TOTAL, VECTOR, read_scores
from halo.plot.roofline import MARKS, roofline
from halo.plot.score import energy_bars, time_against_energy, time_bars
from halo.plot.timeline import schedule_timeline


def score_figures(run_folder: Path) -> dict[str, Figure]:
    """The figures by file name without ending.

    ``time``, ``energy``, ``time_against_energy``, ``roofline`` (of the first twelve methods), and ``timeline.METHOD``
    for each method that changes its operating point in the first block.

    Raises:
        HaloError: no scored run, or damaged files.
    """
    config = read_record(run_folder).config
    scores, schedules = read_scores(run_folder), read_schedules(run_folder / SCHEDULE)
    machine = read_machine(config["arch"])
    model = Path(config["model"]).name
    subject = f"{machine.hardware.name}, {config['phase']}, batch {config['batch']}, context {config['context']}"
    totals = scores[scores["role"] == TOTAL].assign(model=model)
    totals = totals.assign(label=totals["method"], family=[_family(method) for method in totals["method"]])
    products = scores[~scores["role"].isin((TOTAL, VECTOR))]
    methods = list(totals["method"])
    told = products[products["method"].isin(methods[: len(MARKS)])]
    figures = {
        "time": time_bars(totals, subject),
        "energy": energy_bars(totals, subject),
        "time_against_energy": time_against_energy(totals, f"{model}, {subject}"),
        "roofline": roofline(told.assign(label=told["method"]), *roofs(machine, schedules), f"{model}, {subject}"),
    }
    for method, schedule in zip(methods, schedules, strict=True):
        first = [
            segment.point
            for layer in schedule.layers
            if layer.name.startswith("block 0 ")
            for segment in layer.segments
        ]
        if len(set(first)) > 1:
            rows = products[products["method"] == method]
            figures[f"timeline.{method}"] = schedule_timeline(schedule, rows, f"{model}, {method}, {subject}")
    return figures


def _family(method: str) -> str:
    if method not in METHODS:
        return "quantized folder"
    if method.startswith("halo-"):
        return "HALO"
    return "left-aligned" if method.startswith("left-aligned") else "right-aligned"


def roofs(machine: Machine, schedules: Sequence[Schedule]) -> tuple[dict[str, float], float]:
    """Multiply-accumulates a second (1e12) at every operating point, and the bandwidth of DRAM (GB/s)."""
    peaks: dict[str, float] = {}
    for schedule in schedules:
        integer = any(weights.values for weights in schedule.classes)
        for point in schedule.dvfs.points:
            peaks[point.name] = 1e-3 * point.frequency_ghz * _macs_per_cycle(machine, integer=integer)
    hardware = machine.hardware
    bandwidth = hardware.dram_gb_s if isinstance(hardware, SystolicArch) else hardware.dram_measured_gb_s
    return peaks, bandwidth


def _macs_per_cycle(machine: Machine, *, integer: bool) -> float:
    hardware = machine.hardware
    if isinstance(hardware, SystolicArch):
        return float(hardware.elements)
    return hardware.macs_per_cycle(hardware.instruction(*(("int8", "int32") if integer else ("fp16", "fp32"))))
