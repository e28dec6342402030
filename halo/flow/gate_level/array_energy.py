# SPDX-License-Identifier: Apache-2.0
"""Switching energy of a weight-stationary mesh, all its gates simulated, against the sum of its weights' energies.

An energy model of an accelerator adds up, for every multiply-accumulate, the mean energy of its weight from a table
(``energy_fj`` of ``halo characterize``). That table holds the combinational MAC alone, with inputs that all change at
once, each driven by nothing that costs energy, activations uniform and partial sums of a random column. What it leaves
out is found here step by step, each step by a simulation with delays of its own:

1. *table*: the sum over all slots and elements.
2. *operands*: the same lone MAC played with the activations and partial sums that its place in the array really sees.
3. *array*: the MACs' gates inside the array instead: launched by flip-flops at their clock-to-output delays, with the
   slews of the array's nets, adders whose upper operand is a constant 0 in the top row.
4. *control*: gates around the MACs: the multiplexers of registers with an enable, resets.
5. *registers*: outputs and data pins of the flip-flops, with the load their outputs drive.
6. *clock*: clock pins of the flip-flops, internal energy and the capacitance of the pin. It is the same in every cycle,
   busy or not. The clock tree above the pins is not there.
7. *transport*: what the whole schedule costs beyond steady computing: weights on their way through the array, swaps,
   and the clocks in which the array fills, drains or waits for weights.

Steps 3 to 6 are the steady state: a tile's slots played round and round, every element computing in every clock. No
layout stands behind any of it: wires weigh nothing here, in the table as in the array. Leakage is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.characterization.design import load_corner
from halo.characterization.interface import read_ports
from halo.characterization.stimulus import listed_transitions, make_stimulus
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.gate_level.array import GateArray
from halo.flow.gate_level.class_period import array_bounds
from halo.flow.gate_level.weight_streams import Tile, stream
from halo.flow.runs.assets import mac_sources
from halo.netlist.graph import drive_port, influenced
from halo.netlist.model import U8
from halo.power.energy import weight_energy
from halo.power.energy_tables import EventEnergies, event_energies
from halo.synth import synthesize
from halo.timing.event.engine import Events, play_transitions
from halo.timing.event.reduction import reduce_circuit

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

PSUM_SAMPLES = 4096
"""Transitions a weight of the table."""


@dataclass(frozen=True)
class ArrayEnergy:
    """Energy in joules of a schedule on an array, by what causes it; the parts add up to what was simulated.

    Attributes:
        table_j ... transport_j: the steps above, each the difference to the one before.
        slots: slots computed; macs: slots times elements; cycles: clocks of the whole schedule.
    """

    table_j: float
    operands_j: float
    array_j: float
    control_j: float
    registers_j: float
    clock_j: float
    transport_j: float
    slots: int
    macs: int
    cycles: int

    @property
    def simulated_j(self) -> float:
        """Energy of the whole schedule, all gates."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, float]:
        """The parts in joules, by name, in order."""
        return {f.name[:-2]: float(getattr(self, f.name)) for f in fields(self) if f.name.endswith("_j")}

    def per_mac_fj(self) -> dict[str, float]:
        """The parts in femtojoules a multiply-accumulate."""
        return {name: 1e15 * value / self.macs for name, value in self.parts.items()}


@dataclass(frozen=True, eq=False)
class GateActivity:
    """What every gate of a clocked circuit did over T transitions.

    Attributes:
        toggles: int64[G], output changes, by gate of ``Registered.clocked``.
        energy_j: float64[G], switching and internal energy of each gate, data pins of flip-flops included.
        clock_j: energy of all clock pins in one cycle.
    """

    toggles: I64
    energy_j: F64
    clock_j: float


