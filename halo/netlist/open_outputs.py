# SPDX-License-Identifier: Apache-2.0
"""Output ports that nothing drives: of no consequence where they are not the result, an error where they are.

Tests: tests/netlist/test_open_outputs.py.
"""

from __future__ import annotations

from dataclasses import replace

from halo.liberty.model import Library
from halo.netlist.model import Netlist


def hold_open_outputs(netlist: Netlist, library: Library, result: str) -> tuple[Netlist, tuple[str, ...]]:
    """The netlist with undriven bits of output ports held at 0, but for those of the result.

    A bit that some pin reads as well stays open.

    Args:
        netlist: the design; library: its cells.
        result: the output port that counts.

    Returns:
        The netlist, and a sentence for each such port.
    """
    driven = {net for bits in netlist.inputs.values() for net in bits} | set(netlist.constants)
    read: set[int] = set()
    for instance in netlist.instances:
        cell = library.cells.get(instance.cell)
        for pin, net in instance.pins.items():
            direction = cell.pins[pin].direction if cell is not None and pin in cell.pins else "inout"
            if direction != "input":
                driven.add(net)
            if direction != "output":
                read.add(net)
    constants = dict(netlist.constants)
    said = []
    for port, bits in netlist.outputs.items():
        held = [net for net in bits if net not in driven and net not in read]
        if port == result or not held:
            continue
        constants |= dict.fromkeys(held, 0)
        some = "Nothing drives" if len(held) == len(bits) else f"Nothing drives {len(held)} bits of"
        said.append(f"{some} output port {port}, which is not the result: taken as 0.")
    return (replace(netlist, constants=constants), tuple(said)) if said else (netlist, ())
