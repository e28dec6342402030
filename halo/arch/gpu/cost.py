# SPDX-License-Identifier: Apache-2.0
"""What a layer costs on a GPU's tensor cores: one kernel at one clock, or a kernel for each clock that its tiles allow.

**The table's MAC stands for the tensor core's.** Whether a weight is safe at a clock, and what its MAC takes, are those
of the per-weight table's MAC in the table's cells. Nothing else of the GPU is checked: register files, schedulers,
shared memory and the other cores share the SM's clock and are taken to follow it. No vendor publishes the paths of a
tensor core; what comes out says what such a MAC would allow in a GPU, not what a V100 can do.

**Types.** int8 runs as IMMA with int32 sums, fp16 as HMMA with fp32 sums. Where a device has no such instruction (V100:
no int8) there is an error, no silent way round: dequantized to fp16, the weights would run on another MAC than the
table's.

**Equal products** (``Gemm.count``: heads of attention) run side by side in one launch, as batched kernels run them; a
cost is that of all of them.

**One clock.** The whole product in a launch, at any operating point that is safe for every class with tiles.

**A launch for each clock.** Tiles of weights (``LayerWeights.tile`` a side) are gathered by class: the launch of a
class walks, for each column of tiles, through the k-slices of that class alone, and adds to the sums of the launch
before. Classes with the same fastest safe point share a launch. That takes CTA tiles no wider than the weights' tiles
(32 and more), more traffic of sums, activations that several launches read, and waves that wait for the column with
the longest list. With shares only, each launch has its share of k in all columns. The change of the clock between two
launches is counted by who strings segments together.

**Clocks.** The operating point is the SMs' and L2's; DRAM keeps its own.

**Energy.** MACs as in the table for what is multiplied; the element's overhead for every MAC slot of an issued
instruction, padding included (tensor cores that do nothing are taken as clock-gated). Operands and sums in registers,
shared memory, L2 and DRAM by bytes, at the device file's energies, whatever the voltage. Instruction fetch, scheduling,
address arithmetic, unpacking of short weights and the crossbar have no sourced figure and are not in. Static power is
the board's constant and each SM's idle power, which hold leakage: the table's leakage is not added.

**Sparse part.** Its weights are zeros for the tensor cores and MACs like all others; the SMs' other cores multiply them
beside, at the first operating point's clock and the first class's energy. What they take longer is a stall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from halo.arch.gpu.device import Device, Mma
from halo.arch.gpu.waves import GemmSlice, Launch, best_launch, whole_gemm
from halo.arch.weights import Element, LayerWeights
from halo.dvfs.cost import LayerCost, Segment
from halo.dvfs.points import Dvfs, period_ps
from halo.errors import HaloError
from halo.workload.gemm import Gemm

SUMS = {"int8": "int32", "fp16": "fp32"}
NARROWEST = 32
"""Side of the smallest tiles of weights that CTA tiles come in."""
_SIDE = 128
"""Of a tile of weights where the method states none: only to count them."""


@dataclass(frozen=True)
class _LaunchPlan:
    """What one launch does, before its tiling is chosen.

    Attributes:
        point: operating point.
        gemm: part of the product that it computes.
        share: of each class in the weights of the layer; 0 for classes of other launches.
        tiles: tiles of weights.
    """

    point: int
    gemm: GemmSlice
    share: tuple[float, ...]
    tiles: int


def layer_costs(
    device: Device,
    gemm: Gemm,
    weights: LayerWeights,
    dvfs: Dvfs,
    element: Element,
    *,
    activation_bits: float = 8,
    memory_time: bool = True,
) -> tuple[LayerCost, ...]:
    """Ways to run all ``count`` equal products of a GEMM at once; one-clock ways first, the fastest clock first.

    Args:
        device: that runs it.
        gemm: sizes.
        weights: its classes from the slowest; of attention, one class of all values.
        dvfs: operating points of the SMs.
        element: of the table's MAC; its leakage is not used, see the head of the module.
        activation_bits: in DRAM and L2, of inputs and results.
        memory_time: False: DRAM and the sparse part are never waited for; their energy still counts.

    Raises:
        HaloError: the tensor cores lack the type or take no such weights, the classes fit neither the layer nor the
            operating points, or no point is safe for all of them.
    """
    if min(gemm.m, gemm.k, gemm.n) < 1:
        raise HaloError(f"{gemm.name} is of size {(gemm.m, gemm.k, gemm.n)}", "Give 1 or more for each of m, k and n.")
    if weights.lanes > 1 or weights.passes > 1:
        what = f"{gemm.name}: tensor cores take whole weights, and those of this MAC come in pairs or in parts"
        raise HaloError(what, "Take an array for --arch, or a MAC that takes weights of eight bits.")
    mma = device.instruction(weights.operand, SUMS[weights.operand])
    _check(gemm, weights, dvfs)
    there = [number for number, share in enumerate(weights.share) if share > 0]
    safe = set.intersection(*(set(weights.classes[number].points) for number in there))
    if not safe:
        raise HaloError(
            f"no operating point of {dvfs.name} is safe for all weights of {gemm.name}",
            "Give a first point that is safe for every weight.",
        )
    ways: list[tuple[_LaunchPlan, ...]] = [
        (_whole(gemm, weights, activation_bits, point),) for point in sorted(safe, reverse=True)
    ]
    if len({weights.classes[number].points[-1] for number in there}) > 1:
        grouped = _grouped(gemm, weights, activation_bits, there)
        if grouped:
            ways.append(grouped)
    return tuple(_cost(device, mma, gemm, weights, dvfs, element, way, memory_time) for way in ways)


def _check(gemm: Gemm, weights: LayerWeights, dvfs: Dvfs) -> None:
    if len(weights.share) != len(weights.classes) or not math.isclose(sum(weights.share), 1, abs_tol=1e-6):
        raise HaloError(f"{gemm.name}: shares {weights.share} of its classes", "Give one a class; they add up to 1.")
    for each in weights.classes:
        if not each.points or max(each.points) >= len(dvfs.points) or len(each.energy_fj) != len(dvfs.points):
            raise HaloError(
                f"{gemm.name}: class {each.name} does not fit the {len(dvfs.points)} operating points of {dvfs.name}",
                "Make the classes for these operating points.",
            )
    if weights.tile_class is not None:
        assert weights.tile is not None
        shape = -(-gemm.k // weights.tile), -(-gemm.n // weights.tile)
        if weights.tile_class.shape != shape:
            raise HaloError(
                f"{gemm.name} has {weights.tile_class.shape} tiles for {gemm.k} x {gemm.n} weights",
                f"Give {shape} tiles of {weights.tile} x {weights.tile}.",
            )
        there = {number for number, share in enumerate(weights.share) if share > 0}
        if set(np.unique(weights.tile_class).tolist()) != there:
            raise HaloError(f"{gemm.name}: its tiles and shares are of other classes", "Give each class its share.")


def _whole(gemm: Gemm, weights: LayerWeights, activation_bits: float, point: int) -> _LaunchPlan:
    bits = activation_bits, weights.stored_bits, activation_bits
    whole = replace(whole_gemm(gemm.m, gemm.k, gemm.n, *bits), copies=gemm.count)
    side = weights.tile or _SIDE
    return _LaunchPlan(point, whole, weights.share, gemm.count * -(-gemm.k // side) * -(-gemm.n // side))


def _grouped(gemm: Gemm, weights: LayerWeights, activation_bits: float, there: list[int]) -> tuple[_LaunchPlan, ...]:
    """A part for each fastest safe point, by rising clock; none where no CTA tile is as narrow as the weights'."""
    groups: dict[int, list[int]] = {}
    for number in there:
        groups.setdefault(weights.classes[number].points[-1], []).append(number)
    side = weights.tile or _SIDE
    if weights.tile_class is not None and side % NARROWEST:
        return ()
    all_tiles = -(-gemm.k // side) * -(-gemm.n // side)
    parts: list[_LaunchPlan] = []
    before = 0.0  # share of k that earlier launches have
    for place, (point, numbers) in enumerate(sorted(groups.items())):
        share = tuple(part if number in numbers else 0.0 for number, part in enumerate(weights.share))
        if weights.tile_class is None:
            depth = round((before + sum(share)) * gemm.k) - round(before * gemm.k)
            before += sum(share)
            if not depth:
                return ()  # less than a row of weights: no launch of its own
            depths: tuple[int, ...] = (depth,)
            block, k_rows = gemm.n, depth
            tiles = max(1, round(sum(share) * all_tiles))
        else:
            own = np.isin(weights.tile_class, numbers)
            heights = np.full(own.shape[0], side)
            heights[-1] = gemm.k - side * (own.shape[0] - 1)
            depths, block = tuple(int(depth) for depth in heights @ own), side
            k_rows, tiles = int(heights[own.any(axis=1)].sum()), int(own.sum())
        part = GemmSlice(
            m=gemm.m,
            n=gemm.n,
            depths=depths,
            block=block,
            k_rows=k_rows,
            activation_bits=activation_bits,
            weight_bits=weights.stored_bits,
            result_bits=activation_bits if place == len(groups) - 1 else 0,
            adds=place > 0,
            copies=gemm.count,
        )
        parts.append(_LaunchPlan(point, part, share, gemm.count * tiles))
    return tuple(parts)


def _cost(
    device: Device,
    mma: Mma,
    gemm: Gemm,
    weights: LayerWeights,
    dvfs: Dvfs,
    element: Element,
    parts: tuple[_LaunchPlan, ...],
    memory_time: bool,
) -> LayerCost:
    macs = gemm.macs
    segments: list[Segment] = []
    launches: list[Launch] = []
    compute_ps = stall_ps = dram_ps = 0
    slots = core_fj = 0.0
    for part in parts:
        point = dvfs.points[part.point]
        launch = best_launch(device, mma, part.gemm, point.frequency_ghz, memory_time)
        slowest = next(number for number, share in enumerate(part.share) if share > 0)
        own = -1 if gemm.kind == "attention" else slowest
        segments.append(Segment(part.point, own, launch.cycles, part.tiles))
        launches.append(launch)
        took = period_ps(launch.cycles, point)
        waits = max(0, launch.dram_ps(device) - took) if memory_time else 0
        compute_ps, stall_ps, dram_ps = compute_ps + took, stall_ps + waits, dram_ps + launch.dram_ps(device)
        slots += device.macs_per_cycle(mma) * (took + waits) * point.frequency_ghz / 1e3
        core_fj += macs * _mac_fj(weights, part) + launch.mmas * mma.macs * element.overhead_fj[part.point]
    first = dvfs.points[0]
    sparse = weights.sparse_share * macs
    core_fj += sparse * weights.classes[0].energy_fj[0] if sparse else 0.0
    sparse_ps = round(sparse / (device.sms * device.fma_per_cycle) * 1e3 / first.frequency_ghz)
    if memory_time and sparse_ps > compute_ps + stall_ps:
        waits = sparse_ps - compute_ps - stall_ps
        stall_ps += waits
        slots += device.macs_per_cycle(mma) * waits * first.frequency_ghz / 1e3
    buffer_pj = sum(
        launch.register_bytes * device.register_pj_per_byte
        + launch.shared_bytes * device.shared_pj_per_byte
        + launch.l2_bytes * device.l2_pj_per_byte
        for launch in launches
    )
    return LayerCost(
        segments=tuple(segments),
        compute_ps=compute_ps,
        stall_ps=stall_ps,
        core_pj=round(core_fj / 1e3),
        buffer_pj=round(buffer_pj),
        dram_pj=round(sum(launch.dram_bytes for launch in launches) * device.dram_pj_per_byte),
        static_mw=device.static_mw,
        macs=macs,
        weight_bytes=sum(launch.weight_bytes for launch in launches),
        activation_bytes=sum(launch.activation_bytes for launch in launches),
        result_bytes=sum(launch.result_bytes for launch in launches),
        utilisation=macs / slots,
        bound="memory" if memory_time and dram_ps > compute_ps else "compute",
    )


def _mac_fj(weights: LayerWeights, part: _LaunchPlan) -> float:
    """Mean energy of the layer's MACs, fJ; those of other launches count as nothing."""
    total = 0.0
    for each, share in zip(weights.classes, part.share, strict=True):
        if share > 0:
            energy = each.energy_fj[part.point]
            if math.isnan(energy):
                raise HaloError(
                    f"{each.name} has no energy at a point said to be safe", "Give energy_fj at its points."
                )
            total += share * energy
    return total
