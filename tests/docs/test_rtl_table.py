# SPDX-License-Identifier: Apache-2.0
"""The table of MAC families in rtl/README.md is what characterizing them gives."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "rtl" / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh_rtl_table", ROOT / "scripts" / "refresh_rtl_table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_family_has_its_rows(refresh: ModuleType) -> None:
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith(("| `mul_", "| `mac_")) and "," in line]
    rows = [name for name in rows if "FAMILY" not in name]
    there = {path.stem for path in (ROOT / "rtl" / "mac").glob("m[ua][lc]_*.v")}
    assert rows == list(refresh.modules()) and set(rows) == there


@pytest.mark.slow
def test_a_row_measured_again(refresh: ModuleType, osu018: Path) -> None:
    assert osu018 == refresh.LIBRARY
    assert refresh.measure("mul_booth_r4").line() in PAGE, "run: python scripts/refresh_rtl_table.py"


def test_every_module_is_on_the_map() -> None:
    shown = PAGE.replace(
        "`mul_FAMILY`, `mac_FAMILY`", " ".join(f"`{p.stem}`" for p in (ROOT / "rtl/mac").glob("m??_*.v"))
    )
    assert not [path.stem for path in (ROOT / "rtl").rglob("*.v") if f"`{path.stem}`" not in shown]
