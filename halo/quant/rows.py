# SPDX-License-Identifier: Apache-2.0
"""Ranges of rows on threads: kernels release the interpreter lock, and each range writes its own rows only.

Tests: tests/quant/test_codebooks.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def over_rows(work: Callable[[int, int], T], rows: int, step: int, threads: int | None) -> list[T]:
    """Call ``work(first, stop)`` for every range of ``step`` rows.

    Args:
        work: must not depend on other ranges.
        rows, step: the last range may be shorter.
        threads: None: one a core. Results do not depend on it.

    Returns:
        Results in the order of the rows.
    """
    ranges = [(first, min(first + step, rows)) for first in range(0, rows, step)]
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return list(pool.map(lambda r: work(*r), ranges))
