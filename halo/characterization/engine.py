"""One corner, every weight: static delay, settle bound, exact events and energy, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from halo.characterization.histograms import Histograms
from halo.characterization.ports import Roles
from halo.characterization.stimulus import ENUMERATED_BITS, Stimulus, listed_transitions
from halo.config import Method
from halo.liberty.model import Library
from halo.netlist.model import Circuit
from halo.power.energy import WeightEnergy, weight_energy
from halo.power.energy_tables import EventEnergies, event_energies
from halo.timing.delays import Delays
from halo.timing.event.bound import bound_transitions
from halo.timing.event.engine import Events, Held, Timed, enumerate_transitions, hold, play_transitions
from halo.timing.overhead import RegisterOverhead
from halo.timing.static.timer import endpoints, static_arrivals

F64 = npt.NDArray[np.float64]

BINS = 200
"""Histogram bins between zero and the longest path."""


@dataclass(frozen=True, eq=False)
class Corner:
    """A design in one corner, ready to be exercised.

    Attributes:
        name: of the corner.
        circuit, library, delays: the netlist compiled against the corner's cells, and its delays.
        roles: the design's ports.
        input_slew_s, output_load_f: at the ports.
        annotated: the delays come from an SDF, not from the library.
        boundary: the register assumed before and behind the ports of a registered design; None: inputs change at the
            clock edge itself, and outputs may settle until the next.
    """

    name: str
    library: Library
    circuit: Circuit
    delays: Delays
    roles: Roles
    input_slew_s: float
    output_load_f: float
    annotated: bool = False
    boundary: RegisterOverhead | None = None

    @property
    def timed(self) -> Timed:
        """What the engines simulate: flip-flops launch at their clk-to-Q, inputs at that of ``boundary`` or at 0."""
        ends = endpoints(self.circuit)
        clk_to_q_fs, setup_fs = (round(seconds * 1e15) for seconds in self.boundary_s)
        setup = np.array([self.delays.setup_fs[e.pin] if e.pin >= 0 else setup_fs for e in ends], np.int32)
        launch = np.zeros(self.circuit.nets, np.int32)
        launch[self.circuit.source] = clk_to_q_fs
        for gate in self.circuit.state_gates:
            arcs = slice(int(self.circuit.arc_start[gate]), int(self.circuit.arc_start[gate + 1]))
            launch[self.circuit.out[gate]] = self.delays.arc_fs[arcs].max(initial=0)
        return Timed(self.circuit, self.delays.arc_fs, launch, np.array([e.net for e in ends], np.int32), setup)

    @property
    def boundary_s(self) -> tuple[float, float]:
        """When inputs change after the clock edge, and what outputs need before the next, in seconds."""
        return (0.0, 0.0) if self.boundary is None else (self.boundary.clk_to_q_s, self.boundary.setup_s)

    def held(self, pattern: int) -> dict[int, int]:
        """Nets held for a weight's bit pattern: its bits and the tied inputs."""
        values = {net: pattern >> i & 1 for i, net in enumerate(self.circuit.netlist.inputs[self.roles.weight])}
        for port in self.roles.tie:
            values |= self.tied(port)
        return values

    def tied(self, port: str) -> dict[int, int]:
        """Nets of a tied input port and their values."""
        value = self.roles.tie[port]
        return {net: value >> i & 1 for i, net in enumerate(self.circuit.netlist.inputs[port])}


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

    corner: Corner
    static_s: F64
    static_period_s: F64
    weights: tuple[WeightResult, ...]
    histograms: Histograms | None
    energies: EventEnergies | None


def weight_values(bits: int, signed: bool) -> range:
    """All values of a weight, ascending."""
    return range(-(1 << (bits - 1)), 1 << (bits - 1)) if signed else range(1 << bits)


def characterize_corner(
    corner: Corner,
    stimulus: Stimulus,
    *,
    method: Method,
    seed: int,
    jobs: int | None,
    report: Callable[[int, int], None],
) -> CornerResult:
    """Exercise every weight.

    Args:
        method: ``static``, ``bound`` (static and bound), or ``exact`` (all three and energy).
        jobs: threads; None: one a core. Results do not depend on it.
        report: called with (weights done, weights).

    Raises:
        HaloError: as the engines.
    """
    roles = corner.roles
    values = weight_values(roles.weight_bits, roles.weight_signed)
    mask = (1 << roles.weight_bits) - 1
    patterns = np.array([value & mask for value in values], np.int64)
    static, static_period = _static(corner, patterns)
    if method == "static":
        found = tuple(WeightResult(value, None, None, None, None) for value in values)
        report(len(found), len(found))
        return CornerResult(corner, static, static_period, found, None, None)
    timed = corner.timed
    longest = hold(
        timed, {net: value for port in roles.tie for net, value in corner.tied(port).items()}
    ).longest_path_fs
    bin_fs = _nice_bin(longest)
    bins = longest // bin_fs + 1
    energies = event_energies(corner.circuit, corner.library, corner.delays) if method == "exact" else None
    track = energies is not None and energies.input_j is not None and bool(np.any(energies.input_j))

    def exercise(pattern: int, value: int) -> WeightResult:
        held = hold(timed, corner.held(pattern))
        bound = bound_transitions(held, _enumerated(corner, stimulus))
        if energies is None:
            return WeightResult(value, bound.delay_fs, bound.period_fs, None, None)
        events = _play(corner, stimulus, held, pattern, seed, bin_fs, bins, track)
        return WeightResult(
            value, bound.delay_fs, bound.period_fs, _slim(events), weight_energy(energies, events, events.total)
        )

    done = 0
    results: list[WeightResult | None] = [None] * len(patterns)
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
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
    histograms = _histograms(corner, found, bin_fs, bins) if method == "exact" else None
    return CornerResult(corner, static, static_period, found, histograms, energies)


