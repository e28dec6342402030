# SPDX-License-Identifier: Apache-2.0
"""The model as lm-evaluation-harness asks it: tokens and prompts as its own HFLM makes them, likelihoods in slices.

HFLM holds the logits of a whole request twice. Here memory does not grow with the vocabulary, and work reports where
it stands. As there, requests that differ in their last token only are one run of the model, and the longest come first.

Tests: tests/quant/test_harness.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from halo.quant.fake import FakeQuantized
from halo.quant.predictions import hidden_states, log_probabilities, token_slices

Request = tuple[Any, list[int], list[int]]
"""The texts, which are not read; tokens of the context; tokens that are scored after it."""


def sliced_model(fake: FakeQuantized, report: Callable[[str, int, int], None]) -> Any:
    """A running model for the harness, an ``lm_eval`` model.

    Args:
        fake: the model; it is quantized by its caller.
        report: told (what, done, total): what is asked of the model, and how often.
    """
    from lm_eval.models.huggingface import HFLM
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    model = fake.model

    class SlicedModel(HFLM):  # type: ignore[misc]
        """HFLM with likelihoods in slices."""

        def __init__(self) -> None:
            super().__init__(pretrained=model.module, tokenizer=model.tokenizer, batch_size=1, max_length=model.context)
            self._asked = "answers"
            self._generated = (0, 0)

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
            """Log-likelihood of each answer after its context, and whether it is the likeliest."""
            self._asked = "answers"
            found: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
            return found

        def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = True) -> list[float]:
            """Log-likelihood of each whole text, in windows that do not overlap in what they score."""
            windows: list[Request] = []
            owners: list[int] = []
            for number, request in enumerate(requests):
                (text,) = request.args
                for pair in get_rolling_token_windows(
                    token_list=self.tok_encode(text),
                    prefix_token=self.prefix_token_id,
                    max_seq_len=self.max_length,
                    context_len=1,
                ):
                    windows.append((None, *make_disjoint_window(pair)))
                    owners.append(number)
            self._asked = "whole texts"
            sums = [0.0] * len(requests)
            for number, (value, _) in zip(owners, self._loglikelihood_tokens(windows), strict=True):
                sums[number] += value
            return sums

        def _loglikelihood_tokens(
            self, requests: Sequence[Request], disable_tqdm: bool = True, override_bs: int | None = None
        ) -> list[tuple[float, bool]]:
            return _likelihoods(fake, requests, lambda done: report(self._asked, done, len(requests)))

        def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> list[str]:
            """Text after each context, as HFLM generates it."""
            self._generated = (0, len(requests))
            report("generated texts", *self._generated)
            found: list[str] = super().generate_until(requests, disable_tqdm=True)
            return found

        def _model_generate(self, context: Any, *arguments: Any, **keywords: Any) -> Any:
            made = super()._model_generate(context, *arguments, **keywords)
            done, total = self._generated
            self._generated = (done + len(context), total)
            report("generated texts", *self._generated)
            return made

    return SlicedModel()


def _likelihoods(
    fake: FakeQuantized, requests: Sequence[Request], tell: Callable[[int], None]
) -> list[tuple[float, bool]]:
    """Of each request's answer, as HFLM's: contexts that are too long lose their beginning.

    Args:
        fake: the model.
        requests: in any order.
        tell: told how many are done.
    """
    most = fake.model.context
    inputs: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, (_, context, answer) in enumerate(requests):
        if not 0 < len(answer) <= most:
            raise ValueError(f"an answer has {len(answer)} tokens, and the model takes 1 to {most}")
        inputs[tuple((context + answer)[-(most + 1) : -1])].append(number)
    found = [(0.0, True)] * len(requests)
    done = 0
    tell(0)
    for tokens, numbers in sorted(inputs.items(), key=lambda item: -len(item[0])):
        answers = [requests[number][2] for number in numbers]
        for number, value in zip(numbers, _scores(fake, list(tokens), answers), strict=True):
            found[number] = value
        done += len(numbers)
        tell(done)
    return found


def _scores(fake: FakeQuantized, tokens: list[int], answers: list[list[int]]) -> list[tuple[float, bool]]:
    """Of answers whose last token comes after these tokens."""
    import torch

    _, head = fake.model.head
    longest = max(map(len, answers))
    hidden = hidden_states(fake.model.module, head, torch.tensor(tokens))[-longest:]
    values, likeliest = [0.0] * len(answers), [True] * len(answers)
    for part in token_slices(longest, len(head.weight)):
        chances = log_probabilities(head, hidden[part])
        top = chances.argmax(dim=-1)
        for number, answer in enumerate(answers):
            before = longest - len(answer)  # positions that this answer does not reach back to
            first = max(part.start, before)
            if first >= part.stop:
                continue
            wanted = torch.tensor(answer[first - before : part.stop - before])
            own = slice(first - part.start, None)
            values[number] += float(chances[own].gather(1, wanted[:, None]).sum())
            likeliest[number] &= bool((top[own] == wanted).all())
    return list(zip(values, likeliest, strict=True))
