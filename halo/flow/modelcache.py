"""Built simulation models on disk, so that the same Verilog is built once.

An entry is named by the SHA-256 of everything that shapes it: every source's content, parameters, macros, flags, and
the versions of simulator and cocotb. A model is built in a temporary folder elsewhere and renamed into its place, so an
entry is there whole or not at all, whoever else builds the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import platformdirs

from halo.flow.simulator import BUILD_LOG, Model, Simulator, build_model

FORMAT = 1
"""Raise it with every change of how models are built."""

KEPT = 200
"""Entries that stay; those unused for longest go."""


def folder() -> Path:
    """Where entries lie: environment variable HALO_CACHE, else the user's cache folder."""
    root = os.environ.get("HALO_CACHE") or platformdirs.user_cache_dir("halo-mac", appauthor=False)
    return Path(root) / f"models-{FORMAT}"


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
    with tempfile.TemporaryDirectory(prefix="halo-model-") as scratch:
        build_model(simulator, model, Path(scratch), watch)
        _keep([Path(scratch) / model.product(simulator.name), Path(scratch) / BUILD_LOG], entry)
    _remove_unused(entry.parent)
    return entry, True


def _key(simulator: Simulator, model: Model) -> str:
    import cocotb_tools.config

    parts = [
        [simulator.name, simulator.version, str(simulator.tools[0].path), simulator.make],
        [metadata.version("cocotb"), str(cocotb_tools.config.libs_dir)],
        [model.toplevel, sorted(model.parameters.items()), sorted(model.defines.items())],
        [model.arguments, model.timescale, model.waves],
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in model.sources],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


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


def _remove_unused(cache: Path) -> None:
    with contextlib.suppress(OSError):  # another process may be doing the same
        entries = sorted((path for path in cache.iterdir() if not path.name.startswith(".")), key=_last_use)
        for path in entries[:-KEPT]:
            shutil.rmtree(path, ignore_errors=True)


def _last_use(path: Path) -> float:
    return path.stat().st_mtime
