# SPDX-License-Identifier: Apache-2.0
"""Writes what every port of the design shows before each rising edge of the clock, to be played at gate level.

Tests: tests/flow/gate_level/test_unit.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cocotb
from cocotb.handle import HierarchyObject
from cocotb.triggers import RisingEdge


class PortRecorder:
    """Records from the first rising edge on, resets included.

    Attributes:
        rows: a text for each clock cycle: the bits of every port just before the edge that ends the cycle, highest
            first, ports in the order given and separated by blanks; a bit that is unknown stays so (X).
    """

    def __init__(self, dut: HierarchyObject, ports: Sequence[str]) -> None:
        self.rows: list[str] = []
        self._ports = [getattr(dut, port) for port in ports]
        cocotb.start_soon(self._record(RisingEdge(dut.clk_i)))

    def write(self, path: Path, cycles: int) -> None:
        """Write the first cycles, a line each.

        Raises:
            AssertionError: fewer have been recorded.
        """
        assert len(self.rows) >= cycles, f"{len(self.rows)} clock cycles are recorded, not {cycles}"
        path.write_text("".join(f"{row}\n" for row in self.rows[:cycles]), encoding="utf-8")

    async def _record(self, edge: RisingEdge) -> None:
        while True:
            await edge
            self.rows.append(" ".join(str(port.value) for port in self._ports))
