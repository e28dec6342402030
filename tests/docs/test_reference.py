# SPDX-License-Identifier: Apache-2.0
"""What the documentation says of commands, columns and data files is what the code has (scripts/refresh_docs.py)."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from synthetic_run import corner, write_run

from halo.arch.gpu.device import DATA as GPU_DATA
from halo.arch.systolic.array import DATA as SYSTOLIC_DATA
from halo.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
AGAIN = "run: python scripts/refresh_docs.py"


@pytest.fixture(scope="module")
def refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh_docs", ROOT / "scripts" / "refresh_docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(page: str, name: str) -> list[str]:
    """Names in the first column of the table between ``<!-- name -->`` and ``<!-- end of name -->``."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"<!-- {re.escape(name)} -->\n(.*?)<!-- end of {re.escape(name)} -->", text, re.DOTALL)
    assert found is not None, name
    rows = found[1].splitlines()[2:]
    return [cell for row in rows for cell in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_generated_parts_are_fresh(refresh: ModuleType) -> None:
    made = refresh.regions()
    for page in refresh.pages():
        text = page.read_text(encoding="utf-8")
        assert refresh.refreshed(text, made) == text, f"{page.name}: {AGAIN}"


def test_every_generated_part_has_its_place(refresh: ModuleType) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in refresh.pages())
    assert all(text.count(f"<!-- begin {name} -->") == 1 for name in refresh.regions())


def test_an_unknown_part_is_refused(refresh: ModuleType) -> None:
    with pytest.raises(SystemExit, match="nothing generates 'x'"):
        refresh.refreshed("<!-- begin x -->\n<!-- end x -->", {"y": ""})


def test_the_picture_of_the_layers_is_fresh_and_has_each_of_them(refresh: ModuleType) -> None:
    text = (DOCS / "images" / "layers.svg").read_text(encoding="utf-8")
    assert refresh.layer_picture() == text, AGAIN
    bold = [node.text for node in ElementTree.fromstring(text).iter() if node.get("font-weight") == "bold"]
    names, _ = refresh.layers()
    assert bold == [*reversed(names[names.index("liberty") :]), "foundations"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["rtn", "halo"])
def test_columns_of_layers_csv(tmp_path: Path, method: str) -> None:
    run = write_run(tmp_path / "run", corner())
    weights = np.random.default_rng(1).normal(0, 0.02, (64, 64)).astype(np.float32)
    np.savez(tmp_path / "model.npz", layer=weights)
    tile = ["--tile", "32"] if method == "halo" else []
    given = [str(tmp_path / "model.npz"), "--method", method, "--table", str(run), "-o", str(tmp_path / "q")]
    assert main(["quantize", *given, *tile]) == 0
    header = (tmp_path / "q" / "layers.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    documented = table("reference/columns.md", "columns of layers.csv")
    written = list(dict.fromkeys(re.sub(r"class_\d+_", "class_K_", name) for name in header))
    only_classes = {"class_K_share"} if method == "rtn" else set()
    assert written == [name for name in documented if name not in only_classes]


@pytest.mark.parametrize("path", sorted(SYSTOLIC_DATA.glob("*.toml")), ids=lambda path: path.stem)
def test_keys_of_arrays(path: Path) -> None:
    same(table("reference/data-files.md", "keys of arrays"), tomllib.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sorted(GPU_DATA.glob("*.toml")), ids=lambda path: path.stem)
def test_keys_of_devices(path: Path) -> None:
    device: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    same(table("reference/data-files.md", "keys of devices"), device)
    for instruction in device["mma"]:
        same(table("reference/data-files.md", "keys of mma"), instruction)


def same(documented: Iterable[str], found: Iterable[str]) -> None:
    assert sorted(documented) == sorted(found)


def test_pictures_are_small_and_all_shown() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in [*DOCS.rglob("*.md"), ROOT / "README.md"])
    for picture in (DOCS / "images").iterdir():
        assert picture.stat().st_size < 200_000, picture.name
        assert picture.name in text, f"{picture.name} is on no page"
