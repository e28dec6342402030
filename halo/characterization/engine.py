# SPDX-License-Identifier: Apache-2.0
"""One corner, every weight: static delay, settle bound, exact events and energy, on all cores.

Tests: tests/flow/test_characterize.py.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from halo.characterization.design import DesignCorner
from halo.characterization.histograms import Histograms
from halo.characterization.stimulus import ENUMERATED_BITS, Stimulus, enumerated_bits, listed_transitions
from halo.config import TimingMethod
from halo.power.energy import WeightEnergy, weight_energy
from halo.power.energy_tables import EventEnergies, event_energies
from halo.timing.clock_edges import EDGES, share
from halo.timing.event.bound import bound_transitions
from halo.timing.event.engine import Bins, Events, enumerate_transitions, play_transitions
from halo.timing.event.reduction import ReducedCircuit, reduce_circuit
from halo.timing.static.timer import StaticArrivals, static_arrivals

F64 = npt.NDArray[np.float64]

CASES = 4096
"""Weights that static timing takes at once: its arrays hold every net, or every endpoint, of each of them."""
PLANNED = 1024
"""From this number of weights on, the time that they take is estimated first."""
BINS = 200
"""Histogram bins between zero and the longest path."""


@dataclass(frozen=True, eq=False)
class WeightResult:
    """What was found for one weight; None: not computed. Times in fs."""

    weight: int
    bound_fs: int | None
    bound_period_fs: int | None
    events: Events | None
    energy: WeightEnergy | None


@dataclass(frozen=True, eq=False)
class CornerResult:
    """What was found in one corner, weights ascending.

    Attributes:
        static_s: float64[W]; static_period_s: with the endpoint's setup.
        weights: W results; histograms: None unless the method is exact.
        energies: the event energies behind the results, None unless the method is exact.
    """

    corner: DesignCorner
    static_s: F64
    static_period_s: F64
    weights: tuple[WeightResult, ...]
    histograms: Histograms | None
    energies: EventEnergies | None


def characterize_corner(
    corner: DesignCorner,
    stimulus: Stimulus,
    weights: npt.NDArray[np.int64],
    *,
    method: TimingMethod,
    seed: int,
    jobs: int | None,
    report: Callable[[int, int], None],
    planned: Callable[[float, int], None] = lambda seconds, cores: None,
) -> CornerResult:
    """Exercise some weights.

    Args:
        corner: the design.
        stimulus: what is played to each.
        weights: int64[W], values, ascending.
        method: ``static``, ``bound`` (static and bound), or ``exact`` (all three and energy).
        jobs: threads; None: one a core. Results do not depend on it.
        report: called with (weights done, weights).
        planned: called with the seconds that many weights (``PLANNED``) will take about, before they are begun, if so
            many cores do nothing else: a few are timed by the CPU time they take, whatever else runs.

    Raises:
        HaloError: as the engines.
    """
    roles = corner.roles
    values, patterns = weights.tolist(), roles.weight_encoding.pattern(weights)
    static, static_period = _static(corner, patterns)
    if method == "static":
        found = tuple(WeightResult(value, None, None, None, None) for value in values)
        report(len(found), len(found))
        return CornerResult(corner, static, static_period, found, None, None)
    timed = corner.timed
    longest = reduce_circuit(
        timed, {net: value for port in roles.tie for net, value in corner.tied(port).items()}
    ).longest_path_fs
    width_fs = _nice_bin(longest)
    bins = Bins(width_fs, longest // width_fs + 1)
    energies = event_energies(corner.circuit, corner.library, corner.delays) if method == "exact" else None
    track = energies is not None and energies.input_j is not None and bool(np.any(energies.input_j))

    enumerated = _enumerated(corner, len(patterns))

    def exercise(pattern: int, value: int) -> WeightResult:
        held = corner.held(pattern)
        reduced = reduce_circuit(timed if corner.calculator is None else corner.timed_under(held), held)
        bound = bound_transitions(reduced, enumerated)
        period_fs = bound.period_fs
        if corner.both_edges:
            period_fs = _longest(corner, reduced, lambda r: bound_transitions(r, enumerated).period_fs)
        if energies is None:
            return WeightResult(value, bound.delay_fs, period_fs, None, None)
        events = _play(corner, stimulus, reduced, pattern, seed, bins, track)
        if corner.both_edges and stimulus.exhaustive is not None:
            slowest = _longest(
                corner, reduced, lambda r: _play(corner, stimulus, r, pattern, seed, bins, False).period_fs
            )
            events = replace(events, period_fs=slowest)
        return WeightResult(
            value, bound.delay_fs, period_fs, _slim(events), weight_energy(energies, events, events.total)
        )

    threads = jobs or os.cpu_count() or 1
    if len(patterns) >= PLANNED:
        exercise(int(patterns[0]), values[0])  # compiles what is not compiled yet
        tried = [len(patterns) * part // 4 for part in (1, 2, 3)]
        start = time.process_time()
        for i in tried:
            exercise(int(patterns[i]), values[i])
        cores = min(threads, os.cpu_count() or 1)
        planned((time.process_time() - start) / len(tried) * len(patterns) / cores, cores)
    done = 0
    results: list[WeightResult | None] = [None] * len(patterns)
    with ThreadPoolExecutor(threads) as pool:
        futures = {pool.submit(exercise, int(p), v): i for i, (p, v) in enumerate(zip(patterns, values, strict=True))}
        try:
            for future in as_completed(futures):
                results[futures[future]] = future.result()
                done += 1
                report(done, len(patterns))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    found = tuple(result for result in results if result is not None)
    histograms = _histograms(corner, found, bins) if method == "exact" else None
    return CornerResult(corner, static, static_period, found, histograms, energies)


def _longest(corner: DesignCorner, reduced: ReducedCircuit, period_fs: Callable[[ReducedCircuit], int]) -> int:
    """Longest period over the endpoints, each group of them with its share of the period."""
    return max(
        (math.ceil(period_fs(reduced.with_ends(ends)) / share) for share, ends in corner.end_groups),
        default=0,
    )


def _static(corner: DesignCorner, patterns: npt.NDArray[np.int64]) -> tuple[F64, F64]:
    """Static delay of each weight in seconds, and the same with the setup of the register at the endpoint."""
    if corner.annotated:
        timed = corner.timed
        reduced = [reduce_circuit(timed, corner.held(int(p))) for p in patterns]
        periods = [
            _longest(corner, h, lambda r: r.longest_period_fs) if corner.both_edges else h.longest_period_fs
            for h in reduced
        ]
        return np.array([h.longest_path_fs for h in reduced]) * 1e-15, np.array(periods) * 1e-15
    parts = [_static_cases(corner, patterns[i : i + CASES]) for i in range(0, len(patterns), CASES)]
    return np.concatenate([delay for delay, _ in parts]), np.concatenate([period for _, period in parts])


def _static_cases(corner: DesignCorner, patterns: npt.NDArray[np.int64]) -> tuple[F64, F64]:
    weight_nets = corner.circuit.netlist.inputs[corner.roles.weight]
    case = {net: (patterns >> i & 1).astype(np.uint8) for i, net in enumerate(weight_nets)}
    for port in corner.roles.tie:
        case |= {net: np.full(len(patterns), value, np.uint8) for net, value in corner.tied(port).items()}
    clk_to_q_s, setup_s = corner.boundary_s

    def arrivals(launch_edge: int | None) -> StaticArrivals:
        return static_arrivals(
            corner.bare or corner.circuit,
            corner.library,
            case=case,
            input_slew_s=corner.input_slew_s,
            clock_slew_s=corner.clock_slew_s,
            output_load_f=corner.output_load_f,
            wires=corner.wires,
            input_arrival_s=clk_to_q_s,
            output_setup_s=setup_s,
            launch_edge=launch_edge,
        )

    if not corner.both_edges:
        found = arrivals(None)
        return found.delay_s, found.delay_with_setup_s
    delay, period = np.zeros(len(patterns)), np.zeros(len(patterns))
    for launch in EDGES:
        found = arrivals(launch)
        shares = np.array([share(launch, int(end), corner.duty) for end in corner.capture])
        ends = np.where(found.arrival_s >= 0, found.arrival_s + found.setup_s, 0.0).max(axis=2)
        delay = np.maximum(delay, found.delay_s)
        period = np.maximum(period, (ends / shares).max(axis=1, initial=0.0))
    return delay, period


def _enumerated(corner: DesignCorner, weights: int) -> tuple[int, ...]:
    """Activation bits that the bound enumerates, the highest ones; the others stay unknown, which is sound."""
    nets = corner.circuit.netlist.inputs[corner.roles.activation]
    bits = enumerated_bits(len(nets), weights)
    return nets[len(nets) - bits :] if bits else ()


def _play(
    corner: DesignCorner, stimulus: Stimulus, reduced: ReducedCircuit, pattern: int, seed: int, bins: Bins, track: bool
) -> Events:
    if stimulus.exhaustive is not None:
        nets = corner.circuit.netlist.inputs[corner.roles.activation]
        return enumerate_transitions(reduced, nets, stimulus.exhaustive, bins=bins, track_inputs=track)
    before, after, weights = listed_transitions(stimulus, corner.circuit, corner.roles, pattern, seed)
    events = play_transitions(
        reduced,
        _lanes(reduced, before),
        _lanes(reduced, after),
        bins=bins,
        weights=None if np.all(weights == 1) else weights,
        track_inputs=track,
        count_each=False,
    )
    activation = corner.circuit.netlist.inputs[corner.roles.activation]
    if len(activation) > ENUMERATED_BITS or events.arrivals_fs is None:
        return events
    following = sum(after[net].astype(np.int64) << i for i, net in enumerate(activation))
    worst = np.full(1 << len(activation), -1, np.int32)
    np.maximum.at(worst, following, events.arrivals_fs)
    return replace(events, worst_by_next_fs=worst)


def _lanes(reduced: ReducedCircuit, values: dict[int, npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    if not len(reduced.sources):
        return np.zeros((len(next(iter(values.values()))), 0), np.uint8)
    return np.stack([values[int(net)] for net in reduced.sources], axis=1)


def _slim(events: Events) -> Events:
    """Drop what the energy has already used: thousands of weights would fill the memory with it."""
    nothing = np.zeros(0, np.int64)
    return replace(
        events,
        arrivals_fs=None,
        toggles_each=None,
        out_counts=nothing,
        in_counts=nothing,
        toggles=nothing,
        functional=nothing,
        state_counts=nothing,
    )


def _nice_bin(longest_fs: int) -> int:
    """Width of a histogram bin: 1, 2 or 5 times a power of ten, the least that needs at most BINS of them."""
    width = 1000
    for factor in (2, 2.5, 2) * 4:
        if longest_fs // width + 1 <= BINS:
            break
        width = int(width * factor)
    return width


def _histograms(corner: DesignCorner, found: tuple[WeightResult, ...], bins: Bins) -> Histograms:
    events = [result.events for result in found if result.events is not None]
    bits = corner.roles.activation_bits
    listed = [e for e in events if e.worst_by_next_fs is None]
    if listed:
        activations = np.zeros(0, np.int64)
        worst = np.zeros((len(events), 0), np.float32)
    else:
        activations = corner.roles.activation_encoding.value(np.arange(1 << bits, dtype=np.int64))
        order = np.argsort(activations)
        activations = activations[order]
        worst_fs = np.array([e.worst_by_next_fs for e in events])[:, order]
        worst = np.where(worst_fs >= 0, worst_fs / 1000, np.nan).astype(np.float32)
    return Histograms(
        weights=np.array([result.weight for result in found], np.int64),
        histogram=np.array([e.histogram for e in events]),
        bin_edges_ps=np.arange(bins.number + 1, dtype=np.float64) * bins.width_fs / 1000,
        worst_by_next_ps=worst,
        activations=activations,
    )
