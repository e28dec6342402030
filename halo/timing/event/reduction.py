# SPDX-License-Identifier: Apache-2.0
"""Case analysis for the engines: a timed circuit reduced under constant nets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.netlist.model import Circuit
from halo.timing.event.reduction_kernel import TOO_LATE, EndArrays, ReducedArrays, reduce_arrays

I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
BOOL = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TimedCircuit:
    """What the engines simulate: a circuit, its delays and its endpoints.

    Attributes:
        arc_fs: int32[arcs] (``Circuit`` arc index), fs.
        enabled: bool[arcs], as :class:`halo.timing.delays.Delays` has it: True wherever the pin controls the output.
        launch_fs: int32[N], launch time of a source net (read at sources only).
        end_net: int32[E], nets that end paths; end_extra_fs: int32[E], setup of the flip-flop there, or 0.
    """

    circuit: Circuit
    arc_fs: I32
    enabled: BOOL
    launch_fs: I32
    end_net: I32
    end_extra_fs: I32


@dataclass(frozen=True, eq=False)
class ReducedCircuit:
    """What is left of a circuit under constant nets.

    Attributes:
        timed: the whole circuit.
        constant: int8[N], 0 or 1 for nets that are constant, given or implied, else -1.
        sources: int32[S], source nets that may move; source i is node i.
        arrays: the live gates, for the kernels.
        ends: the endpoints that may move, for the kernels.
    """

    timed: TimedCircuit
    constant: I8
    sources: I32
    arrays: ReducedArrays
    ends: EndArrays

    @property
    def node_of(self) -> I32:
        """int32[N], node of each net, or -1 where a net is constant or drives nothing that moves."""
        return self.arrays.node_of

    @property
    def longest_path_fs(self) -> int:
        """Longest structural path with constants to any endpoint, fs (0 when every endpoint is constant)."""
        return int(max(0, self.arrays.path_fs[self.ends.node].max(initial=0)))

    @property
    def longest_period_fs(self) -> int:
        """The same with the setup of the endpoint's register added."""
        ends = self.arrays.path_fs[self.ends.node].max(axis=1, initial=0)
        return int((ends + self.ends.extra_fs).max(initial=0, where=ends >= 0))

    def source_bits(self, bit_nets: npt.ArrayLike) -> I64:
        """Which of some nets each source is.

        Args:
            bit_nets: D net indices, least significant bit first; constant ones are in no source's place.

        Returns:
            int64[S], place in ``bit_nets``, or -1.
        """
        found = np.full(len(self.sources), -1, np.int64)
        for bit, net in enumerate(np.asarray(bit_nets, dtype=np.int64)):
            node = self.node_of[net]
            if 0 <= node < len(found):
                found[node] = bit
        return found

    def with_ends(self, chosen: I64) -> ReducedCircuit:
        """The same with some of the whole circuit's endpoints, by their index there."""
        node = self.node_of[self.timed.end_net[chosen]]
        moving = node >= 0
        return replace(self, ends=EndArrays(node[moving], self.timed.end_extra_fs[chosen][moving]))

    def ending_at(self, nets: npt.ArrayLike) -> ReducedCircuit:
        """The same with those of its endpoints that are among some nets."""
        node = self.node_of[np.asarray(nets, dtype=np.int64)]
        chosen = np.isin(self.ends.node, node[node >= 0])
        return replace(self, ends=EndArrays(self.ends.node[chosen], self.ends.extra_fs[chosen]))


def reduce_circuit(timed: TimedCircuit, case: Mapping[int, int]) -> ReducedCircuit:
    """Reduce a circuit with some nets held constant.

    Args:
        timed: the whole circuit.
        case: net index to 0 or 1.

    Raises:
        HaloError: a gate of too many pins, or a path of more than 1.07 us, which the kernels' 32-bit femtoseconds
            cannot hold.
    """
    circuit = timed.circuit
    constant = circuit.constant.copy()
    for net in circuit.clock_nets.difference(circuit.out.tolist()):
        constant[net] = 0  # a clock port is no source; its tree rests
    for net, value in case.items():
        constant[net] = value
    sources = circuit.source[constant[circuit.source] < 0]
    arrays: ReducedArrays = reduce_arrays(
        circuit.arrays, timed.arc_fs, timed.enabled, constant, sources, timed.launch_fs[sources], keep_sinks=True
    )
    if arrays.path_fs.max(initial=0) >= TOO_LATE:
        raise HaloError(
            f"a path takes more than {TOO_LATE / 1e9:.2f} us, which 32-bit femtoseconds cannot hold",
            "Use --method static, or split the design with registers.",
        )
    node = arrays.node_of[timed.end_net]
    moving = node >= 0
    return ReducedCircuit(timed, constant, sources, arrays, EndArrays(node[moving], timed.end_extra_fs[moving]))
