# SPDX-License-Identifier: Apache-2.0
"""SystemVerilog through slang, the front end that pyosys carries (``read_slang``).

slang elaborates the whole language, so what it says about a design is taken from it: the top, ports with their
signedness, parameters with their values (from the tree that ``--dump-ast`` prints), and errors with file, line and
column (``--diag-json``). Widths come from the netlist, in which an interface port ``m`` is one port for each signal
of its modport (``m.a``), and an unpacked array or struct is one vector, its first element in the highest bits.

Hierarchy stays where it can, for the structural flow. Assertions and delays are no hardware and are left out. Initial
blocks are evaluated, for they may fill a table; one that only a simulation can play is left out, if nothing needs what
it assigns. All files are one compilation unit, as for Icarus and Yosys' own reader.

slang gives a variable that nothing assigns an undefined constant, which a mapper takes for any value. Yosys' reader
leaves it without a driver, which is an error where it is used: ``undriven`` names such variables, to do likewise.

Tests: tests/synth/test_systemverilog.py.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halo.errors import HaloError
from halo.netlist.hdl import ModuleInfo, NoSingleTopError, ParameterInfo, PortInfo
from halo.netlist.sources import Sources
from halo.synth.yosys import YosysRun, quoted, run_yosys

DIAGNOSTICS = "slang.json"
WITHOUT_INITIAL = "--ignore-initial"
_OPTIONS = (
    "--single-unit",
    "--best-effort-hierarchy",
    "--allow-toplevel-iface-ports",
    "--allow-use-before-declare",
    "--no-implicit-memories",
    "--ignore-assertions",
    "--ignore-timing",
    "--diag-abs-paths",
)
_ADD_FILE = "Add the file that defines it to the sources, in front of those that use it."
_FIXES = {
    "UnknownModule": _ADD_FILE,
    "UnknownInterface": _ADD_FILE,
    "UnknownPackage": _ADD_FILE,
    "CouldNotOpenIncludeFile": "Give the folder it is in with --include DIR.",
    "UnknownDirective": "Define the macro first, with --define NAME=VALUE or in a file in front of this one.",
}
_ANOTHER_WAY = "Write it in another way: synthesis does not take it."
_FIXES_BY_TEXT = {
    "unsupported": _ANOTHER_WAY,
    "unroll limit": _ANOTHER_WAY,
    "failed to open file": "Put the file where the current folder sees it, or give its full path.",
}
_DIRECTIONS = {"In": "input", "Out": "output", "InOut": "inout"}
_MODULE = r"^[ \t]*module\s+(?:automatic\s+|static\s+)?({})\b"
_SOURCE_LINE = re.compile(r"^Source line (?P<path>.*?):(?P<line>\d+):(?P<column>\d+):", re.MULTILINE)
_REFERENCE = re.compile(r"(\d+) (.*)", re.DOTALL)
_NUMBER = re.compile(r"(-?)(?:\d+'(s?)([bdh]))?([0-9a-f]+)\Z", re.IGNORECASE)
_RADIX = {"b": 2, "d": 10, "h": 16}
_SIGNED_TYPE = re.compile(r"(?:byte|shortint|int|longint|integer)\b(?! unsigned)|[^\[{]*\bsigned\b")


class SlangRefusedError(HaloError):
    """slang does not take the text; Yosys' own reader, which checks less, may."""


class SlangFailedError(SlangRefusedError):
    """slang is not there, or fails on the text without saying what is wrong with it."""


@dataclass(frozen=True)
class Elaborated:
    """A design as slang sees it: its top, and the modules in it, the top first, each as it is first instantiated."""

    top: ModuleInfo
    modules: tuple[ModuleInfo, ...]


def slang_command(
    sources: Sources, top: str | None, parameters: Mapping[str, int | str], workdir: Path, *more: str
) -> str:
    """The script line that reads and elaborates the sources; diagnostics go to ``workdir / DIAGNOSTICS``.

    Args:
        sources: the files.
        top: module to elaborate; None: those that no other instantiates.
        parameters: values of the top's parameters.
        workdir: where the diagnostics are written.
        more: further options.
    """
    words = ["read_slang", *_OPTIONS, *more, "--diag-json", str(workdir / DIAGNOSTICS)]
    words += ["--top", top] if top is not None else []
    for name, value in parameters.items():
        words += ["-G", f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}"]
    for name, text in sources.defines:
        words += ["-D", f"{name}={text}"]
    for folder in sources.include_dirs:
        words += ["-I", str(folder.resolve())]
    known = module_places(sources) if sources.black_boxes else {}
    stubs = [path for name, path in sources.black_boxes if name not in known]
    for name, _ in sources.black_boxes:
        words += ["--blackboxed-module", name]
    return shlex.join([*words, *(str(path.resolve()) for path in (*sources.files, *stubs))])


