# SPDX-License-Identifier: Apache-2.0
"""Clock cycles of a registered design without delays: the truth that a clocked simulation is compared with.

Tests: tests/flow/gate_level/test_clocked_designs.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.jit import kernel

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


class Registers(NamedTuple):
    """The registers that a circuit has been cut at.

    Attributes:
        state_net: int32[F], net that carries each register's state.
        pin_start: int64[F + 1]; pin_net: int32, pins of each register's next value.
        table_start: int64[F + 1]; table: uint8, the next value.
    """

    state_net: I32
    pin_start: I64
    pin_net: I32
    table_start: I64
    table: U8


@kernel
def run_cycles(circuit, registers, port_net, ports, watched_net, states, watched):  # type: ignore[no-untyped-def]
    """Settle every cycle, gate by gate in topological order, then clock all registers at once.

    Args:
        circuit: ``CircuitArrays`` of the cut circuit; registers: ``Registers``.
        port_net: int32[P]; ports: uint8[T, P], their values.
        watched_net: int32[O]; watched: uint8[T, O], filled with their settled values.
        states: uint8[T, F], filled from the second row on; the first is the start.
    """
    out = circuit.out
    pin_start = circuit.pin_start
    pin_net = circuit.pin_net
    table_start = circuit.table_start
    table = circuit.table
    constant = circuit.constant
    state_net = registers.state_net
    next_pin_start = registers.pin_start
    next_pin_net = registers.pin_net
    next_table_start = registers.table_start
    next_table = registers.table
    value = np.zeros(constant.shape[0], np.int64)
    for net in range(constant.shape[0]):
        if constant[net] == 1:
            value[net] = 1
    cycles = ports.shape[0]
    for t in range(cycles):
        for i in range(port_net.shape[0]):
            value[port_net[i]] = ports[t, i]
        for f in range(state_net.shape[0]):
            value[state_net[f]] = states[t, f]
        for g in range(out.shape[0]):
            index = 0
            for p in range(pin_start[g + 1] - pin_start[g]):
                index |= value[pin_net[pin_start[g] + p]] << p
            value[out[g]] = table[table_start[g] + index]
        for i in range(watched_net.shape[0]):
            watched[t, i] = value[watched_net[i]]
        if t + 1 < cycles:
            for f in range(state_net.shape[0]):
                index = 0
                for p in range(next_pin_start[f + 1] - next_pin_start[f]):
                    index |= value[next_pin_net[next_pin_start[f] + p]] << p
                states[t + 1, f] = next_table[next_table_start[f] + index]
