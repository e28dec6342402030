# SPDX-License-Identifier: Apache-2.0
"""What one library cell contributes to a circuit, worked out once a cell: its gates, constants, clock and resets.

Tests: tests/netlist/test_compile_circuit.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from halo.errors import HaloError
from halo.liberty.model import CLOCKED_TYPES, Cell, FlipFlop, Function, Pin
from halo.netlist.model import COMB, FLOP, MAX_PINS, U8


@dataclass(frozen=True, eq=False)
class GateTemplate:
    """One output of a cell.

    Attributes:
        kind: COMB or FLOP.
        output: the output pin.
        pins: the gate's pins; a FLOP that holds its value has its own output pin as the last of them, and one that
            takes the value of another bit of its cell the output pin of that.
        table: uint8[2 ** len(pins)], value of the output (after the edge for a FLOP).
        stored: uint8[2 ** len(pins)], what the latch of the cell takes while it is open; ``table`` is the output then.
            None for gates without a latch.
    """

    kind: int
    output: str
    pins: tuple[str, ...]
    table: U8
    stored: U8 | None = None

    def only(self, kept: tuple[int, ...]) -> GateTemplate:
        """The gate with only some of its pins; the others have no effect and are read as 0."""
        states = np.arange(1 << len(kept))
        full = sum(((states >> i & 1) << pin for i, pin in enumerate(kept)), np.zeros(len(states), np.int64))
        return GateTemplate(self.kind, self.output, tuple(self.pins[pin] for pin in kept), self.table[full])


@dataclass(frozen=True)
class PlacedGate:
    """A gate of a netlist: the instance it belongs to, the net of its output, and those of its pins."""

    instance: int
    template: GateTemplate
    out: int
    pins: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class CellTemplate:
    """The outputs of a cell as gates, or as constants for a tie cell; ``refused`` says why an output is neither.

    ``clocks`` are the functions that clock its flip-flops.
    """

    gates: tuple[GateTemplate, ...]
    ties: dict[str, int]
    refused: dict[str, str]
    clocks: tuple[Function, ...]
    async_pins: tuple[str, ...]


def cell_template(cell: Cell, *, macros: bool = False) -> CellTemplate:
    """Take a cell apart.

    Args:
        cell: of the library.
        macros: take a black box (``Cell.black_box``) as registers of unknown function: each output is a FLOP that
            feeds itself only. Good for timing, and for nothing that needs values.

    Raises:
        HaloError: the cell stores its value neither in flip-flops nor in one latch; its caller adds the instance.
    """
    if macros and cell.black_box:
        return _black_box(cell)
    if cell.sequential is not None and not cell.flipflops and cell.latch is None:
        raise HaloError(
            f"cell {cell.name} has a {cell.sequential} group that is no plain flip-flop or latch",
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
    resets: set[str] = set()
    for ff in cell.flipflops:
        for function in (ff.clear, ff.preset):
            if function is not None:
                resets.update(function.inputs)
    return CellTemplate(
        gates=tuple(gates),
        ties=ties,
        refused=refused,
        clocks=tuple({ff.clocked_on.text: ff.clocked_on for ff in cell.flipflops}.values()),
        async_pins=tuple(name for name in cell.pins if name in resets),
    )


def _black_box(cell: Cell) -> CellTemplate:
    gates, refused = [], {}
    clocks: dict[str, Function] = {}
    for pin in cell.outputs:
        groups = [group for group in pin.timing if group.timing_type in CLOCKED_TYPES]
        if pin.three_state:
            refused[pin.name] = "is a three-state output"
        elif not groups or any(group.timing_type.startswith("combinational") for group in pin.timing):
            refused[pin.name] = "has no function in the library, and is not set by a clock alone"
        else:
            gates.append(GateTemplate(FLOP, pin.name, (pin.name,), np.array([0, 1], np.uint8)))
        for group in groups:
            rising = group.timing_type == "rising_edge"
            table = np.array([not rising, rising], np.uint8)
            for name in group.related_pins:
                clocks[f"{name} {group.timing_type}"] = Function(name if rising else f"!{name}", (name,), table)
    return CellTemplate(tuple(gates), {}, refused, tuple(clocks.values()), ())


class _Refused(Exception):
    """Why an output cannot become a gate."""


def _gate(cell: Cell, pin: Pin, function: Function) -> GateTemplate:
    ff = cell.flipflop_of(pin.name)
    used = _used_pins(cell, function, (pin.name,))
    if cell.latch is not None:
        return _latched(cell, pin, function, used)
    if ff is None:
        arcs = {
            name
            for group in pin.timing
            if group.timing_type.startswith("combinational")
            for name in group.related_pins
            if name in cell.pins and cell.pins[name].direction == "input"
        }
        pins = _ordered(cell, used | arcs)
        return GateTemplate(COMB, pin.name, pins, _value(cell, function, _states(pins)))
    if used - {ff.state, ff.state_n}:
        raise _Refused("combines the flip-flop's state with other pins")
    return _flop(cell, ff, pin, function)


def _latched(cell: Cell, pin: Pin, function: Function, used: set[str]) -> GateTemplate:
    """An output of a cell with a latch, as while the latch is open."""
    latch = cell.latch
    if latch is None:
        raise ValueError(f"cell {cell.name} has no latch")
    names = {latch.state, latch.state_n}
    pins = _ordered(cell, (used - names) | _used_pins(cell, latch.data, ()))
    states = _states(pins)
    stored = _value(cell, latch.data, states)
    stored = np.broadcast_to(stored, 1 << len(pins)).astype(np.uint8)
    if not used & names:
        stored = np.zeros(1 << len(pins), np.uint8)
    table = _value(cell, function, states | {latch.state: stored, latch.state_n: stored ^ np.uint8(1)})
    return GateTemplate(COMB, pin.name, pins, table.astype(np.uint8), stored)


def _flop(cell: Cell, ff: FlipFlop, pin: Pin, function: Function) -> GateTemplate:
    """Q (or inverted Q) after the edge; where the next state needs the state, the output itself supplies it."""
    by_state = _value(cell, function, {ff.state: np.array([0, 1], np.uint8), ff.state_n: np.array([1, 0], np.uint8)})
    if by_state[0] == by_state[1]:
        raise _Refused("does not depend on the flip-flop's state")
    inverted = int(by_state[0])
    used = _used_pins(cell, ff.next_state, ())
    shown = [(ff, pin.name, inverted)] if used & {ff.state, ff.state_n} else []
    shown += [(other, *_shown(cell, other)) for other in cell.flipflops if other is not ff and used & _states_of(other)]
    pins = _ordered(cell, used.difference(*(_states_of(other) for other in cell.flipflops)))
    pins = (*pins, *(name for _, name, _ in shown))
    values = _states(pins)
    for other, name, turned in shown:
        before = values.pop(name) ^ np.uint8(turned)
        values[other.state], values[other.state_n] = before, before ^ np.uint8(1)
    after = _value(cell, ff.next_state, values)
    if after.size != 1 << len(pins):
        after = np.broadcast_to(after, 1 << len(pins))
    return GateTemplate(FLOP, pin.name, pins, (after ^ np.uint8(inverted)).astype(np.uint8))


def _states_of(ff: FlipFlop) -> set[str]:
    return {ff.state, ff.state_n}


def _shown(cell: Cell, ff: FlipFlop) -> tuple[str, int]:
    """An output pin that shows a flip-flop's state, and whether it shows the opposite."""
    for pin in cell.outputs:
        if pin.function is not None and len(pin.function.inputs) == 1 and pin.function.inputs[0] in _states_of(ff):
            high = pin.function.table[1] == 1
            return pin.name, int(high != (pin.function.inputs[0] == ff.state))
    raise _Refused(f"depends on {ff.state}, which no output shows")


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
    stored = [*cell.flipflops, *(() if cell.latch is None else (cell.latch,))]
    states = {name for each in stored for name in (each.state, each.state_n)}
    used: set[str] = set()
    for name in function.inputs:
        is_input = name in cell.pins and cell.pins[name].direction == "input"
        if is_input or name in states:
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
