"""Drives operands onto the lanes of ``mac_lanes``."""

from __future__ import annotations

from cocotb.handle import HierarchyObject
from cocotb.triggers import Timer
from components.operands import Operands, Widths, packed


class LaneDriver:
    """Puts one step of operands on the ports, lets the logic settle and toggles the strobe."""

    def __init__(self, dut: HierarchyObject, widths: Widths) -> None:
        self.dut = dut
        self.widths = widths
        self.strobe = 0

    async def settle(self) -> None:
        """Give the strobe a value, before anyone watches it."""
        self.dut.strobe_i.value = self.strobe
        await Timer(1, "ns")

    async def play(self, step: Operands) -> None:
        """Return when the sums have been strobed."""
        self.dut.weights_i.value = packed(step.weight, self.widths.weight)
        self.dut.activations_i.value = packed(step.activation, self.widths.activation)
        self.dut.psums_i.value = packed(step.psum, self.widths.acc)
        await Timer(1, "ns")
        self.strobe ^= 1
        self.dut.strobe_i.value = self.strobe
        await Timer(1, "ns")
