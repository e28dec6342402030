# SPDX-License-Identifier: Apache-2.0
"""Cycle contract of the output-stationary array ``systolic_os``: when everything happens if nobody stalls.

Clock 0 takes the first command. Whole numbers only; the header of ``rtl/systolic/systolic_os.v`` states the same
formulas, and its bench measures them.

Tests: tests/arch/systolic/test_gemm_cycles.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from halo.errors import HaloError


@dataclass(frozen=True)
class OsArray:
    """What the parameters of ``systolic_os`` mean for its cycles.

    Attributes:
        rows, columns: elements, 1 or more each.
        pipeline: registers in the multiplier of an element, 0 to 2.
    """

    rows: int
    columns: int
    pipeline: int = 0

    def __post_init__(self) -> None:
        for name, least in (("rows", 1), ("columns", 1), ("pipeline", 0)):
            value = getattr(self, name)
            if value < least:
                raise HaloError(f"an output-stationary array with {name}={value}", f"Give {least} or more.")

    @property
    def latency(self) -> int:
        """Clocks from a tile's last k-step to its first row of results: across the columns, through the store."""
        return self.columns + self.pipeline + 5

    @property
    def flush(self) -> int:
        """Clocks from a tile's last k-step until nothing of it is left in the array, however many rows it has."""
        return self.latency + 2 * (self.rows - 1)

    @property
    def store(self) -> int:
        """Rows of results that are under way or wait for their reader, at most."""
        return self.rows + max(self.rows, self.latency + 2)

    def one_tile(self, rows: int, steps: int) -> int:
        """Clocks of a tile by itself: command, stream, fill and drain; results leave in every second clock."""
        return steps + self.latency + 2 * rows


@dataclass(frozen=True)
class OsTile:
    """One command.

    Attributes:
        rows: of results, 1 to those of the array.
        steps: products that each of its sums adds up, 1 or more.
        frequency_class: of its weights; the array starts in class 0.
    """

    rows: int
    steps: int
    frequency_class: int = 0


@dataclass(frozen=True)
class OsSchedule:
    """Clocks in which things happen.

    Attributes:
        steps: every k-step of every tile, in order: its operands, which wait in a register, go into the array.
        lasts: the last k-step of each tile.
        results: each row of results, in order.
    """

    steps: tuple[int, ...]
    lasts: tuple[int, ...]
    results: tuple[int, ...]

    @property
    def commands(self) -> tuple[int, ...]:
        """Each command is taken: one tile runs and one waits, so the next but one follows with the last k-step."""
        return (0, 1, *self.lasts)[: len(self.lasts)]

    @property
    def operands(self) -> tuple[int, ...]:
        """Each beat of activations, and of weights, is taken: with the k-step before."""
        return (0, *self.steps)[: len(self.steps)]

    @property
    def cycles(self) -> int:
        """Clocks from the first command to the last row of results, both included."""
        return self.results[-1] + 1 if self.results else 0


def os_schedule(array: OsArray, tiles: Iterable[OsTile], waits: tuple[int, int] = (1, 1)) -> OsSchedule:
    """When each k-step goes into the array and each row of results leaves.

    Args:
        array: its sizes.
        tiles: in order.
        waits: clocks of every change of the clock from the request to the acknowledge, and from the end of the request
            to the fall of the acknowledge.

    Raises:
        HaloError: a tile has too many or too few rows, or no steps.
    """
    steps: list[int] = []
    lasts: list[int] = []
    results: list[int] = []
    frequency_class = 0
    last, free, quiet = 1, 0, 1  # of the tile before; clocks from which on another may end, and the clock may change
    for number, tile in enumerate(tiles):
        check_tile(array, number, tile)
        start = last + 1
        if tile.frequency_class != frequency_class:
            start = quiet + sum(waits) + 3
            frequency_class = tile.frequency_class
        last = max(start + tile.steps - 1, free)
        steps.extend((*range(start, start + tile.steps - 1), last))
        lasts.append(last)
        results.extend(range(last + array.latency, last + array.latency + 2 * tile.rows, 2))
        free, quiet = last + 2 * tile.rows - 1, last + array.flush
    return OsSchedule(tuple(steps), tuple(lasts), tuple(results))


def os_cycles(array: OsArray, tiles: Iterable[OsTile], waits: tuple[int, int] = (1, 1)) -> int:
    """Clocks from the first command to the last row of results, both included; see ``os_schedule``."""
    return os_schedule(array, tiles, waits).cycles


def os_tiles(array: OsArray, m: int, k: int, n: int, frequency_class: int = 0) -> Iterator[OsTile]:
    """The tiles of an m x k by k x n product in the order of the loops: columns of weights, rows.

    Ragged tiles have fewer rows, which shortens their drain; missing columns cost their full time.

    Args:
        array: its sizes.
        m, k, n: sizes of the product.
        frequency_class: of all tiles.
    """
    for _ in range(-(-n // array.columns)):
        for done in range(0, m, array.rows):
            yield OsTile(min(array.rows, m - done), k, frequency_class)


def check_tile(array: OsArray, number: int, tile: OsTile) -> None:
    """Refuse a tile that the array cannot take.

    Raises:
        HaloError: it has too many or too few rows, or no steps.
    """
    if not 1 <= tile.rows <= array.rows:
        raise HaloError(f"tile {number} has {tile.rows} rows", f"Give it 1 to {array.rows}, those of the array.")
    if tile.steps < 1:
        raise HaloError(f"tile {number} has {tile.steps} steps", "Give it 1 or more.")
