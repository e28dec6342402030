"""Exact dynamic delay and event counts of a circuit under one set of held nets.

DESIGN: the largest arrival over all transitions of the stimulus in an event-driven simulation with pin-to-pin delays
and Verilog's inertial semantics; the counts feed the energy model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.netlist.model import Circuit
from halo.timing.event.engine_kernel import simulate
from halo.timing.event.specialise_kernel import TOO_LATE, specialise

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

FIRST_CAPACITY = 256
LAST_CAPACITY = 1 << 14


@dataclass(frozen=True, eq=False)
class Timed:
    """What the engines simulate: a circuit, its delays and its endpoints.

    Attributes:
        arc_fs: int32[arcs] (``Circuit`` arc index), fs.
        launch_fs: int32[N], launch time of a source net (read at sources only).
        end_net: int32[E], nets that end paths; end_extra_fs: int32[E], setup of the flip-flop there, or 0.
    """

    circuit: Circuit
    arc_fs: I32
    launch_fs: I32
    end_net: I32
    end_extra_fs: I32


@dataclass(frozen=True, eq=False)
class Held:
    """A circuit reduced under held nets; arrays as returned by ``specialise_kernel.specialise``."""

    timed: Timed
    constant: npt.NDArray[np.int8]
    sources: I32
    live_gate: I32
    kind: U8
    pin_start: I32
    pin_node: I32
    pin_number: U8
    table_start: I32
    table: U8
    full_state: I32
    arc_start: I32
    arc_fs: I32
    arc_index: I64
    node_of: I32
    path_fs: I32
    end_node: I32
    end_extra_fs: I32

    @property
    def longest_path_fs(self) -> int:
        """Longest structural path with constants to any endpoint, fs (0 when every endpoint is constant)."""
        return int(max(0, self.path_fs[self.end_node].max(initial=0)))

    @property
    def longest_period_fs(self) -> int:
        """The same with the setup of the endpoint's register added."""
        ends = self.path_fs[self.end_node].max(axis=1, initial=0)
        return int((ends + self.end_extra_fs).max(initial=0, where=ends >= 0))


@dataclass(frozen=True, eq=False)
class Events:
    """Result over a stimulus of total weight ``total``; arrays are over the full circuit.

    Attributes:
        delay_fs: largest arrival; period_fs: largest arrival + setup; mean_fs: weighted mean arrival, a transition that
            moves no endpoint counting as 0.
        histogram: int64[B], weight by arrival, bins of ``bin_fs``; transitions that move no endpoint are in none.
        worst_by_next_fs: int32[A] by next activation (exhaustive stimulus), else None.
        arrivals_fs, toggles_each: int32[T] (listed stimulus), else None.
        out_counts, in_counts: int64[arcs]; functional, toggles: int64[G]; state_counts: int64[tables].
    """

    delay_fs: int
    period_fs: int
    mean_fs: float
    total: int
    transitions: int
    histogram: I64
    worst_by_next_fs: I32 | None
    arrivals_fs: I32 | None
    toggles_each: I32 | None
    out_counts: I64
    in_counts: I64
    toggles: I64
    functional: I64
    state_counts: I64


def hold(timed: Timed, values: dict[int, int]) -> Held:
    """Reduce a circuit with some nets held constant.

    Args:
        values: net index to 0 or 1.

    Raises:
        HaloError: a path of more than 1.07 us, which the kernels' 32-bit femtoseconds cannot hold.
    """
    circuit = timed.circuit
    constant = circuit.constant.copy()
    for net in circuit.clock_nets.difference(circuit.out.tolist()):
        constant[net] = 0  # a clock port is no source; its tree rests
    for net, value in values.items():
        constant[net] = value
    sources = circuit.source[constant[circuit.source] < 0]
    (
        live_gate, kind, pin_start, pin_node, pin_number, table_start, table, full_state, arc_start, arc_fs, arc_index,
        node_of, path_fs,
    ) = specialise(
        circuit.kind, circuit.out, circuit.pin_start, circuit.pin_net, circuit.table_start, circuit.table,
        circuit.arc_start, timed.arc_fs, constant, sources, timed.launch_fs[sources], True,
    )  # fmt: skip
    if path_fs.max(initial=0) >= TOO_LATE:
        raise HaloError(
            f"a path takes more than {TOO_LATE / 1e9:.2f} us, which 32-bit femtoseconds cannot hold",
            "Use --method static, or split the design with registers.",
        )
    ends = node_of[timed.end_net]
    moving = ends >= 0
    return Held(
        timed=timed,
        constant=constant,
        sources=sources,
        live_gate=live_gate,
        kind=kind,
        pin_start=pin_start,
        pin_node=pin_node,
        pin_number=pin_number,
        table_start=table_start,
        table=table,
        full_state=full_state,
        arc_start=arc_start,
        arc_fs=arc_fs,
        arc_index=arc_index,
        node_of=node_of,
        path_fs=path_fs,
        end_node=ends[moving],
        end_extra_fs=timed.end_extra_fs[moving],
    )


