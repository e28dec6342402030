# SPDX-License-Identifier: Apache-2.0
"""What a layer costs on a systolic array, for each sensible way to run it.

Every way goes through the same loads of the array. They differ in the operating point of each class, in the order of
the loads and in the rows of activations that pass at once:

- *one clock*: the whole GEMM at a point at which its slowest class is safe, no change;
- *grouped by class*: within a pass (see ``memory``) the loads of a class follow each other, and the next pass begins
  with the class that this one ended with: one change a pass for two classes. Between passes nothing can be put off,
  for the accumulators are full: they, not the order, set how many changes a layer takes.

A pass goes through one column of weight tiles with as many rows as the accumulators hold, or through 2, 4, ... all of
them with fewer rows: as many passes, but other traffic, for chunks of fewer rows stay in the activation buffer while
weights come again for each. Where rows are few (decode), one pass takes them all. Chunks shorter than the array has
rows are left out, for then loading takes longer than computing. More than one column at a time needs accumulators that
keep several output tiles, which the weight-stationary RTL does not have.

An element may hold several weights at once (``LayerWeights.lanes``): a load then covers as many rows of K for each row
of elements. A weight that comes in parts (``passes``) takes a load for each, one after the other; sums of the parts are
shifted where they are accumulated. Only clocks, loads and sums change: the products are the same.

A weight-stationary load is a tile of weights. An output-stationary one is a column of output tiles: their sums never
leave the array before they are complete, so K is not split, and a column is as slow as its slowest weight.

Not counted: the class gap of a first load whose clock differs from that of the layer before; it is not known here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from halo.arch.systolic.array import SystolicArch
from halo.arch.systolic.load_classes import Loads, classify
from halo.arch.systolic.load_clocks import Clocked, OsClocks, Runs, WsClocks, clock
from halo.arch.systolic.memory import F64, I64, Formats, Plan, double_buffer, plan_columns, plan_passes
from halo.arch.weights import Element, LayerWeights, TileClass
from halo.dvfs.cost import LayerCost, Segment
from halo.dvfs.points import Dvfs, change_ps, period_ps
from halo.errors import HaloError
from halo.workload.gemm import Gemm, VectorOperation

WORTH = 0.005
"""Of the time of a layer: what a way must save to be chosen for more energy than another takes."""

VECTOR_BYTES = 2
"""Of an element of a vector operation, FP16, read from and written to the activation buffer once."""


def layer_costs(
    arch: SystolicArch,
    gemm: Gemm,
    weights: LayerWeights,
    dvfs: Dvfs,
    element: Element,
    *,
    activation_bits: float = 8,
    memory_time: bool = True,
) -> tuple[LayerCost, ...]:
    """Ways to run one of the ``count`` equal products of a GEMM; the first: one clock, the fastest that is safe.

    Ways with one clock come first, by falling clock. A way is left out where another that begins and ends at the same
    operating points takes no more energy and no more time, or less than ``WORTH`` more, changes counted.

    - MACs with a weight or row that only fills up the array cost no energy of their own; the elements' overhead counts
      in every clock of computation (an array that waits is clock-gated), leakage always. Weights of the sparse part are
      zeros in the array, and MACs like all others.
    - The sparse part runs beside the array on its own unit at the first operating point; what it takes longer than the
      array is a stall. Its activations are those that pass anyway.
    - Results are requantized on their way out: they leave with ``activation_bits``.
    - Leakage is the mean over the operating points by the time spent at each.

    Args:
        arch: that runs it.
        gemm: sizes.
        weights: its classes from the slowest; of attention, one class of all values.
        dvfs: operating points of the array.
        element: what an element costs besides its MACs.
        activation_bits: in DRAM, of inputs and results.
        memory_time: False: memory and the sparse unit are never waited for; their energy still counts.

    Raises:
        HaloError: the classes fit neither the layer nor the operating points, no point is safe for all of a class, or
            an output-stationary array would have to add up passes.
    """
    size = (gemm.m, gemm.k, gemm.n)
    if min(size) < 1:
        raise HaloError(f"{gemm.name} is of size {size}", "Give 1 or more for each of m, k and n.")
    if weights.tile_class is None:
        shares = _Shares(
            weights.classes,
            weights.share,
            weights.stored_bits,
            weights.sparse_share,
            weights.operand,
            weights.lanes,
            weights.passes,
        )
        costs = _costs_of_shares(arch, size, shares, dvfs, element, activation_bits, memory_time)
    else:
        costs = _costs(arch, size, weights, dvfs, element, activation_bits, memory_time)
    if gemm.kind != "attention":
        return costs
    return tuple(replace(c, segments=tuple(replace(s, tile_class=-1) for s in c.segments)) for c in costs)


@dataclass(frozen=True)
class _Shares:
    """Weights of which only shares are known: equal where all of these are."""

    classes: tuple[TileClass, ...]
    share: tuple[float, ...]
    stored_bits: float
    sparse_share: float
    operand: Literal["int8", "fp16"]
    lanes: int
    passes: int


@lru_cache(maxsize=1024)
def _costs_of_shares(
    arch: SystolicArch,
    size: tuple[int, int, int],
    shares: _Shares,
    dvfs: Dvfs,
    element: Element,
    activation_bits: float,
    memory_time: bool,
) -> tuple[LayerCost, ...]:
    """Equal layers of equal shares cost the same: the blocks of a model are computed once."""
    weights = LayerWeights(
        classes=shares.classes,
        share=shares.share,
        tile=None,
        tile_class=None,
        stored_bits=shares.stored_bits,
        sparse_share=shares.sparse_share,
        operand=shares.operand,
        lanes=shares.lanes,
        passes=shares.passes,
    )
    return _costs(arch, size, weights, dvfs, element, activation_bits, memory_time)


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer on an array, before anything is decided about its clocks."""

    arch: SystolicArch
    size: tuple[int, int, int]
    weights: LayerWeights
    loads: Loads
    formats: Formats
    clocks: WsClocks | OsClocks
    dvfs: Dvfs
    element: Element
    memory_time: bool


