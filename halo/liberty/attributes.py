# SPDX-License-Identifier: Apache-2.0
"""Typed access to the attributes of a syntax group: text, numbers, flags, names and Boolean expressions.

Tests: tests/liberty/test_liberty_cache.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from halo.errors import HaloError
from halo.liberty.expression import parse_function
from halo.liberty.lexer import Source
from halo.liberty.model import Function
from halo.liberty.parser import Group


class Attributes:
    """Attributes of the groups of one source.

    A look-up takes the groups to search, most specific first: a member of a bus inherits what its bus says.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._functions: dict[str, Function] = {}

    def find(self, groups: Sequence[Group], name: str) -> tuple[str, int] | None:
        """Value as written and its offset, or None when no group has the attribute or its value is empty."""
        for group in groups:
            entry = group.attributes.get(name)
            if entry is not None and entry[0]:
                return entry
        return None

    def text(self, groups: Sequence[Group], name: str) -> str | None:
        """Value without quotes and outer blanks, or None."""
        entry = self.find(groups, name)
        return None if entry is None else (entry[0].strip().strip('"').strip() or None)

    def words(self, groups: Sequence[Group], name: str) -> tuple[str, ...]:
        """Names in a list value, separated by blanks or commas."""
        entry = self.find(groups, name)
        return () if entry is None else tuple(entry[0].replace(",", " ").replace('"', " ").split())

    def number(self, groups: Sequence[Group], name: str) -> float | None:
        """A finite number, or None.

        Raises:
            HaloError: the value is not one.
        """
        entry = self.find(groups, name)
        if entry is None:
            return None
        text = entry[0].strip().strip('"').strip()
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or "_" in text:
            raise self.source.error(f"{name} is {text!r}, not a number", "Give a plain number.", entry[1])
        return value

    def integer(self, groups: Sequence[Group], name: str) -> int | None:
        """A whole number, or None.

        Raises:
            HaloError: the value is not one.
        """
        value = self.number(groups, name)
        if value is not None and value != int(value):
            raise self.error(groups, name, f"{name} is {value}, not a whole number", "Give a whole number.")
        return None if value is None else int(value)

    def flag(self, groups: Sequence[Group], name: str) -> bool:
        """A Boolean, false when absent.

        Raises:
            HaloError: the value is neither true nor false.
        """
        text = (self.text(groups, name) or "false").lower()
        if text not in ("true", "false"):
            raise self.error(groups, name, f"{name} is {text!r}", "Give true or false.")
        return text == "true"

    def function(self, groups: Sequence[Group], name: str) -> Function | None:
        """A Boolean expression, or None.

        Raises:
            HaloError: it cannot be read.
        """
        entry = self.find(groups, name)
        if entry is None:
            return None
        function = self._functions.get(entry[0])
        if function is None:
            text = " ".join(entry[0].split())
            if not text:
                return None
            function = parse_function(text, *self.source.place(entry[1]))
            self._functions[entry[0]] = function
        return function

    def error(self, groups: Sequence[Group], name: str, what: str, fix: str) -> HaloError:
        """An error at the attribute ``name``, or at the first group when it is absent; for the caller to raise."""
        entry = self.find(groups, name)
        return self.source.error(what, fix, groups[0].offset if entry is None else entry[1])
