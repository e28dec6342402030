# SPDX-License-Identifier: Apache-2.0
"""The on-disk cache: same answer, path-independent, and never in the way."""

from __future__ import annotations

import os
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.liberty import cache
from halo.liberty.reader import read_corner

Text = Callable[..., str]


@pytest.fixture
def file(tmp_path: Path, library_text: Text) -> Path:
    path = tmp_path / "small.lib"
    path.write_text(library_text())
    return path


def entries() -> list[Path]:
    return sorted(cache.folder().iterdir()) if cache.folder().is_dir() else []


def test_a_hit_is_the_same_library(file: Path, parsed: list[str]) -> None:
    first, second = read_corner([file]), read_corner([file])
    assert parsed == [str(file)]
    assert repr(first) == repr(second)
    assert [entry.name for entry in entries()] == list(first.sha256)


def test_the_same_bytes_elsewhere_hit_and_know_their_own_path(file: Path, parsed: list[str]) -> None:
    read_corner([file])
    copy = file.with_name("copy.lib")
    copy.write_bytes(file.read_bytes())
    library = read_corner([copy])
    assert parsed == [str(file)]
    assert library.paths == (str(copy),) and library.cells["INV"].path == str(copy)


def test_changed_bytes_are_read_again(file: Path, parsed: list[str]) -> None:
    read_corner([file])
    file.write_text(file.read_text().replace("area : 2.5", "area : 3.5"))
    assert read_corner([file]).cells["INV"].area == 3.5
    assert len(parsed) == 2


def test_no_cache_neither_reads_nor_writes(file: Path, parsed: list[str]) -> None:
    read_corner([file], cache=False)
    assert entries() == []
    read_corner([file])
    read_corner([file], cache=False)
    assert len(parsed) == 3


def test_a_damaged_entry_is_read_again_and_replaced(file: Path, parsed: list[str]) -> None:
    whole = repr(read_corner([file]))
    (entry,) = entries()
    good = entry.read_bytes()
    other = pickle.dumps({"not": "a library"})
    evil = pickle.dumps(os.system)
    damages = [b"", good[:-1], good[:100], good[:200] + b"!" + good[201:], b"garbage" * 50]
    damages += [cache._MAGIC + zlib.crc32(data).to_bytes(4, "big") + data for data in (other, evil, b"no pickle")]
    for count, damaged in enumerate(damages, start=2):
        entry.write_bytes(damaged)
        assert repr(read_corner([file])) == whole
        assert len(parsed) == count
        assert entry.read_bytes() == good


def test_another_version_is_another_folder(file: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read_corner([file])
    monkeypatch.setattr(cache, "READER_VERSION", cache.READER_VERSION + 1)
    read_corner([file])
    assert len(parsed) == 2


def test_a_folder_that_cannot_be_written_is_left_alone(file: Path, parsed: list[str], own_cache: Path) -> None:
    own_cache.write_text("a file stands where the folder should be")
    read_corner([file])
    assert read_corner([file]).cells["INV"].area == 2.5
    assert len(parsed) == 2


def test_nothing_partial_stays_behind(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    read_corner([file])
    assert entries() == []


def test_an_error_is_not_kept(file: Path, library_text: Text) -> None:
    file.write_text(library_text()[:-10])
    for _ in range(2):
        with pytest.raises(HaloError, match="ends inside"):
            read_corner([file])
    assert entries() == []


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "mine"))
    assert cache.folder().parent == tmp_path / "mine"
    monkeypatch.delenv("HALO_CACHE")
    assert "halo-mac" in str(cache.folder())
