# SPDX-License-Identifier: Apache-2.0
"""A whole array or matrix unit as gates: what its ports must show, and the clock period of each frequency class.

Nothing is read from names but ports. A zero-delay run of a recording (``recording``) shows which registers do what:

- *Activation registers* follow an activation that was taken, and not held up, by a fixed number of clocks. The settle
  bound goes through every transition of each of them (``class_period``). Any choice of registers is sound, this one is
  tight.
- *Held bits*: with weights of the class only, on the weight port in every clock, some registers stay still and
  provably do so (``Registered.kept``): the bits in which the class agrees, wherever weights are, and what follows from
  them. Those of them that stay still while the recorded classes take turns too, and do not depend on activations, are
  the weights in use. They are held in the bound of the class; buffers of the next weights, which may be of another
  class, and bits of sums are not.

All other registers of the unit, of streams, skew, controllers, accumulators and memories, are bounded with everything
free that is not held, so the period of a class is that of the whole unit.

Tests: tests/flow/gate_level/test_unit.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from halo.characterization.encoding import Encoding
from halo.errors import HaloError
from halo.flow.gate_level.array import CutGates
from halo.flow.gate_level.class_period import Period, bounded_period
from halo.flow.gate_level.recording import CHANGING, UNKNOWN, Recording
from halo.flow.simulators.clocked_cycles import Cycles
from halo.netlist.graph import influenced, propagate_constants
from halo.netlist.model import U8
from halo.timing.registered import Trace

I64 = npt.NDArray[np.int64]
BOOL = npt.NDArray[np.bool_]

ACTIVATION, WEIGHT = "s_axis_activation", "s_axis_weight"
"""Streams of the arrays."""


@dataclass(frozen=True, eq=False)
class GateUnit:
    """An array or matrix unit as gates, with traffic recorded from its RTL.

    Attributes:
        gates: the unit.
        recording: of all of its ports.
        rows, columns: of elements; 0 in a unit without frequency classes.
        weight_bits, activation_bits: widths of operands.
        pipeline: registers in the multiplier of an element, 0 to 2.
    """

    gates: CutGates
    recording: Recording
    rows: int
    columns: int
    weight_bits: int
    activation_bits: int
    pipeline: int

    @property
    def way(self) -> int:
        """Clocks from an activation that is taken until nothing before it is in the elements any more, at most."""
        return self.rows + self.columns + self.pipeline + 4

    def ports(self, recording: Recording) -> U8:
        """uint8[T, P], bits of the input ports as ``Registered.run`` takes them.

        Raises:
            HaloError: the bench left an input unknown.
        """
        inputs = self.gates.design.clocked.netlist.inputs
        column = {net: (port, i) for port, nets in inputs.items() for i, net in enumerate(nets)}
        places = [column[int(net)] for net in self.gates.design.port_sources]
        bits = np.stack([recording.ports[port][:, i] for port, i in places], axis=1)
        if (bits == UNKNOWN).any():
            cycle, at = np.argwhere(bits == UNKNOWN)[0]
            raise HaloError(
                f"input port {places[at][0]} is unknown in clock {cycle} of the bench",
                "Report this: the bench is wrong.",
            )
        return np.ascontiguousarray(bits)

    def outputs(self, recording: Recording) -> U8:
        """uint8[T, O], bits of the output ports in the order of ``Registered.output_nets``."""
        return np.concatenate([recording.ports[port] for port in self.gates.design.clocked.netlist.outputs], axis=1)

    @cached_property
    def trace(self) -> Trace:
        """The unit's own recording without delays."""
        return self.run(self.recording)

    def run(self, recording: Recording) -> Trace:
        """A recording without delays.

        Raises:
            HaloError: the gates show something else than the RTL.
        """
        trace, seen = self.gates.design.run(self.ports(recording)), self.outputs(recording)
        wrong = (seen != UNKNOWN) & (trace.outputs != seen)
        if wrong.any():
            cycle, bit = np.argwhere(wrong)[0]
            bits = [port for port, nets in self.gates.design.clocked.netlist.outputs.items() for _ in nets]
            raise HaloError(
                f"the netlist of {self.gates.synthesis.top} shows another {bits[bit]} than its RTL in clock {cycle} "
                "even without delays",
                "Look for what the RTL leaves unknown after a reset, or for what synthesis reads in another way.",
            )
        return trace

    @cached_property
    def activations(self) -> tuple[tuple[int, ...], ...]:
        """State nets of the registers that activations go through, lowest bit first."""
        if not self.rows:
            return ()
        design, recording = self.gates.design, self.recording
        states = self.trace.sources[:, len(design.port_sources) :]
        lanes = recording.ports[f"{ACTIVATION}_tdata"]
        # A stream register may hold a beat up; not one after which the stream is ready at once.
        ready = recording.value(f"{ACTIVATION}_tready") == 1
        taken = np.flatnonzero(recording.taken(ACTIVATION)[:-1] & ready[1:])
        found = []
        for row in range(self.rows):
            lane = lanes[:, row * self.activation_bits : (row + 1) * self.activation_bits]
            for later in range(1, self.way):
                first = taken[taken + later < len(states)]
                seen = states[first + later]
                same = [np.flatnonzero((seen == lane[first, bit][:, None]).all(axis=0)) for bit in range(lane.shape[1])]
                if all(len(nets) for nets in same):
                    found.append(tuple(int(design.state[nets[0]]) for nets in same))
        return tuple(found)

    @cached_property
    def element_ends(self) -> frozenset[int]:
        """Nets that end a path from an activation register: where products and sums are taken."""
        design = self.gates.design
        circuit = design.timed.circuit
        nets = [net for register in self.activations for net in register]
        reached = influenced(circuit, propagate_constants(circuit, {}), nets)
        return frozenset(net for net in design.timed.end_net.tolist() if reached[net])

    def cycles(self, recording: Recording) -> Cycles:
        """A recording to be played: clock 0 is that of class 0, clock 1 that of class 1, clock 2 that of a change.

        Every output bit is compared that the RTL knows. Element ends are judged in all cycles but those in which the
        elements have weights of another class than the clock is for: they compute nothing then that counts.

        Raises:
            HaloError: as ``run``.
        """
        self.run(recording)
        seen, classes = self.outputs(recording), recording.classes
        known = seen != UNKNOWN
        judged = self.settled(1, recording) | (classes != 1)
        clock = np.where(classes == CHANGING, 2, classes).astype(np.uint8)
        return Cycles(self.ports(recording), seen * known, known.astype(np.uint8), judged, clock)

    def held(self, weights: Sequence[int], kind: int) -> dict[int, int]:
        """Sources that stay still while nothing but weights of a class are in use, and their values.

        Args:
            weights: values of the class.
            kind: its number in the recording.
        """
        design, recording = self.gates.design, self.recording
        source = design.timed.circuit.source
        ports = self._drawn(WEIGHT, weights, self.weight_bits, 1)
        steady = len(recording) // 2
        kept = design.kept(design.run(ports).sources[steady:])
        real = self.trace.sources[self.settled(kind, recording)]
        still = dict(zip(source.tolist(), real[0].tolist(), strict=True))
        for net in source[(real != real[0]).any(axis=0) | self.with_activations].tolist():
            del still[net]
        near = self._before_element_ends()
        return {net: value for net, value in kept.items() if net in near and still.get(net) == value}

    def _before_element_ends(self) -> set[int]:
        """Nets with a path to where the elements take products and sums."""
        circuit, near = self.gates.design.timed.circuit, set(self.element_ends)
        for gate in range(circuit.gates - 1, -1, -1):  # gates come after those that drive them
            if int(circuit.out[gate]) in near:
                near.update(circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]].tolist())
        return near

    @cached_property
    def with_activations(self) -> BOOL:
        """bool[S], sources that depend on activations, such as products and sums.

        Bits of them may be constant while a class is in use and not be so yet in its first slot.
        """
        values = Encoding("twos_complement", self.activation_bits).values
        runs = [
            self.gates.design.run(self._drawn(ACTIVATION, values, self.activation_bits, seed)).sources
            for seed in (2, 3)
        ]
        return np.asarray((runs[0] != runs[1]).any(axis=0))

    def settled(self, kind: int, recording: Recording) -> BOOL:
        """bool[T], cycles with the clock of a class in which the elements have weights of that class only.

        From the change of the clock on they still have those of the class before; the first activation comes after the
        swap, and has gone through the array some clocks later.
        """
        found, classes = np.zeros(len(recording), np.bool_), recording.classes
        if not self.rows:
            return found
        taken = recording.taken(ACTIVATION)
        since = -1
        for t in range(len(recording)):
            if classes[t] != kind:
                since = -1
                continue
            if since < 0 and taken[t]:
                since = t
            found[t] = 0 <= since <= t - self.way
        return found

    def period(self, weights: Sequence[int] | None, kind: int = 0) -> Period:
        """Clock period of a class of weights in the whole unit, swaps within it in any slot; None: of any weight."""
        fixed = {} if weights is None else self.held(weights, kind)
        return bounded_period(self.gates.design, fixed, self.activations)

    def _drawn(self, stream: str, values: Sequence[int], width: int, seed: int) -> U8:
        """The ports as recorded, with data of a stream drawn from some values in every clock."""
        design = self.gates.design
        ports, nets = self.ports(self.recording), design.clocked.netlist.inputs[f"{stream}_tdata"]
        patterns = Encoding("twos_complement", width).pattern(np.array(values, np.int64))
        drawn = np.random.default_rng(seed).choice(patterns, (len(ports), len(nets) // width))
        place = {int(net): i for i, net in enumerate(design.port_sources)}
        ports[:, [place[net] for net in nets]] = (drawn[:, :, None] >> np.arange(width) & 1).reshape(len(ports), -1)
        return ports
