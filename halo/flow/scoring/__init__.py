# SPDX-License-Identifier: Apache-2.0
"""The parts of a score: methods, machines, operating points, the FP16 MAC, and the table."""
