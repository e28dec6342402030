# SPDX-License-Identifier: Apache-2.0
"""Modules, ports and parameters of a user's Verilog, read with pyverilog.

pyverilog 1.3 alone would not do: of ``input signed [7:0] w, a`` it forgets that ``a`` is signed, of
``input x, output wire y, z`` it takes ``z`` for an input, and it refuses ``input integer`` in functions and attributes
in port lists. So comments, attributes and directives are removed first (``preprocess``), every port of an ANSI list
gets its own direction, and ``integer`` arguments become ``signed [31:0]``; lines stay where they are.

Tests: tests/netlist/test_hdl_inspect.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from halo.errors import HaloError
from halo.netlist.constants import Value, evaluate_constant
from halo.netlist.ply_tables import verilog_parser
from halo.netlist.preprocess import Preprocessor, Source, UnreadableHdlError
from halo.netlist.sources import Sources

_WIDEST_PORT = 65_536


@dataclass(frozen=True)
class PortInfo:
    """A port of a module.

    Attributes:
        direction: ``input``, ``output`` or ``inout``.
        width: bits, or None where the range is no expression of known parameters.
        lsb: declared index of the least significant bit.
        scalar: declared without a range.
        line: line of the declaration, 0 if unknown.
        upward: declared with a range that counts up, as ``[0:7]``.
        words: of an array of words, how many it holds; a number has 1.
        path: file of the declaration, empty if unknown.
    """

    name: str
    direction: str
    width: int | None
    signed: bool = False
    lsb: int = 0
    scalar: bool = False
    line: int = 0
    upward: bool = False
    words: int = 1
    path: str = field(default="", compare=False)

    def index(self, position: int) -> int:
        """Declared index of a bit, from its position above the least significant one."""
        return self.lsb - position if self.upward else self.lsb + position


@dataclass(frozen=True)
class ParameterInfo:
    """A parameter (no localparam) and its value: the default, or the user's for the top module.

    ``value`` is None where it is no integer and no string (or a function gives it).
    """

    name: str
    value: Value
    line: int = 0


@dataclass(frozen=True)
class ModuleInfo:
    """A module: ports in order, parameters in order, names of the modules it instantiates."""

    name: str
    ports: tuple[PortInfo, ...]
    parameters: tuple[ParameterInfo, ...]
    instantiates: frozenset[str]
    path: str
    line: int


class NoSingleTopError(HaloError):
    """No module, or several, could be the top.

    Attributes:
        modules: those there are.
    """

    def __init__(self, modules: Sequence[ModuleInfo], candidates: Sequence[str], path: str | Path | None) -> None:
        self.modules = tuple(modules)
        listed = ", ".join(candidates)
        super().__init__(
            f"{len(candidates)} modules could be the top: {listed}" if candidates else "the files hold no module",
            "Name the top module with --top." if candidates else "Give a Verilog file with a module.",
            path,
        )


def inspect(
    sources: Sources | Sequence[str | Path],
    top: str | None = None,
    parameters: Mapping[str, int | str] | None = None,
) -> list[ModuleInfo]:
    """Read the modules of some files, in order.

    Args:
        sources: Verilog files; a file without a module (of macros only) is fine beside others.
        top: module that the parameters are meant for; without it the one module that no other instantiates.
        parameters: values in place of the top's defaults.

    Raises:
        HaloError: file missing, module defined twice, top or parameter not found (near names offered), several
            candidates for the top although parameters are given.
        UnreadableHdlError: pyverilog cannot read a file, with file, line and token.
    """
    given = Sources.of(sources)
    unit = Preprocessor(given.defines, given.include_dirs)
    trees = [entry for path in given.files for entry in _definitions(unit.read(path))]
    if not trees:
        raise NoSingleTopError((), (), next(iter(given.files), None))
    by_name: dict[str, tuple[Any, Source]] = {}
    for tree, source in trees:
        name = _plain(tree.name)
        if name in by_name:
            first = "{}:{}".format(*by_name[name][1].place(by_name[name][0].lineno))
            raise HaloError(
                f"module {name} is defined twice, before at {first}", "Give one of the two.", *source.place(tree.lineno)
            )
        by_name[name] = (tree, source)
    if top is None and not parameters:
        return [_module(tree, source, {}) for tree, source in trees]
    defaults = [_module(tree, source, {}) for tree, source in trees]
    chosen = find_top(defaults, top)
    known = [parameter.name for parameter in chosen.parameters]
    for name in parameters or {}:
        if name not in known:
            near = get_close_matches(name, known, 3, 0.4) or known
            raise HaloError(
                f"module {chosen.name} has no parameter {name}",
                f"Use one of its parameters: {', '.join(near)}."
                if near
                else "Leave out --param: it has no parameters.",
                chosen.path,
                chosen.line,
            )
    tree, source = by_name[chosen.name]
    changed = _module(tree, source, parameters or {})
    return [changed if module.name == chosen.name else module for module in defaults]


def find_top(modules: Sequence[ModuleInfo], top: str | None = None) -> ModuleInfo:
    """The module of that name, or the only one that no other instantiates.

    Raises:
        NoSingleTopError: several candidates, or none.
        HaloError: no module of that name (near names offered).
    """
    names = [module.name for module in modules]
    if top is not None:
        for module in modules:
            if module.name == top:
                return module
        near = get_close_matches(top, names, 3, 0.4) or names[:8]
        raise HaloError(
            f"no module {top}",
            f"Give one of these with --top: {', '.join(near)}.",
            modules[0].path if modules else None,
        )
    used = {name for module in modules for name in module.instantiates - {module.name}}
    roots = [module for module in modules if module.name not in used]
    if len(roots) != 1:
        raise NoSingleTopError(
            modules, [module.name for module in roots or modules], modules[0].path if modules else None
        )
    return roots[0]


# Text to syntax trees.

_DIRECTION = re.compile(r"\s*(?:input|output|inout)\b")
_HEADER = re.compile(r"\bmodule\s+(?:[A-Za-z_]\w*(?:\$\w*)*|\\\S+\s)")
_LAST_NAME = re.compile(r"([A-Za-z_][\w$]*|\\\S+\s)\s*$")
_INTEGER_ARGUMENT = re.compile(r"\b(input|output)(\s+)integer\b")
_INT_PARAMETER = re.compile(r"\bparameter(\s+)int\b(?:\s+unsigned\b)?")
_PARSE_ERROR = re.compile(r"line:(\d+).*?: (?:before: \"(.*)\"|(.*))$", re.DOTALL)


def _definitions(source: Source) -> list[tuple[Any, Source]]:
    """Module definitions of one file as pyverilog's trees."""
    text = _INT_PARAMETER.sub(r"parameter\1integer", _INTEGER_ARGUMENT.sub(r"\1\2signed [31:0]", source.text()))
    if not text.strip():
        return []
    tree = _parse(_explicit_ports(text), source)
    return [(entry, source) for entry in tree.description.definitions if type(entry).__name__ == "ModuleDef"]


