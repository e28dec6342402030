# SPDX-License-Identifier: Apache-2.0
"""Texts of the command line that hold more than one value: ``NAME=VALUE``, ``NAME=FILE[,FILE...]``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from halo.config import IDENTIFIER, CornerFiles, one_corner
from halo.errors import HaloError

_PREFIXED = re.compile(r"-?0([xX][0-9a-fA-F]+|[bB][01]+)\Z")
_DECIMAL = re.compile(r"-?[0-9]+\Z")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.+-]*\Z")


def parse_parameters(texts: Iterable[str]) -> tuple[tuple[str, int | str], ...]:
    """Read ``--param NAME=VALUE`` options; VALUE is decimal, 0x, 0b, or a word (a string parameter).

    Raises:
        HaloError: no such form.
    """
    pairs: list[tuple[str, int | str]] = []
    for text in texts:
        name, value = _split_assignment(text, "--param")
        number = _integer(value)
        if number is None and not _WORD.match(value):
            raise HaloError(f"--param {text} is no whole number and no word", "Write --param WIDTH=8.")
        pairs.append((name, value if number is None else number))
    return tuple(pairs)


def parse_ties(texts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Read ``--tie NAME=VALUE`` options; VALUE is decimal, 0x or 0b.

    Raises:
        HaloError: no such form.
    """
    pairs: list[tuple[str, int]] = []
    for text in texts:
        name, value = _split_assignment(text, "--tie")
        number = _integer(value)
        if number is None:
            raise HaloError(f"--tie {text} holds no whole number", "Write --tie enable=1.")
        pairs.append((name, number))
    return tuple(pairs)


def parse_corners(liberty: Sequence[Path], corners: Iterable[str]) -> tuple[CornerFiles, ...]:
    """Corners from ``--liberty`` (the files of one corner) or ``--corner NAME=FILE[,FILE...]``.

    Raises:
        HaloError: both or neither are given, or a corner has no such form.
    """
    texts = list(corners)
    if liberty and texts:
        raise HaloError(
            "--liberty and --corner are both given",
            "Use --liberty for one corner, or --corner NAME=FILE[,FILE...] for each of several.",
        )
    if liberty:
        return (one_corner(liberty),)
    read = []
    for text in texts:
        name, equals, paths = text.partition("=")
        if not equals or not all(paths.split(",")):
            raise HaloError(f"--corner {text} is not NAME=FILE[,FILE...]", "Write --corner tt=core.lib,extra.lib.")
        read.append((name, tuple(Path(path) for path in paths.split(","))))
    return tuple(read)


def _split_assignment(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not IDENTIFIER.match(name):
        raise HaloError(f"{option} {text} is not NAME=VALUE", f"Write {option} NAME=VALUE.")
    return name, value


def _integer(text: str) -> int | None:
    if _PREFIXED.match(text):
        return int(text, 0)
    return int(text) if _DECIMAL.match(text) else None
