# SPDX-License-Identifier: Apache-2.0
"""Setup and hold at every endpoint of a registered design, the whole circuit at once.

The clock is ideal. A late pass (last arrivals, largest slews) gives setup, an early one (first arrivals, smallest
slews) hold, each once for every clock edge that launches, as OpenSTA does with
``set_operating_conditions -analysis_type on_chip_variation`` and one corner. A path from edge to edge of another kind
has the part of the period that :mod:`halo.timing.clock_edges` gives it; its hold is that of the capture edge one period
earlier.

Constants of the netlist switch arcs off, which then count for no slew either (OpenSTA 2; version 3 lets them count,
which makes an endpoint behind such a gate slower by up to half a per cent).

Clear, preset and clock-gate pins have no setup or hold: recovery, removal and gating checks are left out.

Tests: tests/timing/static/test_design_timing.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Library
from halo.netlist.model import FLOP, Circuit
from halo.parasitics.loads import Wires
from halo.timing.arcs import EDGES
from halo.timing.clock_edges import port_edge, share, used_edges
from halo.timing.static.checks import has_checks, hold_times, setup_times
from halo.timing.static.graph import net_loads
from halo.timing.static.paths import PathStep, path_to
from halo.timing.static.timer import StaticTimer
from halo.timing.static.timer_kernel import GraphArrays, NetState, path_starts
from halo.timing.static.wired import LoadedGraph, loaded_graph
from halo.timing.wires import bit_name

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Boundary:
    """What lies around the ports of a design.

    Attributes:
        late_s, early_s: when input ports change after the clock edge, at the latest and at the earliest.
        setup_s, hold_s: what output ports need before and after the edge.
    """

    late_s: float
    early_s: float
    setup_s: float
    hold_s: float


@dataclass(frozen=True)
class Conditions:
    """What a design is timed under.

    Attributes:
        input_slew_s, clock_slew_s: transition of the input ports and of the clock.
        output_load_f: external load of each bit of an output port.
        boundary: what lies around the ports; None: only paths from register to register count.
        duty: part of the period that the clock is high.
    """

    input_slew_s: float
    clock_slew_s: float
    output_load_f: float
    boundary: Boundary | None
    duty: float = 0.5


@dataclass(frozen=True, eq=False)
class LoadedCircuit:
    """A circuit with the arcs of its loads, for last and for first arrivals.

    Attributes:
        circuit, library: what is timed.
        output_load_f: external load of each bit of an output port.
        late, early: arcs, loads and wires; the same object where no pin's capacitance is given as a range.
    """

    circuit: Circuit
    library: Library
    output_load_f: float
    late: LoadedGraph
    early: LoadedGraph

    @property
    def load_f(self) -> F64:
        """float64[N], load of each net in farads, of the pins' ``capacitance`` and the wires."""
        return self.late.plain_f

    def port_slews_s(self, input_slew_s: float, clock_slew_s: float) -> tuple[F64, F64]:
        """Largest and smallest transition of every bit of the output ports: float64[O, 2] each, seconds, by edge."""
        found = []
        for side, late in ((self.late, True), (self.early, False)):
            timer = StaticTimer(self.circuit, side, input_slew_s, clock_slew_s, late=late)
            timer.nominal_slew()
            found.append(timer.port_slews_s())
        return found[0], found[1]


def load_circuit(circuit: Circuit, library: Library, output_load_f: float, wires: Wires | None = None) -> LoadedCircuit:
    """Find the loads of a circuit's nets and its arcs with them.

    Args:
        circuit: compiled netlist.
        library: the corner.
        output_load_f: external load of each bit of an output port.
        wires: of the netlist; None: they are nothing.

    Raises:
        HaloError: a delay table has an unknown axis, or a gate's cell is not in the library.
    """
    late = loaded_graph(circuit, library, output_load_f, wires)
    least, _ = net_loads(circuit, library, output_load_f, least=True)
    most, _ = net_loads(circuit, library, output_load_f)
    early = late if np.array_equal(least, most) else loaded_graph(circuit, library, output_load_f, wires, least=True)
    return LoadedCircuit(circuit, library, output_load_f, late, early)


