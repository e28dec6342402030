# SPDX-License-Identifier: Apache-2.0
"""Rows, columns and classes of ``halo timing``."""
