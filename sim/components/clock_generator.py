# SPDX-License-Identifier: Apache-2.0
"""The other end of a clock-change handshake: a clock generator that takes its time."""

from __future__ import annotations

from collections.abc import Callable

from cocotb.handle import HierarchyObject
from components.clock_reset import ClockReset
from components.stream import level, word


class ClockGenerator:
    """Answers ``clock_request_o`` with ``clock_acknowledge_i``, each edge of it after ``wait()`` extra cycles.

    Attributes:
        wait: cycles on top of the one that a registered answer takes; may be replaced at any time.
        frequency_class: of the clock; 0 after reset.
        steady: no change is under way.
        began: a request was raised in this cycle.
        changes: clocks changed.

    Raises:
        AssertionError: in the cycle in which the design drops a request before it was acknowledged, asks for the class
            that it has, or changes the class without a request: it stands from a request, or a reset, to the next one.
    """

    def __init__(self, dut: HierarchyObject, clock: ClockReset) -> None:
        self.wait: Callable[[], int] = lambda: 0
        self.frequency_class = 0
        self.changes = 0
        self.began = False
        self._request = dut.clock_request_o
        self._class = dut.clock_class_o
        self._acknowledge = dut.clock_acknowledge_i
        self._acknowledged = False
        self._asked = False
        self._left = self._wanted = 0
        self._acknowledge.value = 0
        clock.serve(self._edge, self._restart)

    @property
    def steady(self) -> bool:
        """No change is under way."""
        return not self._asked and not self._acknowledged

    def _edge(self) -> None:
        request = level(self._request, "clock_request_o")
        kind = word(self._class, "clock_class_o")
        self.began = request and not self._asked and not self._acknowledged
        if self.began:
            self._wanted = kind
            assert self._wanted != self.frequency_class, "a request for the class that the clock has"
            self._left = self.wait()
        elif request != self._asked:
            assert self._acknowledged and not request, "a request came or went out of turn"
            self._left = self.wait()
        self._asked = request
        assert kind == self._wanted, f"clock_class_o changed from {self._wanted} to {kind} without a request"
        if request == self._acknowledged:
            return
        if self._left:
            self._left -= 1
            return
        self._acknowledge.value = self._acknowledged = request
        if request:
            self.frequency_class = self._wanted
            self.changes += 1

    def _restart(self) -> None:
        """An acknowledge that is up falls only some time after the reset."""
        self.frequency_class = self._wanted = 0
        self.began = self._asked = False
        self._left = self.wait()
