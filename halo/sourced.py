# SPDX-License-Identifier: Apache-2.0
"""Numbers with the place each comes from: TOML files of arrays, devices and operating points.

Tests: tests/dvfs/test_files.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from halo.errors import HaloError

Told = dict[str, dict[str, float | str]]
"""Parameter to its ``value`` and ``source``."""

_FIX = 'Write it as: {} = {{ value = NUMBER, source = "where it comes from" }}.'


@dataclass(frozen=True)
class Parameters:
    """The numbers of one file.

    Attributes:
        name: what the file calls itself.
        path: of the file.
        values: key to number (not negative, finite) or word.
        sources: key to where it comes from, the same keys.
    """

    name: str
    path: Path
    values: Mapping[str, float | str]
    sources: Mapping[str, str]

    def number(self, key: str) -> float:
        """A number that the file has been checked to hold."""
        value = self.values[key]
        assert not isinstance(value, str)
        return value

    def count(self, key: str) -> int:
        """A number that must be whole and 1 or more.

        Raises:
            HaloError: it is not.
        """
        value = self.number(key)
        if value != int(value) or value < 1:
            raise HaloError(f"{key} = {value:g} is no count", "Give a whole number, 1 or more.", self.path)
        return int(value)

    def told(self, prefix: str, keys: Iterable[str] | None = None) -> Told:
        """Each value with its source, as a run's record tells it, by ``prefix.key``; None: of all keys."""
        chosen = self.values if keys is None else keys
        return {f"{prefix}.{key}": {"value": self.values[key], "source": self.sources[key]} for key in chosen}


def load_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        HaloError: no such file, or it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise HaloError("there is no such file", "Check the path.", path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HaloError(f"not TOML: {error}", "Repair the file.", path) from error


def read_parameters(
    path: Path, tables: Mapping[str, Any], numbers: Iterable[str], words: Mapping[str, Iterable[str]]
) -> Parameters:
    """The parameters of a file: every one that is asked for, nothing else, each with its source.

    Args:
        path: of the file, for errors.
        tables: from ``load_toml``, without what the caller reads itself; ``name`` is a plain text.
        numbers: keys whose value is a number, 0 or more.
        words: keys whose value is one of some words.

    Raises:
        HaloError: a key is missing, unknown, without a source, or has a value that cannot be.
    """
    name = tables.get("name")
    if not isinstance(name, str) or not name:
        raise HaloError("the file does not say its name", 'Begin it with: name = "...".', path)
    numbers = tuple(numbers)
    wanted = (*numbers, *words)
    for key in tables:
        if key != "name" and key not in wanted:
            near = get_close_matches(key, wanted, n=1)
            known = f"Give one of: {', '.join(wanted)}." if wanted else f"Leave {key} out."
            fix = f"Did you mean {near[0]}?" if near else known
            raise HaloError(f"{key!r} is unknown", fix, path)
    values: dict[str, float | str] = {}
    sources: dict[str, str] = {}
    for key in wanted:
        entry = tables.get(key)
        if entry is None:
            raise HaloError(f"{key} is missing", _FIX.format(key), path)
        if not isinstance(entry, dict) or set(entry) != {"value", "source"} or not str(entry["source"]).strip():
            raise HaloError(f"{key} has no value with a source", _FIX.format(key), path)
        value = entry["value"]
        if key in words:
            if value not in tuple(words[key]):
                raise HaloError(f"{key} = {value!r} is unknown", f"Give one of: {', '.join(words[key])}.", path)
            values[key] = str(value)
        else:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise HaloError(f"{key} = {value!r} is no number of 0 or more", _FIX.format(key), path)
            values[key] = value
        sources[key] = str(entry["source"])
    return Parameters(name, path, values, sources)
