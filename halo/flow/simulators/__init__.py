# SPDX-License-Identifier: Apache-2.0
"""Icarus Verilog and Verilator: models, benches, and timed netlists played against the event engine."""
