# SPDX-License-Identifier: Apache-2.0
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
    Column("method", "", "Name of the method, or of the quantized folder.", "text"),
    Column("layer", "", "Name of the layer or vector operation, or `total`.", "text"),
    Column("role", "", "What the layer is (`q`, `k`, `v`, ...), `vector`, or `total`.", "text"),
    Column("m", "", "Rows of activations in each product; of a vector operation, its number of elements."),
    Column("k", "", "Input channels of the product."),
    Column("n", "", "Output channels of the product."),
    Column(
        "count", "", "Number of equal products in the row; of a vector operation, its arithmetic operations in all."
    ),
    Column("cycles", "", "Clocks of the array.", summed=True),
    Column(f"cycles_{POINT}", "", "Of these, at an operating point; one column for each point.", summed=True),
    Column("compute_ps", "ps", "Time spent computing.", better="less", summed=True),
    Column(f"time_{POINT}_ps", "ps", "Of this, at an operating point; one column for each point.", summed=True),
    Column(
        "stall_ps", "ps", "Time in which the array waits for memory or the sparse unit.", better="less", summed=True
    ),
    Column("transition_ps", "ps", "Time of changes of the operating point.", better="less", summed=True),
    Column("time_ps", "ps", "Compute, stall and transition together.", better="less", summed=True),
    Column(
        "core_pj",
        "pJ",
        "Energy of the multiply-accumulates and of the elements' registers and clock pins.",
        better="less",
        summed=True,
    ),
    Column(
        "buffer_pj",
        "pJ",
        "Energy of on-chip buffers; on a GPU: registers, shared memory and L2.",
        better="less",
        summed=True,
    ),
    Column("dram_pj", "pJ", "Energy of DRAM traffic.", better="less", summed=True),
    Column("static_pj", "pJ", "Leakage and constant power over the time.", better="less", summed=True),
    Column("transition_pj", "pJ", "Energy of changes of the operating point.", better="less", summed=True),
    Column("energy_pj", "pJ", "The five parts together.", better="less", summed=True),
    Column("macs", "", "Multiply-accumulates.", summed=True),
    Column(
        "weight_bytes",
        "B",
        "Bytes of weights moved from memory, scales and indices included.",
        better="less",
        summed=True,
    ),
    Column("activation_bytes", "B", "Bytes of activations moved from memory.", better="less", summed=True),
    Column("result_bytes", "B", "Bytes of results moved to memory.", better="less", summed=True),
    Column(
        "utilisation",
        "",
        "Multiply-accumulates done, over those the machine could do in compute and stall time at the clocks used.",
        "share",
        better="more",
    ),
    Column(
        "bound",
        "",
        "What limits the row: `compute` or `memory`; of a total, what limits more than half of its time.",
        "text",
    ),
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
