# SPDX-License-Identifier: Apache-2.0
"""Tokens of structural Verilog (IEEE 1364-2005, clause 3), by one regular expression.

Tests: tests/netlist/test_verilog_reader.py.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from halo.errors import HaloError

# Python before 3.11.5 matches possessive groups that hold alternatives wrongly (CPython issue 106052), so only repeated
# character classes are possessive here.
_TOKEN = re.compile(
    r"""
    \s*+ (?: (?P<skip> //[^\n]*+ | /\*.*?\*/ | \(\*(?!\s*\))(?:[^"*]++|"[^"\\]*+(?:\\.[^"\\]*+)*"|\*(?!\)))*\*\) | \Z )
  | (?P<open> \(\*(?!\s*\)) )
  | (?P<escaped> \\[^\s]+ )
  | (?P<name> [A-Za-z_][A-Za-z0-9_$]* )
  | (?P<number> (?:[0-9][0-9_]*\s*)?'\s*[sS]?[bBoOdDhH]\s*[0-9a-fA-FxXzZ?][0-9a-fA-FxXzZ?_]* | [0-9][0-9_]* )
  | (?P<directive> `[^\n]* )
  | (?P<string> "(?:\\.|[^"\\\n])*" )
  | (?P<system> \$[A-Za-z_][A-Za-z0-9_$]* )
  | (?P<punct> [()\[\]{},;:.=\#?~&|^+\-*%<>!@'] | /(?!\*) )
  | (?P<other> \S )
    )""",
    re.VERBOSE | re.DOTALL,
)

_QUIET_DIRECTIVES = frozenset({"timescale", "celldefine", "endcelldefine", "resetall", "line", "default_nettype"})


@dataclass(frozen=True)
class Tokens:
    """The tokens of one file, as parallel lists; the last entry is an end mark of kind ``end``.

    Attributes:
        kinds: ``name``, ``escaped``, ``number``, ``string``, ``system``, ``directive``, ``punct`` or ``end``.
        texts: the text; an escaped name comes without its backslash, a directive is ``celldefine``,
            ``endcelldefine``, ``default_nettype none`` or ``default_nettype wire`` (others are dropped).
        offsets: offset of each token in the file's text.
    """

    path: str
    kinds: list[str]
    texts: list[str]
    offsets: list[int]
    line_starts: list[int]

    def line(self, index: int) -> int:
        """Line of a token, counted from 1."""
        return bisect_right(self.line_starts, self.offsets[index])

    def error(self, what: str, index: int, fix: str = "Correct the Verilog there.") -> HaloError:
        """An error with the place of a token."""
        return HaloError(what, fix, self.path, self.line(index))


def tokenize(text: str, path: str) -> Tokens:
    """Split Verilog text into tokens; comments and attributes ``(* ... *)`` are dropped.

    Raises:
        HaloError: a character that starts no token, an unterminated comment, attribute or string, or a directive that
            changes the text (``include``, ``define``, ``ifdef``), which a gate netlist does not hold.
    """
    starts = [0]
    starts.extend(m.end() for m in re.finditer("\n", text))
    tokens = Tokens(path, [], [], [], starts)
    kinds, texts, offsets = tokens.kinds, tokens.texts, tokens.offsets
    position = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind in ("other", "open"):
            position = match.start(kind)
            break
        position = match.end()
        if kind == "skip":
            continue
        word, start = match[kind], match.start(kind)
        if kind == "escaped":
            word = word[1:]
        elif kind == "directive":
            quiet = _directive(word, path, bisect_right(starts, start))
            if quiet is None:
                continue
            word = quiet
        kinds.append(kind)
        texts.append(word)
        offsets.append(start)
    if position != len(text):
        line = bisect_right(starts, position)
        if text.startswith("(*", position):
            raise HaloError("this attribute (* is never closed", "Close it with *).", path, line)
        if text.startswith("/*", position):
            raise HaloError("this comment /* is never closed", "Close it with */.", path, line)
        if text[position] == '"':
            raise HaloError("this string is never closed", 'Close it with ".', path, line)
        raise HaloError(f"unexpected character {text[position]!r}", "Correct the Verilog there.", path, line)
    kinds.append("end")
    texts.append("end of file")
    offsets.append(max(len(text) - 1, 0))
    return tokens


def _directive(word: str, path: str, line: int) -> str | None:
    """The directive's words if it matters to a netlist, None if it does not."""
    words = word[1:].split("//", maxsplit=1)[0].split()
    name = words[0] if words else ""
    if name not in _QUIET_DIRECTIVES:
        raise HaloError(
            f"compiler directive `{name} in a gate netlist",
            "Give RTL as FILE.v; for a netlist, expand directives first (iverilog -E -o expanded.v netlist.v).",
            path,
            line,
        )
    if name == "default_nettype":
        return "default_nettype none" if words[1:2] == ["none"] else "default_nettype wire"
    return name if name.endswith("celldefine") else None
