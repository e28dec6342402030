# SPDX-License-Identifier: Apache-2.0
"""The two passes of inference as matrix products and vector operations: prefill of a prompt, decode of one token.

What is counted:

- A linear layer is one product of all tokens (M) by its weights.
- Attention keeps the cache in the array: per sequence and head of keys and values one product, whose M are the queries
  of all heads that share the head, times the tokens. The cached keys stand as head_dim x positions (scores), the values
  as positions x head_dim.
- Prefill computes the whole rectangle of scores and masks what lies above the diagonal (or beyond a sliding window)
  afterwards: a tile of the array holds many positions, and the queries stream past all of them. So about half of the
  products of long prompts are thrown away, as in attention without block skipping. Decode reads no more positions than
  a window has.
- What follows the last block (norm and head) is computed for the last token of each sequence, in both passes: no other
  output is asked for.
- Looking up embeddings, biases (they start the accumulators), masks and rounding to the operands' format count nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from halo.errors import HaloError
from halo.workload.architectures import FAMILIES
from halo.workload.config import LlmConfig
from halo.workload.gemm import Gemm, Phase, VectorOperation, Workload, layer_name

OPERATIONS: Mapping[str, int] = {
    "rms norm": 4,  # square, sum, times 1/rms, times gain
    "layer norm": 7,  # sum, minus mean, square, sum, times 1/deviation, times gain, plus offset
    "positions": 1,  # plus the row of the table
    "rotary": 3,  # times cosine, other half times sine, sum
    "softmax": 6,  # scale, maximum, minus it, exponential, sum, times 1/sum
    "relu": 1,  # maximum with 0
    "silu": 4,  # x / (1 + exp(-x)): negative, exponential, sum, quotient
    "gelu": 5,  # x/2 (1 + erf(x / sqrt 2)): scale, erf, sum, product, half
    "gelu_new": 9,  # x/2 (1 + tanh(c (x + d x^3))): square, cube, times d, sum, times c, tanh, sum, product, half
    "gelu_pytorch_tanh": 9,  # the same function
    "gate": 1,  # product
    "residual": 1,  # sum
}
"""Arithmetic operations an element of the input; one is anything from a comparison to an exponential. What is done once
a row (a mean, a root, a reciprocal) is not counted."""


def prefill(config: LlmConfig, batch: int, context: int) -> Workload:
    """All tokens of ``batch`` prompts of ``context`` tokens at once.

    Raises:
        HaloError: not positive, or more positions than the model has.
    """
    return _workload(config, "prefill", batch, context)


def decode(config: LlmConfig, batch: int, context: int) -> Workload:
    """One more token for each of ``batch`` sequences, the ``context``-th.

    Raises:
        HaloError: not positive, or more positions than the model has.
    """
    return _workload(config, "decode", batch, context)


def _workload(config: LlmConfig, phase: Phase, batch: int, context: int) -> Workload:
    for what, number in (("batch", batch), ("context", context)):
        if number < 1:
            raise HaloError(f"{what} = {number} is no number of 1 or more", "Give a positive number.")
    if context > config.context:
        what = f"{config.name} has {config.context} positions, not {context}"
        raise HaloError(what, f"Give a context of at most {config.context}.")
    gemms: list[Gemm] = []
    queries = context if phase == "prefill" else 1
    for block in range(config.blocks):
        positions = context if phase == "prefill" else config.positions(block, context)
        gemms += _block(config, block, batch, queries, positions)
    gemms.append(Gemm(layer_name(None, "head"), "head", "head", batch, config.hidden, config.vocabulary, 1, None, None))
    return Workload(config.name, phase, batch, context, tuple(gemms), tuple(_vectors(config, phase, batch, context)))


def _block(config: LlmConfig, block: int, batch: int, queries: int, positions: int) -> Iterator[Gemm]:
    family = FAMILIES[config.family]
    streamed, products = queries * config.heads // config.kv_heads, batch * config.kv_heads
    for path, role in family.linears.items():
        if role == "o":
            for part, k, n in (("scores", config.head_dim, positions), ("values", positions, config.head_dim)):
                yield Gemm(layer_name(block, part), "attention", part, streamed, k, n, products, block, None)
        k, n = config.linears[role]
        module = f"{family.blocks}.{block}.{path}"
        yield Gemm(layer_name(block, role), "linear", role, batch * queries, k, n, 1, block, module)


def _vectors(config: LlmConfig, phase: Phase, batch: int, context: int) -> Iterator[VectorOperation]:
    tokens = batch * (context if phase == "prefill" else 1)
    if config.position_rows:
        yield _vector("positions", None, tokens * config.hidden)
    for block in range(config.blocks):
        positions = context if phase == "prefill" else config.positions(block, context)
        yield _vector(config.norm, block, tokens * config.hidden)
        if config.rotary:
            yield _vector("rotary", block, tokens * (config.heads + config.kv_heads) * config.rotary)
        yield _vector("softmax", block, tokens * config.heads * positions)
        yield _vector("residual", block, tokens * config.hidden)
        yield _vector(config.norm, block, tokens * config.hidden)
        yield _vector(config.activation, block, tokens * config.intermediate)
        if config.gated:
            yield _vector("gate", block, tokens * config.intermediate)
        yield _vector("residual", block, tokens * config.hidden)
    yield _vector(config.norm, None, batch * config.hidden)


def _vector(name: str, block: int | None, elements: int) -> VectorOperation:
    return VectorOperation(name, block, elements, elements * OPERATIONS[name])
