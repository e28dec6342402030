# SPDX-License-Identifier: Apache-2.0
"""A matrix product as a kernel launch: tiles of thread blocks (CTAs), waves of them over the SMs, bytes moved.

**Tiles.** A launch takes the tiling of ``TILINGS`` and the split of k that need least time; shared memory, registers,
warps and CTAs limit how many thread blocks an SM holds, and they run together in the SM of ``sm_kernel``.

**Waves.** All SMs work through one full load of CTAs after the other; the last wave has what is left. CTAs with more of
k to do come first, and a wave lasts as long as its longest CTA: real schedulers hand out CTAs one by one and are
somewhat better. Fill, drain and the writing of results belong to each wave. The launch itself is not counted.

**Split of k.** Each tile's k is divided among several CTAs; their sums go to L2 and back once.

**Sums that a launch leaves.** Another launch may take them up; they go to L2, or to DRAM where L2 is too small.

**Copies.** Equal products share the waves: while there are CTAs for it, several run at once, each with its part of L2.

**L2 and DRAM.** The CTAs of a wave form a near-square block of tiles (rasterization by blocks, as in CUTLASS) and go
through k in step, so within a wave each operand panel comes from DRAM once. From wave to wave, along rows or columns of
blocks, whichever moves less: the panel in common is read again unless it fits into L2 beside the other one of a wave,
and an operand that fits into half of L2 is read once in all. So no traffic is less than each byte once.

**What is left out** makes times lower bounds: launches of some microseconds, the power limit, bank conflicts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from halo.arch.gpu.device import Device, Mma
from halo.arch.gpu.sm import SmRun, Tiling, main_loop_program, run
from halo.errors import HaloError

TILINGS = tuple(
    Tiling(m, n, warps_m, warps_n, row_bytes)
    for row_bytes in (64, 128)
    for m, n, warps_m, warps_n in (
        (256, 128, 4, 2),
        (128, 256, 2, 4),
        (128, 128, 2, 2),
        (128, 64, 2, 2),
        (64, 128, 2, 2),
        (64, 64, 2, 2),
        (128, 32, 4, 1),
        (32, 128, 1, 4),
        (32, 32, 2, 1),
        (16, 128, 1, 4),
        (16, 64, 1, 4),
        (16, 32, 1, 2),
    )
)
"""CUTLASS's shapes for tensor cores down to warps of 64 x 64, and flat ones for a few rows (decode)."""

SPLITS = (1, 2, 4, 8, 16, 32)
STAGES = 2
OTHER_REGISTERS = 40
"""Of a thread, for addresses and loop counters: an assumption, near what CUTLASS's kernels leave beside their sums."""
_EXACT, _LONG = 4, 12
"""Iterations of the main loop up to which it is simulated, and by which its pace is taken."""


