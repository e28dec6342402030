# SPDX-License-Identifier: Apache-2.0
"""Slow transitions of an element with its weight at rest: activation pairs and partial sums that come near the bound.

Partial sums cannot be enumerated (2^2b transitions), so they are searched: from the activation transitions with the
latest settle bounds and random sums, the native event engine keeps the slowest and changes a few of their bits, round
after round. The result is exact for the transitions it names, and a lower limit of the slowest one.

Tests: tests/rtl/test_gates.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.flow.gate_level.class_period import ArrayBounds
from halo.timing.event.bound import bound_transitions
from halo.timing.event.engine import play_transitions
from halo.timing.event.reduction import ReducedCircuit, reduce_circuit

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

POPULATION = 2048
"""Transitions of a round."""
KEPT = 256
"""Slowest of a round, from which the next is made."""
ROUNDS = 16
"""Rounds of the search."""
FLIPS = 3
"""Bits that a round changes in a transition, at most."""


@dataclass(frozen=True, eq=False)
class SlowTransitions:
    """Transitions of one weight, slowest first.

    Attributes:
        weight: at rest in the element.
        activations: int64[K, 2], before and after, unsigned; sums: int64[K, 2], partial sums.
        needed_fs: clock period that the slowest of them needs, setup included.
    """

    weight: int
    activations: I64
    sums: I64
    needed_fs: int

    def slots(self, count: int) -> tuple[I64, I64]:
        """Activations int64[count, 1] and sums int64[count]: each transition in turn, forth and back."""
        rows = np.arange(count) // 2 % len(self.activations)
        side = np.arange(count) % 2
        return self.activations[rows, side][:, None], self.sums[rows, side]


def slow_transitions(bounds: ArrayBounds, weight: int, seed: int) -> SlowTransitions:
    """Search the slow transitions of a weight in a single element.

    Args:
        bounds: of the element.
        weight: its weight.
        seed: of the search.
    """
    design = bounds.array.design
    activation = bounds.activations[0]
    sums = design.clocked.netlist.inputs["psum_i"]
    fixed = dict.fromkeys(design.timed.circuit.source.tolist(), 0) | bounds.weight_at_rest(weight)
    reduced = reduce_circuit(design.timed, {net: v for net, v in fixed.items() if net not in {*activation, *sums}})
    generator = np.random.default_rng([seed, weight & 0xFFFF])
    start = slow_activations(reduced, activation, POPULATION)
    before, after = generator.integers(0, 2, (2, POPULATION, len(reduced.sources)), dtype=np.uint8)
    place = {int(net): i for i, net in enumerate(reduced.sources)}
    for i, net in enumerate(activation):
        before[:, place[net]] = start[:, 0] >> i & 1
        after[:, place[net]] = start[:, 1] >> i & 1
    arrival = _arrivals(reduced, before, after)
    for _ in range(ROUNDS):
        best = np.argsort(-arrival, kind="stable")[:KEPT]
        parents = generator.choice(best, POPULATION - KEPT)
        children = [before[parents], after[parents]]
        for _ in range(FLIPS):
            side = generator.integers(0, 2, len(parents))
            bit = generator.integers(0, len(reduced.sources), len(parents))
            for k, values in enumerate(children):
                values[np.flatnonzero(side == k), bit[side == k]] ^= 1
        before = np.concatenate([before[best], children[0]])
        after = np.concatenate([after[best], children[1]])
        arrival = np.concatenate([arrival[best], _arrivals(reduced, *children)])
    best = np.argsort(-arrival, kind="stable")[:KEPT]
    before, after = before[best], after[best]
    needed = play_transitions(reduced, before, after).period_fs

    def value(rows: U8, nets: tuple[int, ...]) -> I64:
        return np.asarray(sum(rows[:, place[net]].astype(np.int64) << i for i, net in enumerate(nets)))

    pairs = [np.stack([value(before, nets), value(after, nets)], axis=1) for nets in (activation, sums)]
    return SlowTransitions(weight, pairs[0], pairs[1], needed)


def slow_activations(reduced: ReducedCircuit, activation: tuple[int, ...], count: int) -> I64:
    """The activation transitions with the latest settle bounds: int64[count, 2], before and after, latest first.

    Args:
        reduced: a design with its weights at rest; what is not enumerated is unknown.
        activation: nets of the activation, least significant first.
        count: how many.
    """
    arrivals = bound_transitions(reduced, activation, each=True).arrivals_fs
    assert arrivals is not None
    chosen = np.resize(np.argsort(-arrivals, kind="stable"), count).astype(np.int64)
    bits = np.arange(len(activation))
    digits = chosen[:, None, None] >> (2 * bits + np.array([[0], [1]])) & 1
    pairs: I64 = (digits << bits).sum(axis=2)
    return pairs


def _arrivals(reduced: ReducedCircuit, before: U8, after: U8) -> npt.NDArray[np.int32]:
    arrivals = play_transitions(reduced, before, after, track_inputs=False).arrivals_fs
    assert arrivals is not None
    return arrivals
