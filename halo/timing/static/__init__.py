# SPDX-License-Identifier: Apache-2.0
"""Static timing: arcs as flat arrays, setup and hold times, the timer, and its readable reference."""
