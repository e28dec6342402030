# SPDX-License-Identifier: Apache-2.0
"""Running benches: models are cached by content, bad input is named, what is reported arrives."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from halo.errors import HaloError
from halo.flow.simulators import model_cache, runner
from halo.flow.simulators.bench_run import SimulationResult, simulate
from halo.flow.simulators.benches import BENCHES, find_bench
from halo.flow.simulators.runner import SimulatorName, find_simulator

SMALL = {"WEIGHT_WIDTH": 2, "ACTIVATION_WIDTH": 2, "ACC_WIDTH": 5, "MULTIPLIER": "behavioural"}
SIMULATORS: tuple[SimulatorName, ...] = ("icarus", "verilator")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))
    return model_cache.folder()


@pytest.fixture
def library(cache: Path, model_cache: Path) -> Iterator[None]:
    """Verilator's run-time library as another test of this session has compiled it; else it is left for others."""
    shelf = model_cache / cache.name
    for made in shelf.glob("library-*"):
        shutil.copytree(made, cache / made.name)
    yield
    for made in cache.glob("library-*"):
        if not (shelf / made.name).exists():
            model_cache.mkdir(exist_ok=True)
            beside = Path(tempfile.mkdtemp(dir=model_cache, prefix=".library-")) / made.name
            shutil.copytree(made, beside)
            shelf.mkdir(exist_ok=True)
            with contextlib.suppress(OSError):  # another worker was first
                beside.rename(shelf / made.name)


@pytest.fixture
def run(cache: Path, tmp_path: Path) -> Callable[..., SimulationResult]:
    """The small weight-stationary element, one test of it."""

    def call(simulator: SimulatorName = "icarus", values: Any = SMALL, **arguments: Any) -> SimulationResult:
        require(simulator)
        arguments = {"workdir": tmp_path / "work", "tests": ["reset_in_the_middle"], **arguments}
        return simulate("pe", simulator, values, **arguments)

    return call


def require(name: SimulatorName) -> None:
    try:
        find_simulator(name)
    except HaloError as problem:
        pytest.skip(str(problem))


def entries(cache: Path) -> list[Path]:
    """Models in the cache; nothing else may be there but Verilator's library."""
    found = sorted(cache.iterdir())
    assert not [path for path in found if path.name.startswith(".")], "debris"
    return [path for path in found if not path.name.startswith("library-")]


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATORS)
@pytest.mark.usefixtures("library")
def test_a_second_run_does_not_build(run: Callable[..., SimulationResult], cache: Path, name: SimulatorName) -> None:
    first, second = run(name), run(name)
    assert first.passed and second.passed
    assert (first.rebuilt, second.rebuilt) == (True, False)
    (entry,) = entries(cache)
    assert not {"results.xml", "bench.jsonl", "simulation.log"} & {path.name for path in entry.iterdir()}
    assert [(t.name, t.compared, t.cycles, t.coverage) for t in first.tests] == [
        (t.name, t.compared, t.cycles, t.coverage) for t in second.tests
    ]


@pytest.mark.tools
@pytest.mark.slow
def test_what_shapes_a_model_gives_it_an_entry_of_its_own(
    run: Callable[..., SimulationResult], cache: Path, tmp_path: Path
) -> None:
    run()
    assert run(values=SMALL | {"ACC_WIDTH": 6}).rebuilt
    assert run(waves=tmp_path / "waves.fst").rebuilt
    sources = [tmp_path / path.name for path in BENCHES["pe"].sources]
    for path, copy in zip(BENCHES["pe"].sources, sources, strict=True):
        copy.write_bytes(path.read_bytes())
    assert not run(sources=sources).rebuilt, "the content counts, not the path"
    sources[0].write_text(sources[0].read_text(encoding="utf-8") + "// changed\n", encoding="utf-8")
    assert run(sources=sources).rebuilt
    assert len(entries(cache)) == 4
    assert not run(seed=2, tests=["random_slots"]).rebuilt, "what only the run sees does not count"


