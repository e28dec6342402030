# SPDX-License-Identifier: Apache-2.0
"""A report as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from halo.report.model import Block, Bullets, Figure, File, Report, Section, Table

_INDENT = "  "


def render(report: Report) -> str:
    """The report as lines without a newline at the end.

    The headline and the titles of sections begin at the margin, everything else two columns further in. An empty line
    stands before every title.
    """
    lines = [report.title] if report.title else []
    for section in report.sections:
        lines += _section(section, first=not lines)
    return "\n".join(lines)


def render_table(table: Table) -> list[str]:
    """The lines of a table: columns as wide as their widest cell, two blanks between them, none at the end."""
    widths = [max(map(len, cells)) for cells in zip(*table.lines, strict=True)]
    lines = []
    for line in table.lines:
        cells = (
            cell.ljust(width) if table.align(column) == "l" else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        lines.append(_INDENT.join(cells).rstrip())
    return lines


def _section(section: Section, *, first: bool) -> Iterator[str]:
    if section.title:
        yield from ([section.title] if first else ["", section.title])
    for block in section.blocks:
        yield from (_INDENT + line if line else "" for line in _block(block))


def _block(block: Block) -> list[str]:
    match block:
        case Table():
            return render_table(block)
        case Bullets():
            return [f"- {item}" for item in block.items]
        case File(path) | Figure(path):
            return [str(path)]
        case str():
            return block.split("\n")
