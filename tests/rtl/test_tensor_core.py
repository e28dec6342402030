# SPDX-License-Identifier: Apache-2.0
"""The dot-product unit and the matrix unit on both simulators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from halo.flow.runs.assets import sim_folder
from halo.flow.simulators.bench_run import SimulationResult

Simulated = Callable[..., SimulationResult]
Values = dict[str, int | str]

MATRICES = ("matrices", "handshakes", "stalls", "back_pressure", "reset_in_the_middle", "reset_at_every_clock")
DOT_PRODUCTS = ("dot_products", "reset_in_the_middle")
FAMILIES = ("csa_array", "booth_r4", "baugh_wooley", "sign_magnitude", "behavioural")
SHAPES: tuple[Values, ...] = (
    {"M": 1, "N": 1, "K": 4, "WIDTH": 8, "ACC_WIDTH": 32},
    {"M": 2, "N": 3, "K": 4, "WIDTH": 4, "ACC_WIDTH": 16},
    {"M": 3, "N": 2, "K": 12, "WIDTH": 8, "ACC_WIDTH": 24},
    {"M": 2, "N": 2, "K": 16, "WIDTH": 2, "ACC_WIDTH": 6},
)
OPERANDS: tuple[Values, ...] = (
    *({"WIDTH": 8, "ACC_WIDTH": 32, "MULTIPLIER": family} for family in FAMILIES),
    *({"WIDTH": 4, "ACC_WIDTH": 10, "MULTIPLIER": family} for family in FAMILIES),
    {"WIDTH": 2, "ACC_WIDTH": 64, "MULTIPLIER": "behavioural"},
)


def require_clean(result: SimulationResult, tests: tuple[str, ...]) -> None:
    """All tests ran and passed, and compared all that was due."""
    assert result.passed and tuple(test.name for test in result.tests) == tests, result.log[-3000:]
    assert all(test.compared == test.sent and test.sent for test in result.tests)


def facts(result: SimulationResult) -> list[tuple[object, ...]]:
    """What must not depend on the simulator."""
    return [(t.name, t.passed, t.compared, t.sent, t.cycles, t.coverage) for t in result.tests]


def test_the_model_against_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(sim_folder()))
    from models.tensor_core import mma

    generator = np.random.default_rng(3)
    a, b = generator.integers(-128, 128, (2, 3)), generator.integers(-128, 128, (3, 2))
    c = generator.integers(-(2**17), 2**17, (2, 2))
    found = mma(a, b, c, 18)
    for row in range(2):
        for column in range(2):
            exact = int(c[row, column]) + sum(int(a[row, k]) * int(b[k, column]) for k in range(3))
            assert found[row, column] == (exact + 2**17) % 2**18 - 2**17


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("parameters", [SHAPES[0], SHAPES[1], SHAPES[3]], ids=str)
def test_matrices_in_icarus(simulated: Simulated, parameters: Values) -> None:
    values = {"MULTIPLIER": "behavioural"} | parameters
    require_clean(simulated("tensor_core", "icarus", values, settings={"count": 60}), MATRICES)


@pytest.mark.tools
@pytest.mark.slow
def test_both_simulators_say_the_same_of_matrices(simulated: Simulated) -> None:
    values = {"MULTIPLIER": "behavioural"} | SHAPES[2]
    icarus, verilator = (
        simulated("tensor_core", simulator, values, settings={"count": 20}) for simulator in ("icarus", "verilator")
    )
    require_clean(icarus, MATRICES)
    require_clean(verilator, MATRICES)
    assert facts(icarus) == facts(verilator)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("parameters", OPERANDS, ids=str)
def test_dot_products_in_icarus(simulated: Simulated, parameters: Values) -> None:
    require_clean(simulated("dp4a", "icarus", parameters, settings={"count": 600}), DOT_PRODUCTS)


@pytest.mark.tools
@pytest.mark.slow
def test_verilator_says_the_same_of_dot_products(simulated: Simulated) -> None:
    values = {"MULTIPLIER": "behavioural"}
    icarus, verilator = (simulated("dp4a", simulator, values) for simulator in ("icarus", "verilator"))
    require_clean(verilator, DOT_PRODUCTS)
    assert verilator.tests[0].compared == 2_000
    assert facts(icarus) == facts(verilator)
