# SPDX-License-Identifier: Apache-2.0
"""The version of this package, and the folder it stands in.

Tests: tests/test_package.py.
"""

from __future__ import annotations

from pathlib import Path

__version__ = "0.1.0"

PACKAGE = Path(__file__).resolve().parent
