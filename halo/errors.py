# SPDX-License-Identifier: Apache-2.0
"""The one exception users see: what is wrong, where, and what to do about it.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from pathlib import Path

_MOST = 1000
"""Longest sentence of an error, in characters."""


class HaloError(Exception):
    """A problem with the user's input, files or tools.

    The command line prints ``what`` with its place on one line and ``fix`` on the next, and exits with code 2.

    Line breaks in either sentence become blanks, and a sentence that quotes far too much loses its middle: a damaged
    file must not flood the terminal.

    Args:
        what: one sentence that names the thing that is wrong.
        fix: one sentence that says what to do.
        path: file the problem was found in, if any.
        line: line in that file, counted from 1.
    """

    def __init__(self, what: str, fix: str, path: str | Path | None = None, line: int | None = None) -> None:
        self.what = _one_line(what)
        self.fix = _one_line(fix)
        self.path = None if path is None else str(path)
        self.line = line
        super().__init__(str(self))

    def __str__(self) -> str:
        place = "" if self.path is None else self.path + (f":{self.line}" if self.line is not None else "") + ": "
        return f"{place}{self.what}\n{self.fix}"


def _one_line(text: str) -> str:
    line = " ".join(text.splitlines())
    return line if len(line) <= _MOST else f"{line[: _MOST // 2]} ... {line[-_MOST // 2 :]}"


class Interrupted(Exception):
    """The user stopped a run that keeps what it has finished; the message says so. The command line exits with 130."""
