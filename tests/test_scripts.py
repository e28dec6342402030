# SPDX-License-Identifier: Apache-2.0
"""setup.sh on made-up machines: fake package manager and Pythons that log what they are asked to do."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
BASICS = ("bash", "cat", "dirname", "env", "grep", "head", "mkdir", "rm", "sha256sum", "touch", "cp", "chmod")

PYTHON = """#!/bin/bash
case "$*" in
    "-c import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))") exit {old};;
    "-c import ensurepip, venv") [ -e "$INSTALLED/python3-venv" ];;
    "-c import sys; print(\\"python%d.%d-venv\\" % sys.version_info[:2])") echo python3.12-venv;;
    "-c import sys"*libpython*) [ -n "${{SYSTEM_PYTHON-yes}}" ] && echo libpython3.12 || true;;
    --version) echo Python {version};;
    "-m venv .venv") echo "make venv" >> "$LOG"; mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
    "-m pip"*) echo "pip ${{*: -1}}" >> "$LOG"; exit "${{PIP_FAILS:-0}}";;
    "-c "*) exit 0;;
    *) echo "python $*" >> "$LOG";;
esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout, a bin folder that is all of PATH, and folders that say which packages are installed."""
    (tmp_path / "checkout" / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "checkout" / "scripts")
    (tmp_path / "checkout" / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (tmp_path / "checkout" / "scripts" / "constraints.txt").write_text("numpy==2.0\n", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "installed").mkdir()
    (tmp_path / "log").touch()
    for name in BASICS:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    program(tmp_path, "dpkg-query", '#!/bin/bash\n[ -e "$INSTALLED/${!#}" ] && printf installed\n')
    program(
        tmp_path,
        "apt-get",
        '#!/bin/bash\necho "apt-get $1" >> "$LOG"\nfor p in "$@"; do\n'
        '  case "$p" in -*|install|update) ;; *) echo "  $p" >> "$LOG"; touch "$INSTALLED/$p";; esac\ndone\n',
    )
    program(tmp_path, "id", "#!/bin/bash\necho ${USER_ID:-0}\n")
    program(tmp_path, "python3.13", "#!/bin/bash\necho 'command not found' >&2; exit 127\n")
    program(tmp_path, "python3.12", PYTHON.format(old=0, version="3.12.3"))
    program(tmp_path, "python3", PYTHON.format(old=1, version="3.10.4"))
    return tmp_path


def program(machine: Path, name: str, text: str) -> None:
    path = machine / "bin" / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def set_up(machine: Path, target: str = ".", **variables: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Source setup.sh for two packages; what was done, one action a line."""
    (machine / "log").write_text("", encoding="utf-8")
    (machine / "run.sh").write_text(
        f"set -euo pipefail\nsource {machine}/checkout/scripts/setup.sh '{target}' iverilog g++\n"
        "echo ready: ${PATH%%:*} $#\n",
        encoding="utf-8",
    )
    environment = {
        "PATH": str(machine / "bin"),
        "LOG": str(machine / "log"),
        "INSTALLED": str(machine / "installed"),
        **variables,
    }
    done = subprocess.run(
        ["bash", str(machine / "run.sh"), "user's", "own"], env=environment, capture_output=True, text=True, cwd=machine
    )
    return done, (machine / "log").read_text(encoding="utf-8").splitlines()


def test_a_bare_machine_gets_everything_once(machine: Path) -> None:
    done, actions = set_up(machine)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"ready: {machine}/checkout/.venv/bin 2\n"
    assert actions == [
        *("apt-get update", "apt-get install", "  iverilog", "  g++"),
        *("apt-get update", "apt-get install", "  python3-venv", "  python3.12-venv"),
        "make venv",
        *("apt-get update", "apt-get install", "  libpython3.12"),
        "pip .",
    ]
    done, actions = set_up(machine)
    assert (done.returncode, done.stderr, actions) == (0, "", [])


def test_a_python_that_is_not_the_systems_asks_for_no_system_library(machine: Path) -> None:
    _, actions = set_up(machine, SYSTEM_PYTHON="")
    assert actions[-2:] == ["make venv", "pip ."]


