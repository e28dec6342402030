# SPDX-License-Identifier: Apache-2.0
"""A registered design cut at its flip-flops: one clock cycle as one transition of a combinational circuit.

Every flip-flop becomes a source and an endpoint. The source is a *state* net, the register's output value, in front of
a gate that carries the clock-to-output delay by edge; the endpoints are its data pins, with their setup. Input ports
change when a register before them would, output ports end paths at a register behind them. So the engines see, and
count, all that happens between two clock edges, whatever feeds back on what.

Tests: tests/flow/gate_level/test_clocked_designs.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.cones import cone_value, driver_of
from halo.netlist.graph import I8, propagate_constants
from halo.netlist.model import COMB, FLOP, I32, I64, U8, Circuit
from halo.timing.clock_edges import require_one_edge
from halo.timing.delays import BOOL, Delays
from halo.timing.event.clocked_kernel import Registers, run_cycles
from halo.timing.event.reduction import TimedCircuit
from halo.timing.overhead import RegisterOverhead, ports_overhead
from halo.units import to_femtoseconds


@dataclass(frozen=True, eq=False)
class Trace:
    """T clock cycles of a design without delays.

    Attributes:
        sources: uint8[T, S], value of every source of the cut circuit during each cycle, registers included.
        outputs: uint8[T, O], bits of the output ports in port order, least significant first.
    """

    sources: U8
    outputs: U8


@dataclass(frozen=True, eq=False)
class Registered:
    """A design and its cut.

    Attributes:
        clocked: the circuit as compiled, with its flip-flops; delays: of its arcs.
        timed: the cut circuit. Its sources are the input-port bits, then the states; its first gates launch the states.
        state: int32[F], state net of each flip-flop output; flop: int32[F], its gate in ``clocked``.
        overhead: the register assumed before and behind the ports.
        first_launch_fs: nothing changes earlier than this after a clock edge.
    """

    clocked: Circuit
    delays: Delays
    timed: TimedCircuit
    state: I32
    flop: I32
    overhead: RegisterOverhead
    first_launch_fs: int

    @property
    def port_sources(self) -> I32:
        """Sources that are bits of input ports."""
        ports: I32 = self.timed.circuit.source[: len(self.timed.circuit.source) - len(self.state)]
        return ports

    @property
    def output_nets(self) -> I32:
        """Nets of the output ports, in port order, least significant bit first."""
        return np.array([net for bits in self.clocked.netlist.outputs.values() for net in bits], np.int32)

    def drive(self, values: Mapping[str, I64]) -> U8:
        """Bits of the input ports over T cycles: uint8[T, ports], in the order of ``port_sources``.

        Args:
            values: int64[T] for every input port but the clock; the low bits count (two's complement).

        Raises:
            HaloError: a port is missing or unknown.
        """
        inputs = self.clocked.netlist.inputs
        moving = {int(net) for net in self.port_sources}
        needed = [port for port, bits in inputs.items() if moving.intersection(bits)]
        if set(values) != set(needed):
            wrong = sorted(set(values) ^ set(needed))
            raise HaloError(
                f"stimulus and design differ in input ports {', '.join(wrong)}", "Play a design with known ports."
            )
        column = {net: (port, i) for port in needed for i, net in enumerate(inputs[port])}
        bits = [values[column[int(net)][0]] >> column[int(net)][1] & 1 for net in self.port_sources]
        return np.ascontiguousarray(np.stack(bits, axis=1).astype(np.uint8))

    def run(self, ports: U8, start: U8 | None = None) -> Trace:
        """Play clock cycles without delays.

        Args:
            ports: uint8[T, ports], as ``drive`` gives them.
            start: uint8[F], states in the first cycle; None: 0.
        """
        circuit, clocked = self.timed.circuit, self.clocked
        pins = [clocked.pin_net[clocked.pin_start[g] : clocked.pin_start[g + 1]] for g in self.flop]
        tables = [clocked.table[clocked.table_start[g] : clocked.table_start[g + 1]] for g in self.flop]
        states = np.zeros((len(ports), len(self.state)), np.uint8)
        if start is not None:
            states[0] = start
        outputs = np.zeros((len(ports), len(self.output_nets)), np.uint8)
        registers = Registers(
            state_net=self.state,
            pin_start=np.cumsum([0, *(len(p) for p in pins)]),
            pin_net=np.concatenate([*pins, np.zeros(0, np.int32)]),
            table_start=np.cumsum([0, *(len(t) for t in tables)]),
            table=np.concatenate([*tables, np.zeros(0, np.uint8)]),
        )
        run_cycles(circuit.arrays, registers, self.port_sources, ports, self.output_nets, states, outputs)
        return Trace(np.concatenate([ports, states], axis=1), outputs)

    def kept(self, sources: U8) -> dict[int, int]:
        """Registers that provably keep their value for as long as the ports that are still in a trace stay still.

        Candidates are the registers and ports that do not move in the trace. One is dropped while the others do not
        imply its next value; what remains is an inductive invariant, so it holds beyond the trace.

        Args:
            sources: uint8[T, S] of a ``Trace``, steady part only.

        Returns:
            Source net to value: the still ports and the kept registers.
        """
        circuit = self.timed.circuit
        driver = driver_of(circuit)
        still = np.all(sources == sources[0], axis=0)
        fixed = {int(net): int(sources[0, i]) for i, net in enumerate(circuit.source) if still[i]}
        while True:
            constant = propagate_constants(circuit, fixed)
            lost = [
                state
                for state, gate in zip(self.state.tolist(), self.flop.tolist(), strict=True)
                if state in fixed and self._next_value(gate, constant, driver) != fixed[state]
            ]
            if not lost:
                return fixed
            for state in lost:
                del fixed[state]

    def _next_value(self, gate: int, constant: I8, driver: Mapping[int, int]) -> int:
        """What a flip-flop takes while some nets are constant: 0, 1 or UNKNOWN."""
        clocked = self.clocked
        pins = clocked.pin_net[clocked.pin_start[gate] : clocked.pin_start[gate + 1]].tolist()
        table = clocked.table[clocked.table_start[gate] : clocked.table_start[gate + 1]].tolist()
        return cone_value(self.timed.circuit, driver, constant, pins, table)


def cut_at_registers(circuit: Circuit, delays: Delays, library: Library, *, clock_slew_s: float) -> Registered:
    """Cut a design at its flip-flops.

    Input ports change after the clock edge by the clock-to-output delay of the library's plain flip-flop with the
    heaviest input port as its load.

    Args:
        circuit: compiled without held nets.
        delays: its nominal delays.
        library: its cells.
        clock_slew_s: transition of the clock.

    Raises:
        HaloError: no flip-flop in the design, or none in the library; flip-flops of both clock edges.
    """
    flops = np.flatnonzero(circuit.kind == FLOP).astype(np.int32)
    if not len(flops):
        raise HaloError(
            f"{circuit.netlist.name} has no flip-flops: there is nothing to clock", "Give a registered design."
        )
    require_one_edge(circuit)
    netlist = circuit.netlist
    states_before = {int(circuit.out[g]) for g in circuit.state_gates}
    ports = np.array([net for net in circuit.source if int(net) not in states_before], np.int32)
    out_nets = [net for bits in netlist.outputs.values() for net in bits]
    overhead = ports_overhead(circuit, delays, library, clock_slew_s=clock_slew_s)
    port_launch = to_femtoseconds(overhead.clk_to_q_s)
    state = np.arange(circuit.nets, circuit.nets + len(flops), dtype=np.int32)
    cut, arc_fs, enabled = _cut(circuit, delays, flops, ports, state)
    launch = np.zeros(cut.nets, np.int32)
    launch[ports] = port_launch
    ends, extra = _endpoints(circuit, delays, flops, out_nets, to_femtoseconds(overhead.setup_s))
    launches = arc_fs[: 2 * len(flops)]
    return Registered(
        clocked=circuit,
        delays=delays,
        timed=TimedCircuit(cut, arc_fs, enabled, launch, ends, extra),
        state=state,
        flop=flops,
        overhead=overhead,
        first_launch_fs=min(int(launches.min()), port_launch),
    )


def _cut(circuit: Circuit, delays: Delays, flops: I32, ports: I32, state: I32) -> tuple[Circuit, I32, BOOL]:
    """The circuit with a one-input gate in the place of each flip-flop, these first, and its arcs with ``enabled``."""
    rest = np.flatnonzero(circuit.kind != FLOP)
    launch_fs = np.array([_launch(circuit, delays, int(g)) for g in flops], np.int32).reshape(-1)
    widths = np.concatenate([np.ones(len(flops), np.int64), np.diff(circuit.pin_start)[rest]])

    def gather(start: I32 | I64, values: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        return [values[start[g] : start[g + 1]] for g in rest]

    tables = [np.array([0, 1], np.uint8)] * len(flops) + gather(circuit.table_start, circuit.table)
    arcs = [launch_fs, *gather(circuit.arc_start, delays.arc_fs)]
    enabled = [np.ones(len(launch_fs), np.bool_), *gather(circuit.arc_start, delays.enabled)]
    names = [circuit.netlist.instances[circuit.instance[g]].name for g in flops]
    pin_names = [name for g in rest for name in circuit.pin_name[circuit.pin_start[g] : circuit.pin_start[g + 1]]]
    order = [*flops.tolist(), *rest.tolist()]
    cut = Circuit(
        netlist=replace(
            circuit.netlist,
            nets=(*circuit.netlist.nets, *(f"state of {n}" for n in names)),
        ),
        kind=np.concatenate([np.full(len(flops), COMB, np.uint8), circuit.kind[rest]]),
        instance=circuit.instance[order],
        output_pin=tuple(circuit.output_pin[g] for g in order),
        out=circuit.out[order],
        pin_start=np.concatenate([[0], np.cumsum(widths)]).astype(np.int32),
        pin_net=np.concatenate([state, *gather(circuit.pin_start, circuit.pin_net)]).astype(np.int32),
        pin_name=(*["state"] * len(flops), *pin_names),
        table_start=np.concatenate([[0], np.cumsum(1 << widths)]).astype(np.int64),
        table=np.concatenate(tables),
        arc_start=np.concatenate([[0], np.cumsum(widths << widths)]).astype(np.int64),
        constant=np.concatenate([circuit.constant, np.full(len(flops), -1, np.int8)]),
        source=np.concatenate([ports, state]),
        clock_nets=circuit.clock_nets,
        state_gates=np.zeros(0, np.int32),
        async_pins=circuit.async_pins,
        falling=circuit.falling,
    )
    return cut, np.concatenate(arcs).astype(np.int32), np.concatenate(enabled)


def _launch(circuit: Circuit, delays: Delays, gate: int) -> tuple[int, int]:
    """Clock-to-output delay of a flip-flop's falling and rising output."""
    width = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
    table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
    by_edge: dict[int, int] = {}
    for state, value in enumerate(table.tolist()):
        by_edge.setdefault(value, int(delays.arc_fs[circuit.arc_start[gate] + state * width]))
    known = next(iter(by_edge.values()))
    return by_edge.get(0, known), by_edge.get(1, known)


def _endpoints(circuit: Circuit, delays: Delays, flops: I32, out_nets: list[int], setup_fs: int) -> tuple[I32, I32]:
    """Nets that end paths, each once, and the longest setup there."""
    extra: dict[int, int] = dict.fromkeys(out_nets, setup_fs)
    for gate in flops:
        for pin in range(circuit.pin_start[gate], circuit.pin_start[gate + 1]):
            net = int(circuit.pin_net[pin])
            extra[net] = max(extra.get(net, int(delays.setup_fs[pin])), int(delays.setup_fs[pin]))
    return np.array(list(extra), np.int32), np.array(list(extra.values()), np.int32)
