# SPDX-License-Identifier: Apache-2.0
"""``pair_element``, whose weight is one of eight bits or two of four: RTL in Icarus, gates against whole numbers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.flow.runs.tools import FoundTool
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import drive_port, evaluate, read_port
from halo.netlist.verilog import read_netlist
from halo.synth import synthesize

FindTool = Callable[[str], FoundTool]
SOURCES = (*mac_sources(), *(rtl_folder() / "pe" / f"{name}.v" for name in ("pe_datapath", "pair_element")))
BENCH = Path(__file__).parent / "pair_bench" / "tb_pairs.v"
FORMS: tuple[dict[str, int], ...] = (
    {},
    {"RECODED": 1, "CORRECTION": 1},
    {"PIPELINE": 1, "CORRECTION": 1},
    {"PIPELINE": 2, "CARRY_SAVE": 0, "CORRECTION": 1, "ARRAY": 8},
    {"PIPELINE": 3, "RECODED": 1},
    {"PIPELINE": 1, "CARRY_SAVE": 0, "RECODED": 1},
)


def played(tool: FindTool, work: Path, values: dict[str, int], sources: tuple[Path, ...] = SOURCES) -> str:
    """What the bench says."""
    icarus, vvp = tool("iverilog"), tool("vvp")
    given = [f"-Ptb_pairs.{name}={value}" for name, value in values.items()]
    command = [icarus.path, "-g2005", *given, "-s", "tb_pairs", "-o", work / "bench", BENCH, *sources]
    subprocess.run(command, env=icarus.environment, check=True)
    run = [vvp.path, work / "bench"]
    return subprocess.run(run, env=vvp.environment, check=True, capture_output=True, text=True).stdout.split("\n")[0]


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("values", FORMS, ids=str)
def test_one_weight_and_pairs_in_turn(tool: FindTool, tmp_path: Path, values: dict[str, int]) -> None:
    """The mode changes from clock to clock; CLOCKS=65536 with MODE 0 and 1 is the proof that was run once."""
    assert played(tool, tmp_path, values | {"CLOCKS": 800}) == "PASSED 800"


@pytest.mark.tools
@pytest.mark.slow
def test_the_bench_finds_a_wrong_neighbour(tool: FindTool, tmp_path: Path) -> None:
    """The lowest digit of the high weight sees the low weight's top bit."""
    wrong = tmp_path / "booth_recode_lanes.v"
    right = (rtl_folder() / "mac" / wrong.name).read_text(encoding="utf-8")
    assert right.count("& ~pair_i") == 1
    wrong.write_text(right.replace("& ~pair_i", "& (pair_i | ~pair_i)"), encoding="utf-8")
    sources = (*(path for path in SOURCES if path.name != wrong.name), wrong)
    assert played(tool, tmp_path, {"CLOCKS": 200}, sources).startswith("FAILED")


@pytest.mark.parametrize("pair", [0, 1])
def test_every_weight_at_gate_level(osu018: Path, tmp_path: Path, pair: int) -> None:
    """Registers open: all pairs of one weight and its activation, and each pair of weights with 256 of activations."""
    made = synthesize(SOURCES, "pair_element", (osu018,), parameters={"CARRY_SAVE": 0}, workdir=tmp_path)
    netlist = read_netlist(made.netlist_verilog, "pair_element")
    circuit = compile_circuit(netlist, read_corner([osu018]))
    generator = np.random.default_rng(4)
    weight, low = (axis.ravel() for axis in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    high = generator.integers(-128, 128, len(low))
    psum = generator.integers(-(2**23), 2**23, len(low))
    given = drive_port(netlist, "weight_i", weight) | drive_port(netlist, "psum_i", psum)
    given |= drive_port(netlist, "activation_i", (high << 8) + (low & 255))
    given |= drive_port(netlist, "pair_i", np.full(len(low), pair))
    low_weight = (weight + 8) % 16 - 8
    wanted = psum + ((weight >> 4) * high + low_weight * low if pair else weight * low)
    found = read_port(netlist, evaluate(circuit, given), "psum_o", signed=True)
    np.testing.assert_array_equal(found, (wanted + 2**23) % 2**24 - 2**23)
