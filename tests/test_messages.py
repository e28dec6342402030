# SPDX-License-Identifier: Apache-2.0
"""Every error says what to do in a full sentence: a capital or a code word first, a full stop last."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "halo"
CODE_WORD = re.compile(r"(--?\w|pip |halo |\w+[(=])")


def fixes(tree: ast.AST) -> Iterator[ast.expr]:
    """The second argument of every ``HaloError(...)``, both of a choice."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "HaloError":
            given = node.args[1:2] or [word.value for word in node.keywords if word.arg == "fix"]
            while given:
                fix = given.pop()
                if isinstance(fix, ast.IfExp):
                    given += [fix.body, fix.orelse]
                else:
                    yield fix


def ends(fix: ast.expr) -> tuple[str | None, str | None]:
    """First and last literal text of a string; None where a value stands there, or for what is no literal."""
    if isinstance(fix, ast.Constant) and isinstance(fix.value, str):
        return fix.value, fix.value
    if isinstance(fix, ast.JoinedStr) and fix.values:
        texts = [part.value if isinstance(part, ast.Constant) else None for part in (fix.values[0], fix.values[-1])]
        return tuple(text if isinstance(text, str) else None for text in texts)  # type: ignore[return-value]
    return None, None


def faults(source: str) -> list[int]:
    """Lines of fixes that are no sentence. What ends in a value, such as a command to type, may end without a stop."""
    wrong = []
    for fix in fixes(ast.parse(source)):
        first, last = ends(fix)
        begins = first is None or first[:1].isupper() or CODE_WORD.match(first) is not None
        if not begins or (last is not None and not last.endswith((".", "--help"))):
            wrong.append(fix.lineno)
    return wrong


def test_every_fix_is_a_sentence() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in faults(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_the_rule_sees_what_it_should() -> None:
    assert faults('HaloError("bad", "check it")') == [1]
    assert faults('HaloError("bad", "Check it")') == [1]
    assert faults('HaloError("bad", fix="use that.")') == [1]
    assert faults('HaloError("bad", "Add it." if x else "add it.")') == [1]
    assert faults('HaloError("bad", f"Give {one} or other")') == [1]
    assert faults('HaloError("bad", f"Give one of {names}.", path)\nHaloError("bad", f"{a} is it.")') == []
    assert faults('HaloError("bad", "--tie it.")\nHaloError("bad", other)') == []
