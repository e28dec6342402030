# SPDX-License-Identifier: Apache-2.0
"""Streams with ready and valid, named as in AXI-Stream: a source and a sink that stall, count and check the protocol.

A beat is one whole number, the packed bits of ``tdata``. Both ends keep the cycle of every transfer in ``taken``, which
is what the cycle contracts are measured with.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable

from cocotb.handle import HierarchyObject
from components.clock_reset import ClockReset

Stall = Callable[[int], bool]
"""Whether to stall in a cycle, given its number."""


def never(_cycle: int) -> bool:
    """No stalls."""
    return False


def sometimes(probability: float, generator: random.Random) -> Stall:
    """A stall in that share of the cycles."""
    draw = generator.random
    return lambda cycle: draw() < probability


def bursts(length: int, generator: random.Random) -> Stall:
    """Stalls and flow in turns of 1 to ``length`` cycles."""
    turn = [0, False]

    def stall(_cycle: int) -> bool:
        if turn[0] == 0:
            turn[:] = generator.randint(1, length), not turn[1]
        turn[0] -= 1
        return bool(turn[1])

    return stall


class StreamSource:
    """Sends beats. ``tvalid`` stays until the beat is taken; while it is low ``tdata`` holds the wrong bits.

    Attributes:
        taken: cycle of each transfer.
        stall: whether to hold the next beat back; may be replaced at any time.
    """

    def __init__(self, dut: HierarchyObject, name: str, clock: ClockReset, stall: Stall = never) -> None:
        self.taken: list[int] = []
        self.stall = stall
        self._clock = clock
        self._data = getattr(dut, f"{name}_tdata")
        self._valid = getattr(dut, f"{name}_tvalid")
        self._ready = getattr(dut, f"{name}_tready")
        self._last = getattr(dut, f"{name}_tlast", None)
        self._mask = (1 << len(self._data)) - 1
        self._queue: deque[tuple[int, bool]] = deque()
        self._offered = False
        self._withdraw(0)
        clock.serve(self._edge, self._restart)

    def send(self, beats: Iterable[int]) -> None:
        """Queue beats; where the stream has ``tlast``, the last of them carries it."""
        beats = list(beats)
        self._queue.extend((beat, False) for beat in beats[:-1])
        self._queue.extend((beat, True) for beat in beats[-1:])

    @property
    def idle(self) -> bool:
        """Everything queued was taken."""
        return not self._queue

    def _edge(self) -> None:
        cycle = self._clock.cycle
        if self._offered:
            if not self._ready.value:
                return
            self.taken.append(cycle)
            sent, _ = self._queue.popleft()
            if self._queue and not self.stall(cycle):
                self._drive()
            else:
                self._withdraw(sent)
        elif self._queue and not self.stall(cycle):
            self._drive()
            self._valid.value = 1
            self._offered = True

    def _drive(self) -> None:
        beat, last = self._queue[0]
        self._data.value = beat
        if self._last is not None:
            self._last.value = last

    def _withdraw(self, sent: int) -> None:
        self._offered = False
        self._valid.value = 0
        self._data.value = sent ^ self._mask  # a design that ignores tvalid takes rubbish
        if self._last is not None:
            self._last.value = 1

    def _restart(self) -> None:
        self._queue.clear()
        self._withdraw(0)


class StreamSink:
    """Takes beats and hands each to ``received(data, last)``; ``last`` is False where the stream has no ``tlast``.

    Attributes:
        taken: cycle of each transfer.
        stall: whether to lower ``tready`` in the next cycle; may be replaced at any time.

    Raises:
        AssertionError: in the cycle in which the design withdraws or changes a beat that it offered.
    """

    def __init__(
        self,
        dut: HierarchyObject,
        name: str,
        clock: ClockReset,
        received: Callable[[int, bool], None],
        stall: Stall = never,
    ) -> None:
        self.taken: list[int] = []
        self.stall = stall
        self._name = name
        self._clock = clock
        self._received = received
        self._data = getattr(dut, f"{name}_tdata")
        self._valid = getattr(dut, f"{name}_tvalid")
        self._ready = getattr(dut, f"{name}_tready")
        self._last = getattr(dut, f"{name}_tlast", None)
        self._accepting = False
        self._offered: tuple[int, bool] | None = None
        self._ready.value = 0
        clock.serve(self._edge, self._restart)

    def _edge(self) -> None:
        cycle = self._clock.cycle
        if self._valid.value:
            beat = self._data.value.to_unsigned(), self._last is not None and bool(self._last.value)
            assert self._offered in (None, beat), f"{self._name} changed a beat before it was taken"
            if self._accepting:
                self._offered = None
                self.taken.append(cycle)
                self._received(*beat)
            else:
                self._offered = beat
        else:
            assert self._offered is None, f"{self._name} withdrew a beat before it was taken"
        accepting = not self.stall(cycle)
        if accepting != self._accepting:
            self._ready.value = self._accepting = accepting

    def _restart(self) -> None:
        self._offered = None
        self._ready.value = self._accepting = False
