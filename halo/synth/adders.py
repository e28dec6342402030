# SPDX-License-Identifier: Apache-2.0
"""The library's adder cells for the full and half adders of the RTL.

ABC maps functions of one output, so a full adder becomes gates where a library has a cell that is smaller. The modules
``full_adder`` and ``half_adder`` of ``rtl/mac`` are replaced by such cells, as far as there are any.

Tests: tests/synth/test_adders.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from halo.errors import HaloError
from halo.liberty import Cell, Library
from halo.liberty.model import Function

_SUM = {3: (0, 1, 1, 0, 1, 0, 0, 1), 2: (0, 1, 1, 0)}
_CARRY = {3: (0, 0, 0, 1, 0, 1, 1, 1), 2: (0, 0, 0, 1)}
_MODULES = {3: ("full_adder", ("a_i", "b_i", "c_i")), 2: ("half_adder", ("a_i", "b_i"))}


class Adder(NamedTuple):
    """A cell that adds its inputs: pins of sum and carry, and whether each is inverted."""

    cell: Cell
    sum_pin: str
    sum_inverted: bool
    carry_pin: str
    carry_inverted: bool


def smallest_adder(cells: Iterable[Cell], inputs: int) -> Adder | None:
    """The adder of so many inputs with the least area, then by name; None where there is none."""
    found = [adder for cell in cells if (adder := _adder(cell, inputs)) is not None]
    return min(found, key=lambda adder: (adder.cell.area, adder.cell.name), default=None)


def adder_techmap(library: Library, cells: Iterable[Cell]) -> str:
    """Verilog by which Yosys replaces ``full_adder``, and ``half_adder`` where there is a cell for it.

    Args:
        library: the corner, for messages.
        cells: those that may be used.

    Raises:
        HaloError: no full adder is among them.
    """
    usable = list(cells)
    text = []
    for inputs, (module, ports) in _MODULES.items():
        adder = smallest_adder(usable, inputs)
        if adder is None:
            if inputs == 3:
                raise HaloError(
                    f"library {library.name} has no cell for a full adder that synthesis may use",
                    "Use --synth structural.",
                    library.paths[0] if library.paths else None,
                )
            continue
        pins = [f".{pin.name}({port})" for pin, port in zip(adder.cell.inputs, ports, strict=True)]
        pins += [f".{adder.sum_pin}(s)", f".{adder.carry_pin}(c)"]
        text.append(
            f'(* techmap_celltype = "{module}" *)\n'
            f"module {module}_cell (input {', '.join(ports)}, output sum_o, output carry_o);\n"
            f"  wire s, c;\n  {adder.cell.name} u_cell ({', '.join(pins)});\n"
            f"  assign sum_o = {'~' * adder.sum_inverted}s;\n"
            f"  assign carry_o = {'~' * adder.carry_inverted}c;\nendmodule\n"
        )
    return "".join(text)


def _adder(cell: Cell, inputs: int) -> Adder | None:
    if len(cell.inputs) != inputs or len(cell.outputs) != 2 or cell.sequential is not None:
        return None
    first, second = cell.outputs
    for sum_pin, carry_pin in ((first, second), (second, first)):
        sums, carries = _polarity(sum_pin.function, _SUM[inputs]), _polarity(carry_pin.function, _CARRY[inputs])
        if sums is not None and carries is not None:
            return Adder(cell, sum_pin.name, sums, carry_pin.name, carries)
    return None


def _polarity(function: Function | None, table: tuple[int, ...]) -> bool | None:
    """Whether a function is the inverse of a table, whose inputs are alike; None where it is neither."""
    own = () if function is None else tuple(int(value) for value in function.table)
    return own != table if own in (table, tuple(1 - value for value in table)) else None
