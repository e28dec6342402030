# SPDX-License-Identifier: Apache-2.0
"""Gates that read the same tables in the same way, so that each table is looked up for all of them at once.

Tests: tests/power/test_energy_tables.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Cell, FlipFlop, Library
from halo.netlist.model import FLOP, Circuit
from halo.timing.wires import WIRE_CELL

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PoweredCells:
    """Gates of one output pin of one cell.

    Attributes:
        kind: COMB or FLOP.
        output: name of the output pin.
        pins: names in state order.
        table: uint8[S], output value by state.
        owned: for each pin, whether this gate counts its own energy: one gate of an instance with several outputs does.
        first: whether this gate stands for its instance (leakage, clock pin).
        held: values of reset and preset pins, which are inactive.
        gates: int64[K], their indices.
        clock_pin, clock_edge: clock pin of a flip-flop ("" for others) and the edge that launches (0 fall, 1 rise).
        clock_nets: int64[K], nets on the clock pins (empty for others).
    """

    cell: Cell
    kind: int
    output: str
    pins: tuple[str, ...]
    table: npt.NDArray[np.uint8]
    owned: tuple[bool, ...]
    first: bool
    held: dict[str, int]
    gates: I64
    clock_pin: str
    clock_edge: int
    clock_nets: I64


def powered_cells(circuit: Circuit, library: Library) -> tuple[PoweredCells, ...]:
    """Sort all gates of a circuit into types, in order of first appearance; an SDF's wires have no energy."""
    owned, first = _owners(circuit)
    held = _held(circuit, library)
    members: dict[tuple[object, ...], list[int]] = {}
    for gate in range(circuit.gates):
        instance = int(circuit.instance[gate])
        if circuit.netlist.instances[instance].cell == WIRE_CELL:
            continue
        key = (
            circuit.netlist.instances[instance].cell,
            circuit.output_pin[gate],
            _pins(circuit, gate),
            bytes(_table(circuit, gate)),
            owned[gate],
            gate in first,
            tuple(sorted(held.get(instance, {}).items())),
        )
        members.setdefault(key, []).append(gate)
    return tuple(_type(circuit, library, gates, owned[gates[0]], gates[0] in first, held) for gates in members.values())


def _type(
    circuit: Circuit,
    library: Library,
    gates: list[int],
    owned: tuple[bool, ...],
    first: bool,
    held: dict[int, dict[str, int]],
) -> PoweredCells:
    gate = gates[0]
    instance = int(circuit.instance[gate])
    cell = library.cells[circuit.netlist.instances[instance].cell]
    flipflop = cell.flipflop_of(circuit.output_pin[gate]) if circuit.kind[gate] == FLOP else None
    clock_pin, clock_edge = _clock(flipflop) if flipflop is not None else ("", 1)
    nets = [circuit.netlist.instances[i].pins[clock_pin] for i in circuit.instance[gates]] if clock_pin else []
    return PoweredCells(
        cell=cell,
        kind=int(circuit.kind[gate]),
        output=circuit.output_pin[gate],
        pins=_pins(circuit, gate),
        table=_table(circuit, gate),
        owned=owned,
        first=first,
        held=held.get(instance, {}),
        gates=np.array(gates, dtype=np.int64),
        clock_pin=clock_pin,
        clock_edge=clock_edge,
        clock_nets=np.array(nets, dtype=np.int64),
    )


def _pins(circuit: Circuit, gate: int) -> tuple[str, ...]:
    return tuple(circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]])


def _table(circuit: Circuit, gate: int) -> npt.NDArray[np.uint8]:
    return circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]


def _owners(circuit: Circuit) -> tuple[dict[int, tuple[bool, ...]], set[int]]:
    """Which pins each gate owns, and which gates stand for their instance: those with most pins, then the first."""
    by_instance: dict[int, list[int]] = {}
    for gate in range(circuit.gates):
        by_instance.setdefault(int(circuit.instance[gate]), []).append(gate)
    owned: dict[int, tuple[bool, ...]] = {}
    first: set[int] = set()
    for gates in by_instance.values():
        taken: set[str] = set()
        ranked = sorted(gates, key=lambda g: (-len(_pins(circuit, g)), g))
        first.add(ranked[0])
        for gate in ranked:
            owned[gate] = tuple(name not in taken for name in _pins(circuit, gate))
            taken.update(_pins(circuit, gate))
    return owned, first


def _held(circuit: Circuit, library: Library) -> dict[int, dict[str, int]]:
    """Values of clear and preset pins by instance and pin: the net's constant, else what leaves the flip-flop alone."""
    held: dict[int, dict[str, int]] = {}
    for instance, pin, net in circuit.async_pins:
        flipflops = library.cells[circuit.netlist.instances[instance].cell].flipflops
        value = int(circuit.constant[net])
        for function in (control for flipflop in flipflops for control in (flipflop.clear, flipflop.preset)):
            if value < 0 and function is not None and function.inputs == (pin,):
                value = int(function.table[0])  # active low: inactive at 1
        if value >= 0:
            held.setdefault(instance, {})[pin] = value
    return held


def _clock(flipflop: FlipFlop) -> tuple[str, int]:
    function = flipflop.clocked_on
    return function.inputs[0], int(function.table[-1])
