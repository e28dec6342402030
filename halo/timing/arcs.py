# SPDX-License-Identifier: Apache-2.0
"""Timing groups of one cell output as arcs between the pins of a gate, and the choice of arcs for every state.

Liberty Reference Manual 2017.06, ``timing`` group: ``related_pin``, ``timing_sense``, ``timing_type``, ``when``.

**Inputs that change in the same instant.** Verilog delays the output by the smallest delay of the paths that are
active (IEEE 1364-2005, 14.3.4): their source has just changed, and their condition, if they have one, holds. A library
says by ``when`` in which states a pin has an arc, so in any other state that pin must not shorten the delay of a pin
that changes with it. An arc is therefore *enabled* in a state (after the change) if

* the pin alone moves the output there, or
* a group of the pin with that output edge has a ``when`` that can hold there, or
* no group of the pin with that output edge has a ``when``: an unconditioned path is always active.

A group without ``when`` beside conditioned ones is their default (``ifnone``) and enables nothing by itself. Of the
pins that change together, the fastest with an enabled arc sets the delay. None of them has one only if it took several
to move the output; then the fastest of all does, each with its largest delay of that edge.

Tests: tests/timing/test_delaycalc.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.liberty.model import CLOCKED_TYPES, Cell, Function, Library, Table, TimingGroup

U8 = npt.NDArray[np.uint8]
BOOL = npt.NDArray[np.bool_]

FALL = 0
RISE = 1
EDGES = (FALL, RISE)
EDGE_NAMES = ("fall", "rise")
CLOCK_PIN = -1
"""Pin number of an arc that starts at a flip-flop's clock."""

_COMBINATIONAL = {"combinational": EDGES, "combinational_rise": (RISE,), "combinational_fall": (FALL,)}
CLOCKED = dict(zip(CLOCKED_TYPES, (RISE, FALL), strict=True))
"""Timing types of an arc from a clock, and the edge of the pin that it starts at."""
_SENSES = {"positive_unate": (True, False), "negative_unate": (False, True), "non_unate": (True, True)}


@dataclass(frozen=True, eq=False)
class Condition:
    """A ``when`` over the states of a gate; pins that the gate lacks may take any value.

    Attributes:
        may: uint8[2 ** n], 1 where the condition can hold.
        must: uint8[2 ** n], 1 where it holds whatever the other pins do.
    """

    may: U8
    must: U8


@dataclass(frozen=True, eq=False)
class Arc:
    """One delay and one transition table of a set, for one pair of edges (0 fall, 1 rise)."""

    in_edge: int
    out_edge: int
    delay: Table
    slew: Table | None


@dataclass(frozen=True, eq=False)
class Choice:
    """Which arcs stand for "pin p has just changed to its value in state s"; columns are ``s * n + p``.

    Attributes:
        arcs: bool[K, 2 ** n * n], over arcs in the order of their sets.
        enabled: bool[2 ** n * n], whether the pin has an arc in the state.
        unfitted: number of columns where the pin controls the output but no group fitted.
    """

    arcs: BOOL
    enabled: BOOL
    unfitted: int


@dataclass(frozen=True, eq=False)
class ArcSet:
    """Arcs of one timing group from one pin: what a static timer enables or disables together.

    Attributes:
        pin: number of the gate's pin, or ``CLOCK_PIN``.
        when: condition, or None.
        arcs: at most one per pair of edges.
    """

    pin: int
    when: Condition | None
    arcs: tuple[Arc, ...]


def condition(function: Function, pins: tuple[str, ...]) -> Condition:
    """Truth of a ``when`` function in every state of ``pins`` (state bit i is pin i)."""
    states = np.arange(1 << len(pins), dtype=np.int64)
    index = np.zeros_like(states)
    free: list[int] = []
    for bit, name in enumerate(function.inputs):
        if name in pins:
            index |= ((states >> pins.index(name)) & 1) << bit
        else:
            free.append(bit)
    may = np.zeros(len(states), dtype=np.uint8)
    must = np.ones(len(states), dtype=np.uint8)
    for choice in range(1 << len(free)):
        extra = sum(((choice >> i) & 1) << bit for i, bit in enumerate(free))
        holds = function.table[index | extra]
        may |= holds
        must &= holds
    return Condition(may, must)


def unateness(table: U8, pin: int) -> tuple[bool, bool]:
    """Whether the output can follow the pin (positive) and can oppose it (negative) in some state."""
    states = np.arange(len(table))
    low = states[(states >> pin) & 1 == 0]
    before, after = table[low], table[low | (1 << pin)]
    return bool(np.any(after > before)), bool(np.any(after < before))


def delay_arcs(cell: Cell, output: str, pins: tuple[str, ...], table: U8, clocked: bool) -> tuple[ArcSet, ...]:
    """Arc sets of an output: from the gate's pins, or from the clock if it is a flip-flop's.

    A group without ``timing_sense`` takes the function's. Enable, clear and preset arcs are no delays of the function
    and are left out, as are groups without delay tables.

    Args:
        cell: the library cell.
        output: name of the output pin.
        pins: names of the gate's pins; state bit i is pin i.
        table: uint8[2 ** n], the output's value in each state.
        clocked: the output is a flip-flop's.
    """
    found: list[ArcSet] = []
    for group in cell.pins[output].timing:
        if clocked:
            if group.timing_type in CLOCKED:
                edge = CLOCKED[group.timing_type]
                pairs = [(edge, out) for out in EDGES]
                _append(found, group, CLOCK_PIN, pins, pairs)
            continue
        if group.timing_type not in _COMBINATIONAL:
            continue
        for related in group.related_pins:
            if related not in pins:
                continue
            pin = pins.index(related)
            positive, negative = unateness(table, pin) if group.sense is None else _SENSES[group.sense]
            pairs = [
                (edge, out)
                for out in _COMBINATIONAL[group.timing_type]
                for edge in EDGES
                if (positive and edge == out) or (negative and edge != out)
            ]
            _append(found, group, pin, pins, pairs)
    return tuple(found)


