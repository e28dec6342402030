# SPDX-License-Identifier: Apache-2.0
"""Writes the Liberty file that Yosys and ABC map with: the cells that mapping may use, as this package reads them.

A foreign library in its own words is read three times, by this package, by Yosys and by ABC, and each takes some of it
in another way or not at all: an AND beside an XOR without parentheses, tables without a template, an odd cell that
nothing uses, units written in capitals, a path with a blank. So they are given what was read here, in plain words:
expressions with every parenthesis, one related pin a timing group, tables with indexes of their own, nanoseconds and
picofarads.

Cells without a logic function at each output, with three-state or bidirectional pins, latches and state tables are
left out: mapping cannot use them. ABC needs a buffer. A library without one is lent a buffer of two of its inverters,
:data:`BUFFER`, which stands in the netlist as these two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from halo.liberty import Cell, FlipFlop, Library, Pin, Table
from halo.liberty.expression import spelled
from halo.liberty.model import LOAD_VARIABLES, SLEW_VARIABLES, FloatArray, Function, TimingGroup

BUFFER = "halo_buffer"
"""Name of the buffer lent to a library that has none; its pins are A and Y."""

_NAME = re.compile(r"[A-Za-z_0-9][\w$]*", re.ASCII)
_SHAPE = re.compile(r"\(grid_(\d+)x(\d+)\)")
_HEADER = """library (halo) {
  delay_model : table_lookup;
  time_unit : "1ns";
  voltage_unit : "1V";
  capacitive_load_unit (1, pf);
"""
_DELAYS = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
_OTHER_EDGE = dict(zip(_DELAYS, ("cell_fall", "cell_rise", "fall_transition", "rise_transition"), strict=True))


def mappable(cell: Cell) -> bool:
    """Whether mapping could use a cell: plain pins, a function at each output, and at most one plain flip-flop."""
    pins = cell.pins.values()
    return (
        all(_NAME.fullmatch(name) for name in (cell.name, *cell.pins))
        and all(pin.direction in ("input", "output") for pin in pins)
        and all(pin.function is not None and not pin.three_state for pin in cell.outputs)
        and bool(cell.outputs)
        and (cell.sequential is None or cell.flipflop is not None)
    )


def is_buffer(cell: Cell, *, inverting: bool = False) -> bool:
    """Whether a cell has one input and one output that repeats it, or its inverse."""
    if cell.sequential is not None or len(cell.inputs) != 1 or len(cell.outputs) != 1:
        return False
    function = cell.outputs[0].function
    return function is not None and len(function.inputs) == 1 and list(function.table) == [inverting, not inverting]


def library_text(library: Library, cells: Sequence[Cell], inverter: Cell | None) -> str:
    """The Liberty file.

    Args:
        library: where the cells are from.
        cells: all :func:`mappable`.
        inverter: what the lent buffer consists of; None: none is lent.
    """
    lines = [_HEADER]
    for name, fractions in (
        ("input_threshold_pct", library.input_threshold),
        ("output_threshold_pct", library.output_threshold),
        ("slew_lower_threshold_pct", library.slew_lower),
        ("slew_upper_threshold_pct", library.slew_upper),
    ):
        lines += (f"  {name}_{edge} : {_number(100 * fraction)};\n" for edge, fraction in fractions.items())
    lines.append(f"  slew_derate_from_library : {_number(library.slew_derate)};\n")
    if library.default_max_transition_s is not None:
        lines.append(f"  default_max_transition : {_number(library.default_max_transition_s * 1e9)};\n")
    body = [line for cell in cells for line in _cell_lines(cell)]
    if inverter is not None:
        body += _buffer_lines(inverter)
    shapes = sorted({(int(match[1]), int(match[2])) for line in body if (match := _SHAPE.search(line))})
    lines += [_template(slews, loads) for slews, loads in shapes]
    return "".join([*lines, *(f"{line}\n" for line in body), "}\n"])


def _template(slews: int, loads: int) -> str:
    """A table template of that many points; the tables bring their own, but ABC compares the numbers."""
    points = [", ".join(map(str, range(1, count + 1))) for count in (slews, loads)]
    return (
        f"  lu_table_template (grid_{slews}x{loads}) {{\n"
        f'    variable_1 : input_net_transition;\n    index_1 ("{points[0]}");\n'
        f'    variable_2 : total_output_net_capacitance;\n    index_2 ("{points[1]}");\n  }}\n'
    )


def buffer_module(inverter: Cell) -> str:
    """Verilog of the lent buffer, to be put in its place after mapping."""
    into, out = inverter.inputs[0].name, inverter.outputs[0].name
    name = f"\\{inverter.name} "
    return (
        f"module {BUFFER} (input A, output Y);\n  wire inverse;\n"
        f"  {name} first (.\\{into} (A), .\\{out} (inverse));\n"
        f"  {name} second (.\\{into} (inverse), .\\{out} (Y));\nendmodule\n"
    )


def _cell_lines(cell: Cell) -> Iterator[str]:
    yield f'  cell ("{cell.name}") {{'
    yield f"    area : {_number(cell.area)};"
    if cell.flipflop is not None:
        yield from _flipflop_lines(cell.flipflop)
    for pin in cell.pins.values():
        yield f'    pin ("{pin.name}") {{'
        yield f"      direction : {pin.direction};"
        if pin.direction == "output":
            yield from _output_lines(cell, pin)
        else:
            yield f"      capacitance : {_number(pin.capacitance_f * 1e12)};"
            yield f"      rise_capacitance : {_number(pin.rise_capacitance_f * 1e12)};"
            yield f"      fall_capacitance : {_number(pin.fall_capacitance_f * 1e12)};"
        if pin.clock:
            yield "      clock : true;"
        yield "    }"
    yield "  }"


def _flipflop_lines(ff: FlipFlop) -> Iterator[str]:
    yield f'    ff ("{ff.state}", "{ff.state_n}") {{'
    for name, function in (
        ("clocked_on", ff.clocked_on),
        ("next_state", ff.next_state),
        ("clear", ff.clear),
        ("preset", ff.preset),
    ):
        if function is not None:
            yield f'      {name} : "{_written(function)}";'
    yield "    }"


def _output_lines(cell: Cell, pin: Pin) -> Iterator[str]:
    if pin.function is not None:
        yield f'      function : "{_written(pin.function)}";'
    if pin.max_capacitance_f is not None:
        yield f"      max_capacitance : {_number(pin.max_capacitance_f * 1e12)};"
    if cell.sequential is not None:
        return
    for timing in pin.timing:
        tables = _tables(timing)
        for related in timing.related_pins if tables else ():
            yield from _timing_lines(related, timing.sense, tables)


def _written(function: Function) -> str:
    """An expression; one pin or its inverse as just that, whatever is written around it."""
    if len(function.inputs) == 1:
        inverse, straight = ([1, 0], [0, 1])
        table = list(function.table)
        if table in (inverse, straight):
            return ("!" if table == inverse else "") + function.inputs[0]
    return spelled(function)


def _tables(timing: TimingGroup) -> dict[str, tuple[FloatArray, FloatArray, FloatArray]]:
    """Slews, loads and values [slew, load] of the four tables, an edge that is not given as the other; empty: none."""
    if not timing.timing_type.startswith("combinational"):
        return {}
    found = {name: grid for name in _DELAYS if name in timing.tables and (grid := _grid(timing.tables[name]))}
    full = {name: found.get(name) or found.get(_OTHER_EDGE[name]) for name in _DELAYS}
    return {name: grid for name, grid in full.items() if grid is not None} if all(full.values()) else {}


def _grid(table: Table) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """A table over slew and load; None where it depends on something else."""
    axes = dict(zip(table.variables, table.axes, strict=True))
    slews = next((axes.pop(name) for name in SLEW_VARIABLES if name in axes), np.zeros(1))
    loads = next((axes.pop(name) for name in LOAD_VARIABLES if name in axes), np.zeros(1))
    if axes:
        return None
    values = table.values.reshape([len(axis) for axis in table.axes] or [1])
    if len(table.axes) == 2 and table.variables[0] in LOAD_VARIABLES:
        values = values.T
    return slews, loads, values.reshape(len(slews), len(loads))


def _timing_lines(
    related: str, sense: str | None, tables: dict[str, tuple[FloatArray, FloatArray, FloatArray]]
) -> Iterator[str]:
    yield "      timing () {"
    yield f'        related_pin : "{related}";'
    if sense is not None:
        yield f"        timing_sense : {sense};"
    for name, (slews, loads, values) in tables.items():
        yield f"        {name} (grid_{len(slews)}x{len(loads)}) {{"
        yield f'          index_1 ("{_numbers(slews * 1e9)}");'
        yield f'          index_2 ("{_numbers(loads * 1e12)}");'
        rows = ", ".join(f'"{_numbers(row * 1e9)}"' for row in values)
        yield f"          values ({rows});"
        yield "        }"
    yield "      }"


def _buffer_lines(inverter: Cell) -> Iterator[str]:
    """Two inverters in a row: the first drives one input pin, the second sees the transition that the first makes."""
    into, out = inverter.inputs[0], inverter.outputs[0]
    yield f"  cell ({BUFFER}) {{"
    yield f"    area : {_number(2 * inverter.area)};"
    yield f"    pin (A) {{ direction : input; capacitance : {_number(into.capacitance_f * 1e12)}; }}"
    yield '    pin (Y) { direction : output; function : "A";'
    tables = next((found for timing in out.timing if (found := _tables(timing))), {})
    if tables:
        yield from _timing_lines("A", "positive_unate", _in_series(out.timing, into.capacitance_f))
    yield "    }"
    yield "  }"


def _in_series(
    timings: Iterable[TimingGroup], between_f: float
) -> dict[str, tuple[FloatArray, FloatArray, FloatArray]]:
    timing = next(timing for timing in timings if _tables(timing))
    table = {name: timing.tables.get(name) or timing.tables[_OTHER_EDGE[name]] for name in _DELAYS}
    slews, loads, _ = _tables(timing)["cell_rise"]
    result = {}
    for edge, other in (("rise", "fall"), ("fall", "rise")):
        load = np.full(len(slews), between_f)
        delay, slew = table[f"cell_{other}"].at(slews, load), table[f"{other}_transition"].at(slews, load)
        grid_slew, grid_load = np.repeat(slew, len(loads)), np.tile(loads, len(slews))
        shape = len(slews), len(loads)
        second = table[f"cell_{edge}"].at(grid_slew, grid_load).reshape(shape)
        result[f"cell_{edge}"] = slews, loads, delay[:, None] + second
        result[f"{edge}_transition"] = slews, loads, table[f"{edge}_transition"].at(grid_slew, grid_load).reshape(shape)
    return result


def _number(value: float) -> str:
    """Twelve digits: what the file said before it became SI, and its neighbours in binary are taken for it."""
    return format(value, ".12g")


def _numbers(values: FloatArray) -> str:
    return ", ".join(map(_number, values.tolist()))
