# SPDX-License-Identifier: Apache-2.0
"""Liberty cell libraries: one corner read into SI units, and look-up in its tables."""

from halo.liberty.model import (
    Cell,
    FlipFlop,
    FloatArray,
    Function,
    Leakage,
    Library,
    Pin,
    PowerGroup,
    Table,
    TimingGroup,
)
from halo.liberty.reader import read_corner
from halo.liberty.tables import lookup

__all__ = [
    "Cell",
    "FlipFlop",
    "FloatArray",
    "Function",
    "Leakage",
    "Library",
    "Pin",
    "PowerGroup",
    "Table",
    "TimingGroup",
    "lookup",
    "read_corner",
]