def _costs(
    arch: SystolicArch,
    size: tuple[int, int, int],
    weights: LayerWeights,
    dvfs: Dvfs,
    element: Element,
    activation_bits: float,
    memory_time: bool,
) -> tuple[LayerCost, ...]:
    _, k, n = size
    stationary = arch.dataflow == "ws"
    lanes, passes = weights.lanes, weights.passes
    if passes > 1 and not stationary:
        what = f"weights of {arch.name} take {passes} passes, whose sums an output-stationary element cannot shift"
        raise HaloError(what, "Take a weight-stationary array, or MACs that take the whole weight.")
    loads = classify(weights, k, n, arch.rows * lanes if stationary else k, arch.columns)
    formats = Formats(weights.stored_bits, activation_bits, weights.operand_bytes, lanes, passes)
    clocks = WsClocks(arch.ws()) if stationary else OsClocks(arch.os(), -(-k // lanes))
    layer = _Layer(arch, size, weights, loads, formats, clocks, dvfs, element, memory_time)
    assignments = _assignments(weights.classes, loads, dvfs)
    one_clock: list[LayerCost] = []
    grouped: list[LayerCost] = []
    orders = list(_orders(layer, both_ways=len(assignments) > 1))
    for assignment in reversed(assignments):
        single = len(set(assignment[loads.weights.any(axis=1)])) == 1
        costs = [_cost(layer, assignment, runs, plan) for runs, plan, backwards in orders if not (single and backwards)]
        if single:
            one_clock += _best(dvfs, costs)
        else:
            grouped += costs
    return (*one_clock, *(cost for cost in _best(dvfs, one_clock + grouped) if len(cost.order) > 1))


def _best(dvfs: Dvfs, costs: list[LayerCost]) -> list[LayerCost]:
    """Costs worth choosing from, by rising time: of those with the same ends, none that buys hardly any time."""
    found: dict[tuple[int, int], list[tuple[float, int, LayerCost]]] = {}
    for cost in costs:
        order = cost.order
        waits_ps = change_ps(dvfs.points, order, dvfs.transition)
        pairs = itertools.pairwise(dvfs.points[point] for point in order)
        moves_pj = sum(dvfs.transition.energy_pj(before, after) for before, after in pairs)
        time_ps = cost.compute_ps + cost.stall_ps + waits_ps
        energy_pj = cost.core_pj + cost.buffer_pj + cost.dram_pj + moves_pj + cost.static_mw * time_ps * 1e-3
        found.setdefault((order[0], order[-1]), []).append((energy_pj, time_ps, cost))
    best: list[tuple[int, LayerCost]] = []
    for ways in found.values():
        least = float("inf")
        for _, time_ps, cost in sorted(ways, key=lambda way: way[:2]):
            if time_ps < (1 - WORTH) * least:
                best.append((time_ps, cost))
                least = time_ps
    return [cost for _, cost in sorted(best, key=lambda way: way[0])]


def _assignments(classes: tuple[TileClass, ...], loads: Loads, dvfs: Dvfs) -> list[I64]:
    """Operating point of the loads of each class, by rising clock: each class at its fastest up to some point.

    A load runs where all classes are safe of which loads of its class hold weights; -1: there is no such load.
    """
    safe: list[set[int]] = []
    for tile_class, held in zip(classes, loads.weights > 0, strict=True):
        safe.append(set.intersection(*(set(classes[c].points) for c in np.flatnonzero(held))) if held.any() else {-1})
        if not safe[-1]:
            what = f"no operating point of {dvfs.name} is safe for all tiles that share a load with {tile_class.name}"
            raise HaloError(what, "Add a point at which every weight is safe.")
    slowest = max(min(points) for points in safe)
    found = {tuple(max(p for p in points if p <= most) for points in safe) for most in range(slowest, len(dvfs.points))}
    return [np.array(assignment, np.int64) for assignment in sorted(found)]


def _orders(layer: _Layer, *, both_ways: bool) -> Iterator[tuple[Runs, Plan, bool]]:
    """Runs of loads in each order, with what memory does meanwhile; ``both_ways``: also from the fastest class on."""
    arch, (m, k, n) = layer.arch, layer.size
    directions = (False, True) if both_ways else (False,)
    if arch.dataflow == "os":
        kinds = layer.loads.classes[0].astype(np.int64)
        widths = np.minimum(arch.columns, n - arch.columns * np.arange(len(kinds)))
        for backwards in directions:
            order = np.argsort(-kinds if backwards else kinds, kind="stable")
            plan = plan_columns(arch, m, k, order, widths, layer.formats)
            yield _column_runs(arch, m, kinds, plan), plan, backwards
        return
    number = len(layer.weights.classes)
    columns = np.stack([(layer.loads.classes == c).sum(axis=0) for c in range(number)], axis=1)  # [column, class]
    for group in _groups(len(columns), min(m, arch.depth), arch):
        counts = layer.weights.passes * np.add.reduceat(columns, np.arange(0, len(columns), group), axis=0)
        chunks = -(-m // (arch.depth // group))
        plan = plan_passes(arch, m, k, n, group, -(-m // chunks), layer.formats)
        for backwards in directions:
            yield _pass_runs(counts, plan, backwards=backwards), plan, backwards


def _groups(columns: int, rows: int, arch: SystolicArch) -> list[int]:
    """Columns of weight tiles in a pass: as many as fit without cutting the rows smaller, then twice as many, ..."""
    group = min(columns, max(1, arch.depth // rows))
    groups = [group]
    while group < columns and arch.depth // min(2 * group, columns) >= arch.rows:
        group = min(2 * group, columns)
        groups.append(group)
    return groups


def _pass_runs(counts: I64, plan: Plan, *, backwards: bool) -> Runs:
    """Weight-stationary: classes in rising order in one pass, in falling order in the next."""
    passes, classes = len(plan.group), counts.shape[1]
    order = np.tile(np.arange(classes), (passes, 1))
    order[int(not backwards) :: 2] = order[int(not backwards) :: 2, ::-1]
    each = np.take_along_axis(counts[plan.group], order, axis=1)
    there = each.ravel() > 0
    share = plan.transfer_bytes / each.sum(axis=1)
    return Runs(
        loads=each.ravel()[there],
        rows=np.repeat(plan.rows, classes)[there],
        classes=order.ravel()[there],
        transfer_bytes=np.repeat(share, classes)[there],
    )


def _column_runs(arch: SystolicArch, m: int, kinds: I64, plan: Plan) -> Runs:
    """Output-stationary: full output tiles of a column, then its shorter one."""
    tiles = [count for count in (m // arch.rows, int(m % arch.rows > 0)) if count]
    rows = [height for height in (arch.rows if m >= arch.rows else 0, m % arch.rows) if height]
    passes = len(plan.group)
    return Runs(
        loads=np.tile(tiles, passes).astype(np.int64),
        rows=np.tile(rows, passes).astype(np.int64),
        classes=np.repeat(kinds[plan.group], len(tiles)),
        transfer_bytes=np.repeat(plan.transfer_bytes / sum(tiles), len(tiles)),
    )


def _cost(layer: _Layer, assignment: I64, runs: Runs, plan: Plan) -> LayerCost:
    arch, dvfs, (m, k, n) = layer.arch, layer.dvfs, layer.size
    point = assignment[runs.classes]
    clocked = clock(layer.clocks, runs, point)
    segments = _segments(clocked, runs, point)
    compute_ps = sum(period_ps(segment.cycles, dvfs.points[segment.point]) for segment in segments)
    ghz = np.array([each.frequency_ghz for each in dvfs.points])
    cycles = np.zeros(len(ghz))
    np.add.at(cycles, [s.point for s in segments], [s.cycles for s in segments])
    waits_ps: F64 = np.zeros(len(ghz))
    memory_ps = 0.0
    if layer.memory_time:
        at = point[clocked.run]
        per_byte = 1e3 / arch.dram_gb_s
        load_ps = clocked.cycles * 1e3 / ghz[at]
        transfer_ps = runs.transfer_bytes[clocked.run] * per_byte
        stalls = double_buffer(clocked.loads, load_ps, transfer_ps, plan.last_bytes * per_byte)
        np.add.at(waits_ps, at, stalls.waits_ps)
        memory_ps = stalls.transfer_ps
        sparse_ps = layer.weights.sparse_share * m * k * n / arch.sparse_lanes * 1e3 / ghz[0]
        waits_ps[0] += max(0.0, sparse_ps - compute_ps - waits_ps.sum())
    stall_ps = round(float(waits_ps.sum()))
    total_ps = compute_ps + stall_ps
    spent_ps = cycles * 1e3 / ghz + waits_ps
    busy_cycles = float((spent_ps * ghz).sum()) / 1e3
    core_fj = _mac_fj(layer, assignment) + float(arch.elements * (cycles * np.array(layer.element.overhead_fj)).sum())
    sparse_pj = layer.weights.sparse_share * m * k * n * arch.sparse_pj
    leakage_mw = float((spent_ps * np.array(layer.element.leakage_nw)).sum() / spent_ps.sum()) * arch.elements * 1e-6
    moved = plan.weight_bytes + plan.activation_bytes + plan.result_bytes
    return LayerCost(
        segments=segments,
        compute_ps=compute_ps,
        stall_ps=stall_ps,
        core_pj=round(core_fj / 1e3 + sparse_pj),
        buffer_pj=round(plan.buffer_pj),
        dram_pj=round(moved * 8 * arch.dram_pj_bit),
        static_mw=leakage_mw + arch.constant_mw,
        macs=m * k * n,
        weight_bytes=_up(plan.weight_bytes),
        activation_bytes=_up(plan.activation_bytes),
        result_bytes=_up(plan.result_bytes),
        utilisation=m * k * n * layer.weights.passes / (arch.elements * layer.weights.lanes * busy_cycles),
        bound="memory" if 2 * memory_ps > total_ps else "compute",
    )


def _segments(clocked: Clocked, runs: Runs, point: I64) -> tuple[Segment, ...]:
    first = np.flatnonzero(np.diff(clocked.segment, prepend=-1))
    columns = (
        point[clocked.run[first]],
        np.minimum.reduceat(runs.classes[clocked.run], first),
        np.add.reduceat(clocked.loads * clocked.cycles, first),
        np.add.reduceat(clocked.loads, first),
    )
    return tuple(Segment(*row) for row in zip(*(column.tolist() for column in columns), strict=True))


def _mac_fj(layer: _Layer, assignment: I64) -> float:
    """Each weight costs what its own class costs at the operating point of its load, once for every row."""
    energies = np.array([each.energy_fj for each in layer.weights.classes])  # [class, point]
    there = layer.loads.weights > 0
    load, own = np.nonzero(there)
    each = energies[own, assignment[load]]
    if np.isnan(each).any():
        name = layer.weights.classes[own[np.isnan(each)][0]].name
        raise HaloError(f"{name} has no energy at a point where it is said to be safe", "Give energy_fj at its points.")
    return float((layer.loads.weights[there] * each).sum()) * layer.size[0]


def _up(value: float) -> int:
    """Whole bytes, with room for the rounding of sums."""
    return int(np.ceil(value - 1e-6))


def vector_cost(arch: SystolicArch, operation: VectorOperation, dvfs: Dvfs, element: Element) -> LayerCost:
    """What a vector operation costs: alone, at the first operating point, on data in the activation buffer.

    Nothing of it overlaps with the array, whose elements leak meanwhile and are clock-gated. It has no MACs.

    Args:
        arch: with the vector unit.
        operation: what is computed.
        dvfs: operating points of the array.
        element: of the array, which leaks.
    """
    cycles = max(1, -(-operation.operations // arch.vector_lanes))
    return LayerCost(
        segments=(Segment(0, -1, cycles, 0),),
        compute_ps=period_ps(cycles, dvfs.points[0]),
        stall_ps=0,
        core_pj=round(operation.operations * arch.vector_pj),
        buffer_pj=round(2 * operation.elements * VECTOR_BYTES * arch.activation_pj_byte),
        dram_pj=0,
        static_mw=element.leakage_nw[0] * arch.elements * 1e-6 + arch.constant_mw,
        macs=0,
        weight_bytes=0,
        activation_bytes=0,
        result_bytes=0,
        utilisation=0.0,
        bound="compute",
    )
