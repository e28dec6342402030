# SPDX-License-Identifier: Apache-2.0
"""What a Liberty library says, in SI units (seconds, farads, joules, watts, volts), independent of its syntax.

Source of the attribute meanings: Liberty User Guide and Reference Manual, version 2017.06.

Tests: tests/liberty/test_liberty_syntax.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError

FloatArray = npt.NDArray[np.float64]

SLEW_VARIABLES = ("input_net_transition", "input_transition_time")
"""Names of the input transition as a table's axis, in timing and in power tables."""
CLOCKED_TYPES = ("rising_edge", "falling_edge")
"""Timing types of an arc from a clock."""
LOAD_VARIABLES = ("total_output_net_capacitance",)
"""Names of the output load as a table's axis."""


@dataclass(frozen=True, eq=False)
class Table:
    """A lookup table of one to three axes, or a scalar (no axes).

    Attributes:
        variables: Liberty name of each axis, e.g. ``input_net_transition``, ``total_output_net_capacitance``.
        axes: one ascending array an axis, in SI units (s or F).
        values: shape ``tuple(len(a) for a in axes)``, in SI units (s for timing, J for energy).
    """

    variables: tuple[str, ...]
    axes: tuple[FloatArray, ...]
    values: FloatArray

    def at(self, slew_s: FloatArray, load_f: FloatArray) -> FloatArray:
        """Values at many points, multilinear between the table's points and extended as straight lines beyond them.

        Args:
            slew_s, load_f: float64[K], input transition in seconds and output load in farads.

        Returns:
            float64[K], in the table's SI unit.

        Raises:
            HaloError: the table depends on something else, such as the load of a second output.
        """
        index: list[tuple[npt.NDArray[np.int64], FloatArray]] = []
        for variable, axis in zip(self.variables, self.axes, strict=True):
            if variable in SLEW_VARIABLES:
                point = slew_s
            elif variable in LOAD_VARIABLES:
                point = load_f
            elif len(axis) == 1:
                point = np.full(len(slew_s), axis[0])
            else:
                raise HaloError(
                    f"a library table depends on {variable}, which is not known here",
                    "Use a library whose tables depend on input transition and output load.",
                )
            if len(axis) == 1:
                index.append((np.zeros(len(point), dtype=np.int64), np.zeros(len(point))))
                continue
            low = np.clip(np.searchsorted(axis, point, side="right") - 1, 0, len(axis) - 2)
            index.append((low, (point - axis[low]) / (axis[low + 1] - axis[low])))
        total = np.zeros(len(slew_s))
        for corner in range(1 << len(index)):
            weight = np.ones(len(slew_s))
            place = []
            for axis_number, (low, fraction) in enumerate(index):
                upper = (corner >> axis_number) & 1
                weight = weight * (fraction if upper else 1.0 - fraction)
                place.append(np.minimum(low + upper, self.values.shape[axis_number] - 1))
            total += weight * (self.values[tuple(place)] if place else float(self.values))
        return total


@dataclass(frozen=True, eq=False)
class Function:
    """A Boolean function of named pins as a truth table.

    Attributes:
        text: the expression as the library writes it.
        inputs: the names it depends on syntactically, in order of first appearance.
        table: uint8, length ``2 ** len(inputs)``; index bit i is the value of ``inputs[i]``.
    """

    text: str
    inputs: tuple[str, ...]
    table: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class TimingGroup:
    """One ``timing`` group of a pin.

    Attributes:
        related_pins: the pins it starts from.
        timing_type: ``combinational`` when the library leaves it out.
        sense: ``positive_unate``, ``negative_unate``, ``non_unate``, or None where the group does not say.
        when: condition on the other pins, or None.
        tables: by Liberty name (``cell_rise``, ``cell_fall``, ``rise_transition``, ``fall_transition``,
            ``rise_constraint``, ``fall_constraint``). Transitions are as the library measures them: input axes and
            output tables share one measure, so slew derating cancels in a chain of tables.
        line: line of the group in its file.
    """

    related_pins: tuple[str, ...]
    timing_type: str
    sense: str | None
    when: Function | None
    tables: dict[str, Table]
    line: int


