# SPDX-License-Identifier: Apache-2.0
"""What a register's next value must be while some nets are constant, by every assignment of those that are not.

Constants that go from gate to gate (``propagate_constants``) lose what only holds for both values of a net: a register
that is loaded with 1 or keeps its 1 stays 1, and no gate shows it while the enable is unknown. Through a small cone
every assignment can be tried.

Tests: tests/netlist/test_cones.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from halo.netlist.graph import UNKNOWN
from halo.netlist.model import Circuit

I8 = npt.NDArray[np.int8]

FREE_NETS = 10
"""Most sources of a cone that are tried: 1,024 assignments."""


def driver_of(circuit: Circuit) -> dict[int, int]:
    """Gate that drives each net that is no source."""
    return {net: gate for gate, net in enumerate(circuit.out.tolist())}


def cone_value(
    circuit: Circuit, driver: Mapping[int, int], constant: I8, pins: Sequence[int], table: Sequence[int]
) -> int:
    """Value of a function of some nets over all assignments of the sources that are not constant.

    Args:
        circuit: combinational gates.
        driver: as ``driver_of``.
        constant: int8[N], 0 or 1, or UNKNOWN.
        pins: nets of the function, the least significant of its table first.
        table: its values.

    Returns:
        0 or 1 where it is the same for all of them; else UNKNOWN, also where more than FREE_NETS sources matter.
    """
    free: list[int] = []
    order: list[int] = []
    seen: set[int] = set()
    waiting = [(net, False) for net in pins]
    while waiting:
        net, inputs_done = waiting.pop()
        if inputs_done:
            order.append(driver[net])
        elif net not in seen and constant[net] == UNKNOWN:
            seen.add(net)
            gate = driver.get(net)
            if gate is None:
                free.append(net)
                if len(free) > FREE_NETS:
                    return UNKNOWN
                continue
            waiting.append((net, True))
            waiting += [(n, False) for n in circuit.pin_net[_span(circuit.pin_start, gate)].tolist()]
    lanes = (1 << (1 << len(free))) - 1  # a bit an assignment
    words = {net: _alternating(i, len(free)) for i, net in enumerate(free)}

    def word(net: int) -> int:
        known = int(constant[net])
        return words[net] if known == UNKNOWN else known * lanes

    for gate in order:
        inputs = [word(net) for net in circuit.pin_net[_span(circuit.pin_start, gate)].tolist()]
        words[int(circuit.out[gate])] = _apply(circuit.table[_span(circuit.table_start, gate)].tolist(), inputs, lanes)
    value = _apply(table, [word(net) for net in pins], lanes)
    return 0 if value == 0 else 1 if value == lanes else UNKNOWN


def _apply(table: Sequence[int], inputs: Sequence[int], lanes: int) -> int:
    """A gate on all lanes at once: for each state with output 1 the lanes that are in it."""
    value = 0
    for state, output in enumerate(table):
        if output:
            term = lanes
            for pin, word in enumerate(inputs):
                term &= word if state >> pin & 1 else ~word
            value |= term
    return value


def _alternating(place: int, count: int) -> int:
    """Bit n is bit ``place`` of n, for n below ``2 ** count``."""
    return sum(1 << n for n in range(1 << count) if n >> place & 1)


def _span(start: npt.NDArray[np.integer], gate: int) -> slice:
    return slice(int(start[gate]), int(start[gate + 1]))
