# SPDX-License-Identifier: Apache-2.0
"""Boolean expressions against hand-written truth tables and against Python's own evaluation."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.liberty.expression import MAX_INPUTS, parse_function, spelled, truth_table


def table(text: str) -> tuple[tuple[str, ...], list[int]]:
    function = parse_function(text, "x.lib", 1)
    return function.inputs, function.table.tolist()


@pytest.mark.parametrize(
    ("text", "inputs", "values"),
    [
        ("A", ("A",), [0, 1]),
        ("!A", ("A",), [1, 0]),
        ("A'", ("A",), [1, 0]),
        ("!A'", ("A",), [0, 1]),
        ("A''", ("A",), [0, 1]),
        ("! ! A", ("A",), [0, 1]),
        ("(A B)", ("A", "B"), [0, 0, 0, 1]),
        ("A&B", ("A", "B"), [0, 0, 0, 1]),
        ("A*B", ("A", "B"), [0, 0, 0, 1]),
        ("A+B", ("A", "B"), [0, 1, 1, 1]),
        ("A|B", ("A", "B"), [0, 1, 1, 1]),
        ("A^B", ("A", "B"), [0, 1, 1, 0]),
        ("A!B", ("A", "B"), [0, 1, 0, 0]),
        ("A'B", ("A", "B"), [0, 0, 1, 0]),
        ("(A)(B)", ("A", "B"), [0, 0, 0, 1]),
        ("(A+B)'", ("A", "B"), [1, 0, 0, 0]),
        ("B A", ("B", "A"), [0, 0, 0, 1]),
        ("0", (), [0]),
        ("1", (), [1]),
        ("(1)'", (), [0]),
        ("A 1", ("A",), [0, 1]),
        # Inversion, then XOR, then AND, then OR (index bit i is inputs[i]).
        ("A + B C", ("A", "B", "C"), [0, 1, 0, 1, 0, 1, 1, 1]),
        ("A B + C", ("A", "B", "C"), [0, 0, 0, 1, 1, 1, 1, 1]),
        ("A & B ^ C", ("A", "B", "C"), [0, 0, 0, 1, 0, 1, 0, 0]),
        ("A ^ B & C", ("A", "B", "C"), [0, 0, 0, 0, 0, 1, 1, 0]),
        ("A + B ^ C", ("A", "B", "C"), [0, 1, 1, 1, 1, 1, 0, 1]),
        ("!A^B", ("A", "B"), [1, 0, 0, 1]),
        ("D[0] D[1]", ("D[0]", "D[1]"), [0, 0, 0, 1]),
        ('\\"1A\\" B', ("1A", "B"), [0, 0, 0, 1]),
        ("A + A'", ("A",), [1, 1]),
    ],
)
def test_hand_written_tables(text: str, inputs: tuple[str, ...], values: list[int]) -> None:
    assert table(text) == (inputs, values)


@pytest.mark.parametrize(
    "text", ["", "  ", "A +", "+ A", "(A", "A)", "A + * B", "!", "'A", "()", "A ? B", "A == B", "A && B"]
)
def test_what_is_no_expression_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(HaloError) as caught:
        parse_function(text, "cells.lib", 42)
    assert (caught.value.path, caught.value.line) == ("cells.lib", 42)


def test_deep_nesting_is_no_problem() -> None:
    depth = 100_000
    assert table("!(" * depth + "A" + ")" * depth) == (("A",), [0, 1])


def test_too_many_names_is_an_error() -> None:
    assert len(parse_function("+".join(f"A{i}" for i in range(MAX_INPUTS)), None, None).table) == 1 << MAX_INPUTS
    with pytest.raises(HaloError, match="21 names"):
        parse_function("+".join(f"A{i}" for i in range(MAX_INPUTS + 1)), None, None)


NAMES = ("A", "B", "CI", "Q_1", "D[3]")


class Expression:
    """A random expression as Liberty text with as few parentheses as precedence allows, and as Python text."""

    def __init__(self, liberty: str, python: str, level: int) -> None:
        self.liberty, self.python, self.level = liberty, python, level

    def at(self, level: int) -> str:
        return self.liberty if self.level >= level else f"({self.liberty})"


def leaf() -> st.SearchStrategy[Expression]:
    names = st.sampled_from(NAMES).map(lambda n: Expression(n, f"v[{n!r}]", 5))
    return names | st.sampled_from("01").map(lambda c: Expression(c, c, 5))


def node(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def binary(sign: str, python: str, level: int) -> st.SearchStrategy[Expression]:
        return st.tuples(children, children).map(
            lambda ab: Expression(
                f"{ab[0].at(level)}{sign}{ab[1].at(level + 1)}", f"({ab[0].python} {python} {ab[1].python})", level
            )
        )

    return st.one_of(
        children.map(lambda a: Expression(f"!{a.at(4)}", f"(1 - {a.python})", 4)),
        children.map(lambda a: Expression(f"{a.at(5)}'", f"(1 - {a.python})", 5)),
        binary("^", "^", 3),
        binary(" ^ ", "^", 3),
        binary(" ", "&", 2),
        binary("*", "&", 2),
        binary(" & ", "&", 2),
        binary("+", "|", 1),
        binary(" | ", "|", 1),
    )


@settings(deadline=None)
@given(st.recursive(leaf(), node, max_leaves=12))
def test_agrees_with_python(expression: Expression) -> None:
    function = parse_function(expression.liberty, None, None)
    code = compile(expression.python, "oracle", "eval")
    for bits in itertools.product((0, 1), repeat=len(function.inputs)):
        values = dict.fromkeys(NAMES, 0) | dict(zip(function.inputs, bits, strict=True))
        index = sum(bit << place for place, bit in enumerate(bits))
        assert function.table[index] == eval(code, {"v": values})


@settings(deadline=None)
@given(st.recursive(leaf(), node, max_leaves=12))
def test_spelled_out_it_means_the_same_to_every_reader(expression: Expression) -> None:
    function = parse_function(expression.liberty, None, None)
    text = spelled(function)
    tokens = [t if t in "()!01" else {"*": "&", "+": "|"}.get(t, t) for t in re.findall(r"[()!*+^]|[^()!*+^]+", text)]
    tokens = [t if t in "()!&|^01" else f"@{t}" for t in tokens]
    for order in itertools.permutations("&|^"):
        again = truth_table(text, tokens, {sign: strength for strength, sign in enumerate(order, 1)}, MAX_INPUTS)
        for bits in itertools.product((0, 1), repeat=len(function.inputs)):
            values = dict(zip(function.inputs, bits, strict=True))
            first, second = (
                f.table[sum(values[name] << place for place, name in enumerate(f.inputs))] for f in (function, again)
            )
            assert first == second, text


def test_spelled_with_other_names_and_at_any_length() -> None:
    function = parse_function("A ^ B * !!C'", None, None)
    assert spelled(function) == "((A^B)*!C)"
    assert spelled(type(function)(function.text, ("D[0]", "E", "F"), function.table)) == "((D[0]^E)*!F)"
    assert len(spelled(parse_function(" ".join("AB" * 100_000), None, None))) == len("(A*B)")


@settings(deadline=None)
@given(st.text(alphabet="AB01!'^&*+|() \"\\[]", max_size=20))
def test_any_text_gives_a_table_or_an_error(text: str) -> None:
    try:
        function = parse_function(text, None, None)
    except HaloError:
        return
    assert len(function.table) == 2 ** len(function.inputs)
