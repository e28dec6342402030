# SPDX-License-Identifier: Apache-2.0
"""Capacitance and resistance of wires: SPEF files, and networks reduced to what delay calculation takes."""
