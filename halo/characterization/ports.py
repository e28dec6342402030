# SPDX-License-Identifier: Apache-2.0
"""Roles of a MAC's ports: which is the weight, the activation, the partial sum, the result, the clock.

Names given by the user are checked; the rest is found by name, or because only one port is left, and only where a
single reading fits. Every guess is written down in ``Roles.assumptions``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from halo.characterization.encoding import Encoding
from halo.errors import HaloError
from halo.netlist.hdl import PortInfo


@dataclass(frozen=True)
class Roles:
    """Ports by role.

    Attributes:
        accumulator: the partial-sum input, or None for a bare multiplier.
        clock: None for a combinational top.
        resets: reset inputs; their inactive level is in ``tie``.
        weight_encoding, activation_encoding: how values are stored in the bits of the port; as declared.
        accumulator_bits, output_bits: widths; 0 for no accumulator.
        tie: inputs held constant, to their value: given ones and resets.
        assumptions: one sentence for each guess.
    """

    weight: str
    activation: str
    accumulator: str | None
    output: str
    clock: str | None
    resets: tuple[str, ...]
    weight_encoding: Encoding
    activation_encoding: Encoding
    accumulator_bits: int
    output_bits: int
    tie: dict[str, int] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()

    @property
    def weight_bits(self) -> int:
        """Width of the weight."""
        return self.weight_encoding.bits

    @property
    def activation_bits(self) -> int:
        """Width of the activation."""
        return self.activation_encoding.bits

    def of(self, port: str) -> str:
        """What a port is, in words; empty where it has no role."""
        named = {
            self.weight: "weight",
            self.activation: "activation",
            self.accumulator: "accumulator",
            self.output: "output",
            self.clock: "clock",
        }
        tied = f"held at {self.tie[port]}" if port in self.tie else ""
        return "reset, " + tied if port in self.resets else named.get(port, tied)

    def to_dict(self) -> dict[str, Any]:
        """The roles as JSON values; widths are the netlist's to say."""
        return {
            "weight": self.weight,
            "activation": self.activation,
            "accumulator": self.accumulator,
            "output": self.output,
            "clock": self.clock,
            "weight_signed": self.weight_encoding.signed,
            "activation_signed": self.activation_encoding.signed,
            "ties": dict(self.tie),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], ports: Sequence[PortInfo]) -> Roles:
        """The inverse of ``to_dict``, with the ports of the netlist; resets come back as tied inputs.

        Raises:
            KeyError, TypeError, AttributeError: a role is missing, or one of the ports, or has no such form.
        """
        width = {port.name: port.width or 0 for port in ports}
        accumulator = values["accumulator"]
        return cls(
            weight=values["weight"],
            activation=values["activation"],
            accumulator=accumulator,
            output=values["output"],
            clock=values["clock"],
            resets=(),
            weight_encoding=Encoding.of(values["weight_signed"], width[values["weight"]]),
            activation_encoding=Encoding.of(values["activation_signed"], width[values["activation"]]),
            accumulator_bits=0 if accumulator is None else width[accumulator],
            output_bits=width[values["output"]],
            tie={str(port): int(value) for port, value in values["ties"].items()},
        )


@dataclass(frozen=True)
class _Role:
    """One role: its option, direction, usual names, and what it may be called in a message."""

    option: str
    direction: str
    names: frozenset[str]
    text: str


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WEIGHT = _Role("weight", "input", _names("w wt wgt wght weight weights b filter filt coef coeff kernel"), "weight")
_ACTIVATION = _Role(
    "activation", "input", _names("a act actv activation activations x in ifmap pixel data din feature"), "activation"
)
_ACCUMULATOR = _Role(
    "accumulator",
    "input",
    _names("c acc accu accum accumulator psum partial partial_sum partialsum sum addend bias"),
    "accumulator",
)
_OUTPUT = _Role(
    "output",
    "output",
    _ACCUMULATOR.names | _names("y z o p q r out output prod product result res mac dout s"),
    "output",
)
_CLOCK = _Role("clock", "input", _names("clk clock ck mclk sysclk aclk"), "clock")

_RESET = re.compile(r"(?:a|s|async_|sync_|g)?(?:rst|reset)(?:_?(?P<low>n|ni|b|bi|l))?(?:_i|_in)?")
_AFFIX = re.compile(r"^(?:i|o|in|out|io|s|m)_(?=.)|(?<=.)_(?:i|o|in|out|io|d|q|r|reg)$")
_SPELLED = re.compile(r"(?<=[a-z])(?:in|out|_?port)$")


