"""Reads the sums of ``mac_lanes``."""

from __future__ import annotations

from collections.abc import Callable

from cocotb.handle import HierarchyObject
from components.operands import I64, Widths, unpacked


class SumMonitor:
    """Hands on the sums of all lanes whenever the strobe changes."""

    def __init__(self, dut: HierarchyObject, widths: Widths, seen: Callable[[I64], None]) -> None:
        self.dut = dut
        self.widths = widths
        self.seen = seen

    async def run(self) -> None:
        """Watch for ever; start it as a task."""
        while True:
            await self.dut.strobe_i.value_change
            self.seen(unpacked(str(self.dut.sums_o.value), self.widths.acc))
