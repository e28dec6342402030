# SPDX-License-Identifier: Apache-2.0
"""Questions about a circuit: what is constant, what the outputs are, what they depend on.

Plain numpy, one gate at a time over lanes; the timing kernels have their own loops.

Tests: tests/netlist/test_circuit_graph.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.netlist.model import FLOP, I32, U8, Circuit, Netlist
from halo.netlist.ternary import UNKNOWN_TRIT, live_pins, ternary

I8 = npt.NDArray[np.int8]
U64 = npt.NDArray[np.uint64]

UNKNOWN = -1


def propagate_constants(circuit: Circuit, fixed: Mapping[int, int]) -> I8:
    """Nets that are constant when some nets are held, gate by gate in three-valued logic.

    Each gate is exact (its output is constant when all states that its known pins allow agree); correlation between
    gates is not seen, as in a static timer's case analysis. Flip-flops pass constants (the steady state); a state
    gate's output is constant once its next state is, whatever the state.

    Args:
        circuit: any circuit.
        fixed: net to 0 or 1; it may name driven nets, such as a register's output.

    Returns:
        int8[N]: 0, 1 or -1 (not constant). Clock nets are -1.

    Raises:
        HaloError: a net is held at the opposite of what the netlist ties it to.
    """
    # Numbers, not arrays: eight times as fast as a single lane of those.
    trits: list[int] = _held(circuit, {net: np.array([value], np.uint8) for net, value in fixed.items()}, 1)[
        :, 0
    ].tolist()
    tables = [ternary(circuit.table[a:b].tobytes()).tobytes() for a, b in _spans(circuit.table_start)]
    nets = circuit.pin_net.tolist()
    pins = [nets[a:b][::-1] for a, b in _spans(circuit.pin_start)]
    out = circuit.out.tolist()
    states = len(circuit.state_gates)
    live = [g for g in range(circuit.gates) if out[g] not in fixed]

    def after(gate: int) -> int:
        index = 0
        for net in pins[gate]:
            index = 3 * index + trits[net]
        return tables[gate][index]

    settled = False
    while not settled:
        for g in live:
            if g >= states:
                trits[out[g]] = after(g)
        settled = True
        for g in live:
            if g >= states:
                break
            if trits[out[g]] == UNKNOWN_TRIT and after(g) != UNKNOWN_TRIT:
                trits[out[g]] = after(g)
                settled = False
    return _constants(np.array(trits, np.uint8))


def propagate_constants_lanes(circuit: Circuit, fixed: Mapping[int, U8]) -> I8:
    """``propagate_constants`` for L cases at once: ``fixed`` holds uint8[L] arrays, the result is int8[N, L]."""
    trits = _held(circuit, fixed, len(next(iter(fixed.values()))) if fixed else 1)
    tables = [ternary(circuit.table[a:b].tobytes()) for a, b in _spans(circuit.table_start)]
    pins = [circuit.pin_net[a:b] for a, b in _spans(circuit.pin_start)]
    out = circuit.out.tolist()
    states = len(circuit.state_gates)
    live = [g for g in range(circuit.gates) if out[g] not in fixed]
    while True:
        for g in live:
            if g >= states:
                trits[out[g]] = tables[g][_index(trits, pins[g], 3)]
        changed = False
        for g in live:
            if g >= states:
                break
            after = np.where(trits[out[g]] == UNKNOWN_TRIT, tables[g][_index(trits, pins[g], 3)], trits[out[g]])
            changed |= not np.array_equal(after, trits[out[g]])
            trits[out[g]] = after
        if not changed:
            break
    return _constants(trits)


def _held(circuit: Circuit, fixed: Mapping[int, U8], lanes: int) -> U8:
    """uint8[N, L], trits of nets that are tied or held; the others are unknown.

    Raises:
        HaloError: a net is held at the opposite of what the netlist ties it to.
    """
    trits = np.full((circuit.nets, lanes), UNKNOWN_TRIT, np.uint8)
    for value in (0, 1):
        trits[circuit.constant == value] = value
    for net, values in fixed.items():
        if np.any((circuit.constant[net] != UNKNOWN) & (values != circuit.constant[net])):
            raise HaloError(
                f"net {circuit.netlist.nets[net]} is {circuit.constant[net]} in the netlist and cannot be held at "
                f"{1 - circuit.constant[net]}",
                "Hold it at its own value, or leave it out.",
                circuit.netlist.path or None,
            )
        trits[net] = values
    return trits


def _constants(trits: U8) -> I8:
    """Trits with UNKNOWN for what is not known."""
    result = trits.astype(np.int8)
    result[trits == UNKNOWN_TRIT] = UNKNOWN
    return result


def evaluate(circuit: Circuit, inputs: Mapping[int, U8]) -> U8:
    """Zero-delay value of every net, flip-flops transparent.

    Args:
        circuit: any circuit.
        inputs: net to uint8[L] of 0 and 1, one entry a lane. Must hold every source that a gate or an output port
            reads; may also hold driven nets, which then keep the given values.

    Returns:
        uint8[N, L]. Clock nets are 0.

    Raises:
        ValueError: a source is missing, or the arrays differ in length.
    """
    lengths = {len(values) for values in inputs.values()}
    if len(lengths) > 1:
        raise ValueError(f"lanes differ in number: {sorted(lengths)}")
    lanes = lengths.pop() if lengths else 1
    states = len(circuit.state_gates)
    needed = set(circuit.pin_net[circuit.pin_start[states] :].tolist())
    needed.update(net for bits in circuit.netlist.outputs.values() for net in bits)
    missing = [net for net in circuit.source.tolist() if net in needed and net not in inputs]
    if missing:
        raise ValueError(f"no value for source nets {', '.join(circuit.netlist.nets[net] for net in missing)}")
    values = np.zeros((circuit.nets, lanes), np.uint8)
    values[circuit.constant == 1] = 1
    for net, given in inputs.items():
        values[net] = given
    pins, spans = _spans(circuit.pin_start), _spans(circuit.table_start)
    for g in range(states, circuit.gates):
        net = int(circuit.out[g])
        if net not in inputs:
            table = circuit.table[slice(*spans[g])]
            values[net] = table[_index(values, circuit.pin_net[slice(*pins[g])], 2)]
    return values


def registers_on_way(circuit: Circuit, nets: Iterable[int]) -> I32:
    """Most flip-flops on a way from some nets to each net: int32[N], -1 where no way leads.

    Gates with a state of their own are not gone through.

    Args:
        circuit: any circuit.
        nets: where ways begin.
    """
    depth = np.full(circuit.nets, -1, np.int32)
    depth[list(nets)] = 0
    pins = _spans(circuit.pin_start)
    for g in range(len(circuit.state_gates), circuit.gates):
        before = int(depth[circuit.pin_net[slice(*pins[g])]].max(initial=-1))
        if before >= 0:
            net = int(circuit.out[g])
            depth[net] = max(int(depth[net]), before + int(circuit.kind[g] == FLOP))
    return depth


def free_sources(circuit: Circuit, constant: I8) -> I32:
    """Source nets that are not constant, in the order of ``circuit.source``: bit i of ``support`` is entry i."""
    free: I32 = circuit.source[constant[circuit.source] == UNKNOWN]
    return free


def support(circuit: Circuit, constant: I8) -> U64:
    """Which free sources each net depends on.

    A pin counts only if it changes its gate's output in some state that the gate's constant pins allow.

    Args:
        circuit: any circuit.
        constant: int8[N] from ``propagate_constants``.

    Returns:
        uint64[N]: bit i stands for ``free_sources(circuit, constant)[i]``; 0 for constant nets and clock nets.

    Raises:
        HaloError: more than 64 free sources.
    """
    free = free_sources(circuit, constant)
    if len(free) > 64:
        raise HaloError(
            f"{len(free)} input bits may change, and dependence is tracked for 64 at most",
            "Hold inputs that do not change with --tie NAME=VALUE, or use narrower operands.",
        )
    mask = np.zeros(circuit.nets, np.uint64)
    mask[free] = np.uint64(1) << np.arange(len(free), dtype=np.uint64)
    pins, spans = _spans(circuit.pin_start), _spans(circuit.table_start)
    held = set(free.tolist())
    for g in range(len(circuit.state_gates), circuit.gates):
        net = int(circuit.out[g])
        if constant[net] != UNKNOWN or net in held:
            continue
        nets = circuit.pin_net[slice(*pins[g])]
        table = circuit.table[slice(*spans[g])].tobytes()
        for pin in live_pins(table, tuple(constant[nets].tolist())):
            mask[net] |= mask[nets[pin]]
    return mask


def influenced(circuit: Circuit, constant: I8, nets: Iterable[int]) -> npt.NDArray[np.bool_]:
    """Which nets some nets can influence, at once or after any number of clock edges.

    Args:
        circuit: any circuit.
        constant: int8[N] from ``propagate_constants``; a constant net neither influences nor is influenced.
        nets: where the influence starts.

    Returns:
        bool[N].
    """
    reached = np.zeros(circuit.nets, np.bool_)
    reached[list(nets)] = True
    reached &= constant == UNKNOWN
    pins, spans = _spans(circuit.pin_start), _spans(circuit.table_start)
    changed = True
    while changed:
        changed = False
        for g, net in enumerate(circuit.out.tolist()):
            if reached[net] or constant[net] != UNKNOWN:
                continue
            ends = circuit.pin_net[slice(*pins[g])]
            table = circuit.table[slice(*spans[g])].tobytes()
            if any(reached[ends[pin]] for pin in live_pins(table, tuple(constant[ends].tolist()))):
                reached[net] = changed = True
    return reached


def drive_port(netlist: Netlist, port: str, values: npt.NDArray[np.int64]) -> dict[int, U8]:
    """Bits of an input port over lanes, for ``evaluate``: the low bits of each integer (two's complement)."""
    return {net: (values >> i & 1).astype(np.uint8) for i, net in enumerate(netlist.inputs[port])}


def read_port(netlist: Netlist, values: U8, port: str, *, signed: bool) -> npt.NDArray[np.int64]:
    """An output port as integers.

    Args:
        netlist: the design.
        values: uint8[N, L] from ``evaluate``.
        port: name of an output port of at most 63 bits.
        signed: the port is in two's complement.

    Returns:
        int64[L].
    """
    nets = netlist.outputs[port]
    result = np.zeros(values.shape[1], np.int64)
    for i, net in enumerate(nets):
        result |= values[net].astype(np.int64) << i
    if signed:
        result -= (values[nets[-1]].astype(np.int64)) << len(nets)
    return result


def _spans(start: npt.NDArray[np.integer]) -> list[tuple[int, int]]:
    return list(pairwise(start.tolist()))


def _index(values: U8, nets: I32, radix: int) -> npt.NDArray[np.int64]:
    """State index of a gate in every lane: digit i is the value of its i-th pin."""
    index = np.zeros(values.shape[1], np.int64)
    for net in nets[::-1]:
        index *= radix
        index += values[net]
    return index
