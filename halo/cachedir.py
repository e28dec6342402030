# SPDX-License-Identifier: Apache-2.0
"""Where everything that is kept between runs lies.

Tests: tests/flow/simulators/test_bench_run.py.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import platformdirs


def cache_folder(name: str) -> Path:
    """A folder of that name in the one that environment variable HALO_CACHE gives, else in the user's cache folder."""
    root = os.environ.get("HALO_CACHE") or platformdirs.user_cache_dir("halo-mac", appauthor=False)
    return Path(root) / name


def cache_key(*parts: Any) -> str:
    """A name for what depends on some JSON values, and on nothing else."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
