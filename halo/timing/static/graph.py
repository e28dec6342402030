# SPDX-License-Identifier: Apache-2.0
"""A circuit's delay arcs as flat arrays: each table reduced to a curve over input slew at its net's load.

The load of a net is known before any slew is, so a two-axis NLDM table collapses to one axis without loss: bilinear
interpolation is linear in the load first, then in the slew. Outside its axes a table is continued along its last
segment, as OpenSTA does.

Tests: tests/timing/static/test_timer.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.liberty.model import LOAD_VARIABLES, SLEW_VARIABLES, Cell, Library, Table
from halo.netlist.model import FLOP, Circuit
from halo.timing.arcs import ArcSet, delay_arcs
from halo.timing.static.timer_kernel import GraphArrays

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TimedCells:
    """Gates of one cell and output, which share their arcs."""

    cell: Cell
    output: str
    pins: tuple[str, ...]
    table: U8
    clocked: bool
    sets: tuple[ArcSet, ...]
    gates: I64


@dataclass(frozen=True, eq=False)
class TimingGraph:
    """Arcs of a circuit with the curves of its loads.

    Attributes:
        arrays: for the kernels.
        types: the gates by cell and output.
    """

    arrays: GraphArrays
    types: tuple[TimedCells, ...]


def net_loads(
    circuit: Circuit,
    library: Library,
    output_load_f: float,
    wire_cap_f: F64 | None = None,
    *,
    least: bool = False,
) -> tuple[F64, F64]:
    """Load of every net in farads.

    Each edge has its own sum, of the pins' ``rise_capacitance`` or ``fall_capacitance``, as in OpenSTA; switching
    energy takes the sum of ``capacitance``. Cells outside the library (wires of an SDF) have no pins to charge.

    Args:
        circuit: compiled netlist.
        library: the corner.
        output_load_f: external load of each bit of an output port.
        wire_cap_f: float64[N], capacitance of each net's wire.
        least: the lower ends of the pins' capacitance ranges, for first arrivals.

    Returns:
        float64[N, 2] by edge (fall, rise) and float64[N].
    """
    by_edge = np.zeros((circuit.nets, 2))
    plain = np.zeros(circuit.nets)
    for instance in circuit.netlist.instances:
        cell = library.cells.get(instance.cell)
        if cell is None:
            continue
        for name, net in instance.pins.items():
            pin = cell.pins[name]
            by_edge[net] += (
                pin.least_capacitance_f
                if least and pin.least_capacitance_f is not None
                else (pin.fall_capacitance_f, pin.rise_capacitance_f)
            )
            plain[net] += pin.capacitance_f
    extra = np.zeros(circuit.nets)
    for port in circuit.netlist.outputs.values():
        np.add.at(extra, np.asarray(port, dtype=np.int64), output_load_f)
    if wire_cap_f is not None:
        extra += wire_cap_f
    return by_edge + extra[:, None], plain + extra


def timed_cells(circuit: Circuit, library: Library) -> tuple[TimedCells, ...]:
    """Group the gates by cell and output, in order of first appearance.

    Raises:
        HaloError: a gate's cell is not in the library.
    """
    groups: dict[tuple[str, str, tuple[str, ...], bool], list[int]] = {}
    for gate in range(circuit.gates):
        cell_name = circuit.netlist.instances[circuit.instance[gate]].cell
        if cell_name not in library.cells:
            instance = circuit.netlist.instances[circuit.instance[gate]]
            raise HaloError(
                f"gate {instance.name} has no library cell, so its delay cannot be calculated",
                "Calculate delays of the circuit before the wires of an SDF are put into it.",
                circuit.netlist.path or None,
            )
        pins = circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
        key = (cell_name, circuit.output_pin[gate], tuple(pins), bool(circuit.kind[gate] == FLOP))
        groups.setdefault(key, []).append(gate)
    types = []
    for (cell_name, output, pins, clocked), gates in groups.items():
        cell = library.cells[cell_name]
        table = circuit.table[circuit.table_start[gates[0]] : circuit.table_start[gates[0] + 1]]
        sets = delay_arcs(cell, output, pins, table, clocked)
        types.append(TimedCells(cell, output, pins, table, clocked, sets, np.array(gates, dtype=np.int64)))
    return tuple(types)


def slew_by_load(table: Table, cell: Cell) -> tuple[F64, F64, F64]:
    """A delay or transition table as (slew axis, load axis, values[slew, load]); an absent axis has one point, 0.

    Raises:
        HaloError: the table has an axis that is neither input slew nor output load.
    """
    if not table.variables:
        return np.zeros(1), np.zeros(1), np.full((1, 1), float(table.values))
    kinds = []
    for variable in table.variables:
        if variable in SLEW_VARIABLES:
            kinds.append(0)
        elif variable in LOAD_VARIABLES:
            kinds.append(1)
        else:
            raise HaloError(
                f"cell {cell.name} has a delay table over {variable}, which is not supported",
                "Use a library whose delays depend on input slew and output load only.",
                cell.path or None,
                cell.line or None,
            )
    if kinds == [0, 1]:
        return table.axes[0], table.axes[1], table.values
    if kinds == [1, 0]:
        return table.axes[1], table.axes[0], table.values.T
    if kinds == [0]:
        return table.axes[0], np.zeros(1), table.values[:, None]
    return np.zeros(1), table.axes[0], table.values[None, :]


def at_loads(loads: F64, axis: F64, values: F64) -> F64:
    """A table as a curve over slew at each of some loads, linear, continued outside the axis.

    The load is looked up first and the slew in the kernel, because the load is known before any slew is;
    ``Table.at`` looks up both at once and may differ in the last bit.

    Args:
        loads: float64[m]; axis: float64[l], the table's loads; values: float64[s, l].

    Returns:
        float64[m, s].
    """
    if len(axis) == 1:
        return np.repeat(values[:, 0][None, :], len(loads), axis=0)
    low = np.clip(np.searchsorted(axis, loads, side="right") - 1, 0, len(axis) - 2)
    share = ((loads - axis[low]) / (axis[low + 1] - axis[low]))[:, None]
    result: F64 = values[:, low].T * (1.0 - share) + values[:, low + 1].T * share
    return result


def build_graph(circuit: Circuit, library: Library, load_f: F64) -> TimingGraph:
    """Lay out every gate's arcs with the curves of its load.

    Args:
        circuit: compiled netlist.
        library: the corner.
        load_f: float64[N, 2], load by net and output edge.

    Raises:
        HaloError: a delay table has an unknown axis, or a gate's cell is not in the library.
    """
    types = timed_cells(circuit, library)
    sets_of = np.zeros(circuit.gates, dtype=np.int64)
    for kind in types:
        sets_of[kind.gates] = len(kind.sets)
    set_start = np.concatenate(([0], np.cumsum(sets_of)))
    set_pin = np.zeros(set_start[-1], dtype=np.int32)
    set_condition = np.full(set_start[-1], -1, dtype=np.int64)
    arcs_of = np.zeros(set_start[-1], dtype=np.int64)
    condition: list[U8] = []
    condition_size = 0
    for kind in types:
        first = set_start[kind.gates]
        for i, group in enumerate(kind.sets):
            set_pin[first + i] = group.pin
            arcs_of[first + i] = len(group.arcs)
            if group.when is not None:
                set_condition[first + i] = condition_size
                condition.append((group.when.may | (group.when.must << 1)).astype(np.uint8))
                condition_size += len(group.when.may)
    arc_start = np.concatenate(([0], np.cumsum(arcs_of)))
    arcs = int(arc_start[-1])
    arc_in, arc_out = np.zeros(arcs, dtype=np.uint8), np.zeros(arcs, dtype=np.uint8)
    axis_start, value_start = np.zeros((arcs, 2), dtype=np.int64), np.zeros((arcs, 2), dtype=np.int64)
    axis_size = np.zeros((arcs, 2), dtype=np.int32)
    axes: list[F64] = []
    axes_size = 0
    values: list[F64] = []
    values_size = 0
    no_slew = Table((), (), np.zeros(()))
    for kind in types:
        loads = load_f[circuit.out[kind.gates]]
        for i, group in enumerate(kind.sets):
            first = arc_start[set_start[kind.gates] + i]
            for j, arc in enumerate(group.arcs):
                at = first + j
                arc_in[at], arc_out[at] = arc.in_edge, arc.out_edge
                for column, table in enumerate((arc.delay, arc.slew or no_slew)):
                    slew_axis, load_axis, grid = slew_by_load(table, kind.cell)
                    curves = at_loads(loads[:, arc.out_edge], load_axis, grid)
                    axis_start[at, column] = axes_size
                    axis_size[at, column] = len(slew_axis)
                    value_start[at, column] = values_size + np.arange(len(at)) * len(slew_axis)
                    axes.append(slew_axis)
                    axes_size += len(slew_axis)
                    values.append(curves.ravel())
                    values_size += curves.size
    arrays = GraphArrays(
        set_start=set_start,
        set_pin=set_pin,
        set_condition=set_condition,
        condition=np.concatenate([*condition, np.zeros(0, dtype=np.uint8)]),
        arc_start=arc_start,
        arc_in=arc_in,
        arc_out=arc_out,
        axis_start=axis_start,
        axis_size=axis_size,
        axis=np.concatenate([*axes, np.zeros(0)]),
        value_start=value_start,
        value=np.concatenate([*values, np.zeros(0)]),
    )
    return TimingGraph(arrays, types)
