# SPDX-License-Identifier: Apache-2.0
"""Grammar of structural Verilog: module text to declarations, aliases and instances, one file at a time.

Covers what synthesis, placement and test tools write (IEEE 1364-2005, clauses 4, 6.1, 7.1 and 12, without behaviour):
ANSI and non-ANSI ports, vectors in either direction, escaped names, selects, concatenations, replications, constants,
``assign``, ``supply0``/``supply1``, named and ordered connections. Anything that computes or stores is refused with
the advice to synthesize it.

Tests: tests/netlist/test_verilog_reader.py.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import NoReturn

from halo.errors import HaloError
from halo.netlist.tokens import Tokens

X = 2
Z = 3

_DELAY_FIX = (
    "Leave it out: delays come from the library or from --sdf. What has parameters is RTL: give it as FILE.v, not as "
    "--netlist."
)
_RTL_FIX = "This is RTL, not a gate netlist: give it as FILE.v (it is then synthesized), not as --netlist."
_MODEL_FIX = (
    "Leave the simulation models of the cells out of the netlist, or put them between `celldefine and `endcelldefine."
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BEHAVIOUR = _words(
    """always initial reg integer real realtime time event function task generate genvar parameter localparam defparam
    if else case casex casez for while repeat forever wait force release deassign trireg wand wor triand trior tri0 tri1
    begin fork"""
)
_SYSTEMVERILOG = _words(
    """always_comb always_ff always_latch final int bit byte typedef enum struct interface modport package import class
    property assert cover assume"""
)
_MODELS = frozenset({"specify", "specparam", "primitive", "table"})
_GATE_PRIMITIVES = _words(
    """and nand or nor xor xnor buf not bufif0 bufif1 notif0 notif1 nmos pmos cmos rnmos rpmos rcmos tran rtran tranif0
    tranif1 rtranif0 rtranif1 pullup pulldown"""
)
_WIRES = frozenset({"wire", "tri", "logic", "uwire"})
_DIRECTIONS = frozenset({"input", "output", "inout"})
_KEYWORDS = (
    _BEHAVIOUR
    | _MODELS
    | _GATE_PRIMITIVES
    | _WIRES
    | _DIRECTIONS
    | {"module", "endmodule", "assign", "supply0", "supply1", "signed", "unsigned", "macromodule"}
)
# SystemVerilog's keywords stay legal names: a netlist is Verilog, and has nets called `bit` or `final`.
_OPERAND = "a net, a constant or a concatenation"
_OPERATORS = frozenset("~&|^+-*/%?<>!=")
_DIGIT_BITS = {"b": 1, "o": 3, "h": 4}
MAX_BITS = 1 << 20
"""Widest vector, constant or concatenation: what is wider is a mistake that would only fill the memory."""
_DIGITS = 1000
_DEPTH = 100
"""Deepest nesting of concatenations."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A signal, or its bits ``msb`` to ``lsb`` as the text names them (both None: all of it)."""

    name: str
    msb: int | None
    lsb: int | None
    line: int


@dataclass(frozen=True, slots=True)
class Const:
    """A constant: ``bits`` of 0, 1, X or Z, least significant first; unsized ones adapt to the width they meet."""

    bits: tuple[int, ...]
    sized: bool
    line: int


@dataclass(frozen=True, slots=True)
class Concat:
    """``{repeat{a, b}}``: parts as written, most significant first."""

    parts: tuple[Expr, ...]
    repeat: int
    line: int


Expr = Ref | Const | Concat


@dataclass(slots=True)
class Signal:
    """A declared net: ``range`` is (msb, lsb), or None for a scalar; ``direction`` only for ports."""

    name: str
    range: tuple[int, int] | None
    line: int
    direction: str | None = None
    signed: bool = False
    supply: int | None = None

    def indices(self) -> list[int]:
        """Declared bit indices from least to most significant; a scalar has one, 0."""
        if self.range is None:
            return [0]
        msb, lsb = self.range
        return list(range(lsb, msb + 1)) if msb >= lsb else list(range(lsb, msb - 1, -1))


