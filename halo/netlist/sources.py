# SPDX-License-Identifier: Apache-2.0
"""The source files of a design, with the macros and include folders they are read with.

Tests: tests/netlist/test_filelist.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from halo.errors import HaloError

SYSTEMVERILOG = (".sv", ".svh")
"""Suffixes of files that hold SystemVerilog."""
_INCLUDE = re.compile(r'`include\s+"([^"\n]+)"')


def refuse_liberty(path: Path) -> None:
    """Check that a file which should hold Verilog is not named as a Liberty file.

    Raises:
        HaloError: it is.
    """
    if path.name.endswith((".lib", ".lib.gz")):
        what = "this is a Liberty file by its name, where Verilog is expected"
        raise HaloError(what, "Give it with --liberty FILE, and the Verilog in its place.", path)


@dataclass(frozen=True)
class Sources:
    """Files in the order they are read, as one compilation unit: a macro holds in all files behind its definition.

    Attributes:
        files: Verilog (.v) or SystemVerilog (.sv).
        defines: macros defined before the first file, and their text.
        include_dirs: folders in which an ``include`` is looked for after the including file's own.
        black_boxes: modules that are taken from outside, whatever the files hold of them: name, and a file with the
            empty module.
    """

    files: tuple[Path, ...]
    defines: tuple[tuple[str, str], ...] = ()
    include_dirs: tuple[Path, ...] = ()
    black_boxes: tuple[tuple[str, Path], ...] = ()

    @classmethod
    def of(cls, given: Sources | Sequence[str | Path]) -> Sources:
        """Sources, also from nothing but paths."""
        return given if isinstance(given, Sources) else cls(tuple(Path(path) for path in given))

    @property
    def systemverilog(self) -> bool:
        """Whether a file says by its suffix that it holds SystemVerilog."""
        return any(path.suffix.lower() in SYSTEMVERILOG for path in self.files)

    def require(self) -> None:
        """Check that there are files, and that all are there.

        Raises:
            HaloError: they are not.
        """
        if not self.files:
            raise HaloError("no Verilog file given", "Name at least one.")
        for path in self.files:
            if not path.is_file():
                raise HaloError("there is no such Verilog file", "Check the path.", path)
            refuse_liberty(path)
        for path in self.include_dirs:
            if not path.is_dir():
                raise HaloError("there is no such include folder", "Check the path.", path)


def included_files(files: Sequence[Path], include_dirs: Sequence[Path] = ()) -> tuple[Path, ...]:
    """The files and everything that they may include, each once; conditional compilation is not looked at."""
    found = dict.fromkeys(files)
    waiting = list(files)
    while waiting:
        path = waiting.pop()
        for name in _INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace")):
            for folder in (path.parent, *include_dirs):
                inner = folder / name
                if inner.is_file() and inner not in found:
                    found[inner] = None
                    waiting.append(inner)
    return tuple(found)
