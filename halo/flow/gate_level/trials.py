# SPDX-License-Identifier: Apache-2.0
"""What is tried with an element at gate level: a clock that must hold, and clocks and weights that must not.

Every trial is a stimulus at a clock period, and what ``halo.flow.simulators.clocked_cycles`` counts. Activations of a
tile are random in every second tile and slow transitions of its weights in the others; each tile is swapped in with its
first activation.

Tests: tests/rtl/test_gates.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from halo.flow.gate_level.class_period import ArrayBounds
from halo.flow.gate_level.weight_streams import Stream, Tile, stream
from halo.flow.gate_level.worst_cases import SlowTransitions, slow_transitions
from halo.flow.simulators.clocked_cycles import ClockedPlayer, Played
from halo.netlist.model import FLOP
from halo.timing.registered import Registered

I64 = npt.NDArray[np.int64]

SLOTS = 40
"""Slots of a tile: a swap comes with every fortieth activation."""
PAIRS = 64
"""Slow transitions of a weight that are played in turn."""
SLOTS_AFTER_A_SWAP = 8
"""Slots of a tile that is swapped in behind a weight outside the class."""


@dataclass(frozen=True)
class Trial:
    """A trial and its counts.

    Attributes:
        must_hold: neither a wrong nor a late cycle is allowed; else some must be late or wrong.
    """

    name: str
    played: Played
    must_hold: bool

    @property
    def passed(self) -> bool:
        """Whether it went as it must."""
        return (self.played.wrong == self.played.late == 0) == self.must_hold


@dataclass(frozen=True)
class ErrorCurve:
    """Wrong results of a weight over the clock period, activations and partial sums uniformly random.

    Attributes:
        weight: in every element.
        played: one entry a period, ascending.
        bound_fs: settle bound with registers, at rest.
        slowest_fs: period that the slowest transition found needs.
    """

    weight: int
    played: tuple[Played, ...]
    bound_fs: int
    slowest_fs: int


def gate_fs(design: Registered) -> int:
    """Delay of one gate: the median over the arcs of the combinational gates."""
    comb = np.repeat(design.clocked.kind != FLOP, np.diff(design.clocked.arc_start))
    return int(np.median(design.delays.arc_fs[comb]))


def setup_fs(design: Registered) -> int:
    """Longest setup of a register."""
    return int(design.timed.end_extra_fs.max(initial=0))


class Trials:
    """The trials of one array.

    Args:
        bounds: of the array.
        player: of the same array.
        seed: of every stimulus.
    """

    def __init__(self, bounds: ArrayBounds, player: ClockedPlayer, seed: int) -> None:
        self.bounds = bounds
        self.array = bounds.array
        self.player = player
        self.seed = seed
        self._slow: dict[int, SlowTransitions] = {}

    def slow(self, weight: int) -> SlowTransitions:
        """Slow transitions of a weight in a single element; searched once."""
        if weight not in self._slow:
            self._slow[weight] = slow_transitions(self.bounds, weight, self.seed)
        return self._slow[weight]

    def class_stream(self, weights: Sequence[int], slots: int, gap: int = 0) -> Stream:
        """At least so many slots with tiles of some weights, swapped in back to back."""
        shape, generator = self.array.shape, np.random.default_rng([self.seed, 1])
        each = max(SLOTS, shape.load_clocks)
        tiles = []
        for i in range(-(-slots // each) + 1):
            chosen = generator.choice(np.array(weights, np.int64), (shape.rows, shape.columns))
            tile = self._slow_tile(chosen, each, i) if i % 2 else self._random_tile(generator, chosen, each)
            tiles.append(replace(tile, gap=gap))
        return stream(shape, tiles, self.seed)

    def slow_stream(self, weights: Sequence[int], slots: int, gap: int = 0) -> Stream:
        """Slow transitions of each weight, one weight after the other in all elements."""
        shape = self.array.shape
        tiles = [self._slow_tile(np.full((shape.rows, shape.columns), w, np.int64), slots, 0) for w in weights]
        tiles = [replace(tile, gap=gap) for tile in tiles]
        return stream(shape, tiles, self.seed)

    def swap_stream(self, weights: Sequence[int], outside: int, gap: int, swaps: int) -> Stream:
        """Swaps from a weight outside, which computes nothing, to random weights of a class that do.

        Args:
            weights: of the class.
            outside: the other weight.
            gap: clocks from the swap to the first activation that counts.
            swaps: how many.
        """
        shape, generator = self.array.shape, np.random.default_rng([self.seed, 2])
        size = (shape.rows, shape.columns)
        tiles = [self._random_tile(generator, generator.choice(np.array(weights, np.int64), size), SLOTS)]
        for _ in range(swaps):
            tiles.append(Tile(np.full(size, outside, np.int64), np.zeros((0, shape.rows), np.int64)))
            tile = self._random_tile(generator, generator.choice(np.array(weights, np.int64), size), SLOTS_AFTER_A_SWAP)
            tiles.append(Tile(tile.weights, tile.activations, tile.sums, gap))
        return stream(shape, tiles, self.seed)

    def holds(self, weights: Sequence[int], period_fs: int, slots: int, gap: int = 0) -> Trial:
        """Weights of a class at its period, swaps included: nothing may be wrong or late."""
        played = self.player.play(self.array.cycles(self.class_stream(weights, slots, gap)), period_fs)
        return Trial("class: random and slow activations, swaps", played, True)

    def shortened(self, weights: Sequence[int], period_fs: int, gap: int = 0) -> list[Trial]:
        """Slow activations of a class at its period, and at two shorter ones.

        What the class needs is measured at its period. One femtosecond less must make data late; less by one gate, and
        by the setup, which the simulator does not check, must give wrong results.
        """
        slots = max(2 * PAIRS, self.array.shape.load_clocks)
        cycles = self.array.cycles(self.slow_stream(weights, slots, gap))
        measured, design = self.player.play(cycles, period_fs), self.array.design
        needed = measured.needed_fs
        edge, short = self.player.sweep(cycles, [needed - 1, needed - setup_fs(design) - gate_fs(design)])
        return [
            Trial("class: slow activations", measured, True),
            Trial("the same, 1 fs less than they need", edge, False),
            Trial("the same, setup and one gate less than they need", short, False),
        ]

    def outside(self, weight: int, period_fs: int, slots: int) -> Trial:
        """Slow activations of a weight that the period is not made for."""
        played = self.player.play(self.array.cycles(self.slow_stream([weight], slots)), period_fs)
        return Trial(f"weight {weight}: slow activations", played, False)

    def swaps(self, weights: Sequence[int], outside: int, period_fs: int, gap: int, count: int) -> Trial:
        """Swaps from a weight outside a class into the class, with time for it to settle."""
        played = self.player.play(self.array.cycles(self.swap_stream(weights, outside, gap, count)), period_fs)
        clocks = "no clock" if gap == 0 else "1 clock" if gap == 1 else f"{gap} clocks"
        return Trial(f"swap from weight {outside}, {clocks} to settle", played, gap > 0)

    def error_curve(self, weight: int, periods_fs: Sequence[int], slots: int) -> ErrorCurve:
        """Error rate of a weight at rest over the clock period."""
        shape, generator = self.array.shape, np.random.default_rng([self.seed, 3])
        tile = self._random_tile(generator, np.full((shape.rows, shape.columns), weight, np.int64), slots)
        played = self.player.sweep(self.array.cycles(stream(shape, [tile], self.seed)), sorted(periods_fs))
        return ErrorCurve(weight, tuple(played), self.bounds.at_rest(weight).bound_fs, self.slow(weight).needed_fs)

    def _random_tile(self, generator: np.random.Generator, weights: I64, slots: int) -> Tile:
        shape = self.array.shape
        half = 1 << (shape.activation_bits - 1)
        return Tile(weights, generator.integers(-half, half, (slots, shape.rows)))

    def _slow_tile(self, weights: I64, slots: int, turn: int) -> Tile:
        """Slow transitions of the weight, with slow partial sums."""
        half = 1 << (self.array.shape.activation_bits - 1)
        activations, sums = self.slow(int(weights[0, 0])).slots(slots + 2 * turn)
        chosen = (activations[2 * turn :] + half) % (2 * half) - half
        return Tile(weights, chosen, sums[2 * turn :])
