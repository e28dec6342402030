# SPDX-License-Identifier: Apache-2.0
"""From instances of named cells to a ``Circuit``: every pin resolved, every net with one driver, gates in order.

Tests: tests/netlist/test_compile_circuit.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import accumulate

import numpy as np

from halo.errors import HaloError
from halo.liberty.model import Cell, Library
from halo.netlist.bus_pins import with_bus_pins
from halo.netlist.clock_tree import ClockInput, ClockTree, trace_clocks
from halo.netlist.dependence import Logic, dependence
from halo.netlist.latches import open_latches
from halo.netlist.model import FLOP, Circuit, Instance, Netlist
from halo.netlist.order import LoopError, order_gates
from halo.netlist.supplies import without_supplies
from halo.netlist.templates import CellTemplate, PlacedGate, cell_template

_SHOWN = 40


@dataclass
class _Work:
    """What the checks gather on the way: driver of each net, gates, constants, clock and reset pins."""

    netlist: Netlist
    library: Library
    macros: bool = False
    templates: dict[str, CellTemplate] = field(default_factory=dict)
    driver: dict[int, str] = field(default_factory=dict)
    gates: list[PlacedGate] = field(default_factory=list)
    constants: dict[int, int] = field(default_factory=dict)
    clocks: list[ClockInput] = field(default_factory=list)
    async_pins: list[tuple[int, str, int]] = field(default_factory=list)

    def error(self, what: str, fix: str, instance: Instance | None = None) -> HaloError:
        line = instance.line or None if instance is not None else None
        return HaloError(what, fix, self.netlist.path or None, line)


def compile_circuit(
    netlist: Netlist, library: Library, held: Mapping[int, int] | None = None, *, macros: bool = False
) -> Circuit:
    """Resolve a netlist against a library.

    Which gates depend on which is judged with the held nets at their values: a register with a load enable feeds
    itself unless the enable is held on, a loop counts only where a signal can go round it. A pin that has lost its
    effect and would have to be driven by a later gate is left out of its gate.

    Nets of the clock tree (from clock pins back through buffers, inverters and gates with one live input to the
    port) are ``clock_nets``; their gates stay in the circuit but their port is no source, so nothing passes through.

    Args:
        netlist: flat netlist; supply pins and ports are left out of the circuit's netlist.
        library: its cells.
        held: bits of input ports that keep 0 or 1 as long as the circuit is used (tied enables, inactive resets). They
            are ``Circuit.constant`` and no sources.
        macros: take black boxes as registers of unknown function, for static timing.

    Raises:
        HaloError: unknown cell, pin the cell does not have, latch or clock gate that is not held, output without a
            function, three-state output, several drivers of a net, undriven net at an input pin or output port,
            combinational loop, gated or derived clock, clock used as data. With the line of the instance where there is
            one.
        ValueError: a held net is no bit of an input port.
    """
    netlist = with_bus_pins(without_supplies(netlist, library), library)
    work = _Work(netlist, library, macros, constants=dict(netlist.constants))
    for port, bits in netlist.inputs.items():
        for net in bits:
            _drive(work, net, f"input port {port}", None)
    for net in netlist.constants:
        _drive(work, net, "a constant", None)
    for number, instance in enumerate(netlist.instances):
        _enter(work, number, instance)
    _check_driven(work)
    _hold(work, held or {})
    found = dependence(_logic(work.gates), work.constants)
    if any(gate.template.stored is not None for gate in work.gates):
        work.gates = open_latches(netlist, work.gates, found, work.constants)
        found = dependence(_logic(work.gates), work.constants)
    driver_gate = {gate.out: g for g, gate in enumerate(work.gates)}
    feeds = [[gate.pins[pin] for pin in needed] for gate, needed in zip(work.gates, found.needed, strict=True)]
    idle = [[n for n in gate.pins if n not in nets] for gate, nets in zip(work.gates, feeds, strict=True)]
    try:
        order = order_gates(
            [gate.template.kind for gate in work.gates],
            [[driver_gate[net] for net in nets if net in driver_gate] for nets in feeds],
            [[driver_gate[net] for net in nets if net in driver_gate] for nets in idle],
        )
    except LoopError as loop:
        raise _loop_error(work, loop.gates) from None
    clocks = trace_clocks(netlist, work.gates, driver_gate, found, work.clocks)
    _check_outputs(work)
    gates = [_without(gate, {work.gates[d].out for d in cut}) for gate, cut in zip(work.gates, order.cut, strict=True)]
    return _arrays(work, [gates[g] for g in order.gates], order.state, clocks)


def _logic(gates: list[PlacedGate]) -> list[Logic]:
    return [Logic(gate.template.table.tobytes(), gate.out, gate.pins) for gate in gates]


def _hold(work: _Work, held: Mapping[int, int]) -> None:
    ports = {net for bits in work.netlist.inputs.values() for net in bits}
    for net, value in held.items():
        if net not in ports or value not in (0, 1):
            raise ValueError(f"net {net} is held at {value}: bits of input ports can be held at 0 or 1")
        work.constants[net] = value


def _without(gate: PlacedGate, nets: set[int]) -> PlacedGate:
    """A gate without its pins on some nets, which have no effect."""
    pins = tuple(pin for pin, net in enumerate(gate.pins) if net not in nets)
    if len(pins) == len(gate.pins):
        return gate
    return replace(gate, template=gate.template.only(pins), pins=tuple(gate.pins[pin] for pin in pins))


def _enter(work: _Work, number: int, instance: Instance) -> None:
    """Check one instance's pins and add its gates."""
    cell = work.library.cells.get(instance.cell)
    if cell is None:
        raise _unknown_cell(work, instance)
    for pin in instance.pins:
        if pin not in cell.pins:
            raise _unknown_pin(work, instance, cell, pin)
        if cell.pins[pin].direction == "inout":
            raise work.error(
                f"pin {pin} of instance {instance.name} ({cell.name}) is bidirectional",
                "A MAC's netlist has no pad cells: give the core alone.",
                instance,
            )
    template = work.templates.get(cell.name)
    if template is None:
        try:
            template = cell_template(cell, macros=work.macros)
        except HaloError as refused:
            raise work.error(f"instance {instance.name}: {refused.what}", refused.fix, instance) from None
        work.templates[cell.name] = template
    for pin, reason in template.refused.items():
        if pin in instance.pins:
            raise work.error(
                f"output {pin} of cell {cell.name} (instance {instance.name}) {reason}",
                "Use another cell, or another library.",
                instance,
            )
    for pin, value in template.ties.items():
        if pin in instance.pins:
            net = instance.pins[pin]
            _drive(work, net, f"{instance.name}/{pin}", instance)
            work.constants[net] = value
    for gate in template.gates:
        if gate.output in instance.pins:
            _drive(work, instance.pins[gate.output], f"{instance.name}/{gate.output}", instance)
            pins = tuple(_input(work, instance, cell, pin) for pin in gate.pins)
            work.gates.append(PlacedGate(number, gate, instance.pins[gate.output], pins))
    if any(gate.kind == FLOP and gate.output in instance.pins for gate in template.gates):
        for clock in template.clocks:
            nets = tuple(_input(work, instance, cell, pin) for pin in clock.inputs)
            work.clocks.append(ClockInput(number, clock.inputs, nets, clock.table.tobytes()))
        work.async_pins += [(number, pin, _input(work, instance, cell, pin)) for pin in template.async_pins]


