# SPDX-License-Identifier: Apache-2.0
"""The MAC's ports, a design in a corner, its stimulus and the per-weight table.

Named apart from the function it serves: ``halo.characterize(...)`` is a call, this package holds its parts.
"""
