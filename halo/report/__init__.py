# SPDX-License-Identifier: Apache-2.0
"""What a command prints about its result: one function per command, each from a result to a ``Report``."""
