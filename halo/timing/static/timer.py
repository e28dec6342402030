# SPDX-License-Identifier: Apache-2.0
"""Static timing under case analysis: the worst arrival for each weight, equal to OpenSTA 3.1's.

Paths start at input-port bits at time 0 and at flip-flop outputs at their clock-to-output delay; they end at
output-port bits and at flip-flop data pins. Slews are recalculated for every case. The rules are in
:mod:`halo.timing.static.timer_kernel`; :mod:`halo.timing.static.reference` is the same in plain Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.graph import propagate_constants_lanes
from halo.netlist.model import FLOP, Circuit
from halo.parasitics.loads import Wires
from halo.parasitics.network import port_bits
from halo.timing.clock_edges import flop_edges, port_edge
from halo.timing.static.checks import setup_times
from halo.timing.static.paths import PathStep, path_to
from halo.timing.static.timer_kernel import NetState, StartArrays, time_cases
from halo.timing.static.wired import LoadedGraph, loaded_graph, sink_state
from halo.timing.wires import bit_name

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
F64 = npt.NDArray[np.float64]

Case = Mapping[int, npt.NDArray[np.uint8] | npt.NDArray[np.int8]]
"""Held nets: net index to uint8[W], the value (0 or 1) in each of W cases."""


@dataclass(frozen=True)
class Endpoint:
    """Where paths end.

    Attributes:
        name: ``p[3]`` for a port bit, ``instance/pin`` for a flip-flop's data pin.
        net: index of its net.
        pin: index into ``Circuit.pin_net`` of a flip-flop's pin, or -1 for a port bit.
        cell: the flip-flop's cell, or empty.
    """

    name: str
    net: int
    pin: int = -1
    cell: str = ""


@dataclass(frozen=True, eq=False)
class StaticArrivals:
    """Arrivals of W cases at E endpoints.

    Attributes:
        endpoints: E endpoints: port bits in port order, then flip-flop pins in gate order.
        arrival_s: float64[W, E, 2], seconds, by edge (fall, rise); -1 where no path arrives.
        slew_s: float64[W, E, 2], seconds.
        setup_s: float64[W, E, 2], seconds, setup of the flip-flop for that edge; ``output_setup_s`` at ports.
    """

    endpoints: tuple[Endpoint, ...]
    arrival_s: F64
    slew_s: F64
    setup_s: F64

    @property
    def delay_s(self) -> F64:
        """Worst arrival of each case, seconds; 0 where nothing can change at any endpoint."""
        worst: F64 = self.arrival_s.max(axis=(1, 2), initial=0.0)
        return worst

    @property
    def delay_with_setup_s(self) -> F64:
        """The same with the setup of the endpoint's flip-flop added."""
        ends = np.where(self.arrival_s >= 0, self.arrival_s + self.setup_s, 0.0)
        worst: F64 = ends.max(axis=(1, 2), initial=0.0)
        return worst


def endpoints(circuit: Circuit) -> tuple[Endpoint, ...]:
    """Output-port bits, then flip-flop data pins."""
    netlist = circuit.netlist
    found = {}
    for port, bits in netlist.outputs.items():
        for i, net in enumerate(bits):
            name = bit_name(circuit, port, i)
            found[name] = Endpoint(name, net)
    for gate in np.flatnonzero(circuit.kind == FLOP):
        instance = netlist.instances[circuit.instance[gate]]
        for pin in range(circuit.pin_start[gate], circuit.pin_start[gate + 1]):
            if circuit.pin_name[pin] == circuit.output_pin[gate]:
                continue  # The register's own value, which it may hold.
            name = f"{instance.name}/{circuit.pin_name[pin]}"
            found[name] = Endpoint(name, int(circuit.pin_net[pin]), pin, instance.cell)
    return tuple(found.values())


