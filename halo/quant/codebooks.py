# SPDX-License-Identifier: Apache-2.0
"""Codebooks: sets of weight values with the clock at which all of them are safe, and what they cost in energy.

Three ways to choose one, beside the uniform grids that every study has to carry as baselines:

* ``class_codebooks``: every weight at least as fast as a clock (the paper's);
* ``best_codebook``: the n values, among those at least as fast as a clock, that round a distribution of weights with
  the least expected error, found exactly;
* the same with a price on energy.

A codebook always holds 0. Clocks and energies come from a ``WeightTable``, so nothing here knows which values are fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.quant.codebooks_kernel import PER_UNIT, add_distribution
from halo.quant.layer import Codebook, Float32
from halo.quant.rows import over_rows

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_BINS = 16 * PER_UNIT  # of a distribution: from -8 to 8 root mean squares
_STEP = 64  # rows that a thread takes at a time

SCALES = 48
"""Scales that are tried for a codebook, in equal ratios of 4.5 %: the cost is flat near its least."""
FINEST = 8
"""How many times finer than the scale that just reaches the largest weight the last one is: it clips weights beyond an
eighth of the largest."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """How weights are spread, each divided by the root mean square of its scale block.

    Attributes:
        value: float64[m], ascending.
        mass: float64[m], adds up to 1; importance included.
    """

    value: F64
    mass: F64


def class_codebooks(
    table: WeightTable,
    n: int | None = None,
    *,
    targets_ghz: Iterable[float] | None = None,
    corner: str | None = None,
    bits: int = 8,
) -> tuple[Codebook, ...]:
    """All weights at least as fast as a clock, one codebook a frequency class, from the slowest to the fastest.

    Args:
        table: per-weight table of a MAC whose weight operand is signed and has as many bits as the codes.
        n, targets_ghz, corner: as ``WeightTable.classes``; give a number of classes or target clocks.
        bits: of the codes.

    Raises:
        HaloError: the table is of another width, or as ``WeightTable.classes``.
    """
    _check_width(table, bits)
    classes = table.classes(n, targets_ghz=targets_ghz, corner=corner)
    books = [_codebook(table, corner, np.array(c.weights), f"at least {c.fmax_ghz:.4g} GHz") for c in classes]
    return tuple(books)


def left_aligned_codebook(
    code_bits: int, table: WeightTable | None = None, *, corner: str | None = None, bits: int = 8
) -> Codebook:
    """The uniform grid of ``code_bits``-bit integers in the upper bits of the operand, as INT4 << 4 and INT3 << 5.

    Args:
        code_bits: of the grid.
        table: gives its clock and energy; None: not known.
        corner: of the table.
        bits: of the operand.

    Raises:
        HaloError: more bits than the operand has, or a table of another width.
    """
    if not 1 < code_bits <= bits <= 8:
        raise HaloError(
            f"a {code_bits}-bit grid does not fit a {bits}-bit operand", "Use 2 bits or more, and at most 8."
        )
    half = 1 << (code_bits - 1)
    values = np.arange(-half, half) << (bits - code_bits)
    name = f"INT{code_bits}" + (f" << {bits - code_bits}" if bits > code_bits else "")
    if table is None:
        return Codebook(name, values.astype(np.int8), None, None, "uniform grid")
    _check_width(table, bits)
    return _codebook(table, corner, values, "uniform grid", name)


def best_codebook(
    table: WeightTable,
    n: int,
    frequency_ghz: float,
    distribution: Distribution,
    *,
    energy_weight: float = 0.0,
    corner: str | None = None,
    bits: int = 8,
) -> Codebook:
    """The codebook of at most n values safe at a clock that costs least for a distribution of weights.

    Cost = E[(x - s c)^2] / E[x^2] + energy_weight * E[energy of c] / (mean energy of all weights), c the code nearest
    to x / s. For each of a series of scales s the best subset of the allowed integers is found exactly, by dynamic
    programming over consecutive pairs of codes (a weight between two codes goes to the nearer one, so the cost is a
    sum over the gaps); the best scale wins, the coarser one where equal.

    It pays where more values are safe than are used. Default multiplier on osu018 (settle bound), stories260K, rows of
    16 weights, perplexity as in ``HaloOptions``: at the clock of INT4 << 4 (0.356 GHz) its sixteen values are all that
    is safe, and eight of them give 5.31 (INT3 << 5, at 0.393 GHz: 5.35); at 0.311 GHz sixteen of 64 give 4.22 (INT4 <<
    4: 4.29), and without a bound on the clock eight of 256 give 5.15.

    Args:
        n: 1 to the number of values that are fast enough.
        frequency_ghz: every value is safe at it.
        distribution: from ``distribution``.
        energy_weight: what a share of the mean energy is worth in noise-to-signal; 0: energy does not matter.

    Raises:
        HaloError: 0 is not safe at the clock, fewer than n weights are, or energy counts and was not computed.
    """
    _check_width(table, bits)
    rows = table.rows(corner)
    weights = rows["weight"].to_numpy(np.int64)
    clock = np.where(rows["period_ps"] == 0, np.inf, rows["fmax_ghz"].to_numpy(np.float64))
    if np.isnan(clock).any():
        raise HaloError("the table has weights without a period", "Characterize with a timing method.")
    allowed = weights[clock >= frequency_ghz * (1 - 1e-12)]
    if 0 not in allowed:
        zero = float(clock[weights == 0][0])
        raise HaloError(
            f"the weight 0 is not safe at {frequency_ghz:.4g} GHz", f"It allows {zero:.4g} GHz; ask for less."
        )
    if not 1 <= n <= len(allowed):
        fix = f"Ask for 1 to {len(allowed)} values, or for a lower clock."
        raise HaloError(f"{n} values cannot be chosen at {frequency_ghz:.4g} GHz", fix)
    price = np.zeros(len(allowed))
    if energy_weight:
        energy = rows["energy_fj"].to_numpy(np.float64)
        if np.isnan(energy).any():
            raise HaloError("the table has no energies", "Characterize with --method exact.")
        price = energy_weight * energy[np.isin(weights, allowed)] / energy.mean()
    chosen = _least_cost(allowed, n, distribution, price)
    told = f"least expected error among weights of {frequency_ghz:.4g} GHz"
    return _codebook(table, corner, chosen, told + (f", energy weight {energy_weight:g}" if energy_weight else ""))


def distribution(weight: Float32, importance: Float32 | None = None, *, block: int) -> Distribution:
    """How the weights of a layer are spread within their scale blocks of 1 x ``block``.

    Args:
        weight: float32[out, in].
        importance: float32[out, in], such as the Fisher; None: all equal. A squared error in a block counts with the
            block's mean square, as it does in the layer.
        block: weights of one row that share a scale; the last block of a row may be smaller.

    Raises:
        HaloError: all weights are zero.
    """

    def band(first: int, stop: int) -> F64:
        counts = np.zeros(_BINS)
        price = weight if importance is None else importance
        add_distribution(weight[first:stop], price[first:stop], importance is not None, block, counts)
        return counts

    counts = np.sum(over_rows(band, len(weight), _STEP, None), axis=0)
    if counts.sum() == 0:
        raise HaloError("the layer has no weight that matters", "Give weights and importances that are not all zero.")
    centre = (np.arange(_BINS) - _BINS // 2 + 0.5) / PER_UNIT
    return Distribution(centre[counts > 0], counts[counts > 0] / counts.sum())


def _least_cost(allowed: I64, n: int, spread: Distribution, price: F64) -> I64:
    """Codes of least cost over a series of scales, ascending."""
    reach = float(np.abs(allowed).max()) or 1.0
    peak = float(np.abs(spread.value).max())
    power = float((spread.mass * spread.value**2).sum())
    best, codes = np.inf, np.zeros(1, np.int64)
    for scale in np.geomspace(peak / reach, peak / (FINEST * reach), SCALES):
        cost, found = least_cost_at(
            allowed, n, spread.value / scale, spread.mass * scale**2 / power, spread.mass, price
        )
        if cost < best * (1 - 1e-12):
            best, codes = cost, found
    return codes


def least_cost_at(
    allowed: I64, n: int, value: F64, mass: F64, share: F64, price: F64
) -> tuple[float, npt.NDArray[np.int64]]:
    """At most n of the allowed integers, 0 among them, with the least sum of mass * error^2 + share * price.

    Args:
        allowed: int64[m], ascending, with 0.
        value, mass, share: float64[k], points (ascending), what a squared error of each costs, how many weights it is.
        price: float64[m], of the use of each integer.

    Returns:
        The cost and the codes, ascending.
    """
    a = allowed.astype(np.float64)
    m = len(a)
    moments = [np.concatenate(([0.0], np.cumsum(mass * value**p))) for p in range(3)]
    shares = np.concatenate(([0.0], np.cumsum(share)))

    def between(lower: F64, upper: F64, code: F64, cost: F64) -> F64:
        """Cost of giving the points in [lower, upper) to a code; all arguments broadcast."""
        i, j = np.searchsorted(value, lower), np.searchsorted(value, upper)
        m0, m1, m2 = (moment[j] - moment[i] for moment in moments)
        return np.asarray(m2 - 2 * code * m1 + code * code * m0 + cost * (shares[j] - shares[i]))

    middle = (a[:, None] + a[None, :]) / 2
    gap = between(a[:, None], middle, a[:, None], price[:, None]) + between(middle, a[None, :], a[None, :], price)
    zero = int(np.flatnonzero(allowed == 0)[0])
    index = np.arange(m)
    gap[(index[:, None] >= index[None, :]) | ((index[:, None] < zero) & (index[None, :] > zero))] = np.inf
    first = between(np.full(m, -np.inf), a, a, price)
    last = between(a, np.full(m, np.inf), a, price)
    first[index > zero] = np.inf
    last[index < zero] = np.inf
    cost, came = first, []
    best, length, end = np.inf, 1, zero
    for count in range(1, n + 1):
        total = cost + last
        if total.min() < best:
            best, length, end = float(total.min()), count, int(np.argmin(total))
        if count < n:
            step = cost[:, None] + gap
            came.append(np.argmin(step, axis=0))
            cost = step[came[-1], index]
    path = [end]
    for back in reversed(came[: length - 1]):
        path.append(int(back[path[-1]]))
    return best, np.asarray(allowed[path[::-1]], dtype=np.int64)


def _codebook(table: WeightTable, corner: str | None, values: npt.ArrayLike, source: str, name: str = "") -> Codebook:
    """A codebook with 0, its clock and its energy from the table."""
    rows = table.rows(corner)
    wanted = np.union1d(values, [0])
    if len(wanted) > np.size(values):
        source += ", and 0"
    mine = rows["weight"].isin(wanted)
    clock = float(table.fmax(wanted.tolist())[rows["corner"].iloc[0]])
    energy = float(rows.loc[mine, "energy_fj"].mean(skipna=False))
    known = None if np.isnan(energy) else energy
    label = name or f"{len(wanted)} values at {clock:.4g} GHz"
    return Codebook(label, wanted.astype(np.int8), clock, known, source)


def _check_width(table: WeightTable, bits: int) -> None:
    """The table's weights are all integers that ``bits`` bits hold, signed, and these fit int8."""
    lowest, highest = table.weights[0], table.weights[-1]
    half = 1 << (bits - 1)
    if not 2 <= bits <= 8:
        raise HaloError(f"codes of {bits} bits are not supported", "Codes are int8: use 2 to 8 bits.")
    if (lowest, highest, len(table.weights)) != (-half, half - 1, 2 * half):
        raise HaloError(
            f"the table's weights run from {lowest} to {highest}, the codes from {-half} to {half - 1}",
            f"Take the table of a MAC with a signed {bits}-bit weight, or codes of the table's width.",
        )
