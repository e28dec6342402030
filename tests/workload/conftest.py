# SPDX-License-Identifier: Apache-2.0
"""A model small enough to work its passes by hand."""

from __future__ import annotations

import pytest

from halo.workload.config import LlmConfig


@pytest.fixture(scope="session")
def small() -> LlmConfig:
    """One block, 4 query heads of 3 channels on 2 heads of keys and values, hidden 10 (not heads x head_dim)."""
    return LlmConfig(
        name="small",
        family="llama",
        blocks=1,
        hidden=10,
        heads=4,
        kv_heads=2,
        head_dim=3,
        intermediate=7,
        vocabulary=11,
        context=32,
        tied=True,
        activation="silu",
        norm="rms norm",
        position_rows=0,
        rotary=2,
        biased=frozenset(),
        windows=(None,),
        source="by hand",
    )
