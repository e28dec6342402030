# SPDX-License-Identifier: Apache-2.0
"""The search for codebooks of scripts/study_codebooks.py against every choice of values tried one by one."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from halo.flow.exploring.codebook import Histogram

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("study_codebooks", ROOT / "scripts" / "study_codebooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_best_values_are_those_of_every_choice_tried(script: ModuleType) -> None:
    random = np.random.default_rng(3)
    weights = Histogram(random.normal(size=60), random.integers(1, 5, 60).astype(float))
    rounding = script.Rounding(weights, np.arange(-8, 8))
    safe = np.array([-7, -5, -2, -1, 0, 3, 4, 6])

    def error(codes: np.ndarray, scale: float) -> float:
        distance = np.abs(weights.values[:, None] - codes * scale).min(axis=1)
        return float((weights.counts * distance**2).sum())

    for count in (1, 4, 7):
        best = min(error(np.array(c), s) for s in rounding.scales[::5] for c in itertools.combinations(safe, count))
        some = script.Rounding(weights, np.arange(-8, 8), rounding.scales[::5])
        assert some.best(safe, count) == pytest.approx(np.sqrt(best / rounding.power), rel=1e-9)
    assert (
        rounding.best(safe, 9)
        == rounding.of(safe)
        == pytest.approx(np.sqrt(min(error(safe, s) for s in rounding.scales) / rounding.power), rel=1e-9)
    )


def test_the_least_period_and_the_errors_at_the_clock_of_the_grid(script: ModuleType) -> None:
    rounding = script.Rounding(script.gaussian(512))
    periods = np.full(256, 1000.0)
    periods[script.CODES % 16 == 0] = 500.0
    found = script.searched(periods, 16, rounding)
    assert (found.all_ps, found.grid_ps, found.least_ps, found.safe) == (1000.0, 500.0, 500.0, 16)
    assert found.faster == 1.0
    assert found.grid == found.chosen == found.every == pytest.approx(0.11, abs=0.01)  # uniform INT4 of a Gaussian
    periods[script.CODES % 7 == 0] = np.minimum(periods[script.CODES % 7 == 0], 400.0)  # 37 values, 16 chosen of them
    found = script.searched(periods, 16, rounding)
    assert (found.grid_ps, found.least_ps, found.safe) == (500.0, 400.0, 50)
    assert found.every < found.chosen < found.grid and found.chosen < found.faster < found.grid
    found = script.searched(periods, 32, rounding)
    assert (found.grid_ps, found.least_ps) == (500.0, 400.0)
