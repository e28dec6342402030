# SPDX-License-Identifier: Apache-2.0
"""The nets of a SPEF file found in a netlist, as RC networks over its pins.

Tests: tests/parasitics/test_network.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.model import Netlist
from halo.parasitics.reduce_kernel import walk_trees
from halo.parasitics.spef import Spef, SpefNet

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

Sink = tuple[int, str]
"""(instance, pin), or (-1, name) of an output port's bit."""
_SHOWN = 5
_MATCHED = 0.5
"""Part of a file's nets that must be in the netlist: less is another design's file."""


@dataclass(frozen=True, eq=False)
class GivenPi:
    """A net that the file has reduced already: its pi model, and the time constants of its sinks in seconds."""

    c2_f: float
    r_ohm: float
    c1_f: float
    elmore_s: Mapping[Sink, float]


@dataclass(frozen=True, eq=False)
class Networks:
    """Wires of a netlist: trees of resistors with capacitances, without those of pins.

    Attributes:
        net: int64[K], the net of each network.
        root: int64[K], the node of its driver, or -1: none was found, and nothing is reached.
        farad: float64[M], ground and coupling capacitance at each node; owner: int64[M], the network it belongs to.
        ohm: float64[R], resistors.
        order, parent, link: int64, the trees, as ``reduce_kernel.walk_trees``.
        sinks: node of each sink that has one.
        given: reduced nets, by net.
        wire_cap_f: capacitance in farads of each net's wire.
        notes: what was found and what was not, one sentence each.
    """

    net: I64
    root: I64
    farad: F64
    owner: I64
    ohm: F64
    order: I64
    parent: I64
    link: I64
    sinks: Mapping[Sink, int]
    given: Mapping[int, GivenPi]
    wire_cap_f: Mapping[int, float]
    notes: tuple[str, ...]


def bind_networks(spef: Spef, netlist: Netlist, library: Library, *, coupling_factor: float = 1.0) -> Networks:
    """Find a file's nets in a netlist.

    A net is known by its name, or else by its pins. Nodes that no resistor joins to the driver count at the driver.

    Args:
        spef: the file.
        netlist: flat; library: its cells, which tell what drives a net.
        coupling_factor: coupling capacitances count this often, to ground.

    Raises:
        HaloError: most nets of the file are not in the netlist, or a value is negative; with file and line.
    """
    return _Binding(spef, netlist, library, coupling_factor).result()


