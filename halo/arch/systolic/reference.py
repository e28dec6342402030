# SPDX-License-Identifier: Apache-2.0
"""What the references of both arrays share: streams, delay lines, the clock generator, and what they record.

Tests: tests/arch/systolic/test_cycle_level.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from halo.arch.systolic.loads import I64, Flags, Int8

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Recorded:
    """What happened, clock by clock.

    Attributes:
        outputs: int64[M, N], sums wrapped around.
        slots, results: clock of each activation taken and of each row of results.
        busy: int64[cycles], elements that multiply operands of the product.
        clock_class: int64[cycles], class of the clock.
        weight_activity: int64[classes, 256], as in ``CycleLevel``.
    """

    outputs: I64
    slots: I64
    results: I64
    busy: I64
    clock_class: I64
    weight_activity: I64


class Source(Generic[T]):
    """The sending end of a stream: a beat that is offered stays until it is taken."""

    def __init__(self, beats: Sequence[T], held: Flags) -> None:
        self._beats = deque(beats)
        self._held = held
        self.valid = False

    def offer(self, clock: int) -> None:
        """Decide at the beginning of a clock."""
        held = clock < len(self._held) and bool(self._held[clock])
        self.valid = self.valid or (bool(self._beats) and not held)

    @property
    def beat(self) -> T:
        """The one offered."""
        return self._beats[0]

    def take(self) -> T:
        """Take it at the end of the clock."""
        self.valid = False
        return self._beats.popleft()


class Skew(Generic[T]):
    """Delays lane i by i clocks, or by lanes - 1 - i in reverse."""

    def __init__(self, lanes: int, empty: T, *, reverse: bool = False) -> None:
        self._lines = [deque([empty] * (lanes - 1 - i if reverse else i)) for i in range(lanes)]

    def __call__(self, values: Sequence[T]) -> list[T]:
        """One clock: what comes in, and what goes out."""
        for line, value in zip(self._lines, values, strict=True):
            line.append(value)
        return [line.popleft() for line in self._lines]


class ClockGenerator:
    """Both ends of the change of the clock: ``clock_change.v`` and a generator that waits.

    Attributes:
        asked: class asked for last, which the tile controller compares with; current: of the clock.
        request, acknowledge: the handshake.
    """

    def __init__(self, waits: Sequence[tuple[int, int]]) -> None:
        self.asked = self.current = 0
        self.request = self.acknowledge = False
        self._waits: Iterator[tuple[int, int]] = iter(waits)
        self._wait = (0, 0)
        self._left = 0

    def answer(self) -> None:
        """Decide at the beginning of a clock whether the acknowledge turns."""
        if self.request == self.acknowledge:
            return
        if self._left == 0:
            self.acknowledge = self.request
            self.current = self.asked
        else:
            self._left -= 1

    @property
    def at_rest(self) -> bool:
        """No change is under way."""
        return not self.request and not self.acknowledge

    def step(self, kind: int | None, idle: bool) -> None:
        """The end of a clock; ``kind``: class of the tile that waits or runs, if any; ``idle``: the array is empty."""
        if self.at_rest and kind is not None and kind != self.asked and idle:
            self.request, self.asked = True, kind
            self._wait = next(self._waits)
            self._left = self._wait[0]
        elif self.request and self.acknowledge:
            self.request = False
            self._left = self._wait[1]


def filled(part: Int8, rows: int, columns: int) -> list[list[tuple[int, bool]]]:
    """Rows of (value, whether it is one of the product), filled up with zeros that are not."""
    empty = [(0, False)] * columns
    kept = [[(int(value), True) for value in row] + empty[part.shape[1] :] for row in part]
    return kept + [empty] * (rows - len(kept))


def from_left(entering: I64, held: I64) -> I64:
    """What the elements see at their left: the edge, or the register of the neighbour."""
    return np.hstack([entering[:, None], held[:, :-1]])


def from_above(entering: I64, held: I64) -> I64:
    """What the elements see above."""
    return np.vstack([entering[None, :], held[:-1]])


def wrapped(values: I64, bits: int) -> I64:
    """The lowest bits, signed."""
    spare = 64 - bits
    return values << spare >> spare
