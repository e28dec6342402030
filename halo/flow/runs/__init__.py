# SPDX-License-Identifier: Apache-2.0
"""Runs on disk: folders, records, resumption, and the tools and files that a run needs."""
