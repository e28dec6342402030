# SPDX-License-Identifier: Apache-2.0
"""Cycle-level simulation of the arrays of ``rtl/systolic`` with real operands, any stalls and any changes of the clock.

The outputs and the clock of every beat are those of the Verilog. Controllers run clock by clock in ``ws_kernel`` and
``os_kernel``. The mesh is not moved register by register, because what its registers hold is known:

- A controller sees handshakes and counts, never data, and no register of the mesh can be stopped. So a slot that the
  controller issues in clock s is in element (r, c) in clock s + r + c + 2, whatever happens elsewhere: r clocks of
  skew behind a register, c elements to the right. Which elements work in a clock follows from the clocks of the slots
  alone.
- Weight-stationary: the swap that opens a tile travels with the same delay r + c in front of the tile's slots, so a
  slot meets its own tile's weights in every element. Output-stationary: weights travel down with delay r and are skewed
  by c, so the activation of a slot meets the weight of the same slot in every element.
- A partial sum adds up the products of one slot on its way down, or of one element in the order of slots. What reaches
  the accumulators of a column does not depend on other columns, so these are simulated apart, in parallel.

``ws_reference`` and ``os_reference`` do move every register in every clock; tests hold that nothing differs.

Energy: an element whose activation advances costs the mean energy of the weight it holds, from the per-weight table,
which averages over uniformly distributed activations: the values of the stream choose weights, not activations. All
others leak only. Elements filled up with zeros advance as well and hold weight 0. An output-stationary element changes
its weight in every slot, too, for which such a table has no number. Registers and clock pins are not in the table.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.arch.systolic.gemm_cycles import ClockInterval
from halo.arch.systolic.loads import I64, Flags, Int8, OsLoad, StreamStalls, WsLoad, check_os_loads, check_ws_loads
from halo.arch.systolic.mesh_kernel import count_busy, count_weights, move_slots
from halo.arch.systolic.os_cycles import OsArray
from halo.arch.systolic.os_kernel import os_control
from halo.arch.systolic.ws_cycles import LEAST_SLOTS, WsArray
from halo.arch.systolic.ws_kernel import ws_control
from halo.arch.weights import INT8_VALUES, INT8_ZERO
from halo.characterization.table import WeightTable
from halo.errors import HaloError

_COLUMNS_AT_LEAST = 16
"""That a thread works on at a time: fewer would fetch the same activations again for too little work."""

_ENTRY = 2
"""Clocks from a slot to the first element: a register, and the element's own."""

Sums = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Waits = tuple[int, int] | Sequence[tuple[int, int]]
"""Clocks from request to acknowledge and from the end of the request to its fall: of all changes, or of each."""


