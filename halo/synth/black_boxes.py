# SPDX-License-Identifier: Apache-2.0
"""Memories and other macros of a Liberty file as empty Verilog modules, so that a design with them can be mapped.

Tests: tests/flow/test_timing.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from halo.liberty.model import Cell

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")


def write_black_boxes(cells: Iterable[Cell], folder: Path) -> tuple[tuple[str, Path], ...]:
    """Write an empty module for each black box (``Cell.black_box``): name and file of each.

    Args:
        cells: of the library; others than black boxes are left out.
        folder: existing.
    """
    found = []
    for cell in cells:
        if cell.black_box and _PLAIN.match(cell.name):
            path = folder / f"{cell.name}.v"
            path.write_text(_module(cell), encoding="utf-8")
            found.append((cell.name, path))
    return tuple(found)


def _module(cell: Cell) -> str:
    """The module; pins that Verilog has no plain name for are left out, and so are supplies."""
    member = {name for bits in cell.buses.values() for name in bits}
    ports = [(pin.direction, "", name) for name, pin in cell.pins.items() if name not in member]
    for bus, bits in cell.buses.items():
        ends = [re.search(r"(\d+)\]$", bits[at]) for at in (0, -1)]
        if all(ends):
            left, right = (end.group(1) for end in ends if end is not None)
            ports.append((cell.pins[bits[0]].direction, f"[{left}:{right}] ", bus))
    known = [f"  {direction} {size}{name}" for direction, size, name in ports if direction != "internal"]
    body = ",\n".join(line for line in known if _PLAIN.match(line.rsplit(" ", 1)[1]))
    return f"(* blackbox *)\nmodule {cell.name} (\n{body}\n);\nendmodule\n"
