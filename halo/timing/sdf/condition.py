"""Conditions of SDF paths (``COND``) as truth tables.

SDF 3.0 (IEEE 1497-2001, annex A, ``conditional_port_expr``): Verilog's scalar operators and constants. A condition
holds where its value is 1.
"""

from __future__ import annotations

import re

import numpy as np

from halo.liberty.model import Function

MAX_INPUTS = 16
"""Most names in one condition."""

_TOKEN = re.compile(
    r"\s*(?:(?P<constant>[01]?'[bB][01]|[01](?![\w']))"
    r"|(?P<operator>===|!==|==|!=|&&|\|\||~\^|\^~|[()!~&|^])"
    r"|(?P<name>(?:\\.|[A-Za-z_0-9.$\[\]/])+))"
)
_PRECEDENCE = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "~^": 4, "^~": 4, "&": 5, "==": 6, "!=": 6, "===": 6, "!==": 6
}  # fmt: skip


def parse_condition(text: str) -> Function:
    """Truth table of a condition over its names, in order of first appearance.

    Raises:
        ValueError: the text is not such an expression, or has more than ``MAX_INPUTS`` names; the message says where.
    """
    tokens = _tokens(text)
    inputs = tuple(dict.fromkeys(word for kind, word in tokens if kind == "name"))
    if len(inputs) > MAX_INPUTS:
        raise ValueError(f"it depends on {len(inputs)} names, more than the {MAX_INPUTS} supported")
    size = 1 << len(inputs)
    states = np.arange(size)
    values = {name: ((states >> bit) & 1).astype(np.uint8) for bit, name in enumerate(inputs)}
    table, rest = _expression(tokens, 0, 1, values, size)
    if rest != len(tokens):
        raise ValueError(f"unexpected {tokens[rest][1]!r}")
    return Function(text, inputs, table)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"unexpected {text[position:].lstrip()[:1]!r}")
        kind = match.lastgroup or ""
        word = match[kind]
        tokens.append((kind, re.sub(r"\\(.)", r"\1", word) if kind == "name" else word))
        position = match.end()
    return tokens


def _expression(
    tokens: list[tuple[str, str]], at: int, lowest: int, values: dict[str, np.ndarray], size: int
) -> tuple[np.ndarray, int]:
    """Value of the operators from precedence ``lowest`` upwards, from token ``at``; and the token behind them."""
    left, at = _operand(tokens, at, values, size)
    while at < len(tokens) and _PRECEDENCE.get(tokens[at][1], 0) >= lowest:
        operator = tokens[at][1]
        right, at = _expression(tokens, at + 1, _PRECEDENCE[operator] + 1, values, size)
        if operator in ("&&", "&"):
            left = left & right
        elif operator in ("||", "|"):
            left = left | right
        elif operator in ("^", "!=", "!=="):
            left = left ^ right
        else:
            left = 1 - (left ^ right)
    return left, at


def _operand(
    tokens: list[tuple[str, str]], at: int, values: dict[str, np.ndarray], size: int
) -> tuple[np.ndarray, int]:
    if at == len(tokens):
        raise ValueError("it ends too early")
    kind, word = tokens[at]
    if kind == "name":
        return values[word], at + 1
    if kind == "constant":
        return np.full(size, int(word[-1]), dtype=np.uint8), at + 1
    if word in ("!", "~"):
        inner, after = _operand(tokens, at + 1, values, size)
        return 1 - inner, after
    if word == "(":
        inner, after = _expression(tokens, at + 1, 1, values, size)
        if after == len(tokens) or tokens[after][1] != ")":
            raise ValueError("a parenthesis is not closed")
        return inner, after + 1
    raise ValueError(f"unexpected {word!r}")
