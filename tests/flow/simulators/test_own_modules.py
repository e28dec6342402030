# SPDX-License-Identifier: Apache-2.0
"""Modules of the user's in the benches: what fits is tested and found right or faulty, what does not fit is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from halo.cli.main import main
from halo.config import SourcesConfig
from halo.errors import HaloError
from halo.flow.simulators.bench_run import SimulationResult, simulate
from halo.flow.simulators.benches import Value, find_bench
from halo.flow.simulators.own_modules import OwnModules, own_modules, place
from halo.flow.simulators.runner import find_simulator

PARAMETERS = "parameter WEIGHT_WIDTH = 8, ACTIVATION_WIDTH = 8"
OPERANDS = "input signed [WEIGHT_WIDTH-1:0] weight_i, input signed [ACTIVATION_WIDTH-1:0] activation_i"
PRODUCT = "output signed [WEIGHT_WIDTH+ACTIVATION_WIDTH-1:0] product_o"
SUMS = "input signed [ACC_WIDTH-1:0] psum_i, output signed [ACC_WIDTH-1:0] psum_o"
MULTIPLIER = f"""module my_mul #({PARAMETERS}, WRONG = 0) ({OPERANDS}, {PRODUCT});
    wire wrong = WRONG != 0 && weight_i == 3 && activation_i == -2;
    assign product_o = weight_i * activation_i ^ $signed({{1'b0, wrong}});
endmodule
"""
MAC = f"""module my_mac #({PARAMETERS}, ACC_WIDTH = 24) ({OPERANDS}, {SUMS});
    assign psum_o = psum_i + weight_i * activation_i;
endmodule
"""
FIXED = "input signed [7:0] weight_i, activation_i, output signed [15:0] product_o"
SMALL: dict[str, Value] = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 10}
TILE: dict[str, Value] = {"WIDTH": 4, "ACC_WIDTH": 12}
MESH = SMALL | {"ROWS": 2, "COLUMNS": 2}

Simulated = Callable[..., SimulationResult]


def given(folder: Path, text: str, name: str = "own.v") -> OwnModules:
    """That Verilog, as the options bring it."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    own = own_modules(SourcesConfig(files=(path,)))
    assert own is not None
    return own


@pytest.fixture
def simulated(model_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """A bench in Icarus with models in a cache of the session."""
    monkeypatch.setenv("HALO_CACHE", str(model_cache))
    try:
        find_simulator("icarus")
    except HaloError as problem:
        pytest.skip(str(problem))

    def run(bench: str, values: Mapping[str, Value], own: OwnModules, *tests: str) -> SimulationResult:
        return simulate(bench, "icarus", values, own=own, tests=tests or None, workdir=tmp_path / "work")

    return run


@pytest.mark.tools
def test_a_multiplier_and_a_mac(simulated: Simulated, tmp_path: Path) -> None:
    for text, name in ((MULTIPLIER, "my_mul"), (MAC, "my_mac")):
        result = simulated("mac", SMALL | {"DUT": name}, given(tmp_path, text))
        assert result.passed and [test.compared for test in result.tests] == [126, 256]
        assert result.values["DUT"] == name and result.said == (f"module {name} of {tmp_path / 'own.v'} is tested",)


@pytest.mark.tools
@pytest.mark.parametrize(
    ("bench", "values", "test"),
    [
        ("mac", SMALL, "all_pairs_or_random"),
        ("pe", SMALL, "random_slots"),
        ("pe_os", SMALL | {"PIPELINE": 1}, "random_slots"),
        ("systolic_ws", MESH, "products"),
        ("systolic_os", MESH | {"CARRY_SAVE": 1}, "products"),
        ("tensor_core", TILE | {"M": 1, "N": 2, "K": 4}, "matrices"),
        ("dp4a", TILE, "dot_products"),
    ],
)
def test_every_bench_finds_a_faulty_one(
    simulated: Simulated, tmp_path: Path, bench: str, values: dict[str, Value], test: str
) -> None:
    own, name = given(tmp_path, MULTIPLIER), {"DUT" if bench == "mac" else "MULTIPLIER": "my_mul"}
    faulty = simulated(bench, values | name | {"WRONG": 1}, own, test)
    assert not faulty.passed and faulty.values["WRONG"] == 1
    found = re.match(r"(\d+) of (\d+) \w+ are wrong, first: ", faulty.tests[0].message)
    assert found is not None, faulty.tests[0].message
    wrong, compared = map(int, found.groups())
    assert 0 < wrong < compared / 4, "one product of 256 is wrong, the others are right"


@pytest.mark.tools
def test_a_mac_stands_where_sums_are_fused(simulated: Simulated, tmp_path: Path) -> None:
    assert simulated("pe", SMALL | {"MULTIPLIER": "my_mac"}, given(tmp_path, MAC), "random_slots").passed


@pytest.mark.tools
def test_a_module_of_the_same_name_replaces_one(simulated: Simulated, tmp_path: Path) -> None:
    right = "module full_adder(input a_i, b_i, c_i, output sum_o, carry_o); assign {carry_o, sum_o} = a_i + b_i + c_i;"
    own = given(tmp_path, f"{right} endmodule")
    result = simulated("mac", SMALL, own, "corners")
    assert result.passed and result.said == (f"module full_adder of {tmp_path / 'own.v'} stands in place of halo's",)
    faulty = given(tmp_path, f"{right.replace('+ c_i', '+ 1')} endmodule")
    assert not simulated("mac", SMALL, faulty, "corners").passed


@pytest.mark.tools
def test_macros_includes_and_lists(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "headers").mkdir()
    operator = tmp_path / "headers" / "operator.vh"
    operator.write_text("`define TIMES *\n", encoding="utf-8")
    body = MULTIPLIER.replace("weight_i * activation_i", "`LEFT `TIMES activation_i")
    (tmp_path / "own.v").write_text(f'`include "operator.vh"\n{body}', encoding="utf-8")
    (tmp_path / "own.f").write_text("+incdir+headers\nown.v\n", encoding="utf-8")
    small = [f"--param={name}={value}" for name, value in SMALL.items()]
    command = ["sim", "mac", "-f", "own.f", "-D", "LEFT=weight_i", "--param", "DUT=my_mul", "--test", "corners", *small]
    assert main([*command, "-o", "run"]) == 0
    assert "module my_mul of own.v is tested" in capsys.readouterr().out
    assert '"own.f"' in (tmp_path / "run" / "run.json").read_text(encoding="utf-8")
    operator.write_text("`define TIMES +\n", encoding="utf-8")
    assert main(command) == 1, "what is included shapes the model"
    assert main([*command, "-D", "DUT=1"]) == 2
    assert "macro DUT belongs to bench mac" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ports", "what", "fix"),
    [
        (
            FIXED.replace("signed ", ""),
            "does not fit the bench: weight_i is unsigned, activation_i is unsigned",
            "product_o, or say which operand is signed although its port is not, as in ",
        ),
        (FIXED.replace("weight_i", "w"), "weight_i is missing, input signed [7:0] w has no use", "[7:0] weight_i"),
        (f"input clk, {FIXED}", "input clk has no use", "Give it input signed [7:0] weight_i"),
        (FIXED.replace("input", "output"), "weight_i is an output, activation_i is an output", "Give it input signed"),
        (
            FIXED.replace("7", "3").replace("15", "7"),
            "weight_i has 4 bits, activation_i has 4 bits, product_o has 8 bits",
            "; or set WEIGHT_WIDTH=4, ACTIVATION_WIDTH=4.",
        ),
        (FIXED.replace("15", "14"), "product_o has 15 bits", "output signed [15:0] product_o."),
        (
            FIXED.replace("[15:0] product_o", "[23:0] psum_o"),
            "psum_i is missing",
            "input signed [23:0] psum_i, output signed [23:0] psum_o.",
        ),
    ],
)
def test_ports_that_do_not_fit(tmp_path: Path, ports: str, what: str, fix: str) -> None:
    own = given(tmp_path, f"\nmodule odd({ports});\nendmodule\n")
    with pytest.raises(HaloError) as caught:
        place(find_bench("pe"), {"MULTIPLIER": "odd"}, own, tmp_path / "work")
    assert what in caught.value.what and fix in caught.value.fix
    assert (caught.value.path, caught.value.line) == (str(tmp_path / "own.v"), 2)


@pytest.mark.parametrize(
    ("bench", "values", "what", "fix"),
    [
        (
            "pe",
            {"MULTIPLIER": "my_mull"},
            "the sources hold no module my_mull",
            "with MULTIPLIER: my_mul, my_mac, half_adder",
        ),
        (
            "pe",
            {"MULTIPLIER": "my_mul", "RIGHT": 1},
            "neither bench pe nor module my_mul has a parameter RIGHT",
            "WRONG",
        ),
        ("pe", {"MULTIPLIER": "my_mac", "CARRY_SAVE": 1}, "module my_mac adds the partial sum", "CARRY_SAVE at 0"),
        ("dp4a", {"MULTIPLIER": "my_mac"}, "bench dp4a needs the product by itself", "an output product_o"),
        ("pe", {"WIDTH": 4}, "module half_adder would replace halo's, and lacks the ports a_i, b_i", "Rename it"),
    ],
)
def test_modules_that_do_not_fit(tmp_path: Path, bench: str, values: dict[str, Value], what: str, fix: str) -> None:
    other = "module half_adder(input a, b, output sum_o, carry_o); endmodule\n"
    with_other = "WIDTH" in values or "my_mull" in values.values()
    own = given(tmp_path, MULTIPLIER + MAC + (other if with_other else ""))
    with pytest.raises(HaloError) as caught:
        place(find_bench(bench), values, own, tmp_path / "work")
    assert what in caught.value.what and fix in caught.value.fix


def test_verilog_that_nothing_uses(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match=r"bench pe would use none of the modules my_mul") as caught:
        place(find_bench("pe"), {}, given(tmp_path, MULTIPLIER), tmp_path / "work")
    assert caught.value.fix.startswith("Name one with MULTIPLIER")
    with pytest.raises(HaloError, match="the bench has its own"):
        own_modules(SourcesConfig(files=(tmp_path / "own.v",), top="my_mul"))
    with pytest.raises(HaloError, match="no Verilog is given"):
        own_modules(SourcesConfig(), ("weight",))


def test_an_unsigned_port_may_be_called_signed(tmp_path: Path) -> None:
    own = given(tmp_path, f"module netlist({FIXED.replace('signed ', '')}); endmodule")
    called = OwnModules(own.sources, own.read, ("weight", "activation"))
    placed = place(find_bench("mac"), {"DUT": "netlist"}, called, tmp_path / "work")
    assert placed.built["DUT"] == "mul_external" and placed.sources.files[-1].name == "mac_external.v"
