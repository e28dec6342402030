# SPDX-License-Identifier: Apache-2.0
"""A multiplier of the user's in an element of gates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.config import SourcesConfig
from halo.errors import HaloError
from halo.flow.gate_level.array import build_array, place_element
from halo.flow.gate_level.weight_streams import Tile, stream
from halo.flow.simulators.own_modules import own_modules

MULTIPLIER = """module my_mul(input signed [1:0] weight_i, activation_i, output signed [3:0] product_o);
    assign product_o = {};
endmodule
"""
WIDTHS = {"WEIGHT_WIDTH": 2, "ACTIVATION_WIDTH": 2, "ACC_WIDTH": 5}


@pytest.mark.parametrize(
    "product", ["weight_i * activation_i", "weight_i * activation_i | (weight_i == 1)"], ids=["right", "faulty"]
)
def test_gates_of_a_module_of_the_user(osu018: Path, tmp_path: Path, product: str) -> None:
    path = tmp_path / "own.v"
    path.write_text(MULTIPLIER.format(product), encoding="utf-8")
    own = own_modules(SourcesConfig(files=(path,)))
    parameters, sources = place_element(WIDTHS | {"MULTIPLIER": "my_mul"}, own, tmp_path / "around")
    assert parameters["MULTIPLIER"] == "external"
    array = build_array("pe", parameters, [osu018], tmp_path / "work", sources=sources)
    generator = np.random.default_rng(1)
    tiles = [Tile(np.array([[weight]]), generator.integers(-2, 2, (20, 1))) for weight in (1, -2, 1)]
    played = stream(array.shape, tiles, seed=1)
    if "|" not in product:
        assert array.cycles(played).expected.any()
    else:
        with pytest.raises(HaloError, match="gives a wrong psum_o in clock"):
            array.cycles(played)


def test_a_parameter_that_gates_do_not_have(tmp_path: Path) -> None:
    path = tmp_path / "own.v"
    path.write_text(MULTIPLIER.format("0"), encoding="utf-8")
    own = own_modules(SourcesConfig(files=(path,)))
    with pytest.raises(HaloError, match="neither bench pe nor module my_mul has a parameter DEPTH"):
        place_element(WIDTHS | {"MULTIPLIER": "my_mul", "DEPTH": 4}, own, tmp_path)
