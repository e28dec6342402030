# SPDX-License-Identifier: Apache-2.0
"""Makes a corner's cells ready for Yosys: which of them it may use, in a Liberty file of our own writing."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from halo.errors import HaloError
from halo.liberty import Cell, Library, read_corner
from halo.synth.explain import near
from halo.synth.latches import plain_latch
from halo.synth.mapping_library import buffer_module, is_buffer, library_text, mappable

_SHOWN = 4
_AND_LIKE: set[tuple[int, ...]] = {(0, 0, 0, 1), (1, 1, 1, 0), (0, 1, 1, 1), (1, 0, 0, 0)}


@dataclass(frozen=True)
class PreparedLiberty:
    """A corner as Yosys can map to it.

    Attributes:
        library: the corner.
        path: Liberty file of the cells that mapping may use.
        cells: their names.
        tie_high, tie_low: cell and pin that give a constant, or None when the library has no such cell.
        buffer: Verilog of the buffer that the file holds and the library does not, or None.
        latch: the smallest plain latch, where latches are wanted and there is one.
    """

    library: Library
    path: Path
    cells: frozenset[str]
    tie_high: tuple[str, str] | None
    tie_low: tuple[str, str] | None
    buffer: Path | None = None
    latch: Cell | None = None


def prepare_liberty(
    liberty: Sequence[str | Path], folder: Path, dont_use: Sequence[str] = (), *, latches: bool = False
) -> PreparedLiberty:
    """Read a corner, check its cells, and write into ``folder`` those that mapping may use.

    Cells that the library or the caller forbids to synthesis stay out, and those of power management.

    Args:
        liberty: all files of one corner.
        folder: made when needed; its path must hold no blank, which ABC's scripts cannot express.
        dont_use: further cells to forbid, patterns as of :func:`matching_cells`.
        latches: write the smallest plain latch as well.

    Raises:
        HaloError: no file, one that cannot be read, a library without the gates that any mapping needs, or a pattern
            that matches no cell.
    """
    if not liberty:
        raise HaloError("no Liberty file is given", "Give at least one: --liberty FILE.")
    library = read_corner(list(liberty))
    forbidden = set(matching_cells(library, dont_use))
    usable = [
        cell
        for cell in library.cells.values()
        if mappable(cell) and not cell.dont_use and not cell.special and cell.name not in forbidden
    ]
    gates = [cell for cell in usable if cell.sequential is None]
    barred = [library.cells[name] for name in sorted(forbidden) if name in library.cells]
    _check_gates(library, gates, [cell for cell in barred if not cell.dont_use])
    allowed = (c for c in library.cells.values() if not c.dont_use and not c.special and c.name not in forbidden)
    latch = plain_latch(allowed) if latches else None
    inverters = [cell for cell in gates if is_buffer(cell, inverting=True)]
    lend = min(inverters, key=lambda cell: cell.area) if not any(map(is_buffer, gates)) else None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cells.lib"
    path.write_text(library_text(library, [*usable, *([] if latch is None else [latch])], lend), encoding="utf-8")
    buffer = None
    if lend is not None:
        buffer = folder / "buffer.v"
        buffer.write_text(buffer_module(lend), encoding="utf-8")
    names = frozenset(cell.name for cell in usable)
    return PreparedLiberty(library, path, names, _tie_cell(gates, 1), _tie_cell(gates, 0), buffer, latch)


def matching_cells(library: Library, patterns: Sequence[str]) -> tuple[str, ...]:
    """Names of the library's cells that match any of some shell patterns (``*``, ``?``, ``[...]``), sorted.

    Raises:
        HaloError: a pattern matches no cell.
    """
    found: set[str] = set()
    for pattern in patterns:
        matches = {name for name in (*library.cells, *library.left_out) if fnmatch.fnmatchcase(name, pattern)}
        if not matches:
            some = ", ".join(sorted(library.cells)[:_SHOWN])
            raise HaloError(
                f"no cell of library {library.name} matches {pattern!r}{near(pattern.strip('*?'), library.cells)}",
                f"Give the name of a cell, * and ? standing for any letters; the library begins with {some}.",
                library.paths[0] if library.paths else None,
            )
        found |= matches
    return tuple(sorted(found))


def without_cells(library: Library, patterns: Sequence[str]) -> Library:
    """The library with the cells that match some patterns marked ``dont_use``.

    Raises:
        HaloError: a pattern matches no cell.
    """
    matching = matching_cells(library, patterns)
    marked = {name: replace(library.cells[name], dont_use=True) for name in matching if name in library.cells}
    return replace(library, cells=library.cells | marked) if marked else library


def _check_gates(library: Library, usable: Sequence[Cell], barred: Sequence[Cell]) -> None:
    """Check that there is an inverter and a gate of two inputs.

    Raises:
        HaloError: there is not; cells that only the caller forbids (``barred``) and that would do are named.
    """
    path = library.paths[0] if library.paths else None
    if not any(pin.function is not None for cell in library.cells.values() for pin in cell.outputs):
        raise HaloError(
            f"library {library.name} says of no cell which function it has, so nothing can be mapped to it",
            "Add the Liberty file whose output pins have a function attribute.",
            path,
        )
    tables = {_function(cell) for cell in usable}
    wanted: dict[str, set[tuple[int, ...]]] = {
        "an inverter": {(1, 0)},
        "a two-input NAND, NOR, AND or OR gate": _AND_LIKE,
    }
    missing = [name for name, own in wanted.items() if not tables & own]
    if not missing:
        return
    fix = "Add the Liberty file that holds the simple gates."
    for name in missing:
        allowed = [cell.name for cell in barred if _function(cell) in wanted[name]]
        if allowed:
            fix = f"Allow one, such as {allowed[0]}: leave out the --dont-use that matches it."
    raise HaloError(
        f"library {library.name} lacks what every mapping needs: {' and '.join(missing)} that synthesis may use",
        fix,
        path,
    )


def _function(cell: Cell) -> tuple[int, ...]:
    """The truth table of a gate of one output; of other cells an empty one."""
    if len(cell.outputs) != 1 or cell.outputs[0].function is None or cell.outputs[0].three_state:
        return ()
    return tuple(int(v) for v in cell.outputs[0].function.table)


def _tie_cell(usable: Sequence[Cell], value: int) -> tuple[str, str] | None:
    for cell in usable:
        for pin in () if cell.inputs else cell.outputs:
            if pin.function is not None and [int(v) for v in pin.function.table] == [value]:
                return cell.name, pin.name
    return None
