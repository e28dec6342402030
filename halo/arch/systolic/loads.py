# SPDX-License-Identifier: Apache-2.0
"""What an array is given to do: parts of a matrix product, one load of it after the other, and streams that stall.

Tests: tests/arch/systolic/test_cycle_level.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from halo.arch.systolic.os_cycles import OsArray, OsTile, os_tiles
from halo.arch.systolic.os_cycles import check_tile as check_os_tile
from halo.arch.systolic.ws_cycles import WsArray, WsTile
from halo.arch.systolic.ws_cycles import check_tile as check_ws_tile
from halo.errors import HaloError

Flags = npt.NDArray[np.bool_]
Int8 = npt.NDArray[np.int8]
I64 = npt.NDArray[np.int64]


def _none() -> Flags:
    return np.zeros(0, np.bool_)


@dataclass(frozen=True, eq=False)
class StreamStalls:
    """Clocks in which a stream stalls, one flag a clock; from the end of a list on it does not.

    Attributes:
        command, weight, activation: the source does not begin to offer a beat (one that is offered stays until taken).
        result: the reader does not take a row.
    """

    command: Flags = field(default_factory=_none)
    weight: Flags = field(default_factory=_none)
    activation: Flags = field(default_factory=_none)
    result: Flags = field(default_factory=_none)


@dataclass(frozen=True)
class WsLoad:
    """A k-tile of a product: activation[row : row + tile.rows, k : k + R] by weight[k : k + R, column : column + C].

    Past the edges of the matrices are zeros.
    """

    row: int
    k: int
    column: int
    tile: WsTile


@dataclass(frozen=True)
class OsLoad:
    """A tile of a product: activation[row : row + tile.rows, k : k + tile.steps] by that many steps of C columns.

    Past the edge of the weights are zeros.
    """

    row: int
    k: int
    column: int
    tile: OsTile


def ws_loads(array: WsArray, m: int, k: int, n: int, classes: npt.ArrayLike | None = None) -> Iterator[WsLoad]:
    """The loads of a product in the order of the loops: columns of weights, rows, k.

    Args:
        array: its sizes.
        m, k, n: sizes of the product.
        classes: int[ceil(k / R), ceil(n / C)], frequency class of each tile of weights, or None: all 0. Within an
            output tile the k-tiles are grouped by class, ascending.

    Raises:
        HaloError: classes of another shape.
    """
    k_tiles, columns = -(-k // array.rows), -(-n // array.columns)
    kinds = np.zeros((k_tiles, columns), np.int64) if classes is None else np.asarray(classes, np.int64)
    if kinds.shape != (k_tiles, columns):
        raise HaloError(f"classes of shape {kinds.shape}", f"Give one a tile of weights: {k_tiles} x {columns}.")
    for column in range(columns):
        order = np.argsort(kinds[:, column], kind="stable").tolist()
        for row in range(0, m, array.depth):
            rows = min(array.depth, m - row)
            for place, number in enumerate(order):
                tile = WsTile(rows, place == 0, place == k_tiles - 1, int(kinds[number, column]))
                yield WsLoad(row, number * array.rows, column * array.columns, tile)


def os_loads(array: OsArray, m: int, k: int, n: int, classes: Sequence[int] | None = None) -> Iterator[OsLoad]:
    """The loads of a product in the order of the loops: columns of weights, rows.

    Args:
        array: its sizes.
        m, k, n: sizes of the product.
        classes: frequency class of each block of C columns of weights, or None: all 0.

    Raises:
        HaloError: another number of classes.
    """
    columns, chunks = -(-n // array.columns), -(-m // array.rows)
    if classes is not None and len(classes) != columns:
        raise HaloError(f"{len(classes)} classes", f"Give one a block of columns of weights: {columns}.")
    for number, tile in enumerate(os_tiles(array, m, k, n)):
        column, chunk = divmod(number, chunks)
        kind = 0 if classes is None else classes[column]
        yield OsLoad(chunk * array.rows, 0, column * array.columns, OsTile(tile.rows, tile.steps, kind))


def check_ws_loads(array: WsArray, activation: Int8, weight: Int8, loads: Sequence[WsLoad]) -> None:
    """Refuse loads that the array cannot run, or that lie outside of the operands.

    Args:
        array: its sizes.
        activation: int8[M, K].
        weight: int8[K, N].
        loads: in order.

    Raises:
        HaloError: the first one, and what is wrong with it.
    """
    _check_operands(activation, weight)
    before: WsLoad | None = None
    taken = np.zeros((len(activation), weight.shape[1]), np.bool_)
    for number, load in enumerate(loads):
        check_ws_tile(array, number, load.tile, None if before is None else before.tile)
        _check_place(number, load, load.tile.rows, 1, activation, weight)
        if before is not None and not load.tile.first and (load.row, load.column) != (before.row, before.column):
            raise HaloError(f"load {number} lies elsewhere than its output tile", "Give it the same row and column.")
        if load.tile.first:
            _take_place(number, load, load.tile.rows, array.columns, taken)
        before = load
    if before is None or not before.tile.last:
        raise HaloError("the loads do not end with the last k-tile of an output tile", "Add it.")


def check_os_loads(array: OsArray, activation: Int8, weight: Int8, loads: Sequence[OsLoad]) -> None:
    """Refuse loads that the array cannot run, or that lie outside of the operands.

    Args:
        array: its sizes.
        activation: int8[M, K].
        weight: int8[K, N].
        loads: in order.

    Raises:
        HaloError: the first one, and what is wrong with it.
    """
    _check_operands(activation, weight)
    taken = np.zeros((len(activation), weight.shape[1]), np.bool_)
    for number, load in enumerate(loads):
        check_os_tile(array, number, load.tile)
        _check_place(number, load, load.tile.rows, load.tile.steps, activation, weight)
        _take_place(number, load, load.tile.rows, array.columns, taken)
    if not loads:
        raise HaloError("there are no loads", "Give one or more.")


def _check_operands(activation: Int8, weight: Int8) -> None:
    """Refuse operands that are no int8 matrices or do not fit each other.

    Raises:
        HaloError: they are not, or do not.
    """
    for name, values in (("activations", activation), ("weights", weight)):
        if values.dtype != np.int8 or values.ndim != 2 or 0 in values.shape:
            raise HaloError(f"{name} of type {values.dtype} and shape {values.shape}", "Give a matrix of int8.")
    if activation.shape[1] != weight.shape[0]:
        what = f"activations {activation.shape} do not multiply weights {weight.shape}"
        raise HaloError(what, "Give M x K activations and K x N weights.")


def _check_place(number: int, load: WsLoad | OsLoad, rows: int, steps: int, activation: Int8, weight: Int8) -> None:
    m, (k, n) = len(activation), weight.shape
    if min(load.row, load.k, load.column) < 0 or load.row + rows > m or load.k + steps > k or load.column >= n:
        what = f"load {number} at row {load.row}, k {load.k} and column {load.column} lies outside of the product"
        raise HaloError(what, f"The product has {m} rows, {k} along k and {n} columns.")


def _take_place(number: int, load: WsLoad | OsLoad, rows: int, columns: int, taken: Flags) -> None:
    """Mark the results of an output tile; ``taken``: bool[M, N]."""
    place = taken[load.row : load.row + rows, load.column : load.column + columns]
    if place.any():
        raise HaloError(f"load {number} has results that another output tile has", "Give each result to one of them.")
    place[:] = True