def elaborate(sources: Sources, top: str | None, parameters: Mapping[str, int | str], workdir: Path) -> Elaborated:
    """What slang says about a design.

    Args:
        sources: Verilog and SystemVerilog files.
        top: top module; None: the only one that no other instantiates.
        parameters: of the top that differ from their defaults.
        workdir: existing folder for script, log and the elaborated ports.

    Raises:
        SlangRefusedError: slang does not take the files, with file, line and column.
        HaloError: no single top, or no such module or parameter.
    """
    sources.require()
    if top is None and len(found := module_places(sources)) == 1:
        top = next(iter(found))  # slang takes no module for the top whose parameters have no default
    path = workdir / "ports.json"
    read = slang_command(sources, top, parameters, workdir, WITHOUT_INITIAL, "--dump-ast")
    run = run_yosys([read, f"write_json {quoted(path)}"], workdir, "slang")
    if run.error is not None:
        raise slang_error(run, sources, top, workdir)
    start = run.log.find("\n{\n") + 1
    tree = json.JSONDecoder().raw_decode(run.log, start)[0]
    roots = [member for member in tree["members"] if member["kind"] == "Instance"]
    if len(roots) != 1:
        places = module_places(sources)
        modules = [ModuleInfo(name, (), (), frozenset(), str(file), line) for name, (file, line) in places.items()]
        raise NoSingleTopError(modules, [root["name"] for root in roots] or list(places), sources.files[0])
    netlist = json.loads(path.read_text(encoding="utf-8"))["modules"]
    return _Tree(tree, netlist, sources).elaborated(roots[0], parameters)


def slang_error(run: YosysRun, sources: Sources, top: str | None, workdir: Path) -> HaloError:
    """The error for a run that ``read_slang`` ended: slang's first."""
    path = workdir / DIAGNOSTICS
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    errors = [entry for entry in (json.loads(text) if text else []) if entry["severity"] in ("error", "fatal")]
    if not errors:
        # A construct that the synthesis behind slang does not know: it prints its source line only.
        at = _SOURCE_LINE.search(run.log)
        file = str(sources.files[0]) if at is None else _as_given(str(Path(at["path"]).resolve()), sources)
        where = (None, None) if at is None else (int(at["line"]), int(at["column"]))
        said = (run.error or "").partition(", see AST")[0]
        fix = f"Write it in another way; what slang makes of it is in {run.kept_log()}."
        return SlangFailedError(f"slang: {said}", fix, file, *where)
    first = next((entry for entry in errors if "location" in entry), errors[0])
    code, message = first["code"], first["message"]
    if code == "InvalidTopModule" and top is not None:
        return _no_top(top, sources)
    place: tuple[str | None, int | None, int | None] = (None, None, None)
    if "location" in first:
        file, line, column = first["location"].rsplit(":", 2)
        place = _as_given(file, sources), int(line), int(column)
    others = len(errors) - 1
    more = f" (and {others} further error{'s' if others > 1 else ''})" if others else ""
    fix = next((fix for said, fix in _FIXES_BY_TEXT.items() if said in message), "Correct the SystemVerilog there.")
    return SlangRefusedError(f"slang: {message}{more}", _FIXES.get(code, fix), *place)


def undriven(path: Path) -> list[str]:
    """Yosys commands that leave without a driver what slang has given an undefined constant.

    Args:
        path: the design in JSON format, as ``read_slang`` left it.
    """
    return [
        f"delete {module}/{name}"
        for module, content in json.loads(path.read_text(encoding="utf-8"))["modules"].items()
        for name, cell in content["cells"].items()
        if cell["type"] == "$buf" and set(cell["connections"]["A"]) == {"x"}
    ]


def module_places(sources: Sources) -> dict[str, tuple[Path, int]]:
    """File and line of the modules whose headers stand in the files, conditional compilation not looked at."""
    found: dict[str, tuple[Path, int]] = {}
    for path in sources.files:
        text = path.read_text(encoding="utf-8", errors="replace")
        for match in re.finditer(_MODULE.format(r"[A-Za-z_]\w*"), text, re.MULTILINE):
            found.setdefault(match.group(1), (path, text.count("\n", 0, match.start(1)) + 1))
    return found


def _no_top(top: str, sources: Sources) -> HaloError:
    from halo.synth.explain import near

    places = module_places(sources)
    if top in places:
        return HaloError(
            f"module {top} has a parameter without a default",
            "Give the value: --param NAME=VALUE.",
            *places[top],
        )
    return HaloError(
        f"no module {top} in the sources{near(top, places)}",
        f"Give one of the modules the files define: {', '.join(list(places)[:8])}."
        if places
        else "Give a Verilog file with a module.",
        sources.files[0],
    )


def _as_given(file: str, sources: Sources) -> str:
    """The path as the user wrote it, where it is one of the sources."""
    return next((str(path) for path in sources.files if str(path.resolve()) == file), file)


