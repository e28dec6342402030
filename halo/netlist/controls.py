# SPDX-License-Identifier: Apache-2.0
"""Clocks and resets of a gate netlist, by what they drive.

An input port that reaches the clock pin of a flip-flop through buffers and inverters is a clock, one that so reaches
a clear or preset pin is a reset, and the gates say which level leaves the registers alone.

Tests: tests/characterization/test_control_ports.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from halo.liberty.model import Function, Library
from halo.netlist.model import Netlist


@dataclass(frozen=True)
class Control:
    """What a one-bit input does to the registers.

    Attributes:
        kind: ``clock``, ``reset``, or ``enable`` (a register loads while it is at one level).
        level: of a reset, the level that leaves the registers alone; of an enable, the one that loads. None: both
            levels occur.
    """

    kind: Literal["clock", "reset", "enable"]
    level: int | None = None


def netlist_controls(netlist: Netlist, library: Library) -> dict[str, Control]:
    """Clocks and asynchronous resets among the one-bit input ports; others are absent.

    Args:
        netlist: as read, ports in any view.
        library: its cells; instances of other cells are passed over.
    """
    driver: dict[int, tuple[int, bool]] = {}
    clocks: set[int] = set()
    resets: dict[int, set[int]] = {}
    for instance in netlist.instances:
        cell = library.cells.get(instance.cell)
        if cell is None:
            continue
        if cell.flipflop is not None:
            flop = cell.flipflop
            clocks.update(instance.pins[pin] for pin in flop.clocked_on.inputs if pin in instance.pins)
            for function in (flop.clear, flop.preset):
                if function is None or len(function.inputs) != 1 or function.inputs[0] not in instance.pins:
                    continue
                resets.setdefault(instance.pins[function.inputs[0]], set()).add(_inactive(function))
        if cell.flipflop is None:
            for pin in cell.outputs:
                function = pin.function
                if function is not None and len(function.inputs) == 1 and pin.name in instance.pins:
                    source = instance.pins.get(function.inputs[0])
                    if source is not None and function.table[0] != function.table[1]:
                        driver[instance.pins[pin.name]] = source, bool(function.table[0])
    reached_clocks = {_origin(net, driver)[0] for net in clocks}
    levels: dict[int, set[int]] = {}
    for net, inactive in resets.items():
        source, inverted = _origin(net, driver)
        levels.setdefault(source, set()).update(level ^ int(inverted) for level in inactive)
    found = {}
    for port, bits in netlist.inputs.items():
        if len(bits) != 1:
            continue
        if bits[0] in reached_clocks:
            found[port] = Control("clock")
        elif bits[0] in levels:
            level = levels[bits[0]]
            found[port] = Control("reset", next(iter(level)) if len(level) == 1 else None)
    return found


def _inactive(function: Function) -> int:
    """The level of its one pin at which a clear or preset is not active."""
    return int(function.table[0])


def _origin(net: int, driver: dict[int, tuple[int, bool]]) -> tuple[int, bool]:
    """The net that a net follows through buffers and inverters, and whether it is its inverse."""
    inverted = False
    seen = set()
    while net in driver and net not in seen:
        seen.add(net)
        net, turned = driver[net]
        inverted ^= turned
    return net, inverted
