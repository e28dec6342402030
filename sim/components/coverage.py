# SPDX-License-Identifier: Apache-2.0
"""Functional coverage: named bins, how often each was hit, and which must be."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

CLASSES = ("smallest", "largest", "zero", "one", "minus_one", "power_of_two", "positive", "negative")
"""Operand classes of ``Coverage.operands``; a value may belong to several."""


class Coverage:
    """Hits by bin.

    Attributes:
        hits: every bin in the order of declaration, with the number of times it was hit.
    """

    def __init__(self, bins: Iterable[str] = ()) -> None:
        self.hits: dict[str, int] = dict.fromkeys(bins, 0)

    def hit(self, name: str, count: int = 1) -> None:
        """Count a bin, which is declared if it was not.

        Raises:
            ValueError: a negative count.
        """
        if count < 0:
            raise ValueError(f"{name}: a bin cannot be hit {count} times")
        self.hits[name] = self.hits.get(name, 0) + count

    def operands(self, name: str, values: npt.NDArray[np.int64], width: int) -> None:
        """Count the classes of signed operands of ``width`` bits in bins called ``name.class``."""
        largest = (1 << (width - 1)) - 1
        magnitude = np.abs(values)
        counts = (
            values == -largest - 1,
            values == largest,
            values == 0,
            values == 1,
            values == -1,
            (magnitude & (magnitude - 1) == 0) & (magnitude > 1),
            values > 0,
            values < 0,
        )
        for kind, members in zip(CLASSES, counts, strict=True):
            self.hit(f"{name}.{kind}", int(np.count_nonzero(members)))

    def require(self, at_least: int = 1, group: str | tuple[str, ...] = "") -> None:
        """Fail unless every bin, or every one whose name begins with ``group``, was hit ``at_least`` times."""
        missed = [f"{name} ({hits})" for name, hits in self.hits.items() if hits < at_least and name.startswith(group)]
        assert not missed, f"not covered: {', '.join(missed)}"