@dataclass(slots=True)
class InstanceText:
    """One instantiation: connections by name (None: left open) or in order."""

    cell: str
    name: str
    line: int
    named: dict[str, Expr | None] | None
    ordered: list[Expr | None]


@dataclass(slots=True)
class ModuleText:
    """One module as written. ``is_cell``: only its port list counts (``celldefine``, or a module with no contents)."""

    name: str
    line: int
    path: str = ""
    ports: list[str] = field(default_factory=list)
    signals: dict[str, Signal] = field(default_factory=dict)
    assigns: list[tuple[Expr, Expr, int]] = field(default_factory=list)
    instances: list[InstanceText] = field(default_factory=list)
    is_cell: bool = False
    implicit_nets: bool = True


def parse(tokens: Tokens, cells: Container[str] = ()) -> dict[str, ModuleText]:
    """All modules of a file by name, in file order.

    Args:
        tokens: of the file.
        cells: names of library cells: of modules so called only the ports are read.

    Raises:
        HaloError: syntax error, behavioural construct, name declared twice, module defined twice.
    """
    return _Parser(tokens, cells).file()


class _Parser:
    def __init__(self, tokens: Tokens, cells: Container[str]) -> None:
        self.tokens = tokens
        self.cells = cells
        self.models = frozenset[str]()
        """Types of variables that may stand in a declaration: a simulation model's outputs can be registers."""
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.at = 0
        self.inside = ""
        """Name of the module that is being read."""
        self.depth = 0
        """Number of concatenations that are open."""

    # One token.

    def is_(self, text: str) -> bool:
        """The next token is this keyword or punctuation (an escaped name never is)."""
        return self.texts[self.at] == text and self.kinds[self.at] != "escaped"

    def take(self, text: str) -> bool:
        if self.is_(text):
            self.at += 1
            return True
        return False

    def expect(self, text: str, where: str) -> None:
        if not self.take(text):
            self.fail(f"'{text}' {where}")

    def line(self) -> int:
        return self.tokens.line(self.at)

    def fail(self, expected: str) -> NoReturn:
        """Raise for the next token, as RTL if it is behaviour, else as a syntax error."""
        text, kind = self.texts[self.at], self.kinds[self.at]
        if kind in ("name", "directive", "system") and (
            text in _BEHAVIOUR or text in _SYSTEMVERILOG or kind == "system"
        ):
            raise self.tokens.error(f"behavioural construct '{text}' in a gate netlist", self.at, self.behaviour_fix())
        if kind == "name" and text in _MODELS:
            raise self.tokens.error(f"'{text}' in a gate netlist", self.at, _MODEL_FIX)
        if kind == "name" and text in _GATE_PRIMITIVES:
            raise self.tokens.error(
                f"gate primitive '{text}', which no library times, in a gate netlist", self.at, _RTL_FIX
            )
        if kind == "punct" and (text in _OPERATORS or (text == "(" and expected == _OPERAND)):
            raise self.tokens.error(f"operator '{text}' in a gate netlist", self.at, self.behaviour_fix())
        if kind == "end" and self.inside:
            raise self.tokens.error(
                f"the file ends inside module {self.inside}", self.at, "The netlist is truncated: write it again."
            )
        found = "end of file" if kind == "end" else f"'{text}'"
        raise self.tokens.error(f"syntax error: found {found}, expected {expected}", self.at)

    def behaviour_fix(self) -> str:
        """What to do about behaviour: a module that others instantiate may model a cell under a name of its own."""
        if not self.inside or self.texts.count(self.inside) < 2:
            return _RTL_FIX
        return (
            f"If {self.inside} models a library cell, call it and its instances by that cell's name: its contents are "
            "then left out. If this is RTL, give it as FILE.v (it is then synthesized), not as --netlist."
        )

    def name(self, what: str) -> str:
        kind, text = self.kinds[self.at], self.texts[self.at]
        if kind == "escaped" or (kind == "name" and text not in _KEYWORDS):
            self.at += 1
            return text
        self.fail(what)

    def integer(self, what: str) -> int:
        negative = self.take("-")
        text = self.texts[self.at]
        if self.kinds[self.at] != "number" or "'" in text or len(text) > _DIGITS:
            self.fail(what)
        self.at += 1
        value = int(text.replace("_", ""))
        return -value if negative else value

    # Expressions.

    def range(self) -> tuple[int, int] | None:
        if not self.take("["):
            return None
        msb = self.integer("an integer bound of the range")
        self.expect(":", "in the range")
        lsb = self.integer("an integer bound of the range")
        if abs(msb - lsb) >= MAX_BITS:
            raise self.tokens.error(f"a vector of {abs(msb - lsb) + 1} bits", self.at - 1)
        self.expect("]", "after the range")
        return msb, lsb

    def expression(self) -> Expr:
        line = self.line()
        if self.take("{"):
            return self.concatenation(line)
        if self.kinds[self.at] == "number":
            constant = self.number(self.texts[self.at], line)
            self.at += 1
            return constant
        name = self.name(_OPERAND)
        if not self.take("["):
            return Ref(name, None, None, line)
        msb = lsb = self.integer("an integer bit index")
        if self.take(":"):
            lsb = self.integer("an integer bit index")
        self.expect("]", "after the bit index")
        return Ref(name, msb, lsb, line)

    def concatenation(self, line: int) -> Concat:
        repeat = 1
        replicated = self.kinds[self.at] == "number" and self.texts[self.at + 1] == "{"
        if replicated:
            repeat = self.integer("a replication count")
            if repeat < 1:
                raise self.tokens.error("replication count below 1", self.at - 1)
            self.at += 1
        self.depth += 1
        if self.depth > _DEPTH:
            raise self.tokens.error(f"more than {_DEPTH} concatenations in each other", self.at)
        parts = [self.expression()]
        while self.take(","):
            parts.append(self.expression())
        self.depth -= 1
        self.expect("}", "or ',' in the concatenation")
        if replicated:
            self.expect("}", "after the replication")
        return Concat(tuple(parts), repeat, line)

    def number(self, text: str, line: int) -> Const:
        """Value bits of a Verilog number (IEEE 1364-2005, 3.5.1): x and z digits fill to the left, others with 0."""
        size_text, quote, rest = text.replace("_", "").partition("'")
        if len(text) > _DIGITS and not (quote and rest.lstrip()[:1] in "bB"):
            raise self.tokens.error(f"a number of {len(text)} digits", self.at)
        if not quote:
            value = int(size_text)
            return Const(tuple(value >> i & 1 for i in range(max(value.bit_length(), 1))), False, line)
        rest = rest.strip().lower().removeprefix("s").strip()
        base, digits = rest[0], rest[1:].strip()
        bits: list[int] = []
        if base == "d":
            if not digits.isdigit():
                bits = [X if digits[:1] == "x" else Z]
            else:
                bits = [int(digits) >> i & 1 for i in range(max(int(digits).bit_length(), 1))]
        else:
            width = _DIGIT_BITS[base]
            for digit in reversed(digits):
                if digit in "x":
                    bits += [X] * width
                elif digit in "z?":
                    bits += [Z] * width
                else:
                    try:
                        value = int(digit, 1 << width)
                    except ValueError:
                        raise self.tokens.error(f"digit '{digit}' in the number {text}", self.at) from None
                    bits += [value >> i & 1 for i in range(width)]
        if not size_text.strip():
            return Const(tuple(bits), False, line)
        size = int(size_text[:_DIGITS])
        if not 1 <= size <= MAX_BITS:
            raise self.tokens.error(f"the number {text} has {size or 'no'} bits", self.at)
        fill = bits[-1] if bits[-1] in (X, Z) else 0
        return Const(tuple(bits[:size] + [fill] * (size - len(bits))), True, line)

    # Modules.

    def file(self) -> dict[str, ModuleText]:
        modules: dict[str, ModuleText] = {}
        in_cells = False
        implicit = True
        while self.kinds[self.at] != "end":
            if self.kinds[self.at] == "directive":
                word = self.texts[self.at]
                if word.startswith("default_nettype"):
                    implicit = not word.endswith("none")
                else:
                    in_cells = word == "celldefine"
                self.at += 1
            elif self.is_("primitive") and (in_cells or self.cells):
                self.skip_to("endprimitive")
            elif self.take("module") or self.take("macromodule"):
                module = self.module(in_cells)
                module.implicit_nets = implicit
                if module.name in modules:
                    raise HaloError(
                        f"module {module.name} is defined twice, before at line {modules[module.name].line}",
                        "Keep one of the two.",
                        self.tokens.path,
                        module.line,
                    )
                modules[module.name] = module
            else:
                self.fail("'module'")
        return modules

    def skip_to(self, word: str) -> None:
        while not self.is_(word):
            if self.kinds[self.at] == "end":
                self.fail(f"'{word}'")
            self.at += 1
        self.at += 1

    def module(self, is_cell: bool) -> ModuleText:
        module = ModuleText("", self.line(), self.tokens.path, is_cell=is_cell)
        self.inside = module.name = self.name("a module name")
        is_cell = module.is_cell = is_cell or module.name in self.cells
        self.models = frozenset({"reg", "logic"}) if is_cell else frozenset()
        if self.is_("#") and not is_cell:
            raise self.tokens.error("a module with parameters in a gate netlist", self.at, _RTL_FIX)
        if self.take("#"):
            self.skip_to(")")
        if self.take("("):
            self.header(module)
        self.expect(";", "after the module header")
        while not self.take("endmodule"):
            if self.kinds[self.at] == "directive":
                self.at += 1
            elif is_cell and self.texts[self.at] not in _DIRECTIONS:
                if self.kinds[self.at] == "end":
                    self.fail("'endmodule'")
                self.at += 1
            else:
                self.item(module)
        self.inside = ""
        for port in module.ports:
            signal = module.signals.get(port)
            if signal is None or signal.direction is None:
                raise HaloError(
                    f"port {port} of module {module.name} has no direction",
                    f"Declare it: input, output or inout {port}.",
                    self.tokens.path,
                    module.line,
                )
        for signal in module.signals.values():
            # Inside a cell's model, arguments of tasks and functions are declared like ports.
            if signal.direction is not None and signal.name not in module.ports and not is_cell:
                raise HaloError(
                    f"{signal.direction} {signal.name} is not in the port list of module {module.name}",
                    "Add it to the list, or declare it as a wire.",
                    self.tokens.path,
                    signal.line,
                )
        module.is_cell = is_cell or not (module.instances or module.assigns)
        return module

    def header(self, module: ModuleText) -> None:
        """The port list after its opening parenthesis: names, or ANSI declarations."""
        if self.take(")"):
            return
        direction: str | None = None
        bounds: tuple[int, int] | None = None
        signed = False
        while True:
            if self.kinds[self.at] == "name" and self.texts[self.at] in _DIRECTIONS:
                direction = self.texts[self.at]
                self.at += 1
                signed, bounds = self.net_type()
            line = self.line()
            if self.is_("."):
                raise self.tokens.error(
                    "a port named apart from its net (.port(net)) in a module header",
                    self.at,
                    "Write the netlist with plain port names.",
                )
            name = self.name("a port")
            if name in module.ports:
                raise self.tokens.error(f"port {name} is listed twice", self.at - 1)
            module.ports.append(name)
            if direction is not None:
                self.declare(module, Signal(name, bounds, line, direction, signed))
            if self.take(")"):
                return
            self.expect(",", "or ')' in the port list")

    def net_type(self) -> tuple[bool, tuple[int, int] | None]:
        """What may stand between a declaration's keyword and its names: type, signedness, range."""
        signed = False
        while self.kinds[self.at] == "name":
            text = self.texts[self.at]
            if text == "signed":
                signed = True
            elif text not in _WIRES and text not in self.models and text not in ("unsigned", "scalared", "vectored"):
                break
            self.at += 1
        return signed, self.range()

    def item(self, module: ModuleText) -> None:
        text = self.texts[self.at]
        if self.kinds[self.at] == "name" and text in _KEYWORDS:
            if text in _DIRECTIONS or text in _WIRES or text in ("supply0", "supply1"):
                self.at += 1
                self.declaration(module, text)
            elif text == "assign":
                self.at += 1
                self.assignment(module)
            else:
                self.fail("a declaration, 'assign', an instance or 'endmodule'")
        elif self.kinds[self.at] == "name" and text in _SYSTEMVERILOG:
            self.fail("a declaration, 'assign', an instance or 'endmodule'")
        else:
            self.instance(module)

    def declaration(self, module: ModuleText, keyword: str) -> None:
        signed, bounds = self.net_type()
        supply = {"supply0": 0, "supply1": 1}.get(keyword)
        direction = keyword if keyword in _DIRECTIONS else None
        while True:
            line = self.line()
            name = self.name("a net name")
            if self.is_("["):
                raise self.tokens.error(f"{name} is an array of nets", self.at, _RTL_FIX)
            self.declare(module, Signal(name, bounds, line, direction, signed, supply))
            if self.take("="):
                module.assigns.append((Ref(name, None, None, line), self.expression(), line))
            if self.take(";"):
                return
            self.expect(",", "or ';' in the declaration")

    def declare(self, module: ModuleText, new: Signal) -> None:
        """Enter a signal; ``output [3:0] y; wire [3:0] y;`` is one signal declared in two parts."""
        old = module.signals.setdefault(new.name, new)
        if old is new:
            return
        in_two_parts = (old.direction is None) != (new.direction is None)
        if not in_two_parts or old.range != new.range:
            how = "twice" if not in_two_parts else "with two different ranges"
            raise HaloError(
                f"{new.name} is declared {how}, before at line {old.line}",
                "Keep one declaration.",
                self.tokens.path,
                new.line,
            )
        old.direction = old.direction or new.direction
        old.signed |= new.signed
        old.supply = new.supply if old.supply is None else old.supply

    def assignment(self, module: ModuleText) -> None:
        while True:
            line = self.line()
            if self.is_("#") or self.is_("("):
                raise self.tokens.error("a delay or strength of an assign", self.at, _DELAY_FIX)
            left = self.expression()
            self.expect("=", "in the assign")
            module.assigns.append((left, self.expression(), line))
            if self.take(";"):
                return
            self.expect(",", "or ';' after the assign")

    def instance(self, module: ModuleText) -> None:
        line = self.line()
        cell = self.name("a declaration, 'assign', an instance or 'endmodule'")
        if self.take("#"):
            self.no_parameters(cell)
        while True:
            name = self.name(f"the name of this instance of {cell}")
            if self.is_("["):
                raise self.tokens.error(f"{name} is an array of instances", self.at, "Write one instance a cell.")
            self.expect("(", f"after the instance name {name}")
            module.instances.append(InstanceText(cell, name, line, *self.connections()))
            if self.take(";"):
                return
            self.expect(",", "or ';' after the instance")
            line = self.line()

    def no_parameters(self, cell: str) -> None:
        """What follows the # of an instance: an empty list says nothing, anything else is refused."""
        at = self.at - 1
        if self.take("(") and self.take(")"):
            return
        if self.is_("."):
            raise self.tokens.error(f"instance of {cell} with parameters in a gate netlist", at, _RTL_FIX)
        raise self.tokens.error(f"a delay or parameter of an instance of {cell}", at, _DELAY_FIX)

    def connections(self) -> tuple[dict[str, Expr | None] | None, list[Expr | None]]:
        if self.take(")"):
            return {}, []
        if not self.is_("."):
            ordered: list[Expr | None] = []
            while True:
                ordered.append(None if self.is_(",") or self.is_(")") else self.expression())
                if self.take(")"):
                    return None, ordered
                self.expect(",", "or ')' in the connections")
        named: dict[str, Expr | None] = {}
        while True:
            self.expect(".", "before a pin name")
            line = self.line()
            pin = self.name("a pin name")
            if pin in named:
                raise self.tokens.error(f"pin {pin} is connected twice", self.at - 1)
            if self.take("("):
                named[pin] = None if self.is_(")") else self.expression()
                self.expect(")", f"after the connection of pin {pin}")
            else:
                named[pin] = Ref(pin, None, None, line)
            if self.take(")"):
                return named, []
            self.expect(",", "or ')' in the connections")
