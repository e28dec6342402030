# SPDX-License-Identifier: Apache-2.0
"""Write the delays of a circuit as SDF 3.0 (IEEE 1497-2001).

Tests: tests/timing/sdf/test_sdf.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from halo.errors import HaloError
from halo.netlist.model import FLOP, Circuit
from halo.timing.delays import Delays
from halo.timing.path_groups import path_groups, sum_of_products
from halo.timing.wires import WIRE_CELL, bit_name
from halo.units import FS_PER_PS


def write_sdf(circuit: Circuit, delays: Delays, path: str | Path) -> None:
    """Write every arc's delay, exact to the femtosecond: :func:`halo.timing.sdf.read.delays_from_sdf` gives it back.

    A pin whose delays depend on the state has one unconditioned path with the worst of each edge, for readers without
    conditions, and behind it one COND path a group of states with equal delays; together they cover every state in
    which the pin is enabled (:mod:`halo.timing.arcs`). Wire gates become INTERCONNECT delays, setup times SETUPHOLD
    checks.

    Args:
        circuit: compiled netlist, with or without wire gates.
        delays: delays of its arcs.
        path: file to write.

    Raises:
        HaloError: the file cannot be written.
    """
    text = "".join(f"{line}\n" for line in sdf_lines(circuit, delays))
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise HaloError(
            f"cannot write the SDF: {error.strerror}", "Give a folder that can be written.", path
        ) from error


def sdf_lines(circuit: Circuit, delays: Delays) -> Iterator[str]:
    """The lines of the file."""
    netlist = circuit.netlist
    yield '(DELAYFILE\n (SDFVERSION "3.0")'
    yield f' (DESIGN "{netlist.name}")\n (PROGRAM "halo-mac")\n (DIVIDER /)\n (TIMESCALE 1ns)'
    gates_of: dict[int, list[int]] = {}
    for gate in range(circuit.gates):
        gates_of.setdefault(int(circuit.instance[gate]), []).append(gate)
    yield from _wires(circuit, delays, gates_of)
    for number, gates in sorted(gates_of.items()):
        instance = netlist.instances[number]
        if instance.cell == WIRE_CELL:
            continue
        yield f' (CELL (CELLTYPE "{instance.cell}") (INSTANCE {_escape(instance.name)})'
        yield "  (DELAY (ABSOLUTE"
        setups: dict[str, int] = {}
        clock = ""
        for gate in gates:
            first, last = int(circuit.pin_start[gate]), int(circuit.pin_start[gate + 1])
            if circuit.kind[gate] == FLOP:
                clock = next(_escape(pin) for pin, net in instance.pins.items() if net in circuit.clock_nets)
                edges = path_groups(circuit, delays, gate, 0)[0].both_fs
                yield f"   (IOPATH {clock} {_escape(circuit.output_pin[gate])} {_both(*edges)})"
                setups |= {circuit.pin_name[pin]: int(delays.setup_fs[pin]) for pin in range(first, last)}
                continue
            for pin in range(last - first):
                yield from _pin_paths(circuit, delays, gate, pin)
        yield "  ))"
        if any(setups.values()):
            checks = [f"(SETUPHOLD {_escape(p)} {clock} ({_time(t)}) ())" for p, t in setups.items() if t]
            yield f"  (TIMINGCHECK {' '.join(checks)})"
        yield " )"
    yield ")"


def _pin_paths(circuit: Circuit, delays: Delays, gate: int, pin: int) -> Iterator[str]:
    first, last = int(circuit.pin_start[gate]), int(circuit.pin_start[gate + 1])
    names = circuit.pin_name[first:last]

    def literal(number: int, value: bool) -> str:
        return f"{_escape(names[number])}==1'b{int(value)}"

    groups = path_groups(circuit, delays, gate, pin)
    ports = f"{_escape(names[pin])} {_escape(circuit.output_pin[gate])}"
    rises = [group.rise_fs for group in groups if group.rise_fs is not None]
    falls = [group.fall_fs for group in groups if group.fall_fs is not None]
    yield f"   (IOPATH {ports} {_both(max(rises or falls), max(falls or rises))})"
    if len(groups) > 1:
        for group in groups:
            if not group.enabled:
                continue
            text = sum_of_products(group.states, literal, " && ", " || ")
            yield f"   (COND {text} (IOPATH {ports} {_both(*group.both_fs)}))"


def _wires(circuit: Circuit, delays: Delays, gates_of: dict[int, list[int]]) -> Iterator[str]:
    """INTERCONNECT entries of the wire gates, in a cell of the top module."""
    netlist = circuit.netlist
    wires = [number for number in gates_of if netlist.instances[number].cell == WIRE_CELL]
    if not wires:
        return
    name_of: dict[int, str] = {}
    load_of: dict[int, str] = {}
    for ports, names in ((netlist.inputs, name_of), (netlist.outputs, load_of)):
        for port, bits in ports.items():
            for i, net in enumerate(bits):
                names[net] = _escape_bit(bit_name(circuit, port, i))
    for number, gates in gates_of.items():
        owner = netlist.instances[number]
        if owner.cell == WIRE_CELL:
            continue
        for gate in gates:
            name_of[int(circuit.out[gate])] = f"{_escape(owner.name)}/{_escape(circuit.output_pin[gate])}"
            for pin in range(circuit.pin_start[gate], circuit.pin_start[gate + 1]):
                load_of[int(circuit.pin_net[pin])] = f"{_escape(owner.name)}/{_escape(circuit.pin_name[pin])}"
    yield f' (CELL (CELLTYPE "{netlist.name}") (INSTANCE)\n  (DELAY (ABSOLUTE'
    for number in wires:
        pins = netlist.instances[number].pins
        fall, rise = (int(fs) for fs in delays.arc_fs[circuit.arc_start[gates_of[number][0]] :][:2])
        source = name_of.get(pins["A"], _escape(netlist.nets[pins["A"]]))
        yield f"   (INTERCONNECT {source} {load_of[pins['Y']]} {_both(rise, fall)})"
    yield "  ))\n )"


def _both(rise_fs: int, fall_fs: int) -> str:
    return " ".join(f"({_time(fs)}:{_time(fs)}:{_time(fs)})" for fs in (rise_fs, fall_fs))


def _time(fs: int) -> str:
    """Femtoseconds as nanoseconds, exactly."""
    whole, rest = divmod(abs(fs), 1000 * FS_PER_PS)
    return f"{'-' if fs < 0 else ''}{whole}.{rest:06d}"


def _escape(name: str) -> str:
    return re.sub(r"([^A-Za-z0-9_])", r"\\\1", name)


def _escape_bit(name: str) -> str:
    """A port bit: its own brackets are part of SDF's grammar and stay."""
    match = re.fullmatch(r"(.*)(\[\d+\])", name)
    return _escape(match[1]) + match[2] if match else _escape(name)
