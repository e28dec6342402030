# SPDX-License-Identifier: Apache-2.0
"""Tiny models need no threads: waiting for one another takes them longer than the sums."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch reads it when it is imported
