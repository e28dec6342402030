# SPDX-License-Identifier: Apache-2.0
"""How long work says where it stands.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``report(stage, done, total)``; a new stage name starts a new stage, ``done == total`` ends it."""


def silent(stage: str, done: int, total: int) -> None:
    """A report that nobody reads."""