def ignored_pins(cell: Cell, output: str, pins: tuple[str, ...]) -> tuple[str, ...]:
    """Pins with combinational arcs to an output that its function does not read, such as another output of the cell.

    Args:
        pins: of a gate of the cell, without those that are tied.
    """
    function = cell.pins[output].function
    read = pins if function is None else (*pins, *function.inputs)
    related = [
        pin for group in cell.pins[output].timing if group.timing_type in _COMBINATIONAL for pin in group.related_pins
    ]
    return tuple(dict.fromkeys(pin for pin in related if pin not in read))


def _append(
    found: list[ArcSet], group: TimingGroup, pin: int, pins: tuple[str, ...], pairs: list[tuple[int, int]]
) -> None:
    arcs = tuple(
        Arc(edge, out, delay, group.tables.get(f"{EDGE_NAMES[out]}_transition"))
        for edge, out in pairs
        if (delay := group.tables.get(f"cell_{EDGE_NAMES[out]}")) is not None
    )
    if arcs:
        found.append(ArcSet(pin, None if group.when is None else condition(group.when, pins), arcs))


def choose_arcs(
    sets: tuple[ArcSet, ...], pins: tuple[str, ...], table: U8, cell: Cell, output: str, library: Library
) -> Choice:
    """Choose the arcs of every state and pin.

    Where the pin controls the output: the groups whose ``when`` can hold and whose edges fit; conditioned groups
    displace unconditioned ones (a library that carries both means the latter as a default). Where no group fits a
    state, the pin's arcs of the same edges whatever their condition, then of the same output edge, then any of the
    pin's. Where the pin does not control the output alone (it changes together with others): every arc of the pin
    with that output edge, enabled or not as the module's docstring says. Where the function ignores the pin and the
    library has no arc from it: every arc of the output. The delay is the largest of those chosen.

    Args:
        sets: the arc sets of the output, from :func:`delay_arcs`.
        pins: names of the gate's pins; state bit i is pin i.
        table: uint8[2 ** n], the output's value in each state.
        cell, output, library: what the gate is, for the error.

    Raises:
        HaloError: the function depends on a pin that has no arc.
    """
    arcs = [(group, arc) for group in sets for arc in group.arcs]
    states, n = len(table), len(pins)
    chosen = np.zeros((len(arcs), states * n), dtype=np.bool_)
    enabled = np.ones(states * n, dtype=np.bool_)
    unfitted = 0
    everything = list(range(len(arcs)))
    for pin in range(n):
        of_pin = [k for k in everything if arcs[k][0].pin == pin]
        if not of_pin and (any(unateness(table, pin)) or not arcs):
            raise HaloError(
                f"arc missing: cell {cell.name} has no delay from {pins[pin]} to {output} in library {library.name}",
                f"Use a library whose cells all have delay tables, or leave the cell out: --dont-use {cell.name}.",
                cell.path or None,
                cell.line or None,
            )
        for state in range(states):
            edge, out = (state >> pin) & 1, int(table[state])
            same_out = [k for k in of_pin if arcs[k][1].out_edge == out]
            if table[state] == table[state ^ (1 << pin)]:
                pick = same_out or of_pin or everything
                conditions = [when for k in same_out if (when := arcs[k][0].when) is not None]
                if conditions:
                    enabled[state * n + pin] = any(when.may[state] for when in conditions)
            else:
                same = [k for k in same_out if arcs[k][1].in_edge == edge]
                fit = [k for k in same if (when := arcs[k][0].when) is None or when.may[state]]
                unfitted += not fit
                pick = [k for k in fit if arcs[k][0].when is not None] or fit or same or same_out or of_pin
            chosen[pick, state * n + pin] = True
    return Choice(chosen, enabled, unfitted)


def choose_clock_arcs(
    sets: tuple[ArcSet, ...], pins: tuple[str, ...], table: U8, cell: Cell, output: str, library: Library
) -> BOOL:
    """The same for a flip-flop: every clock arc with the output edge towards ``table[s]``.

    Args:
        sets: the arc sets of the output, from :func:`delay_arcs`.
        pins: names of the gate's pins; state bit i is pin i.
        table: uint8[2 ** n], the output's value after the edge, by state.
        cell, output, library: what the gate is, for the error.

    Returns:
        bool[K, 2 ** n * n], as ``Choice.arcs``.

    Raises:
        HaloError: the library has no clock-to-output delay for an edge.
    """
    arcs = [arc for group in sets for arc in group.arcs]
    by_edge = np.array([[arc.out_edge == out for arc in arcs] for out in EDGES], dtype=np.bool_)
    for out in EDGES:
        if not by_edge[out].any():
            raise HaloError(
                f"arc missing: flip-flop {cell.name} has no clock-to-{output} delay ({EDGE_NAMES[out]}) "
                f"in library {library.name}",
                f"Use a library whose flip-flops have delay tables, or leave the cell out: --dont-use {cell.name}.",
                cell.path or None,
                cell.line or None,
            )
    return np.repeat(by_edge[table], len(pins), axis=0).T
