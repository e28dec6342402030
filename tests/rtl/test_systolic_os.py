# SPDX-License-Identifier: Apache-2.0
"""The output-stationary array on both simulators: right sums, and the cycle contract to the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from halo.arch.systolic.os_cycles import OsArray, OsTile, os_cycles, os_schedule, os_tiles
from halo.errors import HaloError
from halo.flow.simulators.bench_run import SimulationResult

Simulated = Callable[..., SimulationResult]
Values = dict[str, int | str]

TESTS = (
    "products",
    "long_tiles",
    "handshakes",
    "stalls",
    "late_commands",
    "clock_changes",
    "back_pressure",
    "out_of_range_commands",
    "reset_in_the_middle",
    "reset_at_every_clock",
    "cycle_contract",
)
BEHAVIOURAL: Values = {"MULTIPLIER": "behavioural"}
NARROW: Values = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 13}


def shape(rows: int, columns: int, **others: int | str) -> Values:
    return {"ROWS": rows, "COLUMNS": columns} | others


def require_clean(result: SimulationResult, sums: int) -> None:
    """All tests ran and passed, and compared at least so many sums."""
    assert result.passed and tuple(test.name for test in result.tests) == TESTS, result.log[-3000:]
    assert sum(test.compared or 0 for test in result.tests) >= sums
    assert all(test.compared == test.sent for test in result.tests)


def facts(result: SimulationResult) -> list[tuple[Any, ...]]:
    """What must not depend on the simulator."""
    return [(t.name, t.passed, t.compared, t.sent, t.cycles, t.coverage, t.figures) for t in result.tests]


SHAPES = (shape(1, 1), shape(2, 3), shape(4, 4), shape(8, 8))
"""In both simulators; in Icarus alone, but for the largest, the narrow operands as well."""
VARIANTS = (
    shape(4, 2, PIPELINE=1, CARRY_SAVE=0, **NARROW),
    shape(2, 3, PIPELINE=0, CARRY_SAVE=1, **NARROW),
    shape(3, 4, PIPELINE=1, CARRY_SAVE=1, WEIGHT_WIDTH=4, ACTIVATION_WIDTH=8, STEP_WIDTH=4, CLASS_WIDTH=1),
    shape(1, 7, PIPELINE=1, CARRY_SAVE=0, ACC_WIDTH=16, STEP_WIDTH=2),
    shape(3, 2, PIPELINE=3, CARRY_SAVE=1, MULTIPLIER="booth_r4", ARRAY=8, **NARROW),
    shape(2, 3, PIPELINE=2, CARRY_SAVE=0, MULTIPLIER="baugh_wooley", SEED=5, **NARROW),
)
FAMILIES = tuple(shape(2, 2, MULTIPLIER=family, **NARROW) for family in ("csa_array", "booth_r4", "sign_magnitude"))


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("parameters", SHAPES[:-1], ids=str)
def test_narrow_shapes_in_icarus(simulated: Simulated, parameters: Values) -> None:
    result = simulated("systolic_os", "icarus", BEHAVIOURAL | parameters | NARROW)
    require_clean(result, 800)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("parameters", [*VARIANTS, *FAMILIES], ids=str)
def test_variants_in_icarus(simulated: Simulated, parameters: Values) -> None:
    require_clean(simulated("systolic_os", "icarus", BEHAVIOURAL | parameters), 1_000)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("parameters", [*SHAPES, VARIANTS[2]], ids=str)
def test_verilator_says_the_same(simulated: Simulated, parameters: Values) -> None:
    icarus, verilator = (
        simulated("systolic_os", simulator, BEHAVIOURAL | parameters) for simulator in ("icarus", "verilator")
    )
    require_clean(verilator, 800)
    assert facts(icarus) == facts(verilator)


def test_the_contract_in_small_numbers() -> None:
    array = OsArray(2, 3)
    assert os_cycles(array, []) == 0
    # Command in clock 0, steps in 2 to 5, across 3 columns and through the store, two rows in every second clock.
    assert os_schedule(array, [OsTile(2, 4)]).results == (5 + 8, 5 + 10)
    assert os_cycles(array, [OsTile(2, 4)]) == array.one_tile(2, 4) == 16
    # Tiles shorter than the drain of the one before wait for it with their last step.
    waiting = os_schedule(array, [OsTile(2, 1), OsTile(1, 2), OsTile(1, 1)])
    assert waiting.steps == (2, 3, 5, 6) and waiting.operands == (0, 2, 3, 5) and waiting.commands == (0, 1, 2)
    assert os_schedule(array, [OsTile(2, 1), OsTile(2, 1)], (3, 4)).lasts == (2, 5)
    assert os_schedule(array, [OsTile(2, 1, 1)], (3, 4)).lasts == (4 + 3 + 4,)
    assert os_schedule(array, [OsTile(2, 1), OsTile(2, 1, 1)], (3, 4)).lasts == (2, 2 + array.flush + 3 + 4 + 3)


def test_a_long_product_streams_without_a_gap() -> None:
    array = OsArray(16, 16)
    tiles = list(os_tiles(array, 100, 64, 50))
    assert len(tiles) == 7 * 4 and sum(tile.rows for tile in tiles) == 400
    assert os_cycles(array, tiles) == len(tiles) * 64 + array.latency + 2 * 4


@pytest.mark.parametrize("tile", [OsTile(0, 1), OsTile(3, 1), OsTile(1, 0)])
def test_impossible_tiles_are_refused(tile: OsTile) -> None:
    with pytest.raises(HaloError, match="tile 0 has"):
        os_cycles(OsArray(2, 2), [tile])


def test_impossible_arrays_are_refused() -> None:
    with pytest.raises(HaloError, match="columns=0"):
        OsArray(1, 0)
