# SPDX-License-Identifier: Apache-2.0
"""Wires before layout: a library's wire-load models, by the number of pins that each net drives.

The wire of a net has the model's length for its number of input pins and output ports. Its resistance and capacitance
are laid out as the ``tree_type`` of the library's operating conditions says (balanced without one): *balanced*, every
sink at the end of its own equal share; *worst case*, all of it before all sinks; *best case*, without resistance. That
and the reduction of the balanced tree to a pi model are OpenSTA's (parasitics/EstimateParasitics.cc).

Tests: tests/parasitics/test_wire_load.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from halo.errors import HaloError
from halo.liberty.model import Library, WireLoad
from halo.netlist.model import Netlist
from halo.parasitics.loads import PinLoad, WireLoads, pin_loads
from halo.parasitics.reduce_kernel import BARE, GIVEN

WORST, BEST = "worst_case_tree", "best_case_tree"
DEFAULT, BY_AREA = "default", "area"
"""Names that stand for the library's default model, and for its selection by area."""
_SHOWN = 6


@dataclass(frozen=True, eq=False)
class EstimatedWires:
    """Wires of a netlist by the models of a library.

    Attributes:
        model: index of ``models`` for each net; models: those in use.
        tree: ``tree_type`` of the library, or empty.
        lumped: wires are capacitance alone.
    """

    model: tuple[int, ...]
    models: tuple[WireLoad, ...]
    tree: str
    lumped: bool = False

    def loads(self, netlist: Netlist, library: Library, output_load_f: float, *, least: bool = False) -> WireLoads:
        """As :class:`halo.parasitics.loads.Wires` says."""
        nets = len(netlist.nets)
        sinks: list[list[PinLoad]] = [[] for _ in range(nets)]
        at_driver = np.zeros((nets, 2))
        for pin in pin_loads(netlist, library, output_load_f, least=least):
            if pin.drives:
                at_driver[pin.net] += pin.farads
            else:
                sinks[pin.net].append(pin)
        cap, kind, pi = np.zeros(nets), np.full(nets, BARE, np.uint8), np.zeros((nets, 2, 3))
        place: dict[tuple[int, str], int] = {}
        start = np.zeros(nets + 1, np.int64)
        times: list[np.ndarray] = []
        for net, pins in enumerate(sinks):
            start[net] = len(times)
            if not pins:
                continue
            model = self.models[self.model[net]]
            length = model.length(len(pins))
            cap[net] = length * model.farad
            ohm = length * model.ohm
            if self.lumped or self.tree == BEST or ohm == 0.0:
                continue
            kind[net] = GIVEN
            loads = np.stack([np.broadcast_to(pin.farads, 2) for pin in pins])
            if self.tree == WORST:
                far = loads.sum(axis=0) + cap[net]
                pi[net] = np.stack([at_driver[net], np.full(2, ohm), far], axis=1)
                each = np.broadcast_to(ohm * far, loads.shape)
            else:
                share = ohm / len(pins)
                behind = loads + cap[net] / len(pins)
                y1 = at_driver[net] + behind.sum(axis=0)
                y2 = -share * (behind**2).sum(axis=0)
                y3 = share**2 * (behind**3).sum(axis=0)
                far = y2 * y2 / y3
                pi[net] = np.stack([y1 - far, -y3 * y3 / y2**3, far], axis=1)
                # OpenSTA counts no load of an output port here.
                own = np.array([pin.sink[0] >= 0 for pin in pins])[:, None]
                each = share * (np.where(own, loads, 0.0) + cap[net] / len(pins))
            for pin, seconds in zip(pins, each, strict=True):
                place[pin.sink] = len(times)
                times.append(seconds)
        start[nets] = len(times)
        return WireLoads(cap, kind, pi, place, start, np.array(times, np.float64).reshape(-1, 2))


def estimated_wires(
    netlist: Netlist, library: Library, name: str, *, enclosed: bool = False, lumped: bool = False
) -> tuple[EstimatedWires, str]:
    """Choose the models of a netlist's nets.

    Args:
        netlist: flat; library: its cells and models.
        name: of a model, ``default``, or ``area``: the library's selection by the area of all cells.
        enclosed: with ``area``, a net takes the area of the smallest block of the hierarchy that holds all its pins.
        lumped: wires are capacitance alone.

    Returns:
        The wires, and the names of their models as a text.

    Raises:
        HaloError: the library has no such model, default or selection.
    """
    told = library.wire_loads
    nets = len(netlist.nets)
    if name != BY_AREA:
        wanted = told.default if name == DEFAULT else name
        if wanted not in told.models:
            raise _no_model(library, name)
        return EstimatedWires((0,) * nets, (told.models[wanted],), told.tree, lumped), wanted
    ranges = told.selections.get(told.default_selection or next(iter(told.selections), ""), ())
    if not ranges or any(model not in told.models for _, model in ranges):
        raise _no_model(library, name)
    areas = _areas(netlist, library)
    blocks = _blocks(netlist) if enclosed else [""] * nets
    chosen = [_by_area(ranges, areas.get(block, 0.0)) for block in blocks]
    used = tuple(dict.fromkeys(chosen))
    models = tuple(told.models[model] for model in used)
    return EstimatedWires(tuple(used.index(model) for model in chosen), models, told.tree, lumped), ", ".join(used)


def _by_area(ranges: Iterable[tuple[float, str]], area: float) -> str:
    found = ""
    for least, model in ranges:
        if not found or area >= least:
            found = model
    return found


def _areas(netlist: Netlist, library: Library) -> dict[str, float]:
    """Area of all cells of each block of the hierarchy; of the top under the empty name."""
    areas: dict[str, float] = {}
    for instance in netlist.instances:
        block = instance.name
        area = library.cells[instance.cell].area
        while block:
            block = block.rpartition(".")[0]
            areas[block] = areas.get(block, 0.0) + area
    return areas


def _blocks(netlist: Netlist) -> list[str]:
    """The smallest block that holds all pins of each net."""
    blocks: list[list[str] | None] = [None] * len(netlist.nets)
    for ports in (netlist.inputs, netlist.outputs):
        for bits in ports.values():
            for net in bits:
                blocks[net] = []
    for instance in netlist.instances:
        path = instance.name.split(".")[:-1]
        for net in instance.pins.values():
            held = blocks[net]
            if held is None:
                blocks[net] = path
            else:
                same = 0
                while same < min(len(held), len(path)) and held[same] == path[same]:
                    same += 1
                blocks[net] = held[:same]
    return [".".join(block or []) for block in blocks]


def _no_model(library: Library, name: str) -> HaloError:
    told = library.wire_loads
    place = library.paths[0] if library.paths else None
    if not told.models:
        return HaloError(f"library {library.name} has no wire-load models", "Leave out --wire-load.", place)
    near = get_close_matches(name, told.models, 3, 0.4) or list(told.models)[:_SHOWN]
    what = {
        DEFAULT: "names no default wire-load model",
        BY_AREA: "has no selection of wire-load models by area",
    }.get(name, f"has no wire-load model {name}")
    return HaloError(f"library {library.name} {what}", f"Give one of its models, such as {', '.join(near)}.", place)
