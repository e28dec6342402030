# SPDX-License-Identifier: Apache-2.0
"""What an evaluation takes, counted by hand and against the tensors that one makes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halo.errors import HaloError
from halo.quant.memory import evaluation_memory, free_memory, require_memory
from halo.workload.config import read_config

LLAMA = read_config("llama2-7b")
GB = 10**9


def test_weights_are_those_of_both_models() -> None:
    """6.74e9 parameters (Touvron et al. 2023, arXiv 2307.09288), 6.48e9 of them in linear layers of the blocks."""
    alone = evaluation_memory(LLAMA, 2048, quantized=0, head=False)
    assert alone.weights == pytest.approx(4 * 6.74e9, rel=0.001)
    both = evaluation_memory(LLAMA, 2048, quantized=LLAMA.linear_weights, head=True)
    assert both.weights - alone.weights == 4 * both.codes == 4 * (LLAMA.linear_weights + 32000 * 4096)
    assert both.total == both.weights + both.codes + both.predictions + 2048 * both.token


def test_predictions_do_not_grow_with_the_vocabulary() -> None:
    large = replace(LLAMA, vocabulary=151_936)
    predictions = [evaluation_memory(m, 2048, quantized=0, head=False).predictions for m in (LLAMA, large)]
    assert predictions[0] == predictions[1] == 4 * 4 * (1 << 23)
    assert evaluation_memory(large, 4096, quantized=0, head=False).predictions == predictions[1]


def test_a_window_that_does_not_fit_gives_one_that_does() -> None:
    need = evaluation_memory(LLAMA, 4096, quantized=0, head=False)
    require_memory(need, need.total)
    require_memory(need, None)
    free = need.weights + need.predictions + need.token * 1000
    with pytest.raises(HaloError) as caught:
        require_memory(need, free)
    assert caught.value.fix == "Give length=960 or less."
    assert "27.0 GB for weights in float32" in caught.value.what and "a window of 4,096 tokens" in caught.value.what
    require_memory(replace(need, tokens=960), free)
    with pytest.raises(HaloError, match="Stop other programs"):
        require_memory(need, GB)
    with pytest.raises(HaloError, match="Give dtype='bfloat16'"):
        require_memory(need, 16 * GB)
    require_memory(evaluation_memory(LLAMA, 4096, quantized=0, head=False, dtype="bfloat16"), 16 * GB)


def test_the_machine_says_what_is_free() -> None:
    free = free_memory()
    assert free is None or 0 < free < 1 << 50
