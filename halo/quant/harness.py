# SPDX-License-Identifier: Apache-2.0
"""Tasks of lm-evaluation-harness on a quantized model, from local task files, without a network.

A folder holds YAML task files and their data, for instance::

    task: pages                          task: questions
    dataset_path: json                   dataset_path: json
    dataset_kwargs:                      dataset_kwargs:
      data_files: {test: pages.jsonl}      data_files: {test: questions.jsonl}
    output_type: loglikelihood_rolling   output_type: multiple_choice
    test_split: test                     test_split: test
    doc_to_text: ""                      doc_to_text: "{{question}}\\nA. {{choices[0]}} ...\\nAnswer:"
    doc_to_target: "{{page}}"            doc_to_choice: [A, B, C, D]
    metric_list:                         doc_to_target: answer
      - metric: word_perplexity          metric_list:
                                           - metric: acc

Its word perplexity is by the word, not by the token: it does not compare with ``halo.quant.accuracy``'s.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halo.errors import HaloError
from halo.quant.fake import FakeQuantized
from halo.quant.torch_model import require_torch


@dataclass(frozen=True)
class TaskFigure:
    """One metric of one task.

    Attributes:
        task: its name.
        metric: as lm-evaluation-harness calls it.
        value: of the metric.
        samples: documents or questions it is taken over.
        shots: examples shown before each.
        quantized: what was quantized besides weights, in words.
    """

    task: str
    metric: str
    value: float
    samples: int
    shots: int
    quantized: str


def run_tasks(
    fake: FakeQuantized, folder: Path, tasks: Sequence[str] = (), *, limit: int | None = None, seed: int = 1
) -> list[TaskFigure]:
    """Run tasks on a quantized model.

    Not for threads: while tasks load, the process stands in their folder, where their data is looked up.

    Args:
        fake: the model and what is quantized in it.
        folder: YAML task files; paths in their ``data_files`` are relative to it.
        tasks: names; none: all in the folder.
        limit: first so many samples of each task; None: all.
        seed: chooses the examples that are shown.

    Returns:
        By task in the order given, metrics in the order of the task.

    Raises:
        HaloError: lm-evaluation-harness not installed, no such folder or task, or a task that does not load.
    """
    require_torch()
    if importlib.util.find_spec("lm_eval") is None:
        raise HaloError("lm-evaluation-harness is not installed", "Install the extra: pip install 'halo-mac[torch]'.")
    if not folder.is_dir():
        raise HaloError("there is no such folder of tasks", "Give a folder with YAML task files.", folder)
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    with _quiet():
        loaded = _load(folder, tasks, seed)
        with fake.applied() as module:
            model = HFLM(pretrained=module, tokenizer=fake.model.tokenizer, batch_size=1, max_length=fake.model.context)
            found = evaluate(model, loaded, limit=limit, bootstrap_iters=0, log_samples=False, verbosity="ERROR")
    return [
        TaskFigure(task, key.split(",")[0], float(value), found["n-samples"][task]["effective"], shots, fake.label)
        for task, shots in found["n-shot"].items()
        for key, value in found["results"][task].items()
        if "," in key and not key.split(",")[0].endswith("_stderr")
    ]


def _load(folder: Path, tasks: Sequence[str], seed: int) -> dict[str, Any]:
    """Tasks with their data, ready for the harness."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(folder), include_defaults=False)
    known = manager.all_tasks
    for task in tasks:
        if task not in known:
            raise HaloError(f"there is no task {task!r}", f"The folder has: {', '.join(known) or 'none'}.", folder)
    if not known:
        raise HaloError("the folder has no task", "Put YAML task files into it.", folder)
    try:
        with contextlib.chdir(folder):  # data_files are looked up from where the process stands
            loaded: dict[str, Any] = manager.load(list(tasks) or sorted(known))
    except Exception as error:  # whatever its readers of YAML, data sets and templates raise
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise HaloError(f"a task does not load: {first}", "Mend its YAML file or its data.", folder) from error
    for task in loaded["tasks"].values():
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
        task.set_fewshot_seed(seed=seed)
    return loaded


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Only errors are logged: the harness warns of defaults that tasks rely on, tokenizers of texts it cuts later.

    Its bars are for terminals; in a file they would be one line over another.
    """
    loggers = [logging.getLogger(name) for name in ("lm_eval", "transformers")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    bars = contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
    try:
        with bars:
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
