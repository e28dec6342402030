# SPDX-License-Identifier: Apache-2.0
"""``score.csv``: a row for each layer and a total for each method, in whole picoseconds and picojoules.

Rows add up to their total exactly.

Tests: tests/flow/test_score.py.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from halo.dvfs.cost import LayerCost
from halo.dvfs.points import Dvfs, OperatingPoint, period_ps
from halo.dvfs.sequence import LayerRun
from halo.errors import HaloError
from halo.flow.scoring.columns import column, headers, is_header, summed_headers
from halo.workload.footprint import Footprint
from halo.workload.gemm import Gemm, VectorOperation, layer_name

SCORES = "score.csv"
SCHEDULE = "schedule.json"
TOTAL = "total"
VECTOR = "vector"

_Row = dict[str, Any]
_NOT_OF_VECTORS = ("macs", "weight_bytes", "activation_bytes", "result_bytes")


@dataclass(frozen=True)
class LayerScore:
    """A layer with the way chosen to run it.

    Attributes:
        gemm: what is computed.
        cost: of one of its equal products, or of all.
        run: of all of them, in their place.
        times: how often the cost counts, and its segments are run through.
    """

    gemm: Gemm
    cost: LayerCost
    run: LayerRun
    times: int


@dataclass(frozen=True)
class VectorScore:
    """A vector operation.

    Attributes:
        operation: what is computed.
        run: None: nothing models the unit.
        cycles: of its clock.
        point: at which it runs, whatever the array does.
    """

    operation: VectorOperation
    run: LayerRun | None
    cycles: int
    point: OperatingPoint


@dataclass(frozen=True)
class MethodScore:
    """A method on a model.

    Attributes:
        label: of the method.
        dvfs: its operating points.
        layers: in the order of computation.
        vectors: operations beside them.
        footprint: peak memory.
        weight_bits: mean stored bits of the blocks' linear layers.
    """

    label: str
    dvfs: Dvfs
    layers: tuple[LayerScore, ...]
    vectors: tuple[VectorScore, ...]
    footprint: Footprint
    weight_bits: float

    @property
    def runs(self) -> list[LayerRun]:
        """Runs of layers and vector operations."""
        return [layer.run for layer in self.layers] + [v.run for v in self.vectors if v.run is not None]

    @property
    def time_ps(self) -> int:
        """Time of one pass."""
        return sum(run.time_ps for run in self.runs)

    @property
    def energy_pj(self) -> int:
        """Energy of one pass."""
        return sum(run.energy_pj for run in self.runs)

    @property
    def edp_js(self) -> float:
        """Energy times delay, joule seconds."""
        return self.energy_pj * self.time_ps * 1e-24

    @property
    def memory_share(self) -> float:
        """Share of the time in layers bound by memory."""
        return sum(layer.run.time_ps for layer in self.layers if layer.cost.bound == "memory") / self.time_ps

    @property
    def utilisation(self) -> float:
        """MACs over those that the machine could do while the layers run."""
        return sum(layer.gemm.macs for layer in self.layers) / sum(
            layer.gemm.macs / layer.cost.utilisation for layer in self.layers
        )

    @property
    def mean_clock_ghz(self) -> float:
        """Clocks of the layers over the time they compute, stalls and changes left out."""
        cycles = sum(s.cycles * layer.times for layer in self.layers for s in layer.cost.segments)
        return cycles * 1e3 / sum(layer.run.compute_ps for layer in self.layers)


def write_scores(folder: Path, scores: Sequence[MethodScore]) -> Path:
    """Write ``score.csv``: the rows of each method, then its total.

    Raises:
        HaloError: a layer whose parts do not add up, which nothing in the input can cause.
    """
    columns = headers(point_names(scores))
    path = folder / SCORES
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for score in scores:
            writer.writerows(rows_of(score))
    return path


def read_scores(folder: Path) -> pd.DataFrame:
    """``score.csv`` of a run of ``halo score``; whole numbers are nullable Int64.

    Raises:
        HaloError: there is none, or it has a column that no score has.
    """
    path = folder / SCORES
    if not path.is_file():
        raise HaloError("no scores here", "Give a folder of halo score.", folder)
    frame = pd.read_csv(path)
    for name in frame.columns:
        if not is_header(name):
            raise HaloError(f"column {name!r} is none of a score", "Take score.csv as halo score wrote it.", path)
    return frame.astype({name: "Int64" for name in frame.columns if column(name).kind == "whole"})


def point_names(scores: Iterable[MethodScore]) -> list[str]:
    """Operating points that ``score.csv`` has columns for: each once, whichever methods have it."""
    layers = [point.name for score in scores for point in score.dvfs.points]
    vectors = [vector.point.name for score in scores for vector in score.vectors if vector.run is not None]
    return list(dict.fromkeys([*layers, *vectors]))


def rows_of(score: MethodScore) -> list[_Row]:
    """Rows of a method: its layers, its vector operations, its total."""
    rows = [_layer_row(score, layer) for layer in score.layers]
    rows += [_vector_row(score, vector) for vector in score.vectors]
    return [*rows, _total_row(score, rows)]


def _layer_row(score: MethodScore, layer: LayerScore) -> _Row:
    gemm, cost, run = layer.gemm, layer.cost, layer.run
    cycles, times = [0] * len(score.dvfs.points), [0] * len(score.dvfs.points)
    for segment in cost.segments:
        cycles[segment.point] += segment.cycles * layer.times
        times[segment.point] += period_ps(segment.cycles, score.dvfs.points[segment.point]) * layer.times
    _require(layer, sum(times) == run.compute_ps, "times at the operating points do not add up to the compute time")
    _require(layer, cost.macs * layer.times == gemm.macs, "multiply-accumulates are lost or made")
    _require(layer, 0 < cost.utilisation <= 1, "more multiply-accumulates than the array can do, or none")
    row: _Row = {
        "method": score.label,
        "layer": gemm.name,
        "role": gemm.role,
        "m": gemm.m,
        "k": gemm.k,
        "n": gemm.n,
        "count": gemm.count,
        "cycles": sum(cycles),
        **asdict(run),
        "time_ps": run.time_ps,
        "energy_pj": run.energy_pj,
        "macs": gemm.macs,
        "weight_bytes": cost.weight_bytes * layer.times,
        "activation_bytes": cost.activation_bytes * layer.times,
        "result_bytes": cost.result_bytes * layer.times,
        "utilisation": f"{cost.utilisation:.6f}",
        "bound": cost.bound,
    }
    for point, clocks, time in zip(score.dvfs.points, cycles, times, strict=True):
        row |= {f"cycles_{point.name}": clocks, f"time_{point.name}_ps": time}
    return row


def _vector_row(score: MethodScore, vector: VectorScore) -> _Row:
    """``m`` are the elements, ``count`` the operations; empty fields where nothing models the unit."""
    operation, run = vector.operation, vector.run
    name = layer_name(operation.block, f"{operation.name} (vector)")  # a layer may have the same one
    row: _Row = {"method": score.label, "layer": name, "role": VECTOR}
    row |= {"m": operation.elements, "count": operation.operations}
    if run is None:
        return row
    return {
        **row,
        **asdict(run),
        **dict.fromkeys(_NOT_OF_VECTORS, 0),
        "cycles": vector.cycles,
        f"cycles_{vector.point.name}": vector.cycles,
        f"time_{vector.point.name}_ps": run.compute_ps,
        "time_ps": run.time_ps,
        "energy_pj": run.energy_pj,
        "bound": "compute",
    }


def _total_row(score: MethodScore, rows: Sequence[_Row]) -> _Row:
    """Exact sums; the utilisation is that of the layers, while they run."""
    total: _Row = {name: sum(row.get(name, 0) for row in rows) for name in summed_headers(point_names([score]))}
    # Each layer's share of what the array could have done meanwhile gives that of the whole.
    bound: Literal["memory", "compute"] = "memory" if score.memory_share > 0.5 else "compute"
    whole = {"utilisation": f"{score.utilisation:.6f}", "bound": bound}
    return {"method": score.label, "layer": TOTAL, "role": TOTAL, **total, **whole}


def _require(layer: LayerScore, holds: bool, what: str) -> None:
    if not holds:
        raise HaloError(f"{layer.gemm.name}: {what}", "Report this with the files you gave.")
