"""Settle bound of a circuit under one set of held nets: sound for every transition, in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.timing.event.bound_kernel import LATE, settle_bound
from halo.timing.event.engine import Held


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


def bound_transitions(held: Held, bit_nets: npt.ArrayLike, *, each: bool = False) -> Bound:
    """Bound every transition of the given input bits; any other source that moves is unknown.

    Args:
        held: reduced circuit.
        bit_nets: D enumerated nets, least significant first (may be empty: everything is unknown).
        each: report every transition as well.

    Raises:
        HaloError: a cell with too many inputs for its prime implicants, or paths beyond the kernel's 268 ns.
    """
    if held.longest_path_fs >= LATE:
        raise HaloError(
            f"the longest path takes {held.longest_path_fs / 1e6:.0f} ns, more than the settle bound's 268 ns",
            "Use --method exact or static, or split the design with registers.",
        )
    nets = np.asarray(bit_nets, dtype=np.int64)
    source_bit = np.full(len(held.sources), -1, np.int64)
    for bit, net in enumerate(nets):
        node = held.node_of[net]
        if 0 <= node < len(held.sources):
            source_bit[node] = bit
    size = 1 << (2 * len(nets))
    arrival = np.zeros(size if each else 0, np.int32)
    summary = np.zeros(2, np.int64)
    failed = settle_bound(
        size,
        source_bit,
        held.timed.launch_fs[held.sources],
        held.kind,
        held.pin_start,
        held.pin_node,
        held.table_start,
        held.table,
        held.arc_start,
        held.arc_fs,
        held.path_fs,
        held.end_node,
        held.end_extra_fs,
        arrival,
        summary,
    )
    if failed >= 0:
        circuit = held.timed.circuit
        instance = circuit.netlist.instances[circuit.instance[held.live_gate[failed]]]
        raise HaloError(
            f"cell {instance.cell} ({instance.name}) has too many prime implicants for the settle bound",
            "Use --method exact or static, or exclude the cell from synthesis.",
        )
    return Bound(int(summary[0]), int(summary[1]), arrival if each else None)
