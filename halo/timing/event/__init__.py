# SPDX-License-Identifier: Apache-2.0
"""The event engine, exact, and the settle bound: reduced circuits, kernels, and readable references."""
