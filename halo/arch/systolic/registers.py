# SPDX-License-Identifier: Apache-2.0
"""What the parameter PIPELINE of elements and arrays means for their cycles.

Tests: tests/rtl/test_systolic_ws.py.
"""

from __future__ import annotations


def multiplier_registers(pipeline: int) -> int:
    """Registers, and so clocks, in a multiplier: PIPELINE 1 has one of the product, 2 one of the rows, 3 both."""
    return pipeline % 2 + pipeline // 2
