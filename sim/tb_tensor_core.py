# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the matrix unit ``mma_unit``: D = A * B + C for every element, and its latency and interval.

Streams stall, a reset falls into every clock, no stream waits for its other end, and the cycle contract in the header
of the unit holds to the clock. Each test plays about ``+count=N`` matrices (default 60). Seeded by cocotb.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.clock_reset import ClockReset
from components.coverage import Coverage
from components.packing import pack
from components.report import Report
from components.scoreboard import Scoreboard
from components.stimulus import covering_operands
from components.stream import Stall, StreamSink, StreamSource, bursts, never, sometimes
from models.tensor_core import mma

STREAMS = ("a", "b", "c", "d")


class Bench:
    """The unit with its streams and scoreboard.

    Attributes:
        steps: clocks of a calculation, K / 4.
        latency: clocks from the operands to D.
    """

    def __init__(self, dut: HierarchyObject) -> None:
        self.m, self.n, self.k, self.width, self.acc = (
            int(getattr(dut, name).value) for name in ("M", "N", "K", "WIDTH", "ACC_WIDTH")
        )
        self.steps = self.k // 4
        self.latency = self.steps + 2
        self.count = int(cocotb.plusargs.get("count", 60))
        self.random = random.Random(cocotb.RANDOM_SEED)
        self.numpy = np.random.default_rng(cocotb.RANDOM_SEED)
        self.coverage = Coverage()
        self.scoreboard = Scoreboard(self.acc, self.m * self.n, "sums")
        self.clock = ClockReset(dut)
        self.sources = {name: StreamSource(dut, f"s_axis_{name}", self.clock) for name in "abc"}
        self.sink = StreamSink(dut, "m_axis_d", self.clock, lambda beat, last: self.scoreboard.saw(beat))
        self.sink.place = lambda bit: self.scoreboard.place(bit // self.acc)
        self.streams: dict[str, StreamSource | StreamSink] = {**self.sources, "d": self.sink}
        self.clock.pending = self._pending
        self.clock.serve(lambda: None, self._forget)

    def play(self, count: int) -> None:
        """Queue random matrices on all streams and what must come of them."""
        for name, beats in self.beats(count).items():
            self.sources[name].send(beats)

    def beats(self, count: int) -> dict[str, list[int]]:
        """The beats of random matrices on the streams that go in; notes what must come of them."""
        shapes = {"a": (self.m, self.k), "b": (self.k, self.n), "c": (self.m, self.n)}
        widths = {"a": self.width, "b": self.width, "c": self.acc}
        values = {name: covering_operands((count, *shapes[name]), widths[name], self.numpy) for name in "abc"}
        for name in "abc":
            self.coverage.operands(name, values[name].ravel(), widths[name])
        exact = values["a"] @ values["b"]
        sums = mma(values["a"], values["b"], values["c"], self.acc)
        # The sum has the sign that neither C nor the product has.
        wrapped = ((exact < 0) == (values["c"] < 0)) & ((sums < 0) != (exact < 0))
        self.coverage.hit("d.wraps", int(wrapped.sum()))
        for beat in pack(sums.reshape(count, -1), self.acc):
            self.scoreboard.expect(beat, lambda place: f"element ({place // self.n}, {place % self.n})")
        return {name: pack(values[name].reshape(count, -1), widths[name]) for name in "abc"}

    def stall(self, names: tuple[str, ...]) -> None:
        """Stall the streams named (all others flow); each stalled cycle counts in the coverage."""
        draw = self.random
        for name, stream in self.streams.items():
            patterns = (sometimes(0.3, draw), sometimes(0.6, draw), bursts(3, draw), bursts(20, draw))
            stream.stall = self._counted(name, draw.choice(patterns)) if name in names else never

    def require_contract(self, count: int) -> None:
        """Every beat of calculations since the reset, which was the last thing before, came in the clock of the header.

        Raises:
            AssertionError: a beat came in another clock.
        """
        due = {
            "a": [n * self.steps for n in range(count)],
            "b": [n * self.steps for n in range(count)],
            "c": [(n - 1) * self.steps + 2 if n else 0 for n in range(count)],
            "d": [n * self.steps + self.latency for n in range(count)],
        }
        origin = self.sources["a"].taken[0]
        for name, clocks in due.items():
            found = [cycle - origin for cycle in self.streams[name].taken]
            wrong = next((n for n, (x, y) in enumerate(zip(found, clocks, strict=False)) if x != y), None)
            assert wrong is None, f"beat {wrong} of {name} came in clock {found[wrong]}, not {clocks[wrong]}"
            assert len(found) == len(clocks), f"{len(found)} beats of {name}, not {len(clocks)}"

    async def reset(self, cycles: int) -> None:
        """Reset, and count what was under way."""
        since = [self.clock.cycle - cycle for cycle in self.sources["a"].taken]
        hits = {
            "of_one_clock_with_a_last_step_under_way": cycles == 1 and any(s == self.latency - 1 for s in since),
            "with_a_first_step_under_way": any(s == 2 for s in since),
            "with_a_result_waiting": self.sink.offering,
            "with_sums_due": self.scoreboard.open > 0,
        }
        for name, hit in hits.items():
            self.coverage.hit(f"reset.{name}", hit)
        await self.clock.reset(cycles)

    async def drained(self) -> None:
        """Return when everything queued has been taken and every matrix has come."""
        await self.clock.until(lambda: not self.scoreboard.open)

    async def finish(self, at_least: int) -> None:
        """Drain, wait for anything that should not come, check and report."""
        await self.drained()
        await self.clock.cycles(4 * self.latency)
        self.scoreboard.finish(at_least)
        Report(self.scoreboard.compared, self.scoreboard.sent, self.clock.cycle, self.coverage.hits).write()

    def _pending(self) -> str:
        """What a design that hangs leaves undone."""
        left = ", ".join(name for name, source in self.sources.items() if not source.idle) or "nothing"
        return f"; not taken: {left}; results due: {self.scoreboard.open}"

    def _counted(self, name: str, stall: Stall) -> Callable[[int], bool]:
        """Stalls at least once, in the first cycle in which it could."""
        first = [True]
        self.coverage.hit(f"stall.{name}", 0)

        def counted(cycle: int) -> bool:
            stalled = stall(cycle) or first[0]
            first[0] = False
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
    count = max(bench.count, 8)
    bench.play(count)
    bench.coverage.require(group=("a.", "b.", "c."))
    await bench.drained()
    bench.require_contract(count)
    await bench.finish(count * bench.m * bench.n)


@cocotb.test()
async def handshakes(dut: HierarchyObject) -> None:
    """No stream waits for its other end: ready comes without valid, and valid without ready, in every state."""
    bench = Bench(dut)
    clock = bench.clock
    for order in permutations("abc"):
        await clock.reset(1)
        bench.sink.stall = lambda cycle: True
        for _ in range(2):  # the unit is empty; a result waits
            beats = bench.beats(1)
            for name in order:
                source = bench.sources[name]
                seen = source.unasked
                await clock.until(lambda source=source, seen=seen: source.unasked > seen)
                source.send(beats[name])
                await clock.until(lambda source=source: source.idle)
            await clock.until(lambda: bench.sink.offering)
        bench.sink.stall = never
        await bench.drained()
    for name, stream in bench.streams.items():
        bench.coverage.hit(f"unasked.{name}", stream.unasked)
        assert stream.unasked, f"the design waits for the other end of {name}"
    await bench.finish(12 * bench.m * bench.n)


@cocotb.test()
async def stalls(dut: HierarchyObject) -> None:
    """Stalls on every stream alone and on all together."""
    bench = Bench(dut)
    await bench.clock.reset()
    count = max(bench.count // 5, 2)
    for names in (*((name,) for name in STREAMS), STREAMS):
        bench.stall(names)
        bench.play(count)
        await bench.drained()
    bench.coverage.require(group="stall.")
    await bench.finish(5 * count * bench.m * bench.n)


@cocotb.test()
async def back_pressure(dut: HierarchyObject) -> None:
    """The reader stops: one result waits, the next calculation is held at its last step, and one more waits.

    When it goes on, the step that was held is done in the clock in which the result is taken.
    """
    bench = Bench(dut)
    await bench.clock.reset()
    bench.sink.stall = lambda cycle: True
    bench.play(5)
    await bench.clock.cycles(6 * bench.steps + 10)
    # C of the one that is held is still needed if its last step is also its first.
    assert [len(source.taken) for source in bench.sources.values()] == [3, 3, 3 if bench.steps > 1 else 2]
    assert bench.sink.offering
    bench.sink.stall = never
    await bench.drained()
    origin = bench.sink.taken[0]
    assert [cycle - origin for cycle in bench.sink.taken] == [0, *(1 + n * bench.steps for n in range(4))]
    await bench.finish(5 * bench.m * bench.n)


@cocotb.test()
async def reset_in_the_middle(dut: HierarchyObject) -> None:
    """Resets at random moments; afterwards everything works as after the first one."""
    bench = Bench(dut)
    await bench.clock.reset()
    for _ in range(20):
        bench.stall(STREAMS if bench.random.random() < 0.5 else ())
        bench.play(10)
        await bench.clock.cycles(bench.random.randint(1, 4 * bench.latency))
        await bench.reset(bench.random.randint(1, 3))
    bench.stall(())
    bench.play(4)
    await bench.finish(4 * bench.m * bench.n)


@cocotb.test()
async def reset_at_every_clock(dut: HierarchyObject) -> None:
    """A reset of one clock in every clock of two calculations, the reader stopped or not.

    What follows at once keeps the cycle contract.
    """
    bench = Bench(dut)
    await bench.clock.reset()
    for blocked in (False, True):
        for moment in range(1, bench.latency + 2 * bench.steps + 3):
            if blocked:
                bench.sink.stall = lambda cycle: True
            bench.play(3)
            await bench.clock.cycles(moment)
            await bench.reset(1)
            bench.sink.stall = never
            bench.play(3)
            await bench.drained()
            bench.require_contract(3)
            await bench.clock.reset(1)
    bench.coverage.require(group="reset.")
    await bench.finish(1)
