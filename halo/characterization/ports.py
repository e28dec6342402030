# SPDX-License-Identifier: Apache-2.0
"""Roles of a MAC's ports: which is the weight, the activation, the partial sum, the result, the clock.

Names given by the user are checked; the rest is found by name, by what a port drives (clocks and resets), or because
only one port is left, and only where a single reading fits. Every guess is written down in ``Roles.assumptions``; what
is missing or unclear is said all at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from shlex import quote
from typing import Any

from halo.characterization.encoding import Encoding
from halo.errors import HaloError
from halo.netlist.controls import Control
from halo.netlist.hdl import PortInfo
from halo.netlist.port_groups import group_ports, joined


@dataclass(frozen=True)
class Roles:
    """Ports by role.

    Attributes:
        accumulator: the partial-sum input, or None for a bare multiplier.
        clock: None for a combinational top.
        resets: reset inputs; their inactive level is in ``tie``.
        weight_encoding, activation_encoding: how values are stored in the bits of the port; as declared.
        accumulator_bits, output_bits: widths; 0 for no accumulator.
        words: words that a partial sum has, in the accumulator and in the output; their total is the sum.
        lanes: 2: weight and activation are pairs {high, low} of half the width, whose products are added.
        offsets: K by the weight's value where the output is accumulator + weight x activation + K(weight); empty: none.
        tie: inputs held constant, to their value: given ones and resets.
        drawn: inputs that take seeded random values: ``random`` ones keep theirs through a transition, ``any`` change
            in it. The bound holds for all their values.
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
    drawn: dict[str, str] = field(default_factory=dict)
    words: int = 1
    lanes: int = 1
    offsets: dict[int, int] = field(default_factory=dict)

    @property
    def weight_bits(self) -> int:
        """Width of the weight."""
        return self.weight_encoding.bits

    @property
    def activation_bits(self) -> int:
        """Width of the activation."""
        return self.activation_encoding.bits

    @property
    def ports(self) -> tuple[str, ...]:
        """Every port that has a role or is held or drawn; operands may be parts of the netlist's own ports."""
        roles = (self.weight, self.activation, self.accumulator, self.output, self.clock)
        return tuple(name for name in (*roles, *self.tie, *self.drawn) if name is not None)

    def of(self, port: str) -> str:
        """What a port is, in words; empty where it has no role."""
        named = {
            self.weight: "weight",
            self.activation: "activation",
            self.accumulator: "accumulator",
            self.output: "output",
            self.clock: "clock",
        }
        tied = f"held at {self.tie[port]}" if port in self.tie else DRAWN.get(self.drawn.get(port, ""), "")
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
            "drawn": dict(self.drawn),
            "words": self.words,
            "lanes": self.lanes,
            "offsets": {str(weight): offset for weight, offset in self.offsets.items()},
        }

    @staticmethod
    def names_in(values: Mapping[str, Any]) -> list[str]:
        """The ports that ``to_dict`` names: operands may be parts of the netlist's own.

        Raises:
            KeyError, TypeError, AttributeError: the values are not of that form.
        """
        roles = [values[role] for role in ("weight", "activation", "accumulator", "output", "clock")]
        return [name for name in (*roles, *values["ties"], *values.get("drawn", {})) if name is not None]

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
            drawn={str(port): str(how) for port, how in values.get("drawn", {}).items()},
            words=int(values.get("words", 1)),
            lanes=int(values.get("lanes", 1)),
            offsets={int(weight): int(offset) for weight, offset in values.get("offsets", {}).items()},
        )


DRAWN = {"random": "random, held in a transition", "any": "any value, changes"}
"""How an input may be tied to no one value, and what that is in words."""


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

_MOST_BITS = 62
_LISTED = 8
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
    tie: Mapping[str, int | str] | None = None,
    signed: Collection[str] = (),
    unsigned: Collection[str] = (),
    controls: Mapping[str, Control] | None = None,
) -> Roles:
    """Give every port a role.

    Args:
        ports: of the top module, widths known.
        weight, activation, accumulator, output, clock: names the user gave: ports, or bits of them (``w[3:0]``);
            accumulator and output also several with commas between them, the words of one sum.
        tie: inputs to hold constant, ``random`` or at ``any`` value.
        signed, unsigned: operands (``weight``, ``activation``) whose values the user says are so, whatever is declared.
        controls: what one-bit inputs do to registers, as far as it is known.

    Raises:
        HaloError: a named port does not exist (near names offered), has the wrong direction or width, or has two
            roles; several ports fit a role, or none does; an input has no role; an accumulator wider than the output.
    """
    given = [name for name in (weight, activation, accumulator, output, clock) if name is not None]
    view = [group.info for group in group_ports(ports, [*given, *(tie or {})])]
    words = {name: len(joined(name, ports)) for name in given}
    for operand in (weight, activation, clock):
        if operand is not None and words[operand] > 1:
            raise HaloError(f"{operand!r} is several ports", "Give one port; only sums may be several words.")
    roles = _Finder(view, dict(tie or {}), controls or {}, words).run(weight, activation, accumulator, output, clock)
    return replace(
        roles,
        weight_encoding=_told("weight", roles.weight_encoding, signed, unsigned),
        activation_encoding=_told("activation", roles.activation_encoding, signed, unsigned),
    )


