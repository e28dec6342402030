# SPDX-License-Identifier: Apache-2.0
"""A flat gate netlist by name, and the same compiled against a library into integer arrays for the kernels.

Tests: tests/netlist/test_compile_circuit.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

COMB = 0
FLOP = 1
WIRE = 2
"""A one-input gate that follows its input after a delay and is no cell: the wire to a pin (``halo.timing.wires``)."""
MAX_PINS = 16
"""Most inputs of one gate: its table has ``2 ** n`` entries and ``n * 2 ** n`` arcs."""


class CircuitArrays(NamedTuple):
    """What the kernels take of a :class:`Circuit`, whose docstring describes the arrays."""

    kind: U8
    out: I32
    pin_start: I32
    pin_net: I32
    table_start: I64
    table: U8
    arc_start: I64
    constant: npt.NDArray[np.int8]


@dataclass(frozen=True)
class Instance:
    """One cell: ``pins`` maps a pin name to a net index (unconnected pins are absent)."""

    name: str
    cell: str
    pins: dict[str, int]
    line: int = 0


@dataclass(frozen=True, eq=False)
class Netlist:
    """A flat structural module.

    Attributes:
        nets: net names; a vector bit is ``name[i]``.
        inputs, outputs: port name to net indices, least significant bit first, in port order.
        port_lsb: port name to the index of its least significant bit as declared (``[7:0]`` gives 0).
        scalar_ports: ports declared without a range.
        upward_ports: ports declared with a range that counts up, as ``[0:7]``.
        constants: net index to 0 or 1 for nets tied by the netlist itself (``1'b0``, ``assign x = 1'b1``).
        path: file it came from.
        signed_ports: ports declared ``signed``.
        inouts: bidirectional ports, as ``inputs``: supplies, or nothing that can be compiled.
        bit_names: names of the bits of a port that is not in the file as it is here (``halo.netlist.port_groups``).
        numbered: cells without a module in the file: bits of their vector pins are numbered from the least significant,
            which the library may see otherwise.
    """

    name: str
    nets: tuple[str, ...]
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    port_lsb: dict[str, int]
    scalar_ports: frozenset[str]
    instances: tuple[Instance, ...]
    constants: dict[int, int]
    path: str = ""
    signed_ports: frozenset[str] = frozenset()
    inouts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    bit_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    numbered: frozenset[str] = frozenset()
    upward_ports: frozenset[str] = frozenset()

    def bit_index(self, port: str, position: int) -> int:
        """Declared index of a port's bit, from its position above the least significant one."""
        return self.port_lsb[port] + (-position if port in self.upward_ports else position)


@dataclass(frozen=True, eq=False)
class Circuit:
    """The netlist as arrays. One *gate* is one output pin of one cell with its input pins.

    Gates stand in topological order: a gate's inputs are driven by earlier gates, by source nets or by constants.
    A flip-flop is a gate of kind FLOP whose pins are those of its next-state function and whose table gives the value
    of that output pin (Q or inverted Q) after the edge; it takes its place in the order behind the gates that feed
    it (a feed-forward pipeline). Flip-flops that (through logic) feed themselves are listed in ``state_gates``: they
    stand first, and their output nets count as sources of unknown value. What feeds what is judged with the constants:
    a register whose load enable is held on does not feed itself. A pin that the constants have made ineffective, and
    that only a later gate could drive, is left out of its gate (the way back in that register).

    State index of a gate: bit i is the value of its i-th pin. Pin p of gate g in state s has the arc index
    ``arc_start[g] + s * n + p`` with ``n = pin_start[g + 1] - pin_start[g]``: "pin p has just changed to its value
    in s"; the edge of the output is the one towards ``table[table_start[g] + s]``.

    Attributes:
        kind: uint8[G], COMB, FLOP or WIRE.
        instance: int32[G], index into ``netlist.instances``.
        output_pin: pin name of each gate's output.
        out: int32[G], output net.
        pin_start: int32[G + 1]; pin_net: int32[P]; pin_name: P names.
        table_start: int64[G + 1]; table: uint8, ``2 ** n`` entries a gate.
        arc_start: int64[G + 1]; ``n * 2 ** n`` entries a gate (FLOP gates as well).
        constant: int8[N], 0 or 1 where the netlist or a tie cell fixes the net or the input is held, else -1. What
            follows from these constants is not filled in: ``graph.propagate_constants`` finds it.
        source: int32[S], nets that start paths: input-port bits (not clocks, not held), then outputs of
            ``state_gates``.
        clock_nets: nets that clock flip-flops.
        falling: instances (index into ``netlist.instances``) whose flip-flops take their data at the falling edge of
            the clock port, by their own edge and the inverters of the clock tree; all others take the rising one.
        async_pins: (instance, pin, net) of clear and preset pins: they must be held inactive.
    """

    netlist: Netlist
    kind: U8
    instance: I32
    output_pin: tuple[str, ...]
    out: I32
    pin_start: I32
    pin_net: I32
    pin_name: tuple[str, ...]
    table_start: I64
    table: U8
    arc_start: I64
    constant: npt.NDArray[np.int8]
    source: I32
    clock_nets: frozenset[int]
    state_gates: I32
    async_pins: tuple[tuple[int, str, int], ...] = ()
    falling: frozenset[int] = frozenset()

    @property
    def arrays(self) -> CircuitArrays:
        """The arrays that the kernels take; every kernel is entered with these.

        Raises:
            HaloError: a gate has more than ``MAX_PINS`` pins.
        """
        most = int(np.diff(self.pin_start).max(initial=0))
        if most > MAX_PINS:
            raise HaloError(
                f"a gate of {self.netlist.name} has {most} inputs, more than the {MAX_PINS} that can be timed",
                "Use cells with fewer inputs.",
                self.netlist.path or None,
            )
        return CircuitArrays(
            self.kind,
            self.out,
            self.pin_start,
            self.pin_net,
            self.table_start,
            self.table,
            self.arc_start,
            self.constant,
        )

    @property
    def gates(self) -> int:
        """Number of gates."""
        return len(self.out)

    @property
    def nets(self) -> int:
        """Number of nets."""
        return len(self.netlist.nets)