class EnergyMeter:
    """Energy of a registered design from its event counts.

    Args:
        array: with a library that has power tables.

    Raises:
        HaloError: the library has none, or not for a cell of the netlist.
    """

    def __init__(self, array: GateArray) -> None:
        self.design = array.design
        circuit = self.design.clocked
        energies = event_energies(circuit, array.library, self.design.delays)
        output, inputs, clock = _complete(energies, array)
        flops = self.design.flop
        rest = np.setdiff1d(np.arange(circuit.gates), flops)
        self.order = np.concatenate([flops, rest])
        """Gates of the clocked circuit in the order of the cut one."""
        spans = [slice(int(circuit.arc_start[g]), int(circuit.arc_start[g + 1])) for g in rest]
        launches = [self._launch_j(int(g), output) for g in flops]
        self.output_j = np.concatenate([*launches, *(output[span] for span in spans)])
        self.input_j = np.concatenate([np.zeros(2 * len(flops)), *(inputs[span] for span in spans)])
        self.switching_j = energies.switching_j[self.order]
        self.data_j = {int(g): self._data_pins_j(int(g), inputs) for g in flops}
        pins = sum(
            array.library.cells[i.cell].pins[pin].capacitance_f
            for i in circuit.netlist.instances
            for pin, net in i.pins.items()
            if net in circuit.clock_nets and array.library.cells[i.cell].pins[pin].direction == "input"
        )
        self.clock_j = float(clock.sum()) + pins * array.library.voltage_v**2  # two edges of 1/2 C V^2

    def measure(self, sources: U8) -> GateActivity:
        """Play T + 1 cycles of a zero-delay run as T transitions with delays.

        Args:
            sources: uint8[T + 1, S], as in ``Trace``.
        """
        circuit = self.design.timed.circuit
        reduced = reduce_circuit(self.design.timed, {})
        place = {int(net): i for i, net in enumerate(circuit.source)}
        columns = sources[:, [place[int(net)] for net in reduced.sources]]
        events = play_transitions(reduced, columns[:-1], columns[1:])
        owner = np.repeat(np.arange(circuit.gates), np.diff(circuit.arc_start))
        internal = self.output_j * events.out_counts + self.input_j * events.in_counts
        energy = self.switching_j * events.toggles + np.bincount(owner, internal, circuit.gates)
        toggles = np.zeros(circuit.gates, np.int64)
        toggles[self.order] = events.toggles
        by_gate = np.zeros(circuit.gates)
        by_gate[self.order] = energy
        changes = self._net_changes(events, columns, reduced.sources)
        for gate, pins in self.data_j.items():
            by_gate[gate] += sum(changes[net] * joules for net, joules in pins.items())
        return GateActivity(toggles, by_gate, self.clock_j)

    def _launch_j(self, gate: int, output: F64) -> F64:
        """Energy of a flip-flop's falling and rising output: the mean over its states."""
        circuit = self.design.clocked
        table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
        width = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
        arcs = output[circuit.arc_start[gate] : circuit.arc_start[gate + 1]].reshape(len(table), width)
        return np.array([arcs[table == edge].mean() for edge in (0, 1)])

    def _data_pins_j(self, gate: int, inputs: F64) -> dict[int, float]:
        """Mean energy of a change at each data net of a flip-flop."""
        circuit = self.design.clocked
        pins = circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
        arcs = inputs[circuit.arc_start[gate] : circuit.arc_start[gate + 1]].reshape(-1, len(pins))
        return {int(net): float(arcs[:, p].mean()) for p, net in enumerate(pins)}

    def _net_changes(self, events: Events, columns: U8, sources: npt.NDArray[np.int32]) -> dict[int, int]:
        changes = dict(zip(self.design.timed.circuit.out.tolist(), events.toggles.tolist(), strict=True))
        moved = np.count_nonzero(columns[1:] != columns[:-1], axis=0)
        return dict(zip(sources.tolist(), moved.tolist(), strict=True)) | changes


