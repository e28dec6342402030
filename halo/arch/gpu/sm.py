# SPDX-License-Identifier: Apache-2.0
"""Programs for the SM of ``sm_kernel``: the microbenchmark loop, and the main loop of a thread block's tile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from halo.arch.gpu.device import Device, Mma
from halo.arch.gpu.sm_kernel import BARRIER, BRANCH, COPY, LOAD, MMA, run_sm

COPY_BYTES = 512
"""Of one instruction of a warp to or from shared memory: 16 bytes a thread (``cp.async``, ``ldmatrix.x4``)."""


@dataclass(frozen=True)
class Program:
    """What every warp runs.

    Attributes:
        code: rows of ``sm_kernel``.
        start: rows before the loop.
    """

    code: tuple[tuple[int, int, int], ...]
    start: int = 0


@dataclass(frozen=True)
class SmRun:
    """What an SM did.

    Attributes:
        cycles: until the last sum is there.
        mmas: tensor-core instructions.
        shared_bytes: read from and written to shared memory.
        copied_bytes: through the port to L2.
    """

    cycles: int
    mmas: int
    shared_bytes: int
    copied_bytes: int


def run(
    device: Device, mma: Mma, program: Program, iterations: int, warps: int, warps_per_cta: int, copy_latency: int = 0
) -> SmRun:
    """Run a program on one SM; the port to L2 gives each SM its share of the device's bandwidth.

    Args:
        device: with the SM.
        mma: its tensor-core instruction.
        program: of every warp.
        iterations: of its loop, 1 or more.
        warps, warps_per_cta: in the SM, and in each of its thread blocks.
        copy_latency: cycles from the end of a copy's turn at the port until it has landed.
    """
    result = run_sm(
        np.array(program.code, dtype=np.int64),
        program.start,
        iterations,
        warps,
        warps_per_cta,
        device.sub_cores,
        mma.interval_cycles,
        round(mma.latency_cycles),
        device.shared_bytes_per_cycle,
        device.shared_latency_cycles,
        device.l2_bytes_per_cycle / device.sms,
        copy_latency,
    )
    return SmRun(*(int(value) for value in result))


def chain_program(device: Device, ilp: int) -> Program:
    """The loop of the published microbenchmarks: independent MMAs, each adding to its own sums in every turn.

    Sun et al. time ``for (...) { mma D0; ... mma D(ilp-1); __syncwarp(); }`` with the operands at rest in registers: a
    sum is added to once a turn, and the branch back waits until the warp's last MMA has entered the tensor core.
    """
    return Program((*((MMA, chain, 0) for chain in range(ilp)), (BRANCH, device.branch_cycles, 0)))


def throughput(device: Device, mma: Mma, warps: int, ilp: int, iterations: int = 1024) -> float:
    """MACs a cycle and SM of the microbenchmark loop; the published one makes 1,024 turns.

    Args:
        device, mma: that compute.
        warps: on the SM, one thread block.
        ilp: independent instructions in a turn.
        iterations: turns of the loop.
    """
    done = run(device, mma, chain_program(device, ilp), iterations, warps, warps)
    return done.mmas * mma.macs / done.cycles


@dataclass(frozen=True)
class Tiling:
    """How a thread block computes its tile of the result.

    Attributes:
        m, n: of the tile.
        warps_m, warps_n: warps along each side; each has an equal part of the tile.
        row_bytes: of an operand row in shared memory, one stage of the loop over k; two stages are kept.
    """

    m: int
    n: int
    warps_m: int
    warps_n: int
    row_bytes: int

    @property
    def warps(self) -> int:
        """Warps of the thread block."""
        return self.warps_m * self.warps_n

    def fits(self, mma: Mma) -> bool:
        """Whether each warp's part is made of whole instructions."""
        return self.m % (self.warps_m * mma.m) == 0 and self.n % (self.warps_n * mma.n) == 0

    def depth(self, mma: Mma) -> int:
        """Steps along k in a stage."""
        return self.row_bytes * mma.k * mma.m // mma.a_bytes


def _loads(fragment: int, size: int) -> list[tuple[int, int, int]]:
    """LOAD instructions of at most ``COPY_BYTES`` each."""
    return [(LOAD, fragment, min(COPY_BYTES, size - done)) for done in range(0, size, COPY_BYTES)]


def main_loop_program(device: Device, mma: Mma, tiling: Tiling, activation_bits: int, weight_bits: int) -> Program:
    """The loop over k of a thread block: double buffered in shared memory, and again in registers.

    Each turn copies the next stage from L2 while it computes the one before; within a stage the fragments of the next
    slice load while the MMAs of the one before run. Activations and weights cross the port to L2 with the bits they
    are stored with, and lie in shared memory as operands. Copies are asynchronous on every device; V100 and Turing copy
    through registers, and the issue slots and registers that this takes are not counted.

    Args:
        device, mma: that compute.
        tiling: of the thread block.
        activation_bits, weight_bits: stored in L2.
    """
    operand_bits = 8 * mma.a_bytes // (mma.m * mma.k)
    depth = tiling.depth(mma)
    warp_m, warp_n = tiling.m // tiling.warps_m, tiling.n // tiling.warps_n
    stage = tiling.m * depth * activation_bits + tiling.n * depth * weight_bits
    shared = (tiling.m + tiling.n) * tiling.row_bytes // tiling.warps
    port = -(-stage // (8 * tiling.warps))
    count = -(-shared // COPY_BYTES)
    copies = [
        (COPY, port * (at + 1) // count - port * at // count, min(COPY_BYTES, shared - at * COPY_BYTES))
        for at in range(count)
    ]

    def loads(slice_number: int) -> list[tuple[int, int, int]]:
        a, b = warp_m * mma.k * operand_bits // 8, warp_n * mma.k * operand_bits // 8
        return _loads(slice_number % 2, a) + _loads(slice_number % 2, b)

    slices = depth // mma.k
    body = [*copies, *loads(0)]
    for number in range(slices):
        if number + 1 < slices:
            body += loads(number + 1)
        body += [(MMA, chain, number % 2) for chain in range((warp_m // mma.m) * (warp_n // mma.n))]
    body += [(BARRIER, 0, 0), (BRANCH, device.branch_cycles, 0)]
    setup = [*copies, (BARRIER, 0, 0)]
    return Program((*setup, *body), len(setup))
