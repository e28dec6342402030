"""What a language model computes: the matrix products of prefill and decode, and the memory it takes."""
