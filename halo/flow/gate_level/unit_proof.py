# SPDX-License-Identifier: Apache-2.0
"""Whole arrays and the matrix unit at gate level: mixed traffic at the clocks of two classes must hold, less must not.

Tests: tests/flow/gate_level/test_proof.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from halo.arch.systolic.registers import multiplier_registers
from halo.characterization.encoding import Encoding
from halo.errors import HaloError
from halo.flow.gate_level.array import DEFAULTS, OPERAND_BITS, CutGates, build_array, cut_gates
from halo.flow.gate_level.class_period import ArrayBounds, Period, array_bounds
from halo.flow.gate_level.recording import Recording, record
from halo.flow.gate_level.trials import Trial, gate_fs, setup_fs
from halo.flow.gate_level.unit import GateUnit
from halo.flow.gate_level.worst_cases import slow_activations
from halo.flow.runs.provenance import Recorder
from halo.flow.simulators.benches import Value, find_bench
from halo.flow.simulators.clocked_cycles import ClockedPlayer, Cycles
from halo.flow.simulators.own_modules import OwnModules, Placed, place
from halo.timing.event.reduction import reduce_circuit
from halo.units import FS_PER_PS

UNITS: dict[str, dict[str, Value]] = {
    "systolic_ws": {"ROWS": 2, "COLUMNS": 2, "DEPTH": 4, "CLASS_WIDTH": 1},
    "systolic_os": {"ROWS": 2, "COLUMNS": 2, "CLASS_WIDTH": 1},
    "tensor_core": {"M": 2, "N": 2, "K": 4},
}
"""Benches whose designs are played whole, and their parameters unless others are given: small, for Icarus' sake."""
CYCLES = {"systolic_ws": 5_000, "systolic_os": 5_000, "tensor_core": 500}
"""Clocks of a trial: so many that all trials of the smallest units take a minute. Dot products glitch the most."""
TRIED = 400
"""Clocks that are played to know how long the others will take. The first quarter, with the reset, is not counted."""
MAX_FANOUT = 16
"""Pins of a net, beyond which synthesis puts buffers: resets, enables and memory addresses reach hundreds of them."""

PAIRS = 64
"""Slow transitions of a weight that tiles play."""

Choose = Callable[[Mapping[int, int], Callable[[], tuple[int, ...]]], tuple[tuple[int, ...], int]]
"""From the period of each weight at rest, and the class to take by default: the weights of the fast class, and one that
is slower."""


@dataclass(frozen=True)
class UnitClocks:
    """Clocks of a unit.

    Attributes:
        every: period of any weight.
        fast: of the fast class; None: the unit has no classes.
        weights: of the fast class, or all; outside: a slower one.
        fast_fs: period that the fast class is played at; the only one where there are no classes.
    """

    every: Period
    fast: Period | None
    weights: tuple[int, ...]
    outside: int | None
    fast_fs: int

    @property
    def played(self) -> tuple[int, ...]:
        """Periods of class 0, of class 1 and of a change of the clock, which has the longer one of both."""
        every = self.every.period_fs
        return (self.fast_fs,) if self.fast is None else (every, self.fast_fs, max(every, self.fast_fs))