@dataclass(frozen=True, eq=False)
class CycleLevel:
    """What a simulation saw. Clock 0 is the first in which a stream may offer a beat.

    Attributes:
        elements: of the array.
        outputs: int32[M, N], int64 for wider accumulators; wrapped around to their width.
        slots: int64[beats of activations], clock in which each goes into the array.
        results: int64[rows of results], clock in which each leaves.
        busy: int64[cycles], elements that multiply operands of the product, filled-up ones not counted.
        clock_intervals: between changes of the clock.
        weight_activity: int64[classes, INT8_VALUES], element-clocks in which an activation advances, by class of the
            clock and by weight.
    """

    elements: int
    outputs: Sums
    slots: I64
    results: I64
    busy: I64
    clock_intervals: tuple[ClockInterval, ...]
    weight_activity: I64

    @property
    def cycles(self) -> int:
        """Number of clocks from the first one to the last row of results."""
        return len(self.busy)

    @property
    def class_cycles(self) -> tuple[int, ...]:
        """Clocks of each class."""
        total = [0] * len(self.weight_activity)
        for interval in self.clock_intervals:
            total[interval.frequency_class] += interval.cycles
        return tuple(total)

    @property
    def macs(self) -> int:
        """Products of operands; each is one of the matrix product."""
        return int(self.busy.sum())

    @property
    def utilisation(self) -> float:
        """Share of the element-clocks that were busy."""
        return self.macs / (self.elements * self.cycles)

    def energy_fj(self, mac_fj: npt.ArrayLike, leakage_nw: npt.ArrayLike, period_ps: npt.ArrayLike) -> float:
        """Energy of all elements from the first clock to the last; see the head of the module for what counts.

        Args:
            mac_fj: float[INT8_VALUES] or float[classes, INT8_VALUES], mean energy of each weight: ``mac_energies``.
            leakage_nw: float or float[classes], of one element.
            period_ps: float or float[classes], of the clock.

        Raises:
            HaloError: a weight that meets activations has no energy (NaN).
        """
        energies = np.broadcast_to(np.asarray(mac_fj, np.float64), self.weight_activity.shape)
        lacking = np.argwhere((self.weight_activity > 0) & np.isnan(energies))
        if len(lacking):
            kind, index = lacking[0]
            what = f"weight {index - INT8_ZERO} has no energy in class {kind}"
            raise HaloError(what, "Take a table that holds every weight of the stream, 0 included.")
        active = float(self.weight_activity[self.weight_activity > 0] @ energies[self.weight_activity > 0])
        clocks = np.array(self.class_cycles, np.float64)
        leaked = self.elements * clocks * np.asarray(leakage_nw) * np.asarray(period_ps) * 1e-6  # nW ps = 1e-6 fJ
        return active + float(leaked.sum())


def mac_energies(table: WeightTable, corner: str | None = None) -> npt.NDArray[np.float64]:
    """float64[INT8_VALUES]: mean energy in fJ of a MAC with each weight; NaN where the table has none.

    Args:
        table: per-weight table.
        corner: of the table; may be left out where there is only one.

    Raises:
        HaloError: no such corner, several and none named, or weights of more than eight bits.
    """
    rows = table.rows(corner)
    index = INT8_ZERO + rows["weight"].to_numpy(np.int64)
    if index.min() < 0 or index.max() >= INT8_VALUES:
        raise HaloError("the table's weights have more than eight bits", "Take the table of an int8 MAC.")
    energies = np.full(INT8_VALUES, np.nan)
    energies[index] = rows["energy_fj"].to_numpy(np.float64)
    return energies


def simulate_ws(
    array: WsArray,
    activation: Int8,
    weight: Int8,
    loads: Iterable[WsLoad],
    *,
    stalls: StreamStalls | None = None,
    waits: Waits = (1, 1),
    acc_bits: int = 32,
    threads: int | None = None,
) -> CycleLevel:
    """Simulate the weight-stationary array.

    Args:
        array: its sizes.
        activation: int8[M, K].
        weight: int8[K, N].
        loads: in order, such as ``ws_loads``.
        stalls: of the streams; None: none.
        waits: clocks to the acknowledge of a change of the clock and to its fall, of all changes or of each.
        acc_bits: of the accumulators, 4 to 64.
        threads: None: as many as there are processors.

    Raises:
        HaloError: operands, loads or waits that cannot be.
    """
    loads = list(loads)
    check_ws_loads(array, activation, weight, loads)
    tiles = np.array([(t.tile.rows, t.tile.first, t.tile.last, t.tile.frequency_class) for t in loads], np.int64)
    gaps = np.array([max(array.lead(changed=changed) - 1, 0) for changed in (False, True)])
    size = array.rows, array.depth, array.latency, LEAST_SLOTS

    def control(waits: I64, slots: I64, results: I64, seen: I64) -> None:
        ws_control(tiles, *size, gaps, waits, _flags(stalls), slots, results, seen)

    run = _controlled(control, tiles[:, 0], tiles[:, 3], int(tiles[tiles[:, 2] != 0, 0].sum()), waits)
    inner = weight.shape[0]
    places = [_Place(t.row, t.tile.rows, t.k, min(array.rows, inner - t.k), t.column) for t in loads]
    blocks: Counter[_Block] = Counter()
    for load in loads:
        block = _Block(load.k, array.rows, load.column, array.columns, load.tile.frequency_class)
        blocks[block] += load.tile.rows
    heights = [place.steps for place in places]
    return CycleLevel(
        elements=array.rows * array.columns,
        outputs=_outputs(activation, weight, places, array.columns, acc_bits, threads),
        slots=run.slots,
        results=run.results,
        busy=run.busy(heights, [min(array.columns, weight.shape[1] - load.column) for load in loads]),
        clock_intervals=run.clock_intervals(),
        weight_activity=_weight_activity(weight, blocks, run.classes),
    )


