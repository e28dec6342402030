# SPDX-License-Identifier: Apache-2.0
"""Wire delays in a circuit: one-input gates put between a net and the pin, or output port bit, that it reaches late.

Tests: tests/timing/test_timed_netlist.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from halo.netlist.model import WIRE, Circuit, Instance
from halo.timing.delays import Delays

I64 = npt.NDArray[np.int64]

WIRE_CELL = "$wire"
"""Cell name of a wire gate: pin A to pin Y, in no library, without capacitance or energy."""


@dataclass(frozen=True, eq=False)
class WiredCircuit:
    """A circuit with wire gates.

    Attributes:
        circuit: the new circuit; the old nets keep their indices, each wire adds one behind them.
        gate_of: int64[G], new index of each old gate.
        wire_gate: new gate index by (instance, pin) as given; instance -1 for an output port bit.
        source: int64[new nets], the old net whose signal a net carries.
    """

    circuit: Circuit
    gate_of: I64
    wire_gate: dict[tuple[int, str], int]
    source: I64

    def spread(self, circuit: Circuit, delays: Delays, late: Mapping[tuple[int, str], Sequence[int]]) -> Delays:
        """Delays of the new circuit.

        Args:
            circuit: the old one; delays: of its arcs.
            late: delay of each wire in fs by edge (fall, rise), with the keys that the wires were put in with.
        """
        new = self.circuit
        arc_fs = np.zeros(int(new.arc_start[-1]), dtype=np.int32)
        enabled = np.ones(len(arc_fs), dtype=np.bool_)
        setup_fs = np.zeros(len(new.pin_net), dtype=np.int32)
        for gate, at in enumerate(self.gate_of):
            arcs = slice(circuit.arc_start[gate], circuit.arc_start[gate + 1])
            pins = slice(circuit.pin_start[gate], circuit.pin_start[gate + 1])
            arc_fs[new.arc_start[at] : new.arc_start[at + 1]] = delays.arc_fs[arcs]
            enabled[new.arc_start[at] : new.arc_start[at + 1]] = delays.enabled[arcs]
            setup_fs[new.pin_start[at] : new.pin_start[at + 1]] = delays.setup_fs[pins]
        for key, gate in self.wire_gate.items():
            arc_fs[new.arc_start[gate] : new.arc_start[gate + 1]] = late[key]
        load_f = np.concatenate([delays.net_load_f, np.zeros(new.nets - circuit.nets)])
        return Delays(arc_fs, enabled, setup_fs, load_f, delays.net_slew_s[self.source], delays.notes)


def insert_wires(circuit: Circuit, wires: Mapping[tuple[int, str], int]) -> WiredCircuit:
    """Put a wire gate before each given pin.

    Args:
        circuit: compiled netlist.
        wires: (instance, pin) of a gate's input, or (-1, ``port[index]``) of an output port bit, to the net that
            drives it. Clock and asynchronous pins are no gate inputs.
    """
    netlist = circuit.netlist
    nets, instances = list(netlist.nets), list(netlist.instances)
    constant, source = list(circuit.constant), list(range(circuit.nets))
    wire_net: dict[tuple[int, str], int] = {}
    wire_instance: dict[tuple[int, str], int] = {}
    for (instance, pin), net in wires.items():
        name = pin if instance < 0 else f"{netlist.instances[instance].name}/{pin}"
        wire_net[instance, pin] = len(nets)
        wire_instance[instance, pin] = len(instances)
        instances.append(Instance(f"wire:{name}", WIRE_CELL, {"A": net, "Y": len(nets)}))
        nets.append(f"wire:{name}")
        constant.append(circuit.constant[net])
        source.append(net)
    for (instance, pin), net in wire_net.items():
        if instance >= 0:
            instances[instance] = replace(instances[instance], pins=instances[instance].pins | {pin: net})
    outputs = {
        port: tuple(wire_net.get((-1, bit_name(circuit, port, i)), net) for i, net in enumerate(bits))
        for port, bits in netlist.outputs.items()
    }

    rows: list[_Row] = []
    wire_gate: dict[tuple[int, str], int] = {}
    gate_of = np.zeros(circuit.gates, dtype=np.int64)
    states = set(circuit.state_gates.tolist())

    def add_wire(key: tuple[int, str]) -> None:
        if key in wire_net and key not in wire_gate:
            wire_gate[key] = len(rows)
            rows.append(
                _Row(WIRE, wire_instance[key], "Y", wire_net[key], (wires[key],), ("A",), np.array([0, 1], np.uint8))
            )

    late: list[tuple[int, str]] = []
    for gate in range(circuit.gates):
        first, last = int(circuit.pin_start[gate]), int(circuit.pin_start[gate + 1])
        instance = int(circuit.instance[gate])
        keys = [(instance, pin) for pin in circuit.pin_name[first:last]]
        if gate in states:
            late += keys
        else:
            for key in keys:
                add_wire(key)
        gate_of[gate] = len(rows)
        rows.append(
            _Row(
                int(circuit.kind[gate]),
                instance,
                circuit.output_pin[gate],
                int(circuit.out[gate]),
                tuple(wire_net.get(key, int(net)) for key, net in zip(keys, circuit.pin_net[first:last], strict=True)),
                tuple(circuit.pin_name[first:last]),
                circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]],
            )
        )
    # State gates stand first; wires to them, and to output ports, may stand behind everything.
    for key in (*late, *(key for key in wire_net if key[0] < 0)):
        add_wire(key)
    pins = [len(row.pins) for row in rows]
    new = Circuit(
        netlist=replace(netlist, nets=tuple(nets), instances=tuple(instances), outputs=outputs),
        kind=np.array([row.kind for row in rows], dtype=np.uint8),
        instance=np.array([row.instance for row in rows], dtype=np.int32),
        output_pin=tuple(row.output for row in rows),
        out=np.array([row.net for row in rows], dtype=np.int32),
        pin_start=np.concatenate(([0], np.cumsum(pins))).astype(np.int32),
        pin_net=np.array([net for row in rows for net in row.pins], dtype=np.int32),
        pin_name=tuple(name for row in rows for name in row.names),
        table_start=np.concatenate(([0], np.cumsum([1 << n for n in pins]))).astype(np.int64),
        table=np.concatenate([row.table for row in rows]) if rows else circuit.table,
        arc_start=np.concatenate(([0], np.cumsum([n << n for n in pins]))).astype(np.int64),
        constant=np.array(constant, dtype=np.int8),
        source=circuit.source,
        clock_nets=circuit.clock_nets,
        state_gates=circuit.state_gates,
        async_pins=circuit.async_pins,
        falling=circuit.falling,
    )
    return WiredCircuit(new, gate_of, wire_gate, np.array(source, dtype=np.int64))


def bit_name(circuit: Circuit, port: str, position: int) -> str:
    """Name of a port's bit, as in ``p[3]``; a port without range has its own name."""
    netlist = circuit.netlist
    if port in netlist.bit_names:
        return netlist.bit_names[port][position]
    return port if port in netlist.scalar_ports else f"{port}[{netlist.bit_index(port, position)}]"


@dataclass(frozen=True, eq=False)
class _Row:
    """One gate of the new circuit."""

    kind: int
    instance: int
    output: str
    net: int
    pins: tuple[int, ...]
    names: tuple[str, ...]
    table: npt.NDArray[np.uint8]
