# SPDX-License-Identifier: Apache-2.0
"""Fixtures that locate real libraries and reference results; tests that need absent ones skip and say so.

What the machine lacks is named once, before the first test. Deprecations in dependencies are reported in a line each
after the last: the project's own code must be free of warnings, but what others plan for later fails no test.
"""

from __future__ import annotations

import os
import signal
import warnings
from pathlib import Path

import pytest
from machine_needs import missing

CHECKOUT = Path(__file__).resolve().parent.parent
DEPRECATIONS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
_deprecations: dict[str, int] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-all", action="store_true", help="stop before the first test if anything is missing")


def pytest_configure() -> None:
    # A shell that starts a job in the background lets it, and all that it starts, ignore Ctrl-C: tests send it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.getoption("--require-all") and "PYTEST_XDIST_WORKER" not in os.environ:
        lines = missing()
        if lines:
            pytest.exit("\n".join(["the tests need what is not here:", *lines]), returncode=2)


def pytest_report_header(config: pytest.Config) -> list[str]:
    path = Path(os.environ.get("HALO_SHARED", CHECKOUT.parent / "shared"))
    data = f"shared data: {path}" if (path / "liberty").is_dir() else "shared data: none; set HALO_SHARED to its folder"
    return [*(f"tests will be skipped: {line}" for line in missing()), data]


def pytest_warning_recorded(warning_message: warnings.WarningMessage) -> None:
    if issubclass(warning_message.category, DEPRECATIONS):
        said = " ".join(str(warning_message.message).split())
        line = f"{warning_message.category.__name__}: {said}"
        _deprecations[line] = _deprecations.get(line, 0) + 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _deprecations:
        terminalreporter.section("deprecations in dependencies")
        for line, count in sorted(_deprecations.items()):
            terminalreporter.line(f"{line} ({count} times)")


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
