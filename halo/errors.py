# SPDX-License-Identifier: Apache-2.0
"""The one exception users see: what is wrong, where, and what to do about it.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from pathlib import Path

from halo.wording import readers_words

_MOST = 1000
"""Longest sentence of an error, in characters."""


class HaloError(Exception):
    """A problem with the user's input, files or tools.

    The command line prints ``what`` with its place on one line and ``fix`` on the next, and exits with code 2. Both are
    written with options of the command line, and read from Python with keywords (``halo.wording``).

    Line breaks in either sentence become blanks, and a sentence that quotes far too much loses its middle: a damaged
    file must not flood the terminal.

    Args:
        what: one sentence that names the thing that is wrong.
        fix: one sentence that says what to do.
        path: file the problem was found in, if any.
        line: line in that file, counted from 1.
        column: column in that line, counted from 1.
    """

    def __init__(
        self,
        what: str,
        fix: str,
        path: str | Path | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        self._what = _one_line(what)
        self._fix = _one_line(fix)
        self.path = None if path is None else str(path)
        self.line = line
        self.column = column
        super().__init__(what, fix, self.path, line, column)

    @property
    def what(self) -> str:
        """The sentence that names what is wrong."""
        return readers_words(self._what)

    @property
    def fix(self) -> str:
        """The sentence that says what to do."""
        return readers_words(self._fix)

    def __str__(self) -> str:
        return f"{self.place}{self.what}\n{self.fix}"

    @property
    def place(self) -> str:
        """``path:line:column: `` as far as they are known."""
        if self.path is None:
            return ""
        return ":".join([self.path, *(str(n) for n in (self.line, self.column) if n is not None)]) + ": "


def _one_line(text: str) -> str:
    line = " ".join(text.splitlines())
    return line if len(line) <= _MOST else f"{line[: _MOST // 2]} ... {line[-_MOST // 2 :]}"


class Interrupted(Exception):
    """The user stopped a run that keeps what it has finished; the message says so. The command line exits with 130."""

    def __str__(self) -> str:
        return readers_words(super().__str__())
