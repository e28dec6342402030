# SPDX-License-Identifier: Apache-2.0
"""The SM of ``sm_kernel`` as a text to read: every cycle is looked at, and every warp keeps its own state.

Tests: tests/arch/gpu/test_sm.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from halo.arch.gpu.sm_kernel import BARRIER, BRANCH, COPY, LOAD, MMA

Instruction = tuple[int, int, int]


@dataclass
class _Warp:
    """A warp: what it runs, and from which cycle on it and its registers are free."""

    rest: list[tuple[Instruction, bool]]
    cta: int
    core: int
    free: int = 0
    entered: int = 0
    waiting: bool = False
    sums: dict[int, int] = field(default_factory=dict)
    fragments: dict[int, int] = field(default_factory=dict)


def run_sm_reference(
    code: list[Instruction],
    start: int,
    iterations: int,
    warps: int,
    warps_per_cta: int,
    sub_cores: int,
    interval: int,
    latency: int,
    shared_rate: int,
    shared_latency: int,
    copy_rate: float,
    copy_latency: int,
) -> tuple[int, int, int, int]:
    """Cycles, MMAs, bytes of shared memory, bytes through the port.

    Args:
        code, start, iterations, warps, warps_per_cta, sub_cores, interval, latency, shared_rate,
            shared_latency, copy_rate, copy_latency: as ``halo.arch.gpu.sm_kernel.run_sm`` has them.
    """
    program = [(row, True) for row in code[:start]]
    for turn in range(iterations):
        program += [(row, start == 0 or turn < iterations - 1) for row in code[start:]]
    all_warps = [_Warp(list(program), number // warps_per_cta, number % sub_cores) for number in range(warps)]
    queues = [[warp for warp in all_warps if warp.core == core] for core in range(sub_cores)]
    tensor_free = [0] * sub_cores
    landed: dict[int, int] = {}
    shared_free = copy_free = 0.0
    end = mmas = shared_bytes = copied_bytes = 0
    now = 0
    while any(warp.rest for warp in all_warps):
        for core, queue in enumerate(queues):
            for warp in list(queue):
                if not warp.rest or warp.waiting or warp.free > now:
                    continue
                (operation, x, y), wanted = warp.rest[0]
                if operation == MMA and now < max(warp.sums.get(x, 0), warp.fragments.get(y, 0), tensor_free[core]):
                    continue
                if operation == BRANCH and now < warp.entered:
                    continue
                place = queue.index(warp)
                queue[:] = queue[place + 1 :] + queue[: place + 1]  # it has had its turn
                warp.rest.pop(0)
                warp.free = now + 1
                if operation == MMA:
                    tensor_free[core] = warp.entered = now + interval
                    warp.sums[x] = now + latency
                    end = max(end, now + latency)
                    mmas += 1
                elif operation == LOAD:
                    shared_free = max(shared_free, now) + y / shared_rate
                    warp.fragments[x] = max(warp.fragments.get(x, 0), math.ceil(shared_free) + shared_latency)
                    shared_bytes += y
                elif operation == COPY and wanted:
                    copy_free = max(copy_free, now) + x / copy_rate
                    shared_free = max(shared_free, now) + y / shared_rate
                    landed[warp.cta] = max(landed.get(warp.cta, 0), math.ceil(copy_free) + copy_latency)
                    shared_bytes += y
                    copied_bytes += x
                elif operation == BARRIER:
                    warp.waiting = True
                    block = [other for other in all_warps if other.cta == warp.cta]
                    if all(other.waiting for other in block):
                        for other in block:
                            other.waiting = False
                            other.free = max(now + 1, landed.get(warp.cta, 0))
                            end = max(end, 0 if other.rest else other.free)
                elif operation == BRANCH:
                    warp.free = now + x
                end = max(end, 0 if warp.rest or warp.waiting else warp.free)
                break
        now += 1
    return end, mmas, shared_bytes, copied_bytes
