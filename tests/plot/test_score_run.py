# SPDX-License-Identifier: Apache-2.0
"""A scored run draws its figures into its own folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synthetic_run import corner, write_run

from halo.arch.gpu.device import read_device
from halo.dvfs.schedule import read_schedules
from halo.flow.score import ScoreConfig, score_model
from halo.flow.scoring.machine import GpuMachine
from halo.flow.scoring.table import SCHEDULE
from halo.plot.run import draw_run
from halo.plot.score_run import roofs
from halo.progress import silent

MODEL = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_act": "silu",
    "max_position_embeddings": 64,
    "vocab_size": 100,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scores")
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text(json.dumps(MODEL), encoding="utf-8")
    table = write_run(folder / "table", corner()) / "weights.csv"
    config = ScoreConfig(
        model=str(folder / "model"),
        table=table,
        run_folder=folder / "run",
        methods=("w8a8", "left-aligned-w4", "halo-bal"),
        arch="systolic-32",
        context=64,
    )
    score_model(config, silent)
    return folder / "run"


def test_figures_are_files_and_changes_of_the_clock_have_their_timeline(run: Path) -> None:
    drawn = draw_run(run)
    names = ["time", "energy", "time_against_energy", "roofline", "timeline.left-aligned-w4", "timeline.halo-bal"]
    assert [path.name for path in drawn] == [f"{name}.png" for name in names]  # w8a8 has one clock
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
    assert sorted(path.name for path in (run / "plots").iterdir()) == sorted(path.name for path in drawn)


def test_roofs_are_the_machine_at_its_clocks(run: Path) -> None:
    schedules = read_schedules(run / SCHEDULE)
    points = schedules[0].dvfs.points
    device = read_device("a100-80")
    peaks, bandwidth = roofs(GpuMachine(device), schedules)
    assert bandwidth == device.dram_measured_gb_s
    # 108 SMs of 2,048 int8 multiply-accumulates a clock, as published
    assert peaks == pytest.approx({point.name: 108 * 2048 * point.frequency_ghz * 1e-3 for point in points})
    doubled, _ = roofs(GpuMachine(device), schedules, [2.0, *[1.0] * (len(schedules) - 1)])
    assert doubled == pytest.approx({name: 2 * peak for name, peak in peaks.items()})
