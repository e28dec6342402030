# SPDX-License-Identifier: Apache-2.0
"""Prefill and decode: a case worked by hand, and what holds of every model."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.workload.config import LlmConfig, built_in_names, read_config
from halo.workload.passes import OPERATIONS, decode, prefill


def shapes(config: LlmConfig, phase: str, batch: int, context: int) -> list[tuple[str, int, int, int, int]]:
    work = (prefill if phase == "prefill" else decode)(config, batch, context)
    assert (work.model, work.phase, work.batch, work.context) == (config.name, phase, batch, context)
    return [(gemm.role, gemm.m, gemm.k, gemm.n, gemm.count) for gemm in work.gemms]


def test_prefill_by_hand(small: LlmConfig) -> None:
    assert shapes(small, "prefill", 2, 5) == [
        ("q", 10, 10, 12, 1),
        ("k", 10, 10, 6, 1),
        ("v", 10, 10, 6, 1),
        ("scores", 10, 3, 5, 4),  # 5 tokens x 2 heads that share keys; 2 sequences x 2 heads of keys
        ("values", 10, 5, 3, 4),
        ("o", 10, 12, 10, 1),
        ("gate", 10, 10, 7, 1),
        ("up", 10, 10, 7, 1),
        ("down", 10, 7, 10, 1),
        ("head", 2, 10, 11, 1),  # the last token of each sequence
    ]
    macs = 10 * 10 * (12 + 6 + 6) + 2 * 4 * 10 * 3 * 5 + 10 * 12 * 10 + 3 * 10 * 10 * 7 + 2 * 10 * 11
    assert prefill(small, 2, 5).macs == macs == 7120


def test_decode_by_hand(small: LlmConfig) -> None:
    assert shapes(small, "decode", 2, 5) == [
        ("q", 2, 10, 12, 1),
        ("k", 2, 10, 6, 1),
        ("v", 2, 10, 6, 1),
        ("scores", 2, 3, 5, 4),
        ("values", 2, 5, 3, 4),
        ("o", 2, 12, 10, 1),
        ("gate", 2, 10, 7, 1),
        ("up", 2, 10, 7, 1),
        ("down", 2, 7, 10, 1),
        ("head", 2, 10, 11, 1),
    ]


def test_vector_operations_by_hand(small: LlmConfig) -> None:
    found = [(v.name, v.block, v.elements, v.operations) for v in prefill(small, 2, 5).vectors]
    assert found == [
        ("rms norm", 0, 100, 400),
        ("rotary", 0, 10 * 6 * 2, 360),
        ("softmax", 0, 2 * 4 * 5 * 5, 1200),
        ("residual", 0, 100, 100),
        ("rms norm", 0, 100, 400),
        ("silu", 0, 70, 280),
        ("gate", 0, 70, 70),
        ("residual", 0, 100, 100),
        ("rms norm", None, 20, 80),
    ]


def test_learned_positions_and_plain_mlps_have_their_own_operations() -> None:
    names = Counter(vector.name for vector in decode(read_config("opt-1.3b"), 1, 100).vectors)
    assert names == {"positions": 1, "layer norm": 49, "softmax": 24, "residual": 48, "relu": 24}


def test_decode_sees_no_more_than_a_window_and_prefill_the_rectangle(small: LlmConfig) -> None:
    windowed = replace(small, windows=(4,))
    assert ("scores", 2, 3, 4, 4) in shapes(windowed, "decode", 2, 9)
    assert ("values", 2, 3, 3, 4) in shapes(windowed, "decode", 2, 3)
    assert ("scores", 18, 3, 9, 4) in shapes(windowed, "prefill", 2, 9)


def test_names_modules_and_kinds() -> None:
    gemms = decode(read_config("opt-30b"), 1, 8).gemms
    assert gemms[0].layer == "model.decoder.layers.0.self_attn.q_proj" and gemms[0].name == "block 0 q"
    assert gemms[-2].layer == "model.decoder.layers.47.fc2" and gemms[-2].block == 47
    assert (gemms[-1].kind, gemms[-1].layer, gemms[-1].block) == ("head", None, None)
    assert all((gemm.layer is None) == (gemm.kind != "linear") for gemm in gemms)
    assert len({gemm.name for gemm in gemms}) == len(gemms)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(built_in_names()),
    batch=st.integers(1, 64),
    context=st.integers(1, 2048),
)
def test_products_add_up_to_what_the_parameters_say(name: str, batch: int, context: int) -> None:
    config = read_config(name)
    for work, tokens in ((prefill(config, batch, context), batch * context), (decode(config, batch, context), batch)):
        assert work.macs == sum(gemm.m * gemm.k * gemm.n * gemm.count for gemm in work.gemms)
        by_kind = Counter[str]()
        for gemm in work.gemms:
            by_kind[gemm.kind] += gemm.macs
        assert by_kind["linear"] == tokens * config.linear_weights
        assert by_kind["head"] == batch * config.hidden * config.vocabulary
        seen = [context if work.phase == "prefill" else config.positions(b, context) for b in range(config.blocks)]
        assert by_kind["attention"] == 2 * tokens * config.heads * config.head_dim * sum(seen)
        assert all(vector.operations == vector.elements * OPERATIONS[vector.name] for vector in work.vectors)


@pytest.mark.parametrize(("batch", "context"), [(0, 1), (1, 0), (-1, 5), (1, -5), (1, 33)])
def test_sizes_that_cannot_be_are_refused(small: LlmConfig, batch: int, context: int) -> None:
    for make in (prefill, decode):
        with pytest.raises(HaloError, match=r"is no number of 1 or more|has 32 positions"):
            make(small, batch, context)
