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
from halo.liberty.model import Cell, FlipFlop, Function, Leakage, Pin, PowerGroup, Table, TimingGroup
from halo.liberty.parser import Group
from halo.liberty.scales import Scales
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

    def resolve(self, name: str, pin: str | None) -> str:
        """A bus named by the member of a bus as wide means its member at the same place."""
        members = self.buses.get(name)
        if members is None or name in self.pins or pin not in self.home:
            return name
        place, width = self.home[pin]
        return members[place] if width == len(members) else name


class CellReader:
    """Reads the cell groups of one library."""

    def __init__(self, attributes: Attributes, scales: Scales, tables: TableReader, library: Group) -> None:
        self._attributes = attributes
        self._scales = scales
        self._tables = tables
        self._library = library

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
        flipflops = [inner for inner in states if inner.kind == "ff"]
        return Cell(
            name=group.names[0],
            area=attributes.number((group,), "area") or 0.0,
            pins={name: self._pin(name, groups, names) for name, groups in names.pins.items()},
            leakage=leakage,
            cell_leakage_w=cell_leakage,
            sequential=_STATE_GROUPS[states[0].kind] if states else None,
            flipflop=self._flipflop(flipflops[0], names) if len(flipflops) == 1 == len(states) else None,
            dont_use=attributes.flag((group,), "dont_use"),
            pg_pins=tuple(
                dict.fromkeys(name for inner in group.groups if inner.kind == "pg_pin" for name in inner.names)
            ),
            path=path,
            line=line,
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
                states.update(word for name in listed for word in name.split())
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

    def _function(self, groups: Sequence[Group], name: str, names: _Names, pin: str | None = None) -> Function | None:
        """A Boolean expression whose names are all pins or state variables of the cell."""
        function = self._attributes.function(groups, name)
        if function is None:
            return None
        inputs = tuple(names.resolve(word, pin) for word in function.inputs) if names.buses else function.inputs
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
        capacitance, rise, fall = self._capacitances(groups, direction)
        maximum = attributes.number(groups, "max_capacitance")
        inner = [group for outer in groups for group in outer.groups]
        return Pin(
            name=name,
            direction=direction,
            capacitance_f=capacitance,
            rise_capacitance_f=rise,
            fall_capacitance_f=fall,
            function=self._function(groups, "function", names, name),
            three_state=attributes.find(groups, "three_state") is not None,
            clock=attributes.flag(groups, "clock"),
            max_capacitance_f=None if maximum is None else maximum * self._scales.capacitance,
            timing=tuple(self._timing(group, name, names) for group in inner if group.kind == "timing"),
            power=tuple(self._internal_power(group, name, names) for group in inner if group.kind == "internal_power"),
        )

    def _capacitances(self, groups: Sequence[Group], direction: str) -> tuple[float, float, float]:
        """The three capacitances in farads; without any, the library's default for the direction.

        Where an edge has a range, its upper end counts: the latest arrival is asked for, and OpenSTA takes it as well.
        """
        attributes, scale = self._attributes, self._scales.capacitance
        both = attributes.number(groups, "capacitance")
        rise = self._upper_end(groups, "rise_capacitance")
        fall = self._upper_end(groups, "fall_capacitance")
        if both is None:
            given = [value for value in (rise, fall) if value is not None]
            both = max(given) if given else attributes.number((self._library,), f"default_{direction}_pin_cap") or 0.0
        return both * scale, (both if rise is None else rise) * scale, (both if fall is None else fall) * scale

    def _upper_end(self, groups: Sequence[Group], name: str) -> float | None:
        attributes = self._attributes
        plain, words = attributes.number(groups, name), attributes.words(groups, f"{name}_range")
        if not words:
            return plain
        try:
            return max(float(word) for word in words)
        except ValueError:
            raise attributes.error(
                groups,
                f"{name}_range",
                f"{name}_range is {' '.join(words)!r}, not two numbers",
                "Give two plain numbers.",
            ) from None

    def _related(self, group: Group, pin: str, names: _Names) -> tuple[str, ...]:
        """Pins of ``related_pin`` (of a bus as wide the bit at the same place) and ``related_bus_pins`` (all bits)."""
        related: list[str] = []
        for word in self._attributes.words((group,), "related_pin"):
            resolved = names.resolve(word, pin)
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
        return TimingGroup(
            related_pins=self._related(group, pin, names),
            timing_type=attributes.text((group,), "timing_type") or "combinational",
            sense=sense,
            when=self._function((group,), "when", names, pin),
            tables={table.kind: self._tables.read(table) for table in group.groups},
            line=attributes.source.line(group.offset),
        )

    def _internal_power(self, group: Group, pin: str, names: _Names) -> PowerGroup:
        tables: dict[str, Table] = {table.kind: self._tables.read(table, power=True) for table in group.groups}
        both = tables.get("power")
        return PowerGroup(
            related_pins=self._related(group, pin, names),
            when=self._function((group,), "when", names, pin),
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
        return None if value is None or self._scales.power is None else value * self._scales.power

    def _default_leakage(self) -> float | None:
        """The library's default for cells that say nothing, when it is more than a formal zero."""
        return self._power(self._library, "default_cell_leakage_power") or None

    def _flipflop(self, group: Group, names: _Names) -> FlipFlop:
        following = self._function((group,), "next_state", names)
        clock = self._function((group,), "clocked_on", names)
        if following is None or clock is None or len(group.names) != 2:
            raise self._attributes.source.error(
                "the ff group lacks its two variables, next_state or clocked_on", "Complete it.", group.offset
            )
        return FlipFlop(
            state=group.names[0],
            state_n=group.names[1],
            next_state=following,
            clocked_on=clock,
            clear=self._function((group,), "clear", names),
            preset=self._function((group,), "preset", names),
        )


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
