"""What ``halo quantize`` calls."""
