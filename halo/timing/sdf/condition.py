# SPDX-License-Identifier: Apache-2.0
"""Conditions of SDF paths (``COND``) as truth tables.

SDF 3.0 (IEEE 1497-2001, annex A, ``conditional_port_expr``): Verilog's scalar operators and constants. A condition
holds where its value is 1.

Tests: tests/timing/sdf/test_sdf.py.
"""

from __future__ import annotations

import re

from halo.liberty.expression import ExpressionError, truth_table
from halo.liberty.model import Function
from halo.netlist.model import MAX_PINS

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
        ExpressionError: the text is not such an expression, or has more than ``MAX_PINS`` names.
    """
    return truth_table(text, _tokens(text), _PRECEDENCE, MAX_PINS)


def _tokens(text: str) -> list[str]:
    tokens = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"unexpected {text[position:].lstrip()[:1]!r}")
        if match["name"]:
            tokens.append("@" + re.sub(r"\\(.)", r"\1", match["name"]))
        elif match["constant"]:
            tokens.append(match["constant"][-1])
        else:
            tokens.append("!" if match["operator"] == "~" else match["operator"])
        position = match.end()
    return tokens
