# SPDX-License-Identifier: Apache-2.0
"""The schema number that each JSON file of a run carries, and what is said to a file of another version.

A file that changes in a way that its readers must know of gets a higher number; a key that is merely new does not
change it, for readers keep keys that they do not know. Version 0.1.0 wrote no number: its files count as schema 0.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from halo.errors import HaloError
from halo.version import __version__

KEY = "schema"
"""The first key of the file."""
UNNUMBERED = "0.1.0"
"""The version that wrote files without a number."""
RUN_RECORD = "run.json"
"""The record of a run, which marks its folder."""
RUN_SCHEMA = 1
"""Of the record."""


def stamped(schema: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a file to write, its schema number first."""
    return {KEY: schema, **values}


def check_schema(values: Mapping[str, Any], path: Path, *, newest: int, oldest: int = 0, again: str) -> int:
    """Check that a file can be read.

    Args:
        values: the file's outermost object; its ``halo``, where it has one, names the version that wrote it.
        path: of the file.
        newest, oldest: schema numbers that the caller reads, both included.
        again: the full sentence that says how such a file is made anew.

    Returns:
        The file's schema number.

    Raises:
        HaloError: the number is newer or older than what the caller reads, or is no number.
    """
    schema = values.get(KEY, 0)
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 0:
        raise HaloError(f"the schema number {schema!r} is not a whole number of zero or more", again, path)
    writer = values.get("halo")
    if schema > newest:
        by = f"halo {writer}" if isinstance(writer, str) else "a newer halo"
        what = f"{path.name} was written by {by} (schema {schema}), but"
        what += f" this halo {__version__} reads up to schema {newest}"
        raise HaloError(what, f"Install the version of halo that wrote it. Or use this one: {again}", path)
    if schema < oldest:
        by = f"halo {writer}" if isinstance(writer, str) else f"halo {UNNUMBERED}" if schema == 0 else "an older halo"
        what = f"{path.name} was written by {by} (schema {schema}), older than schema {oldest}, the oldest that is read"
        raise HaloError(what, again, path)
    return schema


def read_stamped(path: Path, *, newest: int, again: str) -> dict[str, Any]:
    """The outermost object of a JSON file, its schema number checked.

    Args:
        path: of the file.
        newest, again: as of ``check_schema``.

    Raises:
        HaloError: the file cannot be read, is no JSON object, or is of another version.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise HaloError(f"the file is damaged: it is no JSON ({error})", again, path) from error
    if not isinstance(values, dict):
        raise HaloError("the file is damaged: it holds no JSON object", again, path)
    check_schema(values, path, newest=newest, again=again)
    return values


def split_known(values: Mapping[str, Any], known: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys that a reader knows, and those to keep for a file that is written again; the number is in neither."""
    inside = {key: value for key, value in values.items() if key in known}
    beyond = {key: value for key, value in values.items() if key not in known and key != KEY}
    return inside, beyond
