# SPDX-License-Identifier: Apache-2.0
"""What a language model computes: the matrix products of prefill and decode, and the memory it takes."""
