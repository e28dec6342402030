# SPDX-License-Identifier: Apache-2.0
"""What the ports of an array or the matrix unit show in each clock cycle of its bench, recorded from the RTL.

The bench (``sim/tb_traffic.py``) drives the RTL as it always does: streams stall and wait for each other, tiles have
frequency classes, a clock generator answers. Played at the gates, input ports repeat what was recorded, and output
ports must do so in the same cycle.

Tests: tests/flow/gate_level/test_unit.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.flow.simulators.bench_run import simulate
from halo.flow.simulators.benches import Value, find_bench
from halo.flow.simulators.own_modules import OwnModules
from halo.netlist.model import U8

I64 = npt.NDArray[np.int64]
BOOL = npt.NDArray[np.bool_]

BENCH = "tb_traffic"
UNKNOWN = 2
"""A bit that is neither 0 nor 1."""
REQUEST, ACKNOWLEDGE, CLASS = "clock_request_o", "clock_acknowledge_i", "clock_class_o"
"""Ports of a change of the clock (``rtl/systolic/clock_change.v``)."""
CHANGING = -1
"""Class of a cycle in which the clock changes, or the array is reset."""


@dataclass(frozen=True, eq=False)
class Recording:
    """T clock cycles of a design.

    Attributes:
        ports: uint8[T, bits] of each port but the clock just before the edge that ends each cycle, least significant
            bit first; UNKNOWN where the RTL does not say.
    """

    ports: Mapping[str, U8]

    def __len__(self) -> int:
        return len(next(iter(self.ports.values())))

    def value(self, port: str) -> I64:
        """int64[T], a narrow port as a number; -1 where a bit is unknown."""
        bits = self.ports[port].astype(np.int64)
        return np.where((bits == UNKNOWN).any(axis=1), -1, bits @ (1 << np.arange(bits.shape[1])))

    @cached_property
    def classes(self) -> I64:
        """int64[T], frequency class of the clock of each cycle, or CHANGING; all 0 without a clock to change."""
        found = np.zeros(len(self), np.int64)
        if REQUEST not in self.ports:
            return found
        request, acknowledge, wanted, running = (
            self.value(port).tolist() for port in (REQUEST, ACKNOWLEDGE, CLASS, "srst_ni")
        )
        now = 0
        for t in range(len(self)):
            if running[t] != 1:
                now = 0
            elif acknowledge[t] == 1 and request[t] == 1:
                now = wanted[t]
            quiet = running[t] == 1 and request[t] == 0 and acknowledge[t] == 0
            found[t] = now if quiet else CHANGING
        return found

    def taken(self, stream: str) -> BOOL:
        """bool[T], cycles in which a stream hands over a beat."""
        return np.asarray((self.value(f"{stream}_tvalid") == 1) & (self.value(f"{stream}_tready") == 1))


def record(
    bench: str,
    parameters: Mapping[str, Value],
    ports: Sequence[str],
    weights: Mapping[int, Sequence[int]],
    cycles: int,
    workdir: Path,
    *,
    slow: Sequence[tuple[int, int]] = (),
    own: OwnModules | None = None,
    seed: int = 1,
) -> Recording:
    """Record mixed traffic of a bench in Icarus.

    Args:
        bench: ``systolic_ws``, ``systolic_os`` or ``tensor_core``.
        parameters: of the design, as ``halo.flow.simulators.bench_run.simulate`` takes them.
        ports: all ports of the design but its clock.
        weights: values that tiles of each frequency class may use.
        cycles: how many clock cycles.
        workdir: folder for the simulation.
        slow: transitions of an activation, before and after, that half of the tiles of an array play in turn.
        own: modules of the user's.
        seed: of the traffic.

    Raises:
        HaloError: as ``simulate``, or the RTL gives a wrong result.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    settings = {
        "cycles": cycles,
        "ports": list(ports),
        "weights": {kind: list(values) for kind, values in weights.items()},
        "slow": list(slow),
    }
    (workdir / "traffic.json").write_text(json.dumps(settings), encoding="utf-8")
    traffic = replace(find_bench(bench), module=BENCH)
    result = simulate(traffic, "icarus", parameters, workdir=workdir, seed=seed, tests=[bench], own=own)
    if not result.passed:
        said = "; ".join(row.message for row in result.tests)
        raise HaloError(f"the RTL of {bench} fails its bench: {said}", f"Run: halo sim {bench}.")
    columns = zip(*(line.split() for line in (workdir / "ports.txt").read_text().splitlines()), strict=True)
    return Recording({port: _bits(column) for port, column in zip(ports, columns, strict=True)})


def _bits(texts: Sequence[str]) -> U8:
    """uint8[T, bits] of the bits of a port, highest first in the texts."""
    seen = np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(texts), -1)[:, ::-1]
    return np.where((seen == ord("0")) | (seen == ord("1")), seen - ord("0"), UNKNOWN).astype(np.uint8)