def _told(operand: str, declared: Encoding, signed: Collection[str], unsigned: Collection[str]) -> Encoding:
    if operand not in signed and operand not in unsigned:
        return declared
    return Encoding.of(operand in signed, declared.bits)


class _Finder:
    def __init__(
        self,
        ports: Sequence[PortInfo],
        tie: Mapping[str, int | str],
        controls: Mapping[str, Control],
        words: Mapping[str, int],
    ) -> None:
        self.ports = {port.name: port for port in ports}
        self.asked = tie
        self.controls = controls
        self.words = words
        self.tie: dict[str, int] = {}
        self.drawn: dict[str, str] = {}
        self.problems: list[tuple[str, str]] = []
        self.unclear: set[str] = set()
        self.taken: dict[str, str] = {}
        self.assumptions: list[str] = []

    def run(
        self, weight: str | None, activation: str | None, accumulator: str | None, output: str | None, clock: str | None
    ) -> Roles:
        for port in self.ports.values():
            if port.direction == "inout":
                fix = "Declare it as input or output: a MAC needs separate inputs and outputs."
                raise HaloError(f"port {port.name} is bidirectional", fix, port.path or None, port.line or None)
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
        clock = clock or self.by_drive() or self.by_name(_CLOCK, narrow=True)
        # All by name before any by elimination, so that what is left over is really left over.
        accumulator = accumulator or self.by_name(_ACCUMULATOR)
        weight = weight or self.by_name(_WEIGHT)
        activation = activation or self.by_name(_ACTIVATION)
        if weight is None and activation is not None:
            weight = self.by_elimination(_WEIGHT)
        elif activation is None and weight is not None:
            activation = self.by_elimination(_ACTIVATION)
        output = output or self.only_output() or self.by_name(_OUTPUT)
        for role, found in ((_WEIGHT, weight), (_ACTIVATION, activation), (_OUTPUT, output)):
            if found is None:
                self.missing(role)
        for role, found in (
            (_WEIGHT, weight),
            (_ACTIVATION, activation),
            (_ACCUMULATOR, accumulator),
            (_OUTPUT, output),
        ):
            if found is not None:
                self.check_one_number(role, found)
        self.check_all_inputs(operands_known=weight is not None and activation is not None)
        if self.problems or weight is None or activation is None or output is None:
            raise self.all_problems()
        width = {name: self.width(name) for name in self.taken}
        for role, name in ((_WEIGHT, weight), (_ACTIVATION, activation)):
            if width[name] > _MOST_BITS:
                raise HaloError(
                    f"{role.text} {name} has {width[name]} bits, and values of up to {_MOST_BITS} bits are counted",
                    f"Take a part of it: --{role.option} '{name}[{_MOST_BITS // 2 - 1}:0]', and tie the rest.",
                )
        words = self.words.get(output, 1)
        if accumulator is not None and self.words.get(accumulator, 1) != words:
            raise HaloError(
                f"the sum has {_counted(self.words.get(accumulator, 1))} in accumulator {accumulator} and "
                f"{_counted(words)} in output {output}",
                "Give both as many ports, with commas between them: --accumulator CARRY,SUM --output CARRY,SUM.",
            )
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
            drawn=self.drawn,
            words=words,
        )

    def all_problems(self) -> HaloError:
        """One error for everything that is missing or unclear."""
        fixes = dict.fromkeys(fix for _, fix in self.problems)
        return HaloError("; ".join(what for what, _ in self.problems), " ".join(fixes))

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

    def check_one_number(self, role: _Role, name: str) -> None:
        port = self.ports[name]
        if port.words == 1:
            return
        bits = self.width(name) // port.words
        word = f"--{role.option} '{name}[{bits - 1}:0]'"
        rest = f", and hold the others: --tie '{name}[{bits * port.words - 1}:{bits}]=random' (or any, or a value)"
        self.problems.append(
            (
                f"port {name} is an array of {port.words} words of {bits} bits, and the {role.text} is one number",
                f"Take a word: {word}{rest if role.direction == 'input' else ''}.",
            )
        )

    def check_ties(self) -> None:
        for name, value in self.asked.items():
            port = self.port(name, "tie")
            if port.direction != "input":
                raise HaloError(f"port {name}, which --tie names, is an {port.direction}", "Tie inputs only.")
            if name in self.taken:
                raise HaloError(
                    f"port {name} is tied and also the {self.taken[name]}", "Leave out the --tie, or the role."
                )
            bits = self.width(name)
            self.taken[name] = "tied input"
            if isinstance(value, str):
                self.drawn[name] = value
                self.assumptions.append(
                    f"port {name} takes seeded random values: {DRAWN[value]}; the bound holds for all"
                )
                continue
            if not -(1 << (bits - 1)) <= value < 1 << bits:
                raise HaloError(
                    f"the value {value} of tied port {name} does not fit its {bits} bits", "Give a value that fits."
                )
            self.tie[name] = value & ((1 << bits) - 1)

    def check_all_inputs(self, operands_known: bool) -> None:
        free = [port for port in self.free("input") if operands_known or port.width == 1]
        if not free:
            return
        names = [port.name for port in free]
        ties = " ".join(f"--tie {quote(f'{name}={self.tie_hint(name)}')}" for name in names)
        roles = [] if _ACCUMULATOR.text in self.taken.values() else ["--accumulator"]
        roles += [] if _CLOCK.text in self.taken.values() else ["--clock"]
        hint = f", or give it its role ({' or '.join(roles)} NAME)" if roles else ""
        alike = [port.name for port in free if port.width == free[-1].width and port.width != 1]
        words = (
            f" Words of one sum: --accumulator {','.join(alike)}."
            if roles[:1] == ["--accumulator"] and alike[1:]
            else ""
        )
        wide = ", or let it vary (VALUE random or any)" if any(port.width != 1 for port in free) else ""
        self.problems.append(
            (
                f"input{'s' if len(names) > 1 else ''} {', '.join(names)} "
                f"{'have' if len(names) > 1 else 'has'} no role in a multiply-accumulate",
                f"Hold {'them' if len(names) > 1 else 'it'} constant with {ties}{hint}{wide}.{words}",
            )
        )

    def tie_hint(self, name: str) -> str:
        """The level to tie an input to, where what it drives tells."""
        control = self.controls.get(name)
        return "VALUE" if control is None or control.level is None else str(control.level)

    # Search.

    def free(self, direction: str) -> list[PortInfo]:
        return [port for port in self.ports.values() if port.direction == direction and port.name not in self.taken]

    def listed(self, ports: Sequence[PortInfo]) -> str:
        shown = ", ".join(f"{port.name} ({port.width} bit)" for port in ports[:_LISTED])
        return shown + (f", and {len(ports) - _LISTED} more that halo inspect lists" if len(ports) > _LISTED else "")

    def resets(self) -> tuple[str, ...]:
        found = []
        for port in self.free("input"):
            match = _RESET.fullmatch(port.name.lower())
            control = self.controls.get(port.name)
            driven = control is not None and control.kind == "reset" and control.level is not None
            if (match is None and not driven) or port.width != 1:
                continue
            if control is not None and driven:
                low, why = bool(control.level), "what it drives"
            else:
                low, why = match is not None and match.group("low") is not None, "its name"
            self.taken[port.name] = "reset"
            self.tie[port.name] = int(low)
            self.assumptions.append(
                f"port {port.name} is a reset, active {'low' if low else 'high'} by {why}, and held at {int(low)}"
            )
            found.append(port.name)
        found += [
            name for name in self.tie if name not in found and _RESET.fullmatch(name.lower()) and self.width(name) == 1
        ]
        return tuple(name for name in self.ports if name in found)

    def by_drive(self) -> str | None:
        """The one free port that clocks registers."""
        found = [port for port in self.free("input") if port.name in self.controls]
        clocks = [port.name for port in found if self.controls[port.name].kind == "clock"]
        if len(clocks) != 1 or _spellings(clocks[0]) & _CLOCK.names:
            return None
        self.taken[clocks[0]] = _CLOCK.text
        self.assumptions.append(f"port {clocks[0]} is the clock, by the registers that it drives")
        return clocks[0]

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
            what = f"several ports could be the {role.text}: {self.listed(fitting)}"
            self.problems.append((what, f"Say which with --{role.option} NAME."))
            self.taken |= {port.name: f"candidate for the {role.text}" for port in fitting}
            self.unclear.add(role.text)
            return None
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

    def missing(self, role: _Role) -> None:
        if role.text in self.unclear:
            return
        candidates = self.free(role.direction)
        candidates = [port for port in candidates if port.width != 1] or candidates
        self.problems.append(
            (
                f"no port is recognized as the {role.text}",
                f"Say which with --{role.option} NAME: {self.listed(candidates)}."
                if candidates
                else f"The module has no {role.direction} left for it: check --top and the roles given.",
            )
        )


def _counted(words: int) -> str:
    return f"{words} word{'s' if words > 1 else ''}"


def _spellings(name: str) -> set[str]:
    """A port name in lower case, and without the affixes that tell direction or register."""
    lower = name.lower()
    bare = _AFFIX.sub("", lower)
    return {lower, bare, _AFFIX.sub("", bare), _SPELLED.sub("", lower)}
