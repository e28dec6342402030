# SPDX-License-Identifier: Apache-2.0
"""Notebooks read well where they are stored: run top to bottom, free of a machine's paths, small, defining nothing.

Whether their assertions hold is seen by running them again (marked slow).
"""

from __future__ import annotations

import ast
import importlib
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import halo

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 1_500_000
# A path of two parts or more, from the root or a drive, not inside a word, an address or a tag.
ABSOLUTE = re.compile(r"(?<![\w.:/<>)-])(?:/[\w.~+-]+){2,}|\b[A-Za-z]:\\\w")
PACKAGED = "/usr/share/qflow/"  # Debian's own place for the library: the same on every machine


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def texts(cell: Any) -> list[str]:
    """Everything in a cell's outputs that is text."""
    found = [str(output.get("text", "")) for output in cell.outputs]
    for output in cell.outputs:
        found += [str(value) for kind, value in output.get("data", {}).items() if not kind.startswith("image/")]
    return found


def test_there_are_notebooks() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{i + 1:02d}" for i in range(len(NOTEBOOKS))] and NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_as_it_ran(path: Path) -> None:
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert {output.output_type for cell in cells for output in cell.outputs} <= {"display_data", "execute_result"}
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_no_place_on_a_machine(path: Path) -> None:
    shown = [text for cell in code_cells(path) for text in texts(cell)]
    written = [cell.source.replace(PACKAGED, "") for cell in read(path).cells]
    assert [match.group() for text in shown + written for match in ABSOLUTE.finditer(text)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("found /srv/me/x.lib.", True),
        ('path="/var/abc/def"', True),
        (r"C:\Users\me", True),
        ("<tr><td>1</td></tr>", False),
        ("https://arxiv.org/abs/2502.19662", False),
        ("1 / delay, 2.4 : 1.9, kHz/MHz/GHz", False),
        ("../../shared/liberty", False),
    ],
)
def test_absolute_paths_are_told_from_other_slashes(text: str, expected: bool) -> None:
    assert bool(ABSOLUTE.search(text)) is expected


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_halo_defines_nothing_and_asserts(path: Path) -> None:
    source = "\n".join(cell.source for cell in code_cells(path))
    nodes = list(ast.walk(ast.parse(source)))
    assert not [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda)]
    assert "import halo" in source and sum(isinstance(node, ast.Assert) for node in nodes) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_assertions_hold(
    path: Path, osu018: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if any("Set HALO_SHARED" in cell.source for cell in code_cells(path)):
        request.getfixturevalue("shared")  # skips, with the reason, where there is none
    monkeypatch.setenv("PYTHONPATH", str(Path(halo.__file__).parents[1]), prepend=os.pathsep)
    client = NotebookClient(
        read(path), timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute()


PUBLIC = ("halo", "halo.plot", "halo.quant", "halo.arch", "halo.liberty")
SCRIPTS = sorted((FOLDER.parent / "examples").glob("*.py"))


def private_names(source: str) -> list[str]:
    """Names of halo that a source imports or reads by their full path, and that no public package promises."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] == "halo" and a.name not in PUBLIC]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "halo":
            promised = importlib.import_module(node.module).__all__ if node.module in PUBLIC else ()
            found += [f"{node.module}.{a.name}" for a in node.names if a.name not in promised]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "halo":
            found += [f"halo.{node.attr}"] if node.attr not in (*halo.__all__, "__version__") else []
    return found


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SCRIPTS], ids=lambda path: path.stem)
def test_notebooks_and_examples_use_public_names_only(path: Path) -> None:
    cells = [cell.source for cell in code_cells(path)] if path.suffix == ".ipynb" else [path.read_text("utf-8")]
    assert private_names("\n".join(cells)) == []


def test_a_private_name_would_be_seen() -> None:
    source = "import halo, halo.flow.score\nfrom halo.quant import load_layer, pack\nhalo.score; halo.flow.score"
    assert private_names(source) == ["halo.flow.score", "halo.quant.pack", "halo.flow"]
