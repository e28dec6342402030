# SPDX-License-Identifier: Apache-2.0
"""What a command tells about its result: one function a command, each from a result to a ``Report``."""