@dataclass(frozen=True, eq=False)
class PathEnds:
    """Where paths end: flip-flop and macro pins with setup or hold tables, then the bits of output ports.

    Attributes:
        name: E names, ``instance/pin`` or ``port[bit]``.
        net: int32[E].
        instance: int32[E], index into ``Netlist.instances``, or -1 for a port.
        pin: E names of pins, empty for ports.
        capture: uint8[E], FALL or RISE of the clock port.
    """

    name: tuple[str, ...]
    net: I32
    instance: I32
    pin: tuple[str, ...]
    capture: U8

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True, eq=False)
class PathSet:
    """Arrivals of one kind (late or early) from one launching edge.

    Attributes:
        launch: FALL or RISE.
        late: last arrivals; False: first ones.
        arrival_s, check_s: float64[E, 2], by edge of the data (fall, rise): arrival, -1 where none; setup or hold.
        share: float64[E], the part of the period that these paths have to be set up.
        start: int32[E, 2], where the path starts, as ``timer_kernel.path_starts``.
        nets, graph: arrivals of every net and the arcs that made them, to follow a path.
        load_f: float64[N, 2], load of each net by edge.
    """

    launch: int
    late: bool
    arrival_s: F64
    check_s: F64
    share: F64
    start: I32
    nets: NetState
    graph: GraphArrays
    load_f: F64

    @property
    def reached(self) -> npt.NDArray[np.bool_]:
        """bool[E, 2], whether a path arrives."""
        return self.arrival_s >= 0

    @property
    def need_s(self) -> F64:
        """float64[E, 2], arrival with setup of late paths, arrival without hold of early ones; NaN where none."""
        sign = 1.0 if self.late else -1.0
        return np.where(self.reached, self.arrival_s + sign * self.check_s, np.nan)

    def slack_s(self, period_s: float) -> F64:
        """float64[E, 2], slack at a period; NaN where no path arrives."""
        if self.late:
            return period_s * self.share[:, None] - self.need_s
        return self.need_s + period_s * (1.0 - self.share[:, None])