def _parse(text: str, source: Source) -> Any:
    parser = verilog_parser()
    parser.lexer.reset_lineno()
    from pyverilog.vparser.parser import ParseError

    try:
        return parser.parse(text)
    except ParseError as error:
        found = _PARSE_ERROR.search(str(error))
        if found is None:
            what, line = "syntax error at the end of the file", len(source.lines)
        else:
            what = f"syntax error before '{found.group(2)}'" if found.group(2) else f"syntax error: {found.group(3)}"
            line = int(found.group(1))
    except Exception as error:
        # pyverilog fails with whatever its actions raise (AttributeError, TypeError) on text beyond its grammar.
        what, line = f"pyverilog cannot read this file ({type(error).__name__}: {error})", 1
    raise UnreadableHdlError(what, "Correct the Verilog there.", *source.place(line)) from None


def _explicit_ports(text: str) -> str:
    """Repeat direction, type and range before each name of an ANSI port list that inherits them."""
    result: list[str] = []
    at = 0
    while (header := _HEADER.search(text, at)) is not None:
        start = _skip_blank(text, header.end())
        if text[start : start + 1] == "#":
            start = _skip_blank(text, _closing(text, _skip_blank(text, start + 1)))
        if text[start : start + 1] != "(":
            result.append(text[at : header.end()])
            at = header.end()
            continue
        end = _closing(text, start) - 1
        result.append(text[at : start + 1])
        result.append(_explicit_list(text[start + 1 : end]))
        at = end
    result.append(text[at:])
    return "".join(result)


