# SPDX-License-Identifier: Apache-2.0
"""The event engine against Icarus Verilog on one design, transition by transition, and a look into what differs.

Tests: tests/flow/test_crosscheck.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.characterization.design import DesignCorner
from halo.flow.simulators.transitions import UNRESOLVED, IcarusResult, counted_gates, play_in_icarus
from halo.netlist.graph import evaluate
from halo.netlist.model import Circuit, Netlist
from halo.timing.event.engine import play_transitions
from halo.timing.event.reduction import ReducedCircuit, TimedCircuit, reduce_circuit
from halo.timing.event.reduction_kernel import EndArrays

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

SPARE_FS = 1_000_000
"""Simulated beyond twice the longest path: what is late shall be seen, not cut off."""


@dataclass(frozen=True)
class NetDifference:
    """A gate output that differs; (native, Icarus) of its number of changes and its last change in fs."""

    net: str
    instance: str
    cell: str
    toggles: tuple[int, int]
    last_fs: tuple[int, int]


@dataclass(frozen=True)
class Difference:
    """A transition that differs; pairs are (native, Icarus), outputs (zero-delay evaluation, Icarus) by port.

    Attributes:
        before, after: unsigned value of each input port; state registers that start paths by the name of their net.
        nets: gate outputs that differ, in the order of the signal.
    """

    corner: str
    weight: int
    before: dict[str, int]
    after: dict[str, int]
    delay_fs: tuple[int, int]
    toggles: tuple[int, int]
    outputs: tuple[dict[str, str], dict[str, str]]
    nets: tuple[NetDifference, ...]


@dataclass(frozen=True, eq=False)
class Samples:
    """Transitions of one corner: weight of each, and all sources before and after, uint8[T, S]."""

    weight: I64
    before: U8
    after: U8

    def rows(self, chosen: slice | I64) -> Samples:
        """Some of them."""
        return Samples(self.weight[chosen], self.before[chosen], self.after[chosen])


def draw_samples(
    corner: DesignCorner, count: int, generator: np.random.Generator, weights: Sequence[int] | None = None
) -> Samples:
    """Random transitions, each weight (of those given, or of all) as often as any other, give or take one."""
    roles, source = corner.roles, corner.circuit.source
    values = np.array(roles.weight_encoding.values if weights is None else weights, np.int64)
    weight = np.repeat(values, spread(generator, count, len(values)))
    before, after = generator.integers(0, 2, (2, count, len(source)), dtype=np.uint8)
    place = {int(net): i for i, net in enumerate(source)}
    for net, held in corner.held(0).items():
        if net not in place:
            continue
        before[:, place[net]] = after[:, place[net]] = held
    for i, net in enumerate(corner.circuit.netlist.inputs[roles.weight]):
        before[:, place[net]] = after[:, place[net]] = (weight >> i & 1).astype(np.uint8)
    return Samples(weight, before, after)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Both engines on T transitions of one corner.

    Attributes:
        weight: int64[T].
        delay_fs, toggles: int64[T] of the event engine; icarus_delay_fs, icarus_toggles: of Icarus.
        outputs_equal: bool[T], whether Icarus settles to what the netlist gives without delays.
        first_difference: the first transition that differs, if asked for.
    """

    weight: I64
    delay_fs: I64
    icarus_delay_fs: I64
    toggles: I64
    icarus_toggles: I64
    outputs_equal: npt.NDArray[np.bool_]
    first_difference: Difference | None

    @property
    def equal(self) -> npt.NDArray[np.bool_]:
        """bool[T], which transitions are equal in everything."""
        timed = (self.delay_fs == self.icarus_delay_fs) & (self.toggles == self.icarus_toggles)
        return np.asarray(timed & self.outputs_equal, np.bool_)


def compare(corner: DesignCorner, timed_netlist: Path, samples: Samples, *, explain: bool) -> Comparison:
    """Play transitions in both engines.

    Args:
        corner: the design, its delays and roles.
        timed_netlist: what Icarus plays.
        samples: the transitions.
        explain: look into the first difference.

    Raises:
        HaloError: as ``play_in_icarus`` and the event engine.
    """
    timed = corner.timed
    icarus = _icarus(timed, timed_netlist, samples)
    delay, toggles = _native(corner, timed, samples)
    expected = _expected_outputs(corner.circuit, samples)
    found = Comparison(
        weight=samples.weight,
        delay_fs=delay,
        icarus_delay_fs=np.asarray(icarus.last_change_fs, np.int64),
        toggles=toggles,
        icarus_toggles=np.asarray(icarus.toggles, np.int64),
        outputs_equal=np.all(expected == icarus.outputs, axis=1),
        first_difference=None,
    )
    same = found.equal
    if not explain or np.all(same):
        return found
    row = int(np.argmin(same))
    single = samples.rows(slice(row, row + 1))
    nets = tuple(_net_differences(corner, timed, timed_netlist, single))
    netlist = corner.circuit.netlist
    difference = Difference(
        corner=corner.name,
        weight=int(samples.weight[row]),
        before=_port_values(corner.circuit, single.before[0]),
        after=_port_values(corner.circuit, single.after[0]),
        delay_fs=(int(delay[row]), int(icarus.last_change_fs[row])),
        toggles=(int(toggles[row]), int(icarus.toggles[row])),
        outputs=(_port_bits(netlist, expected[row]), _port_bits(netlist, icarus.outputs[row])),
        nets=nets,
    )
    return replace(found, first_difference=difference)


