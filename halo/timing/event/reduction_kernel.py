# SPDX-License-Identifier: Apache-2.0
"""Case analysis: what is left of a circuit once some of its nets, such as a weight, are constant.

A gate's constant pins are folded into its table and its arcs; a gate whose reduced table is constant drives a
structural constant. What remains is renumbered so that the kernels touch nothing else: *node* ``i < sources`` is the
``i``-th source, node ``sources + j`` is the output of live gate ``j``.

The same pass computes, per node and edge, the longest structural path under the constants: no change of the node
towards that value can come later. Only arcs that :func:`answers` admits take part, which makes the path follow the
unateness of the reduced function and leave out pins that it ignores.

Tests: tests/timing/event/test_bound.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.jit import inline, kernel
from halo.netlist.model import FLOP

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

TOO_LATE = 2**30
"""fs. Arrivals saturate here: an event time plus one more delay must fit 32 bits in the event kernel."""
DELAY_BITS = 2**31 - 1
"""The bits of an arc's word that hold its delay, fs."""
DISABLED = 2**31
"""The bit of an arc's word that is set in a state where the arc is disabled. Above the delay, so that of several words
the smallest is that of the fastest enabled arc, and of the fastest arc where none is enabled."""


class ReducedArrays(NamedTuple):
    """A reduced circuit of L live gates. Its nodes are the sources, in their order, then the gates.

    Attributes:
        live_gate: int32[L], index of each gate in the full circuit.
        launch_fs: int32[S], launch time of each source.
        kind: uint8[L]; pin_start: int32[L + 1]; pin_node: int32[pins], the node on each pin.
        pin_number: uint8[pins], the pin's number in the full gate.
        table_start: int32[L + 1]; table: uint8; full_state: int32, the full gate's state, for each reduced state.
        arc_start: int32[L + 1]; arc_word: uint32, delay in fs and ``DISABLED``; arc_index: int64, the full circuit's
            arc, for each reduced arc.
        node_of: int32[N], node of each net, or -1.
        path_fs: int32[nodes, 2], longest path to a fall [0] and a rise [1], -1 where the node never makes that edge;
            no more than ``TOO_LATE``.
    """

    live_gate: I32
    launch_fs: I32
    kind: U8
    pin_start: I32
    pin_node: I32
    pin_number: U8
    table_start: I32
    table: U8
    full_state: I32
    arc_start: I32
    arc_word: U32
    arc_index: I64
    node_of: I32
    path_fs: I32


class EndArrays(NamedTuple):
    """Where paths of a reduced circuit end.

    Attributes:
        node: int32[E]; extra_fs: int32[E], setup of the register there, or 0.
    """

    node: I32
    extra_fs: I32


@inline
def senses(n, t0, table):  # type: ignore[no-untyped-def]
    """Masks of the pins whose rise can raise the output in some state, and of those whose rise can lower it."""
    raising = 0
    lowering = 0
    for s in range(1 << n):
        for k in range(n):
            if (s >> k) & 1 == 0:
                if table[t0 + (s | (1 << k))] > table[t0 + s]:
                    raising |= 1 << k
                elif table[t0 + (s | (1 << k))] < table[t0 + s]:
                    lowering |= 1 << k
    return raising, lowering


@inline
def answers(n, t0, table, raising, lowering, a0, arc_word, state, pin):  # type: ignore[no-untyped-def]
    """Whether the arc (state, pin) can be what bounds a change of the output.

    A change of several pins into a state moves the output after the smallest delay of those whose arc is enabled (of
    all, where none is), so any enabled one of them bounds it. One that moves the output alone, which is always enabled,
    is taken where there is one; else the one with the smallest word, the first of equals.

    So a pin that does not move the output alone answers if it does together with some of the pins of larger words that
    do not either. Of these, one whose sense is single (``senses``) helps in one direction only: it need not be tried
    with and without.
    """
    value = table[t0 + state]
    before = state ^ (1 << pin)
    if table[t0 + before] != value:
        return True
    word = arc_word[a0 + state * n + pin]
    either = 0
    for k in range(n):
        if k == pin or table[t0 + (state ^ (1 << k))] != value:
            continue
        other = arc_word[a0 + state * n + k]
        if other > word or (other == word and k > pin):
            raises = (raising >> k) & 1
            lowers = (lowering >> k) & 1
            if raises & lowers:
                either |= 1 << k
            elif (raises if (state >> k) & 1 == value else lowers) == 1:
                before ^= 1 << k
    rest = either
    while table[t0 + (before ^ rest)] == value:
        if rest == 0:
            return False
        rest = (rest - 1) & either
    return True


