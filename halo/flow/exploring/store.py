# SPDX-License-Identifier: Apache-2.0
"""Figures of candidates on disk, named by the hash of everything they depend on.

Written whole or not at all; an entry that is damaged is ignored and replaced, and a cache that cannot be written is
left alone: it only saves time.

Tests: tests/flow/exploring/test_store.py.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from halo.cachedir import cache_folder, cache_key
from halo.flow.exploring.evaluation import Figures


def folder() -> Path:
    """Where entries lie."""
    return cache_folder("explore")


def load(key: str) -> Figures | None:
    """The figures stored under a key, or None where there are none that can be used."""
    try:
        entry = json.loads((folder() / f"{key}.json").read_text(encoding="utf-8"))
        return Figures.from_json(entry["figures"]) if entry["check"] == cache_key(entry["figures"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def store(key: str, figures: Figures) -> None:
    """Keep figures under a key."""
    values = json.loads(json.dumps(figures.to_json()))  # as they will be read: lists for tuples
    text = json.dumps({"check": cache_key(values), "figures": values})
    target = folder() / f"{key}.json"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix="writing-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        return