def find_roles(
    ports: Sequence[PortInfo],
    *,
    weight: str | None = None,
    activation: str | None = None,
    accumulator: str | None = None,
    output: str | None = None,
    clock: str | None = None,
    tie: Mapping[str, int] | None = None,
) -> Roles:
    """Give every port a role.

    Args:
        ports: of the top module, widths known.
        weight, activation, accumulator, output, clock: names the user gave.
        tie: inputs to hold constant.

    Raises:
        HaloError: a named port does not exist (near names offered), has the wrong direction or width, or has two
            roles; several ports fit a role, or none does; an input has no role; an accumulator wider than the output.
    """
    return _Finder(ports, dict(tie or {})).run(weight, activation, accumulator, output, clock)


class _Finder:
    def __init__(self, ports: Sequence[PortInfo], tie: dict[str, int]) -> None:
        self.ports = {port.name: port for port in ports}
        self.tie = tie
        self.taken: dict[str, str] = {}
        self.assumptions: list[str] = []

    def run(
        self, weight: str | None, activation: str | None, accumulator: str | None, output: str | None, clock: str | None
    ) -> Roles:
        for port in self.ports.values():
            if port.direction == "inout":
                raise HaloError(f"port {port.name} is bidirectional", "A MAC needs separate inputs and outputs.")
        given = [
            (_WEIGHT, weight),
            (_ACTIVATION, activation),
            (_ACCUMULATOR, accumulator),
            (_OUTPUT, output),
            (_CLOCK, clock),
        ]
        for role, name in given:
            if name is not None:
                self.take(role, name)
        self.check_ties()
        resets = self.resets()
        clock = clock or self.by_name(_CLOCK, narrow=True)
        # All by name before any by elimination, so that what is left over is really left over.
        accumulator = accumulator or self.by_name(_ACCUMULATOR)
        weight = weight or self.by_name(_WEIGHT)
        activation = activation or self.by_name(_ACTIVATION)
        if weight is None and activation is not None:
            weight = self.by_elimination(_WEIGHT)
        elif activation is None and weight is not None:
            activation = self.by_elimination(_ACTIVATION)
        output = output or self.only_output() or self.by_name(_OUTPUT)
        if weight is None:
            raise self.missing(_WEIGHT)
        if activation is None:
            raise self.missing(_ACTIVATION)
        if output is None:
            raise self.missing(_OUTPUT)
        self.check_all_inputs()
        width = {name: self.width(name) for name in self.taken}
        if accumulator is not None and width[accumulator] > width[output]:
            raise HaloError(
                f"accumulator {accumulator} has {width[accumulator]} bits, output {output} only {width[output]}",
                "Give the output that holds the whole sum with --output, or another --accumulator.",
            )
        return Roles(
            weight=weight,
            activation=activation,
            accumulator=accumulator,
            output=output,
            clock=clock,
            resets=resets,
            weight_encoding=Encoding.of(self.ports[weight].signed, width[weight]),
            activation_encoding=Encoding.of(self.ports[activation].signed, width[activation]),
            accumulator_bits=width[accumulator] if accumulator is not None else 0,
            output_bits=width[output],
            tie=self.tie,
            assumptions=tuple(self.assumptions),
        )

    # Checks.

    def port(self, name: str, option: str) -> PortInfo:
        if name not in self.ports:
            fitting = [p.name for p in self.ports.values() if option == "output" or p.direction == "input"]
            near = get_close_matches(name, fitting, 3, 0.5) or fitting
            raise HaloError(
                f"there is no port {name!r}, which --{option} names", f"Give one of the ports: {', '.join(near)}."
            )
        return self.ports[name]

    def width(self, name: str) -> int:
        width = self.ports[name].width
        if width is None:
            raise HaloError(
                f"the width of port {name} is no expression of known parameters",
                "Give its parameters values with --param NAME=VALUE, or write its range with numbers.",
            )
        return width

    def take(self, role: _Role, name: str) -> None:
        port = self.port(name, role.option)
        if port.direction != role.direction:
            fitting = [other for other in self.ports.values() if other.direction == role.direction]
            raise HaloError(
                f"port {name}, which --{role.option} names, is an {port.direction}",
                f"Give an {role.direction}: {self.listed(fitting)}.",
            )
        if name in self.taken:
            raise HaloError(
                f"port {name} is given two roles, {self.taken[name]} and {role.text}", "Give each role its own port."
            )
        if role is _CLOCK and self.width(name) != 1:
            raise HaloError(f"the clock {name} has {self.width(name)} bits", "Give a one-bit clock with --clock.")
        self.taken[name] = role.text

    def check_ties(self) -> None:
        for name, value in self.tie.items():
            port = self.port(name, "tie")
            if port.direction != "input":
                raise HaloError(f"port {name}, which --tie names, is an {port.direction}", "Tie inputs only.")
            if name in self.taken:
                raise HaloError(
                    f"port {name} is tied and also the {self.taken[name]}", "Leave out the --tie, or the role."
                )
            bits = self.width(name)
            if not -(1 << (bits - 1)) <= value < 1 << bits:
                raise HaloError(
                    f"the value {value} of tied port {name} does not fit its {bits} bits", "Give a value that fits."
                )
            self.tie[name] = value & ((1 << bits) - 1)
            self.taken[name] = "tied input"

    def check_all_inputs(self) -> None:
        free = self.free("input")
        if not free:
            return
        names = [port.name for port in free]
        ties = " ".join(f"--tie {name}=VALUE" for name in names)
        roles = [] if _ACCUMULATOR.text in self.taken.values() else ["--accumulator"]
        roles += [] if _CLOCK.text in self.taken.values() else ["--clock"]
        hint = f", or give it its role ({' or '.join(roles)} NAME)" if roles else ""
        raise HaloError(
            f"input{'s' if len(names) > 1 else ''} {', '.join(names)} "
            f"{'have' if len(names) > 1 else 'has'} no role in a multiply-accumulate",
            f"Hold {'them' if len(names) > 1 else 'it'} constant with {ties}{hint}.",
        )

    # Search.

    def free(self, direction: str) -> list[PortInfo]:
        return [port for port in self.ports.values() if port.direction == direction and port.name not in self.taken]

    def listed(self, ports: Sequence[PortInfo]) -> str:
        return ", ".join(f"{port.name} ({port.width} bit)" for port in ports)

    def resets(self) -> tuple[str, ...]:
        found = []
        for port in self.free("input"):
            match = _RESET.fullmatch(port.name.lower())
            if match is None or port.width != 1:
                continue
            low = match.group("low") is not None
            self.taken[port.name] = "reset"
            self.tie[port.name] = int(low)
            self.assumptions.append(
                f"port {port.name} is a reset, active {'low' if low else 'high'} by its name, and held at {int(low)}"
            )
            found.append(port.name)
        found += [
            name for name in self.tie if name not in found and _RESET.fullmatch(name.lower()) and self.width(name) == 1
        ]
        return tuple(name for name in self.ports if name in found)

    def by_name(self, role: _Role, *, narrow: bool = False) -> str | None:
        """The one free port with a usual name; a name that matches as it stands goes before one with affixes."""
        fitting = [
            port
            for port in self.free(role.direction)
            if (not narrow or port.width == 1) and _spellings(port.name) & role.names
        ]
        if not narrow and len(fitting) > 1:
            fitting = [port for port in fitting if port.width != 1] or fitting
        if len(fitting) > 1:
            raise HaloError(
                f"several ports could be the {role.text}: {self.listed(fitting)}",
                f"Say which with --{role.option} NAME.",
            )
        if not fitting:
            return None
        name = fitting[0].name
        self.taken[name] = role.text
        self.assumptions.append(f"port {name} is the {role.text} by its name")
        return name

    def by_elimination(self, role: _Role) -> str | None:
        left = [port for port in self.free(role.direction) if port.width != 1]
        if len(left) != 1:
            return None
        self.taken[left[0].name] = role.text
        self.assumptions.append(f"port {left[0].name} is the {role.text}: no other operand is left")
        return left[0].name

    def only_output(self) -> str | None:
        outputs = [port for port in self.ports.values() if port.direction == "output"]
        if len(outputs) != 1:
            return None
        self.taken[outputs[0].name] = _OUTPUT.text
        return outputs[0].name

    def missing(self, role: _Role) -> HaloError:
        candidates = self.free(role.direction)
        return HaloError(
            f"no port is recognized as the {role.text}",
            f"Say which with --{role.option} NAME: {self.listed(candidates)}."
            if candidates
            else f"The module has no {role.direction} left for it: check --top and the roles given.",
        )


def _spellings(name: str) -> set[str]:
    """A port name in lower case, and without the affixes that tell direction or register."""
    lower = name.lower()
    bare = _AFFIX.sub("", lower)
    return {lower, bare, _AFFIX.sub("", bare), _SPELLED.sub("", lower)}
