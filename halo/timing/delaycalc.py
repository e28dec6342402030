# SPDX-License-Identifier: Apache-2.0
"""Nominal pin-to-pin delays: NLDM tables at each net's static worst slew and its load, for every state of every gate.

No case analysis enters the nominal ones, so that any simulator can be given the same numbers; netlist and tie constants
do. Under a case, such as a weight at rest, slews are those that its constants leave, and delays follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Library
from halo.netlist.model import Circuit
from halo.parasitics.loads import Wires
from halo.parasitics.network import port_bits
from halo.timing.arcs import choose_arcs, choose_clock_arcs, ignored_pins
from halo.timing.delays import Delays
from halo.timing.static.checks import setup_times
from halo.timing.static.graph import TimingGraph
from halo.timing.static.timer import StaticTimer
from halo.timing.static.timer_kernel import arc_delays
from halo.timing.static.wired import loaded_graph
from halo.timing.wires import WiredCircuit, insert_wires
from halo.units import to_femtoseconds

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
BOOL = npt.NDArray[np.bool_]


class DelayCalculator:
    """A circuit with the delay curves of its loads, ready to give its delays under any case.

    Where wires make a pin or an output port late, a wire gate stands before it (:mod:`halo.timing.wires`), so that the
    circuit that the delays are of may be a new one.

    Args:
        circuit: compiled netlist; every gate's cell is in ``library``.
        library: the corner.
        input_slew_s: transition of the input ports.
        output_load_f: external load of each bit of an output port.
        wires: of the netlist; None: they are nothing.
        clock_slew_s: transition of the clock; None: that of the input ports.

    Attributes:
        circuit: what the delays are of.

    Raises:
        HaloError: a table has an unknown axis.
    """

    def __init__(
        self,
        circuit: Circuit,
        library: Library,
        *,
        input_slew_s: float,
        output_load_f: float,
        wires: Wires | None = None,
        clock_slew_s: float | None = None,
    ) -> None:
        self.circuit = self.bare = circuit
        self.library = library
        self.loaded = loaded_graph(circuit, library, output_load_f, wires)
        self.input_slew_s = input_slew_s
        self.clock_s = input_slew_s if clock_slew_s is None else clock_slew_s
        self.wired: WiredCircuit | None = None
        if self.loaded.sink:
            timer = self._timed(None)
            late = self._wire_delays(timer)
            late_nets = self._nets_of([key for key, fs in late.items() if any(fs)])
            if late_nets:
                self.wired = insert_wires(circuit, late_nets)
                self.circuit = self.wired.circuit

    def delays(self, case: Mapping[int, int] | None = None) -> Delays:
        """Delay of every arc, as :class:`halo.timing.delays.Delays` describes them.

        Under a case transitions are mostly shorter, and delays with them; where a table falls with the transition, a
        delay or setup is longer than the nominal one.

        Args:
            case: nets held at 0 or 1. Constants that follow, through flip-flops too, give no transition to what they
                drive, as in static timing under case analysis. None: every net that the netlist does not tie moves.

        Raises:
            HaloError: a cell has no arc from a pin its function depends on, or a delay does not fit the engines'
                integer femtoseconds (2.1 us).
        """
        timer = self._timed(case)
        delays = self._at_gates(timer)
        if self.wired is None:
            return delays
        delays = self.wired.spread(self.bare, delays, self._wire_delays(timer))
        for key, gate in self.wired.wire_gate.items():
            delays.net_slew_s[self.circuit.out[gate]] = timer.nets.sinks.slew[self.loaded.sink[key]]
        return delays

    def at_gates(self) -> Delays:
        """Nominal delays of the circuit as it was given: of its gates, without those of its wires.

        Raises:
            HaloError: as ``delays``.
        """
        return self._at_gates(self._timed(None))

    def sink_slew_s(self) -> dict[tuple[int, str], F64]:
        """Transition at each pin and output port that a wire reaches, with nothing held, in seconds, by edge."""
        slew_s = self._timed(None).nets.sinks.slew
        return {key: slew_s[place] for key, place in self.loaded.sink.items()}

    def _at_gates(self, timer: StaticTimer) -> Delays:
        slew_s = timer.nets.slew
        graph = self.loaded.graph
        seconds = np.zeros(len(graph.arrays.arc_in))
        arc_delays(self.bare.arrays, graph.arrays, timer.wires, self.clock_s, timer.nets, seconds)
        notes: list[str] = []
        arc_fs, enabled = _by_state(self.bare, self.library, graph, seconds, notes)
        setup_fs = _setups(self.bare, graph, timer, self.clock_s)
        return Delays(arc_fs, enabled, setup_fs, self.loaded.plain_f, slew_s, tuple(notes))

    def _timed(self, case: Mapping[int, int] | None) -> StaticTimer:
        timer = StaticTimer(self.bare, self.loaded, self.input_slew_s, self.clock_s)
        held = {net: np.array([value], np.uint8) for net, value in (case or {}).items()}
        timer.time(held, np.zeros(0, np.int32), through_flops=case is not None)
        return timer

    def _wire_delays(self, timer: StaticTimer) -> dict[tuple[int, str], list[int]]:
        """Delay of the wire to each sink in femtoseconds, by edge (fall, rise)."""
        path = self.library.paths[0] if self.library.paths else None
        fs = to_femtoseconds(timer.nets.sinks.delay, path)
        return {key: fs[place].tolist() for key, place in self.loaded.sink.items()}

    def _nets_of(self, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], int]:
        """Nets of the pins of gates, and of the bits of output ports, that are among some sinks."""
        circuit = self.bare
        instances = circuit.netlist.instances
        pins = {
            (int(circuit.instance[gate]), circuit.pin_name[pin])
            for gate in range(circuit.gates)
            for pin in range(circuit.pin_start[gate], circuit.pin_start[gate + 1])
        }
        ports = port_bits(circuit.netlist, circuit.netlist.outputs)
        return {
            key: ports[key[1]] if key[0] < 0 else instances[key[0]].pins[key[1]]
            for key in keys
            if (key in pins if key[0] >= 0 else key[1] in ports)
        }


def nominal_delays(
    circuit: Circuit,
    library: Library,
    *,
    input_slew_s: float,
    output_load_f: float,
    clock_slew_s: float | None = None,
) -> Delays:
    """Delay of every arc of a circuit whose wires are nothing, without case analysis; as of ``DelayCalculator``."""
    return DelayCalculator(
        circuit,
        library,
        input_slew_s=input_slew_s,
        output_load_f=output_load_f,
        clock_slew_s=clock_slew_s,
    ).delays()


def _by_state(
    circuit: Circuit, library: Library, graph: TimingGraph, seconds: F64, notes: list[str]
) -> tuple[I32, BOOL]:
    """Delay of every state and pin (the worst of the arcs chosen, in femtoseconds), and which are enabled."""
    delay = np.zeros(int(circuit.arc_start[-1]))
    enabled = np.ones(len(delay), dtype=np.bool_)
    unfitted: dict[str, int] = {}
    for kind in graph.types:
        if kind.clocked:
            chosen = choose_clock_arcs(kind.sets, kind.pins, kind.table, kind.cell, kind.output, library)
        else:
            choice = choose_arcs(kind.sets, kind.pins, kind.table, kind.cell, kind.output, library)
            chosen = choice.arcs
            enabled[circuit.arc_start[kind.gates][:, None] + np.arange(chosen.shape[1])] = choice.enabled
            if choice.unfitted:
                unfitted[f"{kind.cell.name}/{kind.output}"] = choice.unfitted
            for pin in ignored_pins(kind.cell, kind.output, kind.pins):
                notes.append(
                    f"the arc of {kind.cell.name} from {pin} to {kind.output} is not of its function: left out"
                )
        first = graph.arrays.arc_start[graph.arrays.set_start[kind.gates]]
        worst = np.full((len(kind.gates), chosen.shape[1]), -np.inf)
        for k in range(chosen.shape[0]):
            candidate = np.where(chosen[k], seconds[first + k][:, None], -np.inf)
            np.maximum(worst, candidate, out=worst)
        delay[circuit.arc_start[kind.gates][:, None] + np.arange(chosen.shape[1])] = worst
    if unfitted:
        cells = ", ".join(f"{name} ({count})" for name, count in sorted(unfitted.items()))
        notes.append(f"no timing group fits some states of {cells}: the pin's worst arc is taken there")
    negative = int(np.count_nonzero(delay < 0))
    if negative:
        notes.append(f"{negative} of {len(delay)} state delays were negative and are set to 0")
        delay = np.maximum(delay, 0.0)
    return to_femtoseconds(delay, library.paths[0] if library.paths else None), enabled


def _setups(circuit: Circuit, graph: TimingGraph, timer: StaticTimer, clock_slew_s: float) -> I32:
    """Worst setup of each flip-flop pin in femtoseconds, at the pin's slew; 0 elsewhere."""
    setup = np.zeros(len(circuit.pin_net), dtype=np.int32)
    for kind in graph.types:
        if not kind.clocked:
            continue
        for gate in kind.gates:
            for pin in range(circuit.pin_start[gate], circuit.pin_start[gate + 1]):
                data_slew_s = timer.pin_slew_s(pin)[None, :]
                times = setup_times(kind.cell, circuit.pin_name[pin], data_slew_s, clock_slew_s)
                if times is not None:
                    setup[pin] = to_femtoseconds(float(times.max()))
    return setup