@dataclass(frozen=True, eq=False)
class DesignTiming:
    """Timing of a whole design.

    Attributes:
        circuit, library, conditions: what was timed, and under what.
        ends: the E endpoints.
        late, early: a set of paths for each launching edge.
    """

    circuit: Circuit
    library: Library
    conditions: Conditions
    ends: PathEnds
    late: tuple[PathSet, ...]
    early: tuple[PathSet, ...]

    def periods_s(self) -> F64:
        """Shortest period that each endpoint allows for setup: float64[E]; NaN where no path ends."""
        every = [(paths.need_s / paths.share[:, None]) for paths in self.late]
        together = np.concatenate(every, axis=1)
        longest = np.where(np.isnan(together), -np.inf, together).max(axis=1, initial=-np.inf)
        return np.where(np.isneginf(longest), np.nan, longest)

    def worst(self, paths: tuple[PathSet, ...], period_s: float) -> tuple[F64, I32, I32]:
        """Worst slack of each endpoint at a period over launching edges and edges of the data.

        Args:
            paths: ``late`` or ``early``.
            period_s: of the clock.

        Returns:
            float64[E] slack, NaN where no path ends; int32[E], which of ``paths``; int32[E], edge of the data.
        """
        slack = np.concatenate([each.slack_s(period_s) for each in paths], axis=1)
        column = np.where(np.isnan(slack), np.inf, slack).argmin(axis=1)
        at = np.take_along_axis(slack, column[:, None], axis=1)[:, 0]
        return at, (column // 2).astype(np.int32), (column % 2).astype(np.int32)

    def path(self, paths: PathSet, end: int, edge: int) -> tuple[PathStep, ...]:
        """The path behind an arrival, from its start."""
        return path_to(self.circuit, self.library, paths.graph, paths.nets, int(self.ends.net[end]), edge)


def path_ends(circuit: Circuit, library: Library, *, ports: bool) -> PathEnds:
    """Endpoints of a circuit in the order of its instances; those of ports behind them, where they count."""
    netlist = circuit.netlist
    clocked = np.unique(circuit.instance[circuit.kind == FLOP]).tolist()
    checked: dict[str, tuple[str, ...]] = {}
    names, nets, owners, pins = [], [], [], []
    for number in clocked:
        instance = netlist.instances[number]
        cell = library.cells[instance.cell]
        if cell.name not in checked:
            inputs = [pin.name for pin in cell.pins.values() if pin.direction in ("input", "inout")]
            checked[cell.name] = tuple(pin for pin in inputs if has_checks(cell, pin))
        for pin in checked[cell.name]:
            if pin in instance.pins:
                names.append(f"{instance.name}/{pin}")
                nets.append(instance.pins[pin])
                owners.append(number)
                pins.append(pin)
    for port, bits in netlist.outputs.items() if ports else ():
        for i, net in enumerate(bits):
            names.append(bit_name(circuit, port, i))
            nets.append(net)
            owners.append(-1)
            pins.append("")
    owner = np.array(owners, np.int32)
    falling = np.isin(owner, list(circuit.falling))
    capture = np.where(owner < 0, port_edge(circuit), np.where(falling, 0, 1)).astype(np.uint8)
    return PathEnds(tuple(names), np.array(nets, np.int32), owner, tuple(pins), capture)


def time_circuit(
    loaded: LoadedCircuit,
    *,
    input_slew_s: float,
    clock_slew_s: float,
    boundary: Boundary | None,
    duty: float = 0.5,
) -> DesignTiming:
    """Time every path of a registered design.

    Args:
        loaded: from ``load_circuit``; nets held when the circuit was compiled do not change.
        input_slew_s, clock_slew_s: transition of the input ports and of the clock.
        boundary: what lies around the ports; None: only paths from register to register.
        duty: part of the period that the clock is high.

    Raises:
        HaloError: a setup or hold table depends on something unknown.
    """
    circuit = loaded.circuit
    ends = path_ends(circuit, loaded.library, ports=boundary is not None)
    found: dict[bool, list[PathSet]] = {True: [], False: []}
    for late in (True, False):
        side = loaded.late if late else loaded.early
        arrival_s = 0.0 if boundary is None else boundary.late_s if late else boundary.early_s
        for launch in used_edges(circuit):
            timer = StaticTimer(
                circuit,
                side,
                input_slew_s,
                clock_slew_s,
                arrival_s,
                launch,
                late=late,
                from_ports=boundary is not None,
            )
            at_ends = zip(ends.instance.tolist(), ends.pin, ends.name, strict=True)
            sinks = np.array([side.sink.get((i, pin or name), -1) for i, pin, name in at_ends], np.int32)
            arrival, slew = timer.time({}, ends.net, sinks, through_flops=False, dead_slew=False)
            start = np.zeros((circuit.nets, 2), np.int32)
            path_starts(circuit.arrays, side.graph.arrays, timer.nets, start)
            check = _checks(circuit, loaded.library, ends, slew[0], clock_slew_s, boundary, late=late)
            shares = np.array([share(launch, edge, duty) for edge in EDGES])[ends.capture]
            paths = PathSet(
                launch, late, arrival[0], check, shares, start[ends.net], timer.nets, side.graph.arrays, side.load_f
            )
            found[late].append(paths)
    conditions = Conditions(input_slew_s, clock_slew_s, loaded.output_load_f, boundary, duty)
    return DesignTiming(circuit, loaded.library, conditions, ends, tuple(found[True]), tuple(found[False]))


def _checks(
    circuit: Circuit,
    library: Library,
    ends: PathEnds,
    slew_s: F64,
    clock_slew_s: float,
    boundary: Boundary | None,
    *,
    late: bool,
) -> F64:
    """Setup or hold of every endpoint by edge of the data: float64[E, 2]; 0 where the library has no table."""
    times = setup_times if late else hold_times
    result = np.zeros((len(ends), 2))
    groups: dict[tuple[str, str], list[int]] = {}
    for i, (number, pin) in enumerate(zip(ends.instance.tolist(), ends.pin, strict=True)):
        groups.setdefault(("" if number < 0 else circuit.netlist.instances[number].cell, pin), []).append(i)
    for (cell, pin), members in groups.items():
        if not cell:
            result[members] = 0.0 if boundary is None else boundary.setup_s if late else boundary.hold_s
            continue
        found = times(library.cells[cell], pin, slew_s[members], clock_slew_s)
        if found is not None:
            result[members] = found
    return result
