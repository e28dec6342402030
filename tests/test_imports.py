"""The layout holds: imports go one way, kernels stay bare, files stay short, and nothing names a machine."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "halo"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# From the foundations up. A module imports its own layer and those before it, wherever the import stands in its text.
LAYERS = [
    *("errors", "units", "config", "sourced"),
    *("liberty", "netlist", "synth", "timing", "power", "characterization"),
    *("dvfs", "quant", "workload", "arch"),
    *("flow", "plot", "api", "cli"),
]


def layer(module: str) -> int:
    parts = module.split(".")
    return LAYERS.index(parts[1]) if len(parts) > 1 and parts[1] in LAYERS else -1


def imported(path: Path) -> Iterator[tuple[str, str | None, int]]:
    """(module, name or None, line) of every import in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports in full"
            yield from ((node.module or "", alias.name, node.lineno) for alias in node.names)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tracked() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_every_part_of_the_package_has_its_layer() -> None:
    parts = {p.name for p in PACKAGE.iterdir() if p.is_dir() and any(p.glob("*.py"))}
    parts |= {p.stem for p in PACKAGE.glob("*.py")} - {"__init__"}
    assert parts <= set(LAYERS)


def test_imports_go_one_way() -> None:
    wrong = []
    for path in SOURCES:
        own = layer(module_name(path))
        if own < 0:
            continue  # the package itself, which only looks names up on first use
        for module, name, line in imported(path):
            target = f"{module}.{name}" if module == "halo" and name else module
            if target.startswith("halo.") and layer(target) > own:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_a_wrong_import_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "reader.py"
    file.write_text("def late():\n    from halo.cli.main import run\n    import halo.plot.run\n", encoding="utf-8")
    assert [(m, line) for m, _, line in imported(file)] == [("halo.cli.main", 2), ("halo.plot.run", 3)]
    assert layer("halo.cli.main") > layer("halo.plot.run") > layer("halo.flow.tools") > layer("halo.liberty.reader")


def test_kernels_know_arrays_only() -> None:
    for path in PACKAGE.rglob("*_kernel.py"):
        for module, name, line in imported(path):
            constant = module in ("halo.units", "halo.netlist.model") and name is not None and name.isupper()
            bare = module.split(".")[0] in ("__future__", "numpy", "typing") or module == "halo.timing._jit"
            assert bare or constant or module.endswith("_kernel"), f"{path}:{line} imports {module}"


def test_numba_policy_is_in_one_place() -> None:
    users = {
        module_name(path) for path in SOURCES for module, _, _ in imported(path) if module.split(".")[0] == "numba"
    }
    assert users <= {"halo.timing._jit"}


def test_importing_the_package_and_its_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, halo, halo.cli.main as m; m.main(['--help']); "
        "heavy = {'numpy', 'pandas', 'numba', 'matplotlib', 'pyosys', 'pyverilog', 'safetensors', 'torch', "
        "'transformers', 'lm_eval'} & set(sys.modules); "
        "sys.exit(f'loads {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_stay_short_and_small() -> None:
    for path in tracked():
        if path.suffix in (".py", ".v", ".sv", ".sh"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 600, f"{path} is over 600 lines"
        assert path.stat().st_size <= 1_500_000, f"{path} is large: generate or fetch it"


def test_nothing_names_a_machine_or_leaves_a_promise() -> None:
    place = re.compile(r"(?<![\w.$}])/(work|opt|farm|root|home/\w+|tmp/[a-z])/?")
    promise = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError|assert True\b")
    for path in tracked():
        if path == Path(__file__) or path.suffix not in (
            ".py",
            ".v",
            ".sv",
            ".sh",
            ".md",
            ".toml",
            ".ipynb",
            ".yml",
            "",
        ):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if '"image/png"' in line:  # base64 may spell anything
                continue
            assert not place.search(line), f"{path}:{number} names a place on one machine: {line.strip()}"
            assert not promise.search(line), f"{path}:{number} is unfinished: {line.strip()}"
