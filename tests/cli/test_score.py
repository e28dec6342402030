# SPDX-License-Identifier: Apache-2.0
"""``halo score`` as it is typed: a table of methods, figures beside it, and two lines for what cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from synthetic_run import corner

from halo.arch.gpu.device import device_names
from halo.arch.systolic.array import arch_names
from halo.characterization.table import WeightTable
from halo.cli import data_names
from halo.cli.main import main
from halo.dvfs.files import dvfs_names, preset_names
from halo.flow.scoring.stated import METHODS
from halo.version import PACKAGE
from halo.workload.config import built_in_names

CONFIG = {
    "model_type": "opt",
    "vocab_size": 50,
    "hidden_size": 32,
    "ffn_dim": 96,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "activation_function": "relu",
}


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Model, table and folder of a small score."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    WeightTable(corner()[0]).write(tmp_path)
    options = ["--table", str(tmp_path), "--arch", "systolic-32", "--context", "48", "-o", str(tmp_path / "score")]
    return ["score", str(tmp_path), *options]


def test_methods_side_by_side(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--method", "w8a8", "--method", "left-aligned-w3"]) == 0
    out, err = capsys.readouterr()
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.startswith("  ")}
    assert rows["w8a8"][-3:] and "left-aligned-w3" in rows and "1.000" in out
    assert "methods done" in err and "plots done" in err
    names = {path.name for path in (tmp_path / "score").iterdir()}
    assert names == {"score.csv", "schedule.json", "run.json", "log.txt", "plots"}
    assert (tmp_path / "score" / "plots" / "time.png").is_file()
    assert main(arguments) == 2 and "this folder exists" in capsys.readouterr().err


def test_help_names_what_the_commands_take(capsys: pytest.CaptureFixture[str]) -> None:
    """Every name that the engines read from their data files, and no other."""
    assert sorted(data_names.models()) == sorted(built_in_names())
    assert sorted(data_names.arrays()) == sorted(arch_names())
    assert sorted(data_names.devices()) == sorted(device_names())
    assert sorted(data_names.operating_points()) == sorted(dvfs_names())
    assert data_names.transitions() == preset_names()
    assert data_names.methods() == tuple(METHODS)
    main(["score", "--help"])
    said = "".join(capsys.readouterr().out.split())
    for name in (*built_in_names(), *arch_names(), *device_names(), *dvfs_names(), *preset_names(), *METHODS):
        assert name in said
    assert data_names.models()[:2] == ("llama2-7b", "llama2-13b")  # as numbers sort, not as letters do


def test_a_new_device_shows_in_the_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PACKAGE / "arch" / "gpu" / "data", tmp_path / "arch" / "gpu" / "data")
    monkeypatch.setattr(data_names, "PACKAGE", tmp_path)
    known = data_names.devices()
    (tmp_path / "arch" / "gpu" / "data" / "orin.toml").touch()
    assert set(data_names.devices()) - set(known) == {"orin"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--method", "int9"], "method 'int9' is unknown"),
        (["--batch", "-3"], "the batch of -3 is out of range"),
        (["--dvfs", "paper"], "no operating points 'paper'"),
        (["--phase", "training"], "'training' is not one of"),
        (["--corner", "ff"], "no corner 'ff'"),
    ],
)
def test_two_lines_for_what_cannot_be(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    assert main([*arguments, *more]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("methods")]
    assert len(error) == 2 and error[0].startswith("error: ") and error[1].startswith("  fix: ")
    assert words in error[0]
    assert not (tmp_path / "score").exists()