@kernel
def reduce_arrays(circuit, arc_fs, enabled, constant, source, launch_fs, keep_sinks):  # type: ignore[no-untyped-def]
    """Return the live part of a circuit.

    Args:
        circuit: ``CircuitArrays``.
        arc_fs: int32[arcs], pin-to-output delays in fs; enabled: bool[arcs], where the arc's condition holds.
        constant: int8[N], 0 or 1 for constant nets, -1 else; *completed in place* with the structural constants.
        source: int32[S], nets that start transitions (none of them constant).
        launch_fs: int32[S], launch time of each source.
        keep_sinks: also list gates with a constant output whose inputs move (their pins cost energy).

    Returns:
        ``ReducedArrays``.
    """
    kind = circuit.kind
    out = circuit.out
    pin_start = circuit.pin_start
    pin_net = circuit.pin_net
    table_start = circuit.table_start
    table = circuit.table
    arc_start = circuit.arc_start
    gates = out.shape[0]
    sources = source.shape[0]
    node_of = np.full(constant.shape[0], -1, np.int32)
    for i in range(sources):
        node_of[source[i]] = i
    live_gate = np.empty(gates, np.int32)
    live_kind = np.empty(gates, np.uint8)
    lpin_start = np.zeros(gates + 1, np.int32)
    lpin_node = np.empty(pin_net.shape[0], np.int32)
    lpin_pin = np.empty(pin_net.shape[0], np.uint8)
    ltable_start = np.zeros(gates + 1, np.int32)
    ltable = np.empty(table.shape[0], np.uint8)
    lstate = np.empty(table.shape[0], np.int32)
    larc_start = np.zeros(gates + 1, np.int32)
    larc_word = np.empty(arc_fs.shape[0], np.uint32)
    larc_index = np.empty(arc_fs.shape[0], np.int64)
    arrival = np.full((sources + gates, 2), -1, np.int32)
    for i in range(sources):
        arrival[i, 0] = launch_fs[i]
        arrival[i, 1] = launch_fs[i]
    live = 0
    for g in range(gates):
        if node_of[out[g]] >= 0 or constant[out[g]] >= 0:
            continue  # a state flip-flop (its output is a source) or a net that is constant from outside
        first = pin_start[g]
        n = pin_start[g + 1] - first
        base = 0
        m = 0
        p0 = lpin_start[live]
        for p in range(n):
            c = constant[pin_net[first + p]]
            if c < 0:
                lpin_node[p0 + m] = node_of[pin_net[first + p]]
                lpin_pin[p0 + m] = p
                m += 1
            elif c == 1:
                base |= 1 << p
        t0 = ltable_start[live]
        ones = 0
        for r in range(1 << m):
            s = base
            for k in range(m):
                if (r >> k) & 1:
                    s |= 1 << lpin_pin[p0 + k]
            lstate[t0 + r] = s
            ltable[t0 + r] = table[table_start[g] + s]
            ones += ltable[t0 + r]
        steady = ones == 0 or ones == 1 << m
        if steady:
            constant[out[g]] = 1 if ones > 0 else 0
            if m == 0 or not keep_sinks:
                continue
        a0 = larc_start[live]
        node = sources + live
        for r in range(1 << m):
            for k in range(m):
                full = arc_start[g] + np.int64(lstate[t0 + r]) * n + lpin_pin[p0 + k]
                larc_index[a0 + r * m + k] = full
                larc_word[a0 + r * m + k] = arc_fs[full] if enabled[full] else arc_fs[full] | DISABLED
        if not steady:
            raising, lowering = senses(m, t0, ltable)
            for r in range(1 << m):
                v = ltable[t0 + r]
                for k in range(m):
                    delay = np.int64(larc_word[a0 + r * m + k]) & DELAY_BITS
                    if kind[g] == FLOP:
                        arrival[node, v] = max(arrival[node, v], min(delay, TOO_LATE))
                        continue
                    before = arrival[lpin_node[p0 + k], (r >> k) & 1]
                    if before >= 0 and answers(m, t0, ltable, raising, lowering, a0, larc_word, r, k):
                        arrival[node, v] = max(arrival[node, v], min(before + delay, TOO_LATE))
        if not steady:
            node_of[out[g]] = node
        live_gate[live] = g
        live_kind[live] = kind[g]
        lpin_start[live + 1] = p0 + m
        ltable_start[live + 1] = t0 + (1 << m)
        larc_start[live + 1] = a0 + m * (1 << m)
        live += 1
    return ReducedArrays(
        live_gate[:live].copy(),
        launch_fs,
        live_kind[:live].copy(),
        lpin_start[: live + 1].copy(),
        lpin_node[: lpin_start[live]].copy(),
        lpin_pin[: lpin_start[live]].copy(),
        ltable_start[: live + 1].copy(),
        ltable[: ltable_start[live]].copy(),
        lstate[: ltable_start[live]].copy(),
        larc_start[: live + 1].copy(),
        larc_word[: larc_start[live]].copy(),
        larc_index[: larc_start[live]].copy(),
        node_of,
        arrival[: sources + live].copy(),
    )
