# SPDX-License-Identifier: Apache-2.0
"""GPUs with tensor cores: an SM cycle by cycle, a product as waves of thread blocks, and what a layer costs."""
