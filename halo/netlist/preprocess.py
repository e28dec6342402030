# SPDX-License-Identifier: Apache-2.0
"""Verilog's compiler directives (IEEE 1364-2005, clause 19), with the place of every line kept.

pyverilog calls ``iverilog -E`` for this, which needs a tool and forgets the line numbers behind an ``include``.
Handled: ``include``, ``define`` with and without arguments (a call stands on one line), ``undef``, ``ifdef``,
``ifndef``, ``elsif``, ``else``, ``endif``. Directives without effect on ports are dropped, and so are comments and
attributes, which pyverilog does not read everywhere.

Tests: tests/netlist/test_hdl_inspect.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from halo.errors import HaloError
from halo.netlist.text import decode

_HIDDEN = re.compile(
    r"""(?P<keep> "(?:\\.|[^"\\\n])*" | \\[^\s]+ )
      | //[^\n]* | /\*.*?(?:\*/|\Z) | \(\*(?!\s*\))(?:"(?:\\.|[^"\\])*"|(?!\(\*)[^"])*?\*\)""",
    re.VERBOSE | re.DOTALL,
)
"""What is taken out, each in one reading: a comment without end goes to the end of the file, an attribute stops where
another begins, for attributes do not nest."""
_DIRECTIVE = re.compile(r"\s*`([A-Za-z_]\w*)(.*)", re.DOTALL)
_MACRO_USE = re.compile(r"`([A-Za-z_]\w*)")
_DEFINE = re.compile(r"\s*([A-Za-z_]\w*)(?:\(([^)]*)\))?(.*)", re.DOTALL)
_DROPPED = frozenset(
    {
        "timescale",
        "celldefine",
        "endcelldefine",
        "resetall",
        "default_nettype",
        "line",
        "pragma",
        "begin_keywords",
        "end_keywords",
        "unconnected_drive",
        "nounconnected_drive",
    }
)
_DEPTH = 64


class UnreadableHdlError(HaloError):
    """The text is beyond this reader (a syntax error, or SystemVerilog); a full synthesizer may read it."""


@dataclass
class Source:
    """Preprocessed text: line i of it (from 0) comes from ``places[i]``, a file and a line counted from 1."""

    lines: list[str] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)

    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines) + "\n"

    def place(self, line: int) -> tuple[str, int]:
        """File and line of a line of the text, counted from 1; the last one for lines beyond the end."""
        return self.places[min(max(line, 1), len(self.places)) - 1]


@dataclass(frozen=True)
class _Macro:
    arguments: tuple[str, ...] | None
    body: str


class Preprocessor:
    """Reads the files of one compilation unit in turn: macros of one hold in the next.

    Args:
        defines: macros defined before the first file, and their text.
        include_dirs: where an ``include`` is looked for after the including file's own folder.
    """

    def __init__(self, defines: Iterable[tuple[str, str]] = (), include_dirs: Sequence[Path] = ()) -> None:
        self._macros = {name: _Macro(None, text) for name, text in defines}
        self._include_dirs = include_dirs

    def read(self, path: str | Path) -> Source:
        """Read a Verilog file and everything it includes.

        Raises:
            HaloError: a file is missing or not text, or an ``include`` is not found.
            UnreadableHdlError: an undefined macro, an unbalanced conditional.
        """
        source = Source()
        _Reading(source, self._macros, self._include_dirs).file(Path(path), None, 0)
        return source


def _without_hidden(text: str, path: Path) -> str:
    """The text without comments and attributes, its lines where they were.

    Raises:
        UnreadableHdlError: a comment has no end.
    """

    def blank(match: re.Match[str]) -> str:
        found = match.group()
        if match.group("keep"):
            return found
        if found.startswith("/*") and (len(found) < 4 or not found.endswith("*/")):
            line = text.count("\n", 0, match.start()) + 1
            raise UnreadableHdlError("this comment has no end", "Close it: */.", path, line)
        return " " + "\n" * found.count("\n")

    return _HIDDEN.sub(blank, text)


def _read(path: Path, where: tuple[str, int] | None) -> str:
    place = where or (str(path), None)
    try:
        text = decode(path.read_bytes())
    except FileNotFoundError:
        fix = "Give the folder it is in with --include DIR." if where else "Check the path."
        raise HaloError(f"file not found: {path}", fix, *(place if where else ())) from None
    except OSError as error:
        raise HaloError(f"cannot read {path}: {error.strerror}", "Check the path.", *(place if where else ())) from None
    if text is None:
        raise HaloError("not a text file", "Give Verilog source.", path)
    return text


