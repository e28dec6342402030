# SPDX-License-Identifier: Apache-2.0
"""Which rows no other row beats.

Tests: tests/flow/exploring/test_pareto.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def front(costs: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Rows that no other row dominates: none is at most as large in every column and smaller in one.

    Args:
        costs: float64[R, C], the less the better; equal rows are all kept. NaN: the row is on no front.

    Returns:
        bool[R].
    """
    values = np.asarray(costs, np.float64)
    known = np.array([not np.isnan(row).any() for row in values], np.bool_)
    kept = known.copy()
    for row in np.flatnonzero(known):
        others = values[known]
        kept[row] = not np.any((others <= values[row]).all(axis=1) & (others < values[row]).any(axis=1))
    return kept