class _Binding:
    """The work of :func:`bind_networks`."""

    def __init__(self, spef: Spef, netlist: Netlist, library: Library, coupling_factor: float) -> None:
        self.spef, self.netlist, self.factor = spef, netlist, coupling_factor
        self.net_of = _names(netlist.nets)
        self.instance_of = _names(instance.name for instance in netlist.instances)
        self.input_bit, self.output_bit = port_bits(netlist, netlist.inputs), port_bits(netlist, netlist.outputs)
        self.inputs = {net for bits in netlist.inputs.values() for net in bits}
        self.drivers = {
            (number, pin)
            for number, instance in enumerate(netlist.instances)
            for pin in instance.pins
            if library.cells[instance.cell].pins[pin].direction != "input"
        }
        self.known: dict[str, tuple[str, str]] = {}
        self.count: Counter[str] = Counter()
        self.farad: list[float] = []
        self.owner: list[int] = []
        self.ohm: list[float] = []
        self.ends: list[tuple[int, int]] = []
        self.nets: list[int] = []
        self.roots: list[int] = []
        self.sinks: dict[Sink, int] = {}
        self.given: dict[int, GivenPi] = {}
        self.cap: dict[int, float] = {}
        self.strange: list[str] = []

    def parts(self, name: str) -> tuple[str, str]:
        found = self.known.get(name)
        if found is None:
            found = self.known[name] = self.spef.parts(name)
        return found

    def pin(self, name: str) -> tuple[int, str, int]:
        """(instance, pin, net) of a pin or port of the file; instance -1 for a port, net -1 for what is not there."""
        owner, pin = self.parts(name)
        if pin:
            instance = self.instance_of.get(owner, -1)
            return instance, pin, self.netlist.instances[instance].pins.get(pin, -1) if instance >= 0 else -1
        net = self.output_bit.get(owner, self.input_bit.get(owner, -1))
        return -1, owner, net

    def find(self, net: SpefNet) -> int:
        """Index of a net of the file in the netlist, or -1."""
        at = self.net_of.get(self.spef.plain(net.name), -1)
        if at >= 0:
            return at
        for name in net.connections:
            at = self.pin(name)[2]
            if at >= 0:
                return at
        return -1

    def result(self) -> Networks:
        unmatched: list[SpefNet] = []
        supplies = set(self.spef.supplies)
        nets = [net for net in self.spef.nets if net.name not in supplies]
        for net in nets:
            at = self.find(net)
            if at < 0:
                unmatched.append(net)
            elif net.drivers:
                self.reduced(net, at)
            else:
                self.network(net, at)
        if len(nets) - len(unmatched) < _MATCHED * len(nets) or not nets:
            what = f"{len(unmatched)} of the {len(nets)} nets of the SPEF are not in {self.netlist.name}"
            raise HaloError(
                f"{what}: {_some(net.name for net in unmatched)}",
                "Give the SPEF of this netlist, with names from its top.",
                self.spef.path,
                self.spef.line(unmatched[0].word) if unmatched else 1,
            )
        return self.networks(len(nets), unmatched)

    def networks(self, total: int, unmatched: list[SpefNet]) -> Networks:
        nodes = len(self.farad)
        ends = np.array(self.ends, np.int64).reshape(-1, 2)
        both = np.concatenate([ends[:, 0], ends[:, 1]])
        through = np.concatenate([np.arange(len(ends)), np.arange(len(ends))])
        by_node = np.lexsort((through, both))
        start = np.zeros(nodes + 1, np.int64)
        np.cumsum(np.bincount(both, minlength=nodes), out=start[1:])
        order, parent, link = (np.zeros(nodes, np.int64) for _ in range(3))
        root = np.array(self.roots, np.int64)
        beside = np.concatenate([ends[:, 1], ends[:, 0]])[by_node]
        met = walk_trees(root, start, beside, through[by_node], order, parent, link)
        farad, owner = np.array(self.farad, np.float64), np.array(self.owner, np.int64)
        loose = np.flatnonzero((parent == -2) & (root[owner] >= 0)) if nodes else np.zeros(0, np.int64)
        np.add.at(farad, root[owner[loose]], farad[loose])
        farad[loose] = 0.0
        reached = len(ends) - (met - int(np.count_nonzero(root >= 0)))
        apart = int(np.count_nonzero(parent[ends[:, 0]] == -2)) if len(ends) else 0
        notes = self.notes(total, unmatched, loops=reached - apart, loose=len(loose))
        return Networks(
            np.array(self.nets, np.int64),
            root,
            farad,
            owner,
            np.array(self.ohm, np.float64),
            order[:met],
            parent,
            link,
            self.sinks,
            self.given,
            self.cap,
            notes,
        )

    def notes(self, total: int, unmatched: list[SpefNet], loops: int, loose: int) -> tuple[str, ...]:
        said = []
        if unmatched:
            names = _some(net.name for net in unmatched)
            said.append(f"{len(unmatched)} of {total} nets of the SPEF are not in the netlist: {names}.")
        used = {net for instance in self.netlist.instances for net in instance.pins.values()}
        bare = sorted(used - set(self.cap) - set(self.netlist.constants))
        if bare:
            names = _some(self.netlist.nets[net] for net in bare)
            said.append(f"{len(bare)} of {len(used)} nets of the netlist have no wire in the SPEF: {names}.")
        for text, number in sorted(self.count.items()):
            said.append(f"SPEF: {text}: {number}.")
        if self.strange:
            said.append(f"SPEF: nodes that are not on their nets, left out: {_some(self.strange)}.")
        apart = [
            f"{self.netlist.instances[number].name}/{pin}"
            for number, instance in enumerate(self.netlist.instances)
            for pin, net in instance.pins.items()
            if net in self.cap and not self.reaches(number, pin, net)
        ]
        if apart:
            names = _some(apart)
            said.append(f"SPEF: {len(apart)} pins have no node on their net, and count at its driver: {names}.")
        if loops:
            said.append(f"SPEF: resistors that close a loop, left out: {loops}.")
        if loose:
            said.append(f"SPEF: nodes that no resistor joins to the driver, counted at it: {loose}.")
        return tuple(said)

    def reaches(self, instance: int, pin: str, net: int) -> bool:
        """Whether a pin is where its net is driven, or has a node on it."""
        key = (instance, pin)
        return key in self.drivers or key in self.sinks or (net in self.given and key in self.given[net].elmore_s)

    def network(self, net: SpefNet, at: int) -> None:
        """Add a network."""
        if at in self.cap:
            self.count["nets given twice, of which the first counts"] += 1
            return
        owner = len(self.nets)
        own_name = self.spef.plain(net.name)
        local: dict[str, int] = {}
        root = -1

        def node(name: str) -> int:
            """Index of a node of this net, or -1."""
            nonlocal root
            found = local.get(name)
            if found is not None:
                return found
            base, rest = self.parts(name)
            inner = rest.isdigit() and base not in self.instance_of
            here = False
            if inner:
                here = base == own_name or self.net_of.get(base, -1) == at
            else:
                instance, pin, its_net = self.pin(name)
                here = its_net == at
            found = -1
            if here:
                found = len(self.farad)
                self.farad.append(0.0)
                self.owner.append(owner)
                if not inner:
                    if self.drives(instance, pin, at):
                        root = found
                    else:
                        self.sinks[instance, pin] = found
            local[name] = found
            return found

        total = 0.0
        for name, value in net.ground:
            if value < 0:
                self.negative(net)
            place = node(name)
            if place < 0:
                self.strange.append(name)
                continue
            self.farad[place] += value
            total += value
        for first, second, value in net.coupling:
            if value < 0:
                self.negative(net)
            for place in (node(first), node(second)):
                if place >= 0:
                    self.farad[place] += value * self.factor
                    total += value * self.factor
        for first, second, value in net.resistors:
            if value < 0:
                self.negative(net)
            a, b = node(first), node(second)
            if a < 0 or b < 0:
                self.strange.append(first if a < 0 else second)
            elif a != b:
                self.ends.append((a, b))
                self.ohm.append(value)
        if not (net.ground or net.coupling):
            total = net.total_f
        if root < 0:
            root = len(self.farad)
            self.farad.append(0.0 if net.ground or net.coupling else total)
            self.owner.append(owner)
        self.nets.append(at)
        self.roots.append(root)
        self.cap[at] = total

    def drives(self, instance: int, pin: str, net: int) -> bool:
        """Whether a pin or port of a net is where it is driven."""
        if instance < 0:
            return pin in self.input_bit
        return net not in self.inputs and (instance, pin) in self.drivers

    def reduced(self, net: SpefNet, at: int) -> None:
        """Add a net with a pi model."""
        if at in self.cap:
            self.count["nets given twice, of which the first counts"] += 1
            return
        driver = net.drivers[0]
        if len(net.drivers) > 1:
            self.count["nets of several drivers, of which the first counts"] += 1
        if min(driver.c1_f, driver.c2_f, driver.r_ohm) < 0:
            self.negative(net)
        elmore: dict[Sink, float] = {}
        for name, seconds in driver.loads:
            instance, pin, its_net = self.pin(name)
            if its_net == at:
                elmore[instance, pin] = seconds
            else:
                self.strange.append(name)
        self.given[at] = GivenPi(driver.c2_f, driver.r_ohm, driver.c1_f, elmore)
        self.cap[at] = driver.c1_f + driver.c2_f

    def negative(self, net: SpefNet) -> None:
        raise HaloError(
            f"net {net.name} has a negative capacitance or resistance",
            "Extract the wires again.",
            self.spef.path,
            self.spef.line(net.word),
        )


def _names(names: Iterable[str]) -> dict[str, int]:
    """Index of each name, as a SPEF may write it: levels joined by dots or, escaped into one name, by slashes."""
    found: dict[str, int] = {}
    for number, name in enumerate(names):
        found.setdefault(name, number)
    for name, number in list(found.items()):
        found.setdefault(name.replace("/", "."), number)
    return found


def port_bits(netlist: Netlist, ports: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Net of each bit of some ports, by its name."""
    found = {}
    for port, nets in ports.items():
        for position, net in enumerate(nets):
            if port in netlist.bit_names:
                found[netlist.bit_names[port][position]] = net
            elif port in netlist.scalar_ports:
                found[port] = net
            else:
                found[f"{port}[{netlist.bit_index(port, position)}]"] = net
    return found


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (", ..." if len(listed) > _SHOWN else "")