def simulate_os(
    array: OsArray,
    activation: Int8,
    weight: Int8,
    loads: Iterable[OsLoad],
    *,
    stalls: StreamStalls | None = None,
    waits: Waits = (1, 1),
    acc_bits: int = 32,
    threads: int | None = None,
) -> CycleLevel:
    """Simulate the output-stationary array.

    ``weight_activity`` counts the slot of zeros behind a tile that is not followed by another at once.

    Args:
        array, activation, weight, stalls, waits, acc_bits, threads: as in ``simulate_ws``.
        loads: in order, such as ``os_loads``.

    Raises:
        HaloError: operands, loads or waits that cannot be.
    """
    loads = list(loads)
    check_os_loads(array, activation, weight, loads)
    tiles = np.array([(t.tile.rows, t.tile.steps, t.tile.frequency_class) for t in loads], np.int64)
    cleared = np.zeros(int(tiles[:, 2].max()) + 1, np.int64)
    size = array.latency, array.flush - 1, array.store

    def control(waits: I64, slots: I64, results: I64, seen: I64) -> None:
        os_control(tiles, *size, waits, _flags(stalls), slots, results, seen, cleared)

    run = _controlled(control, tiles[:, 1], tiles[:, 2], int(tiles[:, 0].sum()), waits)
    places = [_Place(t.row, t.tile.rows, t.k, t.tile.steps, t.column) for t in loads]
    blocks: Counter[_Block] = Counter()
    for load in loads:
        block = _Block(load.k, load.tile.steps, load.column, array.columns, load.tile.frequency_class)
        blocks[block] += array.rows
    counts = _weight_activity(weight, blocks, run.classes)
    counts[:, INT8_ZERO] += cleared * array.rows * array.columns
    return CycleLevel(
        elements=array.rows * array.columns,
        outputs=_outputs(activation, weight, places, array.columns, acc_bits, threads),
        slots=run.slots,
        results=run.results,
        busy=run.busy(tiles[:, 0], [min(array.columns, weight.shape[1] - load.column) for load in loads]),
        clock_intervals=run.clock_intervals(),
        weight_activity=counts,
    )


class _Place(NamedTuple):
    """Where a load lies in the product: a row of ``move_slots``."""

    row: int
    rows: int
    k: int
    steps: int
    column: int


class _Block(NamedTuple):
    """Weights that meet activations: a row of ``count_weights``."""

    k: int
    steps: int
    column: int
    columns: int
    frequency_class: int


