# SPDX-License-Identifier: Apache-2.0
"""Figures on disk: what is written is read again, what is damaged is not, and keys know what counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from halo.flow.exploring.candidate import Candidate, Conditions, Keys
from halo.flow.exploring.evaluation import Figures
from halo.flow.exploring.space import Structure
from halo.flow.exploring.store import folder, load, store

FIGURES = Figures(area=12.5, cells=3, periods_ps=(1.0, 2.5), period_all_ps=2.5, proven="all of them")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))


def test_there_and_back() -> None:
    assert load("a") is None
    store("a", FIGURES)
    assert load("a") == FIGURES and load("b") is None
    assert [path.name for path in folder().iterdir()] == ["a.json"]


def test_a_damaged_entry_is_ignored_and_replaced() -> None:
    store("a", FIGURES)
    entry = folder() / "a.json"
    for text in ("", "{", "[]", entry.read_text(encoding="utf-8").replace("12.5", "12.6")):
        entry.write_text(text, encoding="utf-8")
        assert load("a") is None
    store("a", FIGURES)
    assert load("a") == FIGURES


def test_a_cache_that_cannot_be_written_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "file"))
    store("a", FIGURES)
    assert load("a") is None


def test_a_key_depends_on_what_counts(tmp_path: Path) -> None:
    liberty, own = tmp_path / "cells.lib", tmp_path / "mine.v"
    liberty.write_text("library", encoding="utf-8")
    own.write_text("module", encoding="utf-8")
    conditions = Conditions(liberty=(str(liberty),), class_weights=(0, 16))
    one = Candidate(name="one", structure=Structure(), file=str(own))
    key = Keys(conditions, {"yosys": "1"}).of(one)
    assert Keys(conditions, {"yosys": "1"}).of(replace(one, name="another")) == key
    copy = tmp_path / "copy.v"
    copy.write_text("module", encoding="utf-8")
    assert Keys(conditions, {"yosys": "1"}).of(replace(one, file=str(copy))) == key
    assert Keys(conditions, {"yosys": "2"}).of(one) != key
    assert Keys(replace(conditions, seed=2), {"yosys": "1"}).of(one) != key
    assert Keys(conditions, {"yosys": "1"}).of(replace(one, structure=Structure(seed=1))) != key
    own.write_text("module other", encoding="utf-8")
    assert Keys(conditions, {"yosys": "1"}).of(one) != key
    own.write_text("module", encoding="utf-8")
    liberty.write_text("library 2", encoding="utf-8")
    assert Keys(conditions, {"yosys": "1"}).of(one) != key
