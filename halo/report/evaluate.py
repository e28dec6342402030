# SPDX-License-Identifier: Apache-2.0
"""What ``halo evaluate`` prints: perplexity and tasks of a quantized model beside those of the float model.

Tests: tests/flow/test_quantize.py.
"""

from __future__ import annotations

from halo.flow.evaluate import EvaluateResult
from halo.quant.accuracy import Accuracy
from halo.quant.harness import TaskFigure
from halo.report.model import Block, Report, Section, Table


def evaluate_report(found: EvaluateResult) -> Report:
    """Report of the figures, with the convention that they follow."""
    quantized, of = found.layers
    which = f"{found.method}, {found.bits_per_weight:.3f} bits a weight" + (
        "" if quantized == of else f", {quantized} of {of} layers"
    )
    blocks = [*([] if found.accuracy is None else _accuracy(found.accuracy, which, found.dtype))]
    blocks += _tasks(found, which)
    blocks.append(found.rest)
    if found.dtype != "float32":
        blocks.append(f"computed in {found.dtype}")
    for what in found.reused:
        blocks.append(f"{what}: figures of the float model are those of an earlier evaluation")
    return Report("", [Section("", blocks)])


def _accuracy(a: Accuracy, which: str, dtype: str) -> list[Block]:
    rows = [
        (dtype, _number(a.reference_perplexity, ".4f"), "", ""),
        (which, _number(a.perplexity, ".4f"), _number(a.kl_divergence, ".5f"), _number(a.same_top, ".2%")),
    ]
    if a.reference_perplexity is None:  # there is no other model than this
        rows = rows[1:]
    head = ("", "perplexity", "KL divergence (nats)", "same top token")
    return [Table(head, rows), "", f"{a.tokens:,} predictions; {a.quantized}", f"convention: {a.convention}"]


def _tasks(found: EvaluateResult, which: str) -> list[Block]:
    if not found.tasks:
        return []
    rows = [
        (
            own.task + ("" if own.filter == "none" else f" ({own.filter})"),
            own.metric,
            *("" if one is None else _with_error(one) for one in (plain, own)),
            f"{own.samples:,}",
            "" if own.shots is None else str(own.shots),
        )
        for plain, own in found.tasks
    ]
    table = Table(("task", "metric", found.dtype, which, "samples", "shots"), rows, "llr")
    apart: list[Block] = [] if found.accuracy is None else [""]
    return [*apart, table, "", found.tasks[0][1].quantized]


def _with_error(figure: TaskFigure) -> str:
    return f"{figure.value:.4f}" + ("" if figure.stderr is None else f" ± {figure.stderr:.4f}")


def _number(value: float | None, style: str) -> str:
    return "" if value is None else format(value, style)
