# SPDX-License-Identifier: Apache-2.0
"""Peak memory, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halo.errors import HaloError
from halo.workload.config import LlmConfig, read_config
from halo.workload.footprint import Footprint, peak_memory
from halo.workload.passes import decode, prefill


def test_the_cache_of_llama_is_half_a_mebibyte_a_token_in_16_bits() -> None:
    config = read_config("llama2-7b")
    found = peak_memory(config, decode(config, 3, 1000), 16, 16, 16)
    assert found.kv_cache_bytes == 3 * 1000 * 512 * 1024  # 2 x 32 blocks x 4096 channels x 2 bytes
    assert found.weights_bytes == 2 * 6_738_415_616


def test_only_the_blocks_linear_layers_are_quantized() -> None:
    config = read_config("opt-1.3b")
    work = decode(config, 1, 10)
    linear = 24 * (4 * 2048 * 2048 + 2 * 2048 * 8192)
    sixteen, four = (peak_memory(config, work, bits, 16, 16).weights_bytes for bits in (16, 4.5))
    assert sixteen - four == linear * (16 - 4.5) / 8
    narrow = peak_memory(config, work, 4.5, 16, 16, head_bits=8).weights_bytes
    assert four - narrow == config.vocabulary * config.hidden  # one byte of each weight of the head


def test_activations_by_hand(small: LlmConfig) -> None:
    # 10 tokens: inner channels 2 x 100 + 2 x 70; heads 100 + 2 x 120 + 10 x 5 = 390; logits 2 x 21.
    found = peak_memory(small, prefill(small, 2, 5), 8, 8, 8)
    weights = 10 * 12 + 2 * 10 * 6 + 12 * 10 + 3 * 10 * 7
    assert found == Footprint(weights + 2 * (11 * 10 + 3 * 10), 2 * 2 * 5 * 2 * 3, 390)
    # 2 tokens: inner 2 x 20 + 2 x 14 = 68; heads 20 + 2 x 24 + 2 x 5 = 78; of 50 words, logits 2 x 60 = 120.
    many = replace(small, vocabulary=50)
    assert peak_memory(small, decode(small, 2, 5), 8, 8, 8).activations_bytes == 78
    assert peak_memory(many, decode(many, 2, 5), 8, 8, 16).activations_bytes == 2 * 120
    wide = replace(small, intermediate=100)
    assert peak_memory(wide, decode(wide, 2, 5), 8, 8, 8).activations_bytes == 2 * 20 + 2 * 2 * 100


def test_a_window_bounds_the_cache(small: LlmConfig) -> None:
    windowed = replace(small, windows=(4,))
    assert peak_memory(windowed, prefill(windowed, 2, 9), 8, 4, 8).kv_cache_bytes == 2 * 2 * 4 * 2 * 3 // 2


def test_a_foreign_workload_and_no_bits_are_refused(small: LlmConfig) -> None:
    with pytest.raises(HaloError, match="a pass of small, not of opt"):
        peak_memory(read_config("opt-1.3b"), prefill(small, 1, 1), 8, 8, 8)
    with pytest.raises(HaloError, match="not positive"):
        peak_memory(small, prefill(small, 1, 1), 8, 0, 8)
