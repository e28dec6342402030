# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the synthesis tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str], Path]


@pytest.fixture
def verilog(tmp_path: Path) -> Write:
    """``verilog(text)`` writes a source file and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "design.v"
        path.write_text(text, encoding="utf-8")
        return path

    return write
