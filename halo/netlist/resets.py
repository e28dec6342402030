# SPDX-License-Identifier: Apache-2.0
"""Asynchronous clear and preset: a circuit is timed with all of them inactive."""

from __future__ import annotations

import numpy as np

from halo.errors import HaloError
from halo.liberty.model import Function, Library
from halo.netlist.graph import I8, UNKNOWN
from halo.netlist.model import Circuit


def require_inactive_resets(circuit: Circuit, library: Library, constant: I8) -> None:
    """Check that no flip-flop of a circuit can be cleared or preset while some nets are held.

    Args:
        circuit: compiled against ``library``.
        library: its cells.
        constant: int8[N] from ``propagate_constants`` with the tied inputs.

    Raises:
        HaloError: a clear or preset is active, or not known to be inactive; names the port or net to hold and, where
            only one value switches the reset off, that value.
    """
    netlist = circuit.netlist
    for number in dict.fromkeys(instance for instance, _, _ in circuit.async_pins):
        instance = netlist.instances[number]
        flops = library.cells[instance.cell].flipflops
        controls = [pair for flop in flops for pair in ((flop.clear, "clear"), (flop.preset, "preset"))]
        for function, name in controls:
            if function is None:
                continue
            nets = [instance.pins[pin] for pin in function.inputs]
            known = [int(constant[net]) for net in nets]
            reached = _values(function, known)
            if reached == {0}:
                continue
            place = (netlist.path or None, instance.line or None)
            if reached == {1}:
                raise HaloError(
                    f"the {name} of flip-flop {instance.name} is always active",
                    "Tie the reset to its inactive level with --tie NAME=VALUE.",
                    *place,
                )
            free = [i for i, value in enumerate(known) if value == UNKNOWN]
            wanted = [_off(function, known, i) for i in free]
            ties = ", ".join(
                netlist.nets[nets[i]] + ("" if value is None else f" (at {value})")
                for i, value in zip(free, wanted, strict=True)
            )
            raise HaloError(
                f"the {name} of flip-flop {instance.name} may become active: {ties} is not held",
                "Tie the reset that drives it to its inactive level with --tie NAME=VALUE.",
                *place,
            )


def _values(function: Function, known: list[int]) -> set[int]:
    """Values a function can take when some inputs are known."""
    states = np.arange(len(function.table))
    allowed = np.ones(len(function.table), np.bool_)
    for i, value in enumerate(known):
        if value != UNKNOWN:
            allowed &= (states >> i & 1) == value
    return set(function.table[allowed].tolist())


def _off(function: Function, known: list[int], i: int) -> int | None:
    """The value of input i that alone switches the function off, if exactly one does."""
    values = [v for v in (0, 1) if _values(function, [*known[:i], v, *known[i + 1 :]]) == {0}]
    return values[0] if len(values) == 1 else None
