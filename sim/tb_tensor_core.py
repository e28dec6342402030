# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the matrix unit ``mma_unit``: D = A * B + C for every element, and its latency and interval.

Each test plays about ``+count=N`` matrices (default 60). Seeded by cocotb.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.clock_reset import ClockReset
from components.coverage import Coverage
from components.packing import pack
from components.report import Report
from components.scoreboard import Scoreboard
from components.stimulus import mixed_operands
from components.stream import Stall, StreamSink, StreamSource, bursts, never, sometimes
from models.tensor_core import mma

STREAMS = ("a", "b", "c", "d")


class Bench:
    """The unit with its streams and scoreboard.

    Attributes:
        steps: clocks of a calculation, K / 4.
    """

    def __init__(self, dut: HierarchyObject) -> None:
        self.m, self.n, self.k, self.width, self.acc = (
            int(getattr(dut, name).value) for name in ("M", "N", "K", "WIDTH", "ACC_WIDTH")
        )
        self.steps = self.k // 4
        self.count = int(cocotb.plusargs.get("count", 60))
        self.random = random.Random(cocotb.RANDOM_SEED)
        self.numpy = np.random.default_rng(cocotb.RANDOM_SEED)
        self.coverage = Coverage()
        self.scoreboard = Scoreboard(self.acc, self.m * self.n, "sums")
        self.clock = ClockReset(dut)
        self.sources = {name: StreamSource(dut, f"s_axis_{name}", self.clock) for name in "abc"}
        self.sink = StreamSink(dut, "m_axis_d", self.clock, lambda beat, last: self.scoreboard.saw(beat))
        self.streams: dict[str, StreamSource | StreamSink] = {**self.sources, "d": self.sink}
        self.clock.serve(lambda: None, self._forget)

    def play(self, count: int) -> None:
        """Queue random matrices on all streams and what must come of them."""
        a = mixed_operands((count, self.m, self.k), self.width, self.numpy)
        b = mixed_operands((count, self.k, self.n), self.width, self.numpy)
        c = mixed_operands((count, self.m, self.n), self.acc, self.numpy)
        for name, values, width in (("a", a, self.width), ("b", b, self.width), ("c", c, self.acc)):
            self.sources[name].send(pack(values.reshape(count, -1), width))
            self.coverage.operands(name, values.ravel(), width)
        for beat in pack(mma(a, b, c, self.acc).reshape(count, -1), self.acc):
            self.scoreboard.expect(beat, lambda place: f"element ({place // self.n}, {place % self.n})")

    def stall(self, names: tuple[str, ...]) -> None:
        """Stall the streams named (all others flow); each stalled cycle counts in the coverage."""
        draw = self.random
        for name, stream in self.streams.items():
            patterns = (sometimes(0.3, draw), sometimes(0.6, draw), bursts(3, draw), bursts(20, draw))
            stream.stall = self._counted(name, draw.choice(patterns)) if name in names else never

    async def drained(self) -> None:
        """Return when everything queued has been taken and every matrix has come."""
        await self.clock.until(lambda: not self.scoreboard.open)

    async def finish(self, at_least: int) -> None:
        """Drain, wait for anything that should not come, check and report."""
        await self.drained()
        await self.clock.cycles(4 * self.steps + 4)
        self.scoreboard.finish(at_least)
        Report(self.scoreboard.compared, self.scoreboard.sent, self.clock.cycle, self.coverage.hits).write()

    def _counted(self, name: str, stall: Stall) -> Callable[[int], bool]:
        self.coverage.hit(f"stall.{name}", 0)

        def counted(cycle: int) -> bool:
            stalled = stall(cycle)
            if stalled:
                self.coverage.hit(f"stall.{name}")
            return stalled

        return counted

    def _forget(self) -> None:
        self.scoreboard.forget()
        for stream in self.streams.values():
            stream.taken.clear()


@cocotb.test()
async def matrices(dut: HierarchyObject) -> None:
    """Back to back, without stalls; every beat in the clock that the header of the unit says."""
    bench = Bench(dut)
    await bench.clock.reset()
    bench.play(bench.count)
    bench.coverage.require()
    await bench.drained()
    origin = bench.sources["a"].taken[0]
    numbers = range(bench.count)
    due = {name: [n * bench.steps for n in numbers] for name in "ab"}
    due["c"] = [max(0, (n - 1) * bench.steps + 2) if n else 0 for n in numbers]
    due["d"] = [(n + 1) * bench.steps + 2 for n in numbers]
    assert {name: [cycle - origin for cycle in stream.taken] for name, stream in bench.streams.items()} == due
    await bench.finish(bench.count * bench.m * bench.n)


@cocotb.test()
async def stalls(dut: HierarchyObject) -> None:
    """Stalls on every stream alone and on all together."""
    bench = Bench(dut)
    await bench.clock.reset()
    for names in (*((name,) for name in STREAMS), STREAMS):
        bench.stall(names)
        bench.play(bench.count // 5)
        await bench.drained()
    bench.coverage.require()
    await bench.finish(bench.count // 5 * 5 * bench.m * bench.n)


@cocotb.test()
async def back_pressure(dut: HierarchyObject) -> None:
    """The reader stops: one result waits, the next calculation is held at its last step, one more waits to start."""
    bench = Bench(dut)
    await bench.clock.reset()
    bench.sink.stall = lambda cycle: True
    bench.play(5)
    await bench.clock.cycles(6 * bench.steps + 10)
    # C of the one that is held is still needed if its last step is also its first.
    assert [len(source.taken) for source in bench.sources.values()] == [3, 3, 3 if bench.steps > 1 else 2]
    bench.sink.stall = never
    await bench.finish(5 * bench.m * bench.n)


@cocotb.test()
async def reset_in_the_middle(dut: HierarchyObject) -> None:
    """Resets at random moments; afterwards everything works as after the first one."""
    bench = Bench(dut)
    cut = 0
    for _ in range(20):
        await bench.clock.reset(bench.random.randint(1, 3))
        bench.stall(STREAMS if bench.random.random() < 0.5 else ())
        bench.play(10)
        await bench.clock.cycles(bench.random.randint(1, 4 * bench.steps + 4))
        cut += bench.scoreboard.open > 0
    assert cut, "no reset came in the middle"
    await bench.clock.reset()
    bench.play(4)
    await bench.finish(4 * bench.m * bench.n)
