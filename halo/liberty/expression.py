# SPDX-License-Identifier: Apache-2.0
"""Boolean expressions as truth tables: those of Liberty (``function``, ``when``, ``next_state``, ...), and the parser.

Other formats bring their own tokens and precedence to :func:`truth_table`. Liberty's follow the Liberty User Guide,
"function attribute": inversion (prefix ``!``, postfix ``'``) first, then XOR ``^``, then AND (``*``, ``&`` or just a
space), then OR (``+``, ``|``). OpenSTA binds the AND that is written as a space more tightly than XOR; no library we
know mixes the two without parentheses.

Readers differ on that order, and on the space as AND, so :func:`spelled` writes an expression with every parenthesis.

A truth table is computed as one integer whose bit ``i`` is the value at input pattern ``i``: an operator is then one
integer operation whatever the number of patterns. The parser is an operator-precedence loop with its own stack, so
deeply nested input cannot exhaust Python's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from halo.errors import HaloError
from halo.liberty.model import Function

MAX_INPUTS = 20
"""Largest number of names in one expression: its truth table has 2 ** MAX_INPUTS entries of one byte."""

_TOKEN = re.compile(
    r"\s*(?:(?P<constant>[01](?![\w\[<.$]))"
    r"|(?P<name>[A-Za-z_0-9][\w.$]*(?:[\[<]\d+[\]>][\w.$]*)*)"
    r'|\\?"\s*(?P<quoted>[^"\\\s]+)\s*\\?"'
    r"|(?P<operator>[!'^&*+|()]))"
)
_BINARY = {"^": "^", "&": "&", "*": "&", "|": "|", "+": "|"}
_PRECEDENCE = {"|": 1, "&": 2, "^": 3}
_WRITTEN = {"|": "+", "&": "*", "^": "^"}
_LONG = 1000
"""Most tokens of an expression that is spelled as it stands: each operator copies what it joins."""
_AND, _OR, _XOR = ("&", "&&"), ("|", "||"), ("^", "!=", "!==")
"""Binary operators by meaning; all others are equivalence."""
_UNARY = 100
"""Precedence of inversion, above all others."""


Value = TypeVar("Value")


class ExpressionError(ValueError):
    """What is wrong with an expression, without its place in a file."""


def parse_function(text: str, path: str | Path | None, line: int | None) -> Function:
    """Parse one Liberty Boolean expression.

    Args:
        text: the expression without its enclosing quotes.
        path: file it stands in, for the error.
        line: line it stands in, for the error.

    Returns:
        The truth table over the names in the expression, in order of first appearance.

    Raises:
        HaloError: the text is not a Liberty expression, or it has more than ``MAX_INPUTS`` names.
    """
    try:
        return truth_table(text, _tokens(text), _PRECEDENCE, MAX_INPUTS)
    except ExpressionError as problem:
        raise HaloError(
            f"the Boolean expression {text!r} cannot be read: {problem}",
            "Correct the expression; operators are ! ' ^ & * + | and a space for AND.",
            path,
            line,
        ) from None


def truth_table(text: str, tokens: list[str], precedence: Mapping[str, int], most: int) -> Function:
    """Evaluate an expression at every value of its names.

    Args:
        text: the expression as written.
        tokens: names as ``@name``, the constants 0 and 1, parentheses, ``!`` before and ``'`` behind an operand for its
            inverse, and binary operators.
        precedence: of each binary operator, from 1; equal ones are taken from the left.
        most: largest number of names.

    Returns:
        The table over the names, in order of first appearance.

    Raises:
        ExpressionError: the tokens are no expression, or there are too many names.
    """
    inputs = tuple(dict.fromkeys(token[1:] for token in tokens if token[0] == "@"))
    if len(inputs) > most:
        raise ExpressionError(f"it depends on {len(inputs)} names, more than the {most} supported")
    bits = _evaluate(tokens, inputs, precedence)
    size = 1 << len(inputs)
    packed = np.frombuffer(bits.to_bytes(max(1, size // 8), "little"), dtype=np.uint8)
    return Function(text, inputs, np.unpackbits(packed, count=size, bitorder="little"))


def spelled(function: Function) -> str:
    """A Liberty expression again, with its inputs' names, in a form that no reader can take another way.

    Every operation of two operands stands in parentheses, the inverse is ``!`` before its operand. An expression with
    the constants 0 or 1, or a very long one, is written anew from its values.
    """
    tokens = _tokens(function.text)
    if "0" in tokens or "1" in tokens or len(tokens) > _LONG:
        return _sum_of_minterms(function)
    written = dict.fromkeys(token for token in tokens if token[0] == "@")
    names = dict(zip(written, function.inputs, strict=True))
    return _fold(tokens, names, _PRECEDENCE, lambda a: a[1:] if a[0] == "!" else f"!{a}", _spell)


def _sum_of_minterms(function: Function) -> str:
    if function.table.min() == function.table.max():
        return str(function.table[0])
    terms = [
        "*".join(name if state >> place & 1 else f"!{name}" for place, name in enumerate(function.inputs))
        for state in np.flatnonzero(function.table).tolist()
    ]
    return "+".join(f"({term})" for term in terms)


def _spell(operator: str, left: str, right: str) -> str:
    return f"({left}{_WRITTEN[operator]}{right})"


def _tokens(text: str) -> list[str]:
    """Split into names (marked ``@name``), constants, parentheses and ``! ' ^ & |``; the implicit AND made explicit."""
    tokens: list[str] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"unexpected {text[position:].lstrip()[:1]!r}")
        position = match.end()
        name = match["name"] or match["quoted"]
        token = f"@{name}" if name else match["constant"] or match["operator"]
        token = _BINARY.get(token, token)
        if tokens and _ends_operand(tokens[-1]) and _starts_operand(token):
            tokens.append("&")
        tokens.append(token)
    if not tokens:
        raise ExpressionError("it is empty")
    return tokens


