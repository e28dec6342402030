# SPDX-License-Identifier: Apache-2.0
"""Clocks of whole matrix products without going through their tiles: the sums of ``ws_schedule`` and ``os_schedule``.

Weight-stationary: what can hold a tile up depends on the tiles before it only through the rows of results that have
not left when it could start (the *window*), in clocks from that moment. So wherever a window comes back, the clocks
since then repeat, and a product needs as many steps as there are different windows, a few, however large it is.

A *clock interval* is what runs between two changes of the clock. A change empties the array, so the clocks of an
interval depend on its own tiles alone. The clock changes between the waits of the handshake: the first one (request to
acknowledge) and the drain belong to the interval before; the second one, the clock that sees the acknowledge and those
in which the tile is checked to the one after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from halo.arch.systolic.os_cycles import OsArray, OsTile
from halo.arch.systolic.ws_cycles import CHECK, WsArray
from halo.errors import HaloError

_Window = tuple[tuple[int, int], ...]
"""Rows of each output tile, oldest first, and clocks from the moment the next tile can start to its first result."""


@dataclass(frozen=True)
class ClockInterval:
    """Tiles that run between two changes of the clock.

    Attributes:
        frequency_class: of its clock.
        tiles: loads of the array.
        cycles: see the head of the module; all intervals together are the schedule's cycles.
    """

    frequency_class: int
    tiles: int
    cycles: int


@dataclass(frozen=True)
class WsOutput:
    """An output tile of the weight-stationary array.

    Attributes:
        rows: of activations and results, 1 to the depth.
        runs: (frequency class, k-tiles, 1 or more) in order.
    """

    rows: int
    runs: tuple[tuple[int, int], ...]


def ws_gemm_cycles(array: WsArray, m: int, k: int, n: int) -> int:
    """Clocks of ``ws_tiles(array, m, k, n)``, from the first row of weights to the last row of results.

    Args:
        array: its sizes.
        m, k, n: sizes of the product.

    Raises:
        HaloError: a size is below 1.
    """
    _check_sizes(m, k, n)
    k_tiles = -(-k // array.rows)
    whole, ragged = divmod(m, array.depth)

    def chunk(window: _Window) -> tuple[_Window, int]:
        return _output(array, window, array.depth, k_tiles)

    def column(window: _Window) -> tuple[_Window, int]:
        window, clocks = _repeat(chunk, window, whole)
        if ragged:
            window, more = _output(array, window, ragged, k_tiles)
            clocks += more
        return window, clocks

    window, clocks = _repeat(column, (), -(-n // array.columns))
    return array.load + clocks + _drain(window)


def ws_interval_cycles(array: WsArray, rows: int, tiles: int, *, changed: bool) -> int:
    """Clocks of an interval of equally long tiles for whose sums there is room, without load, and waits of 0.

    They are k-tiles of one output tile, or of any number where a larger accumulator keeps them all.

    Args:
        array: its sizes.
        rows: of each tile, 1 or more.
        tiles: 1 or more.
        changed: the clock changed before.
    """
    window, clocks = _output(array, (), rows, tiles, changed=changed)
    return CHECK * changed + clocks + _drain(window)


def ws_clock_intervals(
    array: WsArray, outputs: Iterable[WsOutput], waits: tuple[int, int] = (1, 1)
) -> tuple[ClockInterval, ...]:
    """Clock intervals of ``ws_schedule`` for output tiles; the load of the first weights belongs to the first one.

    Raises:
        HaloError: an output tile has too many or too few rows or k-tiles.
    """
    intervals: list[ClockInterval] = []
    window: _Window = ()
    frequency_class = tiles = clocks = drain = 0
    for number, output in enumerate(outputs):
        if not 1 <= output.rows <= array.depth or any(count < 1 for _, count in output.runs) or not output.runs:
            what = f"output tile {number} has {output.rows} rows and the runs {output.runs}"
            raise HaloError(what, f"Give it 1 to {array.depth} rows, the array's depth, and 1 or more k-tiles a run.")
        for index, (kind, count) in enumerate(output.runs):
            changed = kind != frequency_class
            if changed and tiles:
                intervals.append(ClockInterval(frequency_class, tiles, clocks + drain + waits[0]))
                window, tiles, clocks = (), 0, CHECK + waits[1]
            elif tiles == 0:
                clocks = max(array.load, 2 + CHECK + sum(waits)) if changed else array.load
            frequency_class = kind
            opens, closes = index == 0, index == len(output.runs) - 1
            after, more = _output(array, window, output.rows, count, changed=changed, opens=opens)
            drain = _drain(after)
            # Sums of an output tile that goes on stay where they are, in room that has been counted.
            window = after if closes else _later(window, more)
            tiles, clocks = tiles + count, clocks + more
    return (*intervals, ClockInterval(frequency_class, tiles, clocks + drain)) if tiles else ()


def os_gemm_cycles(array: OsArray, m: int, k: int, n: int) -> int:
    """Clocks of ``os_tiles(array, m, k, n)``, from the first command to the last row of results.

    Args:
        array: its sizes.
        m, k, n: sizes of the product.

    Raises:
        HaloError: a size is below 1.
    """
    _check_sizes(m, k, n)
    columns, chunks = -(-n // array.columns), -(-m // array.rows)
    ragged = m - (chunks - 1) * array.rows
    full, short = (max(k, 2 * rows - 1) for rows in (array.rows, ragged))  # clocks to the next tile's last step
    return columns * (chunks - 1) * full + (columns - 1) * short + array.one_tile(ragged, k)


def os_interval_cycles(array: OsArray, rows: int, steps: int, tiles: int, *, changed: bool) -> int:
    """Clocks of an interval of equal tiles before another change of the clock, without command, and waits of 0.

    Args:
        array: its sizes.
        rows, steps, tiles: 1 or more each.
        changed: the clock changed before.
    """
    return 2 * changed + steps + (tiles - 1) * max(steps, 2 * rows - 1) + array.flush


def os_clock_intervals(
    array: OsArray, runs: Iterable[tuple[OsTile, int]], waits: tuple[int, int] = (1, 1)
) -> tuple[ClockInterval, ...]:
    """Clock intervals of ``os_schedule`` for runs of equal tiles; the first command belongs to the first interval.

    Args:
        array: its sizes.
        runs: a tile and how many of it, 1 or more.
        waits: as in ``os_schedule``.

    Raises:
        HaloError: a tile has too many or too few rows, or no steps; or a run no tiles.
    """
    intervals: list[ClockInterval] = []
    frequency_class = tiles = clocks = before = 0  # rows of the tile before in this interval
    for number, (tile, count) in enumerate(runs):
        if not 1 <= tile.rows <= array.rows or tile.steps < 1 or count < 1:
            what = f"run {number} has {count} tiles of {tile.rows} rows and {tile.steps} steps"
            raise HaloError(what, f"Give it 1 to {array.rows} rows, those of the array, and 1 or more of the others.")
        if tile.frequency_class != frequency_class:
            if tiles:
                intervals.append(ClockInterval(frequency_class, tiles, clocks + array.flush + waits[0]))
            frequency_class, before, clocks = tile.frequency_class, 0, (2 + waits[1] if tiles else 4 + sum(waits))
            tiles = 0
        elif not tiles:
            clocks = 2
        clocks += max(tile.steps, 2 * before - 1) + (count - 1) * max(tile.steps, 2 * tile.rows - 1)
        tiles, before = tiles + count, tile.rows
    return (*intervals, ClockInterval(frequency_class, tiles, clocks + array.latency + 2 * before - 2)) if tiles else ()


def _output(
    array: WsArray, window: _Window, rows: int, k_tiles: int, *, changed: bool = False, opens: bool = True
) -> tuple[_Window, int]:
    """The window behind k-tiles of an output tile, and the clocks from one moment a tile can start to the other."""
    start = 0
    if opens:
        stay = 2 * array.depth - rows  # rows of the window that may still be there
        for held, first in reversed(window):
            if held > stay:
                start = max(0, first + held - stay + CHECK - 1)
                break
            stay -= held
    clocks = start + array.period(rows, changed=changed) + (k_tiles - 1) * array.period(rows)
    changed = changed and k_tiles == 1
    first = array.lead(changed=changed) + array.latency - array.period(rows, changed=changed)
    return (*_later(window, clocks), (rows, first)), clocks


def _later(window: _Window, clocks: int) -> _Window:
    """The window so many clocks later; what has left by then holds nothing up any more."""
    return tuple((rows, first - clocks) for rows, first in window if first + rows + CHECK - 1 > clocks)


def _drain(window: _Window) -> int:
    """Clocks until the last row of results has left."""
    rows, first = window[-1]
    return first + rows


def _repeat(step: Callable[[_Window], tuple[_Window, int]], window: _Window, times: int) -> tuple[_Window, int]:
    """Take a step so many times; once a window comes back, whole turns are counted without taking them."""
    seen = {window: (0, 0)}
    done = clocks = 0
    while done < times:
        window, more = step(window)
        done, clocks = done + 1, clocks + more
        if window in seen:
            before, then = seen[window]
            turns = (times - done) // (done - before)
            done, clocks = done + turns * (done - before), clocks + turns * (clocks - then)
            seen.clear()
        seen[window] = (done, clocks)
    return window, clocks


def _check_sizes(*sizes: int) -> None:
    if min(sizes) < 1:
        raise HaloError(f"a matrix product of sizes {sizes}", "Give 1 or more for each of m, k and n.")
