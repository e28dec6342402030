# SPDX-License-Identifier: Apache-2.0
"""Standard Parasitic Exchange Format (IEEE 1481-1999 and 2009), read into what it says, without a netlist.

Kept are the name map, the networks of ``*D_NET`` and the reduced nets of ``*R_NET``, in SI units. Inductances,
coordinates, cell names and the nets of physical hierarchies (``*D_PNET``, ``*R_PNET``) are skipped. Of a triple of
values (minimum, typical, maximum) the first counts, as in OpenSTA.

Tests: tests/parasitics/test_spef.py.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from halo.errors import HaloError

_UNITS = {
    "*T_UNIT": {"PS": 1e-12, "NS": 1e-9, "US": 1e-6},
    "*C_UNIT": {"FF": 1e-15, "PF": 1e-12, "NF": 1e-9},
    "*R_UNIT": {"OHM": 1.0, "KOHM": 1e3},
    "*L_UNIT": {"HENRY": 1.0, "MH": 1e-3, "UH": 1e-6},
}
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
_NUMBER = "0123456789+-.eE:"
_BODY = ("*D_NET", "*R_NET", "*D_PNET", "*R_PNET")
_SECTIONS = frozenset(("*CONN", "*CAP", "*RES", "*INDUC", "*END", *_BODY, ""))
_LISTS = frozenset(("*NAME_MAP", "*POWER_NETS", "*GROUND_NETS", "*PORTS", "*PHYSICAL_PORTS", *_BODY))
_BRACKETS = {"[": "]", "{": "}", "(": ")", "<": ">"}


@dataclass(frozen=True, eq=False)
class SpefPi:
    """A driver of a reduced net: farads at it, ohm, farads behind them; the time constant of each load in seconds."""

    pin: str
    c2_f: float
    r_ohm: float
    c1_f: float
    loads: tuple[tuple[str, float], ...]


@dataclass(frozen=True, eq=False)
class SpefNet:
    """One net; nodes and pins are as in the file (:meth:`Spef.parts` takes them apart).

    Attributes:
        name: with its index in the name map resolved.
        word: where it stands, for :meth:`Spef.line`.
        total_f: what the file gives as the whole capacitance.
        connections: pins and ports.
        ground: (node, farads); coupling: (node, node, farads); resistors: (node, node, ohm).
        drivers: of a reduced net; empty for a network.
    """

    name: str
    word: int
    total_f: float
    connections: tuple[str, ...]
    ground: tuple[tuple[str, float], ...] = ()
    coupling: tuple[tuple[str, str, float], ...] = ()
    resistors: tuple[tuple[str, str, float], ...] = ()
    drivers: tuple[SpefPi, ...] = ()


@dataclass(frozen=True, eq=False)
class Spef:
    """A file.

    Attributes:
        path, design: of the file; the design's name as it gives it.
        divider, delimiter: between levels of a hierarchy; before a pin or the number of a node.
        brackets: of bus bits.
        names: the name map, by ``*index``.
        nets: in file order; supplies: names of power and ground nets.
        text: of the file without comments.
    """

    path: str
    design: str
    divider: str
    delimiter: str
    brackets: tuple[str, str]
    names: dict[str, str]
    nets: tuple[SpefNet, ...]
    supplies: tuple[str, ...] = ()
    text: str = field(default="", repr=False)

    def parts(self, name: str) -> tuple[str, str]:
        """A node, pin or port as (net or instance, pin or number of the node); the second is empty for a port.

        Escapes are gone, levels are joined by dots and bus bits stand in square brackets, as in a netlist.
        """
        owner, mark, rest = name.rpartition(self.delimiter)
        if not mark:
            owner, rest = rest, ""
        return self.plain(self.names.get(owner, owner)), self.plain(rest)

    def plain(self, name: str) -> str:
        """A name without its escapes, as a netlist has it."""
        left, right = self.brackets
        if "\\" not in name:
            if self.divider != ".":
                name = name.replace(self.divider, ".")
            return name if left == "[" else name.replace(left, "[").replace(right, "]")
        found = []
        escaped = False
        for letter in name:
            if escaped:
                found.append(letter)
                escaped = False
            elif letter == "\\":
                escaped = True
            else:
                found.append("." if letter == self.divider else {left: "[", right: "]"}.get(letter, letter))
        return "".join(found)

    def line(self, word: int) -> int:
        """Line of a word of the file, from 1."""
        return _line(self.text, word)


def read_spef(path: str | Path) -> Spef:
    """Read a SPEF file, plain or gzip.

    Raises:
        HaloError: the file is missing, damaged or no SPEF, with the line.
    """
    source = Path(path)
    try:
        data = source.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", errors="replace")
    except (OSError, EOFError, zlib.error) as error:
        raise HaloError(f"the SPEF cannot be read: {error}", "Give a readable SPEF file.", source) from error
    return _Reader(text, str(source)).file()


def _line(text: str, word: int) -> int:
    begun = 0
    for number, line in enumerate(text.split("\n"), 1):
        begun += len(_words(line))
        if begun > word:
            return number
    return text.count("\n") + 1


def _words(text: str) -> list[str]:
    return _WORD.findall(text) if '"' in text else text.split()


class _Reader:
    """The words of a file, and the place in them."""

    def __init__(self, text: str, path: str) -> None:
        if "//" in text or "/*" in text:
            text = _COMMENT.sub(lambda match: match[1] or "\n" * match[0].count("\n"), text)
        self.text, self.path = text, path
        head = re.search(r"^\s*\*(?:NAME_MAP|PORTS|D_NET|R_NET)\b", text, re.MULTILINE)
        cut = head.start() if head else len(text)
        self.words = [*_words(text[:cut]), *_words(text[cut:]), ""]  # the end is an empty word
        self.at = 0
        self.scale = {"*T_UNIT": 1e-9, "*C_UNIT": 1e-12, "*R_UNIT": 1.0, "*L_UNIT": 1.0}
        self.head = {"*DESIGN": "", "*DIVIDER": "/", "*DELIMITER": ":"}
        self.brackets = ("[", "]")
        self.names: dict[str, str] = {}
        self.supplies: list[str] = []

    def fail(self, what: str, at: int | None = None) -> NoReturn:
        line = _line(self.text, self.at if at is None else at)
        raise HaloError(f"SPEF: {what}", "Correct the file, or write it again.", self.path, line)

    def file(self) -> Spef:
        if self.words[0] != "*SPEF":
            self.fail("the file does not begin with *SPEF", 0)
        nets: list[SpefNet] = []
        words = self.words
        while words[self.at]:
            word = words[self.at]
            self.at += 1
            if word == "*D_NET":
                nets.append(self.network())
            elif word == "*R_NET":
                nets.append(self.reduced())
            elif word in ("*D_PNET", "*R_PNET"):
                self.skip_to_end()
            elif word in self.scale:
                self.unit(word)
            elif word == "*NAME_MAP":
                self.name_map()
            elif word in ("*POWER_NETS", "*GROUND_NETS"):
                while words[self.at] and words[self.at] not in _LISTS:
                    self.supplies.append(words[self.at])
                    self.at += 1
            elif word in self.head:
                self.head[word] = words[self.at].strip('"')
                self.at += 1
            elif word == "*BUS_DELIMITER":
                self.bus()
        divider, delimiter = self.head["*DIVIDER"], self.head["*DELIMITER"]
        if not nets:
            self.fail("the file holds no nets")
        return Spef(
            self.path,
            self.head["*DESIGN"],
            divider,
            delimiter,
            self.brackets,
            self.names,
            tuple(nets),
            tuple(self.names.get(name, name) for name in self.supplies),
            self.text,
        )

    def unit(self, word: str) -> None:
        known = _UNITS[word]
        name = self.words[self.at + 1].upper()
        if name not in known:
            self.fail(f"{word} is in {name or 'nothing'}, which is none of {', '.join(known)}")
        self.scale[word] = self.number(self.at) * known[name]
        self.at += 2

    def bus(self) -> None:
        marks = self.words[self.at]
        self.at += 1
        following = self.words[self.at]
        if len(marks) == 1 and following in _BRACKETS.values():
            marks += following
            self.at += 1
        if marks[:1] in _BRACKETS:
            self.brackets = (marks[0], _BRACKETS[marks[0]])

    def name_map(self) -> None:
        words, at = self.words, self.at
        while words[at][:1] == "*" and words[at][1:].isdigit():
            if not words[at + 1]:
                self.fail("the name map ends within an entry", at)
            self.names[words[at]] = words[at + 1].strip('"')
            at += 2
        self.at = at

    def number(self, at: int) -> float:
        word = self.words[at]
        try:
            return float(word.partition(":")[0])
        except ValueError:
            self.fail(f"{word!r} stands where a number is expected" if word else "the file ends within a net", at)

    def heading(self) -> tuple[str, int, float]:
        """Name, place and total capacitance of a net."""
        begin = self.at
        name = self.words[begin]
        if name[:1] == "*" and name not in self.names:
            self.fail(f"{name} is not in the name map", begin)
        total = self.number(begin + 1) * self.scale["*C_UNIT"]
        self.at += 2
        if self.words[self.at] == "*V":
            self.at += 2
        return self.names.get(name, name), begin, total

    def network(self) -> SpefNet:
        name, begin, total = self.heading()
        words = self.words
        connections: list[str] = []
        ground: list[tuple[str, float]] = []
        coupling: list[tuple[str, str, float]] = []
        resistors: list[tuple[str, str, float]] = []
        farads, ohms = self.scale["*C_UNIT"], self.scale["*R_UNIT"]
        while True:
            word = words[self.at]
            self.at += 1
            if word == "*END":
                return SpefNet(name, begin, total, tuple(connections), tuple(ground), tuple(coupling), tuple(resistors))
            if word == "*CONN":
                self.connections(connections)
            elif word == "*CAP":
                self.capacitors(farads, ground, coupling)
            elif word == "*RES":
                self.elements(ohms, resistors)
            elif word == "*INDUC":
                self.elements(1.0, [])
            else:
                self.fail(
                    f"{word!r} stands where a section of net {name} is expected"
                    if word
                    else "the last net has no *END",
                    self.at - 1,
                )

    def connections(self, found: list[str]) -> None:
        words, at = self.words, self.at
        while words[at] and words[at] not in _SECTIONS:
            if words[at] in ("*I", "*P"):
                found.append(words[at + 1])
                at += 1
            at += 1
        self.at = at

    def capacitors(
        self, farads: float, ground: list[tuple[str, float]], coupling: list[tuple[str, str, float]]
    ) -> None:
        words, at = self.words, self.at
        try:
            while words[at] not in _SECTIONS:
                value = words[at + 2]
                if not value.strip(_NUMBER):
                    ground.append((words[at + 1], float(value.partition(":")[0] if ":" in value else value) * farads))
                    at += 3
                else:
                    coupling.append((words[at + 1], value, self.number(at + 3) * farads))
                    at += 4
        except (IndexError, ValueError):
            self.at = min(at, len(words) - 1)
            self.fail("a capacitor is no number, node, perhaps a second node, and value")
        self.at = at

    def elements(self, unit: float, found: list[tuple[str, str, float]]) -> None:
        words, at = self.words, self.at
        try:
            while words[at] not in _SECTIONS:
                value = words[at + 3]
                found.append(
                    (words[at + 1], words[at + 2], float(value.partition(":")[0] if ":" in value else value) * unit)
                )
                at += 4
        except (IndexError, ValueError):
            self.at = min(at, len(words) - 1)
            self.fail("a resistor is no number, two nodes and value")
        self.at = at

    def reduced(self) -> SpefNet:
        name, begin, total = self.heading()
        words = self.words
        drivers: list[SpefPi] = []
        while words[self.at] != "*END":
            if words[self.at] != "*DRIVER":
                word = words[self.at]
                self.fail(f"{word!r} stands where a driver of net {name} is expected" if word else "a net has no *END")
            pin = words[self.at + 1]
            self.at += 2
            if words[self.at] == "*CELL":
                self.at += 2
            if words[self.at] != "*C2_R1_C1":
                self.fail(f"driver {pin} of net {name} has no *C2_R1_C1")
            c2, r, c1 = (self.number(self.at + i) for i in (1, 2, 3))
            self.at += 4
            loads: list[tuple[str, float]] = []
            if words[self.at] == "*LOADS":
                self.at += 1
            while words[self.at] and words[self.at] not in ("*END", "*DRIVER"):
                if words[self.at] == "*RC":
                    loads.append((words[self.at + 1], self.number(self.at + 2) * self.scale["*T_UNIT"]))
                    self.at += 2
                self.at += 1
            farads = self.scale["*C_UNIT"]
            drivers.append(SpefPi(pin, c2 * farads, r * self.scale["*R_UNIT"], c1 * farads, tuple(loads)))
        self.at += 1
        connections = [driver.pin for driver in drivers] + [pin for driver in drivers for pin, _ in driver.loads]
        return SpefNet(name, begin, total, tuple(connections), drivers=tuple(drivers))

    def skip_to_end(self) -> None:
        begin = self.at
        while self.words[self.at] and self.words[self.at] != "*END":
            self.at += 1
        if not self.words[self.at]:
            self.fail("a net has no *END", begin)
        self.at += 1
