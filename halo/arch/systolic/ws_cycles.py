# SPDX-License-Identifier: Apache-2.0
"""Cycle contract of the weight-stationary array ``systolic_ws``: when everything happens if nobody stalls.

Clock 0 takes the first command and the first row of weights. Whole numbers only; the header of
``rtl/systolic/systolic_ws.v`` states the same formulas, and its bench measures them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from halo.errors import HaloError

LEAST_SLOTS = 4
"""Slots of a tile, at least: a row's sum is back in the accumulators' memory before the next tile reads it."""
CHECK = 3
"""Clocks from a command, or from the end of what a tile waited for (its clock, room for its rows), to its start."""


@dataclass(frozen=True)
class WsArray:
    """What the parameters of ``systolic_ws`` mean for its cycles.

    Attributes:
        rows, columns: elements, 1 or more each.
        depth: rows of the longest tile.
        pipeline: registers in the multiplier of an element, 0 to 2.
        swap_gap: idle slots between a swap of weights and the first activation; 0: they go together.
        class_gap: the least of these slots for the first tile after a change of the clock.
    """

    rows: int
    columns: int
    depth: int = 16
    pipeline: int = 0
    swap_gap: int = 0
    class_gap: int = 1

    def __post_init__(self) -> None:
        least_of = {"rows": 1, "columns": 1, "depth": 1, "pipeline": 0, "swap_gap": 0, "class_gap": 0}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value < least:
                raise HaloError(f"a weight-stationary array with {name}={value}", f"Give {least} or more.")

    def lead(self, *, changed: bool = False) -> int:
        """Slots from the swap to the first activation of a tile, ``changed``: of the first after a clock change."""
        gap = max(self.swap_gap, self.class_gap) if changed else self.swap_gap
        return gap + 1 if gap else 0

    @property
    def load(self) -> int:
        """Clocks before the first tile starts: its weights and its command."""
        return max(self.rows, CHECK)

    @property
    def latency(self) -> int:
        """Clocks from an activation to its row of results: fill of the array, five of them in the buffer."""
        return self.rows + self.columns + self.pipeline + 6

    def period(self, rows: int, *, changed: bool = False) -> int:
        """Clocks from one tile of so many rows to the next: weights load while the tile streams."""
        return max(self.lead(changed=changed) + max(rows, LEAST_SLOTS), self.rows)

    def one_tile(self, rows: int) -> int:
        """Clocks of a tile by itself, in the first class: load, swap, stream, fill and drain."""
        return self.load + self.lead() + rows + self.latency


@dataclass(frozen=True)
class WsTile:
    """One command.

    Attributes:
        rows: beats of activations, 1 to the depth.
        first, last: first and last k-tile of its output tile.
        frequency_class: of its weights; the array starts in class 0.
    """

    rows: int
    first: bool = True
    last: bool = True
    frequency_class: int = 0


@dataclass(frozen=True)
class WsSchedule:
    """Clocks in which things happen.

    Attributes:
        starts: the swap of each tile.
        activations: each row of activations, in order.
        results: each row of results, in order.
    """

    starts: tuple[int, ...]
    activations: tuple[int, ...]
    results: tuple[int, ...]

    @property
    def cycles(self) -> int:
        """Clocks from the first row of weights to the last row of results, both included."""
        return self.results[-1] + 1 if self.results else 0


def ws_schedule(array: WsArray, tiles: Iterable[WsTile], waits: tuple[int, int] = (1, 1)) -> WsSchedule:
    """When each tile starts and each row of results leaves.

    Args:
        array: its sizes.
        tiles: in order; an output tile is a run of equally long tiles from a first to a last one.
        waits: clocks of every change of the clock from the request to the acknowledge, and from the end of the request
            to the fall of the acknowledge.

    Raises:
        HaloError: a tile has too many or too few rows, or is out of place in its output tile.
    """
    starts: list[int] = []
    activations: list[int] = []
    results: list[int] = []
    reserved = 0  # rows of all output tiles so far
    frequency_class = 0
    quiet = 1  # from when on a change of the clock may be requested
    loaded = array.load  # from when on the weights are there and the tile before has been taken
    before: WsTile | None = None
    for number, tile in enumerate(tiles):
        check_tile(array, number, tile, before)
        start = loaded
        changed = tile.frequency_class != frequency_class
        if changed:
            start = max(start, quiet + sum(waits) + 1 + CHECK)
            frequency_class = tile.frequency_class
        if tile.first:
            reserved += tile.rows
            must_leave = reserved - 2 * array.depth
            if must_leave > 0:
                start = max(start, results[must_leave - 1] + CHECK)
        starts.append(start)
        first = start + array.lead(changed=changed)
        activations.extend(range(first, first + tile.rows))
        if tile.last:
            results.extend(range(first + array.latency, first + tile.rows + array.latency))
        quiet = first + tile.rows + array.latency - 1
        loaded = start + array.period(tile.rows, changed=changed)
        before = tile
    return WsSchedule(tuple(starts), tuple(activations), tuple(results))


def ws_cycles(array: WsArray, tiles: Iterable[WsTile], waits: tuple[int, int] = (1, 1)) -> int:
    """Clocks from the first row of weights to the last row of results, both included; see ``ws_schedule``."""
    return ws_schedule(array, tiles, waits).cycles


def ws_tiles(array: WsArray, m: int, k: int, n: int, frequency_class: int = 0) -> Iterator[WsTile]:
    """The tiles of an m x k by k x n product in the order of the loops: columns of weights, rows, k.

    Ragged tiles are filled up with zeros in k and n, which costs their full time, and are shorter in m.

    Args:
        array: its sizes.
        m, k, n: sizes of the product.
        frequency_class: of all tiles.
    """
    k_tiles = -(-k // array.rows)
    for _ in range(-(-n // array.columns)):
        for done in range(0, m, array.depth):
            for number in range(k_tiles):
                rows = min(array.depth, m - done)
                yield WsTile(rows, number == 0, number == k_tiles - 1, frequency_class)


def check_tile(array: WsArray, number: int, tile: WsTile, before: WsTile | None) -> None:
    """Refuse a tile that the array cannot take behind the one before.

    Args:
        array: its sizes.
        number: of the tile, for the message.
        tile: to be checked.
        before: the tile before; None: there is none.

    Raises:
        HaloError: it has too many or too few rows, or is out of place in its output tile.
    """
    if not 1 <= tile.rows <= array.depth:
        raise HaloError(f"tile {number} has {tile.rows} rows", f"Give it 1 to {array.depth}, the depth of the array.")
    opens = before is None or before.last
    if tile.first != opens or (not opens and before is not None and before.rows != tile.rows):
        raise HaloError(
            f"tile {number} is out of place in its output tile",
            "Mark its first and its last k-tile, and give all the same number of rows.",
        )
