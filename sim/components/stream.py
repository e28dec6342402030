# SPDX-License-Identifier: Apache-2.0
"""Streams with ready and valid, named as in AXI-Stream: a source and a sink that stall, count and check the protocol.

A beat is one whole number, the packed bits of ``tdata``. Both ends keep the cycle of every transfer in ``taken``, which
is what the cycle contracts are measured with, and count in ``unasked`` the cycles in which the design was ready without
valid, or valid without ready: a design that waits for the other end never is.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable

from cocotb.handle import HierarchyObject, LogicArrayObject, LogicObject
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


def level(signal: LogicObject, name: str) -> bool:
    """The value of a signal.

    Raises:
        AssertionError: it is X or Z.
    """
    value = signal.value
    assert value.is_resolvable, f"{name} is {value}"
    return bool(value)


def word(signal: LogicArrayObject, name: str, place: Callable[[int], str] | None = None) -> int:
    """The value of a vector.

    Args:
        signal: the vector.
        name: of it.
        place: what a bit belongs to, in words.

    Raises:
        AssertionError: some bits are X or Z; says what the lowest of them belongs to, and how many there are.
    """
    value = str(signal.value)  # a vector of one bit has another type than others
    if value.strip("01"):
        bits = value[::-1]
        unknown = [n for n, bit in enumerate(bits) if bit not in "01"]
        first = unknown[0]
        what = place(first) if place is not None else "a beat"
        raise AssertionError(
            f"{what} is {bits[first]}: {len(unknown)} of {len(bits)} bits of {name}, from bit {first} on"
        )
    return int(value, 2)


class StreamSource:
    """Sends beats. ``tvalid`` stays until the beat is taken; meanwhile ``tdata`` holds wrong bits or the last beat.

    Attributes:
        taken: cycle of each transfer.
        stall: whether to hold the next beat back; may be replaced at any time.
        unasked: cycles in which the design was ready and nothing was offered.
        quiet_in_reset: ``tready`` must be low during a reset.

    Raises:
        AssertionError: in the cycle in which ``tready`` is X, or high during a reset.
    """

    def __init__(self, dut: HierarchyObject, name: str, clock: ClockReset, stall: Stall = never) -> None:
        self.taken: list[int] = []
        self.stall = stall
        self.unasked = 0
        self.quiet_in_reset = True
        self._name = name
        self._clock = clock
        self._data = getattr(dut, f"{name}_tdata")
        self._valid = getattr(dut, f"{name}_tvalid")
        self._ready = getattr(dut, f"{name}_tready")
        self._last = getattr(dut, f"{name}_tlast", None)
        self._mask = (1 << len(self._data)) - 1
        self._queue: deque[tuple[int, bool]] = deque()
        self._offered = self._rubbish = False
        self._withdraw(0)
        clock.serve(self._edge, self._restart, self._held)

    def send(self, beats: Iterable[int]) -> None:
        """Queue beats; where the stream has ``tlast``, the last of them carries it."""
        beats = list(beats)
        self._queue.extend((beat, False) for beat in beats[:-1])
        self._queue.extend((beat, True) for beat in beats[-1:])

    def start(self) -> None:
        """Offer the first beat in this cycle and not in the next: with the end of a reset, say."""
        if self._queue and not self._offered:
            self._drive()
            self._valid.value = 1
            self._offered = True

    @property
    def idle(self) -> bool:
        """Everything queued was taken."""
        return not self._queue

    def _edge(self) -> None:
        cycle = self._clock.cycle
        ready = level(self._ready, f"{self._name}_tready")
        self.unasked += ready and not self._offered
        if self._offered:
            if not ready:
                return
            self._clock.moved()
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
        # A design that ignores tvalid takes rubbish, or the same beat again.
        self._rubbish = not self._rubbish
        self._data.value = sent ^ self._mask if self._rubbish else sent
        if self._last is not None:
            self._last.value = 1

    def _restart(self) -> None:
        self._queue.clear()
        self._withdraw(0)

    def _held(self, edges: int) -> None:
        # Registers are X until the first edge of all.
        if self.quiet_in_reset and (edges or self._clock.cycle > 1):
            assert not level(self._ready, f"{self._name}_tready"), f"{self._name}_tready is high during a reset"


class StreamSink:
    """Takes beats and hands each to ``received(data, last)``; ``last`` is False where the stream has no ``tlast``.

    Attributes:
        taken: cycle of each transfer.
        stall: whether to lower ``tready`` in the next cycle; may be replaced at any time.
        place: what a bit of the next beat belongs to, in words; may be replaced.
        offering: the design offered a beat in the last cycle that was not taken.
        unasked: cycles in which the design offered a beat and ``tready`` was low.

    Raises:
        AssertionError: in the cycle in which the design withdraws or changes a beat that it offered, in which it offers
            one during a reset (after its first edge), or in which ``tvalid`` or a beat is X.
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
        self.place: Callable[[int], str] | None = None
        self.unasked = 0
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
        clock.serve(self._edge, self._restart, self._held)

    @property
    def offering(self) -> bool:
        """A beat waits to be taken."""
        return self._offered is not None

    def _edge(self) -> None:
        cycle = self._clock.cycle
        if level(self._valid, f"{self._name}_tvalid"):
            data = word(self._data, f"{self._name}_tdata", self.place)
            beat = data, self._last is not None and level(self._last, f"{self._name}_tlast")
            assert self._offered in (None, beat), f"{self._name} changed a beat before it was taken"
            if self._accepting:
                self._clock.moved()
                self._offered = None
                self.taken.append(cycle)
                self._received(*beat)
            else:
                self.unasked += 1
                self._offered = beat
        else:
            assert self._offered is None, f"{self._name} withdrew a beat before it was taken"
        accepting = not self.stall(cycle)
        if accepting != self._accepting:
            self._ready.value = self._accepting = accepting

    def _restart(self) -> None:
        self._offered = None
        self._ready.value = self._accepting = False

    def _held(self, edges: int) -> None:
        if edges:
            assert not level(self._valid, f"{self._name}_tvalid"), f"{self._name}_tvalid is high during a reset"
