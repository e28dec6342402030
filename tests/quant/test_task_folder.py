# SPDX-License-Identifier: Apache-2.0
"""Folders of tasks: what is loaded of them, and that each mistake is named with its file."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from halo.errors import HaloError
from halo.quant.task_folder import load_tasks, offline

datasets = pytest.importorskip("datasets", reason="tasks need halo-mac[torch]")
pytest.importorskip("lm_eval", reason="tasks need halo-mac[torch]")

CHOOSE = r"""
task: {name}
dataset_path: json
dataset_kwargs:
  data_files: {{test: {name}.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{ask}}}}"
doc_to_choice: [odd, even]
doc_to_target: right
metric_list:
  - metric: acc
"""
Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Makes a folder of tasks of three documents, and of any other files."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))

    def make(*tasks: str, **files: str) -> Path:
        rows = [json.dumps({"ask": f"Is {n} odd?", "right": (n + 1) % 2}) for n in range(3)]
        for name in tasks:
            (tmp_path / f"{name}.yaml").write_text(CHOOSE.format(name=name), encoding="utf-8")
            (tmp_path / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def loaded(folder: Path, *names: str, **options: Any) -> tuple[list[str], list[str]]:
    with offline():
        found = load_tasks(folder, names, **options)
    return sorted(found["tasks"]), sorted(found["groups"])


def refused(folder: Path, *names: str, **options: Any) -> HaloError:
    with offline(), pytest.raises(HaloError) as caught:
        load_tasks(folder, names, **options)
    return caught.value


def test_a_folder_gives_its_outermost_groups_and_the_tasks_in_none(folder: Folder) -> None:
    science = "group: science\ntask: [botany, {group: inline, task: [{task: optics, num_fewshot: 1}]}]\n"
    made = folder("botany", "optics", "music", science=science, every="group: every\ntask: [science]\n")
    assert loaded(made) == (
        ["botany", "music", "optics"],
        ["every", "science", "science::inline"],
    )
    assert loaded(made, "science", "botany", "music")[0] == ["botany", "music", "optics"]
    assert loaded(made, "music") == (["music"], [])


def test_a_folder_may_be_relative(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    made = folder("botany")
    monkeypatch.chdir(made.parent)
    assert loaded(Path(made.name)) == (["botany"], [])
    assert refused(Path(made.name), shots=9).path == f"{made.name}/botany.yaml"


def test_members_by_tag_are_inside_their_group(folder: Folder) -> None:
    made = folder("botany", "music", arts="group: arts\ntask: [loud]\n")
    (made / "music.yaml").write_text(CHOOSE.format(name="music") + "tag: loud\n", encoding="utf-8")
    assert loaded(made) == (["botany", "music"], ["arts"])
    assert loaded(made, "loud") == (["music"], [])


def test_two_groups_that_share_a_task_are_told_apart(folder: Folder) -> None:
    made = folder("botany", one="group: one\ntask: [botany]\n", two="group: two\ntask: [botany]\n")
    assert "two groups share a task" in (error := refused(made)).what and "task='NAME'" in error.fix
    assert loaded(made, "two") == (["botany"], ["two"])


def test_names_that_are_not_there(folder: Folder) -> None:
    made = folder("botany", "music")
    error = refused(made, "bottany")
    assert (error.what, error.fix, error.path) == ("there is no task 'bottany'", "Did you mean botany?", str(made))
    assert refused(made, "xyz").fix == "The folder has: botany, music."
    assert "Rename *.yml" in refused_after_renaming(made).fix


def refused_after_renaming(folder: Path) -> HaloError:
    for path in list(folder.glob("*.yaml")):
        path.rename(path.with_suffix(".yml"))
    return refused(folder)


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("task: broken\ndoc_to_text: [a\nmore: b\n", "this is no YAML", 3),
        ("- one\n- two\n", "it holds no keys", None),
        ("task: broken\ninclude: base.yaml\n", r"includes, base\.yaml, is missing", None),
        ("task: botany\n", r"'botany' stands in botany\.yaml, too", None),
        (CHOOSE.format(name="broken").replace("acc", "akk"), "the metric 'akk' is unknown", None),
        (CHOOSE.format(name="broken") + "    hf_evaluate: true\n", "'acc' comes from the network", None),
        (CHOOSE.format(name="broken") + "    aggregation: meen\n", "the aggregation 'meen' is unknown", None),
        (CHOOSE.format(name="broken") + "metric_lst: []\n", "does not load: .*metric_lst", None),
        (CHOOSE.format(name="broken"), "does not load: .*broken.jsonl", None),
        (CHOOSE.format(name="botany").replace("task: botany", "task: broken").replace("{{ask}}", "{{asked}}"),
         "a column that the data has not: 'asked'", None),
        ("task: broken\ndataset_path: someone/data\ntest_split: test\n", "'someone/data' is not on this machine", None),
        (CHOOSE.format(name="broken").replace("broken.j", "https://example.org/b.j"), "not on this machine", None),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_file(
    folder: Folder, text: str, what: str, line: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def refuse(self: socket.socket, address: object) -> None:
        asked.append(address)
        raise OSError("the network is asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    made = folder("botany", broken=text)
    error = refused(made)
    assert error.path == str(made / "broken.yaml") and error.line == line
    with pytest.raises(HaloError, match=what):
        raise error
    assert not asked


def test_a_mistake_inside_a_group_is_named_with_its_own_file(folder: Folder) -> None:
    made = folder("botany", "music", arts="group: arts\ntask: [botany, music]\n")
    (made / "music.jsonl").write_text('{"asks": 1}\n', encoding="utf-8")
    assert refused(made).path == str(made / "music.yaml")


def test_an_answer_that_is_no_choice_is_an_error_before_the_model_runs(folder: Folder) -> None:
    made = folder("botany")
    text = CHOOSE.format(name="botany").replace("doc_to_target: right", "doc_to_target: rihgt")
    (made / "botany.yaml").write_text(text, encoding="utf-8")
    error = refused(made)
    assert "the answer of document 0 is 'rihgt'" in error.what and error.path == str(made / "botany.yaml")


def test_examples_are_as_many_as_asked_for_where_a_task_allows_them(folder: Folder) -> None:
    made = folder("botany", "music")
    (made / "music.yaml").write_text(CHOOSE.format(name="music") + "num_fewshot: 0\n", encoding="utf-8")
    with offline():
        found = load_tasks(made, shots=2)
    assert {name: task.get_config("num_fewshot") for name, task in found["tasks"].items()} == {"botany": 2, "music": 0}
    assert refused(made, shots=4).fix == "Give few_shot=3 or less."


def test_failures_of_a_task_that_is_loaded_name_it(folder: Folder) -> None:
    made = folder("botany")
    text = CHOOSE.format(name="botany") + "fewshot_split: test\n"  # where the document itself is not shown
    (made / "botany.yaml").write_text(text, encoding="utf-8")
    with offline():
        task = load_tasks(made, shots=3)["tasks"]["botany"]
    with pytest.raises(HaloError, match="task 'botany' fails: Sample larger") as caught:
        task.build_all_requests(limit=None, rank=0, world_size=1)
    assert caught.value.path == str(made / "botany.yaml")


def test_what_was_allowed_before_is_allowed_after(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with offline():
        assert hub.HF_HUB_OFFLINE and datasets.config.HF_HUB_OFFLINE and os.environ["HF_HUB_OFFLINE"] == "1"
    assert not hub.HF_HUB_OFFLINE and "HF_HUB_OFFLINE" not in os.environ
