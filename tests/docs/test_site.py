# SPDX-License-Identifier: Apache-2.0
"""The documentation builds without a warning, and without the network."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    nowhere = "http://127.0.0.1:9"  # nothing listens there: whatever asks the network fails
    environment = {**os.environ, "http_proxy": nowhere, "https_proxy": nowhere, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_built(site: Path) -> None:
    sources = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert len(sources) > 15
    assert not [page for page in sources if not (site / page).is_file()]


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """Links may lead away; scripts, styles, fonts and pictures may not."""
    loaded = re.compile(r"<(?:script|img)[^>]+src=\"?(https?:)?//|<link[^>]+rel=\"?(?:stylesheet|preconnect)[^>]+//")
    assert not [page for page in site.rglob("*.html") if loaded.search(page.read_text(encoding="utf-8"))]


@pytest.mark.slow
@pytest.mark.parametrize("module", ["halo", "halo.plot", "halo.quant", "halo.arch", "halo.liberty"])
def test_every_public_function_and_class_is_documented(site: Path, module: str) -> None:
    page = module.removeprefix("halo").removeprefix(".") or "index"
    text = (site / "api" / f"{page}.html").read_text(encoding="utf-8")
    shown = {name.rpartition(".")[2] for name in re.findall(r'id="(halo\.[\w.]+)"', text)}
    package = importlib.import_module(module)
    named = {name for name in package.__all__ if inspect.isfunction(value := getattr(package, name)) or isclass(value)}
    assert named and named <= shown, sorted(named - shown)


def isclass(value: object) -> bool:
    """A class, and not a subscripted alias of one."""
    return inspect.isclass(value) and not hasattr(value, "__origin__")