def spread(generator: np.random.Generator, total: int, parts: int) -> I64:
    """Split a number as evenly as it goes; chance decides who gets one more."""
    shares = np.full(parts, total // parts, np.int64)
    shares[generator.permutation(parts)[: total % parts]] += 1
    return shares


def _icarus(timed: TimedCircuit, timed_netlist: Path, samples: Samples, each_gate: bool = False) -> IcarusResult:
    settle_fs = 2 * reduce_circuit(timed, {}).longest_path_fs + int(timed.launch_fs.max(initial=0)) + SPARE_FS
    with tempfile.TemporaryDirectory(prefix="halo-icarus-") as scratch:
        return play_in_icarus(
            timed,
            timed_netlist,
            samples.before,
            samples.after,
            settle_fs=settle_fs,
            workdir=Path(scratch),
            each_gate=each_gate,
        )


def _held(corner: DesignCorner, timed: TimedCircuit, weight: int) -> tuple[ReducedCircuit, I64]:
    """The circuit reduced for a weight, and the columns of its sources among all sources."""
    reduced = reduce_circuit(timed, corner.held(corner.roles.weight_encoding.pattern(weight)))
    place = {int(net): i for i, net in enumerate(corner.circuit.source)}
    return reduced, np.array([place[int(net)] for net in reduced.sources], np.int64)


def _native(corner: DesignCorner, timed: TimedCircuit, samples: Samples) -> tuple[I64, I64]:
    """Arrival in fs and toggles of each transition by the event engine."""
    delay = np.zeros(len(samples.weight), np.int64)
    toggles = np.zeros(len(samples.weight), np.int64)
    for weight in np.unique(samples.weight):
        reduced, columns = _held(corner, timed, int(weight))
        rows = np.flatnonzero(samples.weight == weight)
        delay[rows], toggles[rows] = _played(reduced, samples.before[rows][:, columns], samples.after[rows][:, columns])
    return delay, toggles


def _played(reduced: ReducedCircuit, before: U8, after: U8) -> tuple[I64, I64]:
    events = play_transitions(reduced, before, after, track_inputs=False)
    if events.arrivals_fs is None or events.toggles_each is None:
        raise ValueError("listed transitions were not reported one by one")
    return events.arrivals_fs.astype(np.int64), events.toggles_each.astype(np.int64)


def _expected_outputs(circuit: Circuit, samples: Samples) -> U8:
    values = evaluate(circuit, {int(net): samples.after[:, i] for i, net in enumerate(circuit.source)})
    return values[[net for bits in circuit.netlist.outputs.values() for net in bits]].T


def _net_differences(
    corner: DesignCorner, timed: TimedCircuit, timed_netlist: Path, single: Samples
) -> Iterator[NetDifference]:
    """Play one transition again, watching every gate output in both engines."""
    icarus = _icarus(timed, timed_netlist, single, each_gate=True)
    if icarus.gate_toggles is None or icarus.gate_last_fs is None:
        raise ValueError("gates were not observed one by one")
    reduced, columns = _held(corner, timed, int(single.weight[0]))
    before, after = single.before[:, columns], single.after[:, columns]
    every = play_transitions(reduced, before, after, track_inputs=False).toggles
    circuit = corner.circuit
    for k, gate in enumerate(counted_gates(circuit)):
        net = int(circuit.out[gate])
        last = 0
        if every[gate]:
            end = np.array([reduced.node_of[net]], np.int32)
            alone = replace(reduced, ends=EndArrays(end, np.zeros(1, np.int32)))
            last = int(_played(alone, before, after)[0][0])
        toggles = (int(every[gate]), int(icarus.gate_toggles[0, k]))
        times = (last, int(icarus.gate_last_fs[0, k]))
        if toggles[0] != toggles[1] or times[0] != times[1]:
            instance = circuit.netlist.instances[circuit.instance[gate]]
            yield NetDifference(circuit.netlist.nets[net], instance.name, instance.cell, toggles, times)


def _port_values(circuit: Circuit, values: U8) -> dict[str, int]:
    """Input ports (clocks left out) and state registers by name."""
    netlist = circuit.netlist
    of_net = dict(zip(circuit.source.tolist(), values.tolist(), strict=True))
    found = {}
    for port, bits in netlist.inputs.items():
        if circuit.clock_nets.isdisjoint(bits):
            found[port] = sum(of_net.pop(net, max(0, int(circuit.constant[net]))) << i for i, net in enumerate(bits))
    return found | {netlist.nets[net]: value for net, value in of_net.items()}


def _port_bits(netlist: Netlist, bits: U8) -> dict[str, str]:
    """Output ports as binary text, most significant bit first."""
    found = {}
    at = 0
    for port, nets in netlist.outputs.items():
        text = "".join("x" if bit == UNRESOLVED else str(bit) for bit in bits[at : at + len(nets)].tolist())
        found[port] = text[::-1]
        at += len(nets)
    return found
