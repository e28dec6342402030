# SPDX-License-Identifier: Apache-2.0
"""Scales and codes of the blocks of a layer: nearest assignment through a table, alternated with least squares.

A *block* is a range of rows and columns that shares a scale; it runs over one or more tiles, and each tile has its own
codebook. For given codes c the best scale is s = sum F w c / sum F c^2, and the error it leaves is
sum F w^2 - (sum F w c)^2 / sum F c^2: one pass over the weights gives the error of a scale, after its own correction.

Codes are integers, so the points halfway between two of them are multiples of 1/2: the nearest code of x is
``table[floor(2 x) + 256]``, ties to the greater one.

Tests: tests/quant/test_fit.py.
"""

from __future__ import annotations

import numpy as np

from halo.jit import inline, kernel

CELLS = 512
LANES = 16
LAST = np.float32(CELLS - 1)
MIDDLE = np.float32(CELLS // 2)
NOTHING = np.float32(0)
TINY = np.float32(1e-30)  # a block of smaller weights is zero: 2 / scale would overflow


@inline
def place(w, inverse):  # type: ignore[no-untyped-def]
    """Cell of a weight; ``inverse`` is 2 / scale, float32. Numbers are float32 on both sides of the sum."""
    return np.int32(min(max(w * inverse + MIDDLE, NOTHING), LAST)) & (CELLS - 1)


@inline
def assign(w, inverse, table, code):  # type: ignore[no-untyped-def]
    """Fill ``code`` with the nearest code of each weight as float32."""
    for j in range(w.shape[0]):
        code[j] = table[place(w[j], inverse)]


@inline
def product_sums(w, f, code, lanes):  # type: ignore[no-untyped-def]
    """Sums of F w c and F c c, in lanes that a vector unit adds side by side: the order is the same on every machine.

    Args:
        w, f, code: float32[n].
        lanes: float64[2, LANES] scratch.
    """
    cross = lanes[0]
    square = lanes[1]
    for i in range(LANES):
        cross[i] = 0.0
        square[i] = 0.0
    for j in range(0, w.shape[0], LANES):
        ww = w[j : j + LANES]
        ff = f[j : j + LANES]
        cc = code[j : j + LANES]
        for i in range(ww.shape[0]):
            t = np.float64(ff[i] * cc[i])
            cross[i] += t * ww[i]
            square[i] += t * cc[i]
    half = LANES // 2
    while half:
        for i in range(half):
            cross[i] += cross[i + half]
            square[i] += square[i + half]
        half //= 2
    return cross[0], square[0]


@inline
def on_grid(w, parts, part_start, part_class, tables, scale):  # type: ignore[no-untyped-def]
    """Every weight is a code of its codebook times the scale, as float32 multiplies."""
    inverse = np.float32(2.0) / scale
    for p in range(parts):
        for j in range(part_start[p], part_start[p + 1]):
            c = tables[part_class[p], place(w[j], inverse)]
            if w[j] != scale * c:
                return False
    return True


@inline
def sums_at(w, f, code, parts, part_start, part_class, tables, scale, lanes):  # type: ignore[no-untyped-def]
    """Assign at a scale; sums of F w c and F c c over the block."""
    inverse = np.float32(2.0) / np.float32(scale)
    cross = 0.0
    square = 0.0
    for p in range(parts):
        part = slice(part_start[p], part_start[p + 1])
        assign(w[part], inverse, tables[part_class[p]], code[part])
        a, b = product_sums(w[part], f[part], code[part], lanes)
        cross += a
        square += b
    return cross, square


@inline
def fit_scale(w, f, code, parts, part_start, part_class, tables, largest, values, signs, starts, rounds, lanes):  # type: ignore[no-untyped-def]
    """The scale of a block.

    If the weights stand on the grid of some scale, that one: a weight over its code is at most a rounding away from it.
    Else the start with the least error after its correction, then corrections while the error falls.

    Args:
        w, f, code: float32 scratch of the block: weights, importances, codes; lanes: as ``product_sums``.
        parts, part_start, part_class: pieces of the block in one codebook each.
        tables: float32[classes, CELLS]; values: float32[m], magnitudes that any of the codes has, descending.
        largest: greatest magnitude among the weights, above 0.
        signs: 2 if scales may be negative, else 1.
        starts: float64[n], as shares of the scale that puts the largest weight on the largest code.
        rounds: most corrections.

    Returns:
        float32.
    """
    for k in range(values.shape[0]):
        scale = np.float32(largest / values[k])
        for near in (scale, np.nextafter(scale, NOTHING), np.nextafter(scale, np.float32(np.inf))):
            for sign in range(signs):
                signed = near * np.float32(1 - 2 * sign)
                if on_grid(w, parts, part_start, part_class, tables, signed):
                    return signed
    reach = np.float64(largest) / values[0]
    best = -1.0
    scale = reach
    for k in range(starts.shape[0]):
        cross, square = sums_at(w, f, code, parts, part_start, part_class, tables, reach * starts[k], lanes)
        if cross * cross > best * square:
            best = cross * cross / square
            scale = cross / square
    for _ in range(rounds):
        cross, square = sums_at(w, f, code, parts, part_start, part_class, tables, scale, lanes)
        if cross * cross <= best * square * (1.0 + 1e-9):
            break
        best = cross * cross / square
        scale = cross / square
    return np.float32(scale)


@kernel
def fit_rows(  # type: ignore[no-untyped-def]
    weight, importance, weighted, apart, tile, high, wide, classes, tables, values, signs, starts, rounds, scale, error
):  # fmt: skip
    """Fit the scale of every block of a band of rows.

    Args:
        weight: float32[rows, in]; the rows are whole blocks and whole tiles, but for the layer's last.
        importance: float32 of the same shape, used if ``weighted`` (else any array).
        apart: uint8[rows, in], 1: not in the dense part.
        tile: side of the tiles; high, wide: rows and columns of a block. One divides the other.
        classes: uint8[tile rows, tile columns].
        tables: float32[classes, CELLS]; values, signs, starts, rounds: as ``fit_scale``.
        scale: float32[block rows, block columns], filled.
        error: float64[tile rows, tile columns], added to: sum of F (w - s c)^2.
    """
    rows, columns = weight.shape
    most = min(high, rows) * min(wide, columns)
    w = np.empty(most, np.float32)
    f = np.empty(most, np.float32)
    code = np.empty(most, np.float32)
    lanes = np.empty((2, LANES))
    pieces = -(-wide // tile) if wide > tile else 1
    part_start = np.zeros(pieces + 1, np.int64)
    part_class = np.zeros(pieces, np.int64)
    for r0 in range(0, rows, high):
        r1 = min(r0 + high, rows)
        for c0 in range(0, columns, wide):
            c1 = min(c0 + wide, columns)
            size = 0
            parts = 0
            largest = np.float32(0)
            some = False
            for p0 in range(c0, c1, tile):
                p1 = min(p0 + tile, c1)
                for r in range(r0, r1):
                    for c in range(p0, p1):
                        kept = apart[r, c] == 0
                        x = weight[r, c] if kept else NOTHING
                        g = NOTHING
                        if kept:
                            g = importance[r, c] if weighted else np.float32(1)
                        w[size] = x
                        f[size] = g
                        largest = max(largest, abs(x))
                        if g > NOTHING and x != NOTHING:
                            some = True
                        size += 1
                part_class[parts] = classes[r0 // tile, p0 // tile]
                parts += 1
                part_start[parts] = size
            if not some:  # importances that say nothing: all weights count alike for the scale
                for j in range(size):
                    f[j] = np.float32(1)
            found = np.float32(1)
            if largest > TINY and values.shape[0] > 0:
                found = fit_scale(
                    w, f, code, parts, part_start, part_class, tables, largest, values, signs, starts, rounds, lanes
                )
            scale[r0 // high, c0 // wide] = found
            inverse = np.float32(2.0) / found
            if not some:
                continue
            for p in range(parts):
                part = slice(part_start[p], part_start[p + 1])
                assign(w[part], inverse, tables[part_class[p]], code[part])
                left = 0.0
                for j in range(part_start[p], part_start[p + 1]):
                    d = np.float64(w[j]) - np.float64(found) * code[j]
                    left += d * d * f[j]
                error[r0 // tile, c0 // tile + p] += left


@kernel
def round_rows(weight, apart, tile, high, wide, classes, tables, scale, codes):  # type: ignore[no-untyped-def]
    """Nearest codes of a band of rows.

    Args:
        weight, apart, tile, high, wide, classes, tables: as ``fit_rows``.
        scale: float32[block rows, block columns].
        codes: int8[rows, in], filled; 0 where ``apart``.
    """
    rows, columns = weight.shape
    step = min(tile, wide)
    for r in range(rows):
        for c0 in range(0, columns, step):
            inverse = np.float32(2.0) / scale[r // high, c0 // wide]
            table = tables[classes[r // tile, c0 // tile]]
            for c in range(c0, min(c0 + step, columns)):
                x = weight[r, c] if apart[r, c] == 0 else NOTHING
                codes[r, c] = np.int8(table[place(x, inverse)])
