# SPDX-License-Identifier: Apache-2.0
"""Columns of the tables of ``halo timing``, each declared once: name, unit, meaning.

Tests: tests/flow/test_timing.py.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A column."""

    name: str
    unit: str
    meaning: str


ENDPOINT_COLUMNS = (
    Column("endpoint", "", "Pin of a flip-flop or macro as instance/pin, or bit of an output port."),
    Column("register", "", "Net that the flip-flop drives."),
    Column(
        "block", "", "Path of the module instance that the endpoint lies in; the top's name for its own and for ports."
    ),
    Column("startpoint", "", "Flip-flop, macro or input port bit where the slowest path starts."),
    Column("launch", "", "Clock edge at which that path starts."),
    Column("capture", "", "Clock edge at which the endpoint takes it."),
    Column("arrival_ps", "ps", "When the path arrives, from the edge that launches it."),
    Column("setup_ps", "ps", "Setup of the endpoint for that path."),
    Column("period_ps", "ps", "Shortest clock period that the endpoint allows."),
    Column("slack_ps", "ps", "Setup slack at the period asked for, or at the shortest one of the design."),
    Column("hold_startpoint", "", "Where the path of least hold slack starts."),
    Column("hold_arrival_ps", "ps", "When it arrives at the earliest."),
    Column("hold_ps", "ps", "Hold time of the endpoint for it."),
    Column("hold_slack_ps", "ps", "Hold slack; it depends on the period only between different clock edges."),
)

PATH_COLUMNS = (
    Column("block", "", "Block whose slowest path this is."),
    Column("endpoint", "", "Where the path ends."),
    Column("step", "", "Number of the gate on the path, from 0 at its start."),
    Column("instance", "", "The gate; empty for an input port."),
    Column("cell", "", "Its cell."),
    Column("input", "", "Pin by which the path enters it; of a flip-flop its clock."),
    Column("output", "", "Pin by which it leaves."),
    Column("net", "", "Net behind the gate."),
    Column("edge", "", "Edge of that net."),
    Column("fanout", "", "Input pins and output ports on the net."),
    Column("load_ff", "fF", "Load of the net for that edge."),
    Column("slew_ps", "ps", "Worst transition of the net for that edge, as the library measures it."),
    Column("delay_ps", "ps", "Delay of the gate."),
    Column("arrival_ps", "ps", "Time since the launching edge."),
)

CLASS_COLUMNS = (
    Column("class", "", "Operating point, from the slowest to the fastest."),
    Column("weights", "", "Sets of weights that have this clock."),
    Column("period_ps", "ps", "Clock period of its weights in an array, as halo score has it."),
    Column(
        "period_basis",
        "",
        "computed: bounded at gates, swaps of weights included; assumed: the table's own period, with weights at rest, "
        "times a factor, for want of gates.",
    ),
    Column("setup_slack_ps", "ps", "Least setup slack of the endpoints that the table does not vouch for."),
    Column("setup_endpoint", "", "Where it is."),
    Column("hold_slack_ps", "ps", "Least hold slack of all endpoints."),
    Column("hold_endpoint", "", "Where it is."),
    Column("setup_kept", "", "Whether no setup is violated."),
    Column("hold_kept", "", "Whether no hold is violated."),
    Column("kept", "", "Both: the design is fast enough for this clock. Weights are safe at a computed one."),
)
