# SPDX-License-Identifier: Apache-2.0
"""The clock period of a frequency class on a registered array: weights at rest, swaps within the class, and beyond it.

**Weights at rest.** The weight registers hold one value; activations, partial sums, the loading of the next tile and
all control bits are free. The settle bound over every activation transition, with clk-to-Q and setup of the design's
own flip-flops, is the period of that weight, sound for every value of what is free.

**Swaps.** When the next weight comes into use at the same edge as the next activation, both operands move at once, and
the bound at rest does not hold. The weight bits in which the class agrees stay still all the same; with only those held
and the others free, as swap and load are, the bound covers every swap within the class. Weights of any class may be
loading meanwhile: they wait in other registers.

**Cycle after cycle.** A bound speaks of one transition from rest. At the clock, events of the cycle before may still be
under way on nets that a controlling input had masked. They cannot arrive later than the longest structural path after
their own edge. Where twice the period covers that path, they arrive in the next cycle within the period: by the rule
of the bound (an output is fixed once the inputs that imply it are), each arrival is at most the larger of the bound and
of the longest path less one period. So a period must also be at least half of the longest path with the held bits.

**Beyond the class.** A swap to a weight of another class may take as long as the longest path with no bit held. With
``clocks`` between the swap and the next activation that counts it is over in time if the path fits in ``clocks + 1``
periods (the same argument). Sums of the slots between are wrong and must not count.

Which registers hold the weight in use is not read from names: they are those that a zero-delay run leaves still while
all else moves, and that provably stay so until a swap (``Registered.kept``).

Tests: tests/flow/gate_level/test_clocked_designs.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.flow.gate_level.array import GateArray
from halo.flow.gate_level.weight_streams import Stream, Tile, stream
from halo.netlist.graph import influenced, propagate_constants
from halo.progress import Progress, silent
from halo.timing.event.bound import bound_transitions
from halo.timing.event.reduction import reduce_circuit
from halo.timing.registered import Registered, Trace

I64 = npt.NDArray[np.int64]

STEADY = 96
"""Slots from which the registers of the activations are told apart: so many that none agrees by chance."""
PREFIX = 4
"""Slots of the first tile, before swaps begin, in times of ``Shape.flush``."""
SWAPPED_TILES = 64
"""Tiles of random weights: so many that every bit in which the weights differ moves in every element."""
SLOTS_OF_A_SWAPPED_TILE = 2
"""Few, so that swaps come as often as they can."""


@dataclass(frozen=True)
class Period:
    """Clock periods in fs, setup included.

    Attributes:
        bound_fs: settle bound of the slowest transition.
        path_fs: longest structural path with the same bits held.
    """

    bound_fs: int
    path_fs: int

    @property
    def period_fs(self) -> int:
        """Shortest period that is proven cycle after cycle."""
        return max(self.bound_fs, -(-self.path_fs // 2))


@dataclass(frozen=True, eq=False)
class ArrayBounds:
    """Bounds of one array; the registers of its elements' activations are found once.

    Attributes:
        array: the array.
        activations: for each element, in order of rows and columns, the state nets of its activation register.
    """

    array: GateArray
    activations: tuple[tuple[int, ...], ...]

    def at_rest(self, weight: int) -> Period:
        """Period of one weight value in every element, swaps excluded."""
        return self._period(self.weight_at_rest(weight))

    def at_rest_each(self, report: Progress = silent) -> dict[int, int]:
        """Period in fs of every weight value, swaps excluded."""
        values = self.array.shape.weight_encoding.values
        periods = {}
        for i, weight in enumerate(values):
            report("bound of each weight", i, len(values))
            periods[weight] = self.at_rest(weight).period_fs
        report("bound of each weight", len(values), len(values))
        return periods

    def weight_at_rest(self, weight: int) -> dict[int, int]:
        """Sources that stay still while one weight is in use and no swap comes."""
        trace, streamed = self._steady([weight], swapping=False)
        return self.array.design.kept(trace.sources[streamed.start :])

    def swapping(self, weights: Sequence[int]) -> Period:
        """Period of a class of weight values when a swap may come with any activation.

        Only the bits in which all weights agree are held, so the answer holds for every weight that has these bits.
        """
        return self._period(self.held(weights))

    def held(self, weights: Sequence[int]) -> dict[int, int]:
        """Sources that stay still while swaps bring nothing but these weights: the weight bits in which they agree."""
        encoding = self.array.shape.weight_encoding
        patterns = encoding.pattern(np.array(weights, np.int64))
        common = encoding.value(int(np.bitwise_and.reduce(patterns)))
        some = encoding.value(int(np.bitwise_or.reduce(patterns)))
        first, second = self.weight_at_rest(common), self.weight_at_rest(some)
        trace, streamed = self._steady([common, some], swapping=True)
        steady = trace.sources[streamed.start :]
        still = self.array.design.timed.circuit.source[np.all(steady == steady[0], axis=0)].tolist()
        return {net: first[net] for net in still if net in first and first[net] == second.get(net)}

    def clocks_to_settle(self, period_fs: int) -> int:
        """Clocks between the swap to any weight and the first activation that counts, at a period."""
        anything = self.swapping([0, -1])
        if anything.period_fs <= period_fs:
            return 0
        return max(1, -(-anything.path_fs // period_fs) - 1)

    def _steady(self, weights: Sequence[int], *, swapping: bool) -> tuple[Trace, Stream]:
        """A zero-delay run in which all moves that may, with any weight being loaded, and swaps or none."""
        array, shape = self.array, self.array.shape
        generator = np.random.default_rng(1)
        size = (shape.rows, shape.columns)
        values = np.array(weights, np.int64)
        tiles = [_random_tile(array, generator, np.full(size, values[0]), PREFIX * shape.flush)]
        for _ in range(SWAPPED_TILES if swapping else 0):
            tiles.append(_random_tile(array, generator, generator.choice(values, size), SLOTS_OF_A_SWAPPED_TILE))
        streamed = stream(shape, tiles, 1)
        moving = ["valid_i"] if swapping else ["valid_i", "weight_load_i"]
        for port in moving:
            lanes = streamed.ports[port][streamed.start :]
            lanes[:] = generator.integers(0, 2, lanes.shape)
        return array.run(streamed), streamed

    def _period(self, fixed: dict[int, int]) -> Period:
        return bounded_period(self.array.design, fixed, self.activations)


def bounded_period(design: Registered, fixed: Mapping[int, int], activations: Sequence[Sequence[int]]) -> Period:
    """Bounds with some sources held: each element's endpoints over its activations, the others with all unknown.

    Args:
        design: the array or element.
        fixed: source nets that stay still, and their values.
        activations: for each element, the state nets of its activation register.

    Raises:
        HaloError: as the settle bound.
    """
    whole = reduce_circuit(design.timed, fixed)
    constant = propagate_constants(design.timed.circuit, fixed)
    ends = design.timed.end_net
    waiting = np.ones(len(ends), np.bool_)
    longest = 0
    for nets in activations:
        reached = influenced(design.timed.circuit, constant, nets)[ends] & waiting
        waiting &= ~reached
        longest = max(longest, bound_transitions(whole.ending_at(ends[reached]), nets).period_fs)
    longest = max(longest, bound_transitions(whole.ending_at(ends[waiting]), ()).period_fs)
    return Period(longest, whole.longest_period_fs)


def array_bounds(array: GateArray) -> ArrayBounds:
    """Find the activation register of each element by what it holds.

    Raises:
        HaloError: the netlist has no register that follows an activation (it was restructured across registers).
    """
    shape, design = array.shape, array.design
    generator = np.random.default_rng(2)
    tile = _random_tile(array, generator, np.ones((shape.rows, shape.columns), np.int64), STEADY)
    streamed = stream(shape, [tile], 2)
    states = array.run(streamed).sources[:, len(design.port_sources) :]
    first = streamed.start
    window = np.arange(first, first + STEADY - 2 * shape.flush)
    found = []
    for r in range(shape.rows):
        for c in range(shape.columns):
            # What row r's port shows in a clock is in the register of column c from c + 1 clocks later on.
            lane = streamed.ports["activation_i"][window - c - 1, r]
            nets = []
            for bit in range(shape.activation_bits):
                seen = states[window] ^ (lane >> bit & 1).astype(np.uint8)[:, None]
                same = np.flatnonzero(np.all(seen == seen[0], axis=0))
                if not len(same):
                    raise HaloError(
                        f"no register of {array.synthesis.top} holds bit {bit} of the activation of row {r}",
                        "Synthesize it with its structure kept.",
                    )
                nets.append(int(design.state[same[0]]))
            found.append(tuple(nets))
    return ArrayBounds(array, tuple(found))


def _random_tile(array: GateArray, generator: np.random.Generator, weights: I64, slots: int) -> Tile:
    activations = generator.integers(0, 1 << array.shape.activation_bits, (slots, array.shape.rows))
    return Tile(weights, activations)