def _drive(work: _Work, net: int, driver: str, instance: Instance | None) -> None:
    if net in work.driver:
        raise work.error(
            f"net {work.netlist.nets[net]} has several drivers: {work.driver[net]} and {driver}",
            "Leave one driver a net.",
            instance,
        )
    work.driver[net] = driver


def _input(work: _Work, instance: Instance, cell: Cell, pin: str) -> int:
    if pin not in instance.pins:
        raise work.error(
            f"input pin {pin} of instance {instance.name} ({cell.name}) is not connected",
            "Connect it, or tie it to a constant.",
            instance,
        )
    return instance.pins[pin]


def _unknown_cell(work: _Work, instance: Instance) -> HaloError:
    refused = work.library.left_out.get(instance.cell)
    if refused is not None:
        return work.error(
            f"cell {instance.cell} of instance {instance.name} cannot be understood: {refused.what}",
            f"Correct the cell at {refused.path}:{refused.line}, or write the netlist with others.",
            instance,
        )
    near = get_close_matches(instance.cell, work.library.cells, 3)
    if instance.cell.startswith("$"):
        fix = "Map the netlist to the library's cells, or give the RTL as FILE.v and let it be synthesized."
    elif near:
        fix = f"Near names: {', '.join(near)}; or give the Liberty file that holds it with --liberty."
    else:
        fix = "Give the Liberty file that holds it with --liberty (it may be given several times)."
    return work.error(
        f"cell {instance.cell} of instance {instance.name} is not in library {work.library.name}", fix, instance
    )