class LoneMac:
    """The combinational MAC of the array's elements, alone, as ``halo characterize`` takes it.

    Args:
        multiplier: family; params: of the MAC.
        liberty: of the array.
        workdir: for its netlist.
    """

    def __init__(
        self, multiplier: str, params: Mapping[str, int | str], liberty: Sequence[Path], workdir: Path
    ) -> None:
        top, declared = read_ports(mac_sources(), f"mac_{multiplier}", dict(params))
        made = synthesize(mac_sources(), top, liberty, parameters=dict(params), workdir=workdir)
        config = CharacterizeConfig(
            corners=(("corner", tuple(liberty)),), run_folder=workdir, psum_samples=PSUM_SAMPLES
        )
        self.corner = load_corner("corner", tuple(liberty), made.netlist_verilog, made.top, config, declared=declared)
        self.energies = event_energies(self.corner.circuit, self.corner.library, self.corner.delays)

    def table_j(self, weight: int, seed: int = 1) -> float:
        """Mean energy of a transition, as in the table: uniform activations, partial sums of a random column."""
        stimulus = make_stimulus(
            self.corner.roles,
            self.corner.circuit,
            random_samples=None,
            trace=None,
            activations=None,
            psum_samples=PSUM_SAMPLES,
            weights=1,
            seed=seed,
        )
        roles, circuit = self.corner.roles, self.corner.circuit
        pattern = roles.weight_encoding.pattern(weight)
        before, after, _ = listed_transitions(stimulus, circuit, roles, pattern, seed)
        return self._energy_j(weight, before, after)

    def played_j(self, weight: int, activations: I64, sums: I64) -> float:
        """Mean energy over a cyclic sequence of operands."""
        roles, netlist = self.corner.roles, self.corner.circuit.netlist
        if roles.accumulator is None:
            raise HaloError("the MAC has no partial sum", "Use a MAC with a partial-sum port.")
        values = drive_port(netlist, roles.activation, activations) | drive_port(netlist, roles.accumulator, sums)
        return self._energy_j(weight, {net: np.roll(bits, 1) for net, bits in values.items()}, values)

    def _energy_j(self, weight: int, before: Mapping[int, U8], after: Mapping[int, U8]) -> float:
        corner = self.corner
        reduced = reduce_circuit(corner.timed, corner.held(corner.roles.weight_encoding.pattern(weight)))
        lanes = [np.stack([side[int(net)] for net in reduced.sources], axis=1) for side in (before, after)]
        events = play_transitions(reduced, lanes[0], lanes[1])
        found = weight_energy(self.energies, events, events.total).energy_j
        if found is None:
            raise HaloError("the library lacks power tables of a cell", "Use a library with power tables.")
        return found


def array_energy(
    array: GateArray,
    mac: LoneMac,
    tiles: Sequence[Tile],
    *,
    table_j: Mapping[int, float] | None = None,
    seed: int = 1,
) -> ArrayEnergy:
    """Energy of tiles on a mesh, simulated and from the table, and the difference by cause.

    Args:
        array: a mesh.
        mac: the MAC of its elements.
        tiles: weights and activations, computed one after the other, each loading while the one before computes.
        table_j: energy of each weight, from a characterization; None: calculated here with the same stimulus.
        seed: of the table's stimulus.

    Raises:
        HaloError: no power tables, or an element instead of a mesh.
    """
    shape = array.shape
    if shape.element or shape.pipeline or shape.carry_save:
        raise HaloError(
            "the energy of an array is split for meshes of plain elements", "Use systolic_ws without PIPELINE."
        )
    meter = EnergyMeter(array)
    macs = mac_gates(array)
    registers = np.zeros(array.design.clocked.gates, np.bool_)
    registers[array.design.flop] = True
    weights = sorted({int(w) for tile in tiles for w in tile.weights.ravel()})
    known = {w: mac.table_j(w, seed) for w in weights} if table_j is None else table_j
    table = operands = inside = control = register = 0.0
    slots = 0
    for tile in tiles:
        count = len(tile.activations)
        slots += count
        table += count * sum(known[int(w)] for w in tile.weights.ravel())
        for c in range(shape.columns):
            sums = np.zeros(count, np.int64)
            for r in range(shape.rows):
                weight = int(tile.weights[r, c])
                operands += count * mac.played_j(weight, tile.activations[:, r], sums)
                sums = sums + weight * tile.activations[:, r]
        steady = meter.measure(_steady_sources(array, tile))
        inside += float(steady.energy_j[macs].sum())
        register += float(steady.energy_j[registers].sum())
        control += float(steady.energy_j[~macs & ~registers].sum())
    whole, cycles = _whole(array, meter, tiles)
    clock = slots * meter.clock_j
    return ArrayEnergy(
        table_j=table,
        operands_j=operands - table,
        array_j=inside - operands,
        control_j=control,
        registers_j=register,
        clock_j=clock,
        transport_j=whole - (inside + control + register + clock),
        slots=slots,
        macs=slots * shape.rows * shape.columns,
        cycles=cycles,
    )


