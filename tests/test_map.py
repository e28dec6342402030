# SPDX-License-Identifier: Apache-2.0
"""Who changes a module finds its tests: they have its name, or its docstring says where they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(path for path in (ROOT / "halo").rglob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_where_it_is_tested(module: Path) -> None:
    place = module.relative_to(ROOT / "halo")
    if (ROOT / "tests" / place.parent / f"test_{module.stem}.py").is_file():
        return
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    told = re.search(r"^Tests: (\S+\.py)\.$", docstring, re.MULTILINE)
    assert told is not None, f"{place}: neither a test of its name nor a line 'Tests: tests/...' in its docstring"
    assert (ROOT / told[1]).is_file(), f"{told[1]} is not there"
