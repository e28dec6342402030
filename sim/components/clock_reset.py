# SPDX-License-Identifier: Apache-2.0
"""Clock, synchronous reset, and the one coroutine of a bench that wakes up once a cycle.

Waking a coroutine costs more than serving a stream, so drivers and monitors are plain functions that this one calls at
every rising edge: what they read are the values before the edge, what they write holds from this edge on, like
registers of the design.
"""

from __future__ import annotations

from collections.abc import Callable

import cocotb
from cocotb.clock import Clock
from cocotb.handle import HierarchyObject
from cocotb.triggers import Event, RisingEdge

STILL = 10_000
"""Cycles without a beat on any stream after which a design that is waited for is said to hang."""


class ClockReset:
    """Drives ``clk_i`` and a reset, active low, and calls what was registered, once a cycle, in that order.

    Nothing is called before the first reset. While a reset lasts, only what watches resets is.

    Attributes:
        cycle: rising edges since the start, this one included.
        pending: what a design that hangs has not done, in words; may be replaced.
    """

    def __init__(self, dut: HierarchyObject, period_ns: float = 10, reset: str = "srst_ni") -> None:
        self.cycle = 0
        self.pending: Callable[[], str] = lambda: ""
        self._reset = getattr(dut, reset)
        self._running = False
        self._served: list[Callable[[], None]] = []
        self._restarted: list[Callable[[], None]] = []
        self._watching: list[Callable[[int], None]] = []
        self._held = 0  # rising edges of this reset
        self._condition: Callable[[], bool] | None = None
        self._deadline = 0
        self._moved = 0  # cycle of the last beat
        self._wake = Event()
        self._reset.value = 0
        Clock(dut.clk_i, period_ns, "ns", impl="gpi").start(start_high=False)
        cocotb.start_soon(self._serve(RisingEdge(dut.clk_i)))

    def serve(
        self,
        edge: Callable[[], None],
        restart: Callable[[], None] | None = None,
        held: Callable[[int], None] | None = None,
    ) -> None:
        """Call something once a cycle.

        Args:
            edge: at every rising edge outside of resets.
            restart: when a reset begins.
            held: at every rising edge of a reset, with the number of those before.
        """
        self._served.append(edge)
        if restart is not None:
            self._restarted.append(restart)
        if held is not None:
            self._watching.append(held)

    def moved(self) -> None:
        """A stream has a beat in this cycle: the design does not hang."""
        self._moved = self.cycle

    async def reset(self, cycles: int = 2) -> None:
        """Hold the reset for a number of rising edges; what was in flight is forgotten."""
        self._running = False
        for restart in self._restarted:
            restart()
        self._reset.value = 0
        self._held = 0
        await self.cycles(cycles)
        self._reset.value = 1
        self._running = True

    async def cycles(self, count: int) -> None:
        """Return after that many rising edges."""
        last = self.cycle + count
        await self.until(lambda: self.cycle >= last, count + 1)

    async def until(self, condition: Callable[[], bool], deadline: int | None = None) -> None:
        """Return at the first rising edge after which the condition holds.

        Args:
            condition: tried at every rising edge.
            deadline: cycles; None: as long as there is a beat every ``STILL`` cycles.

        Raises:
            AssertionError: it does not hold by then.
        """
        assert self._condition is None, "one coroutine at a time can wait for the clock"
        self.moved()
        self._deadline = self.cycle + deadline if deadline is not None else 0
        self._condition = condition
        self._wake.clear()
        await self._wake.wait()
        met, self._condition = condition(), None
        if deadline is None:
            assert met, f"the design hangs: no stream has moved for {STILL} cycles{self.pending()}"
        assert met, f"still waiting after {deadline} cycles"

    async def _serve(self, edge: RisingEdge) -> None:
        while True:
            await edge
            self.cycle += 1
            if self._running:
                for serve in self._served:
                    serve()
            else:
                for watch in self._watching:
                    watch(self._held)
                self._held += 1
            if self._condition is not None and (
                self._condition() or self.cycle >= (self._deadline or self._moved + STILL)
            ):
                self._wake.set()
