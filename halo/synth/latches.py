# SPDX-License-Identifier: Apache-2.0
"""The library's latch for a latch of the RTL, such as that of a clock gate.

Tests: tests/synth/test_latches.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from halo.liberty import Cell


def plain_latch(cells: Iterable[Cell]) -> Cell | None:
    """The smallest of the plain latches, by area and name; None where there is none."""
    found = [cell for cell in cells if _latch_pins(cell) is not None]
    return min(found, key=lambda cell: (cell.area, cell.name), default=None)


def latch_techmap(cell: Cell) -> str:
    """Verilog by which Yosys replaces its latches with a plain latch of the library."""
    pins = _latch_pins(cell)
    assert pins is not None
    data, enable, output, high = pins
    text = []
    for kind, active in (("P", True), ("N", False)):
        gate = "E" if active == high else "~E"
        text.append(
            f"module \\$_DLATCH_{kind}_ (input E, D, output Q);\n"
            f"  {cell.name} _TECHMAP_REPLACE_ (.{data}(D), .{enable}({gate}), .{output}(Q));\nendmodule\n"
        )
    return "".join(text)


def _latch_pins(cell: Cell) -> tuple[str, str, str, bool] | None:
    """Data, enable and output pin of a plain latch and whether it opens at 1; None for any other cell."""
    latch = cell.latch
    if latch is None or latch.enable is None or len(cell.inputs) != 2 or len(latch.enable.inputs) != 1:
        return None
    if len(latch.data.inputs) != 1 or latch.data.table.tolist() != [0, 1]:
        return None
    for pin in cell.outputs:
        function = pin.function
        if function is not None and function.inputs == (latch.state,) and function.table.tolist() == [0, 1]:
            return latch.data.inputs[0], latch.enable.inputs[0], pin.name, bool(latch.enable.table[1])
    return None
