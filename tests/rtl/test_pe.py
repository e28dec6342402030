# SPDX-License-Identifier: Apache-2.0
"""Both processing elements equal their models in every cycle, in both simulators, whatever is inside them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from halo.flow.simulators.bench_run import SimulationResult
from halo.flow.simulators.benches import FAMILIES

Simulated = Callable[..., SimulationResult]

ELEMENTS = ("pe", "pe_os")
RESULTS = {"pe": 1300, "pe_os": 800}
"""Least number of results of the long test."""


def parameters_of(family: str, width: int, pipeline: int, carry_save: int) -> dict[str, int | str]:
    """Of an element with operands of equal width and an accumulator that wraps around now and then."""
    return {
        "WEIGHT_WIDTH": width,
        "ACTIVATION_WIDTH": width,
        "ACC_WIDTH": 2 * width + 2,
        "MULTIPLIER": family,
        "PIPELINE": pipeline,
        "CARRY_SAVE": carry_save,
    }


def require_clean(bench: str, result: SimulationResult) -> None:
    assert result.passed, result.log[-3000:]
    assert [test.name for test in result.tests] == ["random_slots", "reset_in_the_middle"]
    assert all(test.compared == test.sent for test in result.tests)
    assert (result.tests[0].compared or 0) >= RESULTS[bench]


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("bench", ELEMENTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_multiplier(simulated: Simulated, bench: str, family: str) -> None:
    """Both structures of each: the fused MAC, and the multiplier with a register and carry-save sums after it."""
    for extra, width in ((0, 8), (1, 4)):
        require_clean(bench, simulated(bench, "icarus", parameters_of(family, width, extra, extra)))


FORMS: tuple[tuple[str, dict[str, int | str]], ...] = (
    ("booth_r4", {"PIPELINE": 3, "CARRY_SAVE": 1, "ARRAY": 8}),
    ("booth_r4", {"PIPELINE": 2, "CARRY_SAVE": 0, "WEIGHT_WIDTH": 5}),
    ("baugh_wooley", {"PIPELINE": 3, "CARRY_SAVE": 0, "CLASS_ZEROS": 2, "CLASS_SHARE": 50}),
    ("baugh_wooley", {"PIPELINE": 2, "CARRY_SAVE": 1, "SEED": 7}),
)
"""Of the families with a compressor tree."""
WEIGHT_STATIONARY: tuple[tuple[str, dict[str, int | str]], ...] = (
    ("booth_r4", {"RECODED": 1}),
    ("booth_r4", {"RECODED": 1, "PIPELINE": 1}),
    ("booth_r4", {"CORRECTION": 1, "WEIGHT_WIDTH": 7, "ACTIVATION_WIDTH": 3}),
    ("booth_r4", {"RECODED": 1, "CORRECTION": 1, "PIPELINE": 3, "CARRY_SAVE": 1}),
    ("baugh_wooley", {"CORRECTION": 1, "PIPELINE": 1, "CARRY_SAVE": 1, "WEIGHT_WIDTH": 3}),
    ("baugh_wooley", {"CORRECTION": 1, "PIPELINE": 2, "ACTIVATION_WIDTH": 4, "SEED": 3}),
)
"""Of the same in ``pe_ws``, whose weight may be recoded and whose products may lack what depends on it alone."""


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize(
    ("bench", "family", "values"),
    [*((bench, *form) for bench in ELEMENTS for form in FORMS), *(("pe", *form) for form in WEIGHT_STATIONARY)],
    ids=str,
)
def test_registers_in_the_multiplier_and_weights_apart(
    simulated: Simulated, bench: str, family: str, values: dict[str, int | str]
) -> None:
    require_clean(bench, simulated(bench, "icarus", parameters_of(family, 8, 0, 0) | values))


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize(("bench", "family"), [(ELEMENTS[n % 2], family) for n, family in enumerate(FAMILIES)], ids=str)
def test_every_multiplier_in_verilator(simulated: Simulated, bench: str, family: str) -> None:
    """Each in one of the elements; both elements meet both simulators below."""
    require_clean(bench, simulated(bench, "verilator", parameters_of(family, 8, 0, 0)))


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("bench", ELEMENTS)
@pytest.mark.parametrize("pipeline, carry_save", [(0, 0), (1, 1)])
def test_both_simulators_say_the_same(simulated: Simulated, bench: str, pipeline: int, carry_save: int) -> None:
    parameters = parameters_of("behavioural", 4, pipeline, carry_save)
    icarus, verilator = (simulated(bench, name, parameters) for name in ("icarus", "verilator"))
    for result in (icarus, verilator):
        require_clean(bench, result)
    told = [[(t.name, t.compared, t.cycles, t.coverage) for t in r.tests] for r in (icarus, verilator)]
    assert told[0] == told[1]


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("bench", ELEMENTS)
@pytest.mark.parametrize("weight, activation, acc, carry_save", [(2, 2, 4, 1), (3, 7, 64, 1), (16, 5, 21, 0)])
def test_unequal_and_extreme_widths(
    simulated: Simulated, bench: str, weight: int, activation: int, acc: int, carry_save: int
) -> None:
    widths = {"WEIGHT_WIDTH": weight, "ACTIVATION_WIDTH": activation, "ACC_WIDTH": acc}
    require_clean(bench, simulated(bench, "icarus", {**widths, "MULTIPLIER": "behavioural", "CARRY_SAVE": carry_save}))
