# SPDX-License-Identifier: Apache-2.0
"""The kernels against the readable references, on random circuits: every number, not the summary alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from gate_circuits import Case, cases
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.netlist.model import FLOP
from halo.timing.event.bound import bound_transitions
from halo.timing.event.bound_reference import bound_transition, constants, longest_paths
from halo.timing.event.engine import Bins, Events, enumerate_transitions, play_transitions, transition_weights
from halo.timing.event.reduction import ReducedCircuit, reduce_circuit
from halo.timing.event.reference import Played, play

BIN_FS, BINS = 7, 12

Values = dict[int, int]


def spread(case: Case, number: int) -> Values:
    """Values of the enumerated bits that are not held."""
    return {net: (number >> i) & 1 for i, net in enumerate(case.bit_nets) if net not in case.held_nets}


@dataclass
class Tally:
    """What the events of many transitions add up to, counted the plain way."""

    case: Case
    reduced: ReducedCircuit
    played: list[Played] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)

    def add(self, before: Values, after: Values, weight: int) -> None:
        self.played.append(play(self.reduced.timed, self.case.held_nets, before, after))
        self.weights.append(weight)

    def check(self, events: Events) -> None:
        """Compare everything but what is kept transition by transition."""
        circuit = self.reduced.timed.circuit
        arrivals = [one.arrival_fs for one in self.played]
        pairs = list(zip(self.played, self.weights, strict=True))
        total = sum(self.weights)
        assert events.total == total and events.transitions == len(self.played)
        assert events.delay_fs == max(arrivals, default=0)
        assert events.period_fs == max((one.period_fs for one in self.played), default=0)
        mean = sum(one.arrival_fs * weight for one, weight in pairs) / total if total else 0.0
        assert events.mean_fs == mean
        histogram = Counter[int]()
        out_counts, in_counts, states = Counter[int](), Counter[int](), Counter[tuple[int, int]]()
        functional, toggles = np.zeros(circuit.gates, np.int64), np.zeros(circuit.gates, np.int64)
        for one, weight in pairs:
            if one.arrival_fs > 0:
                histogram[min(one.arrival_fs // BIN_FS, BINS - 1)] += weight
            for arc, count in one.out_counts.items():
                out_counts[arc] += weight * count
            for arc, count in one.in_counts.items():
                in_counts[arc] += weight * count
            for gate, state in one.state.items():
                states[gate, state] += weight
            toggles += weight * np.array(one.toggles)
            functional += weight * (np.array(one.toggles) & 1)
        assert events.histogram.tolist() == [histogram[b] for b in range(BINS)]
        assert self.by_edge(nonzero(events.out_counts)) == self.by_edge(+out_counts)
        assert nonzero(events.in_counts) == +in_counts
        # a gate whose output is held from outside, or is a source, is not simulated: it has no events
        simulated = sorted({gate for one in self.played for gate in one.state})
        assert events.toggles[simulated].tolist() == toggles[simulated].tolist()
        assert events.toggles.sum() == toggles[simulated].sum()
        assert events.functional[simulated].tolist() == functional[simulated].tolist()
        for gate in simulated:
            first, last = circuit.table_start[gate : gate + 2]
            assert events.state_counts[first:last].tolist() == [states[gate, s] for s in range(last - first)]

    def by_edge(self, counts: Counter[int]) -> Counter[tuple[int, int]]:
        """Counts by arc, those of a flip-flop by state: which pin stands for its clock is open."""
        circuit = self.reduced.timed.circuit
        found = Counter[tuple[int, int]]()
        for arc, count in counts.items():
            gate = int(np.searchsorted(circuit.arc_start, arc, side="right")) - 1
            pins = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
            found[gate, (arc - int(circuit.arc_start[gate])) // (pins if circuit.kind[gate] == FLOP else 1)] += count
        return found


def nonzero(counts: np.ndarray) -> Counter[int]:
    return Counter({int(arc): int(counts[arc]) for arc in np.flatnonzero(counts)})


def listed(reduced: ReducedCircuit, transitions: Iterable[tuple[Values, Values]]) -> tuple[np.ndarray, np.ndarray]:
    """Source values in the engine's order."""
    rows = [[[values[net] for net in reduced.sources.tolist()] for values in pair] for pair in transitions]
    array = np.array(rows, np.uint8).reshape(len(rows), 2, len(reduced.sources))
    return np.ascontiguousarray(array[:, 0]), np.ascontiguousarray(array[:, 1])


