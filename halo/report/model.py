# SPDX-License-Identifier: Apache-2.0
"""What a report is made of. Renderers decide what it looks like; nothing here knows a terminal or HTML.

Tests: tests/report/test_text.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Table:
    """Rows of cells that are already text.

    Attributes:
        columns: headings; empty: no line of headings.
        rows: cells, one per column.
        alignment: one letter per column, ``l`` or ``r``; the last letter holds for all further columns.
        units: a second line of headings; empty: none.

    Raises:
        ValueError: a row has more or fewer cells than the others, or an alignment is neither ``l`` nor ``r``.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    alignment: str = "lr"
    units: Sequence[str] = ()

    def __post_init__(self) -> None:
        if len({len(line) for line in self.lines}) > 1:
            raise ValueError("every row needs one cell a column")
        if not self.alignment or set(self.alignment) - set("lr"):
            raise ValueError(f"no such alignment: {self.alignment!r}")

    @property
    def lines(self) -> list[Sequence[str]]:
        """Headings, units and rows, where there are any."""
        return [line for line in (self.columns, self.units, *self.rows) if len(line)]

    def align(self, column: int) -> str:
        """``l`` or ``r``."""
        return self.alignment[min(column, len(self.alignment) - 1)]


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, each with its mark."""

    items: Sequence[str]


@dataclass(frozen=True)
class File:
    """A file or folder that the command wrote or read."""

    path: Path


@dataclass(frozen=True)
class Figure:
    """A drawing on disk and what it shows."""

    path: Path
    caption: str = ""


Block = str | Table | Bullets | File | Figure
"""A string is one line; an empty one sets what follows apart."""


@dataclass(frozen=True)
class Section:
    """Blocks under a title. Without a title they continue the section before."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """What a command prints: a headline, if any, and sections."""

    title: str
    sections: Sequence[Section]


def closing(assumptions: Sequence[str], files: Iterable[Path], plots: Iterable[Path] = ()) -> list[Section]:
    """The end of every report: what the numbers assume, and what was written. A list that is empty is left out."""
    parts: tuple[tuple[str, Sequence[Block]], ...] = (
        ("assumptions", [Bullets(assumptions)] if assumptions else []),
        ("files", [File(path) for path in files]),
        ("plots", [Figure(path) for path in plots]),
    )
    return [Section(title, blocks) for title, blocks in parts if blocks]


def scaled(value: float, unit: str) -> str:
    """A value with four digits and the SI prefix that keeps them before the point: ``1.500 m`` + unit."""
    for prefix, size in _SI:
        if value >= size:
            return f"{four_digits(value / size)} {prefix}{unit}"
    return f"{four_digits(value)} {unit}"


def four_digits(value: float) -> str:
    """A value with four significant digits, zeros at the end too: ``0.3740`` stands under ``0.3666``."""
    return format(value, "#.4g").rstrip(".") if value else "0"


_SI = (("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0), ("m", 1e-3), ("µ", 1e-6), ("n", 1e-9), ("p", 1e-12))