class _Reading:
    def __init__(self, source: Source, macros: dict[str, _Macro], include_dirs: Sequence[Path]) -> None:
        self.source = source
        self.macros = macros
        self.include_dirs = include_dirs

    def file(self, path: Path, where: tuple[str, int] | None, depth: int) -> None:
        lines = _without_hidden(_read(path, where), path).split("\n")
        if lines[-1] == "":
            lines.pop()
        name = str(path)
        # Of each open conditional: is this branch taken, has any branch been taken, line of the `ifdef.
        open_: list[tuple[bool, bool, int]] = []
        at = 0
        while at < len(lines):
            line, number = lines[at], at + 1
            at += 1
            kept = ""
            found = _DIRECTIVE.match(line)
            word = found.group(1) if found else ""
            rest = found.group(2) if found else ""
            live = all(taken for taken, _, _ in open_)
            if word in ("ifdef", "ifndef"):
                taken = (self.symbol(rest, name, number) in self.macros) == (word == "ifdef")
                open_.append((taken, taken, number))
            elif word in ("elsif", "else", "endif"):
                if not open_:
                    raise UnreadableHdlError(f"`{word} without `ifdef", "Correct the conditional.", path, number)
                _, any_taken, first = open_.pop()
                if word != "endif":
                    taken = not any_taken and (word == "else" or self.symbol(rest, name, number) in self.macros)
                    open_.append((taken, any_taken or taken, first))
            elif not live or word in _DROPPED:
                pass
            elif word == "define":
                while rest.endswith("\\") and at < len(lines):
                    rest = rest[:-1] + " " + lines[at]
                    at += 1
                self.define(rest, name, number)
            elif word == "undef":
                self.macros.pop(self.symbol(rest, name, number), None)
            elif word == "include":
                self.include(rest, path, number, depth)
                continue
            else:
                kept = self.expand(line, name, number, 0)
            for i in range(number, at + 1):
                self.source.lines.append(kept if i == number else "")
                self.source.places.append((name, i))
        if open_:
            raise UnreadableHdlError("this conditional has no `endif", "Close it.", path, open_[-1][2])

    def symbol(self, rest: str, path: str, line: int) -> str:
        words = rest.split()
        if not words:
            raise UnreadableHdlError("a directive without its macro name", "Name the macro.", path, line)
        return words[0]

    def define(self, rest: str, path: str, line: int) -> None:
        found = _DEFINE.match(rest)
        if found is None:
            raise UnreadableHdlError("`define without a name", "Name the macro.", path, line)
        name, arguments, body = found.groups()
        names = None if arguments is None else tuple(a.split("=")[0].strip() for a in arguments.split(","))
        self.macros[name] = _Macro(names, body.strip())

    def include(self, rest: str, path: Path, line: int, depth: int) -> None:
        wanted = self.expand(rest, str(path), line, 0).strip()
        if len(wanted) < 3 or wanted[0] + wanted[-1] not in ('""', "<>"):
            raise UnreadableHdlError(f"`include of {wanted or 'nothing'}", "Give a file name in quotes.", path, line)
        if depth >= _DEPTH:
            raise HaloError("files include each other without end", "Break the circle.", path, line)
        places = [folder / wanted[1:-1] for folder in (path.parent, *self.include_dirs)]
        self.file(next((place for place in places if place.is_file()), places[0]), (str(path), line), depth + 1)

    def expand(self, text: str, path: str, line: int, depth: int) -> str:
        """Replace macro calls until none is left."""
        if "`" not in text:
            return text
        if depth > _DEPTH:
            raise UnreadableHdlError("a macro that calls itself", "Correct the macro.", path, line)
        result: list[str] = []
        at = 0
        while (use := _MACRO_USE.search(text, at)) is not None:
            result.append(text[at : use.start()])
            name, at = use.group(1), use.end()
            macro = self.macros.get(name)
            if macro is None:
                raise UnreadableHdlError(
                    f"macro `{name} is not defined", "Define it before its first use, or include its file.", path, line
                )
            body, at = _call(macro, name, text, at, (path, line))
            result.append(self.expand(body, path, line, depth + 1))
        result.append(text[at:])
        return "".join(result)


def _call(macro: _Macro, name: str, text: str, at: int, place: tuple[str, int]) -> tuple[str, int]:
    """Body of a macro with the arguments found at ``at`` put in, and the position behind the call."""
    if macro.arguments is None:
        return macro.body, at
    values, at = _arguments(text, at)
    if len(values) != len(macro.arguments):
        raise UnreadableHdlError(
            f"macro `{name} takes {len(macro.arguments)} arguments on one line", "Correct the call.", *place
        )
    given = dict(zip(macro.arguments, values, strict=True))
    return re.sub(r"[A-Za-z_]\w*", lambda word: given.get(word.group(), word.group()), macro.body), at


def _arguments(text: str, at: int) -> tuple[list[str], int]:
    """Arguments of a macro call whose parenthesis should open at ``at``, and the position behind it."""
    start = len(text[:at]) + len(text[at:]) - len(text[at:].lstrip())
    if text[start : start + 1] != "(":
        return [], at
    depth, values, first = 0, [], start + 1
    for i in range(start, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth == 0:
                values.append(text[first:i].strip())
                return values, i + 1
        elif text[i] == "," and depth == 1:
            values.append(text[first:i].strip())
            first = i + 1
    return [], at
