"""The columns of ``score.csv``, each declared once: name, unit, meaning, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

POINT = "{point}"
"""In a name: there is such a column for each operating point."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: header; ends in the unit. With ``POINT`` in it, one header for each operating point.
        unit: as printed on an axis; empty for a name, a count or a share.
        meaning: one sentence.
        kind: ``text``, ``whole`` numbers, which are exact, or a ``share`` from 0 to 1.
        better: which way is better between methods on the same work; None: neither.
        summed: the total of a method is the sum of its rows.
    """

    name: str
    unit: str
    meaning: str
    kind: Literal["text", "whole", "share"] = "whole"
    better: Literal["less", "more"] | None = None
    summed: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("method", "", "Label of the method, or name of its folder.", "text"),
    Column("layer", "", "Name of the product or vector operation; total: the whole pass.", "text"),
    Column("role", "", "Part of the block that it is; vector and total for rows that are no product.", "text"),
    Column("m", "", "Rows of activations; of a vector operation, elements."),
    Column("k", "", "Input channels."),
    Column("n", "", "Output channels."),
    Column("count", "", "Equal products; of a vector operation, arithmetic operations."),
    Column("cycles", "", "Clocks of the array, stalls for memory left out.", summed=True),
    Column(f"cycles_{POINT}", "", "Those at one operating point.", summed=True),
    Column("compute_ps", "ps", "Time of the cycles at their clocks.", better="less", summed=True),
    Column(f"time_{POINT}_ps", "ps", "The part of it at one operating point.", summed=True),
    Column("stall_ps", "ps", "Time that the array waits for memory or the sparse unit.", better="less", summed=True),
    Column("transition_ps", "ps", "Time of changes of the operating point.", better="less", summed=True),
    Column("time_ps", "ps", "Compute, stall and transition.", better="less", summed=True),
    Column("core_pj", "pJ", "Energy of MACs, registers and their clock.", better="less", summed=True),
    Column("buffer_pj", "pJ", "Energy of on-chip buffers.", better="less", summed=True),
    Column("dram_pj", "pJ", "Energy of DRAM.", better="less", summed=True),
    Column("static_pj", "pJ", "Leakage and constant power over the time.", better="less", summed=True),
    Column(
        "transition_pj", "pJ", "Charging of the supply by changes of the operating point.", better="less", summed=True
    ),
    Column("energy_pj", "pJ", "Core, buffer, DRAM, static and transition.", better="less", summed=True),
    Column("macs", "", "Multiply-accumulates.", summed=True),
    Column("weight_bytes", "B", "Weights, or cached keys and values, from DRAM.", better="less", summed=True),
    Column("activation_bytes", "B", "Activations from DRAM.", better="less", summed=True),
    Column("result_bytes", "B", "Results to DRAM.", better="less", summed=True),
    Column("utilisation", "", "Multiply-accumulates over those that the array could do meanwhile.", "share", "more"),
    Column("bound", "", "What takes most of the time: compute or memory.", "text"),
)


def headers(points: Iterable[str]) -> list[str]:
    """Headers of a file with these operating points, in their order."""
    names = list(points)
    return [header for own in COLUMNS for header in _expanded(own, names)]


def summed_headers(points: Iterable[str]) -> list[str]:
    """Those whose total is a sum."""
    names = list(points)
    return [header for own in COLUMNS if own.summed for header in _expanded(own, names)]


def is_header(name: str) -> bool:
    """Whether a column of ``score.csv`` can have that header."""
    return _declared(name) is not None


def column(name: str) -> Column:
    """The declaration of a column by its header in a file.

    Raises:
        KeyError: no column has that header; ``is_header`` tells.
    """
    found = _declared(name)
    if found is None:
        raise KeyError(name)
    return found


def _declared(name: str) -> Column | None:
    for own in COLUMNS:
        start, varies, end = own.name.partition(POINT)
        inside = name.startswith(start) and name.endswith(end) and len(name) > len(start) + len(end)
        if name == own.name or (varies and inside):
            return own
    return None


def _expanded(own: Column, points: list[str]) -> list[str]:
    return [own.name.replace(POINT, point) for point in points] if POINT in own.name else [own.name]