class _Counters:
    """Counters over a reduced circuit, and their scatter to the full one."""

    def __init__(self, held: Held, bins: int) -> None:
        self.held = held
        self.bins = bins

    def run(
        self,
        listed: bool,
        size: int,
        source_bit: I64,
        digits: U8,
        uniform: int,
        start: I64,
        sums: I64,
        track_inputs: bool,
    ) -> tuple[I32, I32]:
        """Simulate, with larger buffers until they suffice. Returns (arrival, toggles) of each transition."""
        held = self.held
        capacity = FIRST_CAPACITY
        while capacity <= LAST_CAPACITY:
            self.out = np.zeros(len(held.arc_fs), np.int64)
            self.inp = np.zeros(len(held.arc_fs), np.int64)
            self.functional = np.zeros(len(held.live_gate), np.int64)
            self.states = np.zeros(len(held.table), np.int64)
            arrival = np.zeros(size, np.int32)
            self.period = np.zeros(size, np.int32)
            toggles = np.zeros(size if listed else 0, np.int32)
            failed, _ = simulate(
                listed,
                size,
                source_bit,
                digits,
                held.timed.launch_fs[held.sources],
                uniform,
                start,
                sums,
                held.kind,
                held.pin_start,
                held.pin_node,
                held.table_start,
                held.table,
                held.arc_start,
                held.arc_fs,
                held.end_node,
                held.end_extra_fs,
                capacity,
                track_inputs,
                self.out,
                self.inp,
                self.functional,
                self.states,
                arrival,
                self.period,
                toggles,
            )
            if not failed:
                return arrival, toggles
            capacity *= 8
        raise HaloError(
            f"a net changes more than {LAST_CAPACITY} times in one transition",
            "Check the delays: a structure that glitches this much is not a multiplier.",
        )

    def events(self, arrival: I32, weights: I64, bin_fs: int, worst: I32 | None, toggles_each: I32 | None) -> Events:
        """Collect the result over the full circuit."""
        held = self.held
        circuit = held.timed.circuit
        total = int(weights.sum())
        arcs = int(circuit.arc_start[-1])
        out_counts = np.zeros(arcs, np.int64)
        in_counts = np.zeros(arcs, np.int64)
        out_counts[held.arc_index] = self.out
        in_counts[held.arc_index] = self.inp
        functional = np.zeros(circuit.gates, np.int64)
        functional[held.live_gate] = self.functional
        starts = circuit.arc_start
        toggles = np.add.reduceat(np.append(out_counts, 0), starts[:-1]) * (np.diff(starts) > 0)
        states = np.zeros(int(circuit.table_start[-1]), np.int64)
        gate_of = np.repeat(held.live_gate, np.diff(held.table_start))
        states[circuit.table_start[gate_of] + held.full_state] = self.states
        # a gate that is not live has constant inputs: it rests in one state
        resting = np.ones(circuit.gates, bool)
        resting[held.live_gate] = False
        for gate in np.flatnonzero(resting):
            values = held.constant[circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]]
            if np.all(values >= 0):
                state = int((values.astype(np.int64) << np.arange(len(values))).sum())
                states[circuit.table_start[gate] + state] = total
        bin_of = np.minimum(arrival // bin_fs, self.bins - 1)
        # float64 sums of integers below 2**53 are exact
        counted = np.where(arrival > 0, weights, 0)
        histogram = np.bincount(bin_of, weights=counted, minlength=self.bins).astype(np.int64)
        return Events(
            delay_fs=int(arrival.max(initial=0)),
            period_fs=int(self.period.max(initial=0)),
            mean_fs=int((arrival.astype(np.int64) * weights).sum()) / total if total else 0.0,
            total=total,
            transitions=len(arrival),
            histogram=histogram,
            worst_by_next_fs=worst,
            arrivals_fs=arrival if toggles_each is not None else None,
            toggles_each=toggles_each,
            out_counts=out_counts,
            in_counts=in_counts,
            toggles=toggles,
            functional=functional,
            state_counts=states,
        )


@dataclass(frozen=True, eq=False)
class Weights:
    """Weight of every partial transition of D bits, for counting.

    Attributes:
        uniform: the weight of each transition when all are equal, else 0.
        start: int64[2**D], where the space of each bit set begins in ``sums``; sums: int64[5**D] (empty if uniform).
    """

    bits: int
    uniform: int
    start: I64
    sums: I64


def transition_weights(joint: I64) -> Weights:
    """Prepare the weights of an exhaustive stimulus.

    Args:
        joint: int64[A, A], weight of each transition (before, after), A a power of two.
    """
    bits = int(joint.shape[0]).bit_length() - 1
    if joint.shape != (1 << bits, 1 << bits):
        raise ValueError("joint weights must be square with a power of two a side")
    if np.all(joint == joint[0, 0]) and joint[0, 0] > 0:
        return Weights(bits, int(joint[0, 0]), np.zeros(1, np.int64), np.zeros(0, np.int64))
    # axes: digit of the highest bit first, digit = before + 2 * after
    cube = joint.T.reshape((2,) * (2 * bits))
    full = cube.transpose([axis for b in range(bits) for axis in (b, bits + b)]).reshape((4,) * bits)
    start = np.zeros(1 << bits, np.int64)
    parts: list[I64] = []
    at = 0
    for mask in range(1 << bits):
        summed = tuple(bits - 1 - b for b in range(bits) if not (mask >> b) & 1)
        part = np.ravel(full.sum(axis=summed))
        start[mask] = at
        at += len(part)
        parts.append(part)
    return Weights(bits, 0, start, np.concatenate(parts))


def enumerate_transitions(
    held: Held, bit_nets: npt.ArrayLike, weights: Weights, *, bin_fs: int, bins: int, track_inputs: bool = True
) -> Events:
    """Simulate every transition of a vector of input bits, all other sources held.

    Args:
        held: reduced circuit in which no source moves but ``bit_nets``.
        bit_nets: D net indices, least significant bit first. A held bit still counts as a bit of the transition.
        weights: of :func:`transition_weights` for D bits. The delay is over all transitions, whatever their weight;
            means and counts are weighted.
        bin_fs, bins: histogram.
        track_inputs: fill ``in_counts`` (the library has energies of input pins).

    Raises:
        HaloError: a net oscillates.
        ValueError: another source moves.
    """
    nets = np.asarray(bit_nets, dtype=np.int64)
    bits = len(nets)
    source_bit = np.full(len(held.sources), -1, np.int64)
    for bit, net in enumerate(nets):
        node = held.node_of[net]
        if 0 <= node < len(held.sources):
            source_bit[node] = bit
    if np.any(source_bit < 0):
        raise ValueError("a source other than the enumerated bits moves")
    counters = _Counters(held, bins)
    arrival, _ = counters.run(
        False,
        1 << (2 * bits),
        source_bit,
        np.zeros((0, 0), np.uint8),
        weights.uniform,
        weights.start,
        weights.sums,
        track_inputs,
    )
    # digits (before, after) of bit b are axes of the base-4 number; bring them to [before, after]
    shape = (2,) * (2 * bits)
    axes = [2 * (bits - 1 - b) + 1 for b in reversed(range(bits))] + [2 * (bits - 1 - b) for b in reversed(range(bits))]
    square = arrival.reshape(shape).transpose(axes).reshape(1 << bits, 1 << bits)
    whole = weights.sums[weights.start[-1] :]
    each = np.full(arrival.shape, weights.uniform, np.int64) if weights.uniform else whole
    return counters.events(arrival, each, bin_fs, square.max(axis=0), None)


def play_transitions(
    held: Held,
    before: U8,
    after: U8,
    *,
    bin_fs: int,
    bins: int,
    weights: I64 | None = None,
    track_inputs: bool = True,
) -> Events:
    """Simulate listed transitions.

    Args:
        before, after: uint8[T, len(held.sources)], source values in the order of ``held.sources``.
        bin_fs, bins: histogram.
        weights: int64[T]; None: 1 each.
        track_inputs: fill ``in_counts`` (the library has energies of input pins).

    Raises:
        HaloError: a net oscillates.
    """
    counters = _Counters(held, bins)
    digits = np.ascontiguousarray((before + 2 * after).T.astype(np.uint8))
    each = np.ones(len(before), np.int64) if weights is None else weights
    nowhere = np.zeros(1, np.int64)
    uniform = int(weights is None)
    arrival, toggles = counters.run(True, len(before), nowhere, digits, uniform, nowhere, each, track_inputs)
    return counters.events(arrival, each, bin_fs, None, toggles)
