# SPDX-License-Identifier: Apache-2.0
"""The wheel works away from the checkout: its files, its command, its declared dependencies."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.flow.simulators.runner import find_simulator

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, without network: hatchling is a development dependency."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("halo_mac-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of an empty environment with the wheel; dependencies are borrowed from this one, halo itself is not."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    (site,) = (home / "lib").glob("python*/site-packages")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin"


def call(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [installed / command[0], *command[1:]], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_wheel_carries_the_verilog_and_the_testbenches_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder, pattern in (("rtl", "*.v"), ("sim", "*.py")):
        expected = {f"halo/_data/{p.relative_to(ROOT)}" for p in (ROOT / folder).rglob(pattern)}
        assert expected and expected <= names
    assert {f"{p.relative_to(ROOT)}" for p in (ROOT / "halo").rglob("*.py")} <= names
    assert "halo/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if not name.startswith(("halo/", "halo_mac-"))]
    assert not [name for name in names if re.search(r"__pycache__|\.nb[ic]$|sim_build", name)]


@pytest.mark.slow
def test_the_installed_command_works_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = call(installed, tmp_path, "python", "-c", "import halo; print(halo.__file__)")
    assert str(installed.parent) in where.stdout, "this test looks at another halo than the wheel's"
    shown = call(installed, tmp_path, "halo", "--help")
    assert shown.returncode == 0 and "characterize" in shown.stdout
    doctor = call(installed, tmp_path, "halo", "doctor")
    assert doctor.returncode == 0 and doctor.stdout.endswith("ready to characterize\n"), doctor.stdout + doctor.stderr
    assert f"files: {installed.parent}" in doctor.stdout


@pytest.mark.slow
@pytest.mark.tools
def test_the_installed_command_simulates(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        find_simulator("icarus")
    except HaloError as problem:
        pytest.skip(str(problem))
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))
    arguments = ["--test", "products", "--param", "ROWS=2", "--param", "COLUMNS=2", "--param", "MULTIPLIER=behavioural"]
    done = call(installed, tmp_path, "halo", "sim", "systolic_ws", *arguments, "--waves", "waves.fst")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "products  passed" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "waves.fst"}


@pytest.mark.slow
def test_the_installed_command_characterizes(installed: Path, tmp_path: Path, osu018: Path) -> None:
    arguments = ["--top", "mul_csa_array", "--param", "WEIGHT_WIDTH=4", "--param", "ACTIVATION_WIDTH=4"]
    done = call(
        installed,
        tmp_path,
        "halo",
        "characterize",
        *arguments,
        "--liberty",
        str(osu018),
        "-o",
        "run",
        "--method",
        "bound",
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "run" / "weights.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 16
    assert (tmp_path / "run" / "plots" / "frequency_per_weight.png").is_file()


def test_every_package_imported_is_declared() -> None:
    modules = set()
    for path in (ROOT / "halo").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add((node.module or "").split(".")[0])
    needed = {name for name in modules if name not in sys.stdlib_module_names and name != "halo"}
    extras = (PROJECT["optional-dependencies"][name] for name in ("torch", "explore", "dask"))
    requirements = [*PROJECT["dependencies"], *chain.from_iterable(extras)]
    declared = {re.split(r"[<>=\[ ]", text)[0].replace("-", "_") for text in requirements}
    homes = metadata.packages_distributions()
    for name in needed:
        assert {d.lower().replace("-", "_") for d in homes.get(name, [name])} & declared, f"{name} is not declared"


def test_one_version_everywhere() -> None:
    import halo

    assert PROJECT["version"] == halo.__version__
