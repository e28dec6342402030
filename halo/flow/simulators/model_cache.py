# SPDX-License-Identifier: Apache-2.0
"""Built simulation models on disk, so that the same Verilog is built once.

An entry is named by the SHA-256 of everything that shapes it: the content of every source and of what it includes,
parameters, macros, flags, and the versions of simulator and cocotb. A model is built in a temporary folder elsewhere
and renamed into its place, so an entry is there whole or not at all, whoever else builds the same. Verilator's run-time
library, most of the work of a build, is the same for every model and is kept as well.

Tests: tests/flow/simulators/test_bench_run.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from halo.cachedir import cache_folder, cache_key
from halo.flow.simulators.runner import BUILD_LOG, Model, Simulator, build_model
from halo.netlist.sources import included_files

FORMAT = 1
"""Raise it with every change of how models are built."""

KEPT = 200
"""Entries that stay; those unused for longest go."""


def folder() -> Path:
    """Where entries lie: environment variable HALO_CACHE, else the user's cache folder."""
    return cache_folder(f"models-{FORMAT}")


def is_built(simulator: Simulator, model: Model) -> bool:
    """Whether the model is there and need not be built."""
    return (folder() / _key(simulator, model) / model.product(simulator.name)).is_file()


def built_model(simulator: Simulator, model: Model, watch: Callable[[], None] | None = None) -> tuple[Path, bool]:
    """The folder of a built model, and whether it had to be built.

    Args:
        watch: called several times a second while building.

    Raises:
        HaloError: the model cannot be built.
        OSError: the cache cannot be written.
    """
    entry = folder() / _key(simulator, model)
    if (entry / model.product(simulator.name)).is_file():
        with contextlib.suppress(OSError):  # of another user, or gone this moment
            os.utime(entry)
        return entry, False
    library = folder() / f"library-{cache_key(_platform(simulator), model.waves)}"
    with tempfile.TemporaryDirectory(prefix="halo-model-") as name:
        scratch = Path(name)
        for compiled in library.glob("*.o"):
            shutil.copy2(compiled, scratch)
        build_model(simulator, model, scratch, watch)
        _keep([scratch / model.product(simulator.name), scratch / BUILD_LOG], entry)
        if simulator.name == "verilator" and not library.is_dir():
            _keep(list(scratch.glob("verilated*.o")), library)
    remove_unused(entry.parent, KEPT)
    return entry, True


def _key(simulator: Simulator, model: Model) -> str:
    return cache_key(
        _platform(simulator),
        [model.toplevel, sorted(model.parameters.items()), sorted(model.defines.items())],
        [model.arguments, model.timescale, model.waves],
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in included_files(model.sources, model.includes)],
    )


def _platform(simulator: Simulator) -> list[Any]:
    import cocotb_tools.config

    tools = [[tool.name, tool.version, str(tool.path)] for tool in simulator.tools]
    return [simulator.name, tools, simulator.make, metadata.version("cocotb"), str(cocotb_tools.config.libs_dir)]


def _keep(files: list[Path], entry: Path) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix=".writing-", ignore_cleanup_errors=True) as beside:
        whole = Path(beside) / "entry"
        whole.mkdir()
        for file in files:
            shutil.copy2(file, whole)
        try:
            whole.rename(entry)
        except OSError:
            if not (entry / files[0].name).is_file():  # else another process was first
                raise


def remove_unused(cache: Path, kept: int) -> None:
    """Delete all entries but those used last, ``kept`` of them."""
    with contextlib.suppress(OSError):  # another process may be doing the same
        entries = sorted((path for path in cache.iterdir() if not path.name.startswith(".")), key=_last_use)
        for path in entries[:-kept]:
            shutil.rmtree(path, ignore_errors=True)


def _last_use(path: Path) -> float:
    return path.stat().st_mtime
