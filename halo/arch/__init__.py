"""Systolic arrays, tensor cores and memory: cycles and energy of layers."""
