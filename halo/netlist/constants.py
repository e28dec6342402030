# SPDX-License-Identifier: Apache-2.0
"""Integer value of a constant expression in pyverilog's syntax tree: parameters, arithmetic, ``$clog2``.

Tests: tests/netlist/test_hdl_inspect.py.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

Value = int | str | None
"""None: no integer or string can be given (a function call, an unknown name, a real number, x or z digits)."""

_NUMBER = re.compile(r"(\d*)'(s?)([bodh])([0-9a-f]+)")
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}
_LARGEST = 1 << 16
"""Longest shift and largest exponent that is worked out: a width beyond it is a mistake."""


def _divide(a: int, b: int) -> int:
    """Verilog truncates towards zero (IEEE 1364-2005, 5.1.5)."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


_BINARY: dict[str, Callable[[int, int], int]] = {
    "Plus": operator.add,
    "Minus": operator.sub,
    "Times": operator.mul,
    "Divide": _divide,
    "Mod": lambda a, b: a - b * _divide(a, b),
    "And": operator.and_,
    "Or": operator.or_,
    "Xor": operator.xor,
    "LessThan": lambda a, b: int(a < b),
    "GreaterThan": lambda a, b: int(a > b),
    "LessEq": lambda a, b: int(a <= b),
    "GreaterEq": lambda a, b: int(a >= b),
    "Eq": lambda a, b: int(a == b),
    "Eql": lambda a, b: int(a == b),
    "NotEq": lambda a, b: int(a != b),
    "NotEql": lambda a, b: int(a != b),
    "Land": lambda a, b: int(bool(a) and bool(b)),
    "Lor": lambda a, b: int(bool(a) or bool(b)),
    "Sll": operator.lshift,
    "Sla": operator.lshift,
    "Srl": operator.rshift,
    "Sra": operator.rshift,
    "Power": operator.pow,
}
_UNARY: dict[str, Callable[[int], int]] = {
    "Uplus": operator.pos,
    "Uminus": operator.neg,
    "Ulnot": lambda a: int(not a),
    "Unot": operator.invert,
}
_BOUNDED = frozenset({"Sll", "Sla", "Srl", "Sra", "Power"})


def number_value(text: str) -> int | None:
    """Value of a Verilog number; None with x or z digits, or digits that its base does not have."""
    text = text.replace("_", "").replace(" ", "").lower()
    if text.isdigit():
        return int(text)
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    size, signed, base, digits = found.groups()
    try:
        value = int(digits, _BASES[base])
    except ValueError:
        return None
    if size:
        value &= (1 << int(size)) - 1
        if signed and value >> (int(size) - 1):
            value -= 1 << int(size)
    return value


def evaluate_constant(node: Any, names: Mapping[str, Value]) -> Value:
    """Value of a pyverilog expression; ``names`` holds the parameters known so far.

    Args:
        node: a node of ``pyverilog.vparser.ast``, or None.
        names: values of parameters, without the backslash of escaped names.
    """
    kind = type(node).__name__
    if kind == "Rvalue":
        return evaluate_constant(node.var, names)
    if kind == "IntConst":
        return number_value(node.value)
    if kind == "StringConst":
        return str(node.value)
    if kind == "Identifier":
        return None if node.scope is not None else names.get(node.name.removeprefix("\\"))
    if kind == "Cond":
        condition = evaluate_constant(node.cond, names)
        if not isinstance(condition, int):
            return None
        return evaluate_constant(node.true_value if condition else node.false_value, names)
    if kind == "SystemCall" and len(node.args) == 1:
        return _system_call(node.syscall, evaluate_constant(node.args[0], names))
    if kind in _UNARY:
        value = evaluate_constant(node.right, names)
        return _UNARY[kind](value) if isinstance(value, int) else None
    if kind in _BINARY:
        return _binary(kind, evaluate_constant(node.left, names), evaluate_constant(node.right, names))
    return None


def _binary(kind: str, left: Value, right: Value) -> Value:
    if kind in ("Eq", "NotEq") and isinstance(left, str) and isinstance(right, str):
        return int((left == right) == (kind == "Eq"))
    if not isinstance(left, int) or not isinstance(right, int):
        return None
    if kind in ("Divide", "Mod") and right == 0:
        return None
    if kind in _BOUNDED and not 0 <= right <= _LARGEST:
        return None
    return _BINARY[kind](left, right)


def _system_call(name: str, value: Value) -> Value:
    if not isinstance(value, int):
        return None
    if name == "clog2":
        return max(value - 1, 0).bit_length()
    return value if name in ("signed", "unsigned") else None