def _starts_operand(token: str) -> bool:
    return token[0] in "@01" or token in ("!", "(")


def _ends_operand(token: str) -> bool:
    return token[0] in "@01" or token in (")", "'")


def _variable(place: int, size: int) -> int:
    """Value of the input at ``place`` at every one of ``size`` patterns: runs of 2**place zeros and ones in turn."""
    run = 1 << place
    bits, width = ((1 << run) - 1) << run, 2 * run
    while width < size:
        bits |= bits << width
        width *= 2
    return bits


def _evaluate(tokens: list[str], inputs: tuple[str, ...], precedence: Mapping[str, int]) -> int:
    """Value of the expression at every input pattern, one bit a pattern."""
    size = 1 << len(inputs)
    full = (1 << size) - 1
    masks = {f"@{name}": _variable(place, size) for place, name in enumerate(inputs)}
    masks |= {"0": 0, "1": full}

    def combine(operator: str, left: int, right: int) -> int:
        if operator in _AND:
            return left & right
        if operator in _OR:
            return left | right
        return left ^ right if operator in _XOR else full ^ left ^ right

    return _fold(tokens, masks, precedence, lambda operand: full ^ operand, combine)


def _fold(
    tokens: list[str],
    leaves: Mapping[str, Value],
    precedence: Mapping[str, int],
    invert: Callable[[Value], Value],
    combine: Callable[[str, Value, Value], Value],
) -> Value:
    """Evaluate an expression over any values: ``leaves`` of names and constants, and the two kinds of operation.

    Raises:
        ExpressionError: the tokens are no expression.
    """
    strength = {**precedence, "!": _UNARY, "(": 0}
    operands: list[Value] = []
    operators: list[str] = []

    def reduce_while(minimum: int) -> None:
        while operators and strength[operators[-1]] >= minimum:
            operator = operators.pop()
            right = operands.pop()
            operands.append(invert(right) if operator == "!" else combine(operator, operands.pop(), right))

    operand_expected = True
    for token in tokens:
        if _starts_operand(token) != operand_expected:
            raise ExpressionError(f"unexpected {token.lstrip('@')!r}")
        if token in leaves:
            operands.append(leaves[token])
            operand_expected = False
        elif token in "!(":
            operators.append(token)
        elif token == "'":
            operands.append(invert(operands.pop()))
        elif token == ")":
            reduce_while(1)
            if not operators:
                raise ExpressionError("unexpected ')'")
            operators.pop()
        else:
            reduce_while(strength[token])
            operators.append(token)
            operand_expected = True
    if operand_expected:
        raise ExpressionError("it ends where an operand is expected")
    reduce_while(1)
    if operators:
        raise ExpressionError("a '(' is not closed")
    return operands[0]
