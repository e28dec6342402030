# SPDX-License-Identifier: Apache-2.0
"""One SM, cycle by cycle: warps of a program share the tensor cores, shared memory and the port to L2.

Every warp runs the same program, a matrix of int64 with a row ``(operation, x, y)`` for each instruction: rows before
``start`` once, the others ``iterations`` times. In each cycle each sub-core issues one instruction of one of its warps,
in turn from the one after the last (loose round robin); warp w belongs to sub-core w mod ``sub_cores``, and a warp's
instructions stay in order.

    MMA sum fragment     waits for the sum, the fragment and the sub-core's tensor core, and takes it for ``interval``
    LOAD fragment bytes  from shared memory into registers; loads queue for shared memory
    COPY in out          ``in`` bytes come through the L2 port and are written as ``out`` bytes to shared memory; what
                         the last iteration would copy nobody needs, and it does not
    BARRIER              waits for all warps of the thread block, and until all they copied has landed
    BRANCH cycles        until the next instruction, from when the warp's last MMA has entered the tensor core

Tests: tests/arch/gpu/test_sm.py.
"""

from __future__ import annotations

import numpy as np

from halo.jit import kernel

MMA, LOAD, COPY, BARRIER, BRANCH = range(5)
NEVER = np.int64(1) << 60


@kernel
def run_sm(  # type: ignore[no-untyped-def]
    code,
    start,
    iterations,
    warps,
    warps_per_cta,
    sub_cores,
    interval,
    latency,
    shared_rate,
    shared_latency,
    copy_rate,
    copy_latency,
):
    """Cycles until every warp is through and every sum is there, and what was done.

    Args:
        code: int64[rows, 3].
        start, iterations: rows before the loop; runs of the rest, 1 or more.
        warps, warps_per_cta: in the SM; the first ``warps_per_cta`` are a thread block, and so on.
        sub_cores: with a scheduler and a tensor core each.
        interval, latency: of an MMA, cycles.
        shared_rate, shared_latency: bytes a cycle, cycles.
        copy_rate, copy_latency: of the port to L2, bytes a cycle (float), cycles.

    Returns:
        int64[4]: cycles, MMAs, bytes read and written in shared memory, bytes through the port.
    """
    length = code.shape[0]
    ctas = warps // warps_per_cta
    sums = 1
    fragments = 1
    for row in range(length):
        if code[row, 0] == MMA:
            sums = max(sums, code[row, 1] + 1)
            fragments = max(fragments, code[row, 2] + 1)
        elif code[row, 0] == LOAD:
            fragments = max(fragments, code[row, 1] + 1)
    at = np.zeros(warps, dtype=np.int64)
    turn = np.zeros(warps, dtype=np.int64)
    free = np.zeros(warps, dtype=np.int64)
    entered = np.zeros(warps, dtype=np.int64)
    sum_ready = np.zeros((warps, sums), dtype=np.int64)
    fragment_ready = np.zeros((warps, fragments), dtype=np.int64)
    tensor_free = np.zeros(sub_cores, dtype=np.int64)
    last = np.full(sub_cores, -1, dtype=np.int64)
    arrived = np.zeros(ctas, dtype=np.int64)
    landed = np.zeros(ctas, dtype=np.int64)
    shared_free = 0.0
    copy_free = 0.0
    running = warps
    now = np.int64(0)
    end = np.int64(0)
    mmas = np.int64(0)
    shared_bytes = np.int64(0)
    copied_bytes = np.int64(0)
    while running:
        soonest = NEVER
        for core in range(sub_cores):
            members = (warps - core + sub_cores - 1) // sub_cores
            for step in range(members):
                member = (last[core] + 1 + step) % members
                warp = core + member * sub_cores
                if at[warp] == length:
                    continue
                operation = code[at[warp], 0]
                x = code[at[warp], 1]
                y = code[at[warp], 2]
                ready = free[warp]
                if operation == MMA:
                    ready = max(ready, sum_ready[warp, x], fragment_ready[warp, y], tensor_free[core])
                elif operation == BRANCH:
                    ready = max(ready, entered[warp])
                if ready > now:
                    soonest = min(soonest, ready)
                    continue
                last[core] = member
                free[warp] = now + 1
                if operation == MMA:
                    tensor_free[core] = now + interval
                    entered[warp] = now + interval
                    sum_ready[warp, x] = now + latency
                    end = max(end, now + latency)
                    mmas += 1
                elif operation == LOAD:
                    shared_free = max(shared_free, np.float64(now)) + y / shared_rate
                    here = np.int64(np.ceil(shared_free)) + shared_latency
                    fragment_ready[warp, x] = max(fragment_ready[warp, x], here)
                    shared_bytes += y
                elif operation == COPY:
                    if start == 0 or at[warp] < start or turn[warp] < iterations - 1:
                        copy_free = max(copy_free, np.float64(now)) + x / copy_rate
                        shared_free = max(shared_free, np.float64(now)) + y / shared_rate
                        cta = warp // warps_per_cta
                        landed[cta] = max(landed[cta], np.int64(np.ceil(copy_free)) + copy_latency)
                        shared_bytes += y
                        copied_bytes += x
                elif operation == BARRIER:
                    cta = warp // warps_per_cta
                    arrived[cta] += 1
                    free[warp] = NEVER
                    if arrived[cta] == warps_per_cta:
                        arrived[cta] = 0
                        for other in range(cta * warps_per_cta, (cta + 1) * warps_per_cta):
                            free[other] = max(now + 1, landed[cta])
                else:
                    free[warp] = now + x
                at[warp] += 1
                if at[warp] == length and turn[warp] < iterations - 1:
                    turn[warp] += 1
                    at[warp] = start
                if at[warp] == length:
                    running -= 1
                    if free[warp] < NEVER:
                        end = max(end, free[warp])
                soonest = now + 1
                break
        # Nobody issued: jump to when somebody can. A barrier released in this cycle is looked at in the next.
        now = max(now + 1, soonest) if soonest < NEVER else now + 1
    return np.array([end, mmas, shared_bytes, copied_bytes])
