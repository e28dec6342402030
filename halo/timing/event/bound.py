# SPDX-License-Identifier: Apache-2.0
"""Settle bound of a circuit under case analysis: sound for every transition, in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.timing.event.bound_kernel import LATE, settle_bound
from halo.timing.event.reduction import ReducedCircuit


@dataclass(frozen=True, eq=False)
class Bound:
    """Bounds over an exhaustive stimulus.

    Attributes:
        delay_fs: bound of the largest arrival; period_fs: with the setup of the endpoint's register.
        arrivals_fs: int32[4**D], per transition, base-4 digits (before + 2 * after), lowest bit least significant; None
            unless asked for.
    """

    delay_fs: int
    period_fs: int
    arrivals_fs: npt.NDArray[np.int32] | None


def bound_transitions(reduced: ReducedCircuit, bit_nets: npt.ArrayLike, *, each: bool = False) -> Bound:
    """Bound every transition of the given input bits; any other source that moves is unknown.

    Args:
        reduced: the circuit.
        bit_nets: D enumerated nets, least significant first (may be empty: everything is unknown).
        each: report every transition as well.

    Raises:
        HaloError: a cell with too many inputs for its prime implicants, or paths beyond the kernel's 268 ns.
    """
    if reduced.longest_path_fs >= LATE:
        raise HaloError(
            f"the longest path takes {reduced.longest_path_fs / 1e6:.0f} ns, more than the settle bound's 268 ns",
            "Use --method exact or static, or split the design with registers.",
        )
    source_bit = reduced.source_bits(bit_nets)
    size = 1 << (2 * np.size(bit_nets))
    arrival = np.zeros(size if each else 0, np.int32)
    summary = np.zeros(2, np.int64)
    failed = settle_bound(reduced.arrays, reduced.ends, size, source_bit, arrival, summary)
    if failed >= 0:
        circuit = reduced.timed.circuit
        instance = circuit.netlist.instances[circuit.instance[reduced.arrays.live_gate[failed]]]
        raise HaloError(
            f"cell {instance.cell} ({instance.name}) has too many prime implicants for the settle bound",
            "Use --method exact or static, or keep synthesis from the cell with --dont-use.",
        )
    return Bound(int(summary[0]), int(summary[1]), arrival if each else None)
