# SPDX-License-Identifier: Apache-2.0
"""One candidate: figures of known elements, JSON there and back, and what goes wrong as a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from halo.flow.exploring.candidate import Candidate, Conditions
from halo.flow.exploring.evaluation import Figures, evaluate, evaluate_json
from halo.flow.exploring.space import Structure


def conditions(osu018: Path, **options: object) -> Conditions:
    return Conditions(
        **{"liberty": (str(osu018),), "class_weights": tuple(range(-128, 128, 16)), "samples": 8, **options}
    )


@pytest.mark.slow
def test_a_narrow_element(osu018: Path) -> None:
    one = Candidate.of(Structure(weight_width=4, pipeline=1))
    found = evaluate(one, conditions(osu018))
    assert found.reason == "" and found.proven.startswith("all 4,096 pairs")
    assert (found.passes_all, found.passes_class, found.clocks, len(found.periods_ps)) == (2, 1, 3, 16)
    assert found.period_all_ps == max(found.periods_ps)
    # All its weights are those of the class: the same energy, twice for eight bits.
    assert found.energy_all_fj == pytest.approx(2 * found.energy_class_fj)
    given = json.loads(json.dumps([one.to_json(), conditions(osu018).to_json()]))
    assert evaluate_json(*given) == json.loads(json.dumps(found.to_json())) | {"periods_ps": found.periods_ps}
    assert Figures.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_what_synthesis_refuses_is_a_reason(osu018: Path) -> None:
    bad = Structure(multiplier="csa_array", pipeline=3, correction=0)  # normal() would mend it
    found = evaluate(Candidate.of(bad), conditions(osu018))
    assert "PIPELINE" in found.reason and found.area is None and found.proven == ""


def test_cells_that_are_not_there_are_a_reason(osu018: Path) -> None:
    found = evaluate(Candidate.of(Structure()), conditions(osu018, dont_use=("NOPE*",)))
    assert "NOPE*" in found.reason


def test_paths_of_the_scratch_folder_are_not_in_reasons(osu018: Path) -> None:
    bad = Structure(multiplier="nothing", correction=0)
    assert "halo-explore-" not in evaluate(Candidate.of(bad), conditions(osu018)).reason
