# SPDX-License-Identifier: Apache-2.0
"""Columns of ``candidates.csv``, each declared once: name, unit, meaning.

Tests: tests/flow/exploring/test_rows.py.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A column."""

    name: str
    unit: str
    meaning: str


COLUMNS = (
    Column("candidate", "", "Name of the candidate; the parameters are in columns of their own."),
    Column(
        "kind",
        "",
        "`low_bit`: a weight narrower than eight bits; `pairs`: two weights of the class at once; "
        "`weight_aware`: the clock of the class is at least 15 % faster "
        "than that of all weights; else `conventional`.",
    ),
    Column("library", "", "Name of the Liberty corner."),
    Column("area_um2", "µm²", "Area of the element's cells with its registers, in the library's unit."),
    Column("cells", "", "Number of cells."),
    Column("registers", "", "Number of flip-flops among them."),
    Column("clocks", "", "Latency: clocks from operands at the ports to their sum at the output."),
    Column("passes_all", "", "Clocks that a MAC with a weight of eight bits takes."),
    Column("passes_class", "", "Clocks that a MAC with a weight of the class takes."),
    Column("macs_class", "", "MACs with weights of the class that an element does at once."),
    Column("period_all_ps", "ps", "Shortest clock for all weights: static timing of each weight, registers included."),
    Column("period_class_ps", "ps", "The same for the weights of the class."),
    Column("clock_ratio", "", "period_all_ps / period_class_ps."),
    Column("energy_all_fj", "fJ", "Energy of a MAC, all its passes, mean over weights spread over all values."),
    Column(
        "energy_class_fj",
        "fJ",
        "Energy of a MAC in a tile of the class, whose rows above hold weights of the class as well.",
    ),
    Column("macs_per_s_um2_all", "1/(s·µm²)", "MACs a second and µm² with any weight of eight bits."),
    Column("macs_per_s_um2_class", "1/(s·µm²)", "MACs a second and µm² with weights of the class."),
    Column("fast_weights", "", "Number of weights that keep period_class_ps, the class's own among them."),
    Column(
        "error",
        "",
        "Relative error (RMS) of the weights given, rounded to the fast weights at the best scale; empty without "
        "weights.",
    ),
    Column("pareto", "", "No other row has as much throughput and as little energy, for all and for the class."),
    Column("chosen", "", "The design in `chosen`."),
    Column("function", "", "What the gates compute."),
    Column("proven", "", "How that was shown; empty: it was not, and the row does not count."),
    Column("reason", "", "Why the row does not count; empty: it does."),
    Column("file", "", "The user's Verilog; empty: `mac_element` of halo, or `pair_element`."),
    Column("multiplier", "", "Parameter MULTIPLIER: the family."),
    Column("weight_width", "", "Parameter WEIGHT_WIDTH."),
    Column(
        "lanes", "", "2: `pair_element`, which takes two weights of four bits a clock or one of eight; 1: one weight."
    ),
    Column("pipeline", "", "Parameter PIPELINE: 1 a register of the product, 2 of the partial products, 3 both."),
    Column("carry_save", "", "Parameter CARRY_SAVE: 1: the partial sum is two words."),
    Column("recoded", "", "Parameter RECODED: 1: Booth digits are held in place of the weight."),
    Column("correction", "", "Parameter CORRECTION: 1: what depends on the weight alone is left out."),
    Column("array", "", "Parameter ARRAY: rows added one after another."),
    Column("class_zeros", "", "Parameter CLASS_ZEROS: trailing zeros of the weights that should be fast."),
    Column("class_share", "", "Parameter CLASS_SHARE: how much they count."),
    Column("seed", "", "Parameter SEED: variation of the tree."),
    Column("synth", "", "Kind of synthesis."),
)

NAMES = tuple(column.name for column in COLUMNS)
