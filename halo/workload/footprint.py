# SPDX-License-Identifier: Apache-2.0
"""Peak memory of a pass: weights, cache of keys and values, activations."""

from __future__ import annotations

import math
from dataclasses import dataclass

from halo.errors import HaloError
from halo.workload.config import LlmConfig
from halo.workload.gemm import Workload

OTHER_BITS = 16
"""Of every parameter outside of the blocks' linear layers and the head: embeddings, positions, norms, biases."""


@dataclass(frozen=True)
class Footprint:
    """Bytes that a pass holds at once.

    Attributes:
        weights_bytes: all parameters of the model.
        kv_cache_bytes: keys and values of all blocks at the end of the pass.
        activations_bytes: the largest set of activations that are alive together.
    """

    weights_bytes: int
    kv_cache_bytes: int
    activations_bytes: int


def peak_memory(
    config: LlmConfig,
    workload: Workload,
    weight_bits: float,
    kv_bits: float,
    activation_bits: float,
    head_bits: float = OTHER_BITS,
) -> Footprint:
    """What a pass takes at its peak.

    Args:
        config: of the model.
        workload: a pass of it.
        weight_bits: of a weight in the blocks' linear layers, as stored: with scales and whatever else goes with it.
        kv_bits: of an element of the cache. A block with a sliding window keeps the window only.
        activation_bits: of an activation, the residual stream included.
        head_bits: of a weight of the head; where it is tied, of the embeddings' table that it shares.

    Raises:
        HaloError: the workload is of another model, or a number of bits is not positive.
    """
    if workload.model != config.name:
        raise HaloError(f"this is a pass of {workload.model}, not of {config.name}", "Give the model's own workload.")
    if min(weight_bits, kv_bits, activation_bits, head_bits) <= 0:
        raise HaloError("a number of bits is not positive", "Give positive numbers of bits.")
    head = config.vocabulary * config.hidden
    others = config.parameters - config.linear_weights - head
    quantized = math.ceil(config.linear_weights * weight_bits / 8) + math.ceil(head * head_bits / 8)
    weights = quantized + others * OTHER_BITS // 8
    positions = sum(config.positions(block, workload.context) for block in range(config.blocks))
    cache = 2 * workload.batch * positions * config.kv_heads * config.head_dim
    live = _live_elements(config, workload)
    return Footprint(weights, math.ceil(cache * kv_bits / 8), math.ceil(live * activation_bits / 8))


def _live_elements(config: LlmConfig, workload: Workload) -> int:
    """The largest of the sets that are alive together in a block or at the head.

    Keys and values go into the cache as they are computed and are counted there. The scores of one product (a sequence
    and a head of keys) exist at a time, because the products run one after another.
    """
    queries = workload.context if workload.phase == "prefill" else 1
    tokens = workload.batch * queries
    stream, attention = tokens * config.hidden, tokens * config.heads * config.head_dim
    scores = max(gemm.m * gemm.n for gemm in workload.gemms if gemm.role == "scores")
    inner = tokens * config.intermediate
    return max(
        2 * stream + attention,  # residual, its norm, queries
        stream + 2 * attention + scores,  # residual, queries, outputs of the heads, scores
        2 * stream + (2 if config.gated else 1) * inner,  # residual, its norm, inner channels (and gate)
        workload.batch * (config.hidden + config.vocabulary),  # last tokens, logits
    )
