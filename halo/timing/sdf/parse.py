# SPDX-License-Identifier: Apache-2.0
"""Standard Delay Format files (SDF 3.0, IEEE 1497-2001), read into what they say, without a circuit.

Paths, port and wire delays and setup times are kept; other timing checks, pulse limits and retain times are skipped
and counted in the notes. Times become integer femtoseconds.

Tests: tests/timing/sdf/test_sdf.py.
"""

from __future__ import annotations

import gzip
import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from halo.errors import HaloError
from halo.liberty.model import Function
from halo.timing.sdf.condition import parse_condition

Triple = tuple[int | None, int | None, int | None]
"""Minimum, typical, maximum in fs; None where the file leaves a value out."""


@dataclass(frozen=True, eq=False)
class SdfPath:
    """One delay entry.

    Attributes:
        kind: ``IOPATH``, ``DEVICE``, ``INTERCONNECT`` or ``PORT``.
        source, target: pins of the instance; for INTERCONNECT full names; source is empty for PORT and DEVICE,
            and target is empty for a DEVICE entry of all outputs.
        edge: ``posedge`` or ``negedge`` of the source, or empty.
        condition: of a ``COND`` entry.
        otherwise: a ``CONDELSE`` entry.
        incremental: the delays add to those there are.
        rise, fall: delays; all None where the entry leaves the edge as it is.
    """

    kind: str
    source: str
    target: str
    edge: str
    condition: Function | None
    otherwise: bool
    incremental: bool
    rise: Triple
    fall: Triple
    line: int


@dataclass(frozen=True, eq=False)
class SdfSetup:
    """A SETUP or SETUPHOLD check: setup time of a data pin."""

    pin: str
    setup: Triple
    line: int


@dataclass(frozen=True, eq=False)
class SdfCell:
    """One CELL entry: ``instance`` is empty for the top, ``*`` for all of the type, names joined by ``.`` otherwise."""

    celltype: str
    instance: str
    line: int
    paths: tuple[SdfPath, ...]
    setups: tuple[SdfSetup, ...]


@dataclass(frozen=True, eq=False)
class Sdf:
    """A file: its header, cells in file order, and what was skipped."""

    path: str
    design: str
    divider: str
    cells: tuple[SdfCell, ...]
    notes: tuple[str, ...] = ()


_TOKEN = re.compile(r'\s+|//[^\n]*|/\*.*?\*/|"(?:[^"\\]|\\.)*"|[()]|(?:\\.|[^\s()"\\])+', re.DOTALL)
_UNITS_FS = {"s": 1e15, "ms": 1e12, "us": 1e9, "ns": 1e6, "ps": 1e3, "fs": 1.0}
_EMPTY: Triple = (None, None, None)
_KEPT_CHECKS = ("SETUP", "SETUPHOLD")


def read_sdf(path: str | Path) -> Sdf:
    """Read an SDF file (plain or gzip).

    Raises:
        HaloError: the file is missing or is not SDF, with the line.
    """
    source = Path(path)
    try:
        data = source.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", errors="replace")
    except (OSError, EOFError) as error:
        raise HaloError(f"the SDF cannot be read: {error}", "Give a readable SDF file.", source) from error
    return _Reader(text, str(source)).file()


