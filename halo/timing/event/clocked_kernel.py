"""Clock cycles of a registered design without delays: the truth that a clocked simulation is compared with."""

from __future__ import annotations

import numpy as np

from halo.jit import kernel


@kernel
def run_cycles(  # type: ignore[no-untyped-def]
    out, pin_start, pin_net, table_start, table, constant, port_net, ports, state_net, next_pin_start, next_pin_net,
    next_table_start, next_table, watched_net, states, watched,
):  # fmt: skip
    """Settle every cycle, gate by gate in topological order, then clock all registers at once.

    Args:
        out, pin_start, pin_net, table_start, table, constant: arrays of the cut ``Circuit``.
        port_net: int32[P]; ports: uint8[T, P], their values.
        state_net: int32[F]; next_pin_start, next_pin_net, next_table_start, next_table: pins and table of each
            register's next value.
        watched_net: int32[O]; watched: uint8[T, O], filled with their settled values.
        states: uint8[T, F], filled from the second row on; the first is the start.
    """
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
