# SPDX-License-Identifier: Apache-2.0
"""Every MAC and multiplier equals ``psum + weight * activation``: RTL in simulators, gates of a real library."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.flow.runs.assets import mac_sources, sim_folder
from halo.flow.simulators.bench_run import SimulationResult
from halo.flow.simulators.benches import BENCHES, FAMILIES
from halo.flow.simulators.own_modules import OwnModules
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import drive_port, evaluate, read_port
from halo.netlist.sources import Sources
from halo.netlist.verilog import read_netlist
from halo.synth import SynthesisResult, cell_models, synthesize

MODULES = [f"{kind}_{family}" for kind in ("mul", "mac") for family in FAMILIES]
TESTS = ("corners", "all_pairs_or_random")
PAIRS = 1 << 16
# A lane keeps its partial sum for 64 steps (1,024 partial sums in all): a new one costs Icarus more than a product.
HOLD = {"psum_hold": 64}

Simulated = Callable[..., SimulationResult]
Synthesized = Callable[[str], SynthesisResult]


def parameters_of(module: str, weight: int = 8, activation: int = 8, acc: int = 24) -> dict[str, int | str]:
    """Of the bench; a multiplier's sum is its product."""
    acc = weight + activation if module.startswith("mul_") else acc
    return {"DUT": module, "WEIGHT_WIDTH": weight, "ACTIVATION_WIDTH": activation, "ACC_WIDTH": acc}


def require_clean(result: SimulationResult, compared: int | None = None) -> None:
    """All tests ran and passed, and the last compared as many sums as it should."""
    assert result.passed and tuple(test.name for test in result.tests) == TESTS, result.log[-3000:]
    for test in result.tests:
        assert test.compared == test.sent and test.compared
    assert compared is None or result.tests[-1].compared == compared


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory, osu018: Path) -> Synthesized:
    """Structural netlist of a module on osu018, 8 x 8 bits and a 24-bit accumulator."""
    made: dict[str, SynthesisResult] = {}

    def get(module: str) -> SynthesisResult:
        if module not in made:
            made[module] = synthesize(mac_sources(), module, [osu018], workdir=tmp_path_factory.mktemp(module))
        return made[module]

    return get


def test_the_model_against_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(sim_folder()))
    from models.mac import mac

    generator = np.random.default_rng(1)
    for width in (4, 24, 63, 64):
        weight, activation = generator.integers(-(2**15), 2**15, (2, 500))
        psum = generator.integers(-(2 ** (width - 1)), 2 ** (width - 1), 500)
        psum[:2] = -(2 ** (width - 1)), 2 ** (width - 1) - 1
        half = 1 << (width - 1)
        triples = zip(weight.tolist(), activation.tolist(), psum.tolist(), strict=True)
        wanted = [(c + w * a + half) % (2 * half) - half for w, a, c in triples]
        assert mac(weight, activation, psum, width).tolist() == wanted


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_all_pairs_in_verilator(simulated: Simulated, family: str) -> None:
    require_clean(simulated("mac", "verilator", parameters_of(f"mac_{family}")), PAIRS)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_other_widths(simulated: Simulated, module: str) -> None:
    require_clean(simulated("mac", "icarus", parameters_of(module, 4, 7, 13)), 1 << 11)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("weight, activation, acc, compared", [(2, 2, 4, 16), (16, 16, 40, 300)])
def test_smallest_and_largest_widths(
    simulated: Simulated, family: str, weight: int, activation: int, acc: int, compared: int
) -> None:
    # The corners and some more: Icarus takes longer for a product of 16 x 16 bits than for forty of 8 x 8.
    parameters = parameters_of(f"mac_{family}", weight, activation, acc)
    require_clean(simulated("mac", "icarus", parameters, settings={"count": compared}), compared)


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_all_pairs_at_gate_level(synthesized: Synthesized, osu018: Path, module: str) -> None:
    """Every pair with a partial sum of its own, against numpy's own integers."""
    netlist = read_netlist(synthesized(module).netlist_verilog, module)
    circuit = compile_circuit(netlist, read_corner([osu018]))
    weight, activation = (axis.ravel() for axis in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    inputs = drive_port(netlist, "weight_i", weight) | drive_port(netlist, "activation_i", activation)
    wanted, output = weight * activation, "product_o"
    if module.startswith("mac_"):
        psum = np.random.default_rng(2).integers(-(2**23), 2**23, PAIRS)
        inputs |= drive_port(netlist, "psum_i", psum)
        wanted, output = (psum + wanted + 2**23) % 2**24 - 2**23, "psum_o"
    found = read_port(netlist, evaluate(circuit, inputs), output, signed=True)
    assert len(found) == PAIRS
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.tools
@pytest.mark.slow
def test_all_pairs_of_the_default_netlist_in_icarus(
    simulated: Simulated, synthesized: Synthesized, osu018: Path, tmp_path: Path
) -> None:
    made = synthesized("mac_csa_array")
    models = tmp_path / "cells.v"
    models.write_text(cell_models(read_corner([osu018]), made.cell_counts), encoding="utf-8")
    own = OwnModules(Sources((models, made.netlist_verilog)), (), signed=("weight", "activation"))
    require_clean(simulated("mac", "icarus", parameters_of("mac_csa_array"), settings=HOLD, own=own), PAIRS)


ONE_BIT = (
    ("full_adder.v", "(half & c_i)", "(half & ~c_i)"),
    ("csa_array.v", "+ (ONE << (ACTIVATION_WIDTH - 1))", "+ (ONE << (ACTIVATION_WIDTH - 2))"),
    # wrong for one pair of all
    ("mac_csa_array.v", ".weight_i    (weight_i)", ".weight_i    (weight_i ^ (weight_i == 3 && activation_i == -2))"),
)


@pytest.mark.tools
@pytest.mark.parametrize("name, right, wrong", ONE_BIT, ids=[name for name, _, _ in ONE_BIT])
def test_the_bench_finds_a_flipped_bit(simulated: Simulated, tmp_path: Path, name: str, right: str, wrong: str) -> None:
    sources = []
    for source in BENCHES["mac"].sources:
        text = source.read_text(encoding="utf-8")
        if source.name == name:
            assert text.count(right) == 1
            source = tmp_path / name
            source.write_text(text.replace(right, wrong), encoding="utf-8")
        sources.append(source)
    result = simulated("mac", "icarus", parameters_of("mac_csa_array", 4, 4, 10), sources=sources)
    message = result.tests[-1].message
    assert not result.passed and not result.tests[-1].passed
    assert re.search(r"sums are wrong, first: -?\d+ \+ -?\d+ \* -?\d+ gave -?\d+, not -?\d+", message)
