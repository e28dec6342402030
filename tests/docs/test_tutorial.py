# SPDX-License-Identifier: Apache-2.0
"""What the tutorial shows of a command is what the command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from halo.cli.main import application

TUTORIAL = (Path(__file__).resolve().parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")


def test_inspect_prints_what_the_tutorial_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"```verilog\n(.*?)```.*?halo (inspect mac\.v)\n\n```text\n(.*?)```", TUTORIAL, re.DOTALL)
    assert found is not None
    source, command, shown = found.groups()
    monkeypatch.chdir(tmp_path)
    Path("mac.v").write_text(source, encoding="utf-8")
    done = CliRunner().invoke(application(), command.split())
    assert done.exit_code == 0 and done.stdout.strip() == shown.strip()
