# SPDX-License-Identifier: Apache-2.0
"""Exact dynamic delay and event counts of a reduced circuit.

The delay is the largest arrival over all transitions of the stimulus in an event-driven simulation with pin-to-pin
delays and Verilog's inertial semantics; the counts feed the energy model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.timing.event.engine_kernel import Stimulus, simulate
from halo.timing.event.gate_kernel import Counters
from halo.timing.event.reduction import ReducedCircuit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

FIRST_CAPACITY = 256
LAST_CAPACITY = 1 << 14
"""Input changes of one gate in one transition that buffers hold, at first and at most; beyond, the gate oscillates."""


class Bins(NamedTuple):
    """Bins of a histogram of arrivals: ``number`` of ``width_fs`` each; the last one also takes what comes later."""

    width_fs: int
    number: int


@dataclass(frozen=True, eq=False)
class Events:
    """Result over a stimulus of total weight ``total``; arrays are over the full circuit.

    Attributes:
        delay_fs: largest arrival; period_fs: largest arrival + setup; mean_fs: weighted mean arrival, a transition that
            moves no endpoint counting as 0.
        histogram: int64[B], weight by arrival; transitions that move no endpoint are in no bin. None: not asked for.
        worst_by_next_fs: int32[A], largest arrival by next activation, -1 where no transition ends there; None where
            transitions are not told apart by it.
        arrivals_fs: int32[T] (listed stimulus), else None; toggles_each: int32[T] where they are counted, else None.
        out_counts, in_counts: int64[arcs]; functional, toggles: int64[G]; state_counts: int64[tables].
    """

    delay_fs: int
    period_fs: int
    mean_fs: float
    total: int
    transitions: int
    histogram: I64 | None
    worst_by_next_fs: I32 | None
    arrivals_fs: I32 | None
    toggles_each: I32 | None
    out_counts: I64
    in_counts: I64
    toggles: I64
    functional: I64
    state_counts: I64


class _Run:
    """A simulated stimulus: counters over a reduced circuit, and their scatter to the full one.

    Attributes:
        arrival_fs, period_fs: int32[T]: last change of any endpoint, and the latest of last change + setup.
        toggles: int32[T] where changes of each transition are counted, else int32[0].
        counters: over the reduced circuit.
    """

    def __init__(
        self, reduced: ReducedCircuit, stimulus: Stimulus, track_inputs: bool, count_each: bool = False
    ) -> None:
        """Simulate, with larger buffers until they suffice.

        Raises:
            HaloError: a net oscillates.
        """
        self.reduced = reduced
        self.count_each = count_each
        arrays = reduced.arrays
        size = stimulus.size
        capacity = FIRST_CAPACITY
        while capacity <= LAST_CAPACITY:
            self.counters = Counters(
                outputs=np.zeros(len(arrays.arc_word), np.int64),
                inputs=np.zeros(len(arrays.arc_word), np.int64),
                functional=np.zeros(len(arrays.live_gate), np.int64),
                states=np.zeros(len(arrays.table), np.int64),
            )
            self.arrival_fs = np.zeros(size, np.int32)
            self.period_fs = np.zeros(size, np.int32)
            self.toggles = np.zeros(size if count_each else 0, np.int32)
            failed, _ = simulate(
                arrays,
                reduced.ends,
                stimulus,
                capacity,
                track_inputs,
                self.counters,
                self.arrival_fs,
                self.period_fs,
                self.toggles,
            )
            if not failed:
                return
            capacity *= 8
        raise HaloError(
            f"a net changes more than {LAST_CAPACITY} times in one transition",
            "Check the delays: a structure that glitches this much is not a multiplier.",
        )

    def events(self, weights: I64, bins: Bins | None, worst: I32 | None, listed: bool) -> Events:
        """Collect the result over the full circuit.

        Args:
            weights: int64[T], of each transition.
            bins: of the histogram; None: no histogram.
            worst: int32[A], worst arrival by next activation (every transition), or None.
            listed: keep what each transition gave.
        """
        reduced, arrays, counters = self.reduced, self.reduced.arrays, self.counters
        arrival = self.arrival_fs
        circuit = reduced.timed.circuit
        total = int(weights.sum())
        arcs = int(circuit.arc_start[-1])
        out_counts = np.zeros(arcs, np.int64)
        in_counts = np.zeros(arcs, np.int64)
        out_counts[arrays.arc_index] = counters.outputs
        in_counts[arrays.arc_index] = counters.inputs
        functional = np.zeros(circuit.gates, np.int64)
        functional[arrays.live_gate] = counters.functional
        starts = circuit.arc_start
        toggles = np.add.reduceat(np.append(out_counts, 0), starts[:-1]) * (np.diff(starts) > 0)
        states = np.zeros(int(circuit.table_start[-1]), np.int64)
        gate_of = np.repeat(arrays.live_gate, np.diff(arrays.table_start))
        states[circuit.table_start[gate_of] + arrays.full_state] = counters.states
        # a gate that is not live has constant inputs: it rests in one state
        resting = np.ones(circuit.gates, bool)
        resting[arrays.live_gate] = False
        for gate in np.flatnonzero(resting):
            values = reduced.constant[circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]]
            if np.all(values >= 0):
                state = int((values.astype(np.int64) << np.arange(len(values))).sum())
                states[circuit.table_start[gate] + state] = total
        histogram = None
        if bins is not None:
            # float64 sums of integers below 2**53 are exact
            counted = np.where(arrival > 0, weights, 0)
            bin_of = np.minimum(arrival // bins.width_fs, bins.number - 1)
            histogram = np.bincount(bin_of, weights=counted, minlength=bins.number).astype(np.int64)
        return Events(
            delay_fs=int(arrival.max(initial=0)),
            period_fs=int(self.period_fs.max(initial=0)),
            mean_fs=int((arrival.astype(np.int64) * weights).sum()) / total if total else 0.0,
            total=total,
            transitions=len(arrival),
            histogram=histogram,
            worst_by_next_fs=worst,
            arrivals_fs=arrival if listed else None,
            toggles_each=self.toggles if self.count_each else None,
            out_counts=out_counts,
            in_counts=in_counts,
            toggles=toggles,
            functional=functional,
            state_counts=states,
        )


@dataclass(frozen=True, eq=False)
class TransitionWeights:
    """Weight of every partial transition of D bits, for counting.

    Attributes:
        uniform: the weight of each transition when all are equal, else 0.
        start: int64[2**D], where the space of each bit set begins in ``sums``; sums: int64[5**D] (empty if uniform).
    """

    bits: int
    uniform: int
    start: I64
    sums: I64


def transition_weights(joint: I64) -> TransitionWeights:
    """Prepare the weights of an exhaustive stimulus.

    Args:
        joint: int64[A, A], weight of each transition (before, after), A a power of two.
    """
    bits = int(joint.shape[0]).bit_length() - 1
    if joint.shape != (1 << bits, 1 << bits):
        raise ValueError("joint weights must be square with a power of two a side")
    if np.all(joint == joint[0, 0]) and joint[0, 0] > 0:
        return TransitionWeights(bits, int(joint[0, 0]), np.zeros(1, np.int64), np.zeros(0, np.int64))
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
    return TransitionWeights(bits, 0, start, np.concatenate(parts))


def enumerate_transitions(
    reduced: ReducedCircuit,
    bit_nets: npt.ArrayLike,
    weights: TransitionWeights,
    *,
    bins: Bins | None = None,
    track_inputs: bool = True,
) -> Events:
    """Simulate every transition of a vector of input bits, all other sources constant.

    Args:
        reduced: circuit in which no source moves but ``bit_nets``.
        bit_nets: D net indices, least significant bit first. A constant bit still counts as a bit of the transition.
        weights: of :func:`transition_weights` for D bits. The delay is over all transitions, whatever their weight;
            means and counts are weighted.
        bins: of the histogram of arrivals; None: no histogram.
        track_inputs: fill ``in_counts`` (the library has energies of input pins).

    Raises:
        HaloError: a net oscillates.
        ValueError: another source moves.
    """
    source_bit = reduced.source_bits(bit_nets)
    if np.any(source_bit < 0):
        raise ValueError("a source other than the enumerated bits moves")
    bits = weights.bits
    stimulus = Stimulus(
        listed=False,
        size=1 << (2 * bits),
        source_bit=source_bit,
        source_digit=np.zeros((0, 0), np.uint8),
        uniform=weights.uniform,
        marginal_start=weights.start,
        marginal=weights.sums,
    )
    run = _Run(reduced, stimulus, track_inputs)
    # digits (before, after) of bit b are axes of the base-4 number; bring them to [before, after]
    shape = (2,) * (2 * bits)
    axes = [2 * (bits - 1 - b) + 1 for b in reversed(range(bits))] + [2 * (bits - 1 - b) for b in reversed(range(bits))]
    square = run.arrival_fs.reshape(shape).transpose(axes).reshape(1 << bits, 1 << bits)
    whole = weights.sums[weights.start[-1] :]
    each = np.full(stimulus.size, weights.uniform, np.int64) if weights.uniform else whole
    return run.events(each, bins, square.max(axis=0), listed=False)


def play_transitions(
    reduced: ReducedCircuit,
    before: U8,
    after: U8,
    *,
    bins: Bins | None = None,
    weights: I64 | None = None,
    track_inputs: bool = True,
    count_each: bool = True,
) -> Events:
    """Simulate listed transitions.

    Args:
        reduced: the circuit.
        before, after: uint8[T, S], source values in the order of ``reduced.sources``.
        bins: of the histogram of arrivals; None: no histogram.
        weights: int64[T]; None: 1 each.
        track_inputs: fill ``in_counts`` (the library has energies of input pins).
        count_each: fill ``toggles_each``; without, changes of wires are counted nowhere.

    Raises:
        HaloError: a net oscillates.
    """
    each = np.ones(len(before), np.int64) if weights is None else weights
    nowhere = np.zeros(1, np.int64)
    stimulus = Stimulus(
        listed=True,
        size=len(before),
        source_bit=nowhere,
        source_digit=np.ascontiguousarray((before + 2 * after).T.astype(np.uint8)),
        uniform=int(weights is None),
        marginal_start=nowhere,
        marginal=each,
    )
    return _Run(reduced, stimulus, track_inputs, count_each).events(each, bins, None, listed=True)
