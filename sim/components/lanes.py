# SPDX-License-Identifier: Apache-2.0
"""Drives the lanes of ``mac_lanes`` and reads their sums."""

from __future__ import annotations

from collections.abc import Callable

from cocotb.handle import HierarchyObject
from cocotb.triggers import Timer
from components.operands import Step


class LaneDriver:
    """Puts one step of operands on the ports, lets the logic settle and toggles the strobe."""

    def __init__(self, dut: HierarchyObject) -> None:
        self.dut = dut
        self.strobe = 0

    async def settle(self) -> None:
        """Give the strobe a value, before anyone watches it."""
        self.dut.strobe_i.value = self.strobe
        await Timer(1, "ns")

    async def play(self, step: Step) -> None:
        """Return when the sums have been strobed."""
        self.dut.weights_i.value = step.weights
        self.dut.activations_i.value = step.activations
        self.dut.psums_i.value = step.psums
        await Timer(1, "ns")
        self.strobe ^= 1
        self.dut.strobe_i.value = self.strobe
        await Timer(1, "ns")


class SumMonitor:
    """Hands on the packed sums of all lanes whenever the strobe changes."""

    def __init__(self, dut: HierarchyObject, seen: Callable[[int], None]) -> None:
        self.dut = dut
        self.seen = seen

    async def run(self) -> None:
        """Watch for ever; start it as a task."""
        while True:
            await self.dut.strobe_i.value_change
            self.seen(self.dut.sums_o.value.to_unsigned())
