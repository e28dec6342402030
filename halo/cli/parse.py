# SPDX-License-Identifier: Apache-2.0
"""Texts of the command line that hold more than one value: ``NAME=VALUE``, ``NAME=FILE[,FILE...]``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from halo.config import IDENTIFIER, PORT, CornerFiles, Operand, one_corner
from halo.errors import HaloError

_PREFIXED = re.compile(r"-?0([xX][0-9a-fA-F]+|[bB][01]+)\Z")
_DECIMAL = re.compile(r"-?[0-9]+\Z")
_SIZED = re.compile(r"(-?)(\d*)'[sS]?([bBoOdDhH])([0-9a-fA-F_]+)\Z")
_RADIX = {"b": 2, "o": 8, "d": 10, "h": 16}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.+-]*\Z")


def parse_parameters(texts: Iterable[str]) -> tuple[tuple[str, int | str], ...]:
    """Read ``--param NAME=VALUE`` options; VALUE is a number as of ``--tie``, or a word (a string parameter).

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


def parse_operands(texts: Iterable[str]) -> tuple[Operand, ...]:
    """Read ``--signed`` and ``--unsigned`` options.

    Raises:
        HaloError: the text names no operand.
    """
    operands: list[Operand] = []
    for text in texts:
        found = next((operand for operand in get_args(Operand) if operand == text), None)
        if found is None:
            raise HaloError(f"{text!r} is no operand", f"Use one of: {', '.join(get_args(Operand))}.")
        operands.append(found)
    return tuple(operands)


def parse_ties(texts: Iterable[str]) -> tuple[tuple[str, int | str], ...]:
    """Read ``--tie NAME=VALUE`` options; VALUE is decimal, 0x, 0b, a Verilog literal such as ``4'b1010``,
    ``random`` or ``any``.

    Raises:
        HaloError: no such form.
    """
    pairs: list[tuple[str, int | str]] = []
    for text in texts:
        name, value = _split_assignment(text, "--tie", PORT)
        number = value if value in ("random", "any") else _integer(value)
        if number is None:
            raise HaloError(f"--tie {text} holds no whole number", "Write --tie enable=1, or random or any for it.")
        pairs.append((name, number))
    return tuple(pairs)


def parse_defines(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read ``-D NAME[=TEXT]`` options.

    Raises:
        HaloError: no such form.
    """
    from halo.netlist.filelist import parse_define

    pairs = []
    for text in texts:
        pair = parse_define(text)
        if pair is None:
            raise HaloError(f"-D {text} is no macro", "Write -D NAME or -D NAME=VALUE, without blanks and quotes.")
        pairs.append(pair)
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


def parse_spef(
    texts: Sequence[str], corners: Sequence[CornerFiles]
) -> tuple[Path | None, tuple[tuple[str, Path], ...]]:
    """Read ``--spef FILE``, or ``--spef NAME=FILE`` for each corner: the file for all, and those of single corners.

    Raises:
        HaloError: several files for all corners.
    """
    names = [name for name, _ in corners]
    single = [(text.partition("=")[0], Path(text.partition("=")[2])) for text in texts if text.split("=")[0] in names]
    every = [Path(text) for text in texts if text.split("=")[0] not in names]
    if len(every) > 1:
        what = f"--spef is given {len(every)} times without the name of a corner"
        raise HaloError(what, f"Write --spef FILE, or --spef NAME=FILE for each of: {', '.join(names)}.")
    return (every[0] if every else None), tuple(single)


def parse_macs(texts: Iterable[str]) -> tuple[tuple[str, Path], ...]:
    """Read ``--mac METHOD=RUN`` options.

    Raises:
        HaloError: no such form.
    """
    pairs = []
    for text in texts:
        method, equals, run = text.partition("=")
        if not (method and equals and run):
            raise HaloError(f"--mac {text} is not METHOD=RUN", "Write a method and a table, such as w8a8=runs/booth.")
        pairs.append((method, Path(run)))
    return tuple(pairs)


def _split_assignment(text: str, option: str, names: re.Pattern[str] = IDENTIFIER) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not names.match(name):
        raise HaloError(f"{option} {text} is not NAME=VALUE", f"Write {option} NAME=VALUE.")
    return name, value


def _integer(text: str) -> int | None:
    if _PREFIXED.match(text):
        return int(text, 0)
    if _DECIMAL.match(text):
        return int(text)
    sized = _SIZED.match(text)
    if sized is None:
        return None
    sign, bits, radix, digits = sized.groups()
    try:
        value = int(digits.replace("_", ""), _RADIX[radix.lower()])
    except ValueError:
        return None
    return None if bits and value >> int(bits) else int(f"{sign}{value}")
