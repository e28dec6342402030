# SPDX-License-Identifier: Apache-2.0
"""The gate netlist with its delays as Verilog for Icarus 11: one module an instance, delays as specify paths.

Icarus reads no conditioned SDF, so conditional delays must be in the source. How its paths behave (vvp/delay.cc): when
the value behind an output changes, the enabled path whose input changed last gives the delay, the smallest of them if
several inputs changed together, for the edge from the last scheduled value to the new one. An event once scheduled is
never taken back: when its time comes the newest value is sent. The modules are written so that nothing depends on the
order of events within one instant, as long as no delay is zero:

- One process an instance: it wakes once after all inputs of that instant have changed, sets the condition registers,
  then the outputs, by blocking assignments.
- The conditions of one pin and output exclude each other and cover every state: no ``ifnone`` is needed. Where a pin
  is disabled (:mod:`halo.timing.arcs`), its path is on unless an enabled pin has changed in the same instant: the
  process keeps the inputs of the instant before.
- Nets inside are scalars that join pins directly. A slice of a vector reaches its readers some steps later than a
  scalar does, so all input ports, scalars too, are joined and sliced again: their bits arrive together.
- Values are sums of all prime implicants, so an unknown input makes an output unknown only if it matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from halo.errors import HaloError
from halo.liberty.model import Cell, FlipFlop, Library
from halo.netlist.model import FLOP, Circuit
from halo.timing.delays import Delays
from halo.timing.path_groups import path_groups, sum_of_products
from halo.units import FS_PER_PS

# Every keyword of Verilog and SystemVerilog is two or more letters long, without capitals, and starts with a letter.
_PLAIN = re.compile(r"[a-z]|_[A-Za-z0-9_]*|[A-Za-z][A-Za-z0-9_]*[A-Z][A-Za-z0-9_]*|[A-Z][A-Za-z0-9_]*")

INPUTS = "halo_inputs"


def wire_name(net: int) -> str:
    """Name of the wire of a net of the circuit inside the timed netlist's top module."""
    return f"halo_n{net}"


def moved(net: int, bit: str) -> str:
    """Statement of a bench that moves a source's net in the instance ``dut`` to a bit (0 or 1) if it has another value.

    A change that comes through the ports reaches the gates some steps later within its instant than that of a gate's
    output, so that a gate behind a register and a port that change together would see one after the other. A force
    reaches them at once. One that changes nothing would count as a change of the pin for the paths that start there.
    """
    wire = f"dut.{wire_name(net)}"
    return f"if ({wire} !== {bit}) begin if ({bit}) force {wire} = 1'b1; else force {wire} = 1'b0; end"


def write_timed_netlist(circuit: Circuit, delays: Delays, path: str | Path, *, library: Library) -> None:
    """Write the netlist with its delays; the module has the name and ports of the netlist.

    Args:
        circuit: compiled netlist.
        delays: delays of its arcs.
        path: file to write.
        library: the cells, for the clock, clear and preset of flip-flops.

    Raises:
        HaloError: a flip-flop's clock is not one pin, or the file cannot be written.
    """
    text = "".join(f"{line}\n" for line in timed_netlist_lines(circuit, delays, library))
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise HaloError(
            f"cannot write the timed netlist: {error.strerror}", "Give a folder that can be written.", path
        ) from error


def timed_netlist_lines(circuit: Circuit, delays: Delays, library: Library) -> Iterator[str]:
    """The lines of the timed netlist, top module last."""
    netlist = circuit.netlist
    yield "// Gates with pin-to-pin delays as specify paths; simulate with -gspecify."
    yield "`timescale 1ns/1fs"
    gates_of: dict[int, list[int]] = {}
    for gate in range(circuit.gates):
        gates_of.setdefault(int(circuit.instance[gate]), []).append(gate)
    for number, gates in sorted(gates_of.items()):
        yield from _instance_module(circuit, delays, library, number, gates)

    yield ""
    ports = [*netlist.inputs, *netlist.outputs]
    yield f"module {identifier(netlist.name)} ({', '.join(identifier(port) for port in ports)});"
    for direction, group in (("input", netlist.inputs), ("output", netlist.outputs)):
        for port, bits in group.items():
            ends = (netlist.bit_index(port, len(bits) - 1), netlist.bit_index(port, 0))
            width = "" if port in netlist.scalar_ports else " [{}:{}]".format(*ends)
            yield f"  {direction}{width} {identifier(port)};"
    position = {net: i for i, net in enumerate(net for bits in reversed(netlist.inputs.values()) for net in bits)}
    if position:
        joined = ", ".join(identifier(port) for port in netlist.inputs)
        yield f"  wire [{len(position) - 1}:0] {INPUTS} = {{{joined}}};"
    for net, name in enumerate(netlist.nets):
        value = f" = {INPUTS}[{position[net]}]" if net in position else ""
        if circuit.constant[net] >= 0:
            value = f" = 1'b{circuit.constant[net]}"
        yield f"  wire {wire_name(net)}{value};  // {name}"
    for port, bits in netlist.outputs.items():
        yield f"  assign {identifier(port)} = {{{', '.join(wire_name(net) for net in reversed(bits))}}};"
    for number, gates in sorted(gates_of.items()):
        instance = netlist.instances[number]
        pins = _module_pins(circuit, library, number, gates)
        ties = ", ".join(f".{identifier(pin)}({wire_name(instance.pins[pin])})" for pin in pins)
        yield f"  {_module_name(circuit, number)} {identifier(instance.name)} ({ties});"
    yield "endmodule"


