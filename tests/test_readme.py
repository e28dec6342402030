"""The generated tables of README.md are up to date, and what it promises to type can be typed."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from halo.cli.main import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_tables_are_fresh() -> None:
    spec = importlib.util.spec_from_file_location("refresh_readme", ROOT / "scripts" / "refresh_readme.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.refreshed(README) == README, "run: python scripts/refresh_readme.py"


def examples() -> list[str]:
    text = README.replace(" \\\n", " ")
    texts = [text, *(command.help or "" for command in typer.main.get_command(app).commands.values())]  # type: ignore[attr-defined]
    return [line.split("#")[0].strip() for t in texts for line in re.findall(r"^ +(halo \w.*)$", t, re.MULTILINE)]


@pytest.mark.parametrize("example", examples())
def test_examples_are_accepted_by_the_command_line(example: str) -> None:
    _, name, *arguments = shlex.split(example)
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    command.make_context(name, arguments)


def test_scripts_named_are_there() -> None:
    for name in set(re.findall(r"\./(scripts/\w+\.sh)", README)):
        assert (ROOT / name).stat().st_mode & 0o111, name