class StaticTimer:
    """A circuit with the delay curves of its loads, ready to time any cases.

    Args:
        circuit: compiled netlist.
        loaded: its arcs, loads and wires, from :func:`halo.timing.static.wired.loaded_graph`.
        input_slew_s: transition of the input ports.
        clock_slew_s: transition of the clock; None: that of the input ports.
        input_arrival_s: when the input ports change after the clock edge.
        launch_edge: of the clock (FALL, RISE); paths that start at the other are left out. None: all paths.
        late: last arrivals and largest slews; False: first arrivals and smallest slews.
        from_ports: paths start at input ports as well as at flip-flops.
    """

    def __init__(
        self,
        circuit: Circuit,
        loaded: LoadedGraph,
        input_slew_s: float,
        clock_slew_s: float | None = None,
        input_arrival_s: float = 0.0,
        launch_edge: int | None = None,
        *,
        late: bool = True,
        from_ports: bool = True,
    ) -> None:
        self.circuit = circuit
        self.graph = loaded.graph
        self.wires = loaded.wires
        self.sink = loaded.sink
        self.late = late
        flop_outputs = circuit.out[circuit.state_gates]
        ports = np.setdiff1d(circuit.source, flop_outputs).astype(np.int32)
        launches = np.ones(circuit.gates, np.uint8)
        if launch_edge is not None:
            launches = (flop_edges(circuit) == launch_edge).astype(np.uint8)
            ports = ports if port_edge(circuit) == launch_edge else ports[:0]
        if not from_ports:
            ports = ports[:0]
        inputs = [net for bits in circuit.netlist.inputs.values() for net in bits]
        clock_s = float(input_slew_s if clock_slew_s is None else clock_slew_s)
        self.start = StartArrays(
            input_net=np.array(inputs, dtype=np.int32),
            start_net=ports,
            launches=launches,
            input_slew_s=np.array(
                [clock_s if net in circuit.clock_nets else input_slew_s for net in inputs], np.float64
            ),
            clock_slew_s=clock_s,
            arrival_s=float(input_arrival_s),
        )
        self.nets = NetState(
            value=np.zeros(circuit.nets, dtype=np.int8),
            arrival=np.zeros((circuit.nets, 2)),
            slew=np.zeros((circuit.nets, 2)),
            from_arc=np.zeros((circuit.nets, 2), dtype=np.int64),
            sinks=sink_state(loaded.wires, np.zeros(0, np.int32), 1),
        )

    def time(
        self, case: Case, end_net: I32, end_sink: I32 | None = None, *, through_flops: bool, dead_slew: bool = True
    ) -> tuple[F64, F64]:
        """Time W cases; ``nets`` keeps the state of the last one.

        Args:
            case: held nets.
            end_net: int32[E], where arrivals are asked for; end_sink: int32[E], the sink there, -1 for the driver.
            through_flops, dead_slew: as for :func:`static_arrivals`.

        Returns:
            Arrival and slew, float64[W, E, 2] each, seconds, by edge (fall, rise).
        """
        if through_flops:
            case = self._with_flops(case)
        case_net = np.fromiter(case.keys(), dtype=np.int32, count=len(case))
        if len(case):
            case_value = np.ascontiguousarray(np.stack([np.asarray(v) for v in case.values()], axis=1), dtype=np.int8)
        else:
            case_value = np.zeros((1, 0), dtype=np.int8)
        if self.wires is not None and len(case_value) > 1 and not len(self.nets.sinks.memo.turn):
            graph = self.graph.arrays
            arcs_of = np.diff(graph.arc_start[graph.set_start])
            arc_net = np.repeat(self.circuit.out, arcs_of)
            self.nets = self.nets._replace(sinks=sink_state(self.wires, arc_net, len(case_value)))
        shape = (len(case_value), len(end_net), 2)
        end_arrival, end_slew = np.zeros(shape), np.zeros(shape)
        time_cases(
            self.circuit.arrays,
            self.graph.arrays,
            self.wires,
            self.start,
            dead_slew,
            self.late,
            case_net,
            case_value,
            end_net,
            np.full(len(end_net), -1, np.int32) if end_sink is None else end_sink,
            end_arrival,
            end_slew,
            self.nets,
        )
        return end_arrival, end_slew

    def _with_flops(self, case: Case) -> dict[int, npt.NDArray[np.int8]]:
        """The case and the constants that it leaves at flip-flop outputs, -1 where there is none."""
        constant = propagate_constants_lanes(self.circuit, {net: np.asarray(v, np.uint8) for net, v in case.items()})
        held = {net: np.asarray(values, dtype=np.int8) for net, values in case.items()}
        for net in self.circuit.out[self.circuit.kind == FLOP]:
            if net not in held and constant[net].max() >= 0:
                held[int(net)] = constant[net]
        return held

    def sinks_of(self, ends: Sequence[Endpoint]) -> I32:
        """Sink of each endpoint, or -1: int32[E]."""
        found = np.full(len(ends), -1, np.int32)
        for i, end in enumerate(ends if self.wires is not None else ()):
            if end.pin >= 0:
                found[i] = self.wires.pin_sink[end.pin] if self.wires is not None else -1
            else:
                found[i] = self.sink.get((-1, end.name), -1)
        return found

    def pin_slew_s(self, pin: int) -> F64:
        """Transition at a gate's pin in the last case timed: float64[2], by edge (fall, rise)."""
        if self.wires is not None and self.wires.pin_sink[pin] >= 0:
            at_sink: F64 = self.nets.sinks.slew[self.wires.pin_sink[pin]]
            return at_sink
        at_driver: F64 = self.nets.slew[self.circuit.pin_net[pin]]
        return at_driver

    def port_slews_s(self) -> F64:
        """Transition at every bit of the output ports in the last case timed: float64[O, 2], by edge (fall, rise)."""
        found = [
            self.nets.sinks.slew[self.sink[-1, bit]] if (-1, bit) in self.sink else self.nets.slew[net]
            for bit, net in port_bits(self.circuit.netlist, self.circuit.netlist.outputs).items()
        ]
        return np.array(found, np.float64).reshape(-1, 2)

    def nominal_slew(self) -> F64:
        """Worst slew of each net without case analysis: float64[N, 2], seconds, by edge (fall, rise)."""
        self.time({}, np.zeros(0, dtype=np.int32), through_flops=False)
        return self.nets.slew.copy()