@dataclass(frozen=True, eq=False)
class PowerGroup:
    """One ``internal_power`` group of a pin: energy in joules per event.

    Attributes:
        related_pins: inputs whose edge the energy belongs to; empty for a group of an input pin.
        when: condition, or None.
        rise, fall: table for the edge of the pin that carries the group; None where the group has no such table.
        pg_pin: supply pin the energy is drawn from, or None. Energies of groups that differ in nothing else add up.

    Some libraries (sky130) count the charging of the load in the rise and take it off the fall: only the sum of a
    rise and a fall is the cell's own energy.
    """

    related_pins: tuple[str, ...]
    when: Function | None
    rise: Table | None
    fall: Table | None
    pg_pin: str | None


@dataclass(frozen=True, eq=False)
class Leakage:
    """Leakage power in watts under a condition (None: unconditional), summed over the supply pins."""

    when: Function | None
    power_w: float


@dataclass(frozen=True, eq=False)
class Pin:
    """A signal pin. Bus and bundle members appear as pins of their own, named ``bus[i]``.

    Attributes:
        direction: ``input``, ``output``, ``inout`` or ``internal``.
        capacitance_f, rise_capacitance_f, fall_capacitance_f: the latter two equal the first when absent, and are the
            upper end of their ``_range`` where the library gives one.
        least_capacitance_f: (fall, rise), the lower ends of these ranges, for first arrivals; None: none given.
        function: output function (``function``, else ``state_function``), or None.
        three_state: the pin has a ``three_state`` attribute.
        clock: the pin has ``clock : true``.
        max_capacitance_f: design rule, or None.
    """

    name: str
    direction: str
    capacitance_f: float
    rise_capacitance_f: float
    fall_capacitance_f: float
    function: Function | None = None
    three_state: bool = False
    clock: bool = False
    max_capacitance_f: float | None = None
    timing: tuple[TimingGroup, ...] = ()
    power: tuple[PowerGroup, ...] = ()
    least_capacitance_f: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class FlipFlop:
    """An ``ff`` group, or one bit of an ``ff_bank``.

    ``state`` and ``state_n`` are its variables (``IQ``, ``IQN``; of a bank ``IQ[0]``, ``IQN[0]`` and so on), used by
    output functions.

    ``clear`` and ``preset`` are active when true, or None.
    """

    state: str
    state_n: str
    next_state: Function
    clocked_on: Function
    clear: Function | None = None
    preset: Function | None = None


@dataclass(frozen=True, eq=False)
class Latch:
    """A ``latch`` group without clear and preset, or a ``statetable`` that says the same (that of a clock gate).

    While it is open the state is ``data``; ``state_n`` is its complement, empty where there is none. ``enable`` opens
    it when true; None for a state table.
    """

    state: str
    state_n: str
    data: Function
    enable: Function | None = None


@dataclass(frozen=True, eq=False)
class Cell:
    """A library cell.

    Attributes:
        area: in the library's area unit.
        pins: by name, in file order; ``test_cell`` groups are not read.
        leakage: conditional and unconditional groups.
        cell_leakage_w: the ``cell_leakage_power`` attribute, or None.
        sequential: ``ff``, ``latch`` or ``statetable``, or None for a combinational cell.
        flipflops: one for each bit that the cell stores at a clock edge.
        latch: of a cell that is nothing but one latch and logic around it, such as an integrated clock gate.
        pg_pins: names of the supply and bias pins (``pg_pin`` groups), which are not among ``pins``.
        line: line of the cell in its file.
        buses: by bus, its members from left to right.
        special: synthesis must leave it alone: an isolation or level-shifting cell, one on an always-on supply, or one
            that the library keeps from being touched. Such cells look like plain gates to a mapper.
    """

    name: str
    area: float
    pins: dict[str, Pin]
    leakage: tuple[Leakage, ...] = ()
    cell_leakage_w: float | None = None
    sequential: str | None = None
    flipflops: tuple[FlipFlop, ...] = ()
    latch: Latch | None = None
    dont_use: bool = False
    path: str = ""
    line: int = 0
    pg_pins: tuple[str, ...] = ()
    special: bool = False
    buses: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def flipflop(self) -> FlipFlop | None:
        """The flip-flop of a cell that has one bit, else None."""
        return self.flipflops[0] if len(self.flipflops) == 1 else None

    @property
    def black_box(self) -> bool:
        """Whether the library tells when the outputs change after a clock, and not to what: a memory or another macro.

        Cells whose state it describes are none, nor are gates.
        """
        return (
            self.sequential is None
            and all(pin.function is None for pin in self.outputs)
            and any(group.timing_type in CLOCKED_TYPES for pin in self.outputs for group in pin.timing)
        )

    def flipflop_of(self, output: str) -> FlipFlop | None:
        """The flip-flop whose state an output pin shows, or None."""
        function = self.pins[output].function
        used = () if function is None else function.inputs
        return next((ff for ff in self.flipflops if ff.state in used or ff.state_n in used), None)

    @property
    def inputs(self) -> tuple[Pin, ...]:
        """Input pins in file order."""
        return tuple(p for p in self.pins.values() if p.direction == "input")

    @property
    def outputs(self) -> tuple[Pin, ...]:
        """Output pins in file order."""
        return tuple(p for p in self.pins.values() if p.direction == "output")


