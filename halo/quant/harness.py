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

Its word perplexity is by the word, not by the token: it does not compare with ``halo.quant.accuracy``'s. Groups are
files of the harness's own form, as MMLU has them; their figure is aggregated as they say::

    group: mmlu
    task: [mmlu_anatomy, mmlu_virology]
    aggregate_metric_list:
      - metric: acc
        weight_by_size: true
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halo.errors import HaloError
from halo.progress import Progress, silent
from halo.quant.fake import FakeQuantized
from halo.quant.harness_model import sliced_model
from halo.quant.task_folder import load_tasks, offline
from halo.quant.torch_model import require_torch

BOOTSTRAP = 1000
"""Samples drawn for the standard error of a metric that has no closed form, with seeds of the harness's own."""


@dataclass(frozen=True)
class TaskFigure:
    """One metric of one task or group.

    Attributes:
        task: its name.
        metric: as lm-evaluation-harness calls it.
        filter: of the answers, ``none`` where the task has none.
        value: of the metric.
        stderr: standard error of the value over the samples; None: the harness knows none for the metric, or there is
            one sample.
        samples: documents or questions it is taken over.
        shots: examples shown before each; None: a group whose tasks differ.
        version: of the task; None: it has none.
        group: tasks and groups whose figures it sums up; none: it is a task.
        quantized: what was quantized besides weights, in words.
    """

    task: str
    metric: str
    filter: str
    value: float
    stderr: float | None
    samples: int
    shots: int | None
    version: str | None
    group: tuple[str, ...]
    quantized: str


@dataclass(frozen=True)
class TaskOptions:
    """How tasks are run.

    Attributes:
        names: of tasks and groups; none: all in the folder.
        shots: examples before each question, where the task does not say 0; None: as the task says.
        limit: first so many samples of each task; None: all.
        log_samples: keep what was asked and answered.
        seed: chooses the examples that are shown.
    """

    names: tuple[str, ...] = ()
    shots: int | None = None
    limit: int | None = None
    log_samples: bool = False
    seed: int = 1


@dataclass(frozen=True)
class TaskRun:
    """What a model did in tasks.

    Attributes:
        figures: by task in the order given, each metric in the order of the task; a group after its tasks.
        samples: by task, if they were asked for: a row for each document and filter, as the harness logs them.
    """

    figures: tuple[TaskFigure, ...]
    samples: Mapping[str, list[dict[str, Any]]]


def run_tasks(
    fake: FakeQuantized,
    folder: Path,
    options: TaskOptions = TaskOptions(),
    *,
    stage: str = "tasks",
    report: Progress = silent,
) -> TaskRun:
    """Run tasks on a quantized model.

    Not for threads: while tasks load, the process stands in their folder, where their data is looked up.

    Args:
        fake: the model and what is quantized in it.
        folder: YAML task files; paths in their ``data_files`` are relative to it.
        options: which tasks, and how.
        stage: name of the work in reports.
        report: told of progress, in answers and windows of texts that are scored, and texts that are generated.

    Raises:
        HaloError: lm-evaluation-harness not installed, no such folder or task, or a task that does not load or fails.
    """
    require_torch()
    if importlib.util.find_spec("lm_eval") is None:
        raise HaloError("lm-evaluation-harness is not installed", "Install the extra: pip install 'halo-mac[torch]'.")
    from lm_eval.evaluator import evaluate

    with offline(), _quiet() as said:

        def tell(what: str, done: int, total: int) -> None:
            with said():
                report(f"{stage}: {what}", done, total)

        loaded = load_tasks(folder, options.names, shots=options.shots, seed=options.seed)
        with fake.applied():
            model = sliced_model(fake, tell)
            try:
                found = evaluate(
                    model, loaded, limit=options.limit, bootstrap_iters=BOOTSTRAP, log_samples=options.log_samples
                )
            except (ValueError, TypeError, KeyError, AssertionError) as error:  # of metrics, and what it refuses
                first = (str(error) or type(error).__name__).splitlines()[0]
                names = ", ".join(loaded["tasks"])
                raise HaloError(f"{names}: {first}", "Mend the task, or choose others: --task NAME.", folder) from error
    return TaskRun(tuple(_figures(found, fake.label)), found.get("samples", {}))


def sample_rows(runs: Mapping[str, TaskRun]) -> Iterator[dict[str, Any]]:
    """What each task asked, with the answers of the models side by side.

    Args:
        runs: of the same tasks with their samples, by the name of the model.
    """
    first = next(iter(runs.values()))
    for task, rows in first.samples.items():
        for number, row in enumerate(rows):
            yield {
                "task": task,
                "sample": row["doc_id"],
                "filter": row["filter"],
                "document": row["doc"],
                "target": row["target"],
                "asked": row["arguments"],
                **{name: _answered(run.samples[task][number]) for name, run in runs.items()},
            }


def _answered(row: Mapping[str, Any]) -> dict[str, Any]:
    """What one model answered, and the metrics of that."""
    return {"answers": row["filtered_resps"], "metrics": {metric: row[metric] for metric in row["metrics"]}}


def _figures(found: Mapping[str, Any], quantized: str) -> Iterator[TaskFigure]:
    """The figures in what the harness found: tasks, then groups."""
    members = found["group_subtasks"]
    for name in sorted(found["results"], key=lambda name: name in members):
        values = found["results"][name]
        version = str(found["versions"].get(name, "N/A"))
        for key, value in values.items():
            metric, comma, filter = key.partition(",")
            if not comma or metric.endswith("_stderr"):
                continue
            stderr = values.get(f"{metric}_stderr,{filter}", "N/A")
            group = name in members
            yield TaskFigure(
                task=name,
                metric=metric,
                filter=filter,
                value=float(value),
                stderr=None if stderr == "N/A" else float(stderr),
                samples=values["sample_count"][key] if group else found["n-samples"][name]["effective"],
                shots=_shots(found["n-shot"].get(name)),
                version=None if version in ("N/A", "Yaml", "None") else version,
                group=tuple(members.get(name, ())),
                quantized=quantized,
            )


def _shots(found: Any) -> int | None:
    """The harness's number; a word where tasks of a group differ."""
    return found if isinstance(found, int) else None


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """Only errors are logged: the harness warns of defaults that tasks rely on, tokenizers of texts it cuts later.

    Its bars and prints are kept off the terminal, where ours are.

    Yields:
        A context in which stderr is the terminal again.
    """
    loggers = [logging.getLogger(name) for name in ("lm_eval", "transformers", "datasets")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    shown, alone = sys.stderr, os.environ.get("DISABLE_MULTIPROC")
    os.environ["DISABLE_MULTIPROC"] = "1"  # it would start a process a core to draw its bootstrap samples
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield lambda: contextlib.redirect_stderr(shown)
    finally:
        if alone is None:
            del os.environ["DISABLE_MULTIPROC"]
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
