# SPDX-License-Identifier: Apache-2.0
"""Delays under a weight's constants: against static timing, exact delays with the same slews, and the plain bound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halo.characterization.design import DesignCorner, load_corner
from halo.characterization.engine import characterize_corner
from halo.characterization.interface import read_ports
from halo.characterization.stimulus import make_stimulus
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.gate_level.table_periods import swap_period_fs
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.synth import synthesize
from halo.timing.delays import Delays

WIDTHS: dict[str, int | str] = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 9} | {
    "PIPELINE": 0,
    "RECODED": 0,
    "CORRECTION": 0,
    "CLASS_SHARE": 0,
}
LIBRARIES = ("osu018", "asap7")


@pytest.fixture(scope="module", params=LIBRARIES)
def corner(
    request: pytest.FixtureRequest, osu018: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DesignCorner, CharacterizeConfig]:
    """The registered Booth element with two-word sums."""
    if request.param == "osu018":
        liberty: tuple[Path, ...] = (osu018,)
    else:
        liberty = tuple(sorted((request.getfixturevalue("shared") / "liberty" / "asap7").glob("*.lib.gz")))
    sources = (*mac_sources(), *sorted((rtl_folder() / "pe").glob("*.v")))
    top, declared = read_ports(sources, "mac_element", WIDTHS)
    folder = tmp_path_factory.mktemp(request.param)
    netlist = synthesize(sources, top, liberty, parameters=WIDTHS, workdir=folder).netlist_verilog
    config = CharacterizeConfig(
        corners=(("c", liberty),), run_folder=folder / "run", netlist=(netlist,), case_slews=True
    )
    return load_corner("c", liberty, netlist, top, config, declared=declared), config


def results(corner: DesignCorner) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bound and exact delay, and static delay of every weight, in fs."""
    roles = corner.roles
    stimulus = make_stimulus(
        roles, corner.circuit, random_samples=None, trace=None, activations=None, psum_samples=2000, weights=16, seed=1
    )
    found = characterize_corner(
        corner,
        stimulus,
        np.array(sorted(roles.weight_encoding.values), np.int64),
        method="exact",
        seed=1,
        jobs=1,
        report=lambda done, total: None,
    )
    exact = np.array([w.events.delay_fs for w in found.weights if w.events is not None])
    bound = np.array([w.bound_fs for w in found.weights if w.bound_fs is not None])
    assert len(exact) == len(bound) == 16
    return exact, bound, found.static_s * 1e15


def test_the_bound_lies_between_exact_and_the_plain_bound(corner: tuple[DesignCorner, CharacterizeConfig]) -> None:
    exact, bound, static = results(corner[0])
    plain_exact, plain_bound, same = results(replace(corner[0], calculator=None))
    assert np.array_equal(static, same)
    assert np.all(exact <= bound), "with the same delays the bound is never below what was simulated"
    assert np.all(bound <= plain_bound)
    assert np.any(bound < plain_bound) and np.any(exact < plain_exact)
    assert np.all(np.abs(bound - static) <= np.abs(plain_bound - static))


def test_no_case_gives_the_nominal_delays(corner: tuple[DesignCorner, CharacterizeConfig]) -> None:
    calculator, nominal = corner[0].calculator, corner[0].delays
    assert calculator is not None

    def arrays(delays: Delays) -> list[np.ndarray]:
        return [np.maximum(delays.arc_fs, 1), delays.setup_fs, delays.net_slew_s, delays.net_load_f]

    assert all(np.array_equal(a, b) for a, b in zip(arrays(calculator.delays()), arrays(nominal), strict=True))
    held = calculator.delays(corner[0].held(0))
    assert np.all(held.net_slew_s <= nominal.net_slew_s) and np.any(held.net_slew_s < nominal.net_slew_s)


def test_a_class_is_swapped_with_the_bits_that_it_shares(corner: tuple[DesignCorner, CharacterizeConfig]) -> None:
    own, config = corner
    for weights in ([0, 4, -4, -8], [0], [-8, 7]):
        tighter, plain = (swap_period_fs(c, weights, config) for c in (own, replace(own, calculator=None)))
        assert tighter <= plain
    single = [swap_period_fs(own, [weight], config) for weight in (0, 4)]
    assert max(single) <= swap_period_fs(own, [0, 4], config)


def test_an_sdf_has_no_slews(osu018: Path) -> None:
    with pytest.raises(HaloError, match="the delays of an SDF are fixed"):
        CharacterizeConfig(
            corners=(("c", (osu018,)),),
            run_folder=Path("run"),
            netlist=(Path("n.v"),),
            sdf=Path("n.sdf"),
            case_slews=True,
        )
