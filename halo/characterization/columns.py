# SPDX-License-Identifier: Apache-2.0
"""The columns of a per-weight table, each declared once: name, unit, meaning, and how a value is written.

Tests: tests/characterization/test_table.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: header; ends in the unit.
        unit: as printed on an axis; empty for a name or a count.
        meaning: one sentence.
        style: ``text``, ``integer``, or the format of a float. Times keep their femtosecond; the rest seven digits.
        required: never empty.
    """

    name: str
    unit: str
    meaning: str
    style: str
    required: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("corner", "", "Name of the Liberty corner.", "text", required=True),
    Column("voltage_v", "V", "Nominal supply of the corner, if its library names one.", ".7g"),
    Column("temperature_c", "°C", "Nominal temperature of the corner, if its library names one.", ".7g"),
    Column("weight", "", "The weight's value, held while everything else moves.", "integer", required=True),
    Column("delay_ps", "ps", "Exact dynamic delay: the latest output change over every transition simulated.", ".3f"),
    Column("bound_ps", "ps", "Settle bound: no transition can settle later, whatever the partial sum.", ".3f"),
    Column("static_ps", "ps", "Static timing with the weight's bits held constant.", ".3f"),
    Column("mean_ps", "ps", "Mean settling time over the transitions simulated.", ".3f"),
    Column("period_ps", "ps", "Shortest safe clock period: clk-to-Q + delay + setup + margin.", ".3f"),
    Column("fmax_ghz", "GHz", "Highest safe clock, 1 / period.", ".7g"),
    Column("energy_fj", "fJ", "Mean switching and internal energy of a transition, glitches counted.", ".7g"),
    Column("glitch_energy_fj", "fJ", "The part of it spent on changes that are undone before the next edge.", ".7g"),
    Column("leakage_nw", "nW", "Leakage power.", ".7g"),
    Column("power_uw", "µW", "Energy x clock + leakage, at the safe clock of the slowest weight.", ".7g"),
    Column("transitions", "", "Number of transitions behind delay, mean and energy.", "integer"),
)

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)


def column(name: str) -> Column:
    """The declaration of a column by its name."""
    return COLUMNS[NAMES.index(name)]