@dataclass(frozen=True)
class LeftOut:
    """A cell that the file describes and that could not be understood: what is wrong, and where."""

    what: str
    path: str
    line: int


@dataclass(frozen=True)
class WireLoad:
    """A ``wire_load`` group: how long, and what, the wire of a net is by the number of pins that it drives.

    Attributes:
        ohm, farad: of one unit of length.
        slope: length of each pin beyond the last entry.
        lengths: (number of pins, length), ascending.
    """

    name: str
    ohm: float
    farad: float
    slope: float
    lengths: tuple[tuple[float, float], ...]

    def length(self, fanout: float) -> float:
        """Length of a wire to some pins: linear between entries, by ``slope`` outside of them, as in OpenSTA."""
        if not self.lengths:
            return 0.0
        first, last = self.lengths[0], self.lengths[-1]
        if fanout < first[0]:
            return max(0.0, first[1] - (first[0] - fanout) * self.slope)
        for (low, short), (high, long) in pairwise(self.lengths):
            if fanout < high:
                return short + (long - short) * (fanout - low) / (high - low)
        return last[1] + (fanout - last[0]) * self.slope


@dataclass(frozen=True, eq=False)
class WireLoads:
    """Wire-load models of a library.

    Attributes:
        models: by name; default: name of ``default_wire_load``, or empty.
        selections: by name, (smallest area, name of the model) of each range, ascending; default_selection: or empty.
        mode: ``default_wire_load_mode``, or empty.
        tree: ``tree_type`` of the default operating conditions, or empty.
    """

    models: dict[str, WireLoad] = field(default_factory=dict)
    default: str = ""
    selections: dict[str, tuple[tuple[float, str], ...]] = field(default_factory=dict)
    default_selection: str = ""
    mode: str = ""
    tree: str = ""


@dataclass(frozen=True, eq=False)
class Library:
    """One corner: one Liberty file, or several that together describe the corner's cells.

    Attributes:
        name: name of the first file's library group.
        voltage_v, temperature_c: nominal operating conditions (``nom_voltage``, ``nom_temperature``), or those of the
            default or only ``operating_conditions``, or the one voltage of ``voltage_map``; NaN where none says it.
        slew_lower, slew_upper: measured thresholds as fractions of the supply: ``{"rise": 0.2, "fall": 0.2}``.
        slew_derate: ``slew_derate_from_library``: real slew = table slew x this; not applied to the tables.
        input_threshold, output_threshold: fractions of the supply between which delay is measured, by edge.
        paths: files read, in order, included ones behind the file that includes them.
        sha256: content hash of each file (of the bytes on disk).
        default_max_transition_s: or None.
        has_power: at least one internal_power table was found.
        has_leakage: at least one leakage figure was found.
        left_out: by name, cells that are no part of ``cells`` because they could not be understood.
        notes: what the library lacks and what was made of it, one sentence each.
        wire_loads: models of wires before layout.
    """

    name: str
    voltage_v: float
    temperature_c: float
    cells: dict[str, Cell]
    slew_lower: dict[str, float]
    slew_upper: dict[str, float]
    slew_derate: float = 1.0
    paths: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    default_max_transition_s: float | None = None
    has_power: bool = False
    has_leakage: bool = False
    notes: tuple[str, ...] = ()
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    input_threshold: dict[str, float] = field(default_factory=lambda: {"rise": 0.5, "fall": 0.5})
    output_threshold: dict[str, float] = field(default_factory=lambda: {"rise": 0.5, "fall": 0.5})
    wire_loads: WireLoads = field(default_factory=WireLoads)
