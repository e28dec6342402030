# SPDX-License-Identifier: Apache-2.0
"""Bits of a cell's vector pins by the names that the library gives them.

A netlist connects a vector as a whole (``.D(next)``), leftmost to leftmost, whatever the range of the pin is; only the
library knows that range.

Tests: tests/netlist/test_multibit.py.
"""

from __future__ import annotations

from dataclasses import replace

from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.model import Instance, Netlist


def with_bus_pins(netlist: Netlist, library: Library) -> Netlist:
    """The netlist with the bits of vector pins named as in the library; ``numbered`` is empty then.

    Raises:
        HaloError: a connection is not as wide as the pin.
    """
    if not any(cell in library.cells and library.cells[cell].buses for cell in netlist.numbered):
        return netlist
    instances = [
        _renamed(netlist, instance, library.cells[instance.cell].buses)
        if instance.cell in netlist.numbered and instance.cell in library.cells
        else instance
        for instance in netlist.instances
    ]
    return replace(netlist, instances=tuple(instances), numbered=frozenset())


def _renamed(netlist: Netlist, instance: Instance, buses: dict[str, tuple[str, ...]]) -> Instance:
    pins = dict(instance.pins)
    for bus, members in buses.items():
        given = {pin: pins.pop(pin) for pin in instance.pins if pin == bus or pin.rpartition("[")[0] == bus}
        if not given:
            continue
        if len(given) != len(members):
            raise HaloError(
                f"width mismatch: {len(given)} bits are connected to pin {bus} of instance {instance.name} "
                f"({instance.cell}), which has {len(members)}",
                f"Connect {len(members)} bits.",
                netlist.path or None,
                instance.line or None,
            )
        for place, member in enumerate(reversed(members)):
            pins[member] = given[bus] if len(members) == 1 else given[f"{bus}[{place}]"]
    return replace(instance, pins=pins)
