# SPDX-License-Identifier: Apache-2.0
"""What a model predicts, a slice of tokens at a time: no [tokens, vocabulary] is ever whole in memory.

The blocks run on all tokens of a window; the output head then computes on their hidden states slice by slice. In every
known family (``halo.workload.architectures``) the logits are what the head gives: nothing is done to them after it. A
window that fits in one slice gives the bits of the model's own logits; in several, a product of fewer rows may round
the last bits of a float32 sum otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SLICE_VALUES = 1 << 23
"""Most logits of a slice, unless one token has more: 32 MB in float32."""


class _Enough(Exception):
    """Ends a forward pass in front of the head."""


def hidden_states(module: Any, head: Any, tokens: Any) -> Any:
    """What enters the head: float32[length, width].

    Args:
        module: a transformers model; what its hooks do is done, but to the head.
        head: its output head.
        tokens: int64[length].
    """
    import torch

    found: list[Any] = []

    def stop(_: Any, args: tuple[Any, ...]) -> None:
        found.append(args[0][0])
        raise _Enough

    # In front of what rounds the head's inputs: that is done when the head computes.
    handle = head.register_forward_pre_hook(stop, prepend=True)
    try:
        with torch.no_grad():
            module(tokens[None], use_cache=False)
    except _Enough:
        return found[0]
    finally:
        handle.remove()
    raise RuntimeError("the model computes without its output head")


def log_probabilities(head: Any, hidden: Any) -> Any:
    """Of each token of the vocabulary to be the next: float32[tokens, vocabulary].

    Args:
        head: the output head; its hooks run.
        hidden: float32[tokens, width], of ``hidden_states``.
    """
    import torch

    with torch.no_grad():
        return torch.log_softmax(head(hidden[None])[0].float(), dim=-1)


def token_slices(tokens: int, vocabulary: int) -> Iterator[slice]:
    """Consecutive slices of so many tokens, each of at most ``SLICE_VALUES`` logits but one token at least."""
    step = max(1, SLICE_VALUES // vocabulary)
    for first in range(0, tokens, step):
        yield slice(first, min(first + step, tokens))
