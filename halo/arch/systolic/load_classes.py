# SPDX-License-Identifier: Apache-2.0
"""Which class each load of an array has: that of the slowest tile it covers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from halo.arch.weights import LayerWeights
from halo.errors import HaloError

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Loads:
    """A K x N operand cut into loads of an array.

    Attributes:
        classes: uint8[loads along K, loads along N], the slowest class in each load.
        weights: int64[class of the load, class of the tile], weights of each kind, padding not counted.
    """

    classes: U8
    weights: I64


def classify(weights: LayerWeights, k: int, n: int, rows: int, columns: int) -> Loads:
    """Loads of rows x columns weights of a layer.

    With tiles, a load that covers several has the class of the slowest, and each weight keeps the energy of its own
    class. With shares only, every load has one class: loads are dealt to the classes by largest remainder (the slower
    class first where remainders are equal) and each class is spread evenly over the columns.

    Args:
        weights: their classes, as tiles or as shares.
        k, n: sizes of the layer.
        rows, columns: of the array.

    Raises:
        HaloError: tiles that are not those of a k x n layer, classes that do not exist, or shares that do not add up.
    """
    if weights.tile is None or weights.tile_class is None:
        return _dealt(weights.share, len(weights.classes), k, n, rows, columns)
    tile, tiles = weights.tile, weights.tile_class
    shape = (-(-k // tile), -(-n // tile))
    if tiles.shape != shape:
        what = f"{tiles.shape[0]} x {tiles.shape[1]} tiles of {tile} for a layer of {k} x {n} weights"
        raise HaloError(what, f"Give {shape[0]} x {shape[1]}: the layer and its tiles must be of one model.")
    if tiles.size and int(tiles.max()) >= len(weights.classes):
        raise HaloError(f"a tile of class {tiles.max()}", f"There are {len(weights.classes)} classes, from 0.")
    return _covered(tiles, tile, len(weights.classes), k, n, rows, columns)


def _covered(tiles: U8, tile: int, classes: int, k: int, n: int, rows: int, columns: int) -> Loads:
    """K and N are cut at every border of a tile or a load: pieces then have one tile and one load each."""
    k_size, k_tile, k_load = _pieces(k, tile, rows)
    n_size, n_tile, n_load = _pieces(n, tile, columns)
    piece = tiles[np.ix_(k_tile, n_tile)]
    k_first = np.flatnonzero(np.diff(k_load, prepend=-1))
    n_first = np.flatnonzero(np.diff(n_load, prepend=-1))
    slowest = np.minimum.reduceat(np.minimum.reduceat(piece, k_first, axis=0), n_first, axis=1)
    kind = slowest[np.ix_(k_load, n_load)].astype(np.int64) * classes + piece
    sizes = np.outer(k_size, n_size).astype(np.float64)  # sums stay below 2^53
    counts = np.bincount(kind.ravel(), sizes.ravel(), classes * classes)
    return Loads(slowest, counts.astype(np.int64).reshape(classes, classes))


def _pieces(size: int, tile: int, load: int) -> tuple[I64, I64, I64]:
    """Length, tile and load of each piece."""
    starts = np.union1d(np.arange(0, size, tile), np.arange(0, size, load)).astype(np.int64)
    return np.diff(starts, append=size), starts // tile, starts // load


@lru_cache(maxsize=256)
def _dealt(share: tuple[float, ...], classes: int, k: int, n: int, rows: int, columns: int) -> Loads:
    if len(share) != classes or min(share) < 0 or abs(sum(share) - 1) > 1e-6:
        raise HaloError(f"shares {share} of {classes} classes", "Give a share for each class; together they are 1.")
    k_loads, n_loads = -(-k // rows), -(-n // columns)
    counts = largest_remainder(share, k_loads * n_loads)
    # The i-th of c loads stands at (i + 1/2) / c of the way: every class is spread evenly.
    places = np.concatenate([(np.arange(count) + 0.5) / max(count, 1) for count in counts])
    names = np.repeat(np.arange(classes, dtype=np.uint8), counts)
    order = names[np.argsort(places, kind="stable")].reshape(n_loads, k_loads).T
    k_sizes = np.minimum(rows, k - rows * np.arange(k_loads))
    n_sizes = np.minimum(columns, n - columns * np.arange(n_loads))
    weights = np.bincount(order.ravel(), np.outer(k_sizes, n_sizes).astype(np.float64).ravel(), classes)
    return Loads(np.ascontiguousarray(order), np.diag(weights.astype(np.int64)))


def largest_remainder(share: tuple[float, ...], total: int) -> list[int]:
    """Whole counts in proportion to the shares; what is missing to the total goes to the largest remainders."""
    exact = np.array(share) / sum(share) * total
    counts = np.floor(exact + 1e-9).astype(np.int64)
    missing = total - int(counts.sum())
    for index in np.argsort(-(exact - counts), kind="stable")[:missing]:
        counts[index] += 1
    return [int(count) for count in counts]
