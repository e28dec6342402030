# SPDX-License-Identifier: Apache-2.0
"""Liberty source text: bytes to clean text, and positions back to lines.

Comments and line continuations are blanked without moving anything, so that the parser never sees them and an
offset in the clean text is an offset in the file. A file named by ``include_file`` is put in the place of that
statement, and a position in it leads back to that file.

Parsers from PyPI that were tried first, on an idle machine, against about 0.3 s (sky130, 13 MB) and 0.9 s (ASAP7 AO,
22 MB) for the syntax tree made here, and 0.6 s and 1.5 s for the finished library in SI units:

- liberty-parser 0.0.29 reads every library we have, into strings only: 4.2 s and 8.2 s. Its groups do not know their
  line, so nothing found later can be located. It brings sympy and lark, and it is under the GPL.
- eda-liberty-parser 0.1.1 takes 1.8 s and 4.1 s for strings only, keeps no lines either, and reads 14 of 60 files
  cut off at random places without complaint.

Tests: tests/liberty/test_liberty_syntax.py.
"""

from __future__ import annotations

import gzip
import re
import zlib
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import NamedTuple

from halo.errors import HaloError

_COMMENT_START = re.compile(r"/[*/]")
_NEWLINE = re.compile("\n")
_CONTINUATION = re.compile(r"\\[ \t\r]*+\n")
_INCLUDE = re.compile(r"\binclude_file\s*+\(([^()]*+)\)\s*+;?+")
_DEPTH = 16


class _Piece(NamedTuple):
    """A stretch of the text: its offset there, the file it is from, its offset in that file, the file's line ends."""

    start: int
    path: str
    offset: int
    newlines: list[int]


class Source:
    """The text of one Liberty file.

    Attributes:
        path: name of the file, for messages.
        text: the file's text with comments and line continuations blanked, of the same length, except that an
            included file's text stands in the place of its ``include_file``.
        included: the files put in, in order.
    """

    def __init__(self, text: str, path: str, *, includers: tuple[str, ...] = ()) -> None:
        """Clean ``text``.

        Args:
            text: of the file.
            path: of the file; included files are looked for beside it.
            includers: the files that include this one, one in the other.

        Raises:
            HaloError: a comment is not closed, or an included file cannot be read.
        """
        self.path = path
        self.included: list[str] = []
        newlines = [match.start() for match in _NEWLINE.finditer(text)]
        self._pieces = [_Piece(0, path, 0, newlines)]
        self.text = _blank_continuations(self._blank_comments(text))
        if "include_file" in self.text:
            self._include((*includers, path))

    def place(self, offset: int) -> tuple[str, int]:
        """File and line, counted from 1, of the character at ``offset``."""
        piece = self._pieces[bisect_right(self._pieces, offset, key=lambda piece: piece.start) - 1]
        return piece.path, bisect_left(piece.newlines, offset - piece.start + piece.offset) + 1

    def line(self, offset: int) -> int:
        """Line, counted from 1, of the character at ``offset`` in its file."""
        return self.place(offset)[1]

    def error(self, what: str, fix: str, offset: int) -> HaloError:
        """An error about the text at ``offset``, for the caller to raise."""
        return HaloError(what, fix, *self.place(offset))

    def _include(self, includers: tuple[str, ...]) -> None:
        """Put every included file in the place of its statement."""
        newlines = self._pieces[0].newlines
        texts: list[str] = []
        pieces: list[_Piece] = []
        length = done = 0
        quotes = counted = 0
        for match in _INCLUDE.finditer(self.text):
            quotes += self.text.count('"', counted, match.start())
            counted = match.start()
            if quotes % 2:  # it stands in a string
                continue
            inner = self._included(match[1].strip().strip('"').strip(), match.start(), includers)
            pieces.append(_Piece(length, self.path, done, newlines))
            texts.append(self.text[done : match.start()])
            length += len(texts[-1])
            pieces += [piece._replace(start=length + piece.start) for piece in inner._pieces]
            texts.append(inner.text)
            length += len(inner.text)
            done = match.end()
            self.included += inner.path, *inner.included
        pieces.append(_Piece(length, self.path, done, newlines))
        texts.append(self.text[done:])
        self._pieces, self.text = pieces, "".join(texts)

    def _included(self, name: str, offset: int, includers: tuple[str, ...]) -> Source:
        path = Path(self.path).parent / name
        if len(includers) > _DEPTH or str(path) in includers:
            raise self.error("files include each other without end", "Break the circle.", offset)
        try:
            there = path.is_file()
        except OSError:  # a name that no file system takes
            there = False
        if not there:
            raise self.error(
                f"the included file {name} is not there", f"Put it where the library looks for it: {path}.", offset
            )
        return Source(decode(read_bytes(path), str(path)), str(path), includers=includers)

    def _blank_comments(self, text: str) -> str:
        pieces: list[str] = []
        done = 0  # everything before it is in pieces
        clear = 0  # known to lie outside strings
        while match := _COMMENT_START.search(text, clear):
            start = match.start()
            quotes = text.count('"', clear, start) - text.count('\\"', clear, start)
            if quotes % 2:  # it stands in a string: go on after the string's end
                clear = _string_end(text, start)
                continue
            if match[0] == "/*":
                end = text.find("*/", start + 2) + 2
                if end < 2:
                    raise self.error("the comment that starts here is not closed", "Restore the file.", start)
            else:
                end = text.find("\n", start)
                end = len(text) if end < 0 else end
            pieces += text[done:start], " " * (end - start)
            done = clear = end
        if not pieces:
            return text
        pieces.append(text[done:])
        return "".join(pieces)


def _string_end(text: str, inside: int) -> int:
    """Offset after the quote that closes the string around ``inside``, or the text's length."""
    end = text.find('"', inside)
    while end > 0 and text[end - 1] == "\\":
        end = text.find('"', end + 1)
    return len(text) if end < 0 else end + 1


def _blank_continuations(text: str) -> str:
    # A vertical tab is white space that does not end a line.
    text = text.replace("\\\n", " \v")
    if "\\" in text:
        text = _CONTINUATION.sub(lambda match: " " * (len(match[0]) - 1) + "\v", text)
    return text


def read_bytes(path: Path) -> bytes:
    """The bytes of a file as it is on disk.

    Raises:
        HaloError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise HaloError("there is no such Liberty file", "Check the path.", path) from None
    except OSError as problem:
        raise HaloError(
            f"the Liberty file cannot be read: {problem.strerror}", "Check the path and its permissions.", path
        ) from None


def decode(data: bytes, path: str) -> str:
    """Text of a Liberty file, plain or gzip-compressed (told by its first bytes, not by its name).

    Raises:
        HaloError: compressed data is damaged, or the content is not text.
    """
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as problem:
            raise HaloError(
                f"the compressed Liberty file is damaged: {problem}", "Fetch or compress the file again.", path
            ) from None
    if b"\0" in data[:65536]:
        raise HaloError("this is not a Liberty file: it is binary", "Give a text Liberty file (.lib or .lib.gz).", path)
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        return data.decode("utf-8-sig", errors="replace")