@dataclass(frozen=True)
class GemmSlice:
    """A product, or the part of it that one launch does.

    Attributes:
        m, n: of the result.
        depths: of k, for each block of ``block`` columns; 0 where nothing is to do.
        block: columns that share a depth; n in all, the last block may be short.
        k_rows: of the activations that any column needs.
        activation_bits, weight_bits: stored in DRAM and L2.
        result_bits: the same; 0 where the launch leaves sums to a later one.
        adds: the launch adds to sums of an earlier one.
        copies: equal products side by side, none of which shares an operand (heads of attention).
    """

    m: int
    n: int
    depths: tuple[int, ...]
    block: int
    k_rows: int
    activation_bits: float
    weight_bits: float
    result_bits: float
    adds: bool = False
    copies: int = 1

    @property
    def weights(self) -> int:
        """Elements of the operand that the SMs read in columns, in one of the copies."""
        widths = [min(self.block, self.n - at * self.block) for at in range(len(self.depths))]
        return sum(width * depth for width, depth in zip(widths, self.depths, strict=True))

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those of padding left out."""
        return self.copies * self.m * self.weights


@dataclass(frozen=True)
class Launch:
    """What a launch takes and moves.

    Attributes:
        tiling, splits: chosen.
        ctas, ctas_per_sm, waves: thread blocks, those that an SM holds, loads of the device.
        cycles: of the SM clock, DRAM taken as fast enough.
        mmas: tensor-core instructions, those of padding included.
        weight_bytes, activation_bytes, result_bytes: to and from DRAM.
        l2_bytes, shared_bytes, register_bytes: in and out of L2, shared memory, and registers for MMAs.
    """

    tiling: Tiling
    splits: int
    ctas: int
    ctas_per_sm: int
    waves: int
    cycles: int
    mmas: int
    weight_bytes: int
    activation_bytes: int
    result_bytes: int
    l2_bytes: int
    shared_bytes: int
    register_bytes: int

    @property
    def dram_bytes(self) -> int:
        """Bytes to and from DRAM in all."""
        return self.weight_bytes + self.activation_bytes + self.result_bytes

    def dram_ps(self, device: Device) -> int:
        """Picoseconds that DRAM needs at its measured bandwidth."""
        return math.ceil(self.dram_bytes * 1e3 / device.dram_measured_gb_s)


def occupancy(device: Device, mma: Mma, tiling: Tiling) -> int:
    """Thread blocks that an SM holds; 0 where one does not fit or the tile is not made of whole instructions."""
    if not tiling.fits(mma) or tiling.depth(mma) % mma.k:
        return 0
    shared = STAGES * (tiling.m + tiling.n) * tiling.row_bytes
    warp_m, warp_n = tiling.m // tiling.warps_m, tiling.n // tiling.warps_n
    sums = warp_m * warp_n * mma.sum_bytes // (mma.m * mma.n)
    fragments = 2 * (warp_m // mma.m * mma.a_bytes + warp_n // mma.n * mma.b_bytes)
    registers = 8 * math.ceil(((sums + fragments) / (32 * 4) + OTHER_REGISTERS) / 8)
    if shared > device.shared_bytes_per_cta or registers > device.registers_per_thread:
        return 0
    return min(
        device.shared_bytes_per_sm // shared,
        device.registers_per_sm // (registers * 32 * tiling.warps),
        device.warps_per_sm // tiling.warps,
        device.ctas_per_sm,
    )


@lru_cache(maxsize=4096)
def _simulated(
    device: Device,
    mma: Mma,
    tiling: Tiling,
    ctas: int,
    iterations: int,
    activation_bits: int,
    weight_bits: int,
    latency: int,
) -> SmRun:
    program = main_loop_program(device, mma, tiling, activation_bits, weight_bits)
    return run(device, mma, program, iterations, ctas * tiling.warps, tiling.warps, latency)


def loop_cycles(
    device: Device,
    mma: Mma,
    tiling: Tiling,
    ctas: int,
    iterations: int,
    activation_bits: int,
    weight_bits: int,
    latency: int,
) -> int:
    """Cycles of the main loop of ``ctas`` thread blocks on an SM, simulated; a long one continues at its pace.

    Args:
        device, mma: that compute.
        tiling: of a thread block.
        ctas: thread blocks on the SM.
        iterations: of the loop over k, 1 or more.
        activation_bits, weight_bits: stored in L2.
        latency: of copies, cycles.
    """

    def cycles(iterations: int) -> int:
        return _simulated(device, mma, tiling, ctas, iterations, activation_bits, weight_bits, latency).cycles

    if iterations <= _EXACT:
        return cycles(iterations)
    first, last = cycles(_EXACT), cycles(_LONG)
    return first + -(-(iterations - _EXACT) * (last - first) // (_LONG - _EXACT))


def _panels(part: GemmSlice, tiling: Tiling, together: int, l2_bytes: float) -> tuple[int, int]:
    """Times that weights and activations of a copy are read from DRAM, see the head of the module.

    Args:
        part: of a product.
        tiling: of its thread blocks.
        together: CTAs of the copy that run at once, splits of k counted once.
        l2_bytes: for the copy.
    """
    rows, columns = -(-part.m // tiling.m), -(-part.n // tiling.n)
    deepest = max(part.depths)
    block_m = min(rows, max(1, math.isqrt(max(1, together * tiling.n // tiling.m))))
    block_n = min(columns, max(1, together // block_m))
    block_m = min(rows, max(1, together // block_n))
    a_panel = block_m * tiling.m * deepest * part.activation_bits / 8
    b_panel = block_n * tiling.n * deepest * part.weight_bits / 8
    a_all = part.m * part.k_rows * part.activation_bits / 8
    b_all = part.weights * part.weight_bits / 8
    block_rows, block_columns = -(-rows // block_m), -(-columns // block_n)
    both_fit = a_panel + b_panel <= l2_bytes
    a_kept, b_kept = a_all <= l2_bytes / 2, b_all <= l2_bytes / 2
    down = (1 if both_fit or b_kept else block_rows, 1 if a_kept else block_columns)
    across = (1 if b_kept else block_rows, 1 if both_fit or a_kept else block_columns)
    return min(down, across, key=lambda times: times[0] * b_all + times[1] * a_all)


def _launch(
    device: Device, mma: Mma, part: GemmSlice, tiling: Tiling, splits: int, per_sm: int, dram_latency: int
) -> Launch:
    rows = -(-part.m // tiling.m)
    iterations = _k_iterations(mma, part, tiling, splits)
    per_column = rows * splits * part.copies
    ctas = per_column * len(iterations)
    together = device.sms * per_sm
    waves = -(-ctas // together)
    bits = math.ceil(part.activation_bits), math.ceil(part.weight_bits)
    # Nobody else asks for the same weights when there is one row of tiles, so they come from DRAM.
    latency = dram_latency if rows == 1 else device.l2_latency_cycles
    sum_bytes = mma.sum_bytes // (mma.m * mma.n)
    left = part.result_bits / 8 or sum_bytes
    tile_bytes = tiling.m * tiling.n * (sum_bytes if splits > 1 else left + sum_bytes * part.adds)
    longest = iterations[np.arange(waves) * together // per_column]
    last = -(-(ctas - (waves - 1) * together) // device.sms)  # CTAs that the fullest SM has in the last wave

    def wave(ctas_here: int, iterations_here: int) -> int:
        stored = math.ceil(ctas_here * tile_bytes * device.sms / device.l2_bytes_per_cycle) + device.l2_latency_cycles
        return stored + loop_cycles(device, mma, tiling, ctas_here, iterations_here, *bits, latency)

    cycles = wave(last, int(longest[-1]))
    for depth, equal in zip(*np.unique(longest[:-1], return_counts=True), strict=True):
        cycles += int(equal) * wave(per_sm, int(depth))
    one = _simulated(device, mma, tiling, 1, 1, *bits, latency)
    done = int(iterations.sum()) * per_column
    mmas, shared, copied = (done * each for each in (one.mmas, one.shared_bytes, one.copied_bytes))
    sums = part.copies * part.m * part.n * sum_bytes
    results = math.ceil(part.copies * part.m * part.n * part.result_bits / 8)
    passed = sums * (part.adds + (part.result_bits == 0))
    if splits > 1:
        cycles += (
            math.ceil((splits * sums + passed + results) / device.l2_bytes_per_cycle) + 2 * device.l2_latency_cycles
        )
        passed += 2 * splits * sums
    at_once = min(part.copies, max(1, together * part.copies // ctas))
    shared_by = max(1, together // splits // at_once)
    weight_times, activation_times = _panels(part, tiling, shared_by, device.l2_bytes / at_once)
    weights, activations = part.copies * part.weights, part.copies * part.m * part.k_rows
    return Launch(
        tiling=tiling,
        splits=splits,
        ctas=ctas,
        ctas_per_sm=per_sm,
        waves=waves,
        cycles=cycles,
        mmas=mmas,
        weight_bytes=math.ceil(weight_times * weights * part.weight_bits / 8),
        activation_bytes=math.ceil(activation_times * activations * part.activation_bits / 8),
        result_bytes=results + (passed if passed > device.l2_bytes else 0),
        l2_bytes=copied + results + passed,
        shared_bytes=shared,
        register_bytes=mmas * (mma.a_bytes + mma.b_bytes + 2 * mma.sum_bytes),
    )


def _k_iterations(mma: Mma, part: GemmSlice, tiling: Tiling, splits: int) -> npt.NDArray[np.int64]:
    """Turns of the loop over k in each column of tiles that has any, the longest first."""
    depths = np.array(part.depths)[np.arange(-(-part.n // tiling.n)) * tiling.n // part.block]
    iterations: npt.NDArray[np.int64] = -(-np.sort(depths[depths > 0])[::-1] // (tiling.depth(mma) * splits))
    return iterations


def _least_cycles(device: Device, mma: Mma, part: GemmSlice, tiling: Tiling, splits: int) -> float:
    """Cycles below which a launch cannot stay: its MMAs over all SMs, and in one thread block after the other."""
    iterations = _k_iterations(mma, part, tiling, splits)
    per_column = -(-part.m // tiling.m) * splits * part.copies
    longest = int(iterations[0])
    mean = int(iterations.sum()) * per_column / device.sms
    if iterations[-1] == longest:
        mean = -(-len(iterations) * per_column // device.sms) * longest
    per_turn = tiling.m * tiling.n * tiling.depth(mma) / mma.macs * mma.interval_cycles / device.sub_cores
    return max(mean, longest) * per_turn


@lru_cache(maxsize=4096)
def best_launch(device: Device, mma: Mma, part: GemmSlice, clock_ghz: float, memory_time: bool = True) -> Launch:
    """The launch that needs least time at a clock of the SMs; L2 rides with them, DRAM does not.

    Args:
        device, mma: that compute.
        part: of a product, to be done.
        clock_ghz: of the SMs.
        memory_time: DRAM takes time.

    Raises:
        HaloError: no tiling fits: the columns that share a depth are narrower than every tile, or the SM is too small.
    """
    extra = device.dram_latency_cycles - device.l2_latency_cycles  # on the way from L2 to DRAM, whose clock stays
    dram_latency = device.l2_latency_cycles + max(0, round(extra * clock_ghz / device.clock_ghz))
    whole = len(set(part.depths)) == 1
    options: list[tuple[float, Tiling, int, int]] = []
    for tiling in TILINGS:
        per_sm = occupancy(device, mma, tiling)
        if per_sm and (whole or part.block % tiling.n == 0):
            for splits in SPLITS:
                if splits == 1 or tiling.depth(mma) * splits * _EXACT <= max(part.depths):
                    least = _least_cycles(device, mma, part, tiling, splits)
                    options.append((least, tiling, splits, per_sm))
    if not options:
        raise HaloError(
            f"no tile of {device.name} fits columns in blocks of {part.block}",
            f"Quantize with tiles of {min(t.n for t in TILINGS)} or more, or run the whole product at one clock.",
        )
    options.sort(key=lambda option: option[0])
    best: Launch | None = None
    best_time: tuple[float, int] = (math.inf, 0)
    for least, tiling, splits, per_sm in options:
        if least * 1e3 / clock_ghz > best_time[0]:
            continue
        launch = _launch(device, mma, part, tiling, splits, per_sm, dram_latency)
        took = launch.cycles * 1e3 / clock_ghz
        time = (max(took, launch.dram_ps(device)) if memory_time else took, launch.cycles)
        if time < best_time:
            best, best_time = launch, time
    assert best is not None
    return best


def whole_gemm(m: int, k: int, n: int, activation_bits: float, weight_bits: float, result_bits: float) -> GemmSlice:
    """All of an m x k by k x n product.

    Args:
        m, k, n: sizes of the product.
        activation_bits, weight_bits, result_bits: stored in DRAM and L2.
    """
    return GemmSlice(
        m=m,
        n=n,
        depths=(k,),
        block=n,
        k_rows=k,
        activation_bits=activation_bits,
        weight_bits=weight_bits,
        result_bits=result_bits,
    )
