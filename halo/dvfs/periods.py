# SPDX-License-Identifier: Apache-2.0
"""The clock period that a set of weights needs in an array, beside the period that a table gives a weight at rest.

A table holds each weight still. In an array, weights are swapped: the bits in which the weights of a set differ move
with the activation, and the element has gates of its own. How much longer that takes depends on the set: next to
nothing for multiples of 32 in a carry-save array, a fifth in a Booth multiplier, whose weight bits take part in every
row. So there is no one factor for a table; each set of weights has its own, and its weights have it nowhere else.

Tests: tests/dvfs/test_table_points.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from halo.errors import HaloError

ELEMENT_SHARE = 0.025
"""Assumed where no element is known: what its own gates add to the period of the MAC.

The weight-stationary elements that come with halo add less (docs/validation.md)."""
OS_ELEMENT_SHARE = 0.17
"""The same of an output-stationary element: gates before and behind the adder restart and hold its sum."""


@dataclass(frozen=True)
class ClassPeriod:
    """What a set of weights needs.

    Attributes:
        weights: of the set, ascending.
        ratios: for each corner of the operating points, the period that the set needs over the longest that the table
            gives one of its weights; 1 or more.
        source: where they come from, in words.

    Raises:
        HaloError: no weights, or a ratio that cannot be.
    """

    weights: tuple[int, ...]
    ratios: tuple[float, ...]
    source: str

    def __post_init__(self) -> None:
        if not self.weights:
            raise HaloError("a period of no weights", "Name at least one weight.")
        for ratio in self.ratios:
            if not 1 <= ratio < math.inf:
                raise HaloError(f"a period of {ratio} times that of the table", "Give a finite ratio of 1 or more.")

    @cached_property
    def members(self) -> frozenset[int]:
        """The weights, to be asked for."""
        return frozenset(self.weights)


class Periods(Protocol):
    """What knows the periods of sets of weights."""

    @property
    def source(self) -> str:
        """Where they come from, in a few words: for operating points and schedules."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What they rest on, one sentence each."""

    def period_ps(self, weights: Sequence[int], corner: str, table_ps: float) -> float:
        """The clock period of a set of weights.

        Args:
            weights: of the set, at least one.
            corner: of the table.
            table_ps: the longest period that the table gives one of the weights there.

        Raises:
            HaloError: it cannot be computed.
        """


@dataclass(frozen=True)
class AssumedPeriods:
    """Periods of a bare table, of which no gates are known: nothing about swaps is computed.

    Attributes:
        share: what an element is assumed to add to the period of the table.
    """

    share: float = ELEMENT_SHARE

    @property
    def source(self) -> str:
        """The factor."""
        return f"assumed: {1 + self.share:g} times the period of the table"

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the factor does not cover."""
        return (
            f"ASSUMED, not computed: a set of weights needs {1 + self.share:g} times the table's period of its slowest "
            "weight. A bare table names no gates; swaps of weights may take much longer (a fifth, with a Booth "
            "multiplier). With the folder of halo characterize as --table they are computed",
        )

    def period_ps(self, weights: Sequence[int], corner: str, table_ps: float) -> float:
        """The same factor for every set."""
        return (1 + self.share) * table_ps
