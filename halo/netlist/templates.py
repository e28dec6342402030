# SPDX-License-Identifier: Apache-2.0
"""What one library cell contributes to a circuit, worked out once a cell: its gates, constants, clock and resets.

Tests: tests/netlist/test_compile_circuit.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from halo.errors import HaloError
from halo.liberty.model import Cell, FlipFlop, Function, Pin
from halo.netlist.model import COMB, FLOP, MAX_PINS, U8


@dataclass(frozen=True, eq=False)
class GateTemplate:
    """One output of a cell.

    Attributes:
        kind: COMB or FLOP.
        output: the output pin.
        pins: the gate's pins; a FLOP that holds its value has its own output pin as the last of them.
        table: uint8[2 ** len(pins)], value of the output (after the edge for a FLOP).
    """

    kind: int
    output: str
    pins: tuple[str, ...]
    table: U8

    def only(self, kept: tuple[int, ...]) -> GateTemplate:
        """The gate with only some of its pins; the others have no effect and are read as 0."""
        states = np.arange(1 << len(kept))
        full = sum(((states >> i & 1) << pin for i, pin in enumerate(kept)), np.zeros(len(states), np.int64))
        return GateTemplate(self.kind, self.output, tuple(self.pins[pin] for pin in kept), self.table[full])


@dataclass(frozen=True, eq=False)
class CellTemplate:
    """The outputs of a cell as gates, or as constants for a tie cell; ``refused`` says why an output is neither."""

    gates: tuple[GateTemplate, ...]
    ties: dict[str, int]
    refused: dict[str, str]
    clock_pins: tuple[str, ...]
    async_pins: tuple[str, ...]


def cell_template(cell: Cell) -> CellTemplate:
    """Take a cell apart.

    Raises:
        HaloError: the cell is a latch or has a state table; its caller adds the instance.
    """
    if cell.sequential is not None and (cell.sequential != "ff" or cell.flipflop is None):
        what = (
            "a latch" if cell.sequential == "latch" else f"a cell with a {cell.sequential} group (such as a clock gate)"
        )
        raise HaloError(
            f"cell {cell.name} is {what}, which has no place in a timed MAC",
            "Use flip-flops, and synthesize without clock gating and latches.",
            cell.path or None,
            cell.line or None,
        )
    gates: list[GateTemplate] = []
    ties: dict[str, int] = {}
    refused: dict[str, str] = {}
    for pin in cell.outputs:
        if pin.three_state:
            refused[pin.name] = "is a three-state output"
        elif pin.function is None:
            refused[pin.name] = "has no function in the library"
        else:
            try:
                gate = _gate(cell, pin, pin.function)
            except _Refused as reason:
                refused[pin.name] = str(reason)
                continue
            if gate.kind == COMB and gate.table.min() == gate.table.max():
                ties[pin.name] = int(gate.table[0])
            else:
                gates.append(gate)
    ff = cell.flipflop
    clocks: set[str] = set()
    resets: set[str] = set()
    if ff is not None:
        clocks.update(ff.clocked_on.inputs)
        for function in (ff.clear, ff.preset):
            if function is not None:
                resets.update(function.inputs)
    return CellTemplate(
        gates=tuple(gates),
        ties=ties,
        refused=refused,
        clock_pins=tuple(name for name in cell.pins if name in clocks),
        async_pins=tuple(name for name in cell.pins if name in resets),
    )


class _Refused(Exception):
    """Why an output cannot become a gate."""


def _gate(cell: Cell, pin: Pin, function: Function) -> GateTemplate:
    ff = cell.flipflop
    used = _used_pins(cell, function, (pin.name,))
    state_variables = () if ff is None else (ff.state, ff.state_n)
    if ff is None or not used & set(state_variables):
        arcs = {
            name
            for group in pin.timing
            if group.timing_type.startswith("combinational")
            for name in group.related_pins
            if name in cell.pins and cell.pins[name].direction == "input"
        }
        pins = _ordered(cell, used | arcs)
        return GateTemplate(COMB, pin.name, pins, _value(cell, function, _states(pins)))
    if used - set(state_variables):
        raise _Refused("combines the flip-flop's state with other pins")
    return _flop(cell, ff, pin, function)


def _flop(cell: Cell, ff: FlipFlop, pin: Pin, function: Function) -> GateTemplate:
    """Q (or inverted Q) after the edge; where the next state needs the state, the output itself supplies it."""
    by_state = _value(cell, function, {ff.state: np.array([0, 1], np.uint8), ff.state_n: np.array([1, 0], np.uint8)})
    if by_state[0] == by_state[1]:
        raise _Refused("does not depend on the flip-flop's state")
    inverted = int(by_state[0])
    used = _used_pins(cell, ff.next_state, ())
    holds = bool(used & {ff.state, ff.state_n})
    pins = _ordered(cell, used - {ff.state, ff.state_n})
    if holds:
        pins = (*pins, pin.name)
    values = _states(pins)
    if holds:
        before = values.pop(pin.name) ^ np.uint8(inverted)
        values[ff.state], values[ff.state_n] = before, before ^ np.uint8(1)
    after = _value(cell, ff.next_state, values)
    if after.size != 1 << len(pins):
        after = np.broadcast_to(after, 1 << len(pins))
    return GateTemplate(FLOP, pin.name, pins, (after ^ np.uint8(inverted)).astype(np.uint8))


def _ordered(cell: Cell, names: set[str]) -> tuple[str, ...]:
    pins = tuple(name for name in cell.pins if name in names)
    if len(pins) > MAX_PINS:
        raise _Refused(f"depends on {len(pins)} pins, more than {MAX_PINS}")
    return pins


def _states(pins: tuple[str, ...]) -> dict[str, U8]:
    """Value of each pin in every state: bit i of the state index is pin i."""
    index = np.arange(1 << len(pins), dtype=np.int64)
    return {name: (index >> i & 1).astype(np.uint8) for i, name in enumerate(pins)}


def _inner(cell: Cell, name: str, above: tuple[str, ...]) -> Function:
    """The function of an internal or output pin that another function refers to."""
    pin = cell.pins.get(name)
    if pin is None or pin.function is None or name in above:
        raise _Refused(f"depends on {name}, which is no input pin")
    return pin.function


def _used_pins(cell: Cell, function: Function, above: tuple[str, ...]) -> set[str]:
    """Input pins and state variables that a function depends on, through other pins' functions if need be."""
    ff = cell.flipflop
    used: set[str] = set()
    for name in function.inputs:
        is_input = name in cell.pins and cell.pins[name].direction == "input"
        if is_input or (ff is not None and name in (ff.state, ff.state_n)):
            used.add(name)
        else:
            used |= _used_pins(cell, _inner(cell, name, above), (*above, name))
    return used


def _value(cell: Cell, function: Function, values: dict[str, U8]) -> U8:
    """A function over arrays of values of its pins and state variables (all of one length)."""
    length = len(next(iter(values.values()))) if values else 1
    index = np.zeros(length, np.int64)
    for i, name in enumerate(function.inputs):
        value = values[name] if name in values else _value(cell, _inner(cell, name, ()), values)
        index |= value.astype(np.int64) << i
    return function.table[index]
