# SPDX-License-Identifier: Apache-2.0
"""Parsed libraries on disk, so that the same file is parsed once.

An entry is named by the SHA-256 of the Liberty file's bytes and lies in a folder named by the version of everything
that shapes it. It is written whole or not at all; one that is damaged, or from elsewhere, is ignored and replaced.

Tests: tests/liberty/test_liberty_cache.py.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import pickle
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from halo.cachedir import cache_folder
from halo.liberty.model import (
    Cell,
    FlipFlop,
    Function,
    Latch,
    Leakage,
    LeftOut,
    Library,
    Pin,
    PowerGroup,
    Table,
    TimingGroup,
    WireLoad,
    WireLoads,
)

READER_VERSION = 6
"""Raise it with every change of the reader that changes what a file reads as; the model's fields count anyway."""

_MAGIC = b"halo liberty\n"
_CLASSES: tuple[type[Any], ...] = (
    Library,
    Cell,
    Pin,
    TimingGroup,
    PowerGroup,
    Leakage,
    Table,
    Function,
    FlipFlop,
    Latch,
    LeftOut,
    WireLoad,
    WireLoads,
)
_ARRAYS = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "_reconstruct"),  # numpy 1
    }
)


def folder() -> Path:
    """Where entries lie: environment variable HALO_CACHE, else the user's cache folder."""
    return cache_folder(f"liberty-{READER_VERSION}-{_shape()}")


def _shape() -> str:
    """Short hash of what an entry is made of: the model's fields and the numpy that wrote its arrays."""
    fields = [(kind.__name__, [field.name for field in dataclasses.fields(kind)]) for kind in _CLASSES]
    return hashlib.sha256(repr((fields, np.__version__.split(".")[0])).encode()).hexdigest()[:8]


def load(digest: str) -> Library | None:
    """The library stored for the file with this SHA-256, or None when there is none that can be used."""
    try:
        data = (folder() / digest).read_bytes()
        header = len(_MAGIC) + 4
        payload = memoryview(data)[header:]
        if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : header] != _checksum(payload):
            return None
        library = _Unpickler(io.BytesIO(payload)).load()
    except Exception:
        # Whatever is wrong with an entry, the file itself is there to be read.
        return None
    return library if isinstance(library, Library) else None


def store(digest: str, library: Library) -> None:
    """Keep a library for the file with this SHA-256. A cache that cannot be written is left alone."""
    payload = pickle.dumps(library, protocol=4)
    target = folder() / digest
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix="writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + _checksum(payload))
                file.write(payload)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        return


def _checksum(payload: bytes | memoryview) -> bytes:
    return zlib.crc32(payload).to_bytes(4, "big")


class _Unpickler(pickle.Unpickler):
    """Builds nothing but the model's classes and arrays: an entry cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        for kind in _CLASSES:
            if (module, name) == (kind.__module__, kind.__name__):
                return kind
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f"{module}.{name} does not belong in a library")
        return super().find_class(module, name)
