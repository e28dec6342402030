# SPDX-License-Identifier: Apache-2.0
"""What quantization does to a model's predictions on a text: perplexity, KL divergence and the same top token.

Predictions are compared in slices of tokens (``halo.quant.predictions``): memory does not grow with the vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from halo.errors import HaloError
from halo.progress import Progress
from halo.quant.fake import FakeQuantized
from halo.quant.predictions import hidden_states, log_probabilities, token_slices
from halo.quant.text import Windows
from halo.quant.torch_model import RunningModel


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
    _, head = fake.model.head
    if report is not None:
        report("evaluating", 0, count)
    with torch.no_grad():
        for index, window in enumerate(torch.from_numpy(windows.tokens)):
            with fake.applied() as module:
                own = hidden_states(module, head, window)
            plain = hidden_states(fake.model.module, head, window) if compare else None
            for part in token_slices(len(window) - 1, len(head.weight)):
                after = window[1:][part]
                with fake.applied():
                    found = log_probabilities(head, own[part])
                nll += _score(found, after)
                if plain is not None:
                    exact = log_probabilities(head, plain[part])
                    reference_nll += _score(exact, after)
                    same += int((exact.argmax(-1) == found.argmax(-1)).sum())
                    torch.sub(exact, found, out=found)  # in place: each of these tensors is as large as the logits
                    divergence += float(found.mul_(exact.exp_()).sum(dtype=torch.float64))
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


def _score(log_probabilities: Any, tokens: Any) -> float:
    """Sum of the negative log-likelihoods of the tokens that come, int64[tokens]."""
    import torch

    return -float(log_probabilities.gather(1, tokens[:, None]).sum(dtype=torch.float64))


def _exp(value: float) -> float:
    """exp, infinite where it overflows."""
    return math.exp(value) if value < 700 else math.inf
