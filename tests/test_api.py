# SPDX-License-Identifier: Apache-2.0
"""The Python functions: what is typed becomes the configuration, what is wrong is told in the caller's terms."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from synthetic_run import corner, write_run

import halo
from halo import api
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.score import ScoreConfig

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = (
    "characterize",
    "crosscheck",
    "evaluate",
    "quantize",
    "score",
    "simulate",
    "simulate_gates",
    "synthesize",
    "time_design",
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "cells.lib"
    path.touch()
    return path


def _refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh_api", ROOT / "scripts" / "refresh_api.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_short_form(library: Path) -> None:
    config = api.characterize_config((), library, None, Path("run"), {})
    assert config == CharacterizeConfig(corners=(("cells", (library,)),), run_folder=Path("run"))


def test_the_long_form(tmp_path: Path, library: Path) -> None:
    source = tmp_path / "mac.v"
    source.touch()
    options = {"params": {"N": 8, "KIND": "booth"}, "ties": {"en": 1}, "netlist": (), "method": "bound", "seed": 7}
    corners: Any = {"ss": [library, str(library)], "tt": library}
    config = api.characterize_config([str(source)], (), corners, tmp_path / "run", options)
    assert config.corners == (("ss", (library, library)), ("tt", (library,)))
    assert (config.params, config.ties) == ((("N", 8), ("KIND", "booth")), (("en", 1),))
    assert (config.files, config.method, config.seed) == ((source,), "bound", 7)


def test_a_run_without_a_folder_keeps_nothing_but_the_table(tmp_path: Path, osu018: Path) -> None:
    source = tmp_path / "mul.v"
    source.write_text(
        "module mul(input signed [1:0] w, input signed [1:0] a, output signed [3:0] y); assign y = w * a; endmodule\n"
    )
    seen: list[str] = []
    table = halo.characterize(
        source, liberty=osu018, weight="w", activation="a", report=lambda stage, *_: seen.append(stage)
    )
    assert (table.weights == (-2, -1, 0, 1) and "timing" in " ".join(seen)) or seen
    assert list(tmp_path.iterdir()) == [source]
    assert "delay_ps" in table._repr_html_() and len(table.to_pandas()) == 4


@pytest.mark.parametrize(
    ("call", "what", "fix"),
    [
        (lambda lib: halo.characterize(), "no Liberty library", "liberty='FILE', or corners={"),
        (lambda lib: halo.characterize(liberty="gone.lib"), "no such file", ""),
        (lambda lib: halo.characterize("gone.v", liberty=lib), "no such file", ""),
        (lambda lib: halo.characterize(liberty=lib, corners={"tt": lib}), "both given", ""),
        (
            lambda lib: halo.characterize(liberty=lib, top_module="mac"),
            "halo.characterize has no option 'top_module'",
            "Did you mean 'top'",
        ),
        (lambda lib: halo.score("m", table="t", arhc="v100"), "halo.score has no option 'arhc'", "Did you mean 'arch'"),
        (lambda lib: halo.score("m"), "halo.score needs 'table'", "Write halo.score(..., table=...)."),
        (lambda lib: halo.quantize("m", rnu_folder="x"), "halo.quantize has no option 'rnu_folder'", "'run_folder'"),
        (
            lambda lib: halo.score(ScoreConfig("m", Path("t"), Path("r")), batch=2),
            "was given a configuration and the option 'batch' as well",
            "dataclasses.replace",
        ),
    ],
)
def test_bad_input_is_refused_in_the_callers_terms(
    library: Path, call: Callable[[Path], object], what: str, fix: str
) -> None:
    with pytest.raises(HaloError) as caught:
        call(library)
    assert what in caught.value.what and fix in caught.value.fix


def test_signatures_show_every_option_with_its_default() -> None:
    shown = inspect.signature(halo.score).parameters
    assert shown["arch"].default == "systolic-128" and shown["table"].default is inspect.Parameter.empty
    assert "options" not in shown and shown["run_folder"].default is None
    for name in FUNCTIONS:
        function = getattr(halo, name)
        assert function.__doc__ and "Returns:" in function.__doc__
        assert all(p.kind is not p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


@pytest.mark.parametrize("made", ["options", "signatures"])
def test_generated_files_are_those_of_the_configurations(made: str) -> None:
    refresh = _refresh()
    path, text = {
        "options": (refresh.OPTIONS, refresh.options_text),
        "signatures": (refresh.SIGNATURES, refresh.signatures_text),
    }[made]
    assert path.read_text(encoding="utf-8") == text(), "run: python scripts/refresh_api.py, and look at what changed"


def test_a_run_is_read_back(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", corner())
    assert halo.read_run(str(run)).command == "characterize"
    assert halo.load_table(run).weights[0] == -128
    assert halo.plot.draw_run(str(run))


def test_names_promised_by_the_package() -> None:
    for package in ("halo", "halo.plot", "halo.quant", "halo.arch", "halo.liberty"):
        module = importlib.import_module(package)
        assert list(module.__all__) == sorted(module.__all__)
        for name in module.__all__:
            assert getattr(module, name) is not None
    assert set(halo.__all__) <= set(dir(halo))
    with pytest.raises(AttributeError, match="no attribute 'speed'"):
        halo.speed  # noqa: B018


@pytest.mark.parametrize(
    ("call", "what", "fix"),
    [
        (lambda t: halo.score("m", table=t), "table is a WeightTable, where a path is needed", "WeightTable.write"),
        (lambda t: halo.quantize("m", run_folder="q", table=t), "table is a WeightTable", "WeightTable.write"),
        (
            lambda t: halo.quantize("m", run_folder="q", tile=16),
            "option of a method",
            "halo.quant.HaloOptions(tile=16)",
        ),
        (
            lambda t: halo.quantize("m", run_folder="q", alpha=1),
            "smoothquant",
            "halo.quant.SmoothQuantOptions(alpha=1)",
        ),
        (lambda t: halo.quantize("m", run_folder="q", method="rtn"), "which method", "options=halo.quant.RtnOptions()"),
        (lambda t: halo.evaluate("q", windows=3), "option of texts", "text_options=halo.TextOptions(windows=3)"),
        (lambda t: halo.quantize("m", run_folder="q", options="rtn"), "options is 'rtn'", "one of UniformOptions, "),
        (lambda t: halo.quant.HaloOptions(tiles=16), "HaloOptions has no option 'tiles'", "Did you mean 'tile'?"),
        (lambda t: halo.TextOptions(length="9"), "TextOptions: length is '9'", "a whole number"),
        (lambda t: halo.score("m", table="t", phase="both"), "halo.score: phase is 'both'", "'prefill', 'decode'"),
        (lambda t: halo.load_table(None), "halo.load_table: path is None", "Give a path."),
        (lambda t: halo.read_run(3), "halo.read_run: run_folder is 3", "Give a path."),
        (lambda t: halo.check_schedule("x", t), "halo.check_schedule: schedule is 'x'", "Give a Schedule."),
        (lambda t: halo.characterize(liberty=3), "liberty is 3", "Give a path or several."),
        (lambda t: halo.characterize(corners="tt=a.lib"), "corners is 'tt=a.lib'", "Give a mapping"),
    ],
)
def test_what_stands_in_the_wrong_place_is_told_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], object], what: str, fix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    table = halo.load_table(write_run(tmp_path / "run", corner()))
    with pytest.raises(HaloError) as caught:
        call(table)
    assert what in caught.value.what and fix in caught.value.fix
    assert "--" not in caught.value.fix
