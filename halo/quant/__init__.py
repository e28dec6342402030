"""Quantization of linear layers to integers that a MAC multiplies fast."""
