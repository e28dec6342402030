# SPDX-License-Identifier: Apache-2.0
"""Figures of a float model, kept between evaluations: the same for every way in which the model is quantized.

They lie in the suite's cache folder, one file a figure. Its name comes from the hashes of the model's and the
tokenizer's files, of the tokens or of the files of the tasks, from the type and the number of threads of the
computation, and from the versions of the packages: figures of anything else are never found.

Tests: tests/flow/test_evaluate.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from halo.cachedir import cache_folder, cache_key
from halo.flow.runs.provenance import input_file
from halo.progress import Progress
from halo.quant.accuracy import perplexity
from halo.quant.fake import FakeQuantized
from halo.quant.harness import TaskFigure, TaskOptions, TaskRun, run_tasks
from halo.quant.text import Windows
from halo.quant.torch_model import RunningModel

_PACKAGES = ("torch", "transformers", "lm-eval")


class FloatFigures:
    """Figures of a model in floating point.

    Args:
        files: of the model, with their hashes.
        tokenizer: folder, if not the model's.
        model: the same, running, on the threads that it will be measured with.

    Attributes:
        reused: which figures are those of an earlier evaluation: ``text``, ``tasks``.
    """

    def __init__(self, files: Mapping[Path, str], tokenizer: Path | None, model: RunningModel) -> None:
        import torch

        self._model = model
        words = [] if tokenizer is None else [p for p in tokenizer.iterdir() if p.is_file()]
        self._key = [
            sorted((path.name, sha256) for path, sha256 in files.items()),
            sorted((path.name, input_file(path).sha256) for path in words),
            model.dtype,
            torch.get_num_threads(),
            [_version(package) for package in _PACKAGES],
        ]
        self.reused: tuple[str, ...] = ()

    def perplexity(self, windows: Windows, found: float | None, report: Progress) -> float:
        """Perplexity on a text.

        Args:
            windows: of the text.
            found: where it is known already; it is kept.
            report: told of progress, if it must be computed.
        """
        place = self._place("text", windows.digest)
        if found is None:
            kept = _read(place)
            if kept is not None:
                self.reused += ("text",)
                return float(kept)
            found = perplexity(self._model, windows, report)
        _write(place, found)
        return found

    def tasks(self, folder: Path, options: TaskOptions, report: Progress) -> TaskRun:
        """Figures of tasks in a folder; with their samples, which are not kept, they are computed each time.

        Raises:
            HaloError: as for ``run_tasks``.
        """
        files = sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
        hashes = [(str(path.relative_to(folder)), input_file(path).sha256) for path in files]
        asked = asdict(options) | {"log_samples": False}
        place = self._place("tasks", hashes, asked, [field.name for field in fields(TaskFigure)])
        kept = None if options.log_samples else _read(place)
        if kept is not None:
            self.reused += ("tasks",)
            return TaskRun(tuple(TaskFigure(**figure | {"group": tuple(figure["group"])}) for figure in kept), {})
        fake = FakeQuantized(self._model, {})
        found = run_tasks(fake, folder, options, stage=f"tasks, {self._model.dtype}", report=report)
        _write(place, [asdict(figure) for figure in found.figures])
        return found

    def _place(self, kind: str, *of: Any) -> Path:
        return cache_folder("float-figures") / f"{cache_key(kind, *of, *self._key)}.json"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _read(path: Path) -> Any:
    """What stands there; None: nothing that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write(path: Path, value: Any) -> None:
    """Keep a value, in one step; where the folder cannot be written, nothing is kept."""
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(value), encoding="utf-8")
        partial.replace(path)
    except OSError:
        return
