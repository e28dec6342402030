# SPDX-License-Identifier: Apache-2.0
"""A folder of lm-evaluation-harness tasks: which there are, loaded with their data, and what is wrong with which file.

Nothing is looked for on the network. The harness itself passes over files that it cannot read, and over metrics that it
does not know; here both are errors.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from halo.errors import HaloError

_MEND = "Mend its YAML file or its data."


def load_tasks(folder: Path, names: Sequence[str] = (), *, shots: int | None = None, seed: int = 1) -> dict[str, Any]:
    """Tasks and groups with their data, ready for the harness.

    Not for threads: while tasks load, the process stands in their folder, where their data is looked up.

    Args:
        folder: YAML files of tasks and groups; paths in their ``data_files`` are relative to it.
        names: tasks, groups or tags; none: the groups in no other group, and the tasks in no group.
        shots: examples before each question, where the task does not forbid them; None: as the tasks say.
        seed: chooses the examples that are shown.

    Returns:
        What ``TaskManager.load`` gives.

    Raises:
        HaloError: no such folder or task, a file that is no YAML, a metric that is unknown, data that is not on this
            machine, or a task that does not load.
    """
    if not folder.is_dir():
        raise HaloError("there is no such folder of tasks", "Give a folder with YAML task files.", folder)
    from lm_eval.tasks import TaskManager

    _check_yaml(folder)
    place = folder.resolve()  # the process will stand elsewhere when the files are read again
    manager = TaskManager(include_path=str(place), include_defaults=False)
    index = manager.task_index
    if not index:
        hint = "Rename *.yml to *.yaml." if any(folder.rglob("*.yml")) else "Put YAML task files into it."
        raise HaloError("the folder has no task", hint, folder)
    for name in names:
        if name not in index:
            near = get_close_matches(name, index, n=3)
            known = near or sorted(index)[:10]
            text = f"{' or '.join(near)}?" if near else f"{', '.join(known)}{' ...' * (len(index) > len(known))}"
            hint = f"Did you mean {text}" if near else f"The folder has: {text}."
            raise HaloError(f"there is no task {name!r}", hint, folder)
    files = {
        name: folder / Path(entry.yaml_path).relative_to(place)
        for name, entry in index.items()
        if entry.yaml_path is not None
    }
    for name, path in files.items():
        _check_metrics(index[name].cfg or {}, path)
        _check_sources(index[name].cfg or {}, path)
    wanted = _outermost(names or [name for name in sorted(index) if name in files], index)
    loaded = _load(manager, wanted, folder, files)
    for name, task in loaded["tasks"].items():
        _check_answers(task, files.get(name, folder))
        _set_shots(task, shots, files.get(name, folder))
        task.set_fewshot_seed(seed=seed)
        for method in ("build_all_requests", "process_results"):
            setattr(task, method, _named(getattr(task, method), name, files.get(name, folder)))
    return loaded


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """While the block lasts, the Hugging Face libraries look for nothing on the network.

    They read their environment variables when they are imported, so what they have made of them is set too.
    """
    import datasets.config
    import huggingface_hub.constants

    variables = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE")
    before = {name: os.environ.get(name) for name in variables}
    modules = (huggingface_hub.constants, datasets.config)
    flags = [module.HF_HUB_OFFLINE for module in modules]
    os.environ.update(dict.fromkeys(variables, "1"))
    for module in modules:
        module.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for module, flag in zip(modules, flags, strict=True):
            module.HF_HUB_OFFLINE = flag
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _check_yaml(folder: Path) -> None:
    """Refuse files that the harness would pass over: no YAML, a missing include, a second task of one name."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Takes !function as text."""

    Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))
    seen: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.yaml")):
        try:
            values = yaml.load(path.read_bytes(), Loader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            why = getattr(error, "problem", None) or str(error).splitlines()[0]
            line = None if mark is None else mark.line + 1
            raise HaloError(f"this is no YAML: {why}", "Mend this line, or take the file away.", path, line) from None
        if not isinstance(values, dict):
            raise HaloError("this is no task: it holds no keys", "Mend the file, or take it away.", path)
        includes = values.get("include", [])
        for name in includes if isinstance(includes, list) else [includes]:
            if not (path.parent / str(name)).is_file():
                raise HaloError(f"the file that it includes, {name}, is missing", "Put it there.", path)
        name = values.get("group", values.get("task"))
        if isinstance(name, str) and seen.setdefault(name, path) != path:
            raise HaloError(f"{name!r} stands in {seen[name].name}, too", "Rename one, or take it away.", path)


def _check_metrics(config: Mapping[str, Any], path: Path) -> None:
    """Refuse metrics that the harness would look for on the network, and aggregations that it would find missing last.

    Args:
        config: of a task or group, functions as the paths of their files.
        path: of its file.
    """
    import lm_eval.api.metrics  # noqa: F401 - registers them
    from lm_eval.api.registry import AGGREGATION_REGISTRY, METRIC_REGISTRY

    for item in config.get("metric_list") or ():
        if not isinstance(item, dict):
            raise HaloError(f"{item!r} in metric_list is no metric", "Write - metric: acc.", path)
        kinds = [("aggregation", AGGREGATION_REGISTRY)]
        if "process_results" not in config:  # which names metrics as it likes
            kinds.append(("metric", METRIC_REGISTRY))
        for kind, known in kinds:
            name = item.get(kind)
            if not isinstance(name, str) or os.sep in name:  # a path: a function of the task's own
                continue
            if kind == "metric" and item.get("hf_evaluate"):
                what = f"the metric {name!r} comes from the network (hf_evaluate)"
                raise HaloError(what, "Take a metric of the harness itself.", path)
            if name not in known:
                near = get_close_matches(name, list(known.keys()), n=1) or ["acc" if kind == "metric" else "mean"]
                raise HaloError(f"the {kind} {name!r} is unknown", f"Write {kind}: {near[0]}, or another.", path)


def _check_sources(config: Mapping[str, Any], path: Path) -> None:
    """Refuse data files on the network: offline, their reader would try for a while."""
    todo: list[Any] = [config.get("dataset_kwargs")]
    while todo:
        item = todo.pop()
        if isinstance(item, dict | list):
            todo += item.values() if isinstance(item, dict) else item
        elif isinstance(item, str) and "://" in item:
            what = f"its data is not on this machine: {item}"
            raise HaloError(what, "Download the file, and give its path in data_files.", path)


def _outermost(names: Sequence[str], index: Mapping[str, Any]) -> list[str]:
    """Those of the names that are in no group among them, in their order, each once."""
    inside = {member for name in names for member in _members(name, index)}
    return [name for name in dict.fromkeys(names) if name not in inside]


def _members(name: str, index: Mapping[str, Any]) -> set[str]:
    """Names of all that is inside a group or tag, at any depth."""
    entry = index.get(name)
    if entry is None:
        return set()
    found: set[str] = set()
    todo: list[Any] = [*entry.tags] if entry.yaml_path is None else _listed(entry.cfg or {})
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo += _listed(item) + [item[key] for key in ("group", "task") if isinstance(item.get(key), str)]
        elif item not in found and item != name:
            found |= {item, *_members(item, index)}
    return found


def _listed(config: Mapping[str, Any]) -> list[Any]:
    """The members a group's own entry lists."""
    members = config.get("task")
    return list(members) if isinstance(members, list) else []


def _load(manager: Any, names: Sequence[str], folder: Path, files: Mapping[str, Path]) -> dict[str, Any]:
    """Load by name; a task that fails inside a group is found and named."""
    try:
        with contextlib.chdir(folder):  # data_files are looked up from where the process stands
            loaded: dict[str, Any] = manager.load(list(names))
    except Exception as error:  # whatever its readers of YAML, data sets and templates raise
        if str(error).startswith("Duplicate task"):
            first = str(error).splitlines()[0]
            raise HaloError(f"two groups share a task: {first}", "Choose one: --task NAME.", folder) from error
        index = manager.task_index
        inside = [name for group in names for name in sorted({group, *_members(group, index)}) if name in files]
        for name in inside:
            if len(inside) > 1 and not _members(name, index):
                _load(manager, [name], folder, files)
        path = files.get(names[0], folder)
        config = (index[names[0]].cfg or {}) if names[0] in index else {}
        raise _explained(error, config, path) from error
    return loaded


def _explained(error: Exception, config: Mapping[str, Any], path: Path) -> HaloError:
    """What keeps a task from being loaded."""
    from datasets.exceptions import DatasetNotFoundError
    from jinja2 import UndefinedError

    dataset = config.get("dataset_path")
    if isinstance(error, ConnectionError | DatasetNotFoundError):
        return HaloError(
            f"its data set {dataset!r} is not on this machine",
            f"Run: hf download {dataset} --repo-type dataset --local-dir data, and write dataset_path: data.",
            path,
        )
    first = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(error, UndefinedError):
        return HaloError(f"a template asks for a column that the data has not: {first}", _MEND, path)
    return HaloError(f"a task does not load: {first}", _MEND, path)


def _check_answers(task: Any, path: Path) -> None:
    """Refuse answers that are none of the choices: the harness would count them as wrong, without a word."""
    if task.OUTPUT_TYPE != "multiple_choice" or task.get_config("process_results") is not None:
        return
    for number, document in enumerate(task.eval_docs):
        choices = task.doc_to_choice(document)
        answer = (task.doc_to_text if task.multiple_input else task.doc_to_target)(document)
        for one in answer if isinstance(answer, list) else [answer]:
            if one not in choices and not (isinstance(one, int) and 0 <= one < len(choices)):
                what = f"the answer of document {number} is {one!r}, which is none of {len(choices)} choices"
                raise HaloError(what, "Mend doc_to_target or doc_to_choice, or the document.", path)


def _set_shots(task: Any, shots: int | None, path: Path) -> None:
    """Set how many examples are shown, as the harness does: a task that says 0 keeps it."""
    own = task.get_config("num_fewshot")
    if own is None:
        task.set_config(key="num_fewshot", value=0)
    if shots is None or own == 0 or task.OUTPUT_TYPE == "loglikelihood_rolling":
        return
    sampler = getattr(task, "sampler", None)
    known = 0 if sampler is None else len(sampler.fewshot_docs())
    if known < shots:
        raise HaloError(
            f"the task has {known} examples to show, not {shots}", f"Give --few-shot {known} or less.", path
        )
    task.set_config(key="num_fewshot", value=shots)


def _named(method: Callable[..., Any], task: str, path: Path) -> Callable[..., Any]:
    """The method of a task, whose failures name it and its file."""

    @functools.wraps(method)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return method(*arguments, **keywords)
        except Exception as error:  # whatever templates and functions of a task raise
            first = (str(error) or type(error).__name__).splitlines()[0]
            raise HaloError(f"task {task!r} fails: {first}", _MEND, path) from error

    return call
