# SPDX-License-Identifier: Apache-2.0
"""The README stays short, and what it and the documentation tell people to type or open is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from halo.cli.main import application

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "rtl" / "README.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def examples() -> list[str]:
    """Indented lines that begin with ``halo`` and a command, in pages and in the help of commands."""
    texts = [path.read_text(encoding="utf-8").replace(" \\\n", " ") for path in PAGES if path.is_file()]
    texts += [command.help or "" for command in typer.main.get_command(application()).commands.values()]  # type: ignore[attr-defined]
    lines = [line for text in texts for line in re.findall(r"^ +(halo [a-z].*)$", text, re.MULTILINE)]
    return sorted({line.split("#")[0].strip() for line in lines if "[OPTIONS]" not in line})


@pytest.mark.parametrize("example", examples())
def test_examples_are_accepted_by_the_command_line(example: str) -> None:
    _, name, *arguments = shlex.split(example)
    command = typer.main.get_command(application()).commands[name]  # type: ignore[attr-defined]
    command.make_context(name, arguments)


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_scripts_named_are_there() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in set(re.findall(r"\./(scripts/\w+\.sh)", text)):
        assert (ROOT / name).stat().st_mode & 0o111, name
    for name in set(
        re.findall(r"(?:python |`)((?:scripts|tests|docs|notebooks|rtl|sim)/[\w/]+\.(?:py|ipynb|v|md))", text)
    ):
        assert "NAME" in name or (ROOT / name).is_file(), name
