# SPDX-License-Identifier: Apache-2.0
"""The examples are short, use public names only, and run."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import halo

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PUBLIC = ("plot", "quant", "arch", "liberty")


def main_of(name: str) -> Callable[..., None]:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    main: Callable[..., None] = module.main
    return main


@pytest.fixture(scope="module")
def run(osu018: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default MAC, few transitions."""
    folder = tmp_path_factory.mktemp("examples") / "default"
    halo.characterize(liberty=osu018, stimulus="random:16", psum_samples=16, run_folder=folder)
    return folder


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_uses_public_names_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 50
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert not [a.name for a in node.names if a.name.startswith("halo.")], "write: import halo"
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("halo"), "write: import halo"
        if isinstance(node, ast.Attribute):
            inside = node.value
            if isinstance(inside, ast.Name) and inside.id == "halo":
                assert node.attr in halo.__all__
            if isinstance(inside, ast.Attribute) and isinstance(inside.value, ast.Name) and inside.value.id == "halo":
                assert inside.attr not in PUBLIC or node.attr in getattr(halo, inside.attr).__all__


def test_there_are_five() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.slow
@pytest.mark.tools
def test_own_bench(model_cache: Path, tmp_path: Path) -> None:
    """As its reader starts it."""
    if shutil.which("vvp") is None:
        pytest.skip("Icarus Verilog is not installed")
    folder = shutil.copytree(ROOT / "examples" / "own_bench", tmp_path / "own_bench")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_mul.py"]
    here = {"cwd": folder, "env": {**os.environ, "HALO_CACHE": str(model_cache), "PYTHONPATH": str(ROOT)}}
    run = subprocess.run(command, **here, capture_output=True, text=True)
    assert run.returncode == 0 and "3 passed" in run.stdout, run.stdout


@pytest.mark.slow
def test_characterize(osu018: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main_of("characterize")(str(osu018), str(tmp_path / "run"))
    table = halo.load_table(tmp_path / "run")
    assert table.weights == tuple(range(-8, 8))
    slowest = table.rows().set_index("weight")["period_ps"].idxmax()
    assert f"The slowest weight is {slowest}:" in capsys.readouterr().out


@pytest.mark.slow
def test_classes_and_clocks(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main_of("classes_and_clocks")(str(run), str(tmp_path / "classes.png"))
    shown = capsys.readouterr().out
    table = halo.load_table(run)
    gain = float((table.fmax(range(-128, 128, 32)) / table.fmax(table.weights)).iloc[0])
    assert gain > 1.1 and f"multiples of 32: {gain:.2f} times" in shown
    assert (tmp_path / "classes.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.tools
def test_own_netlist_and_sdf(osu018: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Gates and delays of another run stand for those of another flow."""
    source = ROOT / "examples" / "multiplier.v"
    own = tmp_path / "own"
    first = halo.characterize(source, liberty=osu018, run_folder=own)
    given = (own / "netlist.v", own / "delays.sdf", osu018, tmp_path / "signoff")
    main_of("own_netlist_and_sdf")(*map(str, given))
    again = halo.load_table(tmp_path / "signoff")
    assert again.rows()["delay_ps"].to_list() == pytest.approx(first.rows()["delay_ps"].to_list(), abs=0.002)
    assert "500 of 500 transitions equal" in capsys.readouterr().out


@pytest.mark.slow
def test_two_machines(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main_of("two_machines")("opt-1.3b", str(run))
    lines = capsys.readouterr().out.splitlines()
    assert sum("w8a8" in line and "time 1.00  energy 1.00" in line for line in lines) == 4
    assert sum("bound by memory" in line for line in lines) == 3, "decode on the GPU waits for DRAM"


@pytest.mark.slow
def test_quantize_and_evaluate(run: Path, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e '.[torch]'")
    model, text = shared / "models" / "stories260K", shared / "text" / "tinystories_sample.txt"
    main_of("quantize_and_evaluate")(str(model), str(run), str(text), str(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    perplexity = {line.split()[0]: float(line.split("perplexity ")[1].split(",")[0]) for line in lines}
    assert perplexity.keys() == {"halo", "left-aligned"}
    assert perplexity["halo"] < perplexity["left-aligned"], "only HALO saw the text"