@pytest.mark.tools
@pytest.mark.slow
def test_processes_may_build_the_same_model_at_once(cache: Path, tmp_path: Path) -> None:
    require("icarus")
    code = "import sys; from halo.cli.main import run; run()"
    command = [sys.executable, "-c", code, "sim", "pe", "--param", "MULTIPLIER=behavioural", "--test", "random_slots"]
    children = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for child in children:
        said, _ = child.communicate(timeout=120)
        assert child.returncode == 0 and "passed" in said
    assert len(entries(cache)) == 1


def test_entries_unused_for_longest_go(cache: Path) -> None:
    for age, name in enumerate(["a", "b", "c"]):
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (1000 - age, 1000 - age))
    model_cache.remove_unused(cache, 2)
    assert [path.name for path in entries(cache)] == ["a", "b"]


@pytest.mark.tools
@pytest.mark.parametrize("name", SIMULATORS)
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"WEIGHT_WIDTH": 1}, "parameter WEIGHT_WIDTH must be 2 to 16"),
        ({"PIPELINE": 3}, "parameter PIPELINE must be 0 or 1 unless MULTIPLIER is booth r4 or baugh wooley"),
        ({"ACC_WIDTH": 3}, "parameter ACC_WIDTH must hold the product and be at most 64"),
    ],
)
def test_a_value_that_the_design_refuses(
    run: Callable[..., SimulationResult], cache: Path, name: SimulatorName, values: dict[str, int], says: str
) -> None:
    with pytest.raises(HaloError) as caught:
        run(name, SMALL | values)
    assert caught.value.what == says
    assert not cache.exists()


