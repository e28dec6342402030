# SPDX-License-Identifier: Apache-2.0
"""Every library, end to end: exact <= bound <= longest path, and Icarus agrees with the engine, change by change.

The full tables of every corner take minutes; scripts/validate_libraries.py makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from halo.characterization.design import DesignCorner, load_corner
from halo.config import CharacterizeConfig
from halo.flow.runs.assets import mac_sources
from halo.flow.simulators.comparison import compare, draw_samples
from halo.synth import synthesize
from halo.timing.event.bound import bound_transitions
from halo.timing.event.engine import Bins, enumerate_transitions, transition_weights
from halo.timing.event.reduction import reduce_circuit
from halo.timing.timed_netlist import write_timed_netlist

FAMILIES = {
    "sky130hd": [
        "ff_n40C_1v65",
        "ff_n40C_1v76",
        "ss_n40C_1v28",
        "ss_n40C_1v35",
        "ss_n40C_1v40",
        "ss_n40C_1v44",
        "ss_n40C_1v76",
        "tt_025C_1v80",
    ],
    "gf180mcu7t": ["tt_025C_1v80", "tt_025C_3v30", "tt_025C_5v00"],
    "ihp_sg13g2": ["slow_1p08V_125C", "typ_1p20V_25C", "typ_1p50V_25C"],
    "asap7": [""],
    "gt2n": [""],
    "osu018": [""],
    "osu035": [""],
    "osu050": [""],
}
WEIGHTS = (-128, -127, -1, 0, 1, 64, 85)
SAMPLES = 100


@pytest.fixture(scope="module")
def netlist_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, list[Path]], Path]]:
    """The default multiplier mapped once a family."""
    made: dict[str, Path] = {}

    def get(family: str, liberty: list[Path]) -> Path:
        if family not in made:
            folder = tmp_path_factory.mktemp(family)
            made[family] = synthesize(mac_sources(), "mul_csa_array", liberty, workdir=folder).netlist_verilog
        return made[family]

    yield get


def files_of(family: str, corner: str, request: pytest.FixtureRequest) -> list[Path]:
    if family.startswith("osu"):
        return [request.getfixturevalue(family)]
    shared: Path = request.getfixturevalue("shared")
    found = sorted(p for p in (shared / "liberty" / family).glob("*.lib.gz") if corner in p.name)
    assert found, f"no library of {family} {corner}"
    return found


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.parametrize(("family", "corner"), [(f, c) for f, corners in FAMILIES.items() for c in corners])
def test_engines_agree(
    family: str,
    corner: str,
    netlist_of: Callable[[str, list[Path]], Path],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    liberty = files_of(family, corner, request)
    config = CharacterizeConfig(corners=((family, tuple(liberty)),), run_folder=tmp_path / "run")
    design = load_corner(family, tuple(liberty), netlist_of(family, liberty), None, config)
    order_holds(design)
    timed_netlist = tmp_path / "timed.v"
    write_timed_netlist(design.circuit, design.delays, timed_netlist, library=design.library)
    samples = draw_samples(design, SAMPLES, np.random.default_rng(7))
    compared = compare(design, timed_netlist, samples, explain=True)
    same, difference = compared.equal, compared.first_difference
    assert difference is None, difference.text
    assert len(same) == SAMPLES
    assert same.all()


def order_holds(design: DesignCorner) -> None:
    timed = design.timed
    nets = design.circuit.netlist.inputs[design.roles.activation]
    uniform = transition_weights(np.ones((256, 256), np.int64))
    moving = 0
    for weight in WEIGHTS:
        reduced = reduce_circuit(timed, design.held(weight & 255))
        exact = enumerate_transitions(reduced, nets, uniform, bins=Bins(1000, 10))
        bound = bound_transitions(reduced, nets)
        assert exact.transitions == 65_536
        assert exact.delay_fs <= bound.delay_fs <= reduced.longest_path_fs
        moving += exact.delay_fs > 0
    assert moving >= len(WEIGHTS) - 1
