# SPDX-License-Identifier: Apache-2.0
"""Buffer trees on nets that are too heavy for their drivers, after mapping, on the flat netlist of library cells.

ABC maps module by module and never sees what a net drives elsewhere, nor what a flip-flop drives. So loads are counted
here, when the hierarchy is gone. A net is too heavy if it exceeds its driver's ``max_capacitance``, or a given number
of pins. Its pins are split into neighbours of equal load, each behind a buffer; how many groups and which buffer is
what the delay of driver and buffer, by their tables, says. Nets that are still too heavy get another level.

Clocks are ideal and asynchronous clears are not timed: their nets stay as they are, and so do constants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from halo.liberty.model import Cell, Library, Pin, Table
from halo.synth.mapping_library import is_buffer

MOST_GROUPS = 64
LEVELS = 8
_TYPICAL_SLEW_S = 1e-10

Json = dict[str, Any]
Sink = tuple[str, str, int]
"""Cell, port, and place of the bit in it."""


@dataclass(frozen=True)
class Buffering:
    """What was done.

    Attributes:
        buffers: number of buffers put in; nets: number of nets that were split.
        heavy: nets that are still too heavy.
    """

    buffers: int
    nets: int
    heavy: int

    def __str__(self) -> str:
        left = f"; {self.heavy} nets remain too heavy for their drivers" if self.heavy else ""
        if not self.buffers:
            return f"No buffers were inserted{left or ': no net is too heavy for its driver'}."
        return f"{self.buffers} buffers were inserted on {self.nets} nets that were too heavy for their drivers{left}."


@dataclass(frozen=True, eq=False)
class _Driver:
    """What drives a net: a cell's pin; of an input port the library's plain flip-flop, if there is one."""

    pin: Pin | None

    @property
    def limit_f(self) -> float:
        return np.inf if self.pin is None or self.pin.max_capacitance_f is None else self.pin.max_capacitance_f

    def delay_s(self, load_f: np.ndarray) -> np.ndarray:
        return np.zeros(len(load_f)) if self.pin is None else _delay(self.pin, load_f)


def insert_buffers(module: Json, library: Library, usable: Sequence[Cell], max_fanout: int | None) -> Buffering:
    """Split the heavy nets of a module.

    Args:
        module: of Yosys' JSON, changed in place: flat, of cells of the library.
        library: its cells.
        usable: cells that may be put in. Buffers among them are, and input ports have the limit of the smallest
            flip-flop.
        max_fanout: most pins of a net; None: no limit but ``max_capacitance``.
    """
    buffers = [cell for cell in usable if is_buffer(cell)]
    work = _Work(module, library, buffers, max_fanout)
    inserted = nets = heavy = 0
    for bit, driver in list(work.drivers(_register(usable))):
        before = work.count
        for _ in range(LEVELS):
            if not work.too_heavy(bit, driver) or not work.split(bit, driver):
                break
        inserted += work.count - before
        nets += work.count > before
        heavy += work.too_heavy(bit, driver)
    return Buffering(inserted, nets, heavy)


class _Work:
    def __init__(self, module: Json, library: Library, buffers: Sequence[Cell], max_fanout: int | None) -> None:
        self.cells: dict[str, Json] = module["cells"]
        self.netnames: dict[str, Json] = module["netnames"]
        self.ports: dict[str, Json] = module["ports"]
        self.library = library
        self.buffers = buffers
        self.max_fanout = max_fanout
        self.count = 0
        self.sinks: dict[int, list[Sink]] = {}
        self.owner: dict[int, tuple[str, Pin]] = {}
        self.kept: dict[int, int] = {}
        for name, cell in self.cells.items():
            pins = library.cells[cell["type"]].pins
            for port, bits in cell["connections"].items():
                for place, bit in enumerate(bits):
                    if not isinstance(bit, int):
                        continue
                    pin = self._pin(pins, cell["type"], port, place)
                    if pin.direction == "input":
                        self.sinks.setdefault(bit, []).append((name, port, place))
                    else:
                        self.owner[bit] = (name, pin)
        for port in self.ports.values():
            for bit in port["bits"] if port["direction"] == "output" else ():
                self.kept[bit] = self.kept.get(bit, 0) + 1
        used = [bit for net in self.netnames.values() for bit in net["bits"] if isinstance(bit, int)]
        self.next_bit = 1 + max([*self.sinks, *self.owner, *used], default=1)

    def _pin(self, pins: Mapping[str, Pin], cell: str, port: str, place: int) -> Pin:
        if port in pins:
            return pins[port]
        return pins[self.library.cells[cell].buses[port][-1 - place]]

    def pin_of(self, sink: Sink) -> Pin:
        cell = self.cells[sink[0]]["type"]
        return self._pin(self.library.cells[cell].pins, cell, sink[1], sink[2])

    def drivers(self, register: Pin | None) -> Iterator[tuple[int, _Driver]]:
        """Nets that may be split, with what drives them, input ports first."""
        for port in self.ports.values():
            if port["direction"] == "input":
                yield from ((bit, _Driver(register)) for bit in port["bits"] if self._movable(bit))
        for bit, (name, pin) in self.owner.items():
            tie = not self.library.cells[self.cells[name]["type"]].inputs
            if not tie and self._movable(bit):
                yield bit, _Driver(pin)

    def _movable(self, bit: int) -> bool:
        kinds = [self._kind(sink) for sink in self.sinks.get(bit, ())]
        return bool(kinds) and "clock" not in kinds and set(kinds) != {"clear"}

    def _kind(self, sink: Sink) -> str:
        cell = self.library.cells[self.cells[sink[0]]["type"]]
        pin = self.pin_of(sink)
        clocks = {name for flop in cell.flipflops for name in flop.clocked_on.inputs}
        if pin.clock or pin.name in clocks:
            return "clock"
        clears = {
            name for flop in cell.flipflops for f in (flop.clear, flop.preset) if f is not None for name in f.inputs
        }
        return "clear" if pin.name in clears else "data"

    def load_f(self, sinks: Sequence[Sink]) -> np.ndarray:
        return np.array([_capacitance(self.pin_of(sink)) for sink in sinks])

    def too_heavy(self, bit: int, driver: _Driver) -> bool:
        sinks = self.sinks[bit]
        fanout = len(sinks) + self.kept.get(bit, 0)
        return fanout > (self.max_fanout or np.inf) or float(self.load_f(sinks).sum()) > driver.limit_f

    def split(self, bit: int, driver: _Driver) -> bool:
        """Put the pins of a net behind buffers; False: no buffer makes it lighter."""
        sinks = self.sinks[bit]
        loads = self.load_f(sinks)
        choice = self._choice(len(sinks), float(loads.sum()), driver)
        if choice is None:
            return False
        cell, groups = choice
        ends = np.minimum((np.cumsum(loads) - loads / 2) / loads.sum() * groups, groups - 1).astype(int)
        if self.max_fanout is not None:
            ends = np.arange(len(sinks)) * groups // len(sinks)
        moved: list[Sink] = []
        for group in range(groups):
            members = [sink for sink, of in zip(sinks, ends.tolist(), strict=True) if of == group]
            if members:
                moved.append(self._buffer(bit, cell, members))
        self.sinks[bit] = moved
        return True

    def _choice(self, fanout: int, load_f: float, driver: _Driver) -> tuple[Cell, int] | None:
        """The buffer and the number of groups of least delay; where none keeps the driver's limit, of least load."""
        best: tuple[bool, float, int, Cell] | None = None
        most = self.max_fanout or fanout
        for order, cell in enumerate(self.buffers):
            into, out = _capacitance(cell.inputs[0]), cell.outputs[0]
            limit = np.inf if out.max_capacitance_f is None else out.max_capacitance_f
            groups = np.arange(1, min(fanout - 1, MOST_GROUPS if fanout <= MOST_GROUPS * most else fanout) + 1)
            groups = groups[(load_f / groups * (1 + 1 / np.sqrt(fanout)) <= limit) & (-(-fanout // groups) <= most)]
            lighter = groups * into < load_f
            if self.max_fanout is None:
                groups = groups[lighter]
            if not len(groups):
                continue
            above = groups * into
            beyond = (above > driver.limit_f) | (groups > most)
            delay = driver.delay_s(above) + _delay(out, load_f / groups)
            cost = np.where(beyond, above, delay)
            for at in np.lexsort((cost, beyond))[:1].tolist():
                found = (bool(beyond[at]), float(cost[at]), order, cell)
                if best is None or found[:3] < best[:3]:
                    best, chosen = found, int(groups[at])
        return None if best is None else (best[3], chosen)

    def _buffer(self, bit: int, cell: Cell, members: Sequence[Sink]) -> Sink:
        into, out = cell.inputs[0].name, cell.outputs[0].name
        where = self.owner[bit][0].rpartition(".")[0] if bit in self.owner else ""
        where = "" if where.startswith("$") else where
        name = f"{where}{'.' * bool(where)}_buffer_{self.count}_"
        new, self.next_bit, self.count = self.next_bit, self.next_bit + 1, self.count + 1
        self.cells[name] = {
            "hide_name": 0,
            "type": cell.name,
            "parameters": {},
            "attributes": {},
            "port_directions": {into: "input", out: "output"},
            "connections": {into: [bit], out: [new]},
        }
        self.netnames[f"{name}{out}"] = {"hide_name": 0, "bits": [new], "attributes": {}}
        self.owner[new], self.sinks[new] = (name, cell.outputs[0]), list(members)
        for owner, port, place in members:
            self.cells[owner]["connections"][port][place] = new
        return name, into, 0


def _register(usable: Sequence[Cell]) -> Pin | None:
    """An output of the flip-flop with the fewest pins, and of such the smallest."""
    flops = [(len(cell.inputs), cell.area, cell.name, cell.outputs[0]) for cell in usable if cell.flipflops]
    return min(flops, key=lambda flop: flop[:3])[3] if flops else None


def _capacitance(pin: Pin) -> float:
    return max(pin.capacitance_f, pin.rise_capacitance_f, pin.fall_capacitance_f)


def _delay(pin: Pin, load_f: np.ndarray) -> np.ndarray:
    """The worst delay of an output at some loads and a usual transition, in seconds."""
    slew = np.full(len(load_f), _TYPICAL_SLEW_S)
    worst = np.zeros(len(load_f))
    tables: list[Table] = [
        table for group in pin.timing for kind, table in group.tables.items() if kind in ("cell_rise", "cell_fall")
    ]
    for table in tables:
        worst = np.maximum(worst, table.at(slew, load_f))
    return worst
