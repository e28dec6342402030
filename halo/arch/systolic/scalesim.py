# SPDX-License-Identifier: Apache-2.0
"""Compute cycles as SCALE-Sim 3.0.0 counts them, for comparison with published results.

Its stall-free totals follow from its fold count and the length of a fold, in which weights (or inputs) load, stream and
drain one after the other: nothing overlaps between folds. The total it reports is the index of the last cycle, one less
than their number. ``ws_cycles`` and ``os_cycles`` hold what this suite's arrays do instead.
"""

from __future__ import annotations

from typing import Literal

from halo.errors import HaloError

Dataflow = Literal["ws", "is", "os"]


def scalesim_cycles(dataflow: Dataflow, rows: int, columns: int, m: int, k: int, n: int) -> int:
    """Compute cycles that SCALE-Sim reports for an m x k by k x n product on rows x columns elements.

    Args:
        dataflow: weight-, input- or output-stationary.
        rows, columns: of the array.
        m, k, n: sizes of the product.

    Raises:
        HaloError: a size is below 1, or an unknown dataflow.
    """
    if min(rows, columns, m, k, n) < 1:
        what = f"a product of {m} x {k} by {k} x {n} on {rows} x {columns} elements"
        raise HaloError(what, "Give sizes of 1 or more.")
    # What lies along the rows and the columns of elements, and what streams past them.
    match dataflow:
        case "ws":
            along_rows, along_columns, fold = k, n, rows + (rows + columns + m - 2)
        case "is":
            along_rows, along_columns, fold = k, m, rows + (rows + columns + n - 2)
        case "os":
            along_rows, along_columns, fold = m, n, rows + columns + k - 2
        case _:
            raise HaloError(f"dataflow {dataflow!r} is unknown", "Give one of: ws, is, os.")
    return -(-along_rows // rows) * -(-along_columns // columns) * fold - 1