class _Tree:
    """slang's tree and Yosys' netlist of it, read together."""

    def __init__(self, tree: Any, netlist: Mapping[str, Any], sources: Sources) -> None:
        self.netlist = netlist
        self.places = module_places(sources)
        self.sources = sources
        self.types = {str(node["addr"]): node["target"] for node in _nodes(tree) if node.get("kind") == "TypeAlias"}

    def elaborated(self, root: Any, parameters: Mapping[str, int | str]) -> Elaborated:
        first: dict[str, Any] = {}
        for node in _nodes(root):
            if node.get("kind") == "Instance" and "body" in node:
                first.setdefault(_definition(node), node)
        modules = tuple(self.module(node, node is root) for node in first.values())
        known = [parameter.name for parameter in modules[0].parameters]
        for name in parameters:
            if name not in known:
                from halo.synth.explain import near

                fix = f"Its parameters: {', '.join(known)}." if known else "It has none: leave out --param."
                what = f"module {modules[0].name} has no parameter {name}{near(name, known)}"
                raise HaloError(what, fix, modules[0].path, modules[0].line)
        return Elaborated(modules[0], modules)

    def module(self, node: Any, is_top: bool) -> ModuleInfo:
        name = _definition(node)
        members = node["body"]["members"]
        path, line = self.places.get(name, (self.sources.files[0], 0))
        local = {f".{m['name']}": m["type"] for m in members if m["kind"] == "TypeParameter" and "type" in m}
        parameters = tuple(
            ParameterInfo(member["name"], _value(member.get("value", "")), line)
            for member in members
            if member["kind"] == "Parameter" and member.get("isPort") and not member.get("isLocal")
        )
        return ModuleInfo(
            name=name,
            ports=self.ports(name, members, local) if is_top else (),
            parameters=parameters,
            instantiates=frozenset(_definition(n) for n in _nodes(members) if n.get("kind") == "Instance"),
            path=str(path),
            line=line,
        )

    def ports(self, top: str, members: Sequence[Any], local: Mapping[str, str]) -> tuple[PortInfo, ...]:
        module = self.netlist[top]
        wires = module["netnames"]
        declared = [member for member in members if member["kind"] in ("Port", "InterfacePort")]
        found = []
        for member in declared:
            interface = member["kind"] == "InterfacePort"
            for name, port in module["ports"].items():
                if name != member["name"] and not (interface and re.match(re.escape(member["name"]) + r"[.\[]", name)):
                    continue
                source = wires.get(name, {}).get("attributes", {}).get("src", "")
                line = re.search(r":(\d+)\.\d+$", source)
                path = _as_given(str(Path(source[: line.start()]).resolve()), self.sources) if line else ""
                signed, words = (False, 1) if interface else self.element(member["type"], local)
                scalar = len(port["bits"]) == 1 and "[" not in member.get("type", "")
                where = int(line.group(1)) if line else 0
                width, upward = len(port["bits"]), bool(port.get("upto"))
                lsb = port.get("offset", 0) + (width - 1 if upward else 0)
                found.append(PortInfo(name, port["direction"], width, signed, lsb, scalar, where, upward, words, path))
        return tuple(found)

    def element(self, kind: str, local: Mapping[str, str]) -> tuple[bool, int]:
        """Whether the words of a type, as slang prints it, are signed, and how many of them an array holds.

        Names are followed to what they stand for.
        """
        words = 1
        for _ in range(len(self.types) + len(local) + 1):
            kind, _, dimensions = kind.partition("$")
            words *= _elements(dimensions)
            reference = _REFERENCE.match(kind)
            if reference is None:
                break
            address, name = reference.groups()
            ending = next((end for end in local if name.endswith(end)), None)
            known = self.types.get(address) or (local[ending] if ending is not None else None)
            if known is None:
                return False, words
            kind = known
        packed = re.fullmatch(r"[^\[{]*((?:\[[^]]*\])*)\[[^]]*\]", kind)
        return _SIGNED_TYPE.match(kind) is not None, words * _elements(packed[1] if packed else "")


def _elements(dimensions: str) -> int:
    """Elements of an array with such dimensions, as ``[0:1][3:0]``."""
    return math.prod(abs(int(a) - int(b)) + 1 for a, b in re.findall(r"\[(-?\d+):(-?\d+)\]", dimensions))


def _definition(instance: Any) -> str:
    return str(instance["body"]["definition"]).split(" ", 1)[1]


def _nodes(node: Any) -> Iterator[Any]:
    """All objects of a tree, depth first, parents first."""
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, dict):
            yield current
            stack.extend(reversed([value for value in current.values() if isinstance(value, dict | list)]))
        elif isinstance(current, list):
            stack.extend(reversed([value for value in current if isinstance(value, dict | list)]))


def _value(text: str) -> int | str | None:
    """A constant as slang prints it: ``4``, ``-8'sd3``, ``71'h7f`` or a string; None: of another kind."""
    if text.startswith('"'):
        return text[1:-1]
    found = _NUMBER.match(text)
    if found is None:
        return None
    sign, _, radix, digits = found.groups()
    try:
        return int(sign + digits, _RADIX[(radix or "d").lower()])
    except ValueError:
        return None
