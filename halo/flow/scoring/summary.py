"""A scored run in one screen of text: time, energy and memory of each method, assumptions and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from halo.flow.runs.provenance import RunRecord, read_record

BASELINE = "w8a8"
"""Method that the others are compared with, where it is scored."""

_SI = (("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0), ("m", 1e-3), ("µ", 1e-6), ("n", 1e-9), ("p", 1e-12))


def describe_score(run_folder: Path) -> str:
    """What a person wants to see first of a run of ``halo score``.

    Raises:
        HaloError: no such run.
    """
    record = read_record(run_folder)
    config, results = record.config, record.results
    methods: Mapping[str, Mapping[str, float]] = results["methods"]
    tokens = "tokens" if config["phase"] == "prefill" else "tokens in the cache"
    lines = [
        f"{results['model']}, {config['phase']}, batch {config['batch']}, {config['context']:,} {tokens}, "
        f"on {results['machine']}: {results['macs']:,} multiply-accumulates",
        _points(record),
        "",
        *_table([_HEAD, _UNITS, *(_row(name, own, methods.get(BASELINE)) for name, own in methods.items())]),
        "",
        *_table([_MEMORY_HEAD, *(_memory_row(name, own) for name, own in methods.items())]),
        "",
        "assumptions",
        *(f"  - {sentence}" for sentence in record.assumptions),
        "",
        "files",
        *(f"  {path}" for path in sorted(run_folder.iterdir())),
    ]
    return "\n".join(lines)


_HEAD = ("method", "time", "energy", "EDP", "time /", "energy /", "memory-", "in", "mean")
_UNITS = ("", "", "", "", BASELINE, BASELINE, "bound", "use", "clock")
_MEMORY_HEAD = ("peak memory", "bits a weight", "weights", "KV cache", "activations")


def _row(name: str, own: Mapping[str, float], baseline: Mapping[str, float] | None) -> tuple[str, ...]:
    time, energy = own["time_ps"], own["energy_pj"]
    ratios = ("", "") if baseline is None else (time / baseline["time_ps"], energy / baseline["energy_pj"])
    return (
        name,
        _scaled(time * 1e-12, "s"),
        _scaled(energy * 1e-12, "J"),
        _scaled(own["edp_js"], "Js"),
        *(ratio if isinstance(ratio, str) else f"{ratio:.3f}" for ratio in ratios),
        f"{own['memory_bound_share']:.0%}",
        f"{own['utilisation']:.1%}",
        f"{own['mean_clock_ghz']:.4g} GHz",
    )


def _memory_row(name: str, own: Mapping[str, float]) -> tuple[str, ...]:
    sizes = (_scaled(own[key], "B") for key in ("weights_bytes", "kv_cache_bytes", "activations_bytes"))
    return (name, f"{own['weight_bits']:.3f}", *sizes)


def _points(record: RunRecord) -> str:
    told: Sequence[Mapping[str, Any]] = record.results["operating_points"]
    points = ", ".join(f"{p['name']} {p['voltage_v']:g} V {p['frequency_ghz']:.4g} GHz" for p in told)
    timing = "clocks by the table" if record.results["timing"] == "table" else "clocks assumed"
    return f"operating points ({record.results['voltages']}-voltage, {timing}): {points}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    width = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, width, strict=True))
        )
        for row in rows
    ]


def _scaled(value: float, unit: str) -> str:
    for prefix, size in _SI:
        if value >= size:
            return f"{value / size:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}"