def mac_gates(array: GateArray) -> npt.NDArray[np.bool_]:
    """Gates of the MACs, bool[G] over the clocked circuit: those that feed a net moved by both operands."""
    cut, clocked = array.design.timed.circuit, array.design.clocked
    free = cut.constant
    bounds = array_bounds(array)
    weights = [net for net in bounds.weight_at_rest(1) if net >= clocked.nets]
    activations = [net for nets in bounds.activations for net in nets]
    both = influenced(cut, free, weights) & influenced(cut, free, activations)
    needed = set(np.flatnonzero(both).tolist())
    flops = len(array.design.flop)
    found = np.zeros(clocked.gates, np.bool_)
    order = np.concatenate([array.design.flop, np.setdiff1d(np.arange(clocked.gates), array.design.flop)])
    for g in range(cut.gates - 1, flops - 1, -1):
        if int(cut.out[g]) in needed:
            found[order[g]] = True
            needed.update(cut.pin_net[cut.pin_start[g] : cut.pin_start[g + 1]].tolist())
    return found


def _steady_sources(array: GateArray, tile: Tile) -> U8:
    """Sources of N + 1 cycles in which a tile's N slots go round and nothing else moves."""
    count = len(tile.activations)
    rounds = 2 + -(-2 * array.shape.flush // count)
    again = Tile(tile.weights, np.tile(tile.activations, (rounds, 1)))
    streamed = stream(array.shape, [again], 1, noise=[0])
    trace = array.run(streamed)
    return trace.sources[streamed.start : streamed.start + count + 1]


def _whole(array: GateArray, meter: EnergyMeter, tiles: Sequence[Tile]) -> tuple[float, int]:
    """Energy and clocks of the whole schedule, from the first load until the last sum has left."""
    streamed = stream(array.shape, tiles, 1, noise=[0])
    idle = streamed.ports["valid_i"] == 0
    activations = streamed.ports["activation_i"]
    for t in range(1, len(activations)):  # the bus holds its value in idle slots
        activations[t, idle[t]] = activations[t - 1, idle[t]]
    trace = array.run(streamed)
    first = int(np.argmax(streamed.ports["weight_load_i"].any(axis=1)))
    activity = meter.measure(trace.sources[first - 1 :])
    cycles = len(trace.sources) - first
    return float(activity.energy_j.sum()) + cycles * meter.clock_j, cycles


def _complete(energies: EventEnergies, array: GateArray) -> tuple[F64, F64, F64]:
    if energies.output_j is None or energies.input_j is None or energies.clock_j is None:
        raise HaloError(
            f"library {array.library.name} has no power tables", "Use a library with internal_power groups."
        )
    if math.isnan(array.library.voltage_v):
        raise HaloError(f"library {array.library.name} names no supply voltage", "Add nom_voltage to it.")
    if np.isnan(energies.output_j).any() or np.isnan(energies.input_j).any():
        raise HaloError(f"library {array.library.name} lacks power tables: {energies.notes[0]}", "Use another library.")
    return energies.output_j, energies.input_j, energies.clock_j
