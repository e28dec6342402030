# SPDX-License-Identifier: Apache-2.0
"""Try the versions of dependencies that halo-mac admits, and keep the ones known to work together.

    python scripts/dependencies.py renew              # newest admitted versions, tested, into scripts/constraints.txt
    python scripts/dependencies.py lowest [PYTEST...]  # the lowest version of each range, with the quick tests
    python scripts/dependencies.py highest [PYTEST...] # the newest versions of each range, with the quick tests

Each makes an environment of its own in a temporary folder and leaves nothing behind. Where pytest's arguments are
given, they replace the quick tests. It takes some minutes and several GB, most of them PyTorch. Renew with the oldest
Python that is served, Debian 12's 3.11.2 (newer packages may not install there), and try the result with
scripts/bare_machine.sh.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "scripts" / "constraints.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
QUICK = ("-m", "not slow and not tools", "-q")
HEADER = """\
# Versions that are known to work together: what scripts/run.sh and scripts/test.sh install.
# Written by scripts/dependencies.py renew. The wheel itself has only the ranges of pyproject.toml.
"""


def lowest(folder: Path) -> Path:
    """Constraints that hold every requirement of the package and its extras at its lowest version, as uv finds them."""
    made = folder / "lowest.txt"
    venv.create(folder / "uv", with_pip=True)
    python = folder / "uv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "uv"], check=True)
    uv = [python, "-m", "uv", "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--all-extras"]
    subprocess.run([*uv, "--python", sys.executable, "pyproject.toml", "--output-file", made], cwd=ROOT, check=True)
    return made


def install(folder: Path, constraints: Path | None) -> Path:
    """An environment with the package, editable, and all extras; its Python."""
    print("making an environment ...", flush=True)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    target = ["--editable", f".[{','.join(EXTRAS)}]", *(["--constraint", constraints] if constraints else [])]
    subprocess.run(
        [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *target], cwd=ROOT, check=True
    )
    return python


def frozen(python: Path) -> list[str]:
    """``name==version`` of every package but this one, without the part that names a build (``+cpu``)."""
    listed = subprocess.run([python, "-m", "pip", "freeze", "--exclude-editable"], capture_output=True, text=True)
    listed.check_returncode()
    return sorted(re.sub(r"\+.*", "", line) for line in listed.stdout.splitlines() if "==" in line)


def test(python: Path, arguments: list[str]) -> int:
    """Run the tests in the environment; pytest's exit code."""
    return subprocess.run([python, "-m", "pytest", *(arguments or QUICK)], cwd=ROOT).returncode


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("renew", "lowest", "highest"))
    parser.add_argument("pytest", nargs=argparse.REMAINDER, help="arguments for pytest instead of the quick tests")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="halo-dependencies-") as folder:
        python = install(Path(folder), lowest(Path(folder)) if asked.what == "lowest" else None)
        versions = frozen(python)
        print("\n".join(versions), flush=True)
        failed = test(python, asked.pytest)
        if asked.what == "renew" and not failed:
            CONSTRAINTS.write_text(HEADER + "".join(f"{line}\n" for line in versions), encoding="utf-8")
            print(f"wrote {CONSTRAINTS.relative_to(ROOT)}")
        return failed


if __name__ == "__main__":
    sys.exit(main())
