# SPDX-License-Identifier: Apache-2.0
"""Delays of a circuit from an SDF file: each path spread over the states in which it holds, wires as gates.

Tests: tests/timing/sdf/test_sdf.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import numpy.typing as npt

from halo.config import SdfCorner
from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.model import FLOP, Circuit
from halo.timing.arcs import EDGES, condition
from halo.timing.delays import Delays
from halo.timing.sdf.parse import Sdf, SdfCell, SdfPath, Triple, read_sdf
from halo.timing.wires import bit_name, insert_wires

__all__ = ["delays_from_sdf", "read_sdf"]

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
BOOL = npt.NDArray[np.bool_]

_PLACE: dict[str, int] = {name: place for place, name in enumerate(get_args(SdfCorner))}
_FIX = "Give the SDF that was written for this netlist."
_SHOWN = 5
_LARGEST = int(np.iinfo(np.int32).max)
_NONE = -1
"""No delay. Delays themselves are clamped to zero before they are spread."""


@dataclass
class _Entry:
    """A path with its increments added: delays by edge (fall, rise), None where nothing was given.

    ``cell`` says by edge which CELL of the file gave the delay.
    """

    path: SdfPath
    fs: list[int | None] = field(default_factory=lambda: [None, None])
    cell: list[SdfCell | None] = field(default_factory=lambda: [None, None])


@dataclass
class _Wire:
    """A wire delay with its increments added, by edge (fall, rise), and which CELL gave it."""

    fs: list[int] = field(default_factory=lambda: [0, 0])
    cell: list[SdfCell | None] = field(default_factory=lambda: [None, None])


@dataclass
class _Contents:
    """What the file says, by index of the instance in the netlist.

    Attributes:
        entries: by (instance, output), then by (source, edge, condition); source and output are empty for "all".
        wires: by (instance, pin), or (-1, port bit): delay by edge.
        setups: by (instance, pin).
    """

    entries: dict[tuple[int, str], dict[tuple[str, str, str], _Entry]] = field(default_factory=dict)
    wires: dict[tuple[int, str], _Wire] = field(default_factory=dict)
    setups: dict[tuple[int, str], int] = field(default_factory=dict)


def delays_from_sdf(
    circuit: Circuit,
    library: Library,
    sdf: Sdf,
    base: Delays,
    *,
    sdf_corner: SdfCorner = "max",
    sink_slew_s: Mapping[tuple[int, str], F64] | None = None,
) -> tuple[Circuit, Delays]:
    """Annotate a circuit.

    In a state of a gate, a pin's delay is the largest of the conditioned paths that hold there; without one, of the
    CONDELSE paths; without one, of the unconditioned paths. A delay that a later CELL gives again replaces the earlier
    one (IEEE 1497); of several for the same path in one CELL, as OpenSTA writes both senses of an exclusive OR, the
    largest counts, and so it does for wires. Where none of these gives the output's edge, the worst
    delay of that edge over the pin's paths is taken, or over the output's if the pin has none and the function
    ignores it. Wire delays other than zero become wire gates, so the circuit that is returned may be a new one; those
    to clock, clear and preset pins are not used, for clocks are ideal here. Negative delays are set to 0. What was so
    replaced is counted in the notes.

    A pin with conditioned paths is enabled (:mod:`halo.timing.arcs`) in the states where one of them holds, and where
    it alone moves the output; in any other state it has the worst of its delays of that edge. A pin without them is
    enabled wherever a path of it applies.

    Args:
        circuit: compiled netlist.
        library: its cells.
        sdf: the file.
        base: the circuit's calculated delays: loads and slews, and the setup times the file does not give.
        sdf_corner: which value of each triple is taken.
        sink_slew_s: transition behind the wires to some pins and output ports, by edge; that of the driver elsewhere.

    Raises:
        HaloError: an instance the netlist does not have or of another cell, an unknown pin, instances or paths without
            delays, an increment without a delay to add to. With file and line.
    """
    if sdf_corner not in _PLACE:
        raise HaloError(
            f"{sdf_corner!r} is no value of an SDF triple", f"Choose one of {', '.join(_PLACE)} as the SDF corner."
        )
    return _Annotation(circuit, library, sdf, base, sdf_corner).result(sink_slew_s or {})


class _Annotation:
    """The work of :func:`delays_from_sdf`."""

    def __init__(self, circuit: Circuit, library: Library, sdf: Sdf, base: Delays, corner: SdfCorner) -> None:
        self.circuit, self.library, self.sdf, self.base, self.corner = circuit, library, sdf, base, corner
        self.contents = _Contents()
        self.counts: Counter[str] = Counter()
        instances = circuit.netlist.instances
        self.number = {instance.name: i for i, instance in enumerate(instances)}
        self.of_type: dict[str, list[int]] = defaultdict(list)
        for i, instance in enumerate(instances):
            self.of_type[instance.cell].append(i)
        self.port_net = {
            bit_name(circuit, port, i): net
            for port, bits in circuit.netlist.outputs.items()
            for i, net in enumerate(bits)
        }
        self.gate_pins = {
            (int(circuit.instance[gate]), circuit.pin_name[pin])
            for gate in range(circuit.gates)
            for pin in range(circuit.pin_start[gate], circuit.pin_start[gate + 1])
        }

    def fail(self, what: str, line: int, fix: str = _FIX) -> HaloError:
        return HaloError(what, fix, self.sdf.path, line)

    def pick(self, triple: Triple, line: int) -> int | None:
        value = triple[_PLACE[self.corner]]
        if value is not None and abs(value) > _LARGEST:
            raise self.too_long(line)
        return value

    def too_long(self, line: int) -> HaloError:
        return self.fail("a delay does not fit the engines' 2.1 us", line, "Check the file's TIMESCALE.")

    def result(self, sink_slew_s: Mapping[tuple[int, str], F64]) -> tuple[Circuit, Delays]:
        self.collect()
        arc_fs, enabled = self.arcs()
        setup_fs = self.setups()
        notes = (*self.sdf.notes, *(f"{text}: {count}" for text, count in sorted(self.counts.items())))
        circuit, base = self.circuit, self.base
        late = {key: wire.fs for key, wire in self.contents.wires.items() if any(wire.fs)}
        if not late:
            return circuit, Delays(arc_fs, enabled, setup_fs, base.net_load_f, base.net_slew_s, notes)
        nets = {
            key: self.port_net[key[1]] if key[0] < 0 else circuit.netlist.instances[key[0]].pins[key[1]] for key in late
        }
        wired = insert_wires(circuit, nets)
        delays = Delays(arc_fs, enabled, setup_fs, base.net_load_f, base.net_slew_s, notes)
        delays = wired.spread(circuit, delays, late)
        for key, gate in wired.wire_gate.items():
            if key in sink_slew_s:
                delays.net_slew_s[wired.circuit.out[gate]] = sink_slew_s[key]
        return wired.circuit, delays

    def collect(self) -> None:
        """Sort the file's entries by what they are about."""
        unknown: list[SdfCell] = []
        for cell in self.sdf.cells:
            if cell.instance == "*":
                targets = self.of_type.get(cell.celltype, [])
            elif not cell.instance:
                targets = [-1]
            elif cell.instance in self.number:
                targets = [self.number[cell.instance]]
            else:
                unknown.append(cell)
                continue
            for target in targets:
                self.collect_cell(cell, target)
        if unknown:
            raise self.fail(
                f"{len(unknown)} of {len(self.sdf.cells)} instances of the SDF are not in the netlist: "
                f"{_some(cell.instance for cell in unknown)}",
                unknown[0].line,
            )

    def collect_cell(self, cell: SdfCell, target: int) -> None:
        if target >= 0:
            instance = self.circuit.netlist.instances[target]
            if instance.cell != cell.celltype:
                raise self.fail(
                    f"instance {instance.name} is a {cell.celltype} in the SDF and a {instance.cell} in the netlist",
                    cell.line,
                )
            for check in cell.setups:
                value = self.pick(check.setup, check.line)
                if value is not None:
                    key = (target, check.pin)
                    self.contents.setups[key] = max(value, self.contents.setups.get(key, value))
        for path in cell.paths:
            if path.kind in ("INTERCONNECT", "PORT"):
                self.collect_wire(path, target, cell)
            elif target >= 0:
                self.collect_path(path, target, cell)
            elif self.number:
                raise self.fail(f"a path of the top module itself: {path.source} to {path.target}", path.line)

    def collect_path(self, path: SdfPath, target: int, cell: SdfCell) -> None:
        instance = self.circuit.netlist.instances[target]
        pins = self.library.cells[instance.cell].pins
        named = (path.source, path.target, *(path.condition.inputs if path.condition is not None else ()))
        for pin in named:
            if pin and pin not in pins:
                raise self.fail(f"instance {instance.name} ({instance.cell}) has no pin {pin}", path.line)
        mark = "else" if path.otherwise else "" if path.condition is None else path.condition.text
        entries = self.contents.entries.setdefault((target, path.target), {})
        entry = entries.setdefault((path.source, path.edge, mark), _Entry(path))
        for edge, triple in zip(EDGES, (path.fall, path.rise), strict=True):
            value = self.pick(triple, path.line)
            before = entry.fs[edge]
            if value is None:
                continue
            if path.incremental:
                if before is None:
                    raise self.fail("INCREMENT without a delay to add to", path.line, "Put ABSOLUTE delays before it.")
                entry.fs[edge] = before + value
            elif before is None or entry.cell[edge] is not cell:
                entry.fs[edge] = value
            else:
                # OpenSTA writes both senses of sky130's exclusive ORs without a condition.
                self.counts["edges given several times for one path, of which the largest delay is taken"] += 1
                entry.fs[edge] = max(before, value)
            entry.cell[edge] = cell

    def collect_wire(self, path: SdfPath, target: int, cell: SdfCell) -> None:
        owner, _, pin = path.target.rpartition(".")
        if target >= 0:
            key = (target, path.target)
        elif owner:
            key = (self.number.get(owner, -1), pin)
        else:
            key = (-1, path.target)
        known = key[1] in self.port_net if key[0] < 0 else key[1] in self.circuit.netlist.instances[key[0]].pins
        if not known or (owner and key[0] < 0):
            raise self.fail(f"a wire to {path.target}, which the netlist does not have", path.line)
        if key[0] >= 0 and key not in self.gate_pins:
            if any(self.pick(triple, path.line) for triple in (path.fall, path.rise)):
                self.counts["wire delays to clock, clear and preset pins, which are not used"] += 1
            return
        wire = self.contents.wires.setdefault(key, _Wire())
        for edge, triple in zip(EDGES, (path.fall, path.rise), strict=True):
            value = self.pick(triple, path.line)
            if value is None:
                continue
            if path.incremental:
                value += wire.fs[edge]
            elif wire.cell[edge] is cell:
                value = max(value, wire.fs[edge])
            if value > _LARGEST:
                raise self.too_long(path.line)
            wire.fs[edge] = max(0, value)
            wire.cell[edge] = cell

    def arcs(self) -> tuple[I32, BOOL]:
        """Delay of every arc of the circuit, and whether it is enabled."""
        circuit = self.circuit
        arc_fs = np.zeros(int(circuit.arc_start[-1]), dtype=np.int64)
        enabled = np.ones(len(arc_fs), dtype=np.bool_)
        bare: dict[str, None] = {}
        lacking: list[str] = []
        for gate in range(circuit.gates):
            number = int(circuit.instance[gate])
            instance = circuit.netlist.instances[number]
            output = circuit.output_pin[gate]
            named = (self.contents.entries.get((number, name), {}) for name in (output, ""))
            entries = [entry for group in named for entry in group.values()]
            if not entries:
                bare[instance.name] = None
                continue
            pins = tuple(circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]])
            table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
            clocks: set[str] | None = None
            if circuit.kind[gate] == FLOP:
                flop = self.library.cells[instance.cell].flipflop_of(output)
                clocks = set(flop.clocked_on.inputs) if flop is not None else set()
            for pin, name in enumerate(pins):
                sources = {name} if clocks is None else clocks
                own = [entry for entry in entries if not entry.path.source or entry.path.source in sources]
                delay, on = self.spread(own, entries, pins, pin, table, clocks is not None)
                if delay.min() < 0:
                    lacking.append(f"{instance.name} {' '.join(sorted(sources))} to {output}")
                at = circuit.arc_start[gate] + np.arange(len(table)) * len(pins) + pin
                arc_fs[at], enabled[at] = delay, on
        for names, what in ((list(bare), "instances have"), (lacking, "paths have")):
            if names:
                total = len({int(i) for i in circuit.instance}) if what.startswith("inst") else len(circuit.pin_net)
                raise self.fail(f"{len(names)} of {total} {what} no {self.corner} delay in the SDF: {_some(names)}", 1)
        if arc_fs.max(initial=0) > _LARGEST:
            raise self.too_long(1)
        return arc_fs.astype(np.int32), enabled

    def spread(
        self, own: list[_Entry], others: list[_Entry], pins: tuple[str, ...], pin: int, table: U8, clocked: bool
    ) -> tuple[I64, BOOL]:
        """Delay of one pin in every state of a gate (``_NONE``: it has none), and where it is enabled."""
        states = np.arange(len(table))
        tiers = [np.full(len(table), _NONE, dtype=np.int64) for _ in range(3)]
        conditioned = np.zeros(2, dtype=np.bool_)  # by edge
        largest = np.array([_NONE, _NONE], dtype=np.int64)  # by edge, where a path holds
        for entry in own:
            fs = self.by_edge(entry)
            when = entry.path.condition
            if when is not None:
                conditioned |= fs >= 0
            holds = np.ones(len(table), dtype=np.bool_)
            if when is not None and not clocked:
                holds = condition(when, pins).may.astype(np.bool_)
            if entry.path.edge and not clocked:
                holds &= ((states >> pin) & 1) == (entry.path.edge == "posedge")
            held = np.where(holds, fs[table], _NONE)
            np.maximum.at(largest, table, held)
            tier = tiers[0 if when is not None else 1 if entry.path.otherwise else 2]
            np.maximum(tier, held, out=tier)
        delay = np.where(tiers[0] >= 0, tiers[0], np.where(tiers[1] >= 0, tiers[1], tiers[2]))
        controls = table != table[states ^ (1 << pin)]
        enabled = np.ones(len(table), dtype=np.bool_)
        if not clocked:
            if own:
                enabled = controls | (np.where(conditioned[table], tiers[0], delay) >= 0)
            delay = np.where(enabled, delay, largest[table])
            unfitted = int(np.count_nonzero((delay < 0) & controls))
            if unfitted:
                self.counts["states that no condition covers, where the pin's worst delay is taken"] += unfitted
        fallbacks = [own] if controls.any() and not own else [own, others]
        for entries in fallbacks:
            worst = np.array([_NONE, _NONE], dtype=np.int64)
            for entry in entries:
                np.maximum(worst, self.by_edge(entry), out=worst)
            delay = np.where(delay < 0, worst[table], delay)
        return delay, enabled

    def by_edge(self, entry: _Entry) -> I64:
        """Delay of an entry by edge (fall, rise), ``_NONE`` where it has none."""
        negative = sum(value is not None and value < 0 for value in entry.fs)
        if negative:
            self.counts["negative delays, set to 0"] += negative
            entry.fs = [value if value is None else max(0, value) for value in entry.fs]
        return np.array([_NONE if value is None else value for value in entry.fs], dtype=np.int64)

    def setups(self) -> I32:
        """Setup of every gate pin; the library's where the file has no check."""
        circuit = self.circuit
        setup_fs = self.base.setup_fs.copy()
        for gate in np.flatnonzero(circuit.kind == FLOP):
            for pin in range(circuit.pin_start[gate], circuit.pin_start[gate + 1]):
                key = (int(circuit.instance[gate]), circuit.pin_name[pin])
                if key in self.contents.setups:
                    setup_fs[pin] = self.contents.setups[key]
                elif setup_fs[pin]:
                    self.counts["setup times that the file does not give, taken from the library"] += 1
        return setup_fs


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (", ..." if len(listed) > _SHOWN else "")
