# SPDX-License-Identifier: Apache-2.0
"""The output-stationary element: what stays still with a set of weights, and bounds above everything that is played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.flow.gate_level.elements import OsElement, swap_bounds
from halo.timing.event.engine import play_transitions
from halo.timing.event.reduction import reduce_circuit

WIDTHS = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 10}
ALL, FOURS, ODD = tuple(range(-8, 8)), (-8, -4, 0, 4), (1, 3, 5, 7)


@pytest.fixture(scope="module")
def element(osu018: Path, tmp_path_factory: pytest.TempPathFactory) -> OsElement:
    made = swap_bounds("pe_os", WIDTHS, [osu018], tmp_path_factory.mktemp("element"))
    assert isinstance(made, OsElement)
    return made


def ports_held(element: OsElement, held: dict[int, int]) -> dict[int, int]:
    """Held bits of the weight port."""
    bits = element.design.clocked.netlist.inputs["weight_i"]
    return {i: held[net] for i, net in enumerate(bits) if net in held}


@pytest.mark.parametrize(
    ("weights", "bits"), [(ALL, {}), (FOURS, {0: 0, 1: 0}), (ODD, {0: 1, 3: 0}), ((5,), {0: 1, 1: 0, 2: 1, 3: 0})]
)
def test_the_bits_in_which_weights_agree_stay_still(
    element: OsElement, weights: tuple[int, ...], bits: dict[int, int]
) -> None:
    """Each at the port and in the weight register, whether a slot counts or not; beside them only the reset."""
    held = element.held(weights)
    assert ports_held(element, held) == bits
    registers = set(element.design.state.tolist()) & set(held)
    assert len(registers) == len(bits) and len(held) == 2 * len(bits) + 1
    assert not registers & set(element.activation) and len(set(element.activation)) == 4


def test_bounds_are_above_whatever_is_played(element: OsElement) -> None:
    """Random registers and ports before and after a clock edge, events simulated with glitches."""
    generator = np.random.default_rng(5)
    periods = {}
    for weights in (ALL, FOURS, (-8,)):
        reduced = reduce_circuit(element.design.timed, element.held(weights))
        before, after = generator.integers(0, 2, (2, 20_000, len(reduced.sources))).astype(np.uint8)
        played = play_transitions(reduced, before, after).period_fs
        period = element.swapping(weights)
        assert 0.8 * period.bound_fs < played <= period.bound_fs <= period.path_fs
        periods[weights] = period.period_fs
    assert periods[ALL] > periods[FOURS] > periods[(-8,)]