def _explicit_list(ports: str) -> str:
    pieces = _split(ports)
    if not _DIRECTION.match(pieces[0]):
        return ports
    prefix = ""
    for i, piece in enumerate(pieces):
        head = piece.split("=")[0]
        name = _LAST_NAME.search(head)
        if _DIRECTION.match(piece):
            prefix = " ".join(head[: name.start()].split()) if name else ""
        elif name and not head[: name.start()].strip():
            pieces[i] = f" {prefix} {piece}"
    return ",".join(pieces)


def _split(text: str) -> list[str]:
    """Pieces between the commas outside all brackets."""
    pieces, depth, first = [], 0, 0
    for i, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            pieces.append(text[first:i])
            first = i + 1
    return [*pieces, text[first:]]


def _skip_blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _closing(text: str, start: int) -> int:
    """Position behind the bracket that closes the one at ``start`` (the end if none does)."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth <= 0:
                return i + 1
    return len(text)


# Syntax trees to information.


def _plain(name: str) -> str:
    return name.removeprefix("\\")


def _declared(tree: Any) -> Iterable[Any]:
    """Declarations of a module outside its port list, in order: parameters first if they stand in the header."""
    for item in (*(tree.paramlist.params or ()), *(tree.items or ())):
        if type(item).__name__ == "Decl":
            # ``wire x = a & b;`` stands there twice, as Wire and as Assign.
            yield from (part for part in item.list if type(part).__name__ != "Assign")
        elif type(item).__name__ in ("Parameter", "Localparam"):
            yield item


def _module(tree: Any, source: Source, given: Mapping[str, int | str]) -> ModuleInfo:
    names: dict[str, Value] = {}
    parameters: list[ParameterInfo] = []
    declarations: dict[str, list[Any]] = {}
    for item in _declared(tree):
        kind, name = type(item).__name__, _plain(item.name)
        if kind in ("Parameter", "Localparam"):
            names[name] = evaluate_constant(item.value, names)
            if kind == "Parameter":
                names[name] = given.get(name, names[name])
                parameters.append(ParameterInfo(name, names[name], source.place(item.lineno)[1]))
        else:
            declarations.setdefault(name, []).append(item)
    ports: list[PortInfo] = []
    for entry in tree.portlist.ports if tree.portlist else ():
        if type(entry).__name__ == "Ioport":
            parts = [part for part in (entry.first, entry.second) if part is not None]
        else:
            parts = declarations.get(_plain(entry.name), [])
        ports.append(_port(_plain(parts[0].name) if parts else _plain(entry.name), parts, names, source, tree))
    return ModuleInfo(
        name=_plain(tree.name),
        ports=tuple(ports),
        parameters=tuple(parameters),
        instantiates=frozenset(_plain(node.module) for node in _walk(tree) if type(node).__name__ == "InstanceList"),
        path=source.place(tree.lineno)[0],
        line=source.place(tree.lineno)[1],
    )


def _port(name: str, parts: list[Any], names: Mapping[str, Value], source: Source, tree: Any) -> PortInfo:
    direction = next(
        (type(p).__name__.lower() for p in parts if type(p).__name__ in ("Input", "Output", "Inout")), None
    )
    if direction is None:
        raise UnreadableHdlError(
            f"port {name} of module {_plain(tree.name)} has no direction",
            f"Declare it: input, output or inout {name};",
            *source.place(tree.lineno),
        )
    ranges = [part.width for part in parts if part.width is not None]
    width: int | None = 1
    lsb, upward = 0, False
    if any(getattr(part, "dimensions", None) for part in parts):
        width = None
    elif ranges:
        bounds = evaluate_constant(ranges[0].msb, names), evaluate_constant(ranges[0].lsb, names)
        width = None
        if isinstance(bounds[0], int) and isinstance(bounds[1], int):
            width, lsb, upward = abs(bounds[0] - bounds[1]) + 1, bounds[1], bounds[0] < bounds[1]
            if width > _WIDEST_PORT:  # every reader keeps each bit: a slip in a parameter would fill the memory
                raise HaloError(
                    f"port {name} of module {_plain(tree.name)} would have {width:,} bits",
                    f"Check its range and the parameters in it: ports of up to {_WIDEST_PORT:,} bits are read.",
                    *source.place(parts[0].lineno),
                )
    signed = any(part.signed for part in parts)
    path, line = source.place(parts[0].lineno)
    return PortInfo(name, direction, width, signed, lsb, not ranges, line, upward, path=path)


def _walk(node: Any) -> Iterable[Any]:
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(child for child in current.children() if child is not None)
