# SPDX-License-Identifier: Apache-2.0
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
    *(
        "wording",
        "errors",
        "ranges",
        "processes",
        "keywords",
        "units",
        "version",
        "jit",
        "progress",
        "cachedir",
        "schema",
        "config",
        "sourced",
    ),
    *("liberty", "netlist", "synth", "parasitics", "timing", "power", "characterization"),
    *("dvfs", "workload", "quant", "arch"),
    *("flow", "plot", "report", "options", "api", "cli", "__main__"),
    "",  # the package itself, the face of all
]

# The same inside a room: floors from the ground up. Rooms of one floor do not know each other; "" is every file that
# lies beside the folders and has no floor of its own.
FLOORS = {
    "timing": [
        ("arcs", "clock_edges", "delays", "wires", "path_groups"),
        ("event", "static", "sdf"),
        ("",),
    ],
    "arch": [("weights",), ("systolic", "gpu")],
    "flow": [
        ("runs",),
        ("simulators",),
        ("gate_level",),
        ("scoring", "quantization", "exploring"),
        ("design_timing",),
        ("",),
    ],
}


def layer(module: str) -> int:
    """Place of the module's layer from the ground; ValueError: it has none."""
    package, _, rest = module.partition(".")
    assert package == "halo", module
    return LAYERS.index(rest.split(".")[0])


def floor(module: str) -> tuple[str, int, str] | None:
    """(room, floor, name of what stands there) of a module inside a room with floors."""
    parts = module.split(".")
    if len(parts) < 3 or parts[1] not in FLOORS:
        return None
    floors = FLOORS[parts[1]]
    name = next((parts[2] for names in floors if parts[2] in names), "")
    return parts[1], next(number for number, names in enumerate(floors) if name in names), name


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


def halo_imports(path: Path) -> Iterator[tuple[str, int]]:
    """(module, line) of every import of this package in a file, a name taken from a package as the module it is."""
    for module, name, line in imported(path):
        if module.split(".")[0] != "halo":
            continue
        inside = ROOT.joinpath(*module.split("."), name or "")
        yield (
            (f"{module}.{name}" if name and (inside.is_dir() or inside.with_suffix(".py").is_file()) else module),
            line,
        )


def test_every_module_has_its_layer() -> None:
    without = [name for name in map(module_name, SOURCES) if name.partition(".")[2].split(".")[0] not in LAYERS]
    assert not without
    names = {name.split(".")[1] for name in map(module_name, SOURCES) if "." in name}
    assert names == set(LAYERS) - {""}, "a layer has no module"


def test_every_folder_of_a_room_has_its_floor() -> None:
    for room, floors in FLOORS.items():
        folders = {p.name for p in (PACKAGE / room).iterdir() if p.is_dir() and any(p.glob("*.py"))}
        files = {p.stem for p in (PACKAGE / room).glob("*.py")} - {"__init__"}
        named = {name for names in floors for name in names} - {""}
        assert folders <= named <= folders | files
        assert files <= named or ("",) in floors


def test_imports_go_one_way() -> None:
    wrong = []
    for path in SOURCES:
        own = layer(module_name(path))
        for target, line in halo_imports(path):
            if layer(target) > own:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_imports_inside_a_room_go_one_way() -> None:
    wrong = []
    for path in SOURCES:
        own = floor(module_name(path))
        for target, line in halo_imports(path):
            other = floor(target)
            if own is None or other is None or own[0] != other[0]:
                continue
            beside = own[1] == other[1] and own[2] != other[2]
            strangers = beside and (PACKAGE / own[0] / own[2]).is_dir() and (PACKAGE / own[0] / other[2]).is_dir()
            if other[1] > own[1] or strangers:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_the_face_of_the_package_imports_its_version_only() -> None:
    """All else comes on first use; what a type checker is told does not run."""
    found = {
        node.module
        for node in ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("halo")
    }
    assert found == {"halo.version"}


def test_a_wrong_import_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "reader.py"
    file.write_text("def late():\n    from halo.cli.main import run\n    import halo.plot.run\n", encoding="utf-8")
    assert [(m, line) for m, _, line in imported(file)] == [("halo.cli.main", 2), ("halo.plot.run", 3)]
    assert [module for module, _ in halo_imports(file)] == ["halo.cli.main", "halo.plot.run"]
    assert layer("halo") > layer("halo.cli.main") > layer("halo.plot.run") > layer("halo.flow.runs.tools")
    assert layer("halo.flow.runs.tools") > layer("halo.liberty.reader") > layer("halo.jit")
    assert floor("halo.flow.runs.tools") == ("flow", 0, "runs")
    assert floor("halo.flow.score") == ("flow", 5, "")
    assert floor("halo.timing.sdf.read") == ("timing", 1, "sdf")
    assert floor("halo.liberty.reader") is None


def test_kernels_know_arrays_only() -> None:
    for path in PACKAGE.rglob("*_kernel.py"):
        for module, name, line in imported(path):
            constant = module in ("halo.units", "halo.netlist.model") and name is not None
            constant = constant and (name.isupper() or name.endswith("Arrays"))
            bare = module.split(".")[0] in ("__future__", "numpy", "typing") or module == "halo.jit"
            assert bare or constant or module.endswith("_kernel"), f"{path}:{line} imports {module}"


def test_numba_policy_is_in_one_place() -> None:
    users = {
        module_name(path) for path in SOURCES for module, _, _ in imported(path) if module.split(".")[0] == "numba"
    }
    assert users <= {"halo.jit"}


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


def test_every_source_names_its_licence() -> None:
    sources = [path for path in tracked() if path.suffix in (".py", ".v", ".sh")]
    without = [p for p in sources if "SPDX-License-Identifier: Apache-2.0" not in p.read_text(encoding="utf-8")[:200]]
    assert len(sources) > 400 and not without


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