@dataclass
class _Reader:
    """Recursive descent over the tokens."""

    text: str
    path: str
    words: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    at: int = 0
    scale_fs: float = 1e6
    divider: str = "."
    skipped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.line_starts = [match.end() for match in re.finditer(r"\n", self.text)]
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                self.places.append(position)
                self.at = len(self.places) - 1
                self.fail("a string or an escape does not end")
            if not match[0][0].isspace() and not match[0].startswith(("//", "/*")):
                self.words.append(match[0])
                self.places.append(position)
            position = match.end()

    def line(self, index: int | None = None) -> int:
        index = self.at if index is None else index
        place = self.places[min(index, len(self.places) - 1)] if self.places else 0
        return bisect_right(self.line_starts, place) + 1

    def fail(self, what: str, index: int | None = None) -> NoReturn:
        raise HaloError(f"SDF: {what}", "Correct the file, or write it again.", self.path, self.line(index))

    def peek(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.words[index] if index < len(self.words) else ""

    def take(self) -> str:
        if self.at == len(self.words):
            self.fail("the file ends too early: a parenthesis is not closed")
        self.at += 1
        return self.words[self.at - 1]

    def expect(self, word: str) -> None:
        found = self.take()
        if found != word:
            self.fail(f"{word!r} expected, {found!r} found", self.at - 1)

    def opened(self) -> str:
        """Take ``(`` and the keyword behind it."""
        self.expect("(")
        return self.take().upper()

    def skip(self) -> None:
        """Take the rest of a group whose ``(`` has been taken."""
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(self.take(), 0)

    def strings(self) -> str:
        """Take the words up to the closing parenthesis of a header entry."""
        words = []
        while self.peek() != ")":
            words.append(self.take().strip('"'))
        self.take()
        return " ".join(words)

    def name(self) -> str:
        """A name with its escapes resolved and its dividers as ``.``."""
        word = self.take()
        if word in "()":
            self.fail(f"a name expected, {word!r} found", self.at - 1)
        return re.sub(r"\\(.)|(.)", lambda m: m[1] or ("." if m[2] == self.divider else m[2]), word)

    def file(self) -> Sdf:
        if self.peek() != "(" or self.peek(1).upper() != "DELAYFILE":
            self.fail("the file does not begin with (DELAYFILE")
        self.at += 2
        cells: list[SdfCell] = []
        design = ""
        while self.peek() == "(":
            keyword = self.opened()
            if keyword == "CELL":
                cells.append(self.cell())
            elif keyword == "DESIGN":
                design = self.strings()
            elif keyword == "DIVIDER":
                self.divider = self.strings() or "."
            elif keyword == "TIMESCALE":
                self.timescale()
            else:
                self.skip()
        self.expect(")")
        if self.at != len(self.words):
            self.fail("text after the end of (DELAYFILE")
        notes = tuple(f"{count} {word} entries are not used" for word, count in sorted(self.skipped.items()))
        return Sdf(self.path, design, self.divider, tuple(cells), notes)

    def timescale(self) -> None:
        start = self.at
        match = re.fullmatch(r"(10{0,2}(?:\.0*)?)\s*([munpf]?s)", self.strings())
        if match is None:
            self.fail("the time scale is not 1, 10 or 100 of a unit from s to fs", start)
        self.scale_fs = float(match[1]) * _UNITS_FS[match[2]]

    def cell(self) -> SdfCell:
        line = self.line(self.at - 1)
        celltype, instance = "", ""
        paths: list[SdfPath] = []
        setups: list[SdfSetup] = []
        while self.peek() == "(":
            keyword = self.opened()
            if keyword == "CELLTYPE":
                celltype = self.strings()
            elif keyword == "INSTANCE":
                instance = "" if self.peek() == ")" else self.name()
                self.expect(")")
            elif keyword == "DELAY":
                while self.peek() == "(":
                    self.delays(self.opened(), paths)
                self.expect(")")
            elif keyword == "TIMINGCHECK":
                while self.peek() == "(":
                    self.check(self.opened(), setups)
                self.expect(")")
            else:
                self.skipped[keyword] += keyword != "CORRELATION"
                self.skip()
        self.expect(")")
        return SdfCell(celltype, instance, line, tuple(paths), tuple(setups))

    def delays(self, kind: str, paths: list[SdfPath]) -> None:
        if kind not in ("ABSOLUTE", "INCREMENT"):
            self.skipped[kind] += 1
            self.skip()
            return
        while self.peek() == "(":
            keyword = self.opened()
            condition: Function | None = None
            otherwise = keyword == "CONDELSE"
            if keyword == "COND":
                condition = self.condition()
            if keyword in ("COND", "CONDELSE"):
                keyword = self.opened()
                self.path_entry(keyword, condition, otherwise, kind == "INCREMENT", paths)
                self.expect(")")
            else:
                self.path_entry(keyword, None, False, kind == "INCREMENT", paths)
        self.expect(")")

    def condition(self) -> Function:
        """The expression of a COND, up to the entry it conditions; a leading name in quotes is dropped."""
        if self.peek().startswith('"'):
            self.take()
        start = self.at
        while self.peek() and not (self.peek() == "(" and self.peek(1).upper() in ("IOPATH", "DEVICE")):
            self.at += 1
        if self.at == start or not self.peek():
            self.fail("a condition without its path", start)
        text = self.text[self.places[start] : self.places[self.at]].strip()
        try:
            return parse_condition(text)
        except ValueError as error:
            self.fail(f"the condition {text!r} cannot be read: {error}", start)

    def path_entry(
        self, keyword: str, condition: Function | None, otherwise: bool, incremental: bool, paths: list[SdfPath]
    ) -> None:
        line = self.line(self.at - 1)
        source = target = edge = ""
        if keyword == "IOPATH":
            edge, source = self.port()
            target = self.name()
        elif keyword == "INTERCONNECT":
            source, target = self.name(), self.name()
        elif keyword == "PORT":
            edge, target = self.port()
        elif keyword == "DEVICE":
            target = "" if self.peek() == "(" else self.name()
        else:
            self.skipped[keyword] += 1
            self.skip()
            return
        values: list[Triple] = []
        while self.peek() == "(":
            if self.peek(1).upper() == "RETAIN":
                self.skipped["RETAIN"] += 1
                self.opened()
                self.skip()
            else:
                values.append(self.value())
        self.expect(")")
        if not values:
            self.fail("a path without delays", self.at - 1)
        paths.append(
            SdfPath(keyword, source, target, edge, condition, otherwise, incremental, values[0], values[:2][-1], line)
        )

    def port(self) -> tuple[str, str]:
        """A port with or without an edge: (edge, name)."""
        if self.peek() != "(":
            return "", self.name()
        self.take()
        edge = self.take().lower()
        if edge not in ("posedge", "negedge"):
            self.fail(f"the edge {edge!r} is not supported", self.at - 1)
        name = self.name()
        self.expect(")")
        return edge, name

    def value(self) -> Triple:
        """One delay: ``(v)``, ``(min:typ:max)``, ``()``, or a group of delay and pulse limits, whose first is taken."""
        self.expect("(")
        if self.peek() == "(":
            if self.peek(1) == "(":
                self.fail("a group of delays in a group of delays")
            first = self.value()
            self.skipped["pulse limit"] += 1
            self.skip()
            return first
        if self.peek() == ")":
            self.take()
            return _EMPTY
        words = []
        while self.peek() not in (")", "("):
            words.append(self.take())
        self.expect(")")
        return self.triple("".join(words))

    def triple(self, text: str) -> Triple:
        parts = text.split(":")
        try:
            values = [round(float(part) * self.scale_fs) if part else None for part in parts]
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is not a delay", self.at - 2)
        if len(values) == 1:
            values *= 3
        if len(values) != 3:
            self.fail(f"{text!r} is not a delay", self.at - 2)
        return values[0], values[1], values[2]

    def check(self, kind: str, setups: list[SdfSetup]) -> None:
        if kind not in _KEPT_CHECKS:
            self.skipped[kind] += 1
            self.skip()
            return
        line = self.line(self.at - 1)
        pin = self.check_port()
        self.check_port()
        setup = self.value()
        self.skip()
        setups.append(SdfSetup(pin, setup, line))

    def check_port(self) -> str:
        """A port of a timing check, its edge and condition dropped."""
        if self.peek() != "(":
            return self.name()
        self.take()
        last = ""
        depth = 1
        while depth:
            word = self.peek()
            if word == "(":
                depth += 1
                self.at += 1
            elif word == ")":
                depth -= 1
                self.at += 1
            else:
                last = self.name() if word else self.take()
        return last
