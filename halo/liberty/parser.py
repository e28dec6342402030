# SPDX-License-Identifier: Apache-2.0
"""Liberty syntax: clean text to a tree of groups, with the parts that nobody reads skipped by matching braces.

Grammar (Liberty Reference Manual, "Liberty syntax"): a group is ``kind (arguments) { statements }``; a statement is a
group, a simple attribute ``name : value ;``, a complex attribute ``name (values) ;`` or a variable ``name = value ;``.
As seen in real libraries the semicolon may be missing at the end of a line, and doubled or put after a brace.

One regular expression takes a whole statement at a time: a 22 MB library has 300,000 statements but 4 million tokens.
All repetitions are possessive, so malformed text fails in linear time.

Tests: tests/liberty/test_liberty_syntax.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from halo.errors import HaloError
from halo.liberty.lexer import Source

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STATEMENT = re.compile(
    r"[\s;]*+(?:"
    r"([A-Za-z_]\w*+)\s*+(?:"  # 1: name
    rf":\s*+(?:({_STRING})|([^;{{}}\"\n]*+))"  # 2: quoted value, 3: bare value up to the end of the line
    rf"|\(([^()\"]*+(?:(?:{_STRING}|\([^()\"]*+\))[^()\"]*+)*+)\)\s*+(\{{?+)"  # 4: arguments, 5: brace of a group
    r"|=\s*+([^;{}\"\n]*+)"  # 6: value of a variable
    r")"
    r"|(\}))",  # 7: end of a group
    re.DOTALL,
)
_BRACE = re.compile(rf'[^{{}}"]*+(?:{_STRING}[^{{}}"]*+)*+([{{}}])', re.DOTALL)
_BLANK = re.compile(r"[\s;]*+")

_TABLES = frozenset(
    {"cell_rise", "cell_fall", "rise_transition", "fall_transition", "rise_constraint", "fall_constraint"}
)
_PIN = frozenset({"pin", "timing", "internal_power"})
_NOTHING: frozenset[str] = frozenset()
_REPEATED = frozenset({"voltage_map", "fanout_length", "wire_load_from_area"})
"""Complex attributes of which all count, not the last."""
READ: Mapping[str, frozenset[str]] = {
    "": frozenset({"library"}),
    "library": frozenset(
        {
            "cell",
            "lu_table_template",
            "power_lut_template",
            "type",
            "operating_conditions",
            "wire_load",
            "wire_load_selection",
        }
    ),
    # A cell's test_cell repeats its pins in scan mode without timing: it is left out.
    "cell": frozenset(
        {
            "pin",
            "bus",
            "bundle",
            "pg_pin",
            "ff",
            "ff_bank",
            "latch",
            "latch_bank",
            "statetable",
            "leakage_power",
            "type",
        }
    ),
    "pin": _PIN,
    "bus": _PIN,
    "bundle": _PIN,
    "timing": _TABLES,
    "internal_power": frozenset({"rise_power", "fall_power", "power"}),
}
"""Kinds of groups that are kept, by the kind of the enclosing group. Others (current-source models, noise, receiver
capacitance, driver waveforms, variation, ...) are skipped."""


class Group:
    """One group of the syntax tree.

    Attributes:
        kind: ``library``, ``cell``, ``pin``, ...
        argument: text between the parentheses, quotes included.
        offset: where it starts in the source.
        attributes: by name, the text of the value and where the attribute starts. A simple value comes without its
            quotes, the values of a complex attribute come as written. The last of several equal names counts, and
            ``repeated`` has the values of all of those that are meant to be given several times.
        groups: the kept groups inside, in file order.
    """

    __slots__ = ("argument", "attributes", "groups", "kind", "offset", "repeated")

    def __init__(self, kind: str, argument: str, offset: int) -> None:
        self.kind = kind
        self.argument = argument
        self.offset = offset
        self.attributes: dict[str, tuple[str, int]] = {}
        self.groups: list[Group] = []
        self.repeated: dict[str, list[str]] = {}

    @property
    def names(self) -> list[str]:
        """The arguments, split at commas, without quotes and blanks."""
        return [name for part in self.argument.split(",") if (name := part.strip().strip('"').strip())]


def parse(source: Source) -> Group:
    """Parse a file into the tree of its ``library`` group.

    Raises:
        HaloError: not Liberty, a syntax error, an unclosed group, or text after the library.
    """
    text = source.text
    statement = _STATEMENT.match
    root = Group("", "", 0)
    stack = [root]
    group = root
    kept = READ[""]
    position = 0
    while match := statement(text, position):
        position = match.end()
        name, quoted, bare, arguments, brace, _, close = match.groups()
        if close:
            stack.pop()
            if not stack:
                raise source.error("this '}' closes nothing", "Remove it or restore the file.", match.end() - 1)
            group = stack[-1]
            kept = READ.get(group.kind, _NOTHING)
        elif group is root and not (brace and name == "library"):
            break
        elif brace:
            if name in kept:
                inner = Group(name, arguments, match.start(1))
                group.groups.append(inner)
                stack.append(inner)
                group = inner
                kept = READ.get(name, _NOTHING)
            else:
                position = _skip_group(source, name, match.start(1), position)
        elif quoted is not None:
            group.attributes[name] = (quoted[1:-1], match.start(1))
        elif bare is not None:
            group.attributes[name] = (bare.strip(), match.start(1))
        elif arguments is not None:
            group.attributes[name] = (arguments, match.start(1))
            if name in _REPEATED:
                group.repeated.setdefault(name, []).append(arguments)
    _check_end(source, stack, match.start(1) if match else position)
    return root.groups[0]


def _skip_group(source: Source, kind: str, offset: int, position: int) -> int:
    """Offset after the brace that closes the group whose opening brace ends at ``position``."""
    depth = 1
    while match := _BRACE.match(source.text, position):
        position = match.end()
        depth += 1 if match[1] == "{" else -1
        if not depth:
            return position
    raise _unclosed(source, kind, offset)


def _check_end(source: Source, stack: list[Group], position: int) -> None:
    """Raise unless the text is one whole library and nothing else."""
    blank = _BLANK.match(source.text, position)
    position = blank.end() if blank else position
    rest = source.text[position : position + 40].split("\n")[0].strip()
    libraries = stack[0].groups
    if len(stack) == 1 and len(libraries) == 1 and not rest:
        return
    if len(libraries) == 0:
        raise source.error(
            "this is not a Liberty file: it has no library group at its start" if rest else "there is no library group",
            "Give a Liberty file (.lib or .lib.gz); it starts with 'library (name) {'.",
            position,
        )
    if len(libraries) > 1:
        raise source.error(
            "a second library group starts here", "Put each library in its own file.", libraries[1].offset
        )
    if len(stack) == 1:
        raise source.error(f"{rest!r} follows the library group", "Remove it or restore the file.", position)
    open_string = '"' in rest and source.text.find('"', position + rest.index('"') + 1) < 0
    if not rest or open_string:
        raise _unclosed(source, stack[-1].kind, stack[-1].offset)
    raise source.error(f"syntax error at {rest!r}", "Correct the statement that starts or ends here.", position)


def _unclosed(source: Source, kind: str, offset: int) -> HaloError:
    return source.error(
        f"the file ends inside the {kind} group that starts here", "The file is truncated: fetch it again.", offset
    )
