# SPDX-License-Identifier: Apache-2.0
"""The clocked proof at gate level: a class runs at its period without one wrong result, and nothing faster does."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from halo.flow.gate_level.array import build_array
from halo.flow.gate_level.class_period import ArrayBounds, array_bounds
from halo.flow.gate_level.trials import Trials
from halo.flow.simulators.clocked_cycles import ClockedPlayer

pytestmark = [
    pytest.mark.tools,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("vvp") is None, reason="Icarus Verilog is not installed"),
]

CLASS = tuple(range(-128, 128, 32))
LIBRARIES = ("osu018", "ihp_sg13g2")
ELEMENT_CYCLES = 8_000  # `halo sim pe --gates` runs 100,000


@dataclass
class Design:
    """An element, its bounds and its trials."""

    bounds: ArrayBounds
    trials: Trials

    @property
    def period_fs(self) -> int:
        """Of the class, with a swap in any slot."""
        return self.bounds.swapping(CLASS).period_fs


class Designs:
    """Elements by library, each built once."""

    def __init__(self, folder: Path, osu018: Path) -> None:
        self.folder = folder
        self.osu018 = osu018
        self.built: dict[str, Design] = {}

    def __call__(self, library: str) -> Design:
        if library not in self.built:
            work = self.folder / library
            array = build_array("pe", {}, [self.liberty(library)], work / "synthesis")
            bounds = array_bounds(array)
            trials = Trials(bounds, ClockedPlayer(array.design, array.library, work / "play"), seed=1)
            self.built[library] = Design(bounds, trials)
        return self.built[library]

    def liberty(self, library: str) -> Path:
        if library == "osu018":
            return self.osu018
        shared = Path(os.environ.get("HALO_SHARED", Path(__file__).resolve().parents[3] / "shared"))
        path = shared / "liberty" / "ihp_sg13g2" / "sg13g2_stdcell_typ_1p20V_25C.lib.gz"
        if not path.is_file():
            pytest.skip(f"no library at {path}: set HALO_SHARED")
        return path


@pytest.fixture(scope="module")
def designs(tmp_path_factory: pytest.TempPathFactory, osu018: Path) -> Designs:
    return Designs(tmp_path_factory.mktemp("gates"), osu018)


@pytest.mark.parametrize("library", LIBRARIES)
def test_class_period_of_the_element_holds(designs: Designs, library: str) -> None:
    design = designs(library)
    trial = design.trials.holds(CLASS, design.period_fs, ELEMENT_CYCLES)
    assert trial.played.cycles >= ELEMENT_CYCLES
    assert (trial.played.wrong, trial.played.late) == (0, 0)
    # The stimulus is worth its name: it comes within 3 % of the proven period.
    assert 0.97 * design.period_fs < trial.played.needed_fs <= design.period_fs


@pytest.mark.parametrize("library", LIBRARIES)
def test_shorter_periods_and_slower_weights_fail(designs: Designs, library: str) -> None:
    design = designs(library)
    measured, edge, short = design.trials.shortened(CLASS, design.period_fs)
    assert (measured.played.wrong, measured.played.late) == (0, 0)
    # The native engine and Icarus agree on what the slowest transition needs, to the femtosecond.
    assert measured.played.needed_fs == max(design.trials.slow(w).needed_fs for w in CLASS)
    assert edge.played.late > 0 and edge.played.wrong == 0
    assert short.played.wrong > 0 and short.played.late >= short.played.wrong / 2
    for weight in (-1, 127):
        assert design.bounds.at_rest(weight).period_fs > design.period_fs
        assert design.trials.outside(weight, design.period_fs, 300).played.wrong > 0


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_swap_from_another_class_needs_a_clock(designs: Designs, library: str) -> None:
    design = designs(library)
    assert design.bounds.clocks_to_settle(design.period_fs) == 1
    at_once = design.trials.swaps(CLASS, -1, design.period_fs, 0, 100)
    settled = design.trials.swaps(CLASS, -1, design.period_fs, 1, 100)
    assert at_once.played.late > 0
    assert (settled.played.wrong, settled.played.late) == (0, 0)
    assert settled.played.cycles > 800


def test_error_rate_falls_from_all_to_none_at_the_slowest_transition(designs: Designs) -> None:
    design = designs("osu018")
    for weight in (-32, -1):
        bound = design.bounds.at_rest(weight).bound_fs
        curve = design.trials.error_curve(weight, [bound * k // 20 for k in range(9, 21)], 150)
        rates = [played.error_rate for played in curve.played]
        assert rates[0] > 0.9 and rates[-1] == 0.0
        assert curve.slowest_fs is not None and 0.93 * bound < curve.slowest_fs <= bound
        assert all(p.wrong == p.late == 0 for p in curve.played if p.period_fs >= curve.slowest_fs)
        assert np.all(np.diff(rates) < 0.1), "wrong results become fewer with a longer period"
