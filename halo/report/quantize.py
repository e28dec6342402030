# SPDX-License-Identifier: Apache-2.0
"""What ``halo quantize`` prints: layers, bits and clock, assumptions and files.

Tests: tests/flow/test_quantize.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from halo.flow.quantization.layer_rows import name_patterns
from halo.flow.quantize import QuantizeResult
from halo.report.model import Report, Section, Table, closing, four_digits


def quantize_report(run: QuantizeResult) -> Report:
    """Report of a run of ``halo quantize``."""
    record = run.record
    results = record.results
    mean: Mapping[str, float] = results["mean"]
    part = "" if results["layers"] == results["model_layers"] else f" of {results['model_layers']}"
    size = f"{results['layers']:,}{part} layers, {results['weights']:,} weights"
    title = f"{run.method}: {size} in {record.wall_time_s:,.1f} s"
    lines: list[str] = [
        f"{mean['bits_per_weight']:.3f} bits a weight with scales and sparse part counted "
        f"({mean['bits_per_weight_fp16_scales']:.3f} with scales of 16 bits)"
    ]
    if "period_ns" in mean:
        lines.append(f"mean clock period {mean['period_ns']:.3f} ns, {four_digits(1 / mean['period_ns'])} GHz")
    if results["kept"]:
        lines.append(f"{results['kept']} layers are those of the interrupted run")
    return Report(
        title, [Section("", lines), _methods(run), *closing(record.assumptions, sorted(run.run_folder.iterdir()))]
    )


def _methods(run: QuantizeResult) -> Section:
    """What was done to which layers: a method may treat them differently."""
    rows = [
        (str(method), f"{len(names):,}", ", ".join(name_patterns(names)))
        for method, names in run.layers.groupby("method", sort=False)["layer"]
    ]
    return Section("methods", [Table(("", "layers", "which"), rows, "lrl")])
