# SPDX-License-Identifier: Apache-2.0
"""Makes a corner's Liberty files ready for Yosys: decompressed, checked, with the cells it must not use named."""

from __future__ import annotations

import fnmatch
import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from halo.errors import HaloError
from halo.liberty import Cell, Library, read_corner
from halo.synth.explain import near

# Isolation and level-shifting cells and cells on an always-on supply look like plain gates and buffers to a mapper.
_MARKS = (b"is_isolation_cell", b"is_level_shifter", b"always_on", b"dont_touch", b"is_macro_cell")
_TRUE = re.compile(rb'\s*:\s*"?true\b')
_CELL = re.compile(rb'cell\s*\(\s*"?([^")]+?)"?\s*\)')
_SHOWN = 4
_AND_LIKE: set[tuple[int, ...]] = {(0, 0, 0, 1), (1, 1, 1, 0), (0, 1, 1, 1), (1, 0, 0, 0)}


@dataclass(frozen=True)
class PreparedLiberty:
    """Liberty files as Yosys can read them.

    Attributes:
        library: the corner.
        paths: plain-text files, in the order given.
        dont_use: cells that the library or the caller forbids to synthesis, or that belong to power management.
        tie_high, tie_low: cell and pin that give a constant, or None when the library has no such cell.
    """

    library: Library
    paths: tuple[Path, ...]
    dont_use: tuple[str, ...]
    tie_high: tuple[str, str] | None
    tie_low: tuple[str, str] | None


def prepare_liberty(liberty: Sequence[str | Path], folder: Path, dont_use: Sequence[str] = ()) -> PreparedLiberty:
    """Read a corner, check its cells, and copy into ``folder`` what Yosys cannot read in its place.

    That is files in ``.gz`` form, and files whose path holds a blank (ABC's scripts cannot name them).

    Args:
        liberty: all files of one corner.
        folder: where copies go; made when needed.
        dont_use: further cells to forbid, patterns as of :func:`matching_cells`.

    Raises:
        HaloError: no file, one that cannot be read, a library without the gates that any mapping needs, or a pattern
            that matches no cell.
    """
    if not liberty:
        raise HaloError("no Liberty file is given", "Give at least one: --liberty FILE.")
    library = read_corner(list(liberty))
    paths = []
    forbidden = {cell.name for cell in library.cells.values() if cell.dont_use}
    barred = set(matching_cells(library, dont_use)) - forbidden
    forbidden.update(barred)
    for number, source in enumerate(map(Path, liberty)):
        text = source.read_bytes()
        path = source.resolve()
        compressed = text.startswith(b"\x1f\x8b")
        if compressed:
            text = gzip.decompress(text)
        if compressed or re.search(r"\s", str(path)):
            path = folder / f"{number}_{re.sub(r'[^A-Za-z0-9_.-]', '_', source.name.removesuffix('.gz'))}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        paths.append(path)
        forbidden.update(_marked_cells(text))
    usable = [cell for cell in library.cells.values() if cell.sequential is None and cell.name not in forbidden]
    _check_gates(library, usable, [library.cells[name] for name in sorted(barred)])
    return PreparedLiberty(library, tuple(paths), tuple(sorted(forbidden)), _tie_cell(usable, 1), _tie_cell(usable, 0))


def matching_cells(library: Library, patterns: Sequence[str]) -> tuple[str, ...]:
    """Names of the library's cells that match any of some shell patterns (``*``, ``?``, ``[...]``), sorted.

    Raises:
        HaloError: a pattern matches no cell.
    """
    found: set[str] = set()
    for pattern in patterns:
        matches = {name for name in library.cells if fnmatch.fnmatchcase(name, pattern)}
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
    marked = {name: replace(library.cells[name], dont_use=True) for name in matching_cells(library, patterns)}
    return replace(library, cells=library.cells | marked) if marked else library


def _marked_cells(text: bytes) -> Iterator[str]:
    """Names of the cells that hold one of the marks with the value true."""
    for mark in _MARKS:
        at = text.find(mark)
        while at >= 0:
            if _TRUE.match(text, at + len(mark)):
                start = at
                match = None
                while match is None and (start := text.rfind(b"cell", 0, start)) >= 0:
                    if text[start - 1 : start] in b" \t\r\n}":  # not the end of `test_cell`
                        match = _CELL.match(text, start)
                if match is not None:
                    yield match[1].decode("utf-8", "replace")
            at = text.find(mark, at + 1)


def _check_gates(library: Library, usable: Sequence[Cell], barred: Sequence[Cell]) -> None:
    """Check that there is an inverter and a gate of two inputs.

    Raises:
        HaloError: there is not; cells that only the caller forbids (``barred``) and that would do are named.
    """
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
        library.paths[0] if library.paths else None,
    )


def _function(cell: Cell) -> tuple[int, ...]:
    """The truth table of a gate of one output; of other cells an empty one."""
    if len(cell.outputs) != 1 or cell.outputs[0].function is None or cell.outputs[0].three_state:
        return ()
    return tuple(int(v) for v in cell.outputs[0].function.table)


def latch_techmap(library: Library, dont_use: Sequence[str]) -> str:
    """Verilog by which Yosys replaces its latches with the smallest plain latch of the library.

    Empty where it has none: the latch stays unmapped and is reported as such.
    """
    found = [
        (cell.area, cell.name)
        for cell in library.cells.values()
        if cell.name not in dont_use and cell.latch is not None and _latch_pins(cell) is not None
    ]
    if not found:
        return ""
    cell = library.cells[min(found)[1]]
    pins = _latch_pins(cell)
    if pins is None:
        return ""
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


def _tie_cell(usable: Sequence[Cell], value: int) -> tuple[str, str] | None:
    for cell in usable:
        for pin in () if cell.inputs else cell.outputs:
            if pin.function is not None and [int(v) for v in pin.function.table] == [value]:
                return cell.name, pin.name
    return None
