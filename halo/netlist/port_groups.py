# SPDX-License-Identifier: Apache-2.0
"""Operands that are not whole ports: some bits of one (``w[3:0]``), many one-bit ports (``a[0]``, ``a[1]``, ...), or
the words of a sum in ports of their own (``carry,sum``).

A netlist is given a view of its ports in which every operand is a port. Nets and instances stay as they are, and each
bit keeps the name that it has in the netlist, so that an SDF fits and a path names what is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from halo.errors import HaloError
from halo.netlist.hdl import PortInfo
from halo.netlist.model import Netlist

_BIT = re.compile(r"(.+?)(?:\[(\d+)\]|_(\d+)_)\Z")
_SLICE = re.compile(r"(?P<port>.+)\[(?P<high>\d+)(?::(?P<low>\d+))?\]\Z")


@dataclass(frozen=True)
class PortGroup:
    """A port of the view.

    Attributes:
        info: name, direction and width.
        bits: (port, position from its least significant bit) of each bit, least significant first.
    """

    info: PortInfo
    bits: tuple[tuple[str, int], ...]


def group_ports(ports: Sequence[PortInfo], asked: Sequence[str]) -> list[PortGroup]:
    """Ports of the view, in the order of the ports they come from.

    One-bit ports ``name[i]`` or ``name_i_`` that count up without a gap are one vector ``name``. A port of which
    slices are asked for is those slices and what they leave. Ports that are asked for with commas between them are one,
    the first in the highest bits.

    Args:
        ports: of the design.
        asked: names that the user gave; those that are slices of a port (``w[3:0]``, ``w[7]``) are made, the others
            have no effect here.

    Raises:
        HaloError: slices beyond their port or that overlap; words of a sum that are no ports, or differ in width.
    """
    gathered = _gather(ports)
    words = [parts for parts in (joined(name, ports) for name in asked) if len(parts) > 1]
    asked = [*asked, *(part for parts in words for part in parts)]
    by_name = {group.info.name: group for group in gathered}
    cuts: dict[str, list[tuple[int, int, str]]] = {}
    for name in dict.fromkeys(asked):
        found = _SLICE.match(name)
        if name in by_name or found is None or found["port"] not in by_name:
            continue
        high = int(found["high"])
        cuts.setdefault(found["port"], []).append((high if found["low"] is None else int(found["low"]), high, name))
    view = [part for group in gathered for part in _cut(group, sorted(cuts.get(group.info.name, ())))]
    for parts in words:
        view = _join(view, parts)
    return view


def joined(name: str, ports: Sequence[PortInfo]) -> tuple[str, ...]:
    """The ports that a name stands for: those between its commas, or itself."""
    return (name,) if any(port.name == name for port in ports) else tuple(name.split(","))


def _join(groups: Sequence[PortGroup], names: Sequence[str]) -> list[PortGroup]:
    """The ports with some of them, all different, put together in the place of the first."""
    by_name = {group.info.name: group for group in groups}
    for name in names:
        if name not in by_name or names.count(name) > 1:
            what = f"there is no port {name!r}" if name not in by_name else f"{name} is named twice"
            raise HaloError(f"{what} among the words {','.join(names)}", "Name each port, or part of one, once.")
    own = [by_name[name] for name in names]
    first = own[0].info
    if any(g.info.direction != first.direction or len(g.bits) != len(own[0].bits) for g in own):
        listed = ", ".join(f"{g.info.name} ({g.info.direction}, {len(g.bits)} bit)" for g in own)
        raise HaloError(f"the words of a sum differ: {listed}", "Name ports of one direction and width.")
    bits = tuple(bit for group in reversed(own) for bit in group.bits)
    info = replace(first, name=",".join(names), width=len(bits), lsb=0, scalar=False, upward=False, words=1)
    rest = [group for group in groups if group.info.name not in names[1:]]
    return [PortGroup(info, bits) if group.info.name == names[0] else group for group in rest]


def regroup(netlist: Netlist, ports: Sequence[PortInfo], asked: Sequence[str]) -> Netlist:
    """The netlist with the ports of the view.

    Args:
        netlist: as read.
        ports: its own.
        asked: as for ``group_ports``.

    Raises:
        HaloError: as ``group_ports``.
    """
    groups = group_ports(ports, asked)
    if [group.info.name for group in groups] == [port.name for port in ports]:
        return netlist
    own = netlist.inputs | netlist.outputs
    nets = {group.info.name: tuple(own[port][bit] for port, bit in group.bits) for group in groups}
    names = {
        group.info.name: tuple(_name(netlist, port, bit) for port, bit in group.bits)
        for group in groups
        if group.info.name not in own
    }
    return replace(
        netlist,
        inputs={g.info.name: nets[g.info.name] for g in groups if g.info.direction == "input"},
        outputs={g.info.name: nets[g.info.name] for g in groups if g.info.direction == "output"},
        port_lsb={group.info.name: group.info.lsb for group in groups},
        scalar_ports=frozenset(group.info.name for group in groups if group.info.scalar),
        signed_ports=frozenset(group.info.name for group in groups if group.info.signed),
        upward_ports=frozenset(group.info.name for group in groups if group.info.upward),
        bit_names=names,
    )


def _name(netlist: Netlist, port: str, bit: int) -> str:
    return port if port in netlist.scalar_ports else f"{port}[{netlist.bit_index(port, bit)}]"


def _gather(ports: Sequence[PortInfo]) -> list[PortGroup]:
    whole = {port.name for port in ports}
    members: dict[tuple[str, str], list[tuple[int, PortInfo]]] = {}
    for port in ports:
        found = _BIT.match(port.name) if port.scalar else None
        if found is not None and found[1] not in whole:
            members.setdefault((found[1], port.direction), []).append((int(found[2] or found[3]), port))
    taken: dict[str, PortGroup] = {}
    for (name, direction), found_bits in members.items():
        ordered = sorted(found_bits, key=lambda item: item[0])
        lowest = ordered[0][0]
        if len(ordered) < 2 or [index for index, _ in ordered] != list(range(lowest, lowest + len(ordered))):
            continue
        info = PortInfo(name, direction, len(ordered), lsb=lowest, line=ordered[0][1].line)
        group = PortGroup(info, tuple((port.name, 0) for _, port in ordered))
        taken |= {port.name: group for _, port in ordered}
    groups = {}
    for port in ports:
        group = taken.get(port.name) or PortGroup(port, tuple((port.name, i) for i in range(port.width or 0)))
        groups[group.info.name] = group
    return list(groups.values())


def _cut(group: PortGroup, slices: Sequence[tuple[int, int, str]]) -> list[PortGroup]:
    """A port in pieces, the given slices ``(right, left, name)`` as declared and what lies between them."""
    if not slices:
        return [group]
    info, width = group.info, len(group.bits)
    at = {info.index(position): position for position in range(width)}
    owner: list[str | None] = [None] * width
    for right, left, name in slices:
        low, high = at.get(right, width), at.get(left, -1)
        if low > high:
            whole = f"{info.name}[{info.index(width - 1)}:{info.index(0)}]"
            raise HaloError(
                f"{name} is no part of port {whole}",
                f"Write the more significant bit first, as in {whole}.",
            )
        for bit in range(low, high + 1):
            if owner[bit] is not None:
                raise HaloError(
                    f"{owner[bit]} and {name} share bit {info.index(bit)} of port {info.name}",
                    "Give each bit one role.",
                )
            owner[bit] = name
    parts = []
    for name, bits in groupby(range(len(owner)), key=lambda bit: owner[bit]):
        own = list(bits)
        low, high = info.index(own[0]), info.index(own[-1])
        called = name or (f"{info.name}[{high}:{low}]" if len(own) > 1 else f"{info.name}[{low}]")
        part = replace(info, name=called, width=len(own), lsb=0, scalar=False, upward=False, words=1)
        parts.append(PortGroup(part, tuple(group.bits[bit] for bit in own)))
    return parts
