# SPDX-License-Identifier: Apache-2.0
"""Cells of a Liberty library: pins, buses and bundles, timing, power, leakage and state.

Source of the meanings: Liberty Reference Manual, chapters on cell, pin, timing and internal_power groups.

Tests: tests/liberty/test_liberty_cache.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from halo.liberty.attributes import Attributes
from halo.liberty.model import Cell, FlipFlop, Function, Latch, Leakage, Pin, PowerGroup, Table, TimingGroup
from halo.liberty.operating import OperatingConditions
from halo.liberty.parser import Group
from halo.liberty.scales import Scales
from halo.liberty.statetable import latch_of_table
from halo.liberty.tables import TableReader

_DIRECTIONS = ("input", "output", "inout", "internal")
_SENSES = ("positive_unate", "negative_unate", "non_unate")
_STATE_GROUPS = {"ff": "ff", "ff_bank": "ff", "latch": "latch", "latch_bank": "latch", "statetable": "statetable"}
MAX_BUS_WIDTH = 4096
_SPECIAL = ("is_isolation_cell", "is_level_shifter", "always_on", "dont_touch", "is_macro_cell")
_INDEXED = re.compile(r"(.+?)[\[<(](\d{1,9})(?::(\d{1,9}))?[\]>)]")


@dataclass
class _Names:
    """What an expression or a related_pin of one cell may refer to."""

    pins: dict[str, tuple[Group, ...]] = field(default_factory=dict)
    """By pin, the groups that describe it, most specific first."""
    buses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By bus or bundle, its members."""
    home: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By member, its place in its bus or bundle and the number of members there."""
    states: frozenset[str] = frozenset()
    banks: dict[str, int] = field(default_factory=dict)
    """By state variable of an ``ff_bank`` or ``latch_bank``, its number of bits."""

    def resolve(self, name: str, at: tuple[int, int] | None) -> str:
        """A bus or bank named by a member of a bus or bank as wide means its member at the same place."""
        if at is None or name in self.pins:
            return name
        place, width = at
        members = self.buses.get(name)
        if members is not None:
            return members[place] if width == len(members) else name
        return f"{name}[{place}]" if self.banks.get(name) == width else name


class CellReader:
    """Reads the cell groups of one library."""

    def __init__(
        self,
        attributes: Attributes,
        scales: Scales,
        tables: TableReader,
        library: Group,
        conditions: OperatingConditions,
    ) -> None:
        self._attributes = attributes
        self._scales = scales
        self._tables = tables
        self._library = library
        self._conditions = conditions

    def read(self, group: Group) -> Cell:
        """Read one cell group.

        Raises:
            HaloError: anything in it that cannot be understood; see the manual's sections named above.
        """
        attributes = self._attributes
        if len(group.names) != 1:
            raise attributes.source.error("a cell group without a name", "Name it: cell (NAME) {.", group.offset)
        path, line = attributes.source.place(group.offset)
        names = self._names(group)
        leakage = self._leakage(group, names)
        cell_leakage = self._power(group, "cell_leakage_power")
        if cell_leakage is None and not leakage:
            cell_leakage = self._default_leakage()
        states = [inner for inner in group.groups if inner.kind in _STATE_GROUPS]
        kinds = {_STATE_GROUPS[inner.kind] for inner in states}
        return Cell(
            name=group.names[0],
            area=attributes.number((group,), "area") or 0.0,
            pins={name: self._pin(name, groups, names) for name, groups in names.pins.items()},
            leakage=leakage,
            cell_leakage_w=cell_leakage,
            sequential=_STATE_GROUPS[states[0].kind] if states else None,
            flipflops=tuple(ff for inner in states for ff in self._flipflops(inner, names)) if kinds == {"ff"} else (),
            latch=self._latch(states[0], names) if len(states) == 1 else None,
            dont_use=attributes.flag((group,), "dont_use"),
            pg_pins=tuple(
                dict.fromkeys(name for inner in group.groups if inner.kind == "pg_pin" for name in inner.names)
            ),
            path=path,
            line=line,
            buses={name: names.buses[name] for bus in group.groups if bus.kind == "bus" for name in bus.names},
            special=self._special(group),
        )

    def _special(self, cell: Group) -> bool:
        """Whether a mark of cells that synthesis must leave alone is set on the cell or on one of its pins."""
        groups = [cell, *(inner for inner in cell.groups if inner.kind in ("pin", "bus", "bundle"))]
        marks = ((group, mark) for group in groups for mark in _SPECIAL if mark in group.attributes)
        return any(self._attributes.flag((group,), mark) for group, mark in marks)

    # ---- names

    def _names(self, cell: Group) -> _Names:
        names = _Names()
        states: set[str] = set()
        for group in cell.groups:
            if group.kind == "pin":
                for name in group.names:
                    self._add_pin(names, name, (group,))
            elif group.kind in ("bus", "bundle"):
                for name in group.names:
                    self._add_bus(names, name, group, cell)
            elif group.kind in _STATE_GROUPS:
                # ff_bank (IQ, IQN, 4) ends in its width; statetable ("CLK EN", "IQ") lists inputs, then states.
                listed = group.names[1:] if group.kind == "statetable" else group.names[:2]
                words = [word for name in listed for word in name.split()]
                if group.kind.endswith("_bank"):
                    width = self._bank_width(group)
                    names.banks.update(dict.fromkeys(words, width))
                    words += [f"{word}[{bit}]" for word in words for bit in range(width)]
                states.update(words)
        names.states = frozenset(states)
        return names

    def _add_pin(self, names: _Names, name: str, groups: tuple[Group, ...]) -> None:
        if name in names.pins:
            raise self._attributes.source.error(
                f"the pin {name} is described twice in its cell", "Remove one of the two pin groups.", groups[0].offset
            )
        names.pins[name] = groups

    def _add_bus(self, names: _Names, name: str, bus: Group, cell: Group) -> None:
        if bus.kind == "bus":
            members = [f"{name}[{bit}]" for bit in self._bus_bits(bus, cell)]
        else:
            members = list(self._attributes.words((bus,), "members"))
        if not members:
            raise self._attributes.source.error(f"{name} has no members", "Name its members.", bus.offset)
        own: dict[str, Group] = {}
        for inner in bus.groups:
            written = inner.names if inner.kind == "pin" else []
            for member in (member for name_or_range in written for member in _expand(name_or_range)):
                if member not in members:
                    raise self._attributes.source.error(
                        f"the pin {member} is not a member of its {bus.kind} {name}",
                        "Correct the pin's name, the bus type or the members.",
                        inner.offset,
                    )
                own[member] = inner
        for place, member in enumerate(members):
            self._add_pin(names, member, (own[member], bus) if member in own else (bus,))
            names.home[member] = (place, len(members))
        names.buses[name] = tuple(members)

    def _bus_bits(self, bus: Group, cell: Group) -> range:
        wanted = self._attributes.text((bus,), "bus_type")
        for group in (*cell.groups, *self._library.groups):
            if group.kind == "type" and group.names == [wanted]:
                first = self._attributes.integer((group,), "bit_from")
                last = self._attributes.integer((group,), "bit_to")
                if first is not None and last is not None and abs(first - last) < MAX_BUS_WIDTH:
                    return range(first, last - 1, -1) if first > last else range(first, last + 1)
        raise self._attributes.source.error(
            f"the bus {bus.argument.strip()} has no known bus_type: {wanted}",
            f"Name a type group that has bit_from and bit_to, at most {MAX_BUS_WIDTH} bits.",
            bus.offset,
        )

    def _bank_width(self, bank: Group) -> int:
        try:
            width = int(bank.names[2])
        except (IndexError, ValueError):
            width = 0
        if not 0 < width <= MAX_BUS_WIDTH:
            raise self._attributes.source.error(
                f"the {bank.kind} group does not say how many bits it has",
                f"Name its two variables and its width, at most {MAX_BUS_WIDTH}.",
                bank.offset,
            )
        return width

    def _function(
        self, groups: Sequence[Group], name: str, names: _Names, at: tuple[int, int] | None = None
    ) -> Function | None:
        """A Boolean expression whose names are all pins or state variables of the cell.

        ``at`` is the place of what it describes in its bus or bank, and the width of that.
        """
        function = self._attributes.function(groups, name)
        if function is None:
            return None
        inputs = tuple(names.resolve(word, at) for word in function.inputs) if names.buses else function.inputs
        for word in inputs:
            if word not in names.pins and word not in names.states:
                known = ", ".join(names.pins)
                raise self._attributes.error(
                    groups,
                    name,
                    f"{name} names a pin that the cell does not have: {word}",
                    f"Correct the name; the cell's pins are {known}.",
                )
        return function if inputs == function.inputs else replace(function, inputs=inputs)

    # ---- pins

    def _pin(self, name: str, groups: tuple[Group, ...], names: _Names) -> Pin:
        attributes = self._attributes
        direction = (attributes.text(groups, "direction") or "").lower()
        if direction not in _DIRECTIONS:
            raise attributes.error(
                groups,
                "direction",
                f"the pin {name} has {f'an unknown direction: {direction}' if direction else 'no direction'}",
                f"Give one of {', '.join(_DIRECTIONS)}.",
            )
        capacitance, rise, fall, least = self._capacitances(groups, direction)
        maximum = attributes.number(groups, "max_capacitance")
        inner = [group for outer in groups for group in outer.groups]
        return Pin(
            name=name,
            direction=direction,
            capacitance_f=capacitance,
            rise_capacitance_f=rise,
            fall_capacitance_f=fall,
            function=self._function(groups, "function", names, names.home.get(name))
            or self._function(groups, "state_function", names, names.home.get(name)),
            three_state=attributes.find(groups, "three_state") is not None,
            clock=attributes.flag(groups, "clock"),
            max_capacitance_f=None if maximum is None else maximum * self._scales.capacitance,
            timing=tuple(self._timing(group, name, names) for group in inner if group.kind == "timing"),
            power=tuple(self._internal_power(group, name, names) for group in inner if group.kind == "internal_power"),
            least_capacitance_f=least,
        )

    def _capacitances(
        self, groups: Sequence[Group], direction: str
    ) -> tuple[float, float, float, tuple[float, float] | None]:
        """The three capacitances in farads; without any, the library's default for the direction. And the least ones.

        Where an edge has a range, its upper end counts for the latest arrival and its lower end for the first, as in
        OpenSTA.
        """
        attributes = self._attributes
        scale = self._scales.capacitance * self._conditions.scale("pin_cap")
        both = attributes.number(groups, "capacitance")
        rise = self._edge_capacitance(groups, "rise_capacitance")
        fall = self._edge_capacitance(groups, "fall_capacitance")
        if both is None:
            given = [ends[1] for ends in (rise, fall) if ends is not None]
            both = max(given) if given else attributes.number((self._library,), f"default_{direction}_pin_cap") or 0.0
        rise, fall = rise or (both, both), fall or (both, both)
        ranged = rise[0] < rise[1] or fall[0] < fall[1]
        return both * scale, rise[1] * scale, fall[1] * scale, (fall[0] * scale, rise[0] * scale) if ranged else None

    def _edge_capacitance(self, groups: Sequence[Group], name: str) -> tuple[float, float] | None:
        """Least and largest capacitance of an edge, or None where nothing is said."""
        attributes = self._attributes
        plain, words = attributes.number(groups, name), attributes.words(groups, f"{name}_range")
        if not words:
            return None if plain is None else (plain, plain)
        try:
            ends = [float(word) for word in words]
        except ValueError:
            raise attributes.error(
                groups,
                f"{name}_range",
                f"{name}_range is {' '.join(words)!r}, not two numbers",
                "Give two plain numbers.",
            ) from None
        return min(ends), max(ends)

    def _related(self, group: Group, pin: str, names: _Names) -> tuple[str, ...]:
        """Pins of ``related_pin`` (of a bus as wide the bit at the same place) and ``related_bus_pins`` (all bits)."""
        related: list[str] = []
        for word in self._attributes.words((group,), "related_pin"):
            resolved = names.resolve(word, names.home.get(pin))
            related += names.buses.get(resolved, (resolved,))
        for word in self._attributes.words((group,), "related_bus_pins"):
            related += names.buses.get(word, (word,))
        for word in related:
            if word not in names.pins:
                raise self._attributes.error(
                    (group,),
                    "related_pin",
                    f"related_pin names a pin that the cell does not have: {word}",
                    f"Correct the name; the cell's pins are {', '.join(names.pins)}.",
                )
        return tuple(related)

    def _timing(self, group: Group, pin: str, names: _Names) -> TimingGroup:
        attributes = self._attributes
        sense = attributes.text((group,), "timing_sense")
        if sense is not None and sense not in _SENSES:
            raise attributes.error(
                (group,), "timing_sense", f"timing_sense is {sense!r}", f"Give one of {', '.join(_SENSES)}."
            )
        timing_type = attributes.text((group,), "timing_type") or "combinational"
        return TimingGroup(
            related_pins=self._related(group, pin, names),
            timing_type=timing_type,
            sense=sense,
            when=self._function((group,), "when", names, names.home.get(pin)),
            tables={table.kind: self._tables.read(table, timing_type) for table in group.groups},
            line=attributes.source.line(group.offset),
        )

    def _internal_power(self, group: Group, pin: str, names: _Names) -> PowerGroup:
        tables: dict[str, Table] = {table.kind: self._tables.read(table, None) for table in group.groups}
        both = tables.get("power")
        return PowerGroup(
            related_pins=self._related(group, pin, names),
            when=self._function((group,), "when", names, names.home.get(pin)),
            rise=tables.get("rise_power", both),
            fall=tables.get("fall_power", both),
            pg_pin=self._attributes.text((group,), "related_pg_pin"),
        )

    # ---- leakage and state

    def _leakage(self, cell: Group, names: _Names) -> tuple[Leakage, ...]:
        """One entry a condition: groups of different supply pins under one condition add up."""
        if self._scales.power is None:
            return ()
        found: dict[str, dict[str | None, Leakage]] = {}
        for group in cell.groups:
            if group.kind != "leakage_power":
                continue
            power = self._power(group, "value")
            if power is None:
                raise self._attributes.source.error(
                    "a leakage_power group without a value", "Add the value.", group.offset
                )
            when = self._function((group,), "when", names)
            supply = self._attributes.text((group,), "related_pg_pin")
            found.setdefault(when.text if when else "", {})[supply] = Leakage(when, power)
        return tuple(_sum(entries.values()) for entries in found.values())

    def _power(self, group: Group, name: str) -> float | None:
        """A power in watts, or None where it is not given or the library does not say its unit."""
        value = self._attributes.number((group,), name)
        if value is None or self._scales.power is None:
            return None
        return value * self._scales.power * self._conditions.scale("cell_leakage_power")

    def _default_leakage(self) -> float | None:
        """The library's default for cells that say nothing, when it is more than a formal zero."""
        return self._power(self._library, "default_cell_leakage_power") or None

    def _flipflops(self, group: Group, names: _Names) -> Iterator[FlipFlop]:
        """The flip-flop of an ``ff`` group, or those of the bits of an ``ff_bank``."""
        bank = group.kind == "ff_bank"
        width = self._bank_width(group) if bank else 1
        for bit in range(width):
            at = (bit, width) if bank else None
            following = self._function((group,), "next_state", names, at)
            clock = self._function((group,), "clocked_on", names)
            if following is None or clock is None or len(group.names) != 2 + bank:
                raise self._attributes.source.error(
                    f"the {group.kind} group lacks its two variables, next_state or clocked_on",
                    "Complete it.",
                    group.offset,
                )
            state, state_n = (f"{name}[{bit}]" if bank else name for name in group.names[:2])
            yield FlipFlop(
                state=state,
                state_n=state_n,
                next_state=following,
                clocked_on=clock,
                clear=self._function((group,), "clear", names, at),
                preset=self._function((group,), "preset", names, at),
            )

    def _latch(self, group: Group, names: _Names) -> Latch | None:
        """The latch of a ``latch`` group or a ``statetable``; None for anything with more to it."""
        if group.kind == "statetable":
            table = self._attributes.text((group,), "table")
            return (
                None
                if table is None or len(group.names) != 2
                else latch_of_table(group.names[0], group.names[1], table)
            )
        if group.kind != "latch" or any(self._attributes.find((group,), name) for name in ("clear", "preset")):
            return None
        data = self._function((group,), "data_in", names)
        if data is None or len(group.names) != 2:
            return None
        return Latch(group.names[0], group.names[1], data, self._function((group,), "enable", names))


def _expand(written: str) -> Iterator[str]:
    """Member names of a pin group inside a bus: ``A[0:3]``, ``A<2>``, ``A[1]`` or a plain name."""
    match = _INDEXED.fullmatch(written)
    if match is None:
        yield written
        return
    first, last = int(match[2]), int(match[3] or match[2])
    for bit in range(first, last + 1) if first <= last else range(first, last - 1, -1):
        yield f"{match[1]}[{bit}]"


def _sum(entries: Iterable[Leakage]) -> Leakage:
    first, *others = entries
    return first if not others else Leakage(first.when, first.power_w + sum(entry.power_w for entry in others))