class UnitProof:
    """A unit's gates, and its traffic.

    Args:
        bench: one of UNITS.
        given: parameters that differ from those of UNITS and of the bench.
        own: modules of the user's.
        liberty: all files of one corner.
        dont_use: cells that synthesis must not use.
        work: folder for everything in between.

    Raises:
        HaloError: parameters that the bench does not have, or operands wider than the bounds enumerate; as synthesis.
    """

    def __init__(
        self,
        bench: str,
        given: Mapping[str, Value],
        own: OwnModules | None,
        liberty: Sequence[Path],
        dont_use: Sequence[str],
        work: Path,
    ) -> None:
        self.bench, self.own, self.liberty, self.dont_use, self.work = bench, own, liberty, dont_use, work
        self.parameters = UNITS[bench] | dict(given)
        self.placed: Placed = place(find_bench(bench), self.parameters, own, work)
        built = self.placed.built
        self.values: dict[str, Value] = {p.name: built[p.name] for p in find_bench(bench).parameters}
        widths = [self.values[n] for n in ("WEIGHT_WIDTH", "ACTIVATION_WIDTH", "WIDTH") if n in self.values]
        if any(not isinstance(width, int) or width > OPERAND_BITS for width in widths):
            raise HaloError(f"gates are played with operands of up to {OPERAND_BITS} bits", "Give smaller widths.")
        self._recorded = 0

    @property
    def has_classes(self) -> bool:
        """Whether its clock changes between classes of weights."""
        return "CLASS_WIDTH" in self.values

    def synthesized(self) -> CutGates:
        """The whole unit as gates, its memories as registers."""
        return cut_gates(
            find_bench(self.bench).toplevel,
            self.values,
            self.liberty,
            self.work / "unit",
            sources=self.placed.sources,
            dont_use=self.dont_use,
            max_fanout=MAX_FANOUT,
        )

    def element(self) -> ArrayBounds:
        """A weight-stationary element with the unit's MAC, to choose classes and slow activations by."""
        values = {name: self.values[name] for name in DEFAULTS}
        element = build_array(
            "pe", values, self.liberty, self.work / "pe", sources=self.placed.sources, dont_use=self.dont_use
        )
        return array_bounds(element)

    def traffic(
        self,
        gates: CutGates,
        classes: Mapping[int, Sequence[int]],
        cycles: int,
        seed: int,
        slow: Sequence[tuple[int, int]] = (),
    ) -> Recording:
        """Record the RTL with the weights that each class may use, and slow transitions of activations."""
        self._recorded += 1
        netlist = gates.design.clocked.netlist
        ports = [port for port in (*netlist.inputs, *netlist.outputs) if port != "clk_i"]
        folder = self.work / f"recording{self._recorded}"
        return record(self.bench, self.parameters, ports, classes, cycles, folder, slow=slow, own=self.own, seed=seed)

    def unit(self, gates: CutGates, recording: Recording) -> GateUnit:
        """The gates with what was recorded."""
        number = {name: int(value) for name, value in self.values.items() if name != "MULTIPLIER"}
        weight = number.get("WEIGHT_WIDTH") or number["WIDTH"]
        activation = number.get("ACTIVATION_WIDTH") or number["WIDTH"]
        sizes = (number["ROWS"], number["COLUMNS"]) if self.has_classes else (0, 0)
        return GateUnit(gates, recording, *sizes, weight, activation, multiplier_registers(number.get("PIPELINE", 0)))

    def require_gap(self, clocks: UnitClocks) -> None:
        """A weight of another class must have left the elements of ``systolic_ws`` before the first activation.

        Raises:
            HaloError: the gap after a change of the clock is too short.
        """
        if self.bench != "systolic_ws":
            return  # the operands of systolic_os are cleared before a change
        gap = max(int(self.values["CLASS_GAP"]), int(self.values["SWAP_GAP"]))
        needed = -(-clocks.every.path_fs // clocks.fast_fs) - 1
        if gap < needed:
            raise HaloError(
                f"a swap between classes takes {clocks.every.path_fs / FS_PER_PS:,.0f} ps, more than {gap + 1} clocks "
                f"of {clocks.fast_fs / FS_PER_PS:,.0f} ps",
                f"Give --param CLASS_GAP={needed}.",
            )


def prove_unit(
    proof: UnitProof, choose: Choose, period_ps: float | None, cycles: int | None, seed: int, recorder: Recorder
) -> tuple[CutGates, UnitClocks, list[Trial]]:
    """Synthesize, time, record and play a unit.

    Args:
        proof: of the unit.
        choose: the fast class.
        period_ps: its clock; None: calculated.
        cycles: of each trial; None: CYCLES.
        seed: of the traffic.
        recorder: of the run.

    Raises:
        HaloError: as ``UnitProof``, ``record`` and ``GateUnit``.
    """
    report = recorder.report
    report("synthesis and delays", 0, 1)
    gates = proof.synthesized()
    report("synthesis and delays", 1, 1)
    every = tuple(range(-(1 << OPERAND_BITS - 1), 1 << OPERAND_BITS - 1))
    weights, outside, classes = every, None, {0: every}
    slow: dict[int, list[tuple[int, int]]] = {}
    if proof.has_classes:
        element = proof.element()
        periods = element.at_rest_each(report)
        every = tuple(periods)
        weights, outside = choose(periods, lambda: fastest_multiples(element))
        slow = {w: slow_pairs(element, w) for w in (max(weights, key=lambda w: periods[w]), outside)}
        classes = {0: every, 1: weights}
    length = cycles or CYCLES[proof.bench]
    report("recording the RTL", 0, 1)
    recording = proof.traffic(gates, classes, length, seed, next(iter(slow.values()), ()))
    unit = proof.unit(gates, recording)
    report("recording the RTL", 1, 1)
    report("clock periods of the whole unit", 0, 1)
    any_weight = unit.period(None)
    # The operands of systolic_os are cleared before a change of the clock, so that a class always follows zeros.
    in_use = weights if proof.bench == "systolic_ws" else (*weights, 0)
    fast = unit.period(in_use, 1) if proof.has_classes else None
    calculated = (fast or any_weight).period_fs
    played_fs = calculated if period_ps is None else round(period_ps * FS_PER_PS)
    clocks = UnitClocks(any_weight, fast, weights, outside, played_fs)
    proof.require_gap(clocks)
    report("clock periods of the whole unit", 1, 1)
    if fast is not None and played_fs >= any_weight.period_fs:
        raise HaloError(
            f"the class of {len(weights)} weights has no faster clock than any weight in {proof.bench}",
            f"Give weights that have more bits in common: --weights={every[0]},{every[0] // 2},0,{-every[0] // 2}.",
        )
    failing = None if outside is None else proof.traffic(gates, {0: every, 1: (outside,)}, length, seed, slow[outside])
    return gates, clocks, _trials(proof, unit, clocks, failing, recorder)


def least_weights(count: int) -> int:
    """Fewest weights that a class is of use with: more than one, and one in 32."""
    return max(2, count // 32)


def fastest_multiples(element: ArrayBounds) -> tuple[int, ...]:
    """Multiples of the power of two that give the fastest class of use when weights swap in any slot.

    A swap leaves the bits still in which a class agrees, so that a class without any has the clock of all weights.
    """
    values = element.array.shape.weight_encoding.values
    sets = [tuple(w for w in values if w % (1 << zeros) == 0) for zeros in range(element.array.shape.weight_bits)]
    useful = [weights for weights in sets if len(weights) >= least_weights(len(values))]
    return min(useful, key=lambda weights: (element.swapping(weights).period_fs, -len(weights)))


def slow_pairs(element: ArrayBounds, weight: int) -> list[tuple[int, int]]:
    """The transitions of the activation with the latest settle bounds while a weight is in use: before and after."""
    reduced = reduce_circuit(element.array.design.timed, element.weight_at_rest(weight))
    signed = Encoding("twos_complement", element.array.shape.activation_bits).value
    found = slow_activations(reduced, element.activations[0], PAIRS)
    return [(signed(int(before)), signed(int(after))) for before, after in found]


def _clock_s(player: ClockedPlayer, cycles: Cycles, periods_fs: Sequence[int]) -> float:
    """Seconds that a clock takes to be played, without the start of the simulator and of the traffic."""
    times, tried = [], min(TRIED, len(cycles))
    for count in (tried // 4, tried):
        begun = time.perf_counter()
        player.play(cycles.first(count), periods_fs)
        times.append(time.perf_counter() - begun)
    return max(0.0, times[1] - times[0]) / (tried - tried // 4)


def _trials(
    proof: UnitProof, unit: GateUnit, clocks: UnitClocks, slow: Recording | None, recorder: Recorder
) -> list[Trial]:
    """Play the unit's traffic, the same at shorter clocks, and traffic with a slow weight in the fast class."""
    gates, played = unit.gates, clocks.played
    player = ClockedPlayer(gates.design, gates.library, proof.work / "play", waived=unit.element_ends)
    cycles = unit.cycles(unit.recording)
    outside = None if slow is None else unit.cycles(slow)
    seconds = 2 * _clock_s(player, cycles, played) * len(cycles)
    stage = f"2 times {len(cycles):,} clocks of {gates.design.clocked.gates:,} gates, about {seconds:,.0f} s"
    recorder.report(stage, 0, 2)
    # Two runs at a time, where there are two cores.
    held, *failed = player.play_each([(run, played) for run in (cycles, outside) if run is not None])
    recorder.report(stage, 1, 2)

    fast = 0 if clocks.fast is None else 1
    needed = held.needed_by_clock_fs[fast]
    less = (1, setup_fs(gates.design) + gate_fs(gates.design))
    edge, short = player.sweep(cycles, [(*played[:fast], needed - fs, *played[fast + 1 :]) for fs in less])
    recorder.report(stage, 2, 2)
    name = "mixed traffic" if clocks.fast is None else "mixed traffic, the clock changes between two classes"
    clock = "the clock" if clocks.fast is None else "the fast clock"
    done = [
        Trial(name, held, True),
        Trial(f"the same, {clock} 1 fs less than it needs", edge, False),
        Trial(f"the same, {clock} setup and one gate less than it needs", short, False),
    ]
    for at_the_clock in failed:
        assert outside is not None
        name, last = f"weight {clocks.outside} in the fast class", at_the_clock
        if not last.wrong + last.late:
            # Its bound is above the clock and its traffic is not: what the class has held as well tells them apart.
            name += ", at what the traffic of the class needs"
            last = player.play(outside, (*played[:fast], needed, *played[fast + 1 :]))
        done.append(Trial(name, last, False))
    return done
