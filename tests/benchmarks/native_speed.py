# SPDX-License-Identifier: Apache-2.0
"""Speed of the native engines: every transition of every weight up to eight bits, seeded samples beyond."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from designs import ENUMERATED_BITS, Design, Spec, load, measured, peak_mb
from row import Row

from halo.timing.event.bound import bound_transitions
from halo.timing.event.engine import Bins, enumerate_transitions, play_transitions, transition_weights
from halo.timing.event.reduction import reduce_circuit

BIN_FS = 10**5
BINS = 1024
SAMPLED_WEIGHTS = 32
SAMPLED_TRANSITIONS = 16384
LEAST = 1 << 19
"""Smaller stimuli are repeated until they have so many transitions: less cannot be timed."""


def exact(spec: Spec, threads: int) -> Row:
    """The event engine, toggles and state counts included."""
    design = load(spec)
    bits = len(design.activation_nets)
    exhaustive = bits <= ENUMERATED_BITS
    weights = _weights(design, exhaustive)
    joint = transition_weights(np.ones((1 << bits, 1 << bits), np.int64)) if exhaustive else None
    generator = np.random.default_rng(1)
    lists = generator.integers(0, 2, (2, SAMPLED_TRANSITIONS, bits), dtype=np.uint8)

    def one(weight: int) -> int:
        reduced = reduce_circuit(design.timed, design.held(weight))
        if joint is not None:
            return enumerate_transitions(
                reduced, design.activation_nets, joint, bins=Bins(BIN_FS, BINS), track_inputs=False
            ).delay_fs
        place = {net: i for i, net in enumerate(design.activation_nets)}
        columns = [place[int(net)] for net in reduced.sources]
        before, after = lists[0][:, columns], lists[1][:, columns]
        return play_transitions(reduced, before, after, bins=Bins(BIN_FS, BINS), track_inputs=False).delay_fs

    one(int(weights[0]))  # loads compiled code
    each = 1 << (2 * bits) if exhaustive else SAMPLED_TRANSITIONS
    repeats = -(-LEAST // (len(weights) * each))
    with measured() as cost, ThreadPoolExecutor(threads) as pool:
        delays = list(pool.map(one, weights.tolist() * repeats))
    what = "every transition of every weight" if exhaustive else f"{len(weights)} weights x {each:,} random transitions"
    return Row(
        spec.name,
        design.circuit.gates,
        "native exact",
        threads,
        repeats * len(weights) * each,
        cost.cpu_s,
        cost.wall_s,
        peak_mb(),
        f"{what}; largest delay {max(delays) / 1000:.1f} ps",
    )


def bound(spec: Spec, threads: int) -> Row:
    """The settle bound, which holds for every transition; enumerated like the exact engine up to eight bits."""
    design = load(spec)
    bits = len(design.activation_nets)
    exhaustive = bits <= ENUMERATED_BITS
    weights = _weights(design, exhaustive)
    nets = design.activation_nets if exhaustive else ()

    def one(weight: int) -> int:
        return bound_transitions(reduce_circuit(design.timed, design.held(weight)), nets).delay_fs

    one(int(weights[0]))
    repeats = -(-LEAST // (len(weights) << (2 * bits)))
    with measured() as cost, ThreadPoolExecutor(threads) as pool:
        delays = list(pool.map(one, weights.tolist() * repeats))
    what = "every transition of every weight" if exhaustive else f"{len(weights)} weights, all transitions in one bound"
    return Row(
        spec.name,
        design.circuit.gates,
        "native bound",
        threads,
        repeats * len(weights) << (2 * bits) if exhaustive else None,
        cost.cpu_s,
        cost.wall_s,
        peak_mb(),
        f"{what}; largest bound {max(delays) / 1000:.1f} ps",
    )


def _weights(design: Design, exhaustive: bool) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """All weights, or evenly drawn ones."""
    count = 1 << len(design.weight_nets)
    if exhaustive or count <= SAMPLED_WEIGHTS:
        return np.arange(count, dtype=np.int64)
    return np.sort(np.random.default_rng(1).choice(count, SAMPLED_WEIGHTS, replace=False)).astype(np.int64)
