# SPDX-License-Identifier: Apache-2.0
"""Matrix products and vector operations of one pass through a model.

Tests: tests/arch/systolic/test_cost.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Phase = Literal["prefill", "decode"]

_OF_A_BLOCK = re.compile(r"block ([0-9]+) .+")


def layer_name(block: int | None, part: str) -> str:
    """Name of what belongs to a transformer's block, such as ``block 0 q``; outside of the blocks the part alone."""
    return part if block is None else f"block {block} {part}"


def block_of(name: str) -> int | None:
    """The block that ``layer_name`` has put into a name; None: none."""
    found = _OF_A_BLOCK.fullmatch(name)
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Gemm:
    """``count`` products of M x K activations by a K x N operand that stays in the array.

    Attributes:
        name: such as ``block 0 q`` or ``head``.
        kind: ``linear`` and ``head`` have weights as operand; ``attention`` has the KV cache.
        role: its part: q, k, v, qkv, o, gate, up, gate_up, down (as ``halo.quant.checkpoint.LayerInfo``), scores (of Q
            and K), values (of scores and V), head.
        m, k, n: 1 or more each.
        count: equal products, one after the other, none of which shares an operand.
        block: of the transformer, from 0; None for the head.
        layer: name of the module that holds the weights, as a checkpoint has it; None where there are none.
    """

    name: str
    kind: Literal["linear", "head", "attention"]
    role: str
    m: int
    k: int
    n: int
    count: int
    block: int | None
    layer: str | None

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all equal products: M N K ``count``."""
        return self.m * self.k * self.n * self.count


@dataclass(frozen=True)
class VectorOperation:
    """What is computed element by element: norms, softmax, activation functions, rotations, residual sums.

    Attributes:
        name: such as ``softmax``.
        block: of the transformer; None outside.
        elements: of the input.
        operations: arithmetic operations in all.
    """

    name: str
    block: int | None
    elements: int
    operations: int


@dataclass(frozen=True)
class Workload:
    """One pass: the whole prompt (prefill) or one token a sequence (decode), in the order of computation.

    Attributes:
        model: name.
        phase: ``prefill`` or ``decode``.
        batch: sequences.
        context: tokens a sequence: of the prompt, or already in the cache when the token is computed, itself included.
        gemms, vectors: what is computed.
    """

    model: str
    phase: Phase
    batch: int
    context: int
    gemms: tuple[Gemm, ...]
    vectors: tuple[VectorOperation, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all products."""
        return sum(gemm.macs for gemm in self.gemms)
