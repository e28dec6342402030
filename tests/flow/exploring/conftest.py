# SPDX-License-Identifier: Apache-2.0
"""What tests of a search share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from halo.flow.exploring import orders
from halo.flow.exploring.space import ordered


@pytest.fixture
def few_seeds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Orders of rows that are found in little time."""
    monkeypatch.setattr(orders, "SEEDS", 6)
    orders.orders.cache_clear()
    ordered.cache_clear()
    yield
    orders.orders.cache_clear()
    ordered.cache_clear()
