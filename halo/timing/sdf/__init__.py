"""Standard Delay Format files: read, checked, laid on a circuit, and written."""
