# SPDX-License-Identifier: Apache-2.0
"""lm-evaluation-harness on local tasks against likelihoods summed by hand."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from halo.cli.main import main
from halo.errors import HaloError
from halo.quant.fake import Activations, FakeQuantized
from halo.quant.harness import TaskFigure, TaskOptions, run_tasks
from halo.quant.rtn import UniformFormat, rtn
from halo.quant.store import list_layers, load_layer
from halo.quant.torch_model import RunningModel, load_model

torch = pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
pytest.importorskip("lm_eval", reason="tasks need halo-mac[torch]")
pytest.importorskip("accelerate", reason="lm-evaluation-harness runs transformers models through it")

TASK = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files: {{test: {name}.jsonl}}
test_split: test
"""
PAGES = """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{page}}"
metric_list:
  - metric: word_perplexity
  - metric: bits_per_byte
"""
QUESTIONS = r"""
output_type: multiple_choice
doc_to_text: "{{question}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\nD. {{choices[3]}}\nAnswer:"
doc_to_choice: [A, B, C, D]
doc_to_target: answer
metric_list:
  - metric: acc
"""


@pytest.fixture(scope="module")
def stories(shared: Path) -> RunningModel:
    return load_model(shared / "models" / "stories260K")


@pytest.fixture(scope="module")
def pages(shared: Path) -> list[str]:
    """Two WikiText-2 articles' beginnings, the second longer than the model's context of 512 tokens."""
    text = (shared / "text" / "wiki.test.raw").read_text(encoding="utf-8")
    articles = re.split(r"\n(?= = [^=])", text)
    return [articles[1][:300], articles[2][:2500]]


def questions() -> list[dict[str, object]]:
    words = ("ball", "dog", "girl", "tree", "car", "sun")
    rng = np.random.default_rng(4)
    return [
        {"question": f"What did Tim see on day {i}?", "choices": rng.permutation(words)[:4].tolist(), "answer": i % 4}
        for i in range(12)
    ]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory, pages: list[str]) -> Iterator[Path]:
    datasets = pytest.importorskip("datasets", reason="comes with lm-evaluation-harness")
    folder = tmp_path_factory.mktemp("tasks")
    for name, body, rows in (
        ("pages", PAGES, [{"page": page} for page in pages]),
        ("questions", QUESTIONS, questions()),
    ):
        (folder / f"{name}.yaml").write_text(TASK.format(name=name) + body, encoding="utf-8")
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        yield folder


def figures(found: Iterable[TaskFigure]) -> dict[tuple[str, str], float]:
    return {(figure.task, figure.metric): figure.value for figure in found}


def likelihood(model: RunningModel, context: list[int], tokens: list[int]) -> float:
    """Log-likelihood of tokens after a context."""
    with torch.no_grad():
        logits = model.module(torch.tensor([(context + tokens)[:-1]])).logits[0].double()
    chances = torch.log_softmax(logits, -1)
    return float(sum(chances[len(context) + i - 1, token] for i, token in enumerate(tokens)))


def ids(model: RunningModel, text: str) -> list[int]:
    return list(model.tokenizer(text, add_special_tokens=False)["input_ids"])


def test_word_perplexity_is_the_likelihood_of_all_words(stories: RunningModel, tasks: Path, pages: list[str]) -> None:
    layers = {name: rtn(stories.weight(name), UniformFormat(4), name=name) for name in stories.linears}
    fake = FakeQuantized(stories, layers)
    found = run_tasks(fake, tasks, TaskOptions(("pages",))).figures
    total = 0.0
    with fake.applied():
        for page in pages:
            tokens = [1, *ids(stories, page)]  # the tokenizer's BOS, which the harness predicts from its own
            # Inputs are 512 tokens: BOS and 511 first, later windows predict 512 more; the last one reaches back.
            total += likelihood(stories, [1], tokens[:512])
            for start in range(512, len(tokens), 512):
                stop = min(start + 512, len(tokens))
                total += likelihood(stories, tokens[stop - 513 : start], tokens[start:stop])
    words = sum(len(re.split(r"\s+", page)) for page in pages)
    assert figures(found)["pages", "word_perplexity"] == pytest.approx(np.exp(-total / words), rel=1e-4)
    size = sum(len(page.encode()) for page in pages)
    assert figures(found)["pages", "bits_per_byte"] == pytest.approx(-total / size / np.log(2), rel=1e-4)
    assert [(f.samples, f.shots, f.quantized) for f in found] == [(2, 0, "float activations and KV cache")] * 2


