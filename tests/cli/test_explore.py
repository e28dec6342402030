# SPDX-License-Identifier: Apache-2.0
"""``halo explore`` as it is typed: two lines for what cannot be, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.cli.main import main

LIBRARY = "library (a) {}\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--budget", "0"], "nothing to try"),
        (["--budget=-3"], "out of range"),
        (["--samples", "0"], "out of range"),
        (["--class-weights", "int9"], "names no class of weights"),
        (["--class-weights=-200,0"], "holds -200"),
        (["--weight", "w"], "none is given"),
        (["--candidate", "absent.v"], "there is no such file"),
        (["--weights", "absent.csv"], "there is no such file"),
        (["--weights", "."], "no run of halo quantize"),
        (["--signed", "psum"], "psum"),
    ],
)
def test_what_cannot_be(options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = tmp_path / "cells.lib"
    library.write_text(LIBRARY, encoding="utf-8")
    assert main(["explore", "--liberty", str(library), *options, "-o", str(tmp_path / "run")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2 and said in lines[0] and lines[1].startswith("  fix: ")
    assert not (tmp_path / "run").exists()


def test_help_begins_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--help"]) == 0
    text = capsys.readouterr().out
    assert text.index("halo explore --liberty cells.lib -o runs/macs") < text.index("--candidate")