def _static(corner: Corner, patterns: npt.NDArray[np.int64]) -> tuple[F64, F64]:
    """Static delay of each weight in seconds, and the same with the setup of the register at the endpoint."""
    if corner.annotated:
        timed = corner.timed
        held = [hold(timed, corner.held(int(p))) for p in patterns]
        paths = np.array([[h.longest_path_fs, h.longest_period_fs] for h in held]) * 1e-15
        return paths[:, 0], paths[:, 1]
    weight_nets = corner.circuit.netlist.inputs[corner.roles.weight]
    case = {net: (patterns >> i & 1).astype(np.uint8) for i, net in enumerate(weight_nets)}
    for port in corner.roles.tie:
        case |= {net: np.full(len(patterns), value, np.uint8) for net, value in corner.tied(port).items()}
    clk_to_q_s, setup_s = corner.boundary_s
    arrivals = static_arrivals(
        corner.circuit,
        corner.library,
        case=case,
        input_slew_s=corner.input_slew_s,
        output_load_f=corner.output_load_f,
        input_arrival_s=clk_to_q_s,
        output_setup_s=setup_s,
    )
    return arrivals.delay_s, arrivals.delay_with_setup_s


def _enumerated(corner: Corner, stimulus: Stimulus) -> tuple[int, ...]:
    """Activation bits that the bound enumerates; the bits of a wider activation stay unknown."""
    nets = corner.circuit.netlist.inputs[corner.roles.activation]
    return nets if len(nets) <= ENUMERATED_BITS else ()


def _play(
    corner: Corner, stimulus: Stimulus, held: Held, pattern: int, seed: int, bin_fs: int, bins: int, track: bool
) -> Events:
    if stimulus.exhaustive is not None:
        nets = corner.circuit.netlist.inputs[corner.roles.activation]
        return enumerate_transitions(held, nets, stimulus.exhaustive, bin_fs=bin_fs, bins=bins, track_inputs=track)
    before, after, weights = listed_transitions(stimulus, corner.circuit, corner.roles, pattern, seed)
    events = play_transitions(
        held,
        _lanes(held, before),
        _lanes(held, after),
        bin_fs=bin_fs,
        bins=bins,
        weights=None if np.all(weights == 1) else weights,
        track_inputs=track,
    )
    activation = corner.circuit.netlist.inputs[corner.roles.activation]
    if len(activation) > ENUMERATED_BITS or events.arrivals_fs is None:
        return events
    following = sum(after[net].astype(np.int64) << i for i, net in enumerate(activation))
    worst = np.zeros(1 << len(activation), np.int32)
    np.maximum.at(worst, following, events.arrivals_fs)
    return replace(events, worst_by_next_fs=worst)


def _lanes(held: Held, values: dict[int, npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    if not len(held.sources):
        return np.zeros((len(next(iter(values.values()))), 0), np.uint8)
    return np.stack([values[int(net)] for net in held.sources], axis=1)


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


def _histograms(corner: Corner, found: tuple[WeightResult, ...], bin_fs: int, bins: int) -> Histograms:
    events = [result.events for result in found if result.events is not None]
    bits = corner.roles.activation_bits
    listed = [e for e in events if e.worst_by_next_fs is None]
    if listed:
        activations = np.zeros(0, np.int64)
        worst = np.zeros((len(events), 0), np.float32)
    else:
        activations = np.arange(1 << bits, dtype=np.int64)
        if corner.roles.activation_signed:
            activations = activations - ((activations >> (bits - 1)) << bits)
        order = np.argsort(activations)
        activations = activations[order]
        worst_fs = np.array([e.worst_by_next_fs for e in events])[:, order]
        worst = np.where(worst_fs > 0, worst_fs / 1000, np.nan).astype(np.float32)
    return Histograms(
        weights=np.array([result.weight for result in found], np.int64),
        histogram=np.array([e.histogram for e in events]),
        bin_edges_ps=np.arange(bins + 1, dtype=np.float64) * bin_fs / 1000,
        worst_by_next_ps=worst,
        activations=activations,
    )
