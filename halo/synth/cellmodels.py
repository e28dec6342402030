# SPDX-License-Identifier: Apache-2.0
"""Functional Verilog models of library cells, made from their Liberty functions: one module per cell, no delays.

Tests: tests/synth/test_cell_models.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from halo.errors import HaloError
from halo.liberty import Cell, FlipFlop, Function, Library


def cell_models(library: Library, cells: Iterable[str]) -> str:
    """Verilog modules for the named cells, in alphabetical order.

    Combinational cells and flip-flops (with clear and preset) are modelled; power pins do not appear.

    Raises:
        HaloError: a cell is not in the library, or has an output without a function or a state other than a flip-flop.
    """
    modules = []
    for name in sorted(set(cells)):
        if name not in library.cells:
            raise HaloError(
                f"cell {name} is not in library {library.name}",
                "Give all Liberty files of the corner the netlist uses.",
            )
        modules.append(_module(library.cells[name]))
    return "`timescale 1ns/1fs\n\n" + "\n".join(modules)


def expression(function: Function) -> str:
    """A Verilog expression with the function's truth table, over its inputs' names."""
    return _expand(tuple(int(v) for v in function.table), function.inputs)


def _expand(table: tuple[int, ...], inputs: Sequence[str]) -> str:
    """Shannon expansion by the last input (the highest index bit), with the usual short forms."""
    if not any(table):
        return "1'b0"
    if all(table):
        return "1'b1"
    half = len(table) // 2
    low, high = table[:half], table[half:]
    name, rest = _identifier(inputs[-1]), inputs[:-1]
    if low == high:
        return _expand(low, rest)
    if all(a != b for a, b in zip(low, high, strict=True)):
        return name if not any(low) else f"~{name}" if all(low) else f"({name} ^ {_expand(low, rest)})"
    if not any(low):
        return f"({name} & {_expand(high, rest)})"
    if not any(high):
        return f"(~{name} & {_expand(low, rest)})"
    if all(low):
        return f"(~{name} | {_expand(high, rest)})"
    if all(high):
        return f"({name} | {_expand(low, rest)})"
    return f"(({name} & {_expand(high, rest)}) | (~{name} & {_expand(low, rest)}))"


def _identifier(name: str) -> str:
    plain = name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if plain else f"\\{name} "


def _module(cell: Cell) -> str:
    inputs = [_identifier(pin.name) for pin in cell.inputs]
    outputs = [_identifier(pin.name) for pin in cell.outputs]
    lines = [f"module {_identifier(cell.name)} ({', '.join(inputs + outputs)});"]
    lines += [f"  input {name};" for name in inputs] + [f"  output {name};" for name in outputs]
    if cell.sequential is not None:
        if not cell.flipflops:
            raise HaloError(
                f"cell {cell.name} is a {cell.sequential}, which has no functional model here",
                "Use flip-flops and combinational cells.",
                cell.path or None,
                cell.line or None,
            )
        for number, ff in enumerate(cell.flipflops):
            lines += _flipflop(ff, f"halo_{number}" if number else "halo")
    for pin in (pin for pin in cell.pins.values() if pin.direction in ("output", "inout")):
        if pin.function is None or pin.three_state or pin.direction == "inout":
            raise HaloError(
                f"pin {pin.name} of cell {cell.name} has no plain logic function",
                "Use cells with functions.",
                cell.path or None,
                cell.line or None,
            )
        lines.append(f"  assign {_identifier(pin.name)} = {expression(pin.function)};")
    return "\n".join([*lines, "endmodule\n"])


def _flipflop(ff: FlipFlop, prefix: str) -> list[str]:
    """Registers of a flip-flop; clear wins over preset. Clock and both controls are active when true."""
    state, inverse = _identifier(ff.state), _identifier(ff.state_n)
    lines = [
        f"  reg {state};",
        f"  wire {inverse};",
        f"  assign {inverse} = ~{state};",
        f"  wire {prefix}_clock;",
        f"  assign {prefix}_clock = {expression(ff.clocked_on)};",
    ]
    events, body = [f"posedge {prefix}_clock"], ""
    for kind, control, value in (("clear", ff.clear, "1'b0"), ("preset", ff.preset, "1'b1")):
        if control is not None:
            lines += [f"  wire {prefix}_{kind};", f"  assign {prefix}_{kind} = {expression(control)};"]
            events.append(f"posedge {prefix}_{kind}")
            body += f"if ({prefix}_{kind}) {state} <= {value}; else "
    return [*lines, f"  always @({' or '.join(events)})", f"    {body}{state} <= {expression(ff.next_state)};"]
