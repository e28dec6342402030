# SPDX-License-Identifier: Apache-2.0
"""Systolic arrays: cycle contracts, cycle-level models and references, memory, and the cost of layers."""
