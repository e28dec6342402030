# SPDX-License-Identifier: Apache-2.0
"""What the benches of both systolic arrays share: streams that stall, clock changes, results in order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.clock_generator import ClockGenerator
from components.clock_reset import ClockReset
from components.coverage import Coverage
from components.report import Report
from components.scoreboard import Scoreboard
from components.stream import Stall, StreamSink, StreamSource, bursts, never, sometimes

STREAMS = ("command", "weight", "activation", "result")


class ArrayBench:
    """An array with its streams, clock generator and scoreboard. Random choices are seeded by cocotb.

    Attributes:
        quiet: clocks between the last activation before a change of the clock and its request, at least.
    """

    def __init__(self, dut: HierarchyObject, acc_width: int, columns: int, quiet: int) -> None:
        self.quiet = quiet
        self.random = random.Random(cocotb.RANDOM_SEED)
        self.classes = self._some_classes(int(dut.CLASS_WIDTH.value))
        self.numpy = np.random.default_rng(cocotb.RANDOM_SEED)
        self.coverage = Coverage()
        self.scoreboard = Scoreboard(acc_width, columns, "sums")
        self.clock = ClockReset(dut)
        self.command = StreamSource(dut, "s_axis_command", self.clock)
        self.weight = StreamSource(dut, "s_axis_weight", self.clock)
        self.activation = StreamSource(dut, "s_axis_activation", self.clock)
        self.result = StreamSink(dut, "m_axis_result", self.clock, self._received)
        self.streams = dict(zip(STREAMS, (self.command, self.weight, self.activation, self.result), strict=True))
        self.generator = ClockGenerator(dut, self.clock)
        self.result.place = lambda bit: self.scoreboard.place(bit // acc_width)
        self.clock.pending = self._pending
        self._ends: list[bool] = []  # of each row of results: it is the last of its tile
        self._received_rows = 0
        self._classes: list[int] = []  # of each activation
        self._checked = 0
        self.clock.serve(self._check_class, self._forget)

    @property
    def slots(self) -> list[int]:
        """Cycles in which activations have gone into the array."""
        return self.activation.taken

    def expect(self, results: Sequence[int], classes: Iterable[int]) -> None:
        """Note the rows of results of the tile being queued, and the class of each of its beats of activations."""
        first = len(self._ends)
        for row, beat in enumerate(results):
            self.scoreboard.expect(beat, lambda column, row=first + row: f"row {row}, column {column}")
            self._ends.append(row == len(results) - 1)
        self._classes.extend(classes)

    def stall(self, **stalls: Callable[[], Stall]) -> None:
        """Stall the streams named (all others flow); each stalled cycle counts in the coverage."""
        for name, stream in self.streams.items():
            stream.stall = self._counted(name, stalls[name]()) if name in stalls else never

    def some_stalls(self) -> Stall:
        """One of several patterns."""
        draw = self.random
        return draw.choice((sometimes(0.3, draw), sometimes(0.6, draw), bursts(3, draw), bursts(30, draw)))

    def require_unasked(self) -> None:
        """Every stream was ready with nothing offered, or offered something to a reader that was not ready.

        Raises:
            AssertionError: one never was.
        """
        for name, stream in self.streams.items():
            self.coverage.hit(f"unasked.{name}", stream.unasked)
            assert stream.unasked, f"the design waits for the other end of {name}"

    async def drained(self) -> None:
        """Return when everything queued has been taken and every sum has come."""
        sources = (self.command, self.weight, self.activation)
        await self.clock.until(lambda: not self.scoreboard.open and all(source.idle for source in sources))

    async def finish(self, at_least: int) -> None:
        """Drain, wait for anything that should not come, check and report."""
        await self.drained()
        await self.clock.cycles(3 * self.quiet)
        self.scoreboard.finish(at_least)
        assert self._received_rows == len(self._ends)
        figures = {"clock_changes": self.generator.changes}
        Report(self.scoreboard.compared, self.scoreboard.sent, self.clock.cycle, self.coverage.hits, figures).write()

    def _pending(self) -> str:
        """What a design that hangs leaves undone."""
        sources = zip(STREAMS, (self.command, self.weight, self.activation), strict=False)
        left = ", ".join(name for name, source in sources if not source.idle) or "nothing"
        return f"; not taken: {left}; results due: {self.scoreboard.open}"

    def _some_classes(self, width: int) -> list[int]:
        """All classes where there are a few; else some of them, among them pairs that differ in a single bit."""
        if width <= 3:
            return list(range(1 << width))
        top = 1 << (width - 1)
        odd = self.random.getrandbits(width)
        return list(dict.fromkeys((0, 1, top, top | 1, 2 * top - 1, odd, odd ^ 1 << self.random.randrange(width))))

    def _received(self, beat: int, last: bool) -> None:
        self.scoreboard.saw(beat)
        assert last == self._ends[self._received_rows], f"tlast of row {self._received_rows} is {last}"
        self._received_rows += 1

    def _check_class(self) -> None:
        """Every activation goes into the array with the clock of its class, and none while the clock changes."""
        taken = len(self.slots)
        if taken > self._checked:
            kind = self._classes[self._checked]
            assert self.generator.steady, "an activation was taken while the clock changed"
            assert self.generator.frequency_class == kind, f"an activation of class {kind} in another one's clock"
            self._checked = taken
        if self.generator.began and self._checked:
            quiet = self.clock.cycle - self.slots[-1]
            assert quiet > self.quiet, f"a change of the clock {quiet} clocks after an activation"

    def _forget(self) -> None:
        self.scoreboard.forget()
        for stream in self.streams.values():
            stream.taken.clear()
        self._ends.clear()
        self._classes.clear()
        self._received_rows = self._checked = 0

    def _counted(self, name: str, stall: Stall) -> Stall:
        self.coverage.hit(f"stall.{name}", 0)
        begun = False

        def counted(cycle: int) -> bool:
            nonlocal begun
            stalled = stall(cycle) or not begun  # the first time always, so that no pattern stays without a stall
            begun = True
            if stalled:
                self.coverage.hit(f"stall.{name}")
            return stalled

        return counted
