# SPDX-License-Identifier: Apache-2.0
"""The weight-stationary array in simulators: sums, stalls, clock changes, resets, and each beat in its clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from halo.flow.runs.assets import sim_folder
from halo.flow.simulators.bench_run import SimulationResult, TestRow
from halo.flow.simulators.benches import BENCHES

Simulated = Callable[..., SimulationResult]
Values = dict[str, int | str]

# rows, columns, longest tile, output tiles a test, width of the operands
ARRAYS = (
    *((2, 3, 5, 60, width) for width in (4, 8)),
    (1, 1, 3, 120, 8),
    (4, 4, 8, 40, 8),
    (8, 8, 9, 16, 4),
)
WIDTHS = {4: 8, 8: 20}  # of the accumulator; the narrow one wraps around
FAST: Values = {"MULTIPLIER": "behavioural"}
BOOTH: Values = {"MULTIPLIER": "booth_r4", "WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 10}
VARIANTS: tuple[Values, ...] = (
    {"PIPELINE": 1},
    {"CARRY_SAVE": 1},
    {"PIPELINE": 1, "CARRY_SAVE": 1, "SWAP_GAP": 2, "ROWS": 2, "COLUMNS": 5},
    {"SWAP_GAP": 1, "CLASS_WIDTH": 1},
    {"CLASS_WIDTH": 20},
    {"CLASS_WIDTH": 64, "DEPTH": 2},
    {"SWAP_GAP": 5, "ROWS": 1},
    {"CLASS_GAP": 0},
    {"CLASS_GAP": 2, "PIPELINE": 1},
    {"CLASS_GAP": 3, "SWAP_GAP": 1, "DEPTH": 2},
    {"DEPTH": 1, "ROWS": 3},
    {"DEPTH": 40, "ROWS": 2, "COLUMNS": 2},
    {"WEIGHT_WIDTH": 3, "ACTIVATION_WIDTH": 11, "ACC_WIDTH": 64},
    {"MULTIPLIER": "csa_array", "ROWS": 2, "COLUMNS": 2},
    {"MULTIPLIER": "csa_array", "ROWS": 2, "COLUMNS": 2, "PIPELINE": 1, "CARRY_SAVE": 1},
    BOOTH | {"PIPELINE": 2, "RECODED": 1},
    BOOTH | {"CORRECTION": 1},
    BOOTH | {"CORRECTION": 1, "CARRY_SAVE": 1, "ROWS": 1},
    BOOTH | {"CORRECTION": 1, "CARRY_SAVE": 1, "ROWS": 1, "PIPELINE": 3, "RECODED": 1, "DEPTH": 2},
    BOOTH | {"CORRECTION": 1, "CARRY_SAVE": 1, "PIPELINE": 1, "SWAP_GAP": 2, "WEIGHT_WIDTH": 5},
    BOOTH | {"CORRECTION": 1, "CARRY_SAVE": 1, "PIPELINE": 3, "RECODED": 1, "ROWS": 5, "ARRAY": 8},
    BOOTH | {"MULTIPLIER": "baugh_wooley", "CORRECTION": 1, "CARRY_SAVE": 1, "PIPELINE": 3, "WEIGHT_WIDTH": 3},
    BOOTH | {"MULTIPLIER": "baugh_wooley", "CORRECTION": 1, "PIPELINE": 2, "CLASS_GAP": 2, "ACTIVATION_WIDTH": 3},
)


def require_clean(result: SimulationResult) -> None:
    """All tests ran, passed, and compared everything that was sent."""
    assert result.passed, [(test.name, test.message) for test in result.tests if not test.passed]
    assert tuple(test.name for test in result.tests) == BENCHES["systolic_ws"].tests
    for test in result.tests:
        assert test.compared == test.sent and test.compared


def told(test: TestRow) -> tuple[object, ...]:
    """Everything but the time it took."""
    return test.name, test.compared, test.sent, test.cycles, test.coverage, test.figures


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize(("rows", "columns", "depth", "tiles", "width"), ARRAYS, ids=str)
def test_both_simulators_agree(
    simulated: Simulated, rows: int, columns: int, depth: int, tiles: int, width: int
) -> None:
    parameters = FAST | {"ROWS": rows, "COLUMNS": columns, "DEPTH": depth, "ACC_WIDTH": WIDTHS[width]}
    parameters |= {"WEIGHT_WIDTH": width, "ACTIVATION_WIDTH": width}
    results = [
        simulated("systolic_ws", simulator, parameters, settings={"tiles": tiles}, seed=rows)
        for simulator in ("icarus", "verilator")
    ]
    for result in results:
        require_clean(result)
    icarus, verilator = ([told(test) for test in result.tests] for result in results)
    assert icarus == verilator


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_variants(simulated: Simulated, variant: Values) -> None:
    parameters = FAST | {"ROWS": 3, "COLUMNS": 2, "DEPTH": 6} | variant
    require_clean(simulated("systolic_ws", "icarus", parameters))


def test_the_model_against_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output tiles put back together are the product, and their beats carry every operand."""
    monkeypatch.syspath_prepend(str(sim_folder()))
    from components.packing import unpack
    from models.systolic_ws import Shape, output_tiles

    generator = np.random.default_rng(3)
    shape = Shape(rows=3, columns=2, weight=5, activation=4, acc=10, depth=4)
    m, k, n = 9, 8, 5
    activation = generator.integers(-8, 8, (m, k))
    weight = generator.integers(-16, 16, (k, n))
    wanted = [
        [(sum(int(activation[i, x]) * int(weight[x, j]) for x in range(k)) + 512) % 1024 - 512 for j in range(n)]
        for i in range(m)
    ]
    tiles = list(output_tiles(activation, weight, shape))
    assert [tile.rows for tile in tiles] == [4, 4, 1] * 3
    sums = [tile.sums(shape) for tile in tiles]
    found = np.hstack([np.vstack(sums[first : first + 3]) for first in range(0, 9, 3)])
    assert found[:, :n].tolist() == wanted and not found[:, n:].any()
    first = tiles[0]
    assert first.commands(shape) == [0b01_100, 0b00_100, 0b10_100]
    beats = unpack(first.activation_beats(shape), 4, 3)
    assert beats[:4].tolist() == activation[:4, :3].tolist()
    assert beats[8:, :2].tolist() == activation[:4, 6:].tolist() and not beats[8:, 2].any()
    assert unpack(first.weight_beats(shape), 5, 2)[:8].tolist() == weight[:, :2].tolist()
