# SPDX-License-Identifier: Apache-2.0
"""Messages in the words of the command line and of Python, and that no message keeps an option in Python."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.wording import command_line, in_python

PACKAGE = Path(__file__).resolve().parent.parent / "halo"
OPTION = re.compile(r"(?<!\w)--[a-z]")
FOREIGN = re.compile(r"--enable-shared|pip install --force-reinstall|halo sim --waves")


@pytest.mark.parametrize(
    ("typed", "python"),
    [
        ("Give --tile 32 or less, or allow it with --pad.", "Give tile=32 or less, or allow it with pad=True."),
        ("Choose another with -o, or --force.", "Choose another with run_folder, or force=True."),
        ("Add --corner NAME=FILE[,FILE...] for each.", "Add corners={'NAME': 'FILE'} for each."),
        ("Leave out --corner, or --dvfs raised.", "Leave out corner, or dvfs='raised'."),
        ("Hold with --tie a=VALUE --tie b=VALUE.", "Hold with ties={'a': VALUE, 'b': VALUE}."),
        ("Use --method exact or static.", "Use method='exact' or static."),
        ("Try --dont-use sky130_dff_1.", "Try dont_use='sky130_dff_1'."),
        ("Leave out --dont-use 'DFF*'.", "Leave out dont_use='DFF*'."),
        ("Add --no-register-overhead --input-slew-ps X.", "Add register_overhead=False input_slew_ps=X."),
        ("Give a text: --calibration FILE.", "Give a text: calibration='FILE'."),
        ("Give --length 2 to 512.", "Give length=2 to 512."),
        ("With --codebooks class and --clock GHZ.", "With codebooks='class' and clock_ghz=(GHZ, ...)."),
        ("Write one with halo sim --waves. Or --force.", "Write one with halo sim --waves. Or force=True."),
        ("pip install --force-reinstall halo-mac.", "pip install --force-reinstall halo-mac."),
        ("Build Python with --enable-shared.", "Build Python with --enable-shared."),
        ("A value of -1 - or read-only - stays.", "A value of -1 - or read-only - stays."),
    ],
)
def test_options_become_keywords(typed: str, python: str) -> None:
    assert in_python(typed) == python
    assert in_python(python) == python


def test_an_error_speaks_to_its_reader() -> None:
    error = HaloError("--force is needed", "Add --force.", "mac.v", 3)
    assert (error.what, error.fix, str(error)) == (
        "force=True is needed",
        "Add force=True.",
        "mac.v:3: force=True is needed\nAdd force=True.",
    )
    with command_line():
        assert (error.what, error.fix) == ("--force is needed", "Add --force.")
    assert error.fix == "Add force=True."
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.path, again.line) == (str(error), "mac.v", 3)


def test_no_message_keeps_an_option_in_python() -> None:
    """Every text of an error in the package, values that it holds written as X."""
    texts = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if "cli" in path.relative_to(PACKAGE).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if name in ("HaloError", "error") and isinstance(node, ast.Call):
                texts += [_text(part) for given in node.args for part in ast.walk(given)]
    spoken = [text for text in texts if OPTION.search(text)]
    assert len(spoken) > 40
    assert [text for text in spoken if OPTION.search(in_python(FOREIGN.sub("", text)))] == []


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "X1" for part in node.values)
    return ""