def _unknown_pin(work: _Work, instance: Instance, cell: Cell, pin: str) -> HaloError:
    stem = pin.partition("[")[0]
    if stem != pin and stem in cell.pins:
        width = sum(name.startswith(stem + "[") for name in instance.pins)
        return work.error(
            f"width mismatch: {width} bits are connected to pin {stem} of instance {instance.name} ({cell.name})",
            "Connect one bit.",
            instance,
        )
    near = get_close_matches(pin, cell.pins, 3, 0.5) or list(cell.pins)[:12]
    return work.error(
        f"cell {cell.name} (instance {instance.name}) has no pin {pin}",
        f"Its pins: {', '.join(near)}. If {pin} is a supply, the library has no pg_pin of that name: write "
        "the netlist without supply pins.",
        instance,
    )


def _check_driven(work: _Work) -> None:
    netlist = work.netlist
    for instance in netlist.instances:
        pins = work.library.cells[instance.cell].pins
        for pin, net in instance.pins.items():
            if pins[pin].direction == "input" and net not in work.driver:
                raise work.error(
                    f"net {netlist.nets[net]} has no driver and reaches pin {pin} of instance {instance.name}",
                    "Drive it, or tie it to a constant.",
                    instance,
                )


def _check_outputs(work: _Work) -> None:
    netlist = work.netlist
    for port, bits in netlist.outputs.items():
        for i, net in enumerate(bits):
            if net not in work.driver:
                bit = port if port in netlist.scalar_ports else f"{port} (bit {i} from the least significant)"
                raise work.error(f"output port {bit} has no driver", "Drive it, or remove the port.")


def _loop_error(work: _Work, loop: list[int]) -> HaloError:
    names = [work.netlist.nets[work.gates[g].out] for g in loop]
    shown = names[:_SHOWN] + ([f"... ({len(names) - _SHOWN} more)"] if len(names) > _SHOWN else []) + names[:1]
    first = work.netlist.instances[work.gates[loop[0]].instance]
    return work.error(
        f"combinational loop through {len(names)} nets: {' -> '.join(shown)}",
        "Break the loop with a flip-flop, or correct the netlist.",
        first,
    )


def _starts(lengths: Iterable[int]) -> list[int]:
    return [0, *accumulate(lengths)]


def _arrays(work: _Work, gates: list[PlacedGate], state: int, clocks: ClockTree) -> Circuit:
    netlist = work.netlist
    constant = np.full(len(netlist.nets), -1, np.int8)
    for net, value in work.constants.items():
        constant[net] = value
    inputs = [net for bits in netlist.inputs.values() for net in bits]
    ports = dict.fromkeys(net for net in inputs if net not in clocks.nets and net not in work.constants)
    widths = [len(gate.pins) for gate in gates]
    tables = [gate.template.table for gate in gates]
    return Circuit(
        netlist=netlist,
        kind=np.array([gate.template.kind for gate in gates], np.uint8),
        instance=np.array([gate.instance for gate in gates], np.int32),
        output_pin=tuple(gate.template.output for gate in gates),
        out=np.array([gate.out for gate in gates], np.int32),
        pin_start=np.array(_starts(widths), np.int32),
        pin_net=np.array([net for gate in gates for net in gate.pins], np.int32),
        pin_name=tuple(pin for gate in gates for pin in gate.template.pins),
        table_start=np.array(_starts(1 << n for n in widths), np.int64),
        table=np.concatenate(tables).astype(np.uint8) if tables else np.zeros(0, np.uint8),
        arc_start=np.array(_starts(n << n for n in widths), np.int64),
        constant=constant,
        source=np.array([*ports, *(gate.out for gate in gates[:state])], np.int32),
        clock_nets=clocks.nets,
        state_gates=np.arange(state, dtype=np.int32),
        async_pins=tuple(work.async_pins),
        falling=clocks.falling,
    )
