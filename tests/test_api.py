"""``halo.characterize``: what is typed becomes the configuration, and the table comes back. The engine is a dummy."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from synthetic_run import corner, write_run

import halo
from halo import api
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.score import ScoreConfig


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[CharacterizeConfig, Any]]:
    calls: list[tuple[CharacterizeConfig, Any]] = []

    def run(config: CharacterizeConfig, report: Any, finish: Any = None) -> Path:
        calls.append((config, finish))
        report("timing", 1, 1)
        return write_run(config.run_folder, corner())

    monkeypatch.setattr(api, "run_characterization", run)
    return calls


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "cells.lib"
    path.touch()
    return path


def test_the_short_form_keeps_nothing_but_the_table(
    tmp_path: Path, library: Path, asked: list[tuple[CharacterizeConfig, Any]]
) -> None:
    table = halo.characterize(liberty=library)
    ((config, finish),) = asked
    assert len(table.weights) == 256
    assert config.corners == (("cells", (library,)),) and config.files == ()
    assert finish is None and not config.run_folder.exists()
    assert list(tmp_path.iterdir()) == [library]


def test_the_long_form(tmp_path: Path, library: Path, asked: list[tuple[CharacterizeConfig, Any]]) -> None:
    seen: list[tuple[str, int, int]] = []
    source = tmp_path / "mac.v"
    source.touch()
    halo.characterize(
        source,
        corners={"ss": [library, str(library)], "tt": library},
        run_folder=str(tmp_path / "run"),
        report=lambda *call: seen.append(call),
        params={"N": 8, "KIND": "booth"},
        ties={"en": 1},
        netlist=None,
        method="bound",
        seed=7,
    )
    ((config, finish),) = asked
    assert config.corners == (("ss", (library, library)), ("tt", (library,)))
    assert (config.params, config.ties) == ((("N", 8), ("KIND", "booth")), (("en", 1),))
    assert (config.files, config.method, config.seed) == ((source,), "bound", 7)
    assert finish is api.draw_all and seen == [("timing", 1, 1)]
    assert halo.load_table(tmp_path / "run").weights[0] == -128


def test_bad_input_is_refused_before_anything_runs(library: Path, asked: list[tuple[CharacterizeConfig, Any]]) -> None:
    for call, what in (
        (lambda: halo.characterize(), "no Liberty library"),
        (lambda: halo.characterize(liberty="gone.lib"), "no such file"),
        (lambda: halo.characterize("gone.v", liberty=library), "no such file"),
        (lambda: halo.characterize(liberty=library, corners={"tt": library}), "both given"),
        (lambda: halo.characterize(liberty=library, speed=9), "unknown option 'speed'"),  # type: ignore[call-arg]
    ):
        with pytest.raises(HaloError, match=what):
            call()
    assert asked == []


def test_options_are_those_of_the_configuration() -> None:
    fields = {field.name for field in dataclasses.fields(CharacterizeConfig)}
    assert set(api.Options.__annotations__) == fields - {"corners", "run_folder", "files"}
    fields = {field.name for field in dataclasses.fields(ScoreConfig)}
    assert set(api.ScoreOptions.__annotations__) == fields - {"model", "table", "run_folder", "quantized", "methods"}


def test_names_promised_by_the_package() -> None:
    for name in halo.__all__:
        assert getattr(halo, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'speed'"):
        halo.speed  # noqa: B018