def _timer(
    circuit: Circuit,
    library: Library,
    input_slew_s: float,
    output_load_f: float,
    wires: Wires | None,
    clock_slew_s: float | None = None,
    input_arrival_s: float = 0.0,
    launch_edge: int | None = None,
) -> StaticTimer:
    loaded = loaded_graph(circuit, library, output_load_f, wires)
    return StaticTimer(circuit, loaded, input_slew_s, clock_slew_s, input_arrival_s, launch_edge)


def _check_case(circuit: Circuit, case: Case) -> None:
    for net, values in case.items():
        if not np.isin(values, (0, 1)).all():
            raise HaloError(
                f"net {circuit.netlist.nets[net]} is held at a value other than 0 or 1",
                "Hold nets at 0 or 1; leave nets that change out of the case.",
            )


def static_arrivals(
    circuit: Circuit,
    library: Library,
    *,
    case: Case,
    input_slew_s: float,
    output_load_f: float,
    wires: Wires | None = None,
    through_flops: bool = True,
    dead_slew: bool = True,
    input_arrival_s: float = 0.0,
    output_setup_s: float = 0.0,
    launch_edge: int | None = None,
    clock_slew_s: float | None = None,
) -> StaticArrivals:
    """Worst arrival at every endpoint for each of W cases.

    Args:
        circuit: compiled netlist.
        library: the corner.
        case: held nets, each with its W values; an empty case times the circuit once with nothing held.
        input_slew_s: transition of the input ports.
        output_load_f: external load of each bit of an output port.
        wires: of the netlist; None: they are nothing.
        through_flops: a register whose next state is constant has a constant output, as it has once the held values
            have been clocked through. OpenSTA stops constants at registers: False for comparison with it.
        dead_slew: arcs that the held nets have switched off still count for the slew of their output, as in OpenSTA 3.
            False leaves them out, as OpenSTA 2 did.
        input_arrival_s: when the input ports change after the clock edge.
        output_setup_s: what a register behind the output ports needs.
        launch_edge: paths that start at this clock edge only (``halo.timing.clock_edges``); None: all.
        clock_slew_s: transition of the clock; None: that of the input ports.

    Raises:
        HaloError: a held value is not 0 or 1 or contradicts the netlist, or a delay table has an unknown axis.
    """
    _check_case(circuit, case)
    ends = endpoints(circuit)
    end_net = np.array([end.net for end in ends], dtype=np.int32)
    timer = _timer(circuit, library, input_slew_s, output_load_f, wires, clock_slew_s, input_arrival_s, launch_edge)
    end_sink = timer.sinks_of(ends)
    arrival_s, slew_s = timer.time(case, end_net, end_sink, through_flops=through_flops, dead_slew=dead_slew)
    setup_s = np.zeros_like(slew_s)
    clock_s = input_slew_s if clock_slew_s is None else clock_slew_s
    for i, end in enumerate(ends):
        if not end.cell:
            setup_s[:, i] = output_setup_s
        else:
            pin = circuit.pin_name[end.pin]
            times = setup_times(library.cells[end.cell], pin, slew_s[:, i], clock_s)
            if times is not None:
                setup_s[:, i] = times
    return StaticArrivals(ends, arrival_s, slew_s, setup_s)


def worst_path(
    circuit: Circuit,
    library: Library,
    *,
    case: Mapping[int, int],
    input_slew_s: float,
    output_load_f: float,
    wires: Wires | None = None,
    through_flops: bool = True,
) -> tuple[PathStep, ...]:
    """The longest path under case analysis, such as that of one weight.

    Args:
        circuit: compiled netlist.
        library: the corner.
        case: held nets, net index to 0 or 1.
        input_slew_s: transition of the input ports and of the clock.
        output_load_f: external load of each bit of an output port.
        wires: of the netlist; None: they are nothing.
        through_flops: as for :func:`static_arrivals`.

    Returns:
        The path from its start to its endpoint; empty if nothing can change.

    Raises:
        HaloError: a held value is not 0 or 1 or contradicts the netlist, or a delay table has an unknown axis.
    """
    one_case = {net: np.array([value], dtype=np.uint8) for net, value in case.items()}
    _check_case(circuit, one_case)
    timer = _timer(circuit, library, input_slew_s, output_load_f, wires)
    all_ends = endpoints(circuit)
    ends = np.array([end.net for end in all_ends], dtype=np.int32)
    arrival_s, _ = timer.time(one_case, ends, timer.sinks_of(all_ends), through_flops=through_flops)
    if not arrival_s.size or arrival_s.max() < 0:
        return ()
    end, edge = np.unravel_index(int(arrival_s[0].argmax()), arrival_s[0].shape)
    return path_to(circuit, library, timer.graph.arrays, timer.nets, int(ends[end]), int(edge))