@settings(max_examples=120, deadline=None)
@given(case=cases(), weighted=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_enumerated_transitions(case: Case, weighted: bool, seed: int) -> None:
    reduced = reduce_circuit(case.timed, case.held_nets)
    size = 1 << len(case.bits)
    random = np.random.default_rng(seed)
    joint = random.integers(0, 4, (size, size)) if weighted else np.full((size, size), 3)
    weights = transition_weights(joint.astype(np.int64))
    events = enumerate_transitions(reduced, case.bit_nets, weights, bins=Bins(BIN_FS, BINS))
    tally = Tally(case, reduced)
    for before in range(size):
        for after in range(size):
            tally.add(spread(case, before), spread(case, after), int(joint[before, after]))
    tally.check(events)
    arrivals = np.array([one.arrival_fs for one in tally.played]).reshape(size, size)
    assert events.worst_by_next_fs is not None
    assert events.worst_by_next_fs.tolist() == arrivals.max(axis=0).tolist()
    assert events.arrivals_fs is None and events.toggles_each is None

    # the same transitions as a list
    pairs = [(spread(case, before), spread(case, after)) for before in range(size) for after in range(size)]
    again = play_transitions(reduced, *listed(reduced, pairs), bins=Bins(BIN_FS, BINS))
    assert again.arrivals_fs is not None and again.arrivals_fs.tolist() == arrivals.ravel().tolist()
    if not weighted:
        for name in ("out_counts", "in_counts", "state_counts", "functional", "toggles", "histogram"):
            assert np.array_equal(getattr(events, name), 3 * getattr(again, name)), name


@settings(max_examples=80, deadline=None)
@given(case=cases(others=True), seed=st.integers(0, 2**32 - 1), track=st.booleans())
def test_listed_transitions(case: Case, seed: int, track: bool) -> None:
    reduced = reduce_circuit(case.timed, case.held_nets)
    random = np.random.default_rng(seed)
    nets = reduced.sources.tolist()
    pairs = [
        (dict(zip(nets, rows[0].tolist(), strict=True)), dict(zip(nets, rows[1].tolist(), strict=True)))
        for rows in random.integers(0, 2, (int(random.integers(0, 40)), 2, len(nets)))
    ]
    events = play_transitions(reduced, *listed(reduced, pairs), bins=Bins(BIN_FS, BINS), track_inputs=track)
    tally = Tally(case, reduced)
    for before, after in pairs:
        tally.add(before, after, 1)
    if not track:
        assert not events.in_counts.any()
        for one in tally.played:
            one.in_counts.clear()
    tally.check(events)
    assert events.arrivals_fs is not None and events.toggles_each is not None and events.worst_by_next_fs is None
    assert events.arrivals_fs.tolist() == [one.arrival_fs for one in tally.played]
    simulated = [sum(one.toggles[gate] for gate in one.state) for one in tally.played]
    assert events.toggles_each.tolist() == simulated


@settings(max_examples=80, deadline=None)
@given(case=cases(most_bits=2, others=True))
def test_settle_bounds(case: Case) -> None:
    """Every transition's bound, with unknown sources, and the structures it rests on."""
    reduced = reduce_circuit(case.timed, case.held_nets)
    circuit = reduced.timed.circuit
    found = constants(circuit, case.held_nets)
    assert {net: int(value) for net, value in enumerate(reduced.constant) if value >= 0} == found
    longest = longest_paths(reduced.timed, case.held_nets)
    for net in range(circuit.nets):
        if reduced.node_of[net] >= 0:
            assert tuple(reduced.arrays.path_fs[reduced.node_of[net]].tolist()) == longest[net]
    ends = [longest[net] for net in reduced.timed.end_net]
    assert reduced.longest_path_fs == max((0, *(max(edges) for edges in ends)))
    after_setup = [max(e) + int(x) for e, x in zip(ends, reduced.timed.end_extra_fs, strict=True) if max(e) >= 0]
    assert reduced.longest_period_fs == max((0, *after_setup))

    bound = bound_transitions(reduced, case.bit_nets, each=True)
    bits = len(case.bits)
    expected = []
    for number in range(4**bits):
        digits = [(number >> (2 * i)) & 3 for i in range(bits)]
        known = {net: (digit & 1, digit >> 1) for net, digit in zip(case.bit_nets, digits, strict=True)}
        expected.append(bound_transition(reduced.timed, case.held_nets, known))
    assert bound.arrivals_fs.tolist() == [one.arrival_fs for one in expected]
    assert bound.delay_fs == max(one.arrival_fs for one in expected)
    assert bound.period_fs == max(one.period_fs for one in expected)
    largest = bound_transitions(reduced, case.bit_nets)
    assert (largest.delay_fs, largest.period_fs) == (bound.delay_fs, bound.period_fs)
