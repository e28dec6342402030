# SPDX-License-Identifier: Apache-2.0
"""Supplies out of a netlist: power, ground and bias carry no signal.

Layout tools write them (``.VPWR(VPWR)``, ``inout VPWR``), and cells that have nothing else (fillers, well taps), which
many libraries do not list. The library names supply pins in its ``pg_pin`` groups.

Tests: tests/netlist/test_foreign_netlists.py.
"""

from __future__ import annotations

from dataclasses import replace

from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.model import Instance, Netlist


def without_supplies(netlist: Netlist, library: Library) -> Netlist:
    """The netlist without supply pins, and without the ports and unlisted cells that have nothing else.

    A pin is a supply if its cell has no such signal pin and some cell of the library has such a ``pg_pin``. A
    bidirectional port is left out if no signal pin hangs on it, and is an input if only signal inputs do.

    Args:
        netlist: as read. Net numbers stay as they are.
        library: its cells.

    Raises:
        HaloError: a cell drives a bidirectional port.
    """
    supplies = frozenset(name for cell in library.cells.values() for name in cell.pg_pins)
    instances: list[Instance] = []
    powered: set[int] = set()
    signals = {net for bits in netlist.outputs.values() for net in bits}
    driven: set[int] = set()
    for instance in netlist.instances:
        cell = library.cells.get(instance.cell)
        pins = cell.pins if cell is not None else {}
        kept = {pin: net for pin, net in instance.pins.items() if pin in pins or pin not in supplies}
        signals.update(kept.values())
        powered.update(net for pin, net in instance.pins.items() if pin not in kept)
        driven.update(net for pin, net in kept.items() if pin in pins and pins[pin].direction != "input")
        if cell is not None or kept:
            instances.append(instance if len(kept) == len(instance.pins) else replace(instance, pins=kept))
    if not powered and not netlist.inouts and len(instances) == len(netlist.instances):
        return netlist
    inputs = {
        port: bits
        for port, bits in netlist.inputs.items()
        if signals.intersection(bits) or not powered.issuperset(bits)
    }
    for port, bits in netlist.inouts.items():
        if driven.intersection(bits) or not netlist.constants.keys().isdisjoint(bits):
            raise HaloError(
                f"port {port} of the top module is bidirectional",
                "A MAC needs separate inputs and outputs; supply pins count as such if the library has pg_pin groups.",
                netlist.path or None,
            )
        if signals.intersection(bits):
            inputs[port] = bits
    return replace(netlist, inputs=inputs, inouts={}, instances=tuple(instances))
