"""Rewrite the generated tables of README.md: columns, commands, options. A test fails when they are out of date.

python scripts/refresh_readme.py
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer.main

from halo.characterization.columns import COLUMNS
from halo.cli.main import app

README = Path(__file__).resolve().parent.parent / "README.md"


def refreshed(text: str) -> str:
    """The README with its tables made anew."""
    group: Any = typer.main.get_command(app)
    tables = {
        "columns": _table(("column", "meaning"), ((f"`{c.name}`", c.meaning) for c in COLUMNS)),
        "commands": _table(
            ("command", "what it does"),
            ((f"`halo {name}`", command.get_short_help_str(200)) for name, command in group.commands.items()),
        ),
        **{
            f"options of {name}": _table(("option", "meaning", "default"), _options(group.commands[name]))
            for name in ("characterize", "quantize", "evaluate", "score")
        },
    }
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        text, found = pattern.subn(lambda match, table=table: match[1] + table + match[2], text)
        if found != 1:
            raise SystemExit(f"README.md needs one pair of markers for {name}")
    return text


def _options(command: Any) -> Iterable[tuple[str, str, str]]:
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = f"`{parameter.metavar}`" + ("" if parameter.nargs == 1 else " ...")
        else:
            flags = ", ".join([*parameter.opts, *parameter.secondary_opts])
            name = f"`{flags} {parameter.metavar}`" if parameter.metavar else f"`{flags}`"
        default = parameter.default
        if isinstance(default, bool):
            default = "on" if default else None
        shown = "" if default is None else f"`{default}`"
        yield name.replace("|", "\\|"), parameter.help, "needed" if parameter.required else shown


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    README.write_text(refreshed(README.read_text(encoding="utf-8")), encoding="utf-8")
