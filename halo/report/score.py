# SPDX-License-Identifier: Apache-2.0
"""What ``halo score`` prints: time, energy and memory of each method, assumptions and files.

Tests: tests/flow/test_score.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from halo.flow.runs.provenance import RunRecord, read_record
from halo.report.model import Report, Section, Table, closing, four_digits, scaled

BASELINE = "w8a8"
"""Method that the others are compared with, where it is scored."""

_HEAD = ("method", "time", "energy", "EDP", "time /", "energy /", "memory-", "in", "mean")
_UNITS = ("", "", "", "", BASELINE, BASELINE, "bound", "use", "clock")
_MEMORY_HEAD = ("peak memory", "bits a weight", "weights", "KV cache", "activations")


def score_report(run_folder: Path) -> Report:
    """Report of a run of ``halo score``.

    Raises:
        HaloError: no such run.
    """
    record = read_record(run_folder)
    config, results = record.config, record.results
    methods: Mapping[str, Mapping[str, float]] = results["methods"]
    tokens = "tokens" if config["phase"] == "prefill" else "tokens in the cache"
    title = (
        f"{results['model']}, {config['phase']}, batch {config['batch']}, {config['context']:,} {tokens}, "
        f"on {results['machine']}: {results['macs']:,} multiply-accumulates"
    )
    costs = Table(_HEAD, [_row(name, own, methods.get(BASELINE)) for name, own in methods.items()], units=_UNITS)
    memory = Table(_MEMORY_HEAD, [_memory_row(name, own) for name, own in methods.items()])
    tables: list[str | Table] = [_points(record), "", costs, "", memory]
    own: Mapping[str, Mapping[str, Any]] = results.get("macs_of_methods", {})
    if own:
        tables += ["", Table(("method", "MAC", "elements"), [_mac_row(name, mac) for name, mac in own.items()])]
    body = Section("", tables)
    return Report(title, [body, *closing(record.assumptions, sorted(run_folder.iterdir()))])


def _row(name: str, own: Mapping[str, float], baseline: Mapping[str, float] | None) -> tuple[str, ...]:
    time, energy = own["time_ps"], own["energy_pj"]
    ratios = ("", "")
    if baseline is not None:
        ratios = (f"{time / baseline['time_ps']:.3f}", f"{energy / baseline['energy_pj']:.3f}")
    return (
        name,
        scaled(time * 1e-12, "s"),
        scaled(energy * 1e-12, "J"),
        scaled(own["edp_js"], "Js"),
        *ratios,
        f"{own['memory_bound_share']:.0%}",
        f"{own['utilisation']:.1%}",
        f"{four_digits(own['mean_clock_ghz'])} GHz",
    )


def _memory_row(name: str, own: Mapping[str, float]) -> tuple[str, ...]:
    sizes = (scaled(own[key], "B") for key in ("weights_bytes", "kv_cache_bytes", "activations_bytes"))
    return (name, f"{own['weight_bits']:.3f}", *sizes)


def _mac_row(name: str, own: Mapping[str, Any]) -> tuple[str, ...]:
    return name, own["table"], f"{own['rows']} x {own['columns']}" if "rows" in own else ""


def _points(record: RunRecord) -> str:
    told: Sequence[Mapping[str, Any]] = record.results["operating_points"]
    points = ", ".join(f"{p['name']} {p['voltage_v']:g} V {four_digits(p['frequency_ghz'])} GHz" for p in told)
    timing = "clocks by the table" if record.results["timing"] == "table" else "clocks assumed"
    return f"operating points ({record.results['voltages']}-voltage, {timing}): {points}"
