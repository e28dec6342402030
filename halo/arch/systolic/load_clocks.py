# SPDX-License-Identifier: Apache-2.0
"""Clocks of the loads of an array that run at changing operating points: the terms of ``ws_schedule``, ``os_schedule``.

A *segment* is what runs between two changes of the operating point: an interval of ``gemm_cycles`` with waits of 0. The
first has the load of the first weights in it, the others the clocks from the acknowledge to the start. All segments
together are the schedule's cycles without the waits of its changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.arch.systolic.os_cycles import OsArray
from halo.arch.systolic.ws_cycles import CHECK, LEAST_SLOTS, WsArray

I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class WsClocks:
    """Clocks of loads of a weight-stationary array with room for all sums; ``rows`` of activations each."""

    array: WsArray

    @property
    def first(self) -> int:
        """Clocks before the first load: its weights arrive."""
        return self.array.load

    @property
    def resume(self) -> int:
        """Clocks from the acknowledge of a change to the start of a load, without waits."""
        return CHECK

    def step(self, rows: I64, changed: Flags | bool) -> I64:
        """From a load to the next; ``changed``: the first after a change of the clock."""
        clocks: I64 = np.maximum(self._lead(changed) + np.maximum(rows, LEAST_SLOTS), self.array.rows)
        return clocks

    def last(self, rows: I64, changed: Flags | bool, followed: Flags) -> I64:
        """From the last load of a segment to its last result, with which the array is empty."""
        return self._lead(changed) + rows + self.array.latency

    def _lead(self, changed: Flags | bool) -> I64:
        lead: I64 = np.where(changed, self.array.lead(changed=True), self.array.lead())
        return lead


@dataclass(frozen=True)
class OsClocks:
    """Clocks of output tiles of an output-stationary array, ``steps`` products deep, ``rows`` of results each."""

    array: OsArray
    steps: int

    @property
    def first(self) -> int:
        """Clocks before the first tile: its command."""
        return 2

    @property
    def resume(self) -> int:
        """Clocks from the acknowledge of a change to the first product, without waits."""
        return 2

    def step(self, rows: I64, changed: Flags | bool) -> I64:
        """From a tile to the next, which may have to wait for the results of the first."""
        return np.maximum(self.steps, 2 * rows - 1)

    def last(self, rows: I64, changed: Flags | bool, followed: Flags) -> I64:
        """From the last tile of a segment to its last result; a change that follows waits until all rows are empty."""
        return self.steps + np.where(followed, self.array.flush, self.array.latency + 2 * rows - 2)


@dataclass(frozen=True, eq=False)
class Runs:
    """Loads in order of time, runs of equal ones.

    Attributes:
        loads: in each run, 1 or more.
        rows: of activations (weight-stationary) or results (output-stationary) of each load.
        classes: of the loads.
        transfer_bytes: that each load needs from DRAM, or frees to go there.
    """

    loads: I64
    rows: I64
    classes: I64
    transfer_bytes: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Clocked:
    """Runs with their clocks; first and last load of each run apart, for they may differ.

    Attributes:
        loads: in each, 1 or more.
        cycles: of each load.
        run: that they are of.
        segment: that they are in, from 0.
    """

    loads: I64
    cycles: I64
    run: I64
    segment: I64


def clock(clocks: WsClocks | OsClocks, runs: Runs, points: I64) -> Clocked:
    """Clocks of each load.

    Args:
        clocks: of the array.
        runs: loads in order of time.
        points: operating point of each run.
    """
    size = len(points)
    changes = points[1:] != points[:-1]
    opens, closes = np.append(False, changes), np.append(changes, True)
    followed = np.append(changes, False)
    single = runs.loads == 1
    loads = np.stack([np.ones(size, np.int64), np.maximum(runs.loads - 2, 0), np.where(single, 0, 1)], axis=1)
    cycles = np.empty((size, 3), np.int64)
    rows = runs.rows
    cycles[:, 0] = np.where(single & closes, clocks.last(rows, opens, followed), clocks.step(rows, opens))
    cycles[:, 1] = clocks.step(rows, False)
    cycles[:, 2] = np.where(closes, clocks.last(rows, False, followed), cycles[:, 1])
    cycles[:, 0] += clocks.resume * opens
    cycles[0, 0] += clocks.first
    there = loads.ravel() > 0
    run = np.repeat(np.arange(size), 3)[there]
    return Clocked(loads.ravel()[there], cycles.ravel()[there], run, np.cumsum(opens)[run])