def test_accuracy_is_the_share_of_questions_whose_answer_is_likeliest(stories: RunningModel, tasks: Path) -> None:
    fake = FakeQuantized(stories, {}, Activations())
    found = run_tasks(fake, tasks).figures
    assert [figure.task for figure in found] == ["pages", "pages", "questions"]
    right = 0
    with fake.applied():
        for row in questions():
            choices = "\n".join(f"{letter}. {c}" for letter, c in zip("ABCD", row["choices"], strict=True))  # type: ignore[call-overload]
            context = f"{row['question']}\n{choices}\nAnswer:"
            whole = [ids(stories, f"{context} {letter}") for letter in "ABCD"]
            prompt = ids(stories, context)
            chances = [likelihood(stories, [1, *prompt], tokens[len(prompt) :]) for tokens in whole]
            right += int(np.argmax(chances)) == row["answer"]
    assert figures(found)["questions", "acc"] == pytest.approx(right / 12) and 0 < right < 12
    assert found[2].samples == 12 and found[2].quantized == "A8 dynamic per token"
    assert found[2].stderr == pytest.approx(np.sqrt(right / 12 * (1 - right / 12) / 11))
    assert run_tasks(fake, tasks, TaskOptions(("questions",), limit=3)).figures[0].samples == 3


def test_a_group_weighs_its_tasks_by_their_samples(stories: RunningModel, tasks: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tasks, tmp_path / "grouped")
    text = (folder / "questions.yaml").read_text(encoding="utf-8")
    version = "metadata: {version: 2.5}\n"
    (folder / "few.yaml").write_text(text.replace("questions", "few") + version, encoding="utf-8")
    rows = [{**row, "answer": 1} for row in questions()[:5]]
    (folder / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    group = "group: both\ntask: [few, questions]\naggregate_metric_list:\n  - {metric: acc, weight_by_size: true}\n"
    (folder / "both.yaml").write_text(group, encoding="utf-8")
    seen: list[tuple[str, int, int]] = []

    def report(stage: str, done: int, total: int) -> None:
        seen.append((stage, done, total))

    fake = FakeQuantized(stories, {})
    run = run_tasks(fake, folder, TaskOptions(("both", "few"), shots=1, log_samples=True), report=report)
    few, many, both = run.figures
    assert (few.task, many.task, both.task, both.group) == ("few", "questions", "both", ("few", "questions"))
    assert (few.samples, many.samples, both.samples) == (5, 12, 17)
    assert both.value == pytest.approx((5 * few.value + 12 * many.value) / 17)
    assert (few.version, many.version, both.version, both.shots) == ("2.5", None, None, 1)
    for figure in (few, many):
        rows = run.samples[figure.task]
        assert len(rows) == figure.samples and np.mean([row["acc"] for row in rows]) == pytest.approx(figure.value)
        assert all(len(row["filtered_resps"]) == 4 for row in rows)
    assert {stage for stage, _, _ in seen} == {"tasks: answers"}
    assert seen[0][1:] == (0, 4 * 17) and seen[-1][1:] == (4 * 17, 4 * 17)


def test_likelihoods_in_slices_are_those_of_the_whole(
    stories: RunningModel, tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeQuantized(stories, {}, Activations())
    whole = run_tasks(fake, tasks, TaskOptions(log_samples=True))
    monkeypatch.setattr("halo.quant.predictions.SLICE_VALUES", 7 * 512)  # seven tokens
    sliced = run_tasks(fake, tasks, TaskOptions(log_samples=True))
    for one, other in zip(whole.figures, sliced.figures, strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-5)
    answers = [
        [answer for row in run.samples["questions"] for answer in row["filtered_resps"]] for run in (whole, sliced)
    ]
    for one, other in zip(*answers, strict=True):
        assert one[0] == pytest.approx(other[0], abs=1e-4) and one[1] == other[1]


def test_bad_tasks_are_named(stories: RunningModel, tasks: Path, tmp_path: Path) -> None:
    fake = FakeQuantized(stories, {})
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(HaloError, match=r"no task 'mmlu'\nThe folder has: pages, questions\."):
        run_tasks(fake, tasks, TaskOptions(("mmlu",)))
    with pytest.raises(HaloError, match="no such folder of tasks"):
        run_tasks(fake, tmp_path / "missing")
    with pytest.raises(HaloError, match="the folder has no task"):
        run_tasks(fake, empty)
    lacking = shutil.copytree(tasks, tmp_path / "lacking")
    (lacking / "pages.jsonl").unlink()
    with pytest.raises(HaloError, match="a task does not load"):
        run_tasks(fake, lacking, TaskOptions(("pages",)))


def test_evaluate_runs_tasks_beside_the_float_model(
    stories: RunningModel,
    tasks: Path,
    tmp_path: Path,
    shared: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = str(shared / "models" / "stories260K")
    assert main(["quantize", path, "--method", "rtn", "--layers", "*.0.*", "-o", str(tmp_path / "q")]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "q"), "--tasks", str(tasks), "--rest", "float"]) == 0
    said = capsys.readouterr()
    layers = {name: load_layer(tmp_path / "q", name) for name in list_layers(tmp_path / "q")}
    lines = {tuple(line.split()[:2]): line.split()[2:] for line in said.out.splitlines()}
    runs = [run_tasks(FakeQuantized(stories, made), tasks).figures for made in ({}, layers)]
    both = [figures(run) for run in runs]
    for key in both[0]:
        assert [word for word in lines[key] if "." in word][:: 2 if key[0] == "questions" else 1] == [
            f"{found[key]:.4f}" for found in both
        ]
    assert lines["questions", "acc"][-2:] == ["12", "0"]
    assert both[0]["pages", "word_perplexity"] != both[1]["pages", "word_perplexity"]
    assert all(re.match(r"tasks, (float32|quantized): ", line) for line in said.err.splitlines())  # no foreign bars
    assert "7 of 35 layers" in said.out

    kept = tmp_path / "kept"
    few = ["evaluate", str(tmp_path / "q"), "--tasks", str(tasks), "--limit", "2", "--log-samples", "-o", str(kept)]
    assert main(few) == 0 and main(few) == 2 and main([*few, "--force"]) == 0
    assert sorted(path.name for path in kept.iterdir()) == [
        *("log.txt", "results.csv", "results.json", "run.json", "samples.jsonl")
    ]
    values = json.loads((kept / "results.json").read_text(encoding="utf-8"))
    assert next(iter(values)) == "schema" and values["layers"] == {"quantized": 7, "model": 35}
    found = [task["quantized"] for task in values["tasks"]]
    assert {figure["samples"] for figure in found} == {2} and {figure["task"] for figure in found} == {
        "pages",
        "questions",
    }
    rows = (kept / "results.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "task,metric,filter,float,float_stderr,quantized,quantized_stderr,samples,shots,version"
    assert len(rows) == 1 + len(found)
    log = [json.loads(line) for line in (kept / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["task"], row["sample"]) for row in log] == [
        (task, n) for task in ("pages", "questions") for n in (0, 1)
    ]
    for name in ("float", "quantized"):
        accuracies = [row[name]["metrics"]["acc"] for row in log[2:]]
        shown = [task[name]["value"] for task in values["tasks"] if task[name]["metric"] == "acc"]
        assert shown == [pytest.approx(np.mean(accuracies))]
    record = json.loads((kept / "run.json").read_text(encoding="utf-8"))
    assert record["command"] == "evaluate" and record["config"]["limit"] == 2

    monkeypatch.setattr("halo.flow.evaluate.free_memory", lambda: 1_000_000)
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "q"), "--text", str(shared / "text" / "wiki.test.raw")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and told[0].startswith("error: the evaluation takes at least 0.0 GB of memory")
