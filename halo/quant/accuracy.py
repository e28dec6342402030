# SPDX-License-Identifier: Apache-2.0
"""What quantization does to a model's predictions on a text: perplexity, KL divergence and the same top token."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from halo.errors import HaloError
from halo.progress import Progress
from halo.quant.fake import FakeQuantized
from halo.quant.text import Windows
from halo.quant.torch_model import RunningModel

#: Called with (stage, done, total).


@dataclass(frozen=True)
class Accuracy:
    """Figures of one text.

    Attributes:
        convention: how the text became windows; perplexities of two conventions do not compare.
        quantized: what was quantized besides weights, in words.
        tokens: number of predictions scored.
        perplexity: exp of the mean negative log-likelihood.
        reference_perplexity: of the model in float32; None: not computed.
        kl_divergence: mean over predictions of KL(float32 || quantized), in nats; None: not computed.
        same_top: share of predictions with the same most likely token; None: not computed.
    """

    convention: str
    quantized: str
    tokens: int
    perplexity: float
    reference_perplexity: float | None = None
    kl_divergence: float | None = None
    same_top: float | None = None


def measure(fake: FakeQuantized, windows: Windows, *, compare: bool = True, report: Progress | None = None) -> Accuracy:
    """Measure a quantized model, window by window.

    Args:
        fake: the model and what is quantized in it.
        windows: of ``halo.quant.text``.
        compare: run the float32 model too, and compare each prediction with its own. Doubles the time.
        report: progress.

    Raises:
        HaloError: a prediction is not finite.
    """
    import torch

    nll = reference_nll = divergence = 0.0
    same = 0
    count = len(windows.tokens)
    with torch.no_grad():
        for index, window in enumerate(torch.from_numpy(windows.tokens)):
            with fake.applied() as module:
                found = _log_probabilities(module, window)
            nll += _score(found, window)
            if compare:
                exact = _log_probabilities(fake.model.module, window)
                reference_nll += _score(exact, window)
                divergence += float((exact.exp() * (exact - found)).sum(dtype=torch.float64))
                same += int((exact.argmax(-1) == found.argmax(-1)).sum())
            if report is not None:
                report("evaluating", index + 1, count)
    tokens = windows.scored
    if not math.isfinite(nll):
        raise HaloError("the quantized model's predictions are not finite", "Quantize with more bits or other scales.")
    return Accuracy(
        convention=windows.label,
        quantized=fake.label,
        tokens=tokens,
        perplexity=_exp(nll / tokens),
        reference_perplexity=_exp(reference_nll / tokens) if compare else None,
        kl_divergence=divergence / tokens if compare else None,
        same_top=same / tokens if compare else None,
    )


def perplexity(model: RunningModel, windows: Windows, report: Progress | None = None) -> float:
    """Perplexity of a model as it is."""
    return measure(FakeQuantized(model, {}), windows, compare=False, report=report).perplexity


def _log_probabilities(module: Any, window: Any) -> Any:
    """Of every token after the first, float32[length - 1, vocabulary]."""
    import torch

    return torch.log_softmax(module(window[None]).logits[0, :-1].float(), dim=-1)


def _score(log_probabilities: Any, window: Any) -> float:
    """Sum of the negative log-likelihoods of the window's tokens after the first."""
    import torch

    return -float(log_probabilities.gather(1, window[1:, None]).sum(dtype=torch.float64))


def _exp(value: float) -> float:
    """exp, infinite where it overflows."""
    return math.exp(value) if value < 700 else math.inf
