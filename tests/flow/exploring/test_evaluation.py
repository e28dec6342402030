# SPDX-License-Identifier: Apache-2.0
"""One candidate: figures of known elements, JSON there and back, and what goes wrong as a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from halo.flow.exploring.candidate import Candidate, Conditions
from halo.flow.exploring.evaluation import Figures, evaluate, evaluate_json
from halo.flow.exploring.space import Structure

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


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


def ones(weight: int) -> int:
    """Ones in the eight bits of a weight."""
    return (weight & 255).bit_count()


def digits(weight: int) -> int:
    """Booth digits of a weight that are not 0."""
    padded = (weight & 255) << 1
    return sum(padded >> 2 * i & 7 not in (0, 7) for i in range(4))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("bypass_rows", ones), ("bypass_digits", digits)])
def test_the_number_of_rows_sets_the_speed_where_the_others_are_bypassed(
    osu018: Path, name: str, rows: Callable[[int], int]
) -> None:
    own = Structure(multiplier="external", correction=0, carry_save=0)
    found = evaluate(Candidate(name=name, structure=own, file=str(EXAMPLES / f"{name}.v")), conditions(osu018))
    assert found.reason == "" and found.proven.startswith("all 65,536 pairs")
    slowest: dict[int, float] = {}
    for weight, period in zip(range(-128, 128), found.periods_ps, strict=True):
        slowest[rows(weight)] = max(period, slowest.get(rows(weight), 0.0))
    in_order = [slowest[count] for count in sorted(slowest)]
    assert in_order == sorted(in_order) and in_order[-1] > 1.3 * in_order[0]


@pytest.mark.slow
def test_two_weights_at_once(osu018: Path) -> None:
    one = Candidate.of(Structure(lanes=2, recoded=1, pipeline=1))
    found = evaluate(one, conditions(osu018))
    assert found.reason == ""
    assert found.function == (
        "psum + weight * activation - correction(weight) of booth_r4 in two lanes; of pairs: psum + high * high "
        "activation + low * low activation - correction(weight) of booth_r4 in two lanes, pairs"
    )
    assert "all 65,536 pairs" in found.proven and "of pairs: 65,536 pairs" in found.proven
    assert (found.passes_all, found.passes_class, found.macs_class, found.clocks) == (1, 1, 2, 3)
    assert found.energy_all_fj is not None and found.energy_class_fj is not None
    assert 0.3 < found.energy_class_fj / found.energy_all_fj < 0.8
    odd = evaluate(one, conditions(osu018, class_weights=(1, 32)))
    assert (odd.macs_class, odd.passes_class) == (1, 1)


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