def identifier(name: str) -> str:
    """A Verilog identifier, escaped (with its closing blank) where the name needs it or might be a keyword."""
    return name if _PLAIN.fullmatch(name) else f"\\{name} "


def _module_name(circuit: Circuit, number: int) -> str:
    return identifier(f"{circuit.netlist.name}_timed_{number}")


def _gate_pins(circuit: Circuit, gate: int) -> tuple[str, ...]:
    return tuple(circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]])


def _module_pins(circuit: Circuit, library: Library, number: int, gates: list[int]) -> tuple[str, ...]:
    """Pins of an instance's module: inputs of its gates, clock and asynchronous pins, then outputs."""
    pins = dict.fromkeys(pin for gate in gates for pin in _gate_pins(circuit, gate))
    cell = library.cells.get(circuit.netlist.instances[number].cell)
    if cell is not None and circuit.kind[gates[0]] == FLOP:
        for gate in gates:
            flop = _flip_flop(cell, circuit.output_pin[gate])
            for function in (flop.clocked_on, flop.clear, flop.preset):
                if function is not None:
                    pins.update(dict.fromkeys(pin for pin in function.inputs if pin in cell.pins))
    pins.update(dict.fromkeys(circuit.output_pin[gate] for gate in gates))
    return tuple(pins)


def _nanoseconds(delay_fs: int) -> str:
    whole, rest = divmod(delay_fs, 1000 * FS_PER_PS)
    return f"{whole}.{rest:06d}"


def _expression(states: bytes, pins: tuple[str, ...]) -> str:
    def literal(pin: int, value: bool) -> str:
        return ("" if value else "~") + identifier(pins[pin])

    text = sum_of_products(states, literal, " & ", " | ")
    return text if text is not None else f"1'b{int(bool(states and states[0]))}"


def _instance_module(
    circuit: Circuit, delays: Delays, library: Library, number: int, gates: list[int]
) -> Iterator[str]:
    instance = circuit.netlist.instances[number]
    pins = _module_pins(circuit, library, number, gates)
    outputs = [circuit.output_pin[gate] for gate in gates]
    clocked = circuit.kind[gates[0]] == FLOP
    body = _Body()
    for gate in gates:
        if clocked:
            _clock_path(circuit, delays, library.cells[instance.cell], gate, body)
        else:
            _conditional_paths(circuit, delays, gate, pins, body)
    yield ""
    yield f"module {_module_name(circuit, number)} ({', '.join(identifier(pin) for pin in pins)});  // {instance.cell}"
    for pin in pins:
        yield f"  {'output' if pin in outputs else 'input'} {identifier(pin)};"
    for output in outputs:
        yield f"  reg {identifier(output)};"
    for register in body.registers:
        yield f"  reg {register};"
    if clocked:
        yield from _clocked_process(circuit, library.cells[instance.cell], gates)
    else:
        yield "  always begin"
        yield from (f"    {setting}" for setting in body.settings)
        for gate, output in zip(gates, outputs, strict=True):
            yield f"    {identifier(output)} = {_expression(_table(circuit, gate), _gate_pins(circuit, gate))};"
        yield from (f"    {setting}" for setting in body.keepings)
        yield f"    @({' or '.join(identifier(pin) for pin in pins if pin not in outputs)});"
        yield "  end"
    yield "  specify"
    yield from (f"    {path}" for path in body.paths)
    yield "  endspecify"
    yield "endmodule"


@dataclass
class _Body:
    """Condition registers of an instance's module, how they and the kept inputs are set, and its specify paths."""

    registers: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    keepings: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def _conditional_paths(circuit: Circuit, delays: Delays, gate: int, pins: tuple[str, ...], body: _Body) -> None:
    names = _gate_pins(circuit, gate)
    output = identifier(circuit.output_pin[gate])
    groups_of = [path_groups(circuit, delays, gate, pin) for pin in range(len(names))]
    caused = ""
    if not all(group.enabled for groups in groups_of for group in groups):
        caused = f"caused{len(body.registers)}"
        body.registers.append(caused)
        terms = []
        for name, groups in zip(names, groups_of, strict=True):
            on = bytes(any(group.states[s] for group in groups if group.enabled) for s in range(1 << len(names)))
            kept = f"was{pins.index(name)}"
            if kept not in body.registers:
                body.registers.append(kept)
                body.keepings.append(f"{kept} = {identifier(name)};")
            terms.append(f"({identifier(name)} !== {kept} & ({_expression(on, names)}) === 1'b1)")
        body.settings.append(f"{caused} = {' | '.join(terms)};")
    for name, groups in zip(names, groups_of, strict=True):
        conditions: list[str] = []
        for i, group in enumerate(groups):
            rise, fall = (_nanoseconds(delay) for delay in group.both_fs)
            path = f"({identifier(name)} => {output}) = ({rise}, {fall});"
            if len(groups) == 1 and group.enabled:
                body.paths.append(path)
                continue
            register = f"when{len(body.registers)}"
            body.registers.append(register)
            if i < len(groups) - 1:
                body.settings.append(f"{register} = ({_expression(group.states, names)}) === 1'b1;")
            else:
                # The last group, an enabled one if there is one, also takes unknown inputs: some path is always on.
                others = " | ".join(conditions) or "1'b0"
                body.settings.append(f"{register} = ~({others});")
            conditions.append(register)
            if not group.enabled:
                body.settings.append(f"alone{register} = {register} & ~{caused};")
                register = f"alone{register}"
                body.registers.append(register)
            body.paths.append(f"if ({register}) {path}")