@pytest.mark.parametrize(
    ("arguments", "what", "fix"),
    [
        (("fly", "icarus"), "there is no bench fly", "mac, pe, pe_os"),
        (("pe", "icarus", {"WIDTH": 4}), "bench pe has no parameter WIDTH", "WEIGHT_WIDTH"),
        (("pe", "icarus", {"MULTIPLIER": "wallace"}), "parameter MULTIPLIER cannot be wallace", "csa_array"),
        (("pe", "icarus", {"PIPELINE": "yes"}), "parameter PIPELINE cannot be yes", "whole number"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, arguments: Any, what: str, fix: str) -> None:
    with pytest.raises(HaloError) as caught:
        simulate(*arguments, workdir=tmp_path / "work")
    assert caught.value.what == what and fix in caught.value.fix
    assert not (tmp_path / "work").exists()


def test_an_unknown_test_is_named(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="bench pe has no test walk") as caught:
        simulate("pe", "icarus", workdir=tmp_path, tests=["walk"])
    assert caught.value.fix == "It has random_slots, reset_in_the_middle."


def test_a_missing_simulator_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HaloError, match="iverilog is not installed") as caught:
        simulate("pe", "icarus", workdir=tmp_path)
    assert "apt-get install iverilog" in caught.value.fix


@pytest.mark.tools
def test_verilog_that_does_not_compile_is_quoted(
    run: Callable[..., SimulationResult], cache: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "pe_ws.v"
    broken.write_text("module pe_ws;\n  wire a\nendmodule\n", encoding="utf-8")
    with pytest.raises(HaloError, match=r"pe_ws\.v:3: syntax error"):
        run(values={}, sources=[broken])
    assert not cache.exists()


@pytest.mark.tools
def test_the_surroundings_do_not_steer_a_run(
    run: Callable[..., SimulationResult], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (
        ("COCOTB_TEST_FILTER", "nothing"),
        ("COCOTB_RANDOM_SEED", "99"),
        ("WAVES", "1"),
        ("MAKEFLAGS", "-n"),
        ("VERILATOR_ROOT", "/nowhere"),
    ):
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    first = run()
    assert first.passed and os.environ == before
    assert not list((tmp_path / "work").glob("*.fst"))


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATORS)
def test_waves_hold_the_signals(run: Callable[..., SimulationResult], tmp_path: Path, name: SimulatorName) -> None:
    import pywellen

    waves = tmp_path / "waves.fst"
    try:
        result = run(name, waves=waves)
    except HaloError as problem:
        if "liblz4-dev" in problem.fix:
            pytest.skip(str(problem))
        raise
    assert result.passed and waves.read_bytes()[0] == 0  # an FST file begins with its header block, type 0
    recorded = pywellen.Waveform(str(waves))
    variables = {
        str(v.full_name).partition("pe_ws.")[2]: v for v in recorded.all_vars() if "pe_ws." in str(v.full_name)
    }
    assert {"clk_i", "psum_o", "weight_q", "u_datapath.psum_o"} <= set(variables)
    clock = [value for _, value in variables["clk_i"].signal]
    assert len(clock) >= 2 * (result.tests[0].cycles or 0)


@pytest.mark.tools
def test_every_bench_has_a_module_tests_and_sources() -> None:
    for name in BENCHES:
        bench = find_bench(name)
        assert bench.tests and bench.sources and all(path.is_file() for path in bench.sources), name
        assert any(path.stem == bench.toplevel for path in bench.sources), name


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, number: int) -> None:
    """Neither files nor processes; Verilator, whose build takes long enough to be met."""
    require("verilator")
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "HALO_CACHE": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-c", "from halo.cli.main import run; run()", "sim", "pe", "--simulator", "verilator"]
    with subprocess.Popen(
        [*command, "-o", str(tmp_path / "run")], env=environment, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None and child.stderr.readline() == "building pe for verilator ...\n"
        while not list((tmp_path / "tmp").glob("halo-model-*/*.cpp")):
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(number)
        said = child.stderr.read()
        assert child.wait(timeout=20) == 128 + number, said
    time.sleep(0.2)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not (tmp_path / "run").exists()


def test_compiler_option_that_a_packaged_verilator_lacks(tmp_path: Path) -> None:
    makefile = tmp_path / "include" / "verilated.mk"
    makefile.parent.mkdir()
    program = tmp_path / "verilator"
    program.write_text(f"#!/bin/sh\necho {tmp_path}\n", encoding="utf-8")
    program.chmod(0o755)
    found = runner.FoundTool("verilator", program, "5.48", dict(os.environ))
    makefile.write_text("CFG_CXXFLAGS_PCH_I = \n", encoding="utf-8")
    assert runner._make_variables(found) == ("CFG_CXXFLAGS_PCH_I=-include",)
    makefile.write_text("CFG_CXXFLAGS_PCH_I = -include\n", encoding="utf-8")
    assert runner._make_variables(found) == ()


def test_another_cocotb_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its runners are changed from inside; where they are built otherwise, the message says what to install."""
    from cocotb_tools.runner import Icarus, Runner, Verilator

    monkeypatch.setattr(Icarus, "_simulator_in_path", lambda self: None)
    monkeypatch.setattr(Verilator, "_simulator_in_path", lambda self: None)
    monkeypatch.setattr(Verilator, "_build_command", lambda self: [["verilator", "--public"], ["make"]])
    with pytest.raises(HaloError, match=r"is not one that halo can start: it does not call") as caught:
        runner._runner("verilator", None)._build_command()
    assert "pip install 'cocotb>=2.1,<2.2'" in caught.value.fix
    monkeypatch.delattr(Runner, "_execute_cmds")
    with pytest.raises(HaloError, match="its runner of Icarus has no _execute_cmds"):
        runner._runner("icarus", None)


def test_a_multiplier_alone_has_a_macro_of_its_own() -> None:
    (dut,) = (p for p in BENCHES["mac"].parameters if p.name == "DUT")
    assert dut.macros("mul_csa_array") == {"DUT": "mul_csa_array", "MULTIPLIER": "1"}
    assert dut.macros("mac_csa_array") == {"DUT": "mac_csa_array"}
