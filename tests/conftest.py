"""Fixtures that locate real libraries and reference results; tests that need absent ones skip and say so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real libraries and reference results (environment variable HALO_SHARED, default ../shared)."""
    path = Path(os.environ.get("HALO_SHARED", CHECKOUT.parent / "shared"))
    if not (path / "liberty").is_dir():
        pytest.skip(f"no shared data at {path}: set HALO_SHARED to the folder that holds liberty/ and reference/")
    return path


def _osu(node: str, name: str) -> Path:
    path = Path(f"/usr/share/qflow/tech/{node}/{name}_stdcells.lib")
    if not path.is_file():
        pytest.skip(f"{node} is not installed: apt-get install qflow-tech-{node}")
    return path


@pytest.fixture(scope="session")
def osu018() -> Path:
    """Liberty file of the OSU 0.18 um cells from Debian's qflow-tech-osu018."""
    return _osu("osu018", "osu018")


@pytest.fixture(scope="session")
def osu035() -> Path:
    """Liberty file of the OSU 0.35 um cells from Debian's qflow-tech-osu035."""
    return _osu("osu035", "osu035")


@pytest.fixture(scope="session")
def osu050() -> Path:
    """Liberty file of the OSU 0.5 um cells from Debian's qflow-tech-osu050."""
    return _osu("osu050", "osu05")


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the simulation models of this session, the same one for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "model-cache"
