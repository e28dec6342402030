# SPDX-License-Identifier: Apache-2.0
"""File lists of Verilog tools: ``-f LIST``, with the options that simulators and synthesizers share.

A list holds paths, ``+incdir+DIR``, ``-I DIR``, ``+define+NAME=VALUE``, ``-D NAME=VALUE``, ``-v FILE`` and further
lists, in words parted by blanks and line breaks; ``//``, ``#`` and ``/* */`` begin comments, ``$NAME`` and ``${NAME}``
are environment variables. Paths count from the current folder in a list that ``-f`` names, and from the list's own in
one that ``-F`` names, as everywhere.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from halo.errors import HaloError
from halo.netlist.sources import Sources

_COMMENT = re.compile(r"/\*.*?\*/|(?:(?<=\s)|^)//[^\n]*|(?:(?<=\s)|^)#[^\n]*", re.DOTALL | re.MULTILINE)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|\((\w+)\)|(\w+))")
_DEFINE = re.compile(r"([A-Za-z_]\w*)(?:=(\S*))?\Z")
_PLAIN = re.compile(r"[^\s\"';#]*\Z")
# Options that say how to simulate or that the language is SystemVerilog: they change nothing here.
_WITHOUT_EFFECT = re.compile(r"-(?:sv|sverilog|full64|v2k|g2012|g2005-sv|g2005|nc|quiet)\Z|\+libext\+|-?-?timescale=")
_DEPTH = 32


def read_sources(
    files: Iterable[Path],
    file_lists: Iterable[Path] = (),
    defines: Iterable[tuple[str, str]] = (),
    include_dirs: Iterable[Path] = (),
) -> tuple[Sources, tuple[Path, ...]]:
    """Everything that a command line names: the files of the lists come before the others.

    Args:
        files: Verilog files.
        file_lists: lists, each as of ``-f``.
        defines: macros and their text.
        include_dirs: folders.

    Returns:
        The sources, each file once, and every list that was read.

    Raises:
        HaloError: a list is missing, or holds an option that is not known here or a path where nothing is, with its
            line.
    """
    read = _Lists()
    for path in file_lists:
        read.list(Path(path), Path(), None, 0)
    every = dict.fromkeys([*read.files, *files])
    folders = dict.fromkeys([*read.include_dirs, *include_dirs])
    macros = dict([*read.defines, *defines])
    return Sources(tuple(every), tuple(macros.items()), tuple(folders)), tuple(read.lists)


def parse_define(text: str) -> tuple[str, str] | None:
    """Name and text of ``NAME[=TEXT]``; without a text it is 1. None: no such form."""
    found = _DEFINE.match(text)
    if found is None or _PLAIN.match(text) is None:
        return None
    name, value = found.groups()
    return name, "1" if value is None else value


class _Lists:
    def __init__(self) -> None:
        self.files: list[Path] = []
        self.include_dirs: list[Path] = []
        self.defines: list[tuple[str, str]] = []
        self.lists: list[Path] = []

    def list(self, path: Path, base: Path, where: tuple[Path, int] | None, depth: int) -> None:
        if depth > _DEPTH:
            raise HaloError("file lists name each other without end", "Break the circle.", *(where or (path, None)))
        if not path.is_file():
            what = "there is no such file list" if where is None else f"there is no file list {path}"
            raise HaloError(what, "Check the path.", *(where or (path, None)))
        self.lists.append(path)
        words = _words(path)
        for word, line in words:
            self.word(word, words, base, path, line, depth)

    def word(self, word: str, rest: Iterator[tuple[str, int]], base: Path, path: Path, line: int, depth: int) -> None:
        def argument() -> str:
            following = next(rest, None)
            if following is None:
                raise HaloError(f"{word} at the end of the list", "Give what it names.", path, line)
            return following[0]

        if word.startswith("+incdir+"):
            for folder in filter(None, word.removeprefix("+incdir+").split("+")):
                self.folder(base / folder, path, line)
        elif word.startswith("+define+"):
            for text in filter(None, word.removeprefix("+define+").split("+")):
                self.define(text, path, line)
        elif word in ("-f", "-F", "-file"):
            inner = base / argument()
            self.list(inner, inner.parent if word == "-F" else base, (path, line), depth + 1)
        elif word == "-v":
            self.file(base / argument(), path, line)
        elif word[:2] == "-I":
            self.folder(base / (word[2:] or argument()), path, line)
        elif word[:2] == "-D":
            self.define(word[2:] or argument(), path, line)
        elif word[0] in "+-":
            if not _WITHOUT_EFFECT.match(word):
                raise HaloError(
                    f"{word} is no option that halo knows in a file list",
                    "Remove it; name the files of a library folder (-y) one by one.",
                    path,
                    line,
                )
        else:
            self.file(base / word, path, line)

    def file(self, file: Path, path: Path, line: int) -> None:
        if not file.is_file():
            beside = path.parent / file
            fix = f"It is there seen from the list: write -F {path} in another list." if beside.is_file() else ""
            raise HaloError(f"there is no file {file}", fix or "Check the path in the list.", path, line)
        self.files.append(file)

    def folder(self, folder: Path, path: Path, line: int) -> None:
        if not folder.is_dir():
            raise HaloError(f"there is no folder {folder}", "Check the path in the list.", path, line)
        self.include_dirs.append(folder)

    def define(self, text: str, path: Path, line: int) -> None:
        pair = parse_define(text)
        if pair is None:
            raise HaloError(f"{text} is no macro", "Write NAME or NAME=VALUE, without blanks and quotes.", path, line)
        self.defines.append(pair)


def _words(path: Path) -> Iterator[tuple[str, int]]:
    """Words of a list with their lines."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise HaloError("not a text file", "Give a list of Verilog files.", path) from None
    text = _COMMENT.sub(lambda comment: "\n" * comment.group().count("\n"), text)
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, posix=True)
        except ValueError as error:
            raise HaloError(f"this line cannot be read: {error}", "Close the quotes.", path, number) from None
        for word in words:
            yield _VARIABLE.sub(partial(_variable, path=path, line=number), word), number


def _variable(found: re.Match[str], path: Path, line: int) -> str:
    name = next(filter(None, found.groups()))
    if name not in os.environ:
        raise HaloError(f"environment variable {name} is not set", f"Set it: export {name}=DIR.", path, line)
    return os.environ[name]