def _clock_path(circuit: Circuit, delays: Delays, cell: Cell, gate: int, body: _Body) -> None:
    """Clock-to-output path of a flip-flop gate; every arc entry of an edge holds the same delay."""
    table = _table(circuit, gate)
    n = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
    first = int(circuit.arc_start[gate])
    by_edge: dict[int, int] = {}
    for state, value in enumerate(table):
        by_edge.setdefault(value, int(delays.arc_fs[first + state * n]))
    known = next(iter(by_edge.values()))
    rise, fall = _nanoseconds(by_edge.get(1, known)), _nanoseconds(by_edge.get(0, known))
    clock, _ = _clock(cell, circuit.output_pin[gate])
    body.paths.append(f"({identifier(clock)} => {identifier(circuit.output_pin[gate])}) = ({rise}, {fall});")


def _table(circuit: Circuit, gate: int) -> bytes:
    return circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]].tobytes()


def _flip_flop(cell: Cell, output: str) -> FlipFlop:
    """The flip-flop behind an output that the circuit takes as clocked."""
    flop = cell.flipflop_of(output)
    if flop is None:
        raise ValueError(f"output {output} of {cell.name} shows no flip-flop")
    return flop


def _clock(cell: Cell, output: str) -> tuple[str, bool]:
    """Name of a flip-flop's clock pin and whether its rising edge is the active one."""
    clocked_on = _flip_flop(cell, output).clocked_on
    if len(clocked_on.inputs) != 1 or clocked_on.table[0] == clocked_on.table[1]:
        raise HaloError(
            f"flip-flop {cell.name} is not clocked by one pin",
            f"Leave the cell out with --dont-use {cell.name}, or use a library with plain edge-triggered flip-flops.",
            cell.path or None,
            cell.line or None,
        )
    return clocked_on.inputs[0], bool(clocked_on.table[1])


def _clocked_process(circuit: Circuit, cell: Cell, gates: list[int]) -> Iterator[str]:
    """One process for each flip-flop of the cell: the outputs that show it, its clock, clear and preset."""
    by_state: dict[str, list[int]] = {}
    for gate in gates:
        by_state.setdefault(_flip_flop(cell, circuit.output_pin[gate]).state, []).append(gate)
    for number, shown in enumerate(by_state.values()):
        yield from _flip_flop_process(circuit, cell, shown, str(number) if number else "")


def _flip_flop_process(circuit: Circuit, cell: Cell, gates: list[int], suffix: str) -> Iterator[str]:
    output = circuit.output_pin[gates[0]]
    clock, rising = _clock(cell, output)
    flop = _flip_flop(cell, output)
    events = [f"{'posedge' if rising else 'negedge'} {identifier(clock)}"]
    branches: list[tuple[str, int]] = []
    for name, function, state in (
        (f"clear_active{suffix}", flop.clear, 0),
        (f"preset_active{suffix}", flop.preset, 1),
    ):
        if function is not None:
            yield f"  wire {name} = {_expression(function.table.tobytes(), function.inputs)};"
            events.append(f"posedge {name}")
            branches.append((name, state))
    yield f"  always @({' or '.join(events)}) begin"
    for gate in gates:
        output = circuit.output_pin[gate]
        value = {name: _output_in_state(cell, flop, output, state) for name, state in branches}
        lines = [f"if ({name}) {identifier(output)} = 1'b{value[name]};" for name, _ in branches]
        lines.append(f"{identifier(output)} = {_expression(_table(circuit, gate), _gate_pins(circuit, gate))};")
        yield "    " + " else ".join(lines)
    yield "  end"


def _output_in_state(cell: Cell, flop: FlipFlop, output: str, state: int) -> int:
    """Value of a flip-flop's output function while its state variable holds ``state``."""
    function = cell.pins[output].function
    if function is None or not set(function.inputs) <= {flop.state, flop.state_n}:
        raise HaloError(
            f"output {output} of flip-flop {cell.name} is no function of its state",
            f"Leave the cell out with --dont-use {cell.name}, or use a library with plain edge-triggered flip-flops.",
            cell.path or None,
            cell.line or None,
        )
    values = {flop.state: state, flop.state_n: 1 - state}
    index = sum(values[name] << bit for bit, name in enumerate(function.inputs))
    return int(np.asarray(function.table)[index])