def test_an_environment_made_before_gets_the_library_that_it_lacks(machine: Path) -> None:
    set_up(machine)
    (machine / "installed" / "libpython3.12").unlink()
    assert set_up(machine)[1] == ["apt-get update", "apt-get install", "  libpython3.12"]


@pytest.mark.parametrize("file", ["pyproject.toml", "scripts/constraints.txt"])
def test_changed_requirements_are_installed_into_the_same_environment(machine: Path, file: str) -> None:
    set_up(machine)
    (machine / "checkout" / file).write_text("[project]\nname = 'more'\n", encoding="utf-8")
    assert set_up(machine)[1] == ["pip ."]


def test_extras_are_added_and_stay(machine: Path) -> None:
    set_up(machine)
    assert set_up(machine, ".[dev]")[1] == ["pip .[dev]"]
    assert set_up(machine, ".[dev]")[1] == set_up(machine)[1] == []
    (machine / "checkout" / "pyproject.toml").write_text("[project]\nname = 'more'\n", encoding="utf-8")
    assert set_up(machine)[1] == ["pip .[dev]"]


def test_a_moved_checkout_gets_a_new_environment(machine: Path) -> None:
    set_up(machine)
    stamp = machine / "checkout" / ".venv" / "halo-stamp"
    stamp.write_text(stamp.read_text(encoding="utf-8").replace("checkout", "elsewhere", 1), encoding="utf-8")
    assert set_up(machine)[1] == ["make venv", "pip ."]


def test_a_failed_install_is_said_so_and_tried_again(machine: Path) -> None:
    done, actions = set_up(machine, PIP_FAILS="1")
    assert done.returncode == 2 and "pip could not install halo" in done.stderr and "ready" not in done.stdout
    assert set_up(machine)[1][-1] == actions[-1] == "pip ."


def test_without_root_it_asks_sudo_or_says_what_to_type(machine: Path) -> None:
    done, actions = set_up(machine, USER_ID="1000")
    assert done.returncode == 2 and actions == []
    assert done.stderr.splitlines() == [
        "error: missing: iverilog g++",
        "  fix: As root, run: apt-get install iverilog g++",
    ]
    program(machine, "sudo", '#!/bin/bash\necho sudo >> "$LOG"; exec "$@"\n')
    done, actions = set_up(machine, USER_ID="1000")
    assert done.returncode == 0 and actions[:4] == ["sudo", "apt-get update", "sudo", "apt-get install"]


def test_no_python_that_is_served(machine: Path) -> None:
    (machine / "bin" / "python3.12").unlink()
    done, actions = set_up(machine)
    assert done.returncode == 2 and "make venv" not in actions
    assert "no Python 3.11, 3.12 or 3.13 was found" in done.stderr and "HALO_PYTHON" in done.stderr


def test_a_python_of_the_users_choice(machine: Path) -> None:
    program(machine, "mypython", PYTHON.format(old=0, version="3.13.9"))
    done, _ = set_up(machine, HALO_PYTHON="mypython")
    assert "making .venv with Python 3.13.9" in done.stderr


def test_the_constraints_pin_every_requirement_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [
        *project["dependencies"],
        *(text for extra in project["optional-dependencies"].values() for text in extra),
    ]
    wanted = {canonicalize_name(r.name): r.specifier for r in map(Requirement, listed)}
    lines = (ROOT / "scripts" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    versions = {canonicalize_name(name): version for name, version in pinned.items()}
    assert len(wanted) > 20 and wanted.keys() <= versions.keys(), sorted(wanted.keys() - versions.keys())
    wrong = [
        f"{name} {versions[name]}, not {allowed}" for name, allowed in wanted.items() if versions[name] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize(
    "script", ["scripts/bare_machine.sh", "scripts/run.sh", "scripts/test.sh", "scripts/setup.sh", ".ci/run"]
)
def test_scripts_parse(script: str) -> None:
    assert subprocess.run(["bash", "-n", ROOT / script], capture_output=True).returncode == 0
