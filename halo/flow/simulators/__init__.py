"""Icarus Verilog and Verilator: models, benches, and timed netlists played against the event engine."""
