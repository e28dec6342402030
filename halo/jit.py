# SPDX-License-Identifier: Apache-2.0
"""The one place that knows numba: every kernel is compiled through here.

Kernels release the interpreter lock (weights run on threads), are cached on disk after their first compilation, and
follow C rules for division and array bounds, so each kernel proves its own indices.

Tests: tests/test_imports.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

Kernel = Callable[..., Any]


def kernel(function: Kernel) -> Kernel:
    """Compile a kernel that Python calls."""
    compiled: Kernel = numba.njit(cache=True, nogil=True, error_model="numpy", boundscheck=False)(function)
    return compiled


def inline(function: Kernel) -> Kernel:
    """Compile a piece of a kernel that is always merged into its callers."""
    compiled: Kernel = numba.njit(cache=True, nogil=True, error_model="numpy", boundscheck=False, forceinline=True)(
        function
    )
    return compiled
