# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of ``dp4a_unit``: every result is the dot product plus the accumulator, two clocks later.

Plays ``+count=N`` calculations (default 2,000), with pauses, and resets in the middle. Seeded by cocotb.
"""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.clock_reset import ClockReset
from components.coverage import Coverage
from components.packing import pack
from components.report import Report
from components.scoreboard import Scoreboard
from components.stimulus import mixed_operands
from models.tensor_core import mma

LATENCY = 2
LANES = 4


class Bench:
    """The unit, fed in every cycle that does not pause and watched in every one."""

    def __init__(self, dut: HierarchyObject) -> None:
        self.dut = dut
        self.width, self.acc = int(dut.WIDTH.value), int(dut.ACC_WIDTH.value)
        self.count = int(cocotb.plusargs.get("count", 2_000))
        self.pause = 0.0
        self.random = random.Random(cocotb.RANDOM_SEED)
        self.numpy = np.random.default_rng(cocotb.RANDOM_SEED)
        self.coverage = Coverage(("slot.taken", "slot.paused"))
        self.scoreboard = Scoreboard(self.acc)
        self.clock = ClockReset(dut)
        self._queue: list[tuple[int, int, int, int]] = []  # a, b, c and the result, the next one last
        self._offered: tuple[int, int, int, int] | None = None
        self._due: list[int] = []  # cycle in which each result must show
        dut.valid_i.value = 0
        self.clock.serve(self._edge, self._restart)

    def queue(self, count: int) -> None:
        """More random calculations."""
        a, b = (mixed_operands((count, LANES), self.width, self.numpy) for _ in range(2))
        c = mixed_operands((count, 1), self.acc, self.numpy)
        d = mma(a[:, None, :], b[:, :, None], c[:, :, None], self.acc)[:, :, 0]
        beats = zip(pack(a, self.width), pack(b, self.width), pack(c, self.acc), pack(d, self.acc), strict=True)
        self._queue = [*reversed(list(beats)), *self._queue]
        self.coverage.operands("a", a.ravel(), self.width)
        self.coverage.operands("b", b.ravel(), self.width)
        self.coverage.operands("c", c.ravel(), self.acc)

    async def finish(self, at_least: int) -> None:
        """Play what is queued, wait for anything that should not come, check and report."""
        await self.clock.until(lambda: not self._queue and not self._offered)
        await self.clock.cycles(3 * LATENCY)
        self.scoreboard.finish(at_least)
        assert not self._due
        Report(self.scoreboard.compared, self.scoreboard.sent, self.clock.cycle, self.coverage.hits).write()

    def _edge(self) -> None:
        if self.dut.valid_o.value:
            self.scoreboard.saw(self.dut.d_o.value.to_unsigned())
            assert self._due.pop(0) == self.clock.cycle, "a result in the wrong clock"
        if self._offered is not None:  # taken at this edge
            self.scoreboard.expect(self._offered[3])
            self._due.append(self.clock.cycle + LATENCY)
            self._offered = None
        if self._queue and self.random.random() >= self.pause:
            self._offered = self._queue.pop()
            self.dut.a_i.value, self.dut.b_i.value, self.dut.c_i.value, _ = self._offered
            self.coverage.hit("slot.taken")
        else:
            self.coverage.hit("slot.paused")
        self.dut.valid_i.value = self._offered is not None

    def _restart(self) -> None:
        self.scoreboard.forget()
        self._queue.clear()
        self._due.clear()
        self._offered = None
        self.dut.valid_i.value = 0


@cocotb.test()
async def dot_products(dut: HierarchyObject) -> None:
    """One calculation a clock, then the same with pauses."""
    bench = Bench(dut)
    await bench.clock.reset()
    bench.queue(bench.count)
    await bench.clock.cycles(bench.count // 2)
    bench.pause = 0.4
    await bench.finish(bench.count)
    bench.coverage.require()


@cocotb.test()
async def reset_in_the_middle(dut: HierarchyObject) -> None:
    """Nothing of what was under way comes out after a reset."""
    bench = Bench(dut)
    cut = 0
    for _ in range(20):
        await bench.clock.reset(bench.random.randint(1, 2))
        bench.queue(20)
        await bench.clock.cycles(bench.random.randint(1, 10))
        cut += bench.scoreboard.open > 0
    assert cut, "no reset came in the middle"
    await bench.clock.reset()
    bench.queue(20)
    await bench.finish(20)
