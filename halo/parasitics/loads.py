# SPDX-License-Identifier: Apache-2.0
"""What wires are to the gates of one corner: loads, pi models, and the time constant of every sink, pins included.

Tests: tests/parasitics/test_network.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Library
from halo.netlist.model import Netlist
from halo.parasitics.network import Networks, Sink, port_bits
from halo.parasitics.reduce_kernel import BARE, GIVEN, NETWORK, reduce_trees

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class WireLoads:
    """Wires of N nets with S sinks. Edge 0 is fall, 1 rise.

    Attributes:
        cap_f: float64[N], farads that wires add to the pins of each net.
        kind: uint8[N], BARE (nothing but that capacitance), NETWORK, or GIVEN (reduced by the file).
        pi: float64[N, 2, 3], by edge: farads at the driver, ohm, farads behind them.
        sink: the S sinks by their place, those of a net together; sink_start: int64[N + 1].
        elmore_s: float64[S, 2], by edge; negative where the wire does not reach the sink.
    """

    cap_f: F64
    kind: U8
    pi: F64
    sink: Mapping[Sink, int]
    sink_start: I64
    elmore_s: F64


class Wires(Protocol):
    """Wires of a netlist before its cells are known: what a file, or a model of a library, says of them."""

    def loads(self, netlist: Netlist, library: Library, output_load_f: float, *, least: bool = False) -> WireLoads:
        """What they are to the gates of a corner.

        Args:
            netlist: whose wires they are; library: the corner.
            output_load_f: external load of each bit of an output port.
            least: the lower ends of the pins' capacitance ranges, for first arrivals.
        """


@dataclass(frozen=True, eq=False)
class ExtractedWires:
    """Wires of a SPEF file.

    Attributes:
        networks: found in the netlist.
        lumped: they are capacitance alone: gates see all of it, and sinks are not late.
    """

    networks: Networks
    lumped: bool = False

    def loads(self, netlist: Netlist, library: Library, output_load_f: float, *, least: bool = False) -> WireLoads:
        """As :class:`Wires` says."""
        return _reduced(self, netlist, library, output_load_f, least)


def _reduced(wires: ExtractedWires, netlist: Netlist, library: Library, output_load_f: float, least: bool) -> WireLoads:
    networks = wires.networks
    nets = len(netlist.nets)
    network_of = np.full(nets, -1, np.int64)
    network_of[networks.net] = np.arange(len(networks.net))
    at_node = np.zeros((len(networks.farad), 2))
    pins = np.zeros((nets, 2))
    for sink, net, farads, _ in pin_loads(netlist, library, output_load_f, least=least):
        pins[net] += farads
        if network_of[net] >= 0:
            at_node[networks.sinks.get(sink, networks.root[network_of[net]])] += farads
    cap = np.zeros(nets)
    for net, wire in networks.wire_cap_f.items():
        cap[net] = wire
    for net in networks.given:  # the model of such a net holds its pins
        cap[net] = max(0.0, cap[net] - float(pins[net].mean()))
    kind, pi = np.full(nets, BARE, np.uint8), np.zeros((nets, 2, 3))
    if wires.lumped:
        return WireLoads(cap, kind, pi, {}, np.zeros(nets + 1, np.int64), np.zeros((0, 2)))
    elmore = np.zeros((len(networks.farad), 2))
    for edge in range(2):
        farad = networks.farad + at_node[:, edge]
        moment = np.zeros((len(farad), 3))
        reduce_trees(networks.order, networks.parent, networks.link, networks.ohm, farad, moment, elmore[:, edge])
        y1, y2, y3 = moment[networks.root].T
        resistive = (y2 != 0.0) & (y3 != 0.0)
        kind[networks.net[resistive]] = NETWORK
        y1, y2, y3 = y1[resistive], y2[resistive], y3[resistive]
        far = y2 * y2 / y3
        pi[networks.net[resistive], edge] = np.stack([y1 - far, -y3 * y3 / (y2 * y2 * y2), far], axis=1)
    for net, model in networks.given.items():
        kind[net] = GIVEN
        pi[net] = (model.c2_f, model.r_ohm, model.c1_f)
    found: list[tuple[int, Sink, F64]] = []
    for sink, node in networks.sinks.items():
        net = int(networks.net[networks.owner[node]])
        if kind[net] == NETWORK and elmore[node, 0] >= 0.0:
            found.append((net, sink, elmore[node]))
    for net, model in networks.given.items():
        found += [(net, sink, np.full(2, seconds)) for sink, seconds in model.elmore_s.items()]
    found.sort(key=lambda entry: entry[0])
    start = np.searchsorted(np.array([net for net, _, _ in found], np.int64), np.arange(nets + 1))
    times = np.array([seconds for _, _, seconds in found], np.float64).reshape(-1, 2)
    return WireLoads(cap, kind, pi, {sink: i for i, (_, sink, _) in enumerate(found)}, start.astype(np.int64), times)


class PinLoad(NamedTuple):
    """A pin, or a bit of an output port: its net, capacitance by edge (fall, rise), and whether it drives the net."""

    sink: Sink
    net: int
    farads: tuple[float, float]
    drives: bool


def pin_loads(netlist: Netlist, library: Library, output_load_f: float, *, least: bool = False) -> Iterator[PinLoad]:
    """Every pin and output port of a netlist; arguments as of :meth:`Wires.loads`."""
    for number, instance in enumerate(netlist.instances):
        cell = library.cells.get(instance.cell)
        if cell is None:
            continue
        for name, net in instance.pins.items():
            pin = cell.pins[name]
            farads = (pin.fall_capacitance_f, pin.rise_capacitance_f)
            if least and pin.least_capacitance_f is not None:
                farads = pin.least_capacitance_f
            yield PinLoad((number, name), net, farads, pin.direction != "input")
    for bit, net in port_bits(netlist, netlist.outputs).items():
        yield PinLoad((-1, bit), net, (output_load_f, output_load_f), False)