@dataclass(frozen=True, eq=False)
class _Controlled:
    """What a controller did.

    Attributes:
        beats, kinds: int64[loads], slots and class of each load.
        slots: int64[all slots], clock in which each activation goes into the array.
        results: int64[rows of results], clock in which each leaves.
        seen: int64[changes of the clock], clock that sees each acknowledge.
    """

    beats: I64
    kinds: I64
    slots: I64
    results: I64
    seen: I64

    @property
    def classes(self) -> int:
        """Number of classes of the clock."""
        return int(self.kinds.max()) + 1

    def busy(self, heights: npt.ArrayLike, widths: npt.ArrayLike) -> I64:
        """Elements at work in each clock, given the corner that each load fills."""
        counts = np.zeros(int(self.results[-1]) + 1, np.int64)
        starts = np.concatenate([[0], np.cumsum(self.beats)])
        count_busy(self.slots + _ENTRY, starts, np.asarray(heights, np.int64), np.asarray(widths, np.int64), counts)
        return counts

    def clock_intervals(self) -> tuple[ClockInterval, ...]:
        """Clock intervals; one of class 0 without a load belongs to the first with one, as in ``gemm_cycles``."""
        runs = [(kind, len(list(same))) for kind, same in groupby(self.kinds.tolist())]
        inner = self.seen.tolist()[-len(runs) + 1 :] if len(runs) > 1 else []
        ends = np.diff([0, *inner, int(self.results[-1]) + 1]).tolist()
        return tuple(ClockInterval(kind, tiles, cycles) for (kind, tiles), cycles in zip(runs, ends, strict=True))


def _controlled(
    control: Callable[[I64, I64, I64, I64], None], beats: I64, kinds: I64, result_rows: int, waits: Waits
) -> _Controlled:
    """Let a controller run; it is given the waits, int64[changes, 2], and arrays of clocks to fill."""
    changes = int(np.count_nonzero(np.diff(kinds, prepend=0)))
    slots, results, seen = (np.empty(size, np.int64) for size in (int(beats.sum()), result_rows, changes))
    control(_pairs(waits, changes), slots, results, seen)
    return _Controlled(beats, kinds, slots, results, seen)


def _outputs(
    activation: Int8,
    weight: Int8,
    places: Sequence[_Place],
    columns: int,
    acc_bits: int,
    threads: int | None,
) -> Sums:
    """Sums of all loads, wrapped around to so many bits; the array's columns in groups, one a thread at a time."""
    if not 4 <= acc_bits <= 64:
        raise HaloError(f"accumulators of {acc_bits} bits", "Give 4 to 64, as the Verilog takes.")
    wide = np.int32 if acc_bits <= 32 else np.int64
    sums = np.zeros((len(activation), weight.shape[1]), wide)
    where = np.array(places, np.int64)
    operands = np.ascontiguousarray(activation), np.ascontiguousarray(weight)
    workers = threads or os.cpu_count() or 1
    step = max(-(-columns // workers), min(columns, _COLUMNS_AT_LEAST))
    with ThreadPoolExecutor(workers) as pool:
        for done in [
            pool.submit(move_slots, *operands, where, first, min(first + step, columns), sums)
            for first in range(0, columns, step)
        ]:
            done.result()
    spare = 8 * sums.itemsize - acc_bits
    return sums << spare >> spare


def _weight_activity(weight: Int8, blocks: Counter[_Block], classes: int) -> I64:
    """Element-clocks by class and weight; ``blocks``: how often activations meet each weight of a block."""
    counts = np.zeros((classes, INT8_VALUES), np.int64)
    times = np.array(list(blocks.values()), np.int64)
    count_weights(np.ascontiguousarray(weight), np.array(list(blocks), np.int64), times, counts)
    return counts


def _pairs(waits: Waits, changes: int) -> I64:
    """int64[changes, 2]: the waits of every change of the clock."""
    pairs = np.asarray(waits, np.int64)
    pairs = np.tile(pairs, (changes, 1)) if pairs.shape == (2,) else pairs.reshape(-1, 2)
    if len(pairs) != changes or (pairs < 0).any():
        raise HaloError(f"waits {waits} for {changes} changes of the clock", "Give a pair of 0 or more for each.")
    return pairs


def _flags(stalls: StreamStalls | None) -> tuple[Flags, ...]:
    """Stalls of command, weight, activation and result."""
    given = stalls or StreamStalls()
    return tuple(np.asarray(f, np.bool_) for f in (given.command, given.weight, given.activation, given.result))
